//! The machine's epochs: when its cores flush their TLBs for pages that were given back.

use burrow_arch::platform::MAX_CORES;
use burrow_arch::{ipi, paging};

use super::epoch::Epochs;
use crate::percpu;
use crate::sched::SCHED;
use crate::sync::pin;

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

/// Whether every core has flushed since that epoch ended.
pub fn has_passed(epoch: u64) -> bool {
    EPOCHS.all_saw(epoch)
}

/// This core flushes what was unmapped so far, and the others are asked to: one that runs a lone
/// goroutine for long does not tick.
pub fn ask_to_flush() {
    let pinned = pin();
    let own = pinned.core().index;
    let started = |id: &usize| *id != own && percpu::core(*id).is_some();
    (0..SCHED.cores()).filter(started).for_each(ipi::send);
    flush_epoch();
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
