//! A counting semaphore that parks goroutines. Go: `semacquire`, `semrelease`.
//!
//! Differs from Go: each semaphore has its own queue instead of a bucket in a shared table keyed by
//! address; it costs two words and saves the search. Waiters are served in order of arrival, and a
//! release hands its permit to the first of them directly.

use crate::g::G;
use crate::queue::list::List;
use crate::sched::WaitReason;
use crate::sched::park::{goparkunlock, goready};

use super::{Rank, SpinLock};

/// See the module's text.
pub struct Sema {
    inner: SpinLock<Inner>,
}

struct Inner {
    permits: u32,
    /// Parked by `acquire`; a parked G is on no other list.
    waiters: List<G>,
}

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

    /// Takes a permit, parking until there is one.
    pub fn acquire(&self, reason: WaitReason) {
        let mut held = self.inner.lock();
        if held.permits > 0 {
            held.permits -= 1;
            return;
        }
        let g = held.pinned().g().as_item();
        // SAFETY: Gs are never freed, and one that runs is on no list; `release` takes it off
        // before it readies it.
        unsafe { held.waiters.push_back(g) };
        goparkunlock(held, reason);
    }

    /// Gives a permit: to the first waiter, or for later.
    pub fn release(&self) {
        let mut held = self.inner.lock();
        match held.waiters.pop_front() {
            None => held.permits += 1,
            Some(waiter) => {
                drop(held);
                goready(G::from_item(waiter));
            }
        }
    }
}

impl Default for Sema {
    fn default() -> Self {
        Self::new()
    }
}
