//! `WaitGroup`: waits for a number of things to be done. Go: `sync.WaitGroup`.
//!
//! One word holds the counter (upper half) and the number of waiters (lower half), so that `add`
//! and `done` are one atomic addition. Whoever brings the counter to zero releases the waiters.
//!
//! Differs from Go: waiters register and queue under one lock, and who releases takes the whole queue.
//! So nobody can take the wake-up of another one, and a group may be used again before those that
//! waited have returned, which Go calls a misuse.

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use super::sudog::{self, Sudog};
use super::{Rank, SpinLock};
use crate::queue::list::List;
use crate::sched::WaitReason;
use crate::sched::park::goparkunlock;

/// Waits for a number of things to be done. Clones are the same group. Go: `*sync.WaitGroup`.
#[derive(Clone, Default)]
pub struct WaitGroup {
    shared: Arc<Shared>,
}

struct Shared {
    /// Counter in the upper 32 bits, waiters in the lower: as many as there are in the queue when its
    /// lock is free.
    state: AtomicU64,
    queue: SpinLock<List<Sudog>>,
}

impl Default for Shared {
    fn default() -> Self {
        let queue = SpinLock::new(Rank::Channel, List::new());
        Self { state: AtomicU64::new(0), queue }
    }
}

fn counter(state: u64) -> i32 {
    (state >> 32) as i32
}

fn waiters(state: u64) -> u32 {
    state as u32
}

impl WaitGroup {
    /// Nothing to wait for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the count. Panics with `sync: negative WaitGroup counter` or
    /// `sync: WaitGroup misuse: Add called concurrently with Wait`.
    pub fn add(&self, delta: isize) {
        let change = (delta as u64) << 32;
        // AcqRel: what was done before `done` is seen by who is released (pairs with the loads in
        // `wait`, and through the queue's lock with its return).
        let state = self.shared.state.fetch_add(change, Ordering::AcqRel).wrapping_add(change);
        let count = counter(state);
        if count < 0 {
            panic!("sync: negative WaitGroup counter");
        }
        if waiters(state) == 0 {
            return;
        }
        if delta > 0 && count == delta as i32 {
            panic!("sync: WaitGroup misuse: Add called concurrently with Wait");
        }
        if count == 0 {
            self.release_all();
        }
    }

    /// The counter has just become 0 with waiters registered.
    #[cold]
    fn release_all(&self) {
        let mut held = self.shared.queue.lock();
        let waiters = core::mem::take(&mut *held);
        self.shared.state.fetch_sub(waiters.len() as u64, Ordering::Relaxed);
        drop(held);
        sudog::ready_all(waiters);
    }

    /// `add(-1)`.
    pub fn done(&self) {
        self.add(-1);
    }

    /// Parks until the count is 0.
    pub fn wait(&self) {
        // Acquire, here and below: pairs with the addition of the last `done`.
        if counter(self.shared.state.load(Ordering::Acquire)) != 0 {
            self.wait_slow();
        }
    }

    fn wait_slow(&self) {
        let state = &self.shared.state;
        let mut held = self.shared.queue.lock();
        let mut seen = state.load(Ordering::Acquire);
        loop {
            if counter(seen) == 0 {
                return;
            }
            let more = seen + 1;
            match state.compare_exchange_weak(seen, more, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        let sudog = Sudog::new(held.pinned().g(), 0);
        // SAFETY: the sudog stays in this frame until it has been taken off and we were readied.
        unsafe { held.push_back(sudog.as_item()) };
        goparkunlock(held, WaitReason::WaitGroupWait);
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.load(Ordering::Relaxed);
        f.debug_struct("WaitGroup")
            .field("count", &counter(state))
            .field("waiters", &waiters(state))
            .finish()
    }
}
