//! Finding a runnable goroutine, in Go's order. Go: `findRunnable`.
//!
//! Decides only; `run` acts. Left out because Burrow has none: collector work, the trace reader,
//! finalizers.

use super::{SCHED, acquirep, idle, releasep, steal, stop};
use crate::config::GLOBAL_QUEUE_TICK;
use crate::g::G;
use crate::m::M;
use crate::netpoll;
use crate::p::P;
use crate::queue::runq::{RING, Slice};
use crate::queue::spin::GoIdle;
use crate::time::deadline;

/// What the M does next, and whether it goes on in the slice of the goroutine before.
pub type Found = (&'static G, Slice);

/// Finds work, sleeping until there is some. On g0, holding a P; may give it up and take it again.
#[inline(always)]
pub fn findrunnable(m: &'static M) -> Found {
    loop {
        if SCHED.world.is_asking() && stop::attend(m) {
            continue;
        }
        if let Some(found) = find_with_p(m, m.p()) {
            return found;
        }
        match give_up_p(m) {
            GivenUp::Found(g) => return (g, Slice::New),
            GivenUp::LookAgain => {}
        }
    }
}

/// Global queue now and then, timers and devices, local queue, global queue, devices, other Ps and
/// their timers.
#[inline(always)]
fn find_with_p(m: &'static M, p: &'static P) -> Option<Found> {
    // Now and then the global queue comes first, or two goroutines that keep readying each other
    // would hold a P's local queue for ever.
    if p.schedtick().is_multiple_of(GLOBAL_QUEUE_TICK)
        && SCHED.runqsize() > 0
        && let Some(g) = SCHED.lock.lock().globrunqget()
    {
        return Some((g, Slice::New));
    }
    if p.timers.flags() != 0
        && let Some(found) = deadline::check(m, p)
    {
        return Some(found);
    }
    // SAFETY: this M holds the P, on g0.
    let owner = unsafe { p.owner() };
    if let Some((g, slice)) = owner.get() {
        return Some((G::from_item(g), slice));
    }
    if SCHED.runqsize() > 0
        && let Some(g) = from_global(p)
    {
        return Some((g, Slice::New));
    }
    if let Some(g) = netpoll::take(m) {
        return Some((g, Slice::New));
    }
    if m.spinning() || SCHED.spinners.may_start_spinning(SCHED.procs()) {
        if !m.spinning() {
            become_spinning(m);
        }
        return steal::steal_work(p).map(|g| (g, Slice::New));
    }
    None
}

/// A fair share of the global queue: one to run, the rest into the local ring.
#[inline(never)]
fn from_global(p: &'static P) -> Option<&'static G> {
    let mut locked = SCHED.lock.lock();
    let (g, rest) = locked.globrunqgetbatch(RING as usize / 2)?;
    // SAFETY: this M holds the P, on g0.
    let left = unsafe { p.owner() }.put_batch(rest);
    debug_assert!(left.is_empty(), "an empty ring has room for half of itself");
    locked.globrunqputbatch(left);
    drop(locked);
    // They wait for a goroutine that may never stop by itself, and who queued them has no more
    // reason to tick.
    super::tick::need_if_waiters(p);
    Some(g)
}

/// Go: `becomeSpinning`.
fn become_spinning(m: &'static M) {
    m.set_spinning(true);
    SCHED.spinners.start();
}

enum GivenUp {
    /// Found on the last look; this M holds its P again.
    Found(&'static G),
    /// This M holds its P again and looks once more.
    LookAgain,
}

/// No work in sight: gives the P up, drops the spinning mark, looks once more everywhere (law 9),
/// and sleeps.
#[inline(never)]
fn give_up_p(m: &'static M) -> GivenUp {
    let mut locked = SCHED.lock.lock();
    if stop::wants(m.p()) {
        // Set since the last look: its idle Ps have been counted, and this is none of them.
        return GivenUp::LookAgain;
    }
    if let Some(g) = locked.globrunqget() {
        return GivenUp::Found(g);
    }
    let p = releasep(m);
    locked.pidleput(p);
    // On the idle list from here on, so that who takes this P from now on wakes this M with it
    // instead of making another (differs from Go, where Ps are not bound to cores).
    idle::mput(&mut locked, m);
    // Once the lock is gone the flag belongs to whoever wakes this M; the mark is still ours.
    let was_spinning = m.spinning();
    m.set_spinning(false);
    drop(locked);
    super::sched_point();

    let look_again = if was_spinning {
        // Drops the mark and passes a full fence before the look.
        SCHED.spinners.stop_then_recheck(|| work_anywhere().then_some(())).is_some()
    } else {
        // Somebody may have submitted work while no core was idle and nobody spun.
        SCHED.spinners.idle_then_check() == GoIdle::SpinFirst
    };
    if look_again {
        if retake(m) {
            become_spinning(m);
            return GivenUp::LookAgain;
        }
        if !m.has_nextp() {
            // Stopped with the world, or out of use since. Whoever submitted the work may have
            // relied on the mark, so that it is this M's to announce.
            idle::wakep(m);
        }
    }
    acquirep(m, idle::stopm(m));
    GivenUp::LookAgain
}

/// Whether any queue has work. Go: `checkRunqsNoP` and the look at the global queue before it.
pub fn work_anywhere() -> bool {
    SCHED.runqsize() > 0
        || netpoll::pending()
        || (0..SCHED.procs())
            .any(|id| !SCHED.idle_ps.test(id) && !crate::p::allp(id).runq.is_empty())
}

/// Takes this core's P back, unless somebody took it meanwhile: for this M (then it is on its way), or
/// to stop the world, after which it may be out of use.
fn retake(m: &'static M) -> bool {
    let mut locked = SCHED.lock.lock();
    let Some(p) = locked.pidleget(m.core()) else {
        return false;
    };
    idle::mremove(&mut locked, m);
    drop(locked);
    acquirep(m, p);
    true
}

/// Whether this P has goroutines that wait for it: then its core ticks.
#[inline(always)]
pub fn has_waiters(p: &P) -> bool {
    !p.runq.is_empty() || SCHED.runqsize() > 0 || netpoll::pending()
}
