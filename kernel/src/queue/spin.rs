//! The wake-up protocol: who looks for work, and who wakes somebody to look (law 9).
//!
//! A core without work *spins* for a while, that is, it looks into everybody's queues. Work must
//! never wait beside an idle core, yet most submissions should wake nobody. So:
//!
//! 1. Who submits work makes it visible, passes a fence, and wakes one core, marked as spinning,
//!    if a core is idle and nobody spins ([`Spinners::after_submit`]).
//! 2. Who spins and finds work drops the mark and does as in 1, for the work it has not looked at
//!    ([`Spinners::found_work`]).
//! 3. Who spins in vain declares its P idle, drops the mark, passes a fence, and looks at all
//!    queues again ([`Spinners::stop_then_recheck`]).
//! 4. Who submits when no core is idle sets `needspinning`, passes a fence, and looks for idle
//!    cores again. Who goes idle without having spun declares its P idle, passes a fence, and
//!    spins first if `needspinning` is set ([`Spinners::idle_then_check`]).
//!
//! *Why nothing is lost.* Fences have one order for all cores: of two, the later one's core sees
//! what the earlier one's core wrote before it. In 1 against 3: a submitter that finds somebody
//! spinning has not seen that spinner's drop, so its fence came before the spinner's, whose second
//! look then finds the work; in 2 the finder does for that work what its submitter left to it. In
//! 4: of submitter and idle-goer one passes its fence first, and the other sees what it wrote. A
//! spinner that clears `needspinning` drops its mark and passes a fence later, so 2 or 3 holds for
//! it towards everyone who relied on either.
//!
//! *When `needspinning` is set already*, a submitter writes nothing and passes no second fence.
//! Whoever set it has passed one or is about to, and then wakes a core itself if one went idle.
//! Nor can the submitter see it set although a spinner cleared it and is gone: either its fence
//! came after the spinner's, then it sees it cleared, or before, then that spinner sees the work.
//! With all cores busy, submission costs one fence and three loads.
//!
//! The fences do all the ordering, so every access is relaxed.
//!
//! Differs from Go: there step 4 is settled under the scheduler's lock, which every submission
//! takes when all Ps are busy. `tests/loom_wakeup.rs` runs the functions below.

use crate::sync::atomic::{AtomicBool, AtomicI32, Ordering, const_unless_loom, fence};

/// Counts of spinning Ms and idle Ps. One for the whole scheduler.
pub struct Spinners {
    /// Marks of Ms that spin or have been woken to (Go: `sched.nmspinning`).
    nmspinning: AtomicI32,
    /// Idle Ps (Go: `sched.npidle`); changed under the scheduler's lock together with the mask.
    npidle: AtomicI32,
    /// Somebody found work but no idle P: who goes idle next must spin (Go: `sched.needspinning`).
    needspinning: AtomicBool,
}

/// Whether to wake a core.
#[must_use = "a mark is reserved for the core to be woken"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// No core.
    Nobody,
    /// One idle core, to spin. Its mark has been set: start its P with an M that counts as
    /// spinning, or report that none is idle after all to [`Spinners::wake_failed`].
    One,
}

/// Whether a core whose P is idle may sleep.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoIdle {
    /// Yes.
    Sleep,
    /// Not yet: take the P back, [`Spinners::start`], and look again. If the P has another M
    /// already, that one runs or spins, and what is said here will be said again when it stops.
    SpinFirst,
}

impl Spinners {
    const_unless_loom! {
        /// Nobody spins, no P is idle.
        pub fn new() -> Self {
            Self {
                nmspinning: AtomicI32::new(0),
                npidle: AtomicI32::new(0),
                needspinning: AtomicBool::new(false),
            }
        }
    }

    /// Call when submitted work can be seen (step 1; Go: `wakep`).
    pub fn after_submit(&self) -> Wake {
        fence(Ordering::SeqCst); // partners: the fences in stop_then_recheck and idle_then_check
        self.should_wake()
    }

    /// No P was idle when one was to be woken (Go: the failed `pidlegetSpinning` in `wakep`). Says
    /// whether to try again; if not, somebody spins or `needspinning` is set.
    pub fn wake_failed(&self) -> Wake {
        // To others the mark was a promise to look. So, as in step 2, their work is now this
        // core's to announce.
        self.drop_mark();
        self.after_submit()
    }

    /// May one more M spin? Half as many as there are busy Ps suffice: more would burn time on
    /// nothing when there is little parallelism.
    pub fn may_start_spinning(&self, procs: usize) -> bool {
        let busy = procs as i32 - self.npidle.load(Ordering::Relaxed);
        2 * self.nmspinning.load(Ordering::Relaxed) < busy
    }

    /// An M begins to spin (Go: `becomeSpinning`). Not for one that was woken by [`Wake::One`]:
    /// its mark is set.
    pub fn start(&self) {
        self.nmspinning.fetch_add(1, Ordering::Relaxed);
        if self.needspinning.load(Ordering::Relaxed) {
            self.needspinning.store(false, Ordering::Relaxed);
        }
    }

