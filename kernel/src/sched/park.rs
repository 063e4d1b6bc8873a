//! Parking and readying goroutines. Go: `gopark`, `goready`.

use core::sync::atomic::Ordering;

use super::run::{Action, dropg, mcall};
use super::{SCHED, WaitReason, idle};
use crate::g::{G, Status};
use crate::m::{M, UnlockFn};
use crate::percpu::record;
use crate::queue::runq::Place;
use crate::sync::lock::{SpinGuard, SpinLock};
use crate::sync::{Pinned, pin};
use crate::trace::ring::Event;

/// Parks this goroutine. `unlock` runs on g0 once the goroutine is off its stack: it releases what
/// protects the wake-up condition and says whether to park at all. Once it has run, the goroutine
/// may already run elsewhere. Go: `gopark`.
///
/// On a goroutine's stack. Locks that `unlock` releases may be held: count and ranks move to g0.
///
/// # Safety
/// `unlock` must be sound to call with `arg`, from g0.
pub unsafe fn gopark(unlock: Option<(UnlockFn, *mut ())>, reason: WaitReason) {
    let pinned = pin();
    let g = pinned.g();
    let m = pinned.m();
    if g.status() != Status::Running {
        crate::panic::throw(match g.status() {
            Status::Syscall => "gopark: a goroutine in a blocking call must not park",
            _ => "gopark: bad g status",
        });
    }
    m.set_unlock(unlock);
    g.set_wait_reason(reason);
    // The pin is mcall's own count, dropped by the switch.
    core::mem::forget(pinned);
    mcall(g, Action::Park);
}

/// Parks this goroutine and releases the lock that protects its wake-up once it is off its stack.
/// Go: `goparkunlock`.
///
/// On a goroutine's stack, with that lock alone held.
pub fn goparkunlock<T>(held: SpinGuard<'_, T>, reason: WaitReason) {
    let lock = (&raw const *held.hand_over()).cast_mut().cast();
    // SAFETY: `parkunlock_c` is made for this lock, which was handed over, and which lives at
    // least until it is released: the goroutine that waits by it borrows it.
    unsafe { gopark(Some((parkunlock_c::<T>, lock)), reason) };
}

/// Go: `parkunlock_c`, `chanparkcommit`.
unsafe fn parkunlock_c<T>(_: &'static G, lock: *mut ()) -> bool {
    // SAFETY: `goparkunlock` passed a `SpinLock<T>`.
    let lock = unsafe { &*lock.cast::<SpinLock<T>>() };
    // SAFETY: handed over by `goparkunlock`, and this runs once.
    unsafe { lock.unlock_handed_over() };
    true
}

/// Parks this goroutine with nothing that could ready it. Go: `gopark(nil, nil, ..)`.
pub fn gopark_forever(reason: WaitReason) -> ! {
    // SAFETY: there is no function to call.
    unsafe { gopark(None, reason) };
    crate::panic::throw("unreachable")
}

/// Off the goroutine's stack. Go: `park_m`.
#[inline(always)]
pub fn park_m(m: &'static M, g: &'static G) {
    dropg(m, g);
    record(Event::Park, g.goid(), g.wait_reason_word());
    // From here on, with the condition's lock not yet released, nobody readies it.
    g.casgstatus(Status::Running, Status::Waiting);
    super::sched_point();
    let Some((unlock, arg)) = m.take_unlock() else {
        return;
    };
    // SAFETY: `gopark`'s contract.
    let park = unsafe { unlock(g, arg) };
    if !park {
        g.casgstatus(Status::Waiting, Status::Runnable);
        // Go runs it on at once (`execute(gp, true)`): next in line, in the same slice.
        idle::runqput(m.p(), g, Place::Next);
    }
}

/// Makes a parked goroutine runnable, next on this P. Any goroutine or g0 with a P. Go: `goready`.
#[inline]
pub fn goready(g: &'static G) {
    ready(g, Place::Next);
}

/// As [`goready`], by who has just released what it waited by, and is still pinned.
#[inline]
pub fn goready_pinned(g: &'static G, pinned: Pinned) {
    ready_pinned(g, Place::Next, &pinned);
}

/// As [`goready`], at a chosen place. Go: `ready`.
#[inline]
pub fn ready(g: &'static G, place: Place) {
    ready_pinned(g, place, &pin());
}

fn ready_pinned(g: &'static G, place: Place, pinned: &Pinned) {
    record(Event::Ready, g.goid(), 0);
    g.casgstatus(Status::Waiting, Status::Runnable);
    match pinned.m().try_p() {
        Some(p) => idle::runqput(p, g, place),
        // In a call that keeps its M.
        None => SCHED.lock.lock().globrunqput(g),
    }
    if SCHED.main_started.load(Ordering::Relaxed) {
        idle::wakep(pinned.m());
    }
}
