//! Goroutines wired to their M. Go: `LockOSThread`, `stoplockedm`, `startlockedm`, `mexit`.
//!
//! A wired goroutine runs on its M alone, and the M runs nothing else. When the goroutine leaves its
//! stack, the M hands its P to another M of its core and sleeps ([`stoplockedm`]): to the M of the
//! goroutine next in line if that is wired too, else to any. Whoever takes the goroutine off a queue
//! hands its own P to that M, and sleeps in turn ([`startlockedm`]).
//!
//! A hand-over is one switch of kernel threads ([`kthread::hand_over`]); Go pays two system calls.
//! The time slice goes along, or wired goroutines that keep readying each other would starve the
//! queue: each hand-over would begin a slice, and none would ever be over (Go has no answer but
//! other Ps, which steal).
//!
//! Ps are bound to cores (law 7), so the M comes to the core where its goroutine was picked: an M
//! that sleeps off every core is on no list and runs again where it is told. It *is* off every core,
//! because it sleeps only after an M that can take over was woken beside it; other Ms may halt
//! their core in place. Who picks the goroutine while its M is still on its way off the core
//! cannot wait for that here (H22, H23): it tries for a moment, then queues the goroutine again.
//!
//! Between the goroutine's last instruction and the sleep the M must not give its core up by turns,
//! or "off the core" would not mean "asleep": the loop of [`super::run`] comes here first.

use super::{SCHED, acquirep, idle, releasep, stop};
use crate::g::{G, Status};
use crate::kthread;
use crate::m::M;
use crate::p::P;
use crate::queue::runq::{Place, Slice};
use crate::sync::pin;

/// Looks at an M that is about to be off its core before the goroutine is queued again.
const LOOKS: u32 = 256;

/// Wires this goroutine to its M, once more. Panics with Go's text when the count is full.
/// Go: `LockOSThread`.
pub fn lock_os_thread() {
    let pinned = pin();
    let (g, m) = (pinned.g(), pinned.m());
    let Some(depth) = m.locked_depth().checked_add(1) else {
        drop(pinned);
        panic!("LockOSThread nesting overflow");
    };
    m.set_locked_depth(depth);
    wire(g, m);
}

fn wire(g: &'static G, m: &'static M) {
    m.set_lockedg(Some(g));
    g.set_lockedm(Some(m));
}

/// Unless another lock keeps them together. Go: `dounlockOSThread`.
fn unwire(g: &'static G, m: &'static M) {
    if m.locked_depth() == 0 && m.locked_internally() == 0 {
        m.set_lockedg(None);
        g.set_lockedm(None);
    }
}

/// Wires this goroutine to its M for the runtime, whatever the program unlocks meanwhile. Go:
/// `lockOSThread`.
pub fn lock_internal() {
    let pinned = pin();
    let (g, m) = (pinned.g(), pinned.m());
    m.set_locked_internally(m.locked_internally() + 1);
    wire(g, m);
}

/// Undoes one [`lock_internal`]. Go: `unlockOSThread`.
pub fn unlock_internal() {
    let pinned = pin();
    let (g, m) = (pinned.g(), pinned.m());
    let Some(depth) = m.locked_internally().checked_sub(1) else {
        drop(pinned);
        crate::panic::throw("runtime: internal error: misuse of lockOSThread/unlockOSThread");
    };
    m.set_locked_internally(depth);
    unwire(g, m);
}

/// Undoes one [`lock_os_thread`]; nothing if there is none. Go: `UnlockOSThread`.
pub fn unlock_os_thread() {
    let pinned = pin();
    let (g, m) = (pinned.g(), pinned.m());
    match m.locked_depth() {
        0 => {}
        1 => {
            m.set_locked_depth(0);
            unwire(g, m);
        }
        depth => m.set_locked_depth(depth - 1),
    }
}

/// How many unlocks would undo this goroutine's locks.
pub fn depth() -> u32 {
    pin().m().locked_depth()
}

/// The goroutine of this M has left its stack: gives the P away and sleeps until somebody brings
/// one because the goroutine is to run again, in the slice that comes with it. On g0. Go:
/// `stoplockedm`.
pub fn stoplockedm(m: &'static M, g: &'static G) -> Slice {
    loop {
        if m.try_p().is_none() {
            wait_without_p(m);
        } else {
            match next_in_line(m) {
                Some((next, slice)) => match next.lockedm() {
                    Some(own) if !core::ptr::eq(own, m) => pass_to_wired(m, own, slice),
                    _ => return slice,
                },
                None => pass_to_any(m),
            }
        }
        if g.status() != Status::Runnable {
            crate::panic::throw("stoplockedm: not runnable");
        }
        if !stop::wants(m.p()) {
            return m.next_slice();
        }
        // The P has to go, and the goroutine to be where others find it.
        SCHED.lock.lock().globrunqput(g);
    }
}

