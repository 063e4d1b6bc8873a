//! Watching the scheduler's own promises while it runs (`schedcheck=1`).
//!
//! [`work_waits`] is the wake-up protocol seen from outside: work must not wait beside an idle core
//! that nobody is about to wake (H05). [`all_asleep`] checks that a machine about to be called dead
//! really is: every goroutine in exactly one place, every P idle.

use core::sync::atomic::{AtomicU32, Ordering};

use super::{Locked, SCHED, table};
use crate::config::CONFIG;
use crate::g::Status;
use crate::p::allp;

/// Ticks in a row that find work beside an idle core before it is called lost. One tick may see
/// the middle of a wake-up; twenty cannot, even on an emulator that stops a core for a while,
/// because a core that was woken has its P taken.
const PATIENCE: u32 = 20;

static LOST: AtomicU32 = AtomicU32::new(0);

/// On a core's tick: throws if work has waited beside an idle core for long. In a handler.
pub fn work_waits() {
    if !CONFIG.check() {
        return;
    }
    let lost = SCHED.spinners.idle_ps() > 0
        && SCHED.spinners.spinning() == 0
        && (SCHED.runqsize() > 0 || (0..SCHED.procs()).any(|id| !allp(id).runq.is_empty()));
    if !lost {
        LOST.store(0, Ordering::Relaxed);
    } else if LOST.fetch_add(1, Ordering::Relaxed) == PATIENCE {
        crate::panic::throw("schedcheck: work waits beside an idle core");
    }
}

/// With the scheduler's lock, when every M sleeps: throws unless every P is idle and empty, and
/// no goroutine is anywhere but parked or free.
pub fn all_asleep(locked: &Locked) {
    if !locked.runq.is_empty() {
        crate::panic::throw("checkdead: the global queue is not empty");
    }
    for id in 0..SCHED.procs() {
        let p = allp(id);
        if !SCHED.idle_ps.test(id) || p.m().is_some() {
            crate::panic::throw("checkdead: inconsistent counts");
        }
        if !p.runq.is_empty() {
            crate::panic::throw("checkdead: an idle P has work");
        }
    }
    for g in table::user_goroutines() {
        if matches!(g.status(), Status::Waiting) && g.try_m().is_some() {
            crate::panic::throw("checkdead: a waiting goroutine is on an M");
        }
    }
}
