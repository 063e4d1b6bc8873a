//! A set of cores that many cores change at once (Go: `pMask`).
//!
//! One word holds them all, so that finding an idle core costs one load. Setting releases and
//! taking acquires: who takes a core out of the set sees what that core did before it went in.

use crate::sync::atomic::{AtomicU64, Ordering, const_unless_loom, fence};

/// The most cores that a [`CoreMask`] can hold.
pub const MAX_CORES: usize = 64;

/// A set of cores.
pub struct CoreMask(AtomicU64);

impl CoreMask {
    const_unless_loom! {
        /// The empty set.
        pub fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Puts `core` in.
    pub fn set(&self, core: usize) {
        self.0.fetch_or(bit(core), Ordering::Release);
    }

    /// Takes `core` out if it is in. Says whether it was: of several who try, one succeeds.
    pub fn clear(&self, core: usize) -> bool {
        self.0.fetch_and(!bit(core), Ordering::Acquire) & bit(core) != 0
    }

    /// Is `core` in?
    pub fn test(&self, core: usize) -> bool {
        self.snapshot().contains(core)
    }

    /// Takes out the first core at or after `from`, going round.
    pub fn take_any(&self, from: usize) -> Option<usize> {
        loop {
            let core = self.snapshot().first_from(from)?;
            if self.clear(core) {
                return Some(core);
            }
            // Another core took it: there was progress, and fewer are left.
        }
    }

    /// The set as it is now.
    pub fn snapshot(&self) -> Cores {
        Cores(self.0.load(Ordering::Acquire))
    }

    /// A core's half of "sleep unless there is work": puts `core` in, and orders that before the
    /// look for work which must follow. Its partner is [`take_after_submit`](Self::take_after_submit).
    ///
    /// Of the two fences one comes first (model: `tests/loom_idle.rs`). If this one, the submitter
    /// sees the core in the set and wakes it; if the other, the look finds the work.
    pub fn announce(&self, core: usize) {
        self.set(core);
        fence(Ordering::SeqCst);
    }

    /// A submitter's half: call it when the work can be seen. Takes out a core to be woken, if
    /// any sleeps. Its partner is [`announce`](Self::announce).
    pub fn take_after_submit(&self, from: usize) -> Option<usize> {
        fence(Ordering::SeqCst);
        self.take_any(from)
    }
}

impl Default for CoreMask {
    fn default() -> Self {
        Self::new()
    }
}

/// The cores of a [`CoreMask`] at one moment, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores(u64);

impl Cores {
    /// Is `core` among them?
    pub const fn contains(self, core: usize) -> bool {
        self.0 & bit(core) != 0
    }

    /// Are there none?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// The first at or after `from`, going round.
    pub fn first_from(self, from: usize) -> Option<usize> {
        let from = from % MAX_CORES;
        // Rotated so that `from` is bit 0, the lowest bit is the distance to the core.
        let distance = self.0.rotate_right(from as u32).trailing_zeros() as usize;
        (!self.is_empty()).then_some((from + distance) % MAX_CORES)
    }
}

impl Iterator for Cores {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let core = self.first_from(0)?;
        self.0 &= !bit(core);
        Some(core)
    }
}

const fn bit(core: usize) -> u64 {
    assert!(core < MAX_CORES, "core number out of range");
    1 << core
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn cores_go_in_and_out() {
        let mask = CoreMask::new();
        for core in [0, 5, 63] {
            mask.set(core);
        }
        assert!(mask.test(5) && !mask.test(6));
        assert_eq!(mask.snapshot().collect::<Vec<_>>(), [0, 5, 63]);
        assert_eq!(mask.snapshot().count(), 3);
        assert!(mask.clear(5) && !mask.clear(5));
        assert!(!mask.test(5));
    }

    #[test]
    fn taking_starts_where_asked_and_goes_round() {
        let mask = CoreMask::new();
        for core in [1, 2, 40] {
            mask.set(core);
        }
        assert_eq!(mask.take_any(3), Some(40));
        assert_eq!(mask.take_any(41), Some(1));
        assert_eq!(mask.take_after_submit(2), Some(2));
        assert_eq!(mask.take_any(0), None);
        mask.announce(7);
        assert_eq!(mask.take_any(7), Some(7));
        assert!(mask.snapshot().is_empty());
    }
}
