//! Switching a core between kernel threads.
//!
//! A thread may be switched out while it runs a goroutine: the goroutine stays `Running` on it, as
//! under any OS.

use burrow_arch::context::switch;

use crate::g;
use crate::m::M;
use crate::percpu;

/// Gives the core to `next`. Comes back when this thread is picked again. Pinned.
///
/// `m` runs here and is queued, asleep or finished; `next` came off this core's queue.
pub(super) fn switch_to(m: &'static M, next: &'static M) {
    debug_assert!(!core::ptr::eq(m, next), "switch to the running thread");
    next.set_core(percpu::local().index);
    next.enter_core();
    m.set_word(g::current().as_word());
    // SAFETY: `next` is switched out completely: it is off every queue, which only this core could
    // take it from while `on_core` was set; our context is ours until `leave_core`.
    let prev = unsafe { switch(m.context(), next.context(), next.word(), word(m)) };
    finish_switch(prev);
}

/// A thread as the value that a switch carries.
fn word(m: &'static M) -> usize {
    (&raw const *m).expose_provenance()
}

/// First thing on the new thread: the one before is off its stack now (H22).
pub(super) fn finish_switch(prev: usize) {
    // SAFETY: the value is the thread that switched here; Ms are never freed.
    let prev: &'static M = unsafe { &*core::ptr::with_exposed_provenance(prev) };
    prev.leave_core();
    super::thread::reap_if_finished(prev);
}

/// Lets the next thread of this core run, if any; this one queues. Pinned.
pub fn yield_now(m: &'static M) {
    let core = percpu::local();
    core.threads.put(m);
    match core.threads.pick() {
        Some(next) if !core::ptr::eq(next, m) => switch_to(m, next),
        Some(_) => {}
        // Another core may have pulled it? Not while it is marked `on_core`.
        None => crate::panic::throw("yield_now: lost thread"),
    }
}

/// Whether this core's running thread has had its turn, with others waiting. Pinned.
#[inline(always)]
pub fn turn_is_over() -> bool {
    percpu::local().threads.due()
}

/// On g0 between two goroutines: a P's holder that keeps scheduling short goroutines would
/// otherwise hold the core for ever.
#[inline(always)]
pub fn yield_if_due(m: &'static M) {
    if turn_is_over() {
        yield_now(m);
    }
}
