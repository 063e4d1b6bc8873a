//! A weighted semaphore. Go: `semaphore.Weighted`.
//!
//! Waiters are served strictly in order of arrival: one that wants much holds back those behind it
//! that want little, else it might wait for ever.

use core::fmt;

use crate::queue::list::List;
use crate::sched::WaitReason;
use crate::sched::park::goparkunlock;

use super::parking::Handoff;
use super::sema::make_way;
use super::sudog::{self, Sudog};
use super::{Rank, SpinLock};

/// A count that can be taken from and given back; waiters are served in order. Go:
/// `semaphore.Weighted`, and the runtime's `semacquire`.
pub struct Semaphore {
    inner: SpinLock<Inner>,
}

struct Inner {
    permits: usize,
    /// Not empty: the first of them wants more than there is.
    waiters: List<Sudog>,
}

impl Inner {
    fn try_take(&mut self, n: usize) -> bool {
        let takes = self.waiters.is_empty() && n <= self.permits;
        if takes {
            self.permits -= n;
        }
        takes
    }

    /// Takes off those that can be served now, in order.
    fn serve(&mut self) -> List<Sudog> {
        let mut served = List::new();
        while let Some(item) = self.waiters.iter().next() {
            // SAFETY: queued, so that its goroutine is parked in the frame that holds it.
            let wanted = unsafe { item.as_ref() }.word;
            if wanted > self.permits {
                break;
            }
            self.permits -= wanted;
            self.waiters.pop_front();
            // SAFETY: alive as before, and on no list now.
            unsafe { served.push_back(item) };
        }
        served
    }
}

impl Semaphore {
    /// With `permits` free.
    pub const fn new(permits: usize) -> Self {
        let inner = Inner { permits, waiters: List::new() };
        Self { inner: SpinLock::new(Rank::Channel, inner) }
    }

    /// Parks until `n` can be taken at once. Wait reason `semacquire`.
    pub fn acquire(&self, n: usize) {
        let mut held = self.inner.lock();
        if held.try_take(n) {
            return;
        }
        let sudog = Sudog::new(held.pinned().g(), n);
        // SAFETY: the sudog stays in this frame until a release has taken it off and readied us.
        unsafe { held.waiters.push_back(sudog.as_item()) };
        goparkunlock(held, WaitReason::Semacquire);
    }

    /// Takes `n` if they are free and nobody waits.
    pub fn try_acquire(&self, n: usize) -> bool {
        self.inner.lock().try_take(n)
    }

    /// Gives `n` back; waiters become runnable. Panics if there were more than a `usize` counts.
    pub fn release(&self, n: usize) {
        self.release_to(n, Handoff::GoOn);
    }

    /// As `release`; the first waiter that it serves runs now, in place of the caller. Go:
    /// `semrelease` with `handoff`.
    pub fn release_handoff(&self, n: usize) {
        self.release_to(n, Handoff::MakeWay);
    }

    fn release_to(&self, n: usize, handoff: Handoff) {
        let mut held = self.inner.lock();
        let Some(permits) = held.permits.checked_add(n) else {
            drop(held);
            panic!("sync: Semaphore counter overflow");
        };
        held.permits = permits;
        let served = held.serve();
        drop(held);
        let any = !served.is_empty();
        sudog::ready_all(served);
        if any && handoff == Handoff::MakeWay {
            make_way();
        }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (permits, waiters) = {
            let held = self.inner.lock();
            (held.permits, held.waiters.len())
        };
        f.debug_struct("Semaphore").field("permits", &permits).field("waiters", &waiters).finish()
    }
}
