//! Calls that keep their M for as long as they like, while others get the P. Go: `entersyscall`,
//! `exitsyscall`, `retake`.
//!
//! Burrow has no system calls. What keeps its M here is code that blocks its kernel thread, or
//! computes without a care for others: block I/O, foreign code, a program's own long work
//! (`runtime::blocking`). Going in and coming back costs a few stores and two exchanges: the P stays
//! where it is, marked as `Syscall`, and whoever wants it takes it by one exchange
//! ([`P::take_from_syscall`]), which the M coming back tries too ([`P::leave_syscall`]).
//!
//! Who wants it (law 8):
//! - the M itself, as it goes to sleep or makes way for another thread of its core ([`hand_off`]);
//! - the core's tick, if goroutines wait there and the call has lasted from one tick to the next, or
//!   its slice is over: it makes the M call [`give_way`];
//! - who stops the world (`stop`), and sysmon ([`retake`]).
//!
//! So a P is marked only while its M is what its core runs. An M that comes back and finds its P
//! gone takes the one of its core if that is idle, else leaves its goroutine on the global queue and
//! has nothing to do ([`exitsyscall0`]).
//!
//! Differs from Go: entering does not look whether the world is to stop. The interrupt that asks
//! every core for it comes after, and finds the P marked.

use core::marker::PhantomData;

use burrow_arch::clock::nanotime;
pub use burrow_arch::context::Registers;

use super::handoff::handoffp;
use super::run::{Action, dropg, mcall};
use super::{SCHED, acquirep, idle, preempt, tick};
use crate::g::{self, G, Preempt, Status};
use crate::m::M;
use crate::p::{P, Status as PStatus};
use crate::percpu;
use crate::queue::runq::Place;
use crate::sync::{Pinned, pin};
use crate::time::deadline;
use crate::time::timers::DUE;

/// The goroutine is in a call that keeps its M, while this lives.
pub struct InSyscall(PhantomData<*mut ()>);

impl InSyscall {
    /// Goes in. Tracebacks of the goroutine start at `frame`. Go: `reentersyscall`.
    ///
    /// On a goroutine's stack, preemption not held off.
    ///
    /// # Safety
    /// `frame` is on the goroutine's stack, describes a caller, and stays until this is dropped.
    #[inline(always)]
    pub unsafe fn enter(frame: *const Registers) -> Self {
        entersyscall(frame);
        Self(PhantomData)
    }
}

impl Drop for InSyscall {
    #[inline(always)]
    fn drop(&mut self) {
        exitsyscall();
    }
}

/// Whether the goroutine that runs here is in such a call.
#[inline(always)]
pub fn is_in_syscall() -> bool {
    g::current().status() == Status::Syscall
}

#[inline(always)]
fn entersyscall(frame: *const Registers) {
    let pinned = pin();
    let (g, m) = (pinned.g(), pinned.m());
    let Some(p) = m.try_p().filter(|p| p.status() == PStatus::Running && g.count() == 1) else {
        crate::panic::throw("entersyscall: preemption held off, or the world stopped");
    };
    m.set_syscall_frame(frame);
    g.casgstatus(Status::Running, Status::Syscall);
    m.set_p(None);
    m.set_syscall_p(Some(p));
    p.set_m(None);
    // Last: from here on others may take it.
    p.enter_syscall();
}

/// Comes back. A preemption that was asked for meanwhile happens here.
#[inline(always)]
fn exitsyscall() {
    let pinned = pin();
    let (g, m) = (pinned.g(), pinned.m());
    match m.syscall_p() {
        Some(p) if p.leave_syscall() => {
            m.set_syscall_p(None);
            m.set_p(Some(p));
            p.set_m(Some(m));
            g.casgstatus(Status::Syscall, Status::Running);
        }
        _ => without_p(pinned),
    }
}

/// The P is gone. Go: the slow half of `exitsyscall`.
#[cold]
#[inline(never)]
fn without_p(pinned: Pinned) {
    let (g, m) = (pinned.g(), pinned.m());
    m.set_syscall_p(None);
    let Some(p) = take_own_p(m) else {
        // The pin is mcall's own count, dropped by the switch.
        core::mem::forget(pinned);
        return mcall(g, Action::Syscall);
    };
    acquirep(m, p);
    g.set_waiting_since(0);
    g.casgstatus(Status::Syscall, Status::Running);
    tick::need_if_waiters(p);
    if p.timers.flags() != 0 {
        // As where a goroutine is switched to.
        deadline::before_run(pinned.core(), p);
        if p.timers.flags() & DUE != 0 {
            // Honoured as the pin is dropped.
            g.request_preemption(Preempt::Timers);
        }
    }
}

/// This core's P, if it is idle. Go: `exitsyscallfast_pidle`, for the only P that may be taken here.
fn take_own_p(m: &'static M) -> Option<&'static P> {
    SCHED.idle_ps.test(m.core()).then(|| SCHED.lock.lock().pidleget(m.core())).flatten()
}

/// The goroutine is off its stack, and its M holds no P: one of the two finds the other one, or the
/// goroutine waits for another M and this M for another goroutine. On g0. Go: `exitsyscall0`.
pub fn exitsyscall0(m: &'static M, g: &'static G) {
    g.set_waiting_since(0);
    // Waits for who looks at its stack, and finds its frame by its M.
    g.casgstatus(Status::Syscall, Status::Runnable);
    dropg(m, g);
    let mut locked = SCHED.lock.lock();
    if let Some(p) = locked.pidleget(m.core()) {
        drop(locked);
        acquirep(m, p);
        idle::runqput(p, g, Place::Next);
        return;
    }
    locked.globrunqput(g);
    drop(locked);
    // Whoever holds the core's P has to make way in time.
    tick::need(percpu::local().own_p());
    idle::wakep(m);
    if m.lockedg().is_none() {
        idle::stop_without_p(m);
    }
}

/// The M that runs here is about to leave its core, to sleep or for another thread: if its goroutine
/// is in a call and has a P yet, that one is for others now. Pinned, no lock held.
#[inline(always)]
pub fn hand_off(m: &'static M) {
    if m.syscall_p().is_some() {
        hand_off_now(m);
    }
}

#[cold]
#[inline(never)]
fn hand_off_now(m: &'static M) {
    let Some(p) = m.syscall_p() else { return };
    m.set_syscall_p(None);
    if let Some(g) = m.curg() {
        g.set_waiting_since(nanotime());
    }
    if p.take_from_syscall() {
        // Law 8: who gets it runs before this M runs again.
        percpu::local().threads.p_goes_first();
        handoffp(m, p);
    }
}

/// The goroutine that runs here, in a call, is to make way for whatever waits for its core: called
/// where it would be preempted if it were not in a call, the count raised.
pub fn give_way(m: &'static M) {
    hand_off(m);
    preempt::make_way(m);
}

/// Takes a P whose M is in a call, for others. Whether there was one to take. Pinned, no lock held;
/// on any core. Go: `retake`'s second half.
pub fn retake(m: &'static M, p: &'static P) -> bool {
    if p.status() != PStatus::Syscall || !p.take_from_syscall() {
        return false;
    }
    if let Some(core) = percpu::core(p.id) {
        core.threads.p_goes_first();
    }
    handoffp(m, p);
    true
}
