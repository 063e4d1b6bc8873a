//! When sysmon takes a P away, or has its goroutine preempted. Go: `retake`.
//!
//! Pure: what was seen of a P before, what is seen now, and the time go in; a verdict comes out.
//!
//! *Why nothing escapes for ever* (H18). A P is let alone only while one of its two counters moves
//! between two looks, or for a limited time. Goroutines in short syscalls move `syscalltick` between
//! any two looks, however slow sysmon's clock: for them the slice counts, whose `schedtick` stands
//! still, so that the goroutine loses the P at the first look that is [`SLICE_NS`] or more after
//! the one that first saw that slice.

/// A goroutine's slice: at the first look that is so much later than the one that saw it begin, it
/// is over. Go: `forcePreemptNS`.
pub const SLICE_NS: u64 = 10_000_000;
/// For so long a P in a syscall is left alone if nobody would use it.
pub const LENIENT_NS: u64 = 10_000_000;

/// What a P is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// Runs a goroutine, or looks for one.
    Running,
    /// Its M is in a syscall.
    Syscall,
    /// Anything else.
    Elsewhere,
}

/// A P as it is seen.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// See [`At`].
    pub at: At,
    /// Goes up with every slice.
    pub schedtick: u32,
    /// Goes up with every syscall.
    pub syscalltick: u32,
    /// Something waits for this P.
    pub wanted: bool,
    /// Other Ps are idle, or look for work: what is to be run may be run there.
    pub others_free: bool,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing.
    Leave,
    /// Its goroutine has had its slice.
    Preempt,
    /// Its M is in a syscall: another M takes the P.
    HandOff,
}

/// What was seen of a P before. Go: `sysmontick`.
#[derive(Clone, Copy)]
pub struct Watched {
    schedtick: u32,
    schedwhen: u64,
    syscalltick: u32,
    syscallwhen: u64,
}

impl Watched {
    /// Nothing seen.
    pub const fn new() -> Self {
        Self { schedtick: u32::MAX, schedwhen: 0, syscalltick: u32::MAX, syscallwhen: 0 }
    }

    /// A look at a P.
    pub fn look(&mut self, p: View, now: u64) -> Verdict {
        if p.at == At::Elsewhere {
            return Verdict::Leave;
        }
        let slice_over = self.slice_over(p.schedtick, now);
        match p.at {
            At::Syscall => self.look_at_syscall(p, slice_over, now),
            _ if slice_over && p.wanted => Verdict::Preempt,
            _ => Verdict::Leave,
        }
    }

    fn slice_over(&mut self, schedtick: u32, now: u64) -> bool {
        if self.schedtick != schedtick {
            self.schedtick = schedtick;
            self.schedwhen = now;
            return false;
        }
        now.saturating_sub(self.schedwhen) >= SLICE_NS
    }

    fn look_at_syscall(&mut self, p: View, slice_over: bool, now: u64) -> Verdict {
        if !slice_over && self.syscalltick != p.syscalltick {
            // Not yet there for a whole pause.
            self.syscalltick = p.syscalltick;
            self.syscallwhen = now;
            return Verdict::Leave;
        }
        let long = now.saturating_sub(self.syscallwhen) >= LENIENT_NS;
        if !p.wanted && p.others_free && !long {
            return Verdict::Leave;
        }
        Verdict::HandOff
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::mem::testing::Rng;

    const IN_SYSCALL: View =
        View { at: At::Syscall, schedtick: 7, syscalltick: 0, wanted: true, others_free: true };

    #[test]
    fn a_syscall_that_lasts_a_pause_loses_its_p_if_that_is_wanted() {
        let mut watched = Watched::new();
        assert_eq!(watched.look(IN_SYSCALL, 1_000), Verdict::Leave);
        assert_eq!(watched.look(IN_SYSCALL, 21_000), Verdict::HandOff);
    }

    #[test]
    fn a_p_that_nobody_wants_stays_for_ten_milliseconds() {
        let unwanted = View { wanted: false, ..IN_SYSCALL };
        let mut watched = Watched::new();
        assert_eq!(watched.look(unwanted, 0), Verdict::Leave);
        assert_eq!(watched.look(unwanted, LENIENT_NS - 1), Verdict::Leave);
        assert_eq!(watched.look(unwanted, LENIENT_NS), Verdict::HandOff);
        // With everybody else busy it may be wanted any moment.
        let mut watched = Watched::new();
        let alone = View { others_free: false, ..unwanted };
        assert_eq!(watched.look(alone, 0), Verdict::Leave);
        assert_eq!(watched.look(alone, 20_000), Verdict::HandOff);
    }

    #[test]
    fn a_slice_ends_only_for_those_who_wait() {
        let running = View { at: At::Running, ..IN_SYSCALL };
        let mut watched = Watched::new();
        assert_eq!(watched.look(running, 0), Verdict::Leave);
        assert_eq!(watched.look(running, SLICE_NS - 1), Verdict::Leave);
        assert_eq!(watched.look(View { wanted: false, ..running }, SLICE_NS), Verdict::Leave);
        assert_eq!(watched.look(running, SLICE_NS), Verdict::Preempt);
        assert_eq!(watched.look(View { schedtick: 8, ..running }, SLICE_NS + 1), Verdict::Leave);
    }

    #[test]
    fn a_p_that_is_idle_or_stopped_is_left_alone() {
        let mut watched = Watched::new();
        for now in [0, SLICE_NS, 10 * SLICE_NS] {
            let elsewhere = View { at: At::Elsewhere, ..IN_SYSCALL };
            assert_eq!(watched.look(elsewhere, now), Verdict::Leave);
        }
    }

    // covers: H18
    #[test]
    fn short_syscalls_are_caught_however_the_looks_fall() {
        let mut rng = Rng::new(18);
        for _ in 0..2_000 {
            // Looks every 20 us to 40 ms, as even as a clock can or not at all; syscalls that come
            // and go between any two of them, or keep step with them.
            let period = 20_000 + rng.below(40_000_000) as u64;
            let jitter = [1, 1, 2, period as usize / 2][rng.below(4)].max(1);
            let step = 1 + rng.below(3) as u32;
            let (mut watched, mut now, mut syscalltick) = (Watched::new(), 0, 0);
            let most = 2 + SLICE_NS.div_ceil(period - jitter as u64 + 1);
            let mut looks = 0;
            loop {
                looks += 1;
                now += period - rng.below(jitter) as u64;
                syscalltick += step;
                // Half of the looks find the goroutine between two syscalls.
                let at = if rng.below(2) == 0 { At::Running } else { At::Syscall };
                let view = View { at, syscalltick, ..IN_SYSCALL };
                if watched.look(view, now) != Verdict::Leave {
                    break;
                }
                assert!(looks <= most, "period {period}, jitter {jitter}: not after {looks} looks");
            }
        }
    }

    // covers: H18
    #[test]
    fn a_slow_clock_takes_two_looks() {
        let mut watched = Watched::new();
        for (look, now) in (1..).zip((0..).step_by(15_600_000)).take(2) {
            let view = View { syscalltick: look, ..IN_SYSCALL };
            let verdict = watched.look(view, now);
            assert_eq!(verdict == Verdict::HandOff, look == 2, "look {look}");
        }
    }
}
