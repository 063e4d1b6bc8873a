//! Changing the number of Ps while the program runs. Go: `GOMAXPROCS`, `procresize`.
//!
//! A program may ask for any number; so many Ps as there are cores at most are in use (law 7), and
//! P n belongs to core n, so that those in use are always the first ones. A P that is taken out of
//! use leaves what it has to others: goroutines and free Gs go to the global lists, timers to a P
//! that stays. Its core runs on for kernel threads that need no P.
//!
//! All this happens in a stopped world, by a goroutine that may hold one of the Ps to go. That one
//! cannot go there and then: the goroutine has to leave it first. It is marked ([`RETIRE`]), the
//! world starts with it still held, and whatever M holds it when it next looks for work puts it
//! out of use ([`retire`]); until then nobody else may stop the world ([`leave_retired`]).

use core::sync::atomic::Ordering;

use super::stop::{RETIRE, Stopped};
use super::{Locked, SCHED, acquirep, idle, releasep, run};
use crate::m::M;
use crate::p::{P, Status, allp};
use crate::queue::list::List;
use crate::sync::pin;

/// Sets how many Ps the program asks for, and gives the number it asked for before; 0 changes
/// nothing. Go: `GOMAXPROCS`.
///
/// On a goroutine's stack, preemption not held off; may park, and go on on another core.
pub fn gomaxprocs(asked: usize) -> usize {
    let before = SCHED.asked.load(Ordering::Relaxed);
    if asked == 0 || asked == before {
        return before;
    }
    let stopped = Stopped::begin();
    let before = SCHED.asked.swap(asked, Ordering::Relaxed);
    resize(asked.min(SCHED.cores()));
    drop(stopped);
    before
}

/// So many Ps are in use from now on. The world is stopped. Go: `procresize`.
fn resize(wanted: usize) {
    let pinned = pin();
    let own = pinned.p();
    let before = SCHED.procs();
    if wanted == before {
        return;
    }
    let heir = if own.id < wanted { own } else { allp(0) };
    for p in (wanted..before).map(allp) {
        heir.timers.take_over(&p.timers);
    }
    let mut locked = SCHED.lock.lock();
    for p in (wanted..before).map(allp) {
        empty(&mut locked, p);
        if !core::ptr::eq(p, own) {
            p.set_status(Status::Dead);
        }
    }
    for p in (before..wanted).map(allp) {
        p.set_status(Status::GcStop);
    }
    SCHED.set_procs(wanted);
    if own.id >= wanted {
        SCHED.world.ask(RETIRE);
    }
}

/// What this P has goes to the global lists. Its holder has it, or the world is stopped. Go:
/// `destroy`.
fn empty(locked: &mut Locked, p: &'static P) {
    // SAFETY: by the caller nobody else acts as its holder.
    let owner = unsafe { p.owner() };
    let mut goroutines = List::new();
    while let Some((g, _)) = owner.get() {
        // SAFETY: Gs are never freed, and this one has just left its queue.
        unsafe { goroutines.push_back(g) };
    }
    if !goroutines.is_empty() {
        locked.globrunqputbatch(goroutines);
    }
    // SAFETY: as above.
    let free = unsafe { p.gfree() };
    while let Some(g) = free.pop() {
        // SAFETY: as above.
        unsafe { locked.gfree.push(g) };
    }
    locked.publish_ngfree();
}

/// This M's P is out of use: puts it away and sleeps until somebody brings one, when there are more
/// again. On g0, no lock held.
pub(super) fn retire(m: &'static M) {
    if m.spinning() {
        m.set_spinning(false);
        SCHED.spinners.stop();
    }
    let mut locked = SCHED.lock.lock();
    // A goroutine may have been preempted here on its way out.
    put_away(&mut locked, releasep(m));
    idle::mput(&mut locked, m);
    drop(locked);
    // What was queued here has been seen by nobody else yet (law 9).
    idle::wakep(m);
    let p = idle::stopm(m);
    acquirep(m, p);
    super::tick::need_if_waiters(p);
}

/// Puts a P that is out of use away; nobody holds it.
pub(super) fn put_away(locked: &mut Locked, p: &'static P) {
    empty(locked, p);
    p.set_status(Status::Dead);
    SCHED.world.settle(RETIRE);
}

/// Leaves a P that is out of use, and waits until it is put away. The world runs, and the caller
/// keeps others from stopping it.
///
/// Every turn of the loop puts this goroutine behind all others, so that the P's M comes to look for
/// work; that is one turn, and on another core perhaps a few more.
pub(super) fn leave_retired() {
    while SCHED.world.wants(RETIRE) {
        run::gosched();
    }
}
