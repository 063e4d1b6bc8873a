//! The g0 loop: pick a goroutine, switch to it, do what the switch brought back (law 3).
//!
//! A goroutine leaves by [`mcall`] with an [`Action`]; no value with `Drop` lives on g0 across the
//! switch, and g0's own state is a loop, not a chain of calls.

use burrow_arch::context::switch;

use super::{SCHED, find, idle, locked, park, spawn, suspend, syscall};
use crate::g::{self, G, Status};
use crate::m::M;
use crate::p::bump;
use crate::percpu::{local, record};
use crate::queue::runq::Slice;
use crate::time::deadline;
use crate::time::timers::{DUE, SKIP};
use crate::trace::ring::Event;

/// Why a goroutine switched to g0; done there, when its stack is not in use any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Action {
    /// Gave the core up for the others. Go: `gosched_m`.
    Gosched,
    /// Was preempted. Go: `gopreempt_m`.
    Preempt,
    /// Parks, if its unlock function says so. Go: `park_m`.
    Park,
    /// Ended. Go: `goexit0`.
    Exit,
    /// Makes way for a goroutine it just readied, and stays next in line. Go: `goyield_m`.
    Yield,
    /// Was preempted because a timer is due; its slice goes on.
    MakeWay,
    /// Comes from a call, without a P. Go: `exitsyscall0`.
    Syscall,
}

impl Action {
    fn from_word(word: usize) -> Self {
        match word {
            0 => Self::Gosched,
            1 => Self::Preempt,
            2 => Self::Park,
            3 => Self::Exit,
            4 => Self::Yield,
            5 => Self::MakeWay,
            _ => Self::Syscall,
        }
    }
}

/// A goroutine's way to g0. Comes back when it is run again, perhaps on another core and M; its
/// count is 0 then. Go: `mcall`.
///
/// On a goroutine's stack, pinned at least once beside what the caller wants to hand over: the
/// switch moves the count and the held ranks to g0 (law 2).
#[inline(always)]
pub fn mcall(g: &'static G, action: Action) {
    debug_assert!(!g.is_g0(), "mcall on g0");
    debug_assert!(g.count() > 0, "mcall without held-off preemption");
    let g0 = &g.m().g0;
    // SAFETY: this M's g0 waits in `execute`, so that its context is valid and nobody else uses
    // it while we are pinned; our own context belongs to us.
    unsafe { switch(g.context(), g0.context(), g0.as_word(), action as usize) };
}

/// The scheduler of an M that holds a P: for ever, on its g0. Go: `schedule`, `mstart1`.
pub fn schedule_loop(m: &'static M) -> ! {
    loop {
        // First: see `locked` on why nothing may come between.
        let (g, slice) = match m.lockedg() {
            Some(g) => (g, locked::stoplockedm(m, g)),
            None => match pick(m) {
                Some(found) => found,
                None => continue,
            },
        };
        match execute(m, g, slice) {
            // By far the most frequent one.
            Action::Park => park::park_m(m, g),
            action => perform(m, g, action),
        }
    }
}

/// The goroutine to run next, unless it is another M's to run.
#[inline(always)]
fn pick(m: &'static M) -> Option<find::Found> {
    if m.spinning() && !m.p().runq.is_empty() {
        crate::panic::throw("schedule: spinning with local work");
    }
    crate::kthread::yield_if_due(m);
    crate::stack::scavenge_if_due();
    let (g, slice) = find::findrunnable(m);
    if m.spinning() {
        idle::resetspinning(m);
    }
    if let Some(locked_m) = g.lockedm() {
        locked::startlockedm(m, g, slice, locked_m);
        return None;
    }
    Some((g, slice))
}

/// Runs the goroutine on this M until it comes back. Go: `execute`, `gogo`.
#[inline(always)]
fn execute(m: &'static M, g: &'static G, slice: Slice) -> Action {
    let p = m.p();
    g.casgstatus(Status::Runnable, Status::Running);
    g.clear_preemption();
    g.set_waiting_since(0);
    if slice == Slice::New {
        p.next_slice();
    }
    bump(&p.counts.switches, 1);
    m.set_curg(Some(g));
    g.set_m(Some(m));
    record(Event::Run, g.goid(), p.id as u64);
    if p.timers.flags() != 0 {
        // After `curg`: an interrupt from here on knows that nobody looks any more.
        deadline::before_run(local(), p);
    }
    debug_assert_eq!(g.count(), 0, "a goroutine starts to run without held-off preemption");
    if g.stack().shrunk != 0 {
        g.set_stack(crate::stack::enter(g.stack()));
    }
    // SAFETY: status `Running` makes the goroutine's context ours, and it was saved completely: by
    // `mcall` of its last run, whose M performed its action after the switch, or by its creation.
    let word = unsafe { switch(m.g0.context(), g.context(), g.as_word(), 0) };
    // Law 2: what the goroutine held moves to g0. One count was mcall's own.
    let held = g.count();
    g.set_count(0);
    if held > 1 {
        m.g0.set_count(m.g0.count() + held - 1);
    }
    if cfg!(debug_assertions) {
        m.g0.add_ranks(g.take_ranks());
    }
    Action::from_word(word)
}

/// The goroutine is off its stack: settle what becomes of it.
#[inline(never)]
fn perform(m: &'static M, g: &'static G, action: Action) {
    match action {
        Action::Gosched => goschedimpl(m, g),
        Action::Preempt => {
            record(Event::Preempt, g.goid(), m.core() as u64);
            if m.p().timers.flags() & DUE != 0 {
                // More is due than the core can do: the others have their turn all the same.
                m.p().timers.raise(SKIP);
            }
            goschedimpl(m, g);
        }
        Action::Park => park::park_m(m, g),
        Action::Exit => {
            spawn::goexit0(m, g);
            if m.lockedg().is_some() {
                locked::mexit(m);
            }
        }
        Action::Syscall => syscall::exitsyscall0(m, g),
        Action::Yield | Action::MakeWay => {
            dropg(m, g);
            g.casgstatus(Status::Running, Status::Runnable);
            idle::runqput(m.p(), g, crate::queue::runq::Place::Tail);
        }
    }
}

/// The M lets its goroutine go. Go: `dropg`.
#[inline(always)]
pub fn dropg(m: &'static M, g: &'static G) {
    m.set_curg(None);
    g.set_m(None);
}

/// To the tail of the global queue. Go: `goschedImpl`.
fn goschedimpl(m: &'static M, g: &'static G) {
    dropg(m, g);
    if suspend::keeps(g) {
        // Whoever asked for it lets it go on.
        return;
    }
    // Before the status: once `Runnable` and queued it may run elsewhere.
    g.casgstatus(Status::Running, Status::Runnable);
    SCHED.lock.lock().globrunqput(g);
    super::tick::need(m.p());
    // Differs from Go, which wakes a P even when nothing else is there: then this P comes back to
    // the goroutine at once, and a loop of yields would send it around all cores.
    let alone = SCHED.runqsize() == 1 && m.p().runq.is_empty();
    if !alone && SCHED.main_started.load(core::sync::atomic::Ordering::Relaxed) {
        idle::wakep(m);
    }
}

/// Lets other goroutines run; this one goes to the tail of the global queue. Go: `Gosched`.
pub fn gosched() {
    let g = g::current();
    g.raise();
    mcall(g, Action::Gosched);
}

/// Makes way for the goroutine that was readied last: this one goes to the tail of its P's queue.
/// Go: `goyield`.
pub fn goyield() {
    let g = g::current();
    g.raise();
    mcall(g, Action::Yield);
}
