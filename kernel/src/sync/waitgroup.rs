//! `WaitGroup`: waits for a number of things to be done. Go: `sync.WaitGroup`.
//!
//! One word holds the counter (upper half) and the number of waiters (lower half), so that `add`
//! and `done` are one atomic addition. Whoever brings the counter to zero releases the waiters.

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use super::sema::Sema;
use crate::sched::WaitReason;

/// Waits for a number of things to be done. Clones are the same group. Go: `*sync.WaitGroup`.
#[derive(Clone, Default)]
pub struct WaitGroup {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Counter in the upper 32 bits, waiters in the lower.
    state: AtomicU64,
    sema: Sema,
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
        // AcqRel: what was done before `done` is seen by who is released (pairs with the load in
        // `wait`, and through the semaphore with its return).
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
            self.release_all(state);
        }
    }

    /// The counter has just become 0 with waiters registered: nobody may change the word now, by
    /// the rules of use, so that any change is a misuse.
    #[cold]
    fn release_all(&self, state: u64) {
        if self.shared.state.swap(0, Ordering::AcqRel) != state {
            panic!("sync: WaitGroup misuse: Add called concurrently with Wait");
        }
        for _ in 0..waiters(state) {
            self.shared.sema.release();
        }
    }

    /// `add(-1)`.
    pub fn done(&self) {
        self.add(-1);
    }

    /// Parks until the count is 0. Panics with
    /// `sync: WaitGroup is reused before previous Wait has returned`.
    pub fn wait(&self) {
        let state = &self.shared.state;
        // Acquire: pairs with the addition of the last `done`.
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
        self.shared.sema.acquire(WaitReason::WaitGroupWait);
        if state.load(Ordering::Acquire) != 0 {
            panic!("sync: WaitGroup is reused before previous Wait has returned");
        }
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
