//! A counting semaphore that parks goroutines. Go: `semacquire1`, `semrelease1`.
//!
//! Differs from Go: each semaphore has its own queue instead of a bucket in a shared table keyed by
//! address; it costs three words and saves the search. A release hands its permit to the first
//! waiter directly, which need not compete for it again.

use crate::queue::list::List;
use crate::sched::park::{goparkunlock, goready};
use crate::sched::{SCHED, WaitReason, run};

use super::parking::{Handoff, Parking, Queue, Wait};
use super::sudog::{self, Sudog};
use super::{Rank, SpinLock, pin};

/// See the module's text.
pub struct Sema {
    inner: SpinLock<Inner>,
}

struct Inner {
    permits: u32,
    waiters: List<Sudog>,
}

/// Rounds of spinning for a lock. Go: `active_spin`.
const SPIN_ROUNDS: u32 = 4;
/// Pauses in a round. Go: `active_spin_cnt`.
const SPIN_PAUSES: u32 = 30;

impl Sema {
    /// No permits.
    pub const fn new() -> Self {
        Self::with_permits(0)
    }

    /// So many permits.
    pub const fn with_permits(permits: u32) -> Self {
        let inner = Inner { permits, waiters: List::new() };
        Self { inner: SpinLock::new(Rank::Channel, inner) }
    }

    /// Takes a permit, parking until there is one. Go: `semacquire`.
    pub fn acquire(&self, reason: WaitReason) {
        self.acquire1(Queue::Last, reason);
    }

    /// Gives a permit: to the first waiter, or for later. Go: `semrelease`.
    pub fn release(&self) {
        self.release1(Handoff::GoOn);
    }

    /// As [`acquire`](Self::acquire), at a chosen place. On a goroutine's stack, no lock held.
    pub fn acquire1(&self, queue: Queue, reason: WaitReason) {
        let mut held = self.inner.lock();
        if held.permits > 0 {
            held.permits -= 1;
            return;
        }
        let sudog = Sudog::new(held.pinned().g(), 0);
        match queue {
            // SAFETY: the sudog stays in this frame until `release` has taken it off and readied us.
            Queue::Last => unsafe { held.waiters.push_back(sudog.as_item()) },
            // SAFETY: as above.
            Queue::First => unsafe { held.waiters.push_front(sudog.as_item()) },
        }
        goparkunlock(held, reason);
    }

    /// As [`release`](Self::release), perhaps making way. On a goroutine's stack, no lock held.
    pub fn release1(&self, handoff: Handoff) {
        let mut held = self.inner.lock();
        let Some(waiter) = held.waiters.pop_front() else {
            held.permits += 1;
            return;
        };
        drop(held);
        // SAFETY: taken off a moment ago.
        let (g, _) = unsafe { sudog::taken(waiter) };
        goready(g);
        if handoff == Handoff::MakeWay {
            make_way();
        }
    }
}

/// Gives the core to the goroutine that was readied last, in this slice: a lock that is handed over
/// must not take the core from everybody else. Not where the core may not be given up.
pub(super) fn make_way() {
    if crate::g::current().count() == 0 {
        run::goyield();
    }
}

impl Parking for Sema {
    fn acquire(&self, queue: Queue, wait: Wait) {
        let reason = match wait {
            Wait::Mutex => WaitReason::MutexLock,
            Wait::Read => WaitReason::RwMutexRLock,
            Wait::Write => WaitReason::RwMutexLock,
        };
        self.acquire1(queue, reason);
    }

    fn release(&self, handoff: Handoff) {
        self.release1(handoff);
    }

    /// Only while another core runs goroutines, so that the holder may be at work, and while nothing
    /// waits for this core.
    fn can_spin(round: u32) -> bool {
        round < SPIN_ROUNDS
            && SCHED.procs() > SCHED.spinners.idle_ps() + SCHED.spinners.spinning() + 1
            && pin().p().runq.is_empty()
    }

    fn spin() {
        for _ in 0..SPIN_PAUSES {
            super::atomic::spin_hint();
        }
    }

    fn nanotime() -> u64 {
        crate::time::nanotime()
    }

    fn fatal(text: &'static str) -> ! {
        crate::panic::fatal(text)
    }

    fn throw(text: &'static str) -> ! {
        crate::panic::throw(text)
    }
}

impl Default for Sema {
    fn default() -> Self {
        Self::new()
    }
}
