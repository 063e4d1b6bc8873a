//! Giving back what goroutines that have been parked for long do not use of their stacks (Go:
//! `shrinkstack`, done by its collector).
//!
//! Now and then a core that has nothing to do, or that switches anyhow after a tick said so, walks
//! some of the goroutines. One seen waiting for the first time is noted with the time (so parking
//! itself reads no clock; Go's collector does the same, and tracebacks show it); one seen waiting
//! again long after gives back the pages below its stack pointer. While it is looked at, its scan
//! bit keeps it from being readied (H14: nothing that others write into its frames lies below the
//! stack pointer).

use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use burrow_arch::clock;

use super::shrink::shrink;
use crate::g::G;
use crate::sched::table::ALLGS;
use crate::sync::pin;

/// Parked for so many nanoseconds is long.
const LONG: u64 = 1_000_000_000;
/// Nanoseconds between two walks.
const PAUSE: u64 = 50_000_000;
/// Goroutines looked at in one walk.
const WALK: usize = 1000;

/// When the next walk may begin.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// A tick found that it may.
static DUE: AtomicBool = AtomicBool::new(false);
/// Where it goes on: null for the newest goroutine.
static CURSOR: AtomicPtr<G> = AtomicPtr::new(null_mut());

/// On a tick: says when a walk is due. In a handler.
pub fn scavenge_tick(now: u64) {
    if now >= NEXT.load(Ordering::Relaxed) {
        DUE.store(true, Ordering::Relaxed);
    }
}

/// Between two goroutines: walks if a tick said so. On g0, pinned, no lock held.
#[inline(always)]
pub fn scavenge_if_due() {
    if DUE.load(Ordering::Relaxed) {
        scavenge();
    }
}

/// Walks some of the goroutines, unless that was done a moment ago. On g0, pinned, no lock held.
#[cold]
pub fn scavenge() {
    let now = clock::nanotime();
    let next = NEXT.load(Ordering::Relaxed);
    if now < next
        || NEXT.compare_exchange(next, now + PAUSE, Ordering::Relaxed, Ordering::Relaxed).is_err()
    {
        return;
    }
    DUE.store(false, Ordering::Relaxed);
    // SAFETY: Gs are never freed.
    let start = unsafe { CURSOR.load(Ordering::Relaxed).as_ref() };
    let mut rest = ALLGS.iter_from(start);
    rest.by_ref().take(WALK).for_each(|g| {
        look(g, now, LONG);
    });
    let cursor = rest.next().map_or(null_mut(), |g| (&raw const *g).cast_mut());
    CURSOR.store(cursor, Ordering::Relaxed);
}

/// Looks at all goroutines, and takes every wait for a long one.
pub(super) fn scavenge_all() {
    let now = clock::nanotime();
    ALLGS.iter().for_each(|g| {
        look(g, now, 0);
    });
}

/// Looks at all goroutines once; whether any of those that wait has not done so for long yet. On
/// a kernel thread, no lock held.
pub fn scavenge_once() -> bool {
    let now = clock::nanotime();
    // All of them are looked at, whatever one says.
    ALLGS.iter().filter(|g| look(g, now, LONG) == Wait::Short).count() > 0
}

/// What a goroutine was found at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// It does not wait, or somebody else looks at it.
    No,
    /// It waits, but not for long yet, as far as is known.
    Short,
    /// It waits for long: its stack is as small as can be.
    Long,
}

/// One goroutine.
fn look(g: &'static G, now: u64, long: u64) -> Wait {
    let _pinned = pin();
    if !g.claim_waiting() {
        return Wait::No;
    }
    let wait = match g.waiting_since() {
        0 if long > 0 => {
            g.set_waiting_since(now);
            Wait::Short
        }
        since if now.saturating_sub(since) >= long => {
            // SAFETY: a waiting goroutine's context is saved, and the claim keeps it so.
            let sp = unsafe { (*g.context()).sp() };
            g.set_stack(shrink(g.stack(), sp));
            Wait::Long
        }
        _ => Wait::Short,
    };
    g.release();
    wait
}
