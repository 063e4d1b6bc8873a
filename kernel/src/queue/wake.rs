//! When the first timer of a heap may be due, for those who do not hold its lock: [`WakeTime`].
//!
//! A heap follows its timers lazily: one that was given another time is marked, and the heap looks
//! for marks only when it matters. So there are two times, the heap's own and the earliest that a
//! marked timer was given since the heap last looked; the earlier one counts. It may be too early,
//! for a timer that was stopped, but at no moment too late.
//!
//! - Who gives a timer a time marks it first, then lowers the second time ([`WakeTime::lower`]).
//! - Who makes the heap follow clears the second time ([`WakeTime::take`]) and then looks at the
//!   marks: of a time that was cleared, the mark is there; a time that comes later stays for the
//!   next look. Before it clears the second time it lowers the first by it.
//!
//! `tests/loom_wake.rs` runs the functions below.

use crate::sync::atomic::{AtomicU64, Ordering, const_unless_loom};

/// No time.
pub const NEVER: u64 = u64::MAX;

/// See the module's text.
pub struct WakeTime {
    /// The first entry's time. Changed under the heap's lock. Go: `minWhenHeap`.
    heap: AtomicU64,
    /// The earliest time given to a marked timer. Go: `minWhenModified`.
    modified: AtomicU64,
}

impl WakeTime {
    const_unless_loom! {
        /// Nothing is due.
        pub fn new() -> Self {
            Self { heap: AtomicU64::new(NEVER), modified: AtomicU64::new(NEVER) }
        }
    }

    /// When a timer may be due. Go: `wakeTime`.
    #[inline(always)]
    pub fn get(&self) -> u64 {
        // In this order: who clears the second has lowered the first before. Acquire: pairs with
        // `take`.
        let modified = self.modified.load(Ordering::Acquire);
        modified.min(self.heap.load(Ordering::Relaxed))
    }

    /// The first entry's time is this. Under the heap's lock, all marks that were taken followed.
    pub fn set_heap(&self, when: u64) {
        self.heap.store(when, Ordering::Relaxed);
    }

    /// A timer was marked and given that time; whether it may be the first. Go:
    /// `updateMinWhenModified`.
    pub fn lower(&self, when: u64) -> bool {
        let earliest = when < self.get();
        // Release: pairs with `take`, which then finds the mark.
        self.modified.fetch_min(when, Ordering::Release);
        earliest
    }

    /// Whether a marked timer may be due. Under the heap's lock.
    pub fn is_modified_by(&self, now: u64) -> bool {
        self.modified.load(Ordering::Relaxed) <= now
    }

    /// The marks are about to be looked at. Under the heap's lock.
    pub fn take(&self) {
        let mut modified = self.modified.load(Ordering::Relaxed);
        loop {
            // Before: nobody may think in the meantime that nothing is due.
            if modified < self.heap.load(Ordering::Relaxed) {
                self.heap.store(modified, Ordering::Relaxed);
            }
            // Acquire: pairs with `lower`. Release: pairs with `get`.
            match self.modified.compare_exchange(
                modified,
                NEVER,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => modified = now,
            }
        }
    }
}

impl Default for WakeTime {
    fn default() -> Self {
        Self::new()
    }
}
