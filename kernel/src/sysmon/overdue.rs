//! How long something has been overdue: what the watchdog goes by.
//!
//! Time alone would not do: an emulator's host may keep a core from running for a second, and then
//! nothing is wrong with what runs on it. So whoever watches must have looked many times too.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Overdue for so many nanoseconds is worth a line.
pub const WORTH_NS: u64 = 1_000_000_000;
/// The next line comes when it has lasted so many times as long.
const NEXT_LINE: u64 = 10;

/// Something that should change soon. Watched from one place at a time, which has looked `LOOKS`
/// times before it says that it did not.
pub struct Overdue<const LOOKS: u32> {
    /// What it is now.
    what: AtomicU64,
    since: AtomicU64,
    looks: AtomicU32,
    /// The age at which the next line is due.
    line_at: AtomicU64,
}

impl<const LOOKS: u32> Overdue<LOOKS> {
    /// Nothing is.
    pub const fn new() -> Self {
        Self {
            what: AtomicU64::new(u64::MAX),
            since: AtomicU64::new(0),
            looks: AtomicU32::new(0),
            line_at: AtomicU64::new(WORTH_NS),
        }
    }

    /// It should have changed and is `what`; for how long, if that is to be said now.
    pub fn look(&self, what: u64, now: u64) -> Option<u64> {
        if self.what.load(Ordering::Relaxed) != what || self.looks.load(Ordering::Relaxed) == 0 {
            self.what.store(what, Ordering::Relaxed);
            self.since.store(now, Ordering::Relaxed);
            self.looks.store(1, Ordering::Relaxed);
            self.line_at.store(WORTH_NS, Ordering::Relaxed);
            return None;
        }
        let looks = self.looks.load(Ordering::Relaxed).saturating_add(1);
        self.looks.store(looks, Ordering::Relaxed);
        let age = now.saturating_sub(self.since.load(Ordering::Relaxed));
        let line_at = self.line_at.load(Ordering::Relaxed);
        if age < line_at || looks < LOOKS {
            return None;
        }
        self.line_at.store(line_at.saturating_mul(NEXT_LINE), Ordering::Relaxed);
        Some(age)
    }

    /// It is as it should be.
    pub fn settled(&self) {
        self.looks.store(0, Ordering::Relaxed);
    }
}

impl<const LOOKS: u32> Default for Overdue<LOOKS> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const LOOKS: u32 = 100;

    #[test]
    fn a_line_after_a_second_and_again_after_ten() {
        let overdue = Overdue::<LOOKS>::new();
        let lines: Vec<u64> = (0..30_000).filter(|ms| overdue.look(7, ms * MS).is_some()).collect();
        assert_eq!(lines, [1000, 10_000]);
    }

    #[test]
    fn what_changes_is_not_overdue() {
        let overdue = Overdue::<LOOKS>::new();
        assert!((0..30_000).all(|ms| overdue.look(ms / 900, ms * MS).is_none()));
        assert!((30_000..60_000).all(|ms| {
            if ms % 900 == 0 {
                overdue.settled();
            }
            overdue.look(7, ms * MS).is_none()
        }));
    }

    #[test]
    fn a_stretch_in_which_nobody_looked_does_not_count() {
        let overdue = Overdue::<LOOKS>::new();
        assert!(overdue.look(7, 0).is_none());
        let after = 5_000;
        let line = (after..after + 500).find(|ms| overdue.look(7, ms * MS).is_some());
        assert_eq!(line, Some(after + u64::from(LOOKS) - 2));
    }
}
