//! A heap of four branches, for timers: the earliest is at the top. Go: `timers.heap`.
//!
//! Pure data: what an item is, and whether its time here is the one that it has by now, is for
//! [`crate::time`] to know. Each entry keeps its time beside the item, so that sifting stays inside
//! the array. Four branches instead of two halve the depth, and the children of one entry share a
//! cache line.

use alloc::vec::Vec;

const BRANCHES: usize = 4;

/// Room for so many entries is there from the start, and kept.
const ROOM: usize = 64;

/// An item and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// When it is due. Go: `timerWhen.when`.
    pub when: u64,
    /// What is due.
    pub item: T,
}

/// What becomes of an entry in [`TimerHeap::update_all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// It stays as it is.
    Same,
    /// It has another time.
    At(u64),
    /// It leaves the heap.
    Remove,
}

/// See the module's text.
#[derive(Debug)]
pub struct TimerHeap<T> {
    entries: Vec<Entry<T>>,
}

impl<T: Copy> TimerHeap<T> {
    /// Empty.
    pub fn new() -> Self {
        Self { entries: Vec::with_capacity(ROOM) }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The earliest.
    pub fn first(&self) -> Option<Entry<T>> {
        self.entries.first().copied()
    }

    /// One of the latest: the one that can be taken away without moving another.
    pub fn last(&self) -> Option<Entry<T>> {
        self.entries.last().copied()
    }

    /// Adds an entry.
    pub fn push(&mut self, when: u64, item: T) {
        self.entries.push(Entry { when, item });
        self.sift_up(self.entries.len() - 1);
    }

    /// Takes the earliest. Go: `deleteMin`.
    pub fn pop_first(&mut self) -> Option<Entry<T>> {
        let last = self.entries.pop()?;
        self.shrink();
        let Some(first) = self.entries.first_mut() else { return Some(last) };
        let taken = core::mem::replace(first, last);
        self.sift_down(0);
        Some(taken)
    }

    /// Takes the one that [`last`](Self::last) shows.
    pub fn pop_last(&mut self) -> Option<Entry<T>> {
        let last = self.entries.pop()?;
        self.shrink();
        Some(last)
    }

    /// Gives memory back, half of it once three quarters are unused: what many timers took for a
    /// moment is not kept for ever, and no timer pays for more than moving two entries.
    fn shrink(&mut self) {
        let capacity = self.entries.capacity();
        if capacity > ROOM && self.entries.len() <= capacity / 4 {
            self.entries.shrink_to(ROOM.max(capacity / 2));
        }
    }

    /// Gives the earliest another time.
    pub fn move_first(&mut self, when: u64) {
        if let Some(first) = self.entries.first_mut() {
            first.when = when;
            self.sift_down(0);
        }
    }

    /// Visits all entries, in no order.
    pub fn for_each(&self, visit: impl FnMut(Entry<T>)) {
        self.entries.iter().copied().for_each(visit);
    }

    /// Gives back the room of entries that left.
    pub fn shrink_to_fit(&mut self) {
        self.entries.shrink_to_fit();
    }

    /// Asks of every entry what becomes of it. Go: `adjust`, `initHeap`.
    pub fn update_all(&mut self, mut update: impl FnMut(T) -> Update) {
        let mut changed = false;
        let mut index = 0;
        while let Some(entry) = self.entries.get_mut(index) {
            match update(entry.item) {
                Update::Same => index += 1,
                Update::At(when) => {
                    changed = true;
                    entry.when = when;
                    index += 1;
                }
                Update::Remove => {
                    changed = true;
                    self.entries.swap_remove(index);
                }
            }
        }
        self.shrink();
        if changed && self.entries.len() > 1 {
            // From the last entry that has a child upwards.
            for index in (0..=(self.entries.len() - 2) / BRANCHES).rev() {
                self.sift_down(index);
            }
        }
    }

    /// Go: `siftUp`.
    fn sift_up(&mut self, mut index: usize) {
        let entry = self.entries[index];
        while index > 0 {
            let parent = (index - 1) / BRANCHES;
            if entry.when >= self.entries[parent].when {
                break;
            }
            self.entries[index] = self.entries[parent];
            index = parent;
        }
        self.entries[index] = entry;
    }

    /// Go: `siftDown`.
    fn sift_down(&mut self, mut index: usize) {
        let entry = self.entries[index];
        loop {
            let first = index * BRANCHES + 1;
            let Some(children) = self.entries.get(first..self.entries.len().min(first + BRANCHES))
            else {
                break;
            };
            let mut earliest = (entry.when, usize::MAX);
            for (child, entry) in children.iter().enumerate() {
                if entry.when < earliest.0 {
                    earliest = (entry.when, first + child);
                }
            }
            if earliest.1 == usize::MAX {
                break;
            }
            self.entries[index] = self.entries[earliest.1];
            index = earliest.1;
        }
        self.entries[index] = entry;
    }
}

impl<T: Copy> Default for TimerHeap<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::queue::order::Rng;

