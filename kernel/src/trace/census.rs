//! Counting everything that can be lost, and whether each goroutine is in exactly one place, in a
//! stopped world.
//!
//! [`Census::take`] only counts: two of them tell whether something was left behind in between.
//! [`check`] gathers what [`super::invariants`] checks. Sudogs need no count: they lie on the stacks
//! of those who wait.

use alloc::vec::Vec;

use super::invariants::{self, Goroutine, Processor, Snapshot, Thread};
use crate::g::{G, Kind, Status};
use crate::m::M;
use crate::mem::heap;
use crate::p::{self, allp};
use crate::sched::stop::stop_the_world;
use crate::sched::table::{ALLGS, ALLMS};
use crate::sched::{Locked, SCHED};
use crate::{foreign, stack};

/// What there was at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// The program's goroutines that are alive.
    pub goroutines: usize,
    /// Those of the runtime.
    pub system: usize,
    /// Dead Gs on free lists, for the next `go`.
    pub free: usize,
    /// Dead Gs that are on no list: about to start, or lost.
    pub stray: usize,
    /// Stack slots handed out, without those for foreign code.
    pub stacks: usize,
    /// Gs that have one, dead or alive.
    pub stacks_owned: usize,
    /// Timers that will fire.
    pub timers: usize,
    /// Heap bytes in use.
    pub heap: usize,
    /// Kernel threads.
    pub threads: usize,
}

impl Census {
    /// Counts. On a goroutine that holds off nothing. Takes what is dead out of the timers' heaps
    /// first, which otherwise happens when it suits.
    pub fn take() -> Self {
        stop_the_world(|| {
            let timers = (0..SCHED.cores()).map(|id| {
                allp(id).timers.settle();
                allp(id).timers.len()
            });
            let timers = timers.sum();
            let mut census = Self {
                free: free(&SCHED.lock.lock()),
                stacks: stack::handed_out() - foreign::handed_out(),
                heap: heap::stats().in_use,
                threads: crate::kthread::threads(),
                timers,
                ..Self::default()
            };
            let mut dead = 0;
            for g in ALLGS.iter() {
                census.stacks_owned += usize::from(!g.stack().is_none());
                match (g.status(), g.kind()) {
                    (Status::Dead | Status::Idle, _) => dead += 1,
                    (_, Kind::User) => census.goroutines += 1,
                    _ => census.system += 1,
                }
            }
            census.stray = dead - census.free.min(dead);
            census
        })
    }
}

/// Gs on all free lists. The world is stopped.
fn free(locked: &Locked) -> usize {
    // SAFETY: nobody uses a P's list while the world is stopped, and this reference is gone before
    // the next is made.
    let of = |id| unsafe { allp(id).gfree() }.len();
    locked.gfree.len() + (0..SCHED.cores()).map(of).sum::<usize>()
}

/// Names by address: places in a sorted list.
struct Names(Vec<usize>);

impl Names {
    /// Room for so many.
    fn with_capacity(room: usize) -> Self {
        Self(Vec::with_capacity(room))
    }

    fn of<T>(&self, thing: &T) -> Option<usize> {
        self.0.binary_search(&(&raw const *thing).addr()).ok()
    }
}

/// Stops the world and looks whether each goroutine is in exactly one place, and Ms and Ps agree.
/// On a goroutine that holds off nothing.
pub fn check() -> Result<(), &'static str> {
    loop {
        // Nothing is allocated while the world is stopped; who starts meanwhile needs room too.
        let room = ALLGS.len() + ALLMS.len() + 64;
        let mut gs = Names::with_capacity(room);
        let mut ms = Names::with_capacity(room);
        let mut goroutines = Vec::with_capacity(room);
        let mut threads = Vec::with_capacity(room);
        let mut processors = Vec::with_capacity(SCHED.cores());
        let mut queued = Vec::with_capacity(2 * room);
        let mut free = Vec::with_capacity(2 * room);
        let mut seen = alloc::vec![0; room];
        let verdict = stop_the_world(|| {
            if ALLGS.len() + ALLMS.len() > room {
                return None;
            }
            gs.0.extend(ALLGS.iter().map(|g| (&raw const *g).addr()));
            gs.0.sort_unstable();
            ms.0.extend(ALLMS.iter().map(|m| (&raw const *m).addr()));
            ms.0.sort_unstable();
            goroutines.extend(gs.0.iter().map(|&at| goroutine(at_address(at), &ms)));
            threads.extend(ms.0.iter().map(|&at| thread(at_address(at), &gs)));
            processors.extend((0..SCHED.cores()).map(|id| processor(allp(id), &ms)));
            gather(&gs, &mut queued, &mut free);
            let snapshot = Snapshot {
                goroutines: &goroutines,
                threads: &threads,
                processors: &processors,
                queued: &queued,
                free: &free,
            };
            Some(invariants::check(&snapshot, &mut seen))
        });
        if let Some(verdict) = verdict {
            return verdict;
        }
    }
}

/// A G or M back from its address.
fn at_address<T>(at: usize) -> &'static T {
    // SAFETY: addresses of references to the same type, taken a moment ago; Gs and Ms are never
    // freed, and their memory is exposed as any of the kernel's.
    unsafe { &*core::ptr::with_exposed_provenance(at) }
}

fn goroutine(g: &G, ms: &Names) -> Goroutine {
    use invariants::Status as S;
    let status = match g.status() {
        Status::Runnable => S::Runnable,
        Status::Running | Status::Syscall => S::Running,
        Status::Waiting | Status::Preempted => S::Waiting,
        Status::Dead | Status::Idle => S::Dead,
    };
    Goroutine { status, m: g.try_m().and_then(|m| ms.of(m)) }
}

fn thread(m: &M, gs: &Names) -> Thread {
    // One that names nobody we know is a G all the same: out of every range.
    let name = |g| gs.of(g).unwrap_or(usize::MAX);
    Thread { running: m.curg().map(name), p: m.try_p().map(|p| p.id) }
}

fn processor(p: &p::P, ms: &Names) -> Processor {
    Processor {
        m: p.m().map(|m| ms.of(m).unwrap_or(usize::MAX)),
        idle: SCHED.idle_ps.test(p.id),
        empty: p.runq.is_empty(),
    }
}

/// Names of all that is on run queues and free lists. The world is stopped.
fn gather(gs: &Names, queued: &mut Vec<usize>, free: &mut Vec<usize>) {
    let locked = SCHED.lock.lock();
    let name = |item| gs.of(G::from_item(item)).unwrap_or(usize::MAX);
    // A list with a loop must not run over the room, nor go on for ever.
    let put = |list: &mut Vec<usize>, name| {
        if list.len() < list.capacity() {
            list.push(name);
        }
    };
    let room = queued.capacity();
    locked.runq.iter().take(room).for_each(|item| put(queued, name(item)));
    locked.gfree.iter().take(room).for_each(|item| put(free, name(item)));
    for p in (0..SCHED.cores()).map(allp) {
        p.runq.for_each(|item| put(queued, name(item)));
        // SAFETY: as in `free`.
        unsafe { p.gfree() }.iter().take(room).for_each(|item| put(free, name(item)));
    }
}
