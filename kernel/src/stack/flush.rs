//! The machine's epochs: when its cores flush their TLBs for pages that were given back.

use burrow_arch::paging;
use burrow_arch::platform::MAX_CORES;

use super::epoch::Epochs;
use crate::percpu;

/// See [`Epochs`].
pub(super) static EPOCHS: Epochs<MAX_CORES> = Epochs::new();

/// At a tick, a stop of the world, or before a thread runs here that ran elsewhere: flushes if
/// pages were unmapped since the last time. Interrupts masked or preemption held off; handlers may
/// call it.
#[inline]
pub fn flush_epoch() {
    EPOCHS.tick(percpu::local().index, paging::flush_all);
}

/// Flushes unless this core has done so since that epoch ended. Pinned.
pub(super) fn flush_since(epoch: u64) {
    EPOCHS.flush_since(percpu::local().index, epoch, paging::flush_all);
}

/// Before the core halts. Interrupts masked.
#[inline]
pub fn idle_enter() {
    EPOCHS.idle_enter(percpu::local().index);
}

/// After the core halted, and as it starts: before it touches any goroutine's stack. Interrupts
/// masked.
#[inline]
pub fn idle_exit() {
    EPOCHS.idle_exit(percpu::local().index, paging::flush_all);
}
