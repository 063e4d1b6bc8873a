//! How long sysmon pauses between two looks. Go: `idle` and `delay` in `sysmon`.

/// The shortest pause in nanoseconds, after a look that found something to do.
pub const SHORTEST_NS: u64 = 20_000;
/// The longest.
pub const LONGEST_NS: u64 = 10_000_000;
/// Looks in vain before the pauses begin to double.
const PATIENT: u32 = 50;

/// Pauses that grow as long as there is nothing to do.
pub struct Backoff {
    /// Looks in vain, in a row.
    vain: u32,
    pause: u64,
}

/// What a look was good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// A P was taken away from who blocked: there may be more of it.
    Useful,
    /// Nothing was to be done.
    Vain,
}

impl Backoff {
    /// Before the first look: as after a useful one.
    pub const fn new() -> Self {
        Self { vain: 0, pause: SHORTEST_NS }
    }

    /// As after so long without anything to do that the pauses are the longest.
    pub const fn relaxed() -> Self {
        Self { vain: PATIENT + 1, pause: LONGEST_NS }
    }

    /// The pause that follows that look, in nanoseconds.
    pub fn pause_after(&mut self, look: Look) -> u64 {
        match look {
            Look::Useful => *self = Self::new(),
            Look::Vain => self.vain = self.vain.saturating_add(1),
        }
        if self.vain > PATIENT {
            self.pause = (self.pause * 2).min(LONGEST_NS);
        }
        self.pause
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_after_fifty_looks_in_vain() {
        let mut backoff = Backoff::new();
        let pauses: Vec<u64> = (0..70).map(|_| backoff.pause_after(Look::Vain)).collect();
        assert!(pauses[..50].iter().all(|pause| *pause == SHORTEST_NS));
        assert_eq!(pauses[50..53], [40_000, 80_000, 160_000]);
        assert_eq!(pauses[69], LONGEST_NS);
        assert_eq!(backoff.pause_after(Look::Useful), SHORTEST_NS);
        assert_eq!(backoff.pause_after(Look::Vain), SHORTEST_NS);
    }

    #[test]
    fn a_relaxed_one_begins_with_the_longest_pause() {
        let mut backoff = Backoff::relaxed();
        assert_eq!(backoff.pause_after(Look::Vain), LONGEST_NS);
        assert_eq!(backoff.pause_after(Look::Useful), SHORTEST_NS);
    }
}
