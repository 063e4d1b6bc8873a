//! Runs of equal pieces, by number: which parts of the heap have no memory behind them.
//!
//! Pure data of fixed size: it is used where nothing can be allocated. When there is no room for
//! one more run, nothing more is given back until runs have grown together.

/// Runs that there is room for.
const ROOM: usize = 128;

/// Pieces `first..first + count`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Run {
    /// Number of the first piece.
    pub first: usize,
    /// How many.
    pub count: usize,
}

/// Runs that do not touch, in order.
pub struct Runs {
    runs: [Run; ROOM],
    len: usize,
    pieces: usize,
}

impl Runs {
    /// None.
    pub const fn new() -> Self {
        Self { runs: [Run { first: 0, count: 0 }; ROOM], len: 0, pieces: 0 }
    }

    fn used(&self) -> &[Run] {
        &self.runs[..self.len]
    }

    /// Pieces in all.
    pub fn pieces(&self) -> usize {
        self.pieces
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether any run can be added.
    pub fn has_room(&self) -> bool {
        self.len < ROOM
    }

    /// Adds pieces that are in no run, joined with their neighbours. There is room.
    pub fn add(&mut self, new: Run) {
        let at = self.used().partition_point(|run| run.first < new.first);
        let end = new.first + new.count;
        self.pieces += new.count;
        let joins_before = at > 0 && {
            let before = self.runs[at - 1];
            before.first + before.count == new.first
        };
        let joins_after = at < self.len && self.runs[at].first == end;
        match (joins_before, joins_after) {
            (true, true) => {
                self.runs[at - 1].count += new.count + self.runs[at].count;
                self.remove(at);
            }
            (true, false) => self.runs[at - 1].count += new.count,
            (false, true) => {
                self.runs[at].first = new.first;
                self.runs[at].count += new.count;
            }
            (false, false) => {
                self.runs.copy_within(at..self.len, at + 1);
                self.runs[at] = new;
                self.len += 1;
            }
        }
    }

    /// Takes so many pieces in a row out of the smallest run that has them, the first of it.
    pub fn take(&mut self, count: usize) -> Option<Run> {
        let fits = |(_, run): &(usize, &Run)| run.count >= count;
        let (at, &run) =
            self.used().iter().enumerate().filter(fits).min_by_key(|(_, run)| run.count)?;
        let taken = Run { first: run.first, count };
        self.pieces -= count;
        if run.count == count {
            self.remove(at);
        } else {
            self.runs[at].first += count;
            self.runs[at].count -= count;
        }
        Some(taken)
    }

    /// Takes one whole run.
    pub fn pop(&mut self) -> Option<Run> {
        let last = *self.used().last()?;
        self.len -= 1;
        self.pieces -= last.count;
        Some(last)
    }

    fn remove(&mut self, at: usize) {
        self.runs.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }
}

impl Default for Runs {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::mem::testing::Rng;

    #[test]
    fn neighbours_join() {
        let mut runs = Runs::new();
        runs.add(Run { first: 5, count: 1 });
        runs.add(Run { first: 7, count: 2 });
        runs.add(Run { first: 2, count: 1 });
        assert_eq!(runs.used().len(), 3);
        runs.add(Run { first: 6, count: 1 });
        assert_eq!(runs.used(), [Run { first: 2, count: 1 }, Run { first: 5, count: 4 }]);
        runs.add(Run { first: 3, count: 2 });
        assert_eq!(runs.used(), [Run { first: 2, count: 7 }]);
        assert_eq!(runs.pop(), Some(Run { first: 2, count: 7 }));
        assert!(runs.is_empty());
    }

    #[test]
    fn the_smallest_run_that_fits_is_taken_from() {
        let mut runs = Runs::new();
        runs.add(Run { first: 0, count: 10 });
        runs.add(Run { first: 20, count: 3 });
        assert_eq!(runs.take(2), Some(Run { first: 20, count: 2 }));
        assert_eq!(runs.take(1), Some(Run { first: 22, count: 1 }));
        assert_eq!(runs.take(11), None);
        assert_eq!(runs.take(10), Some(Run { first: 0, count: 10 }));
        assert_eq!(runs.take(1), None);
    }

    #[test]
    fn random_use_loses_no_piece() {
        let mut rng = Rng::new(7);
        let (mut runs, mut model) = (Runs::new(), BTreeSet::new());
        for _ in 0..20_000 {
            if rng.below(100) < 55 && runs.has_room() {
                let (first, count) = (rng.below(400), 1 + rng.below(4));
                if (first..first + count).all(|piece| !model.contains(&piece)) {
                    runs.add(Run { first, count });
                    model.extend(first..first + count);
                }
            } else {
                let wanted = 1 + rng.below(6);
                if let Some(run) = runs.take(wanted) {
                    assert_eq!(run.count, wanted);
                    assert!((run.first..run.first + wanted).all(|piece| model.remove(&piece)));
                }
            }
            assert_eq!(runs.pieces(), model.len());
            let touching = runs.used().windows(2);
            assert!(touching.into_iter().all(|two| two[0].first + two[0].count < two[1].first));
        }
    }
}
