//! What becomes of a P whose M gives it up without looking for work. Go: `handoffp`.

use super::{SCHED, find, idle, stop};
use crate::m::M;
use crate::p::P;
use crate::queue::spin::GoIdle;
use crate::time::nanotime;
use crate::time::timers::DUE;

/// Starts an M for this P if it has work, else leaves it idle. It is idle but on no mask, and nobody
/// holds it. Pinned, no lock held; on any core, by an M that need not have had it. Go: `handoffp`.
pub fn handoffp(m: &'static M, p: &'static P) {
    let mut locked = SCHED.lock.lock();
    if stop::put_away(&mut locked, p) {
        drop(locked);
        // What was queued on a P that is out of use has been seen by nobody else yet (law 9).
        return idle::wakep(m);
    }
    if has_work(p) {
        return idle::startm(&mut locked, p, idle::Start::Working);
    }
    locked.pidleput(p);
    drop(locked);
    super::sched_point();
    // Law 9: who submitted work while no P was idle and nobody spun relies on this look.
    if SCHED.spinners.idle_then_check() == GoIdle::SpinFirst {
        idle::wakep(m);
    }
}

/// Whether this P is wanted at once.
fn has_work(p: &P) -> bool {
    find::has_waiters(p)
        || p.timers.flags() & DUE != 0
        || p.timers.wake_time().checked_sub(1).is_some_and(|when| when < nanotime())
}
