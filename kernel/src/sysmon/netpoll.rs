//! Devices that nobody looks after. Go: the `netpoll` in `sysmon`.
//!
//! Goroutines whose devices have interrupted are taken by the core that was interrupted or by an
//! idle one ([`crate::netpoll`]). If some wait for long all the same, every core is told again. And
//! where a device has to be asked, its poller is called when nobody has done so for 10 ms.

use core::sync::atomic::{AtomicU64, Ordering};

use burrow_arch::ipi;

use crate::percpu;
use crate::sched::SCHED;
use crate::sync::pin;

/// Not polled for so many nanoseconds is late.
const LATE_NS: u64 = 10_000_000;

/// Makes ready what has become ready; without a P, on a system stack, preemption not held off.
static POLLER: spin::Once<fn()> = spin::Once::new();

/// When somebody last polled. Go: `sched.lastpoll`.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Gives the poller, once.
pub fn set_poller(poll: fn()) {
    POLLER.call_once(|| poll);
}

/// Somebody polls.
pub fn polled(now: u64) {
    LAST.store(now, Ordering::Relaxed);
}

/// Goroutines whose devices have interrupted, as sysmon sees them.
pub(super) struct Untaken {
    /// Since when there have been some at every look; 0: there are none.
    since: u64,
}

impl Untaken {
    pub(super) const fn new() -> Self {
        Self { since: 0 }
    }

    /// Tells all cores if some have waited for long.
    pub(super) fn look(&mut self, now: u64) {
        if !crate::netpoll::pending() {
            self.since = 0;
        } else if self.since == 0 {
            self.since = now;
        } else if now.saturating_sub(self.since) >= LATE_NS {
            self.since = now;
            let own = pin().core().index;
            let started = |id: &usize| *id != own && percpu::core(*id).is_some();
            (0..SCHED.procs()).filter(started).for_each(ipi::send);
        }
    }
}

/// Polls if nobody has for long.
pub(super) fn poll_if_late(now: u64) {
    let Some(poll) = POLLER.get() else { return };
    let last = LAST.load(Ordering::Relaxed);
    if now.saturating_sub(last) >= LATE_NS
        && LAST.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    {
        poll();
    }
}
