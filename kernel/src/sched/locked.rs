//! Goroutines wired to their M. Go: `LockOSThread`, `stoplockedm`, `startlockedm`, `mexit`.
//!
//! A wired goroutine runs on its M alone, and the M runs nothing else. When the goroutine leaves its
//! stack, the M hands its P to another M of its core and sleeps ([`stoplockedm`]). Whoever takes the
//! goroutine off a queue hands its own P to that M, and sleeps in turn ([`startlockedm`]).
//!
//! Ps are bound to cores (law 7), so the M comes to the core where its goroutine was picked: an M
//! that sleeps off every core is on no list and runs again where it is told. It *is* off every core,
//! because it sleeps only after an M that can take over was woken beside it; other Ms may halt
//! their core in place. Who picks the goroutine while its M is still on its way off the core
//! cannot wait for that here (H22, H23): it tries for a moment, then queues the goroutine again.
//!
//! Between the goroutine's last instruction and the sleep the M must not give its core up by turns,
//! or "off the core" would not mean "asleep": the loop of [`super::run`] comes here first.

use super::{SCHED, acquirep, idle, releasep};
use crate::g::{G, Status};
use crate::kthread;
use crate::m::M;
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
/// one because the goroutine is to run again. On g0. Go: `stoplockedm`.
pub fn stoplockedm(m: &'static M, g: &'static G) {
    loop {
        hand_p_over(m, Leaving::Sleeps);
        kthread::notesleep(m, &m.park);
        m.park.clear();
        let Some(p) = m.take_nextp() else {
            crate::panic::throw("stoplockedm: woken without a P");
        };
        acquirep(m, p);
        super::tick::need_if_waiters(p);
        if g.status() != Status::Runnable {
            crate::panic::throw("stoplockedm: not runnable");
        }
        if !SCHED.world.gcwaiting() {
            return;
        }
        // The P has to stop, and the goroutine to be where others find it.
        SCHED.lock.lock().globrunqput(g);
    }
}

/// Runs a goroutine that was taken off a queue on the M that it is wired to: there goes this M's
/// P. Returns when this M has one again. On g0. Go: `startlockedm`.
pub fn startlockedm(m: &'static M, g: &'static G, locked_m: &'static M) {
    if core::ptr::eq(m, locked_m) {
        crate::panic::throw("startlockedm: locked to me");
    }
    if !(0..LOOKS).any(|_| {
        core::hint::spin_loop();
        !locked_m.is_on_core()
    }) {
        SCHED.lock.lock().globrunqput(g);
        return;
    }
    let mut locked = SCHED.lock.lock();
    let p = releasep(m);
    // On the idle list from here on, for whoever has this P next.
    idle::mput(&mut locked, m);
    locked.nmidlelocked -= 1;
    drop(locked);
    locked_m.set_core(m.core());
    locked_m.set_nextp(p);
    kthread::notewakeup(&locked_m.park);
    let p = idle::stopm(m);
    acquirep(m, p);
    super::tick::need_if_waiters(p);
}

/// The goroutine of this M ended without having unlocked: the M ends with it, because nobody knows
/// what state it was wanted for. On g0. Go: `mexit`.
pub fn mexit(m: &'static M) -> ! {
    m.set_lockedg(None);
    m.set_locked_depth(0);
    hand_p_over(m, Leaving::Ends);
    kthread::finish(m)
}

/// Why an M gives its P away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaving {
    Sleeps,
    Ends,
}

/// Gives the P to another M of this core, whether there is work or not: the core must have somebody
/// to switch to. Go: `handoffp`, which leaves a P without work idle.
fn hand_p_over(m: &'static M, why: Leaving) {
    let mut locked = SCHED.lock.lock();
    let p = releasep(m);
    idle::startm(&mut locked, p, idle::Start::Working);
    match why {
        Leaving::Sleeps => locked.nmidlelocked += 1,
        Leaving::Ends => locked.mcount -= 1,
    }
}