    /// Every parent is no later than its children.
    fn assert_heap(heap: &TimerHeap<u64>) {
        for (index, entry) in heap.entries.iter().enumerate().skip(1) {
            assert!(heap.entries[(index - 1) / BRANCHES].when <= entry.when, "{heap:?}");
        }
    }

    /// What is left comes out in order, and it is what the model holds.
    fn assert_drains(mut heap: TimerHeap<u64>, mut model: Vec<(u64, u64)>) {
        let mut drained = Vec::new();
        while let Some(first) = heap.pop_first() {
            assert_heap(&heap);
            assert!(drained.last().is_none_or(|(when, _)| *when <= first.when));
            drained.push((first.when, first.item));
        }
        drained.sort_unstable();
        model.sort_unstable();
        assert_eq!(drained, model);
    }

    #[test]
    fn the_earliest_comes_first() {
        let mut heap = TimerHeap::new();
        for when in [5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0] {
            heap.push(when, when);
            assert_heap(&heap);
        }
        let order: Vec<_> = core::iter::from_fn(|| heap.pop_first()).map(|e| e.when).collect();
        assert_eq!(order, [0, 1, 1, 2, 3, 4, 5, 6, 6, 6, 7, 8, 9]);
    }

    #[test]
    fn memory_comes_and_goes() {
        let mut heap = TimerHeap::new();
        for item in 0..100_000u64 {
            heap.push(item * 7919 % 100_000, item);
        }
        for left in (0..100_000).rev() {
            heap.pop_first();
            assert!(heap.entries.capacity() <= (4 * left + 4).max(2 * ROOM), "{left}");
        }
        assert_eq!(heap.entries.capacity(), ROOM);
    }

    #[test]
    fn random_steps_agree_with_a_list() {
        for seed in 0..200 {
            let rng = Rng::new(seed);
            let mut heap = TimerHeap::new();
            let mut model: Vec<(u64, u64)> = Vec::new();
            for item in 0..200 {
                match rng.below(8) {
                    0..=3 => {
                        let when = u64::from(rng.below(50));
                        heap.push(when, item);
                        model.push((when, item));
                    }
                    4 => remove(&mut model, heap.pop_first()),
                    5 => remove(&mut model, heap.pop_last()),
                    6 => {
                        let when = u64::from(rng.below(100));
                        if let Some(first) = heap.first() {
                            remove(&mut model, Some(first));
                            model.push((when, first.item));
                        }
                        heap.move_first(when);
                    }
                    _ => update_some(&rng, &mut heap, &mut model),
                }
                assert_heap(&heap);
                assert_eq!(heap.len(), model.len());
                assert_eq!(heap.first().map(|e| e.when), model.iter().map(|e| e.0).min());
            }
            assert_drains(heap, model);
        }
    }

    fn remove(model: &mut Vec<(u64, u64)>, entry: Option<Entry<u64>>) {
        let Some(entry) = entry else { return assert!(model.is_empty()) };
        let at = model.iter().position(|e| *e == (entry.when, entry.item));
        model.swap_remove(at.expect("only what was put in comes out"));
    }

    fn update_some(rng: &Rng, heap: &mut TimerHeap<u64>, model: &mut Vec<(u64, u64)>) {
        heap.update_all(|item| {
            let at = model.iter().position(|e| e.1 == item).expect("a model entry for each");
            match rng.below(4) {
                0 => {
                    model[at].0 = u64::from(rng.below(100));
                    Update::At(model[at].0)
                }
                1 => {
                    model.swap_remove(at);
                    Update::Remove
                }
                _ => Update::Same,
            }
        });
    }
}
