//! Stopping the world: no goroutine runs but the one that asked (law 16). Go: `stopTheWorld`,
//! `startTheWorld`, `gcstopm`.
//!
//! Each P stops by itself: an M that looks for work while [`STOP`] is asked for gives its P up as
//! `GcStop` and sleeps ([`gcstopm`]). Idle Ps are taken at once; a P whose M runs a goroutine is
//! asked for by an interrupt, and its core's tick asks again until it has stopped
//! ([`super::tick`]). The requester keeps its P, sleeps on a note until the last of the others has
//! stopped, and goes on. Kernel threads without a P notice nothing, and have their turns on the
//! requester's core too.
//!
//! Differs from Go: there the requester asks again every 100 µs. Here nobody needs to: `STOP` is
//! asked for before the interrupt is sent, so that a core either sees it when it next looks for work,
//! or runs a goroutine when the interrupt comes and then ticks until that has left.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering};

use burrow_arch::ipi;

use super::{Locked, SCHED, WaitReason, acquirep, idle, procs, releasep, safepoint, suspend};
use crate::g::{self, Status as GStatus};
use crate::kthread::note::Note;
use crate::kthread::{self, notesleep};
use crate::m::M;
use crate::p::{P, Status, allp};
use crate::percpu::record;
use crate::sync::pin;
use crate::sync::sema::Sema;
use crate::trace::ring::Event;

/// What stopping needs beside the scheduler's lock.
pub struct World {
    /// One stops the world at a time. Go: `worldsema`.
    pub(super) sema: Sema,
    /// What is asked of Ms that look for work. Changed under the scheduler's lock.
    asked: AtomicU32,
    /// Signalled by the last P to stop. Go: `stopnote`.
    pub(super) note: Note<M>,
}

impl World {
    /// A world that runs.
    pub const fn new() -> Self {
        Self { sema: Sema::with_permits(1), asked: AtomicU32::new(0), note: Note::new() }
    }

    /// Whether the world stops or is stopped. Go: `gcwaiting`.
    #[inline(always)]
    pub fn gcwaiting(&self) -> bool {
        self.wants(STOP)
    }

    /// Whether Ms that look for work are asked for anything: to [`attend`] to it.
    #[inline(always)]
    pub fn is_asking(&self) -> bool {
        self.asked.load(Ordering::Relaxed) != 0
    }

    /// Whether they are asked for that.
    pub(super) fn wants(&self, what: u32) -> bool {
        self.asked.load(Ordering::Relaxed) & what != 0
    }

    /// Under the scheduler's lock.
    pub(super) fn ask(&self, what: u32) {
        self.asked.fetch_or(what, Ordering::Relaxed);
    }

    /// Under the scheduler's lock.
    pub(super) fn settle(&self, what: u32) {
        self.asked.fetch_and(!what, Ordering::Relaxed);
    }
}

/// The world stops or is stopped: every P is to stop. Go: `gcwaiting`.
const STOP: u32 = 1;
/// A P that was taken out of use is still held: see [`procs`].
pub(super) const RETIRE: u32 = 2;
/// Some Ps are to run a function: see [`safepoint`].
pub(super) const SAFE_POINT: u32 = 4;
/// A goroutine that runs is to stop: see [`suspend`].
pub(super) const FREEZE: u32 = 8;

/// Whether the M that holds this P is to give it up.
pub(super) fn wants(p: &P) -> bool {
    SCHED.world.gcwaiting() || is_out_of_use(p)
}

/// Whether this P, which is held, is to be put away.
fn is_out_of_use(p: &P) -> bool {
    SCHED.world.wants(RETIRE) && p.id >= SCHED.procs()
}

/// Whether what runs on this P is to make way for its M to do what is asked of it.
pub(super) fn asks(p: &P) -> bool {
    wants(p) || p.safe_point() || suspend::wants(p)
}

/// Something is asked of Ms that look for work: does it, if it is asked of this one. Whether the P
/// was given up for it and is held again, so that everything may have changed. On g0, with a P.
#[cold]
pub fn attend(m: &'static M) -> bool {
    if SCHED.world.gcwaiting() {
        gcstopm(m);
        return true;
    }
    // Not `wants`: the world may be asked to stop between the two looks.
    if is_out_of_use(m.p()) {
        procs::retire(m);
        return true;
    }
    if m.p().safe_point() {
        safepoint::run(m.p());
    }
    false
}

/// Runs `f` on the caller while no other goroutine runs. `f` must not park, yield or end the
/// goroutine: that throws. It may start and ready goroutines, which run afterwards. If it panics,
/// the world goes on before the panic does. Go: `stopTheWorld` and `startTheWorld` around `f`.
///
/// On a goroutine's stack, preemption not held off; may park before `f` runs.
pub fn stop_the_world<T>(f: impl FnOnce() -> T) -> T {
    let stopped = Stopped::begin();
    let result = f();
    drop(stopped);
    result
}

/// The world is stopped by this goroutine while this lives.
pub(super) struct Stopped(PhantomData<*mut ()>);