    /// A spinning M found work and will run it (step 2; Go: `resetspinning`).
    pub fn found_work(&self) -> Wake {
        self.drop_mark();
        self.after_submit()
    }

    /// A spinning M stops because the world does. Who starts the world looks for work.
    pub fn stop(&self) {
        self.drop_mark();
    }

    /// A spinning M found nothing and has declared its P idle (step 3): drops its mark and looks
    /// at all queues again, and at timers and devices. Work that it finds is nobody else's duty:
    /// the caller takes an idle P, [`start`](Self::start)s again and takes the work, or leaves it
    /// because no P is idle any more.
    pub fn stop_then_recheck<R>(&self, look: impl FnOnce() -> Option<R>) -> Option<R> {
        self.drop_mark();
        fence(Ordering::SeqCst); // partner: the fence in after_submit
        look()
    }

    /// An M that did not spin found nothing and has declared its P idle (step 4).
    pub fn idle_then_check(&self) -> GoIdle {
        fence(Ordering::SeqCst); // partner: the second fence of should_wake
        if self.needspinning.load(Ordering::Relaxed) { GoIdle::SpinFirst } else { GoIdle::Sleep }
    }

    /// A P is idle now. Before its M drops its mark or checks `needspinning`.
    pub fn p_idle(&self) {
        self.npidle.fetch_add(1, Ordering::Relaxed);
    }

    /// An idle P has an M again.
    pub fn p_busy(&self) {
        let before = self.npidle.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "negative npidle");
    }

    /// How many Ps are idle; a recent number.
    pub fn idle_ps(&self) -> usize {
        self.npidle.load(Ordering::Relaxed) as usize
    }

    /// How many Ms spin; a recent number.
    pub fn spinning(&self) -> usize {
        self.nmspinning.load(Ordering::Relaxed) as usize
    }

    /// Is `needspinning` set? For traces.
    pub fn needspinning(&self) -> bool {
        self.needspinning.load(Ordering::Relaxed)
    }

    /// The caller has passed a fence after its work could be seen.
    fn should_wake(&self) -> Wake {
        while self.nmspinning.load(Ordering::Relaxed) == 0 {
            if self.npidle.load(Ordering::Relaxed) != 0 {
                return self.reserve_mark();
            }
            if self.needspinning.load(Ordering::Relaxed) {
                break;
            }
            self.needspinning.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst); // partner: the fence in idle_then_check
        }
        Wake::Nobody
    }

    /// Of several submitters one wakes a core; the others rely on it.
    fn reserve_mark(&self) -> Wake {
        // Relaxed on failure: who was faster spins, or will, and step 3 holds for it.
        match self.nmspinning.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Wake::One,
            Err(_) => Wake::Nobody,
        }
    }

    fn drop_mark(&self) {
        let before = self.nmspinning.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "negative nmspinning");
    }
}

impl Default for Spinners {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    // covers: H05, H28
    #[test]
    fn one_submission_of_many_wakes_an_idle_core() {
        let spinners = Spinners::new();
        spinners.p_idle();
        spinners.p_idle();
        assert_eq!(spinners.after_submit(), Wake::One);
        assert_eq!(spinners.after_submit(), Wake::Nobody);
        spinners.p_busy();
        assert_eq!(spinners.found_work(), Wake::One, "the finder wakes the next");
        assert_eq!(spinners.stop_then_recheck(|| Some(7)), Some(7));
        assert_eq!((spinners.spinning(), spinners.idle_ps()), (0, 1));
    }

    // covers: H05
    #[test]
    fn work_submitted_while_all_are_busy_makes_the_next_idle_core_spin() {
        let spinners = Spinners::new();
        assert_eq!(spinners.after_submit(), Wake::Nobody);
        assert!(spinners.needspinning());
        spinners.p_idle();
        assert_eq!(spinners.idle_then_check(), GoIdle::SpinFirst);
        spinners.p_busy();
        spinners.start();
        assert!(!spinners.needspinning());
        spinners.p_idle();
        assert_eq!(spinners.stop_then_recheck(|| None::<()>), None);
        assert_eq!(spinners.idle_then_check(), GoIdle::Sleep);
    }

    #[test]
    fn a_wake_without_an_idle_p_is_undone() {
        let spinners = Spinners::new();
        spinners.p_idle();
        assert_eq!(spinners.after_submit(), Wake::One);
        spinners.p_busy(); // another M took it first
        assert_eq!(spinners.wake_failed(), Wake::Nobody);
        assert!(spinners.needspinning() && spinners.spinning() == 0);
    }

    #[test]
    fn spinners_stay_below_half_of_the_busy() {
        let spinners = Spinners::new();
        let mut started = 0;
        while spinners.may_start_spinning(8) {
            spinners.start();
            started += 1;
        }
        assert_eq!(started, 4);
        (0..7).for_each(|_| spinners.p_idle());
        assert!(!spinners.may_start_spinning(8));
        (0..4).for_each(|_| spinners.stop());
        assert!(spinners.may_start_spinning(8));
    }

    #[test]
    #[should_panic(expected = "negative nmspinning")]
    fn dropping_a_mark_that_is_not_there_is_caught() {
        Spinners::new().stop();
    }
}
