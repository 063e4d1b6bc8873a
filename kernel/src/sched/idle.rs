//! Ms and Ps without work, and how they are woken. Go: `wakep`, `startm`, `stopm`, `mput`, `mget`.

use core::sync::atomic::Ordering;

use super::{Locked, SCHED, deadlock};
use crate::config::IDLE_M_NS;
use crate::g::G;
use crate::kthread;
use crate::m::{IdleM, M};
use crate::p::{P, bump};
use crate::percpu::{Core, record};
use crate::queue::runq::Place;
use crate::queue::spin::Wake;
use crate::time::nanotime;
use crate::time::timers::{DUE, OWED, RUNNING};
use crate::trace::ring::Event;

/// Puts a goroutine on this P's queue; half of a full ring goes to the global queue. Holder only.
/// Go: `runqput`.
#[inline(always)]
pub fn runqput(p: &'static P, g: &'static G, place: Place) {
    // SAFETY: the caller's M holds the P and is pinned or on g0.
    let owner = unsafe { p.owner() };
    let overflow = |batch| SCHED.lock.lock().globrunqputbatch(batch);
    // SAFETY: Gs are never freed, and a G that its owner makes runnable is on no list.
    unsafe { owner.put(g.as_item(), place, overflow) };
    super::tick::need(p);
}

/// Starts one spinning M if there is an idle P and nobody spins already. Go: `wakep`.
///
/// After work was submitted. Pinned or on g0, no scheduler lock held.
#[inline(always)]
pub fn wakep(m: &'static M) {
    super::sched_point();
    // The fence between the submission and the look is inside.
    if SCHED.spinners.after_submit() == Wake::One {
        wake_one(m);
    }
}

#[cold]
#[inline(never)]
fn wake_one(m: &'static M) {
    if let Some(p) = m.try_p()
        && p.timers.flags() & RUNNING != 0
    {
        // What timers ready is this M's to run; it sees to the rest when it has (`deadline::check`).
        SCHED.spinners.stop();
        p.timers.raise(OWED);
        return;
    }
    loop {
        let mut locked = SCHED.lock.lock();
        if let Some(p) = locked.pidleget_any(m.core() + 1) {
            return startm(&mut locked, p, Start::Spinning);
        }
        drop(locked);
        if SCHED.spinners.wake_failed() == Wake::Nobody {
            return;
        }
    }
}

/// What an M is started for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// To look for work; its mark has been set.
    Spinning,
    /// For a P that has work.
    Working,
}

/// Hands a P that nobody holds, off the mask, to an M of its core. Go: `startm`.
pub fn startm(locked: &mut Locked, p: &'static P, start: Start) {
    let m = take_m(locked, p, start);
    m.set_nextp(p);
    bump(&p.counts.wakeups, 1);
    record(Event::Wake, p.id as u64, m.id());
    kthread::notewakeup(&m.park);
}

/// An idle M of the P's core, or a new one, for the caller to wake with that P.
pub fn take_m(locked: &mut Locked, p: &'static P, start: Start) -> &'static M {
    let m = match mget(locked, p.id) {
        Some(m) => m,
        None => kthread::newm(locked, p.id),
    };
    if m.spinning() {
        crate::panic::throw("startm: m is spinning");
    }
    m.set_spinning(start == Start::Spinning);
    m
}

/// This core's P is idle and has work that only this core knows of: a timer that is due.
///
/// Pinned, no lock held.
pub fn start_own_p(core: &'static Core) {
    let mut locked = SCHED.lock.lock();
    if let Some(p) = locked.pidleget(core.index) {
        p.timers.raise(DUE);
        startm(&mut locked, p, Start::Working);
    }
}

/// Puts this M on its core's idle list. Go: `mput`, but without counting it yet: it looks around
/// once more before it sleeps.
pub fn mput(locked: &mut Locked, m: &'static M) {
    m.idle.store(false, Ordering::Relaxed);
    // SAFETY: Ms are never freed, and one that is about to sleep is on no list.
    unsafe { locked.idle_ms[m.core()].push_front(m.as_idle()) };
}

/// As [`mput`], by an M that sleeps without another look; it has handed its P to somebody who runs,
/// so that nothing is dead.
pub fn mput_asleep(locked: &mut Locked, m: &'static M) {
    mput(locked, m);
    m.idle.store(true, Ordering::Relaxed);
    locked.nmidle += 1;
}

/// Takes an idle M of that core. Go: `mget`.
fn mget(locked: &mut Locked, core: usize) -> Option<&'static M> {
    let m = IdleM::m(locked.idle_ms[core].pop_front()?);
    if m.idle.swap(false, Ordering::Relaxed) {
        locked.nmidle -= 1;
    }
    Some(m)
}

/// This M holds no P and has nothing to do: sleeps until somebody hands it one. On g0, no lock held.
pub fn stop_without_p(m: &'static M) {
    mput(&mut SCHED.lock.lock(), m);
    let p = stopm(m);
    super::acquirep(m, p);
    super::tick::need_if_waiters(p);
}

/// Takes this M off the idle list again.
pub fn mremove(locked: &mut Locked, m: &'static M) {
    let list = &mut locked.idle_ms[m.core()];
    let mut rest = crate::queue::list::List::new();
    while let Some(item) = list.pop_front() {
        if item != m.as_idle() {
            // SAFETY: it was on the list, and has just left it.
            unsafe { rest.push_back(item) };
        }
    }
    list.push_back_all(rest);
}

/// Sleeps until somebody hands this M a P, and returns that. It is on the idle list. Go: `stopm`.
pub fn stopm(m: &'static M) -> &'static P {
    let mut locked = SCHED.lock.lock();
    // Off the list already: the wake-up is on its way, and the sleep below returns at once.
    let waits = locked.idle_ms[m.core()].iter().any(|item| item == m.as_idle());
    if waits {
        m.idle.store(true, Ordering::Relaxed);
        locked.nmidle += 1;
        deadlock::checkdead(&locked);
    }
    let surplus = waits && locked.idle_ms[m.core()].len() > 1;
    drop(locked);
    if surplus {
        sleep_or_end(m);
    } else {
        kthread::notesleep(m, &m.park);
    }
    m.park.clear();
    match m.take_nextp() {
        Some(p) => p,
        None => crate::panic::throw("stopm: woken without a P"),
    }
}

/// One of several idle Ms of its core: sleeps until it is wanted, or ends if it is not for long.
/// Differs from Go, which keeps them all: there a stack that nobody uses costs address space.
fn sleep_or_end(m: &'static M) {
    // Who wants it wants it on this core.
    m.set_homebound(true);
    let is_wanted = kthread::notetsleep(m, &m.park, nanotime() + IDLE_M_NS);
    m.set_homebound(false);
    if is_wanted {
        return;
    }
    let mut locked = SCHED.lock.lock();
    if !locked.idle_ms[m.core()].iter().any(|item| item == m.as_idle()) {
        // Taken at the last moment.
        drop(locked);
        return kthread::notesleep(m, &m.park);
    }
    mremove(&mut locked, m);
    m.idle.store(false, Ordering::Relaxed);
    locked.nmidle -= 1;
    locked.mcount -= 1;
    drop(locked);
    kthread::finish(m)
}

/// The M found work while spinning: it stops, and the last one to stop starts another, because
/// work comes in bursts. Go: `resetspinning`.
pub fn resetspinning(m: &'static M) {
    if !m.spinning() {
        crate::panic::throw("resetspinning: not a spinning m");
    }
    m.set_spinning(false);
    if SCHED.spinners.found_work() == Wake::One {
        wake_one(m);
    }
}