/// The goroutine that goes before all others of this P, if it is wired and its M can run it at once:
/// another M would only hand over to that one. Nothing if more than the queue has a say in what
/// runs next.
fn next_in_line(m: &'static M) -> Option<(&'static G, Slice)> {
    let p = m.p();
    if SCHED.world.is_asking() || kthread::turn_is_over() || p.timers.flags() != 0 {
        return None;
    }
    let rests = |g: &G| g.lockedm().is_some_and(|own| core::ptr::eq(own, m) || !own.is_on_core());
    let seen = p.runq.next_in_line().map(G::from_item)?;
    if !rests(seen) {
        return None;
    }
    // SAFETY: this M holds the P, on g0.
    let (g, slice) = unsafe { p.owner() }.get()?;
    let g = G::from_item(g);
    if !rests(g) {
        // A thief was faster, and this is the one after.
        idle::runqput(p, g, Place::Next);
        return None;
    }
    Some((g, slice))
}

/// Runs a goroutine that was taken off a queue on the M that it is wired to: there goes this M's
/// P. Returns when this M has one again. On g0. Go: `startlockedm`.
pub fn startlockedm(m: &'static M, g: &'static G, slice: Slice, own: &'static M) {
    if core::ptr::eq(m, own) {
        crate::panic::throw("startlockedm: locked to me");
    }
    if !(0..LOOKS).any(|_| {
        core::hint::spin_loop();
        !own.is_on_core()
    }) {
        SCHED.lock.lock().globrunqput(g);
        return;
    }
    let mut locked = SCHED.lock.lock();
    let p = releasep(m);
    // On the idle list from here on, for whoever has this P next.
    idle::mput_asleep(&mut locked, m);
    locked.nmidlelocked -= 1;
    drop(locked);
    pass(m, p, own, slice);
}

/// This M, whose goroutine has left, hands its P to the M of another wired goroutine.
fn pass_to_wired(m: &'static M, own: &'static M, slice: Slice) {
    // As many wired Ms sleep as before.
    pass(m, releasep(m), own, slice);
}

/// This M, whose goroutine has left, hands its P to an M that looks for work.
fn pass_to_any(m: &'static M) {
    let mut locked = SCHED.lock.lock();
    let p = releasep(m);
    let to = idle::take_m(&mut locked, p, idle::Start::Working);
    locked.nmidlelocked += 1;
    drop(locked);
    pass(m, p, to, Slice::New);
}

/// This M comes from a call that cost it its P: its goroutine waits in a queue, and it for that one.
/// Nobody need be there to take over: the core has a thread for that.
fn wait_without_p(m: &'static M) {
    SCHED.lock.lock().nmidlelocked += 1;
    kthread::notesleep(m, &m.park);
    m.park.clear();
    woken(m);
}

/// The core and the P go to a sleeping M. Returns when somebody has woken this one with a P.
fn pass(m: &'static M, p: &'static P, to: &'static M, slice: Slice) {
    to.set_nextp(p);
    to.set_next_slice(slice);
    kthread::hand_over(m, to);
    woken(m);
}

/// Somebody has woken this M with a P.
fn woken(m: &'static M) {
    let Some(p) = m.take_nextp() else {
        crate::panic::throw("stoplockedm: woken without a P");
    };
    acquirep(m, p);
    super::tick::need_if_waiters(p);
}

/// The goroutine of this M ended without having unlocked: the M ends with it, because nobody knows
/// what state it was wanted for. On g0. Go: `mexit`.
pub fn mexit(m: &'static M) -> ! {
    m.set_lockedg(None);
    m.set_locked_depth(0);
    let mut locked = SCHED.lock.lock();
    let p = releasep(m);
    // Whether there is work or not: the core must have somebody to switch to. Go: `handoffp`,
    // which leaves a P without work idle.
    idle::startm(&mut locked, p, idle::Start::Working);
    locked.mcount -= 1;
    drop(locked);
    kthread::finish(m)
}