impl Stopped {
    /// Stops it; may park until it is this goroutine's turn.
    pub(super) fn begin() -> Self {
        if is_stopped_here() {
            crate::panic::throw("stop_the_world: the world is stopped already");
        }
        SCHED.world.sema.acquire(WaitReason::Semacquire);
        stop_with_sema();
        Self(PhantomData)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        start_with_sema();
        procs::leave_retired();
        SCHED.world.sema.release();
    }
}

/// Whether what runs here is the goroutine that stopped the world. Go: `worldStopped`'s checks.
pub fn is_stopped_here() -> bool {
    pin().m().try_p().is_some_and(|p| p.status() == Status::GcStop)
}

/// Go: `stopTheWorldWithSema`. The caller holds `sema`.
fn stop_with_sema() {
    let pinned = pin();
    let (g, m, p) = (pinned.g(), pinned.m(), pinned.p());
    record(Event::Stop, g.goid(), m.id());
    let mut locked = SCHED.lock.lock();
    locked.stopwait = SCHED.procs();
    SCHED.world.ask(STOP);
    stop_p(&mut locked, p);
    while let Some(idle) = locked.pidleget_any(0) {
        stop_p(&mut locked, idle);
    }
    for p in (0..SCHED.procs()).map(allp).filter(|p| p.stop_from_syscall()) {
        stop_p(&mut locked, p);
    }
    let must_wait = locked.stopwait > 0;
    drop(locked);
    if must_wait {
        preemptall(|p| p.status() != Status::GcStop);
        g.begin_stopping(WaitReason::StoppingTheWorld);
        notesleep(m, &SCHED.world.note);
        g.end_stopping();
        SCHED.world.note.clear();
    }
    debug_assert!((0..SCHED.procs()).all(|id| allp(id).status() == Status::GcStop));
}

/// One P less to wait for; says whether it was the last.
fn stop_p(locked: &mut Locked, p: &'static P) -> bool {
    p.set_status(Status::GcStop);
    locked.stopwait -= 1;
    locked.stopwait == 0
}

/// Something is asked of a P that nobody holds any more: then it is done. Whether it was.
pub(super) fn put_away(locked: &mut Locked, p: &'static P) -> bool {
    if !wants(p) {
        return false;
    }
    if !SCHED.world.gcwaiting() {
        procs::put_away(locked, p);
    } else if stop_p(locked, p) {
        kthread::notewakeup(&SCHED.world.note);
    }
    true
}

/// Interrupts every core whose P has not done yet what it was asked for. Go: `preemptall`.
///
/// Whatever the P's status seems to be: its core may be about to run a goroutine. A core that has
/// not arrived yet loses the interrupt and finds `STOP` asked for when it does.
pub(super) fn preemptall(is_asked: impl Fn(&P) -> bool) {
    for p in (0..SCHED.procs()).map(allp).filter(|p| is_asked(p)) {
        ipi::send(p.id);
    }
}

/// Stops this M and its P until the world goes on. On g0, holding a P. Go: `gcstopm`.
fn gcstopm(m: &'static M) {
    if m.p().status() == Status::GcStop {
        crate::panic::throw("stop_the_world: the function gave the goroutine up");
    }
    if m.spinning() {
        m.set_spinning(false);
        SCHED.spinners.stop();
    }
    let mut locked = SCHED.lock.lock();
    if !SCHED.world.gcwaiting() {
        return;
    }
    let p = releasep(m);
    // Findable from here on for who starts the world.
    idle::mput(&mut locked, m);
    if stop_p(&mut locked, p) {
        kthread::notewakeup(&SCHED.world.note);
    }
    drop(locked);
    let p = idle::stopm(m);
    acquirep(m, p);
    // What its core's tick saw meanwhile was a P that needs none.
    super::tick::need_if_waiters(p);
}

/// Go: `startTheWorldWithSema`. Ps with work of their own get an M at once, one of the others is
/// woken to look for work, and that one sees to the rest (law 9).
fn start_with_sema() {
    let pinned = pin();
    let (m, own) = (pinned.m(), pinned.p());
    if own.status() != Status::GcStop || pinned.g().status() != GStatus::Running {
        crate::panic::throw("startTheWorld: the world was not stopped here");
    }
    let mut locked = SCHED.lock.lock();
    SCHED.world.settle(STOP);
    own.set_status(Status::Running);
    for p in (0..SCHED.procs()).map(allp).filter(|p| p.id != own.id) {
        p.set_status(Status::Idle);
        if p.runq.is_empty() {
            locked.pidleput(p);
        } else {
            idle::startm(&mut locked, p, idle::Start::Working);
        }
    }
    drop(locked);
    super::tick::need_if_waiters(own);
    crate::time::deadline::world_started(pinned.core());
    idle::wakep(m);
}

/// Whether the goroutine that runs here may be made to leave its core for others; not while it has
/// the world stopped. Pinned.
pub fn may_leave() -> bool {
    g::current().m().try_p().is_some_and(|p| p.status() == Status::Running)
}
