//! The poller of devices, if there is one, is called when nobody has called it for 10 ms. Go: the
//! `netpoll` in `sysmon`.

use core::sync::atomic::{AtomicU64, Ordering};

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

/// Polls if nobody has for long. By sysmon.
pub(super) fn poll_if_late(now: u64) {
    let Some(poll) = POLLER.get() else { return };
    let last = LAST.load(Ordering::Relaxed);
    if now.saturating_sub(last) >= LATE_NS
        && LAST.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    {
        poll();
    }
}
