//! A function for every P, at a moment when its holder is between two goroutines. Go: `forEachP`,
//! `runSafePointFn`.
//!
//! The world goes on: each P's holder runs the function when it next looks for work, soon, because
//! what it runs is preempted for it. For Ps without a holder the one that asks runs it. So per-P
//! state can be gathered or given back without stopping everybody at once.

use core::sync::atomic::{AtomicPtr, Ordering};

use burrow_arch::clock::nanotime;

use super::{Locked, SCHED, WaitReason, stop};
use crate::config::RETRY_NS;
use crate::kthread::{notetsleep, notewakeup};
use crate::p::{P, allp};
use crate::sync::pin;

/// What every P is to run.
type Job<'a> = &'a (dyn Fn(&'static P) + Sync);

/// The job that is asked for, on the stack of who asks: a pointer to a `Job`.
static JOB: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Runs `f` once for every P in use, each on behalf of its holder, who runs no goroutine meanwhile.
/// Returns when all have. `f` may be called with the scheduler's lock held: it takes no lock, and does
/// not allocate. Go: `forEachP`.
///
/// On a goroutine's stack, preemption not held off; may park before. Not while the world is stopped
/// by the caller.
pub fn for_each_p(f: Job<'_>) {
    if stop::is_stopped_here() {
        crate::panic::throw("forEachP: the world is stopped");
    }
    // Nobody stops the world or changes the number of Ps meanwhile.
    SCHED.world.sema.acquire(WaitReason::Semacquire);
    let pinned = pin();
    let (m, own) = (pinned.m(), pinned.p());
    let mut locked = SCHED.lock.lock();
    JOB.store((&raw const f).cast_mut().cast(), Ordering::Relaxed);
    for p in others(own) {
        p.set_safe_point(true);
    }
    locked.stopwait = SCHED.procs() - 1;
    SCHED.world.ask(stop::SAFE_POINT);
    drop(locked);
    f(own);
    stop::preemptall(|p| p.safe_point());
    while !all_have(own) {
        // One that had a holder when asked may have none now.
        notetsleep(m, &SCHED.world.note, nanotime() + RETRY_NS);
    }
    SCHED.world.note.clear();
    drop(pinned);
    SCHED.world.sema.release();
}

fn others(own: &'static P) -> impl Iterator<Item = &'static P> {
    (0..SCHED.procs()).map(allp).filter(|p| p.id != own.id)
}

/// Sees to the Ps that nobody holds; whether no P is left.
fn all_have(own: &'static P) -> bool {
    let mut locked = SCHED.lock.lock();
    for p in others(own) {
        // Idle ones are taken under this lock only.
        if SCHED.idle_ps.test(p.id) {
            run_here(&mut locked, p);
        }
    }
    if locked.stopwait > 0 {
        return false;
    }
    SCHED.world.settle(stop::SAFE_POINT);
    true
}

/// This M's P is to run the function, if it has not. On g0. Go: `runSafePointFn`.
pub(super) fn run(p: &'static P) {
    let mut locked = SCHED.lock.lock();
    if run_here(&mut locked, p) && locked.stopwait == 0 {
        notewakeup(&SCHED.world.note);
    }
}

/// Runs the function for a P that is ours, or idle under the lock; whether it was to be run.
fn run_here(locked: &mut Locked, p: &'static P) -> bool {
    if !p.safe_point() {
        return false;
    }
    p.set_safe_point(false);
    let job = JOB.load(Ordering::Relaxed).cast::<Job<'_>>().cast_const();
    // SAFETY: who asks waits until no P is left, under the lock that we hold.
    unsafe { (*job)(p) };
    locked.stopwait -= 1;
    true
}
