//! Sleeping on a note, and the idle core. Go: `notesleep`, `notewakeup`, the futex under them.

use burrow_arch::clock::nanotime;
use burrow_arch::{ipi, irq};

use super::mailbox::Was;
use super::note::{Note, Sleep};
use super::switch::{switch_to, turn_is_over};
use super::thread;
use crate::m::M;
use crate::netpoll;
use crate::percpu::{self, Core};
use crate::sched::{SCHED, syscall, tick};
use crate::stack;
use crate::sync::pin;
use crate::time::deadline;

/// Sleeps until the note is signalled. Pinned, no lock held; on g0, or on the stack of a goroutine
/// that keeps its M and P meanwhile. Go: `notesleep`.
pub fn notesleep(m: &'static M, note: &Note<M>) {
    match note.prepare_sleep(m.as_item()) {
        Sleep::AlreadySignalled => {}
        Sleep::Must => block(m),
    }
    note.finish_sleep();
}

/// As [`notesleep`], but no longer than until `nanotime()` is `deadline`; whether the signal has
/// come. Go: `notetsleep`.
///
/// Beside a busy goroutine the thread runs when that one's slice ends, as any woken thread does.
pub fn notetsleep(m: &'static M, note: &Note<M>, deadline: u64) -> bool {
    match note.prepare_sleep(m.as_item()) {
        Sleep::AlreadySignalled => {}
        Sleep::Must => {
            let threads = &percpu::local().threads;
            threads.sleep(m, note, deadline);
            block(m);
            threads.forget(m);
        }
    }
    note.is_signalled()
}

/// The kernel thread that runs here sleeps until `nanotime()` is `deadline`. Go: `usleep`.
pub fn sleep_until(deadline: u64) {
    let pinned = pin();
    let note = Note::new();
    while nanotime() < deadline {
        let _ = notetsleep(pinned.m(), &note, deadline);
    }
}

/// Wakes the thread that sleeps or will sleep on the note. Go: `notewakeup`.
pub fn notewakeup(note: &Note<M>) {
    if let Some(item) = note.wakeup() {
        ready(M::from_item(item));
    }
}

/// Gives this core to `to`, which sleeps on its own note off every core, and sleeps on this
/// thread's own until somebody wakes it: one switch, and nobody is asked. Pinned, no lock held, on
/// g0.
///
/// `to` goes on in the turn of this thread, whose P it was given; so if that is over, it queues.
pub fn hand_over(m: &'static M, to: &'static M) {
    to.set_core(percpu::local().index);
    if turn_is_over() {
        notewakeup(&to.park);
        notesleep(m, &m.park);
    } else {
        // Not on its own note, this thread would not know whether it was woken meanwhile.
        if m.park.prepare_sleep(m.as_item()) == Sleep::AlreadySignalled {
            crate::panic::throw("hand_over: woken while it ran");
        }
        match to.park.wakeup() {
            Some(_) => switch_to(m, to),
            // The clock has woken it a moment ago: it queues here, and finds the signal.
            None if to.is_homebound() => block(m),
            None => crate::panic::throw("hand_over: to a thread that does not sleep"),
        }
        m.park.finish_sleep();
    }
    m.park.clear();
}

/// Makes a sleeping thread runnable on its core.
fn ready(m: &'static M) {
    let index = m.core();
    let Some(core) = percpu::core(index) else {
        crate::panic::throw("notewakeup: no such core");
    };
    // The box's first letter rings the bell; the core takes all letters at once.
    // SAFETY: Ms are never freed, and one that sleeps is on no list.
    let was = unsafe { core.threads.mailbox.push(m.as_item()) };
    if was == Was::Nonempty {
        return;
    }
    if index == percpu::local().index {
        // What runs here makes way in time only if the core ticks. An idle core looks by itself.
        if !core.tick.idling() {
            tick::need(core.own_p());
        }
    } else {
        ipi::send(index);
    }
}

/// Gives the core away until somebody readies this thread.
fn block(m: &'static M) {
    syscall::hand_off(m);
    loop {
        let core = percpu::local();
        match core.threads.pick() {
            Some(next) if core::ptr::eq(next, m) => return,
            Some(next) => {
                switch_to(m, next);
                // Picked again: that is what readied means.
                return;
            }
            // Its goroutine may be picked on another core, which then must find it off this one.
            None if m.lockedg().is_some() && m.curg().is_none() => {
                return switch_to(m, thread::idle_thread(core));
            }
            None => idle(core),
        }
    }
}

/// Nothing to run here: pulls a thread from another core, or halts until an interrupt.
pub(super) fn idle(core: &'static Core) {
    if let Some(m) = pull(core) {
        core.threads.put(m);
        return;
    }
    core.tick.set_idling(true);
    if !deadline::idle_wait(core) {
        halt(core);
    }
    core.tick.set_idling(false);
}

/// Nothing to run, and no timer is due soon.
fn halt(core: &'static Core) {
    // Nothing else to do: stacks may shrink, and frames of those that did may be due.
    stack::scavenge();
    stack::reclaim();
    core.own_p().timers.clean();
    crate::sysmon::before_halt(core);
    crate::sched::sched_point();
    // With interrupts masked nothing arrives between the look and the halt (H24, H27): a letter
    // that comes after the look raises its interrupt, which ends the halt.
    let was_enabled = irq::disable();
    if !core.threads.waiting() && !netpoll::pending_here(core) {
        deadline::before_halt(core);
        stack::idle_enter();
        irq::wait();
        stack::idle_exit();
    }
    irq::restore(was_enabled);
}

/// A runnable thread without a P from another core's queue (law 8).
fn pull(core: &'static Core) -> Option<&'static M> {
    let cores = SCHED.cores();
    (1..cores).find_map(|step| {
        let m = percpu::core((core.index + step) % cores)?.threads.pull()?;
        m.set_core(core.index);
        // Its goroutine's stack may have given pages back since this core flushed.
        stack::flush_epoch();
        Some(m)
    })
}
