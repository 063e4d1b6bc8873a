//! Asynchronous preemption (laws 4, 5, 6). Go: `preempt.go`, `asyncPreempt`.
//!
//! The timer's handler decides that the slice is over, and if the interrupted instruction is a safe
//! point makes the interrupted code call [`preempted`] as if by itself, with every register saved.
//! There is no collector, so that any instruction is a safe point that is (1) goroutine code on its
//! own stack, (2) without held-off preemption, (3) not in text marked as not preemptible.

use burrow_arch::trap::{self, TrapFrame};

use super::run::{Action, mcall};
use super::{SCHED, idle, stop, syscall};
use crate::config::CONFIG;
use crate::g::{self, G, Preempt, Status};
use crate::m::M;
use crate::p::bump;
use crate::time::timers::DUE;
use crate::{percpu, stack, time};

/// What became of a preemption in the handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Outcome {
    /// The interrupted code continues at the preemption stub.
    Redirected,
    /// Held off: honoured when the count drops to 0.
    Pending,
    /// Not here (PC or stack): to be tried again shortly.
    Retry,
    /// Switched off.
    Off,
}

/// Preempts the interrupted code if it may be. In a handler, interrupts masked. Go:
/// `wantAsyncPreempt`, `isAsyncSafePoint`.
pub fn try_preempt(frame: &mut TrapFrame, g: &'static G, why: Preempt) -> Outcome {
    if g.count() > 0 {
        g.request_preemption(why);
        return Outcome::Pending;
    }
    if CONFIG.async_preempt_off() && !g.is_g0() && g.status() == Status::Running {
        // Honoured at the next call into the runtime, as with Go's cooperative preemption.
        g.request_preemption(why);
        return Outcome::Off;
    }
    let Some(stack) = g.stack_at(frame.sp()).filter(|_| !trap::not_preemptible(frame.pc())) else {
        return Outcome::Retry;
    };
    if !stack::ensure(&stack, frame.sp(), trap::PREEMPT_PUSH) {
        return Outcome::Retry;
    }
    // The count that `preempted` will find: no second redirection before it has begun.
    g.raise();
    g.request_preemption(why);
    // SAFETY: a safe point by the checks above, and the bytes below SP are mapped.
    unsafe { frame.redirect_to_preempt() };
    Outcome::Redirected
}

/// The preemption stub's call: ordinary code on the interrupted stack, the handler's count raised.
/// Go: `asyncPreempt2`.
pub extern "C" fn preempted() {
    let g = g::current();
    if g.is_g0() {
        // A thread without a P: the other threads of its core have their turn.
        g.clear_preemption();
        make_way(g.m());
        let _ = g.lower();
        return;
    }
    let m = g.m();
    if g.status() == Status::Syscall {
        g.clear_preemption();
        syscall::give_way(m);
        let _ = g.lower();
        return;
    }
    if let Some(p) = m.try_p() {
        bump(&p.counts.preemptions, 1);
    }
    let why = g.preemption();
    g.clear_preemption();
    leave(g, m, why);
}

/// The goroutine that runs here, its count raised once for this, makes way: for the next kernel
/// thread of this core, or for the next goroutine.
fn leave(g: &'static G, m: &'static M, why: Preempt) {
    let threads = crate::kthread::turn_is_over();
    if threads {
        crate::kthread::yield_now(m);
    }
    // Perhaps a timer of this P became due while others had the core.
    let due = || m.try_p().is_some_and(|p| p.timers.flags() & DUE != 0);
    if (threads && !due() && !SCHED.world.is_asking()) || !stop::may_leave() {
        let _ = g.lower();
        return;
    }
    mcall(g, action(why));
}

/// How a goroutine gives the core up.
fn action(why: Preempt) -> Action {
    match why {
        Preempt::Timers => Action::MakeWay,
        Preempt::No | Preempt::Slice => Action::Preempt,
    }
}

/// A thread without a P makes way for the other threads of its core, among them the one of the
/// core's P if a timer is due.
pub(super) fn make_way(m: &'static M) {
    let core = percpu::local();
    if time::deadline::notice(core.own_p(), time::nanotime()) {
        idle::start_own_p(core);
    }
    crate::kthread::yield_now(m);
}

/// A preemption was held off and is due now. Go: the `preempt` check of `newstack`.
pub fn preempt_park() {
    let g = g::current();
    if !burrow_arch::irq::enabled() {
        // Who masked interrupts relies on nothing else running here, and what runs next would
        // inherit the mask. The request stays for the next time.
        return;
    }
    let why = g.preemption();
    g.clear_preemption();
    match g.status() {
        _ if g.is_g0() => {
            g.raise();
            make_way(g.m());
            let _ = g.lower();
        }
        Status::Syscall => {
            g.raise();
            syscall::give_way(g.m());
            let _ = g.lower();
        }
        Status::Running => {
            g.raise();
            leave(g, g.m(), why);
        }
        _ => {}
    }
}
