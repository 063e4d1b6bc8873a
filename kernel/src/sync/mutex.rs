//! The state machine of a mutex. Go: `internal/sync.Mutex`.
//!
//! One word says whether the lock is held, whether a waiter was woken, whether the lock starves its
//! waiters, and how many there are. Two modes, as in Go:
//!
//! - *Normal*: who unlocks wakes the first waiter, which then competes with goroutines that run
//!   already and have better cards. That is fast: one goroutine can take the lock many times in a
//!   row. A waiter that loses queues before the others.
//! - *Starvation*: a waiter that could not get the lock for [`STARVATION_NS`] switches to it. Now who
//!   unlocks hands the lock to the first waiter, newcomers do not even try and queue last. The waiter
//!   that is the last one, or has waited less than that, switches back.
//!
//! `kernel/tests/loom_mutex.rs` runs this code. The typed shell is `burrow`'s `sync::Mutex`.

use super::atomic::{AtomicU32, Ordering, const_unless_loom};
use super::parking::{Handoff, Parking, Queue, Wait};

const LOCKED: u32 = 1;
/// A waiter runs and competes: who unlocks need not wake another. Go: `mutexWoken`.
const WOKEN: u32 = 2;
const STARVING: u32 = 4;
/// One waiter.
const WAITER: u32 = 8;

/// Waits longer than this starve. Go: `starvationThresholdNs`.
pub const STARVATION_NS: u64 = 1_000_000;

/// See the module's text.
pub struct RawMutex<S> {
    state: AtomicU32,
    sema: S,
}

fn waiters(state: u32) -> u32 {
    state / WAITER
}

impl<S> RawMutex<S> {
    const_unless_loom! {
        /// Unlocked.
        pub fn new(sema: S) -> Self {
            Self { state: AtomicU32::new(0), sema }
        }
    }

    /// Whether somebody holds it; a guess.
    pub fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) & LOCKED != 0
    }
}

impl<S: Parking> RawMutex<S> {
    /// Parks until the lock is free.
    #[inline(always)]
    pub fn lock(&self) {
        self.lock_for(Wait::Mutex);
    }

    /// As [`lock`](Self::lock), as a part of another lock, in whose name the goroutine waits.
    #[inline(always)]
    pub fn lock_for(&self, wait: Wait) {
        // Acquire: pairs with the release of `unlock`, as all that take the lock do.
        let taken = self.state.compare_exchange(0, LOCKED, Ordering::Acquire, Ordering::Relaxed);
        if taken.is_err() {
            self.lock_slow(wait);
        }
    }

    /// Takes the lock if it is free, and no waiter starves.
    #[inline(always)]
    pub fn try_lock(&self) -> bool {
        let old = self.state.load(Ordering::Relaxed);
        old & (LOCKED | STARVING) == 0
            && self
                .state
                .compare_exchange(old, old | LOCKED, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }

    /// Unlocks, whoever locked it. If nobody did: fatal `sync: unlock of unlocked mutex`.
    #[inline(always)]
    pub fn unlock(&self) {
        // Release: pairs with the acquire of the next holder. What others change in the word between
        // the two they change by exchanges, which carry the release on.
        let new = self.state.fetch_sub(LOCKED, Ordering::Release).wrapping_sub(LOCKED);
        if new != 0 {
            self.unlock_slow(new);
        }
    }

    /// Go: `lockSlow`.
    #[cold]
    #[inline(never)]
    fn lock_slow(&self, wait: Wait) {
        let mut waits_since = None;
        let mut starving = false;
        let mut awoke = false;
        let mut round = 0;
        let mut old = self.state.load(Ordering::Relaxed);
        loop {
            // Not in starvation mode: the lock is handed over there, nothing is to be won.
            if old & (LOCKED | STARVING) == LOCKED && S::can_spin(round) {
                // Who unlocks need not wake anybody while this one is at it.
                awoke = awoke || self.claim_woken(old);
                S::spin();
                round += 1;
                old = self.state.load(Ordering::Relaxed);
                continue;
            }
            let new = Self::wanted(old, starving, awoke);
            let change =
                self.state.compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed);
            if let Err(now) = change {
                old = now;
                continue;
            }
            if old & (LOCKED | STARVING) == 0 {
                return;
            }
            let queue = if waits_since.is_some() { Queue::First } else { Queue::Last };
            let since = *waits_since.get_or_insert_with(S::nanotime);
            self.sema.acquire(queue, wait);
            starving = starving || S::nanotime().saturating_sub(since) > STARVATION_NS;
            old = self.state.load(Ordering::Relaxed);
            if old & STARVING != 0 {
                self.take_handed_over(old, starving);
                return;
            }
            awoke = true;
            round = 0;
        }
    }

    /// Sets the mark of a woken waiter, if there are waiters and none is woken.
    fn claim_woken(&self, old: u32) -> bool {
        old & WOKEN == 0
            && waiters(old) != 0
            && self
                .state
                .compare_exchange(old, old | WOKEN, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// What the word is to become: locked, or with one more waiter.
    fn wanted(old: u32, starving: bool, awoke: bool) -> u32 {
        let mut new = old;
        if old & STARVING == 0 {
            new |= LOCKED;
        }
        if old & (LOCKED | STARVING) != 0 {
            new += WAITER;
        }
        // Only while somebody holds the lock: who unlocks a starving mutex expects waiters.
        if starving && old & LOCKED != 0 {
            new |= STARVING;
        }
        if awoke {
            if new & WOKEN == 0 {
                S::throw("sync: inconsistent mutex state");
            }
            new &= !WOKEN;
        }
        new
    }

    /// In starvation mode the lock is given to the waiter that wakes: it has the lock already, only
    /// the word does not say so yet.
    fn take_handed_over(&self, old: u32, starving: bool) {
        if old & (LOCKED | WOKEN) != 0 || waiters(old) == 0 {
            S::throw("sync: inconsistent mutex state");
        }
        let mut change = LOCKED.wrapping_sub(WAITER);
        // Leaving the mode matters: two goroutines could go on in lock step with it.
        if !starving || waiters(old) == 1 {
            change = change.wrapping_sub(STARVING);
        }
        // Acquire: pairs with `unlock`, beside the semaphore that brought the lock.
        self.state.fetch_add(change, Ordering::Acquire);
    }

    /// Go: `unlockSlow`.
    #[cold]
    #[inline(never)]
    fn unlock_slow(&self, new: u32) {
        if new.wrapping_add(LOCKED) & LOCKED == 0 {
            S::fatal("sync: unlock of unlocked mutex");
        }
        if new & STARVING != 0 {
            // The word stays unlocked; newcomers keep away while it says that waiters starve.
            self.sema.release(Handoff::MakeWay);
            return;
        }
        let mut old = new;
        loop {
            // Nobody waits, or somebody is woken, has taken the lock, or it was handed over.
            if waiters(old) == 0 || old & (LOCKED | WOKEN | STARVING) != 0 {
                return;
            }
            let new = (old - WAITER) | WOKEN;
            match self.state.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return self.sema.release(Handoff::GoOn),
                Err(now) => old = now,
            }
        }
    }
}
