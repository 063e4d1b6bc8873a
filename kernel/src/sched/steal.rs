//! Stealing from other Ps. Go: `stealWork`, `runqsteal`.

use super::SCHED;
use crate::config::STEAL_TRIES;
use crate::g::G;
use crate::p::{self, P, Status, bump};
use crate::percpu::record;
use crate::queue::runq::RunNext;
use crate::time::deadline;
use crate::trace::ring::Event;

/// Spins on a victim's `runnext` before it is taken from under it: its owner is most likely just
/// about to run it. Go sleeps 3 µs; a core without an OS spins about as long.
const BACK_OFF_SPINS: u32 = 64;

/// Four rounds over all Ps in random order; `runnext` of others, and their timers, only in the last.
pub fn steal_work(p: &'static P) -> Option<&'static G> {
    for round in 0..STEAL_TRIES {
        let run_next = if round + 1 == STEAL_TRIES { RunNext::Take } else { RunNext::Leave };
        for id in SCHED.steal_order(p.random()) {
            if id == p.id || SCHED.idle_ps.test(id) {
                continue;
            }
            if run_next == RunNext::Take
                && let Some(g) = deadline::steal(p, p::allp(id))
            {
                return Some(g);
            }
            if let Some(g) = runqsteal(p, p::allp(id), run_next) {
                return Some(g);
            }
        }
    }
    None
}

fn runqsteal(p: &'static P, victim: &'static P, run_next: RunNext) -> Option<&'static G> {
    // SAFETY: this M holds `p`, on g0.
    let owner = unsafe { p.owner() };
    let before = owner.len();
    let back_off = || {
        if victim.status() == Status::Running {
            for _ in 0..BACK_OFF_SPINS {
                core::hint::spin_loop();
            }
        }
    };
    let g = G::from_item(victim.runq.thief().steal_into(&owner, run_next, back_off)?);
    bump(&p.counts.steals, 1 + u64::from(owner.len() - before));
    record(Event::Steal, g.goid(), victim.id as u64);
    super::tick::need_if_waiters(p);
    Some(g)
}
