//! The scheduler: Go's algorithms, states and names on cores instead of an OS.
//!
//! Reading order: `run` (the g0 loop), `find` and `steal` (where work comes from), `spin`'s protocol
//! in [`crate::queue::spin`], `idle` (Ms and Ps without work), `park`, `spawn`, `preempt`, `tick`,
//! `deadlock`, `stop`, `procs`, `safepoint`, `suspend`, `locked`, `syscall`, `handoff`.
//!
//! # Who wakes whom (law 9)
//!
//! 1. Whoever makes a goroutine runnable puts it on a queue, then looks whether an idle P exists
//!    and nobody spins; if so it starts one spinning M ([`idle::wakep`]).
//! 2. A spinning M that finds work stops spinning, and if it was the last one starts another
//!    ([`run`], `resetspinning`): work comes in bursts.
//! 3. A spinning M that finds nothing gives its P up, drops the spinning mark, and looks at every
//!    queue again before it sleeps ([`find`]).
//!
//! Between "submit, then look for spinners" and "drop the mark, then look for work" stands a full
//! fence on both sides, inside the functions of [`crate::queue::spin`], so that at least one of the
//! two sees the other.

pub mod check;
pub mod deadlock;
pub mod find;
pub mod handoff;
pub mod idle;
pub mod locked;
pub mod park;
pub mod preempt;
pub mod procs;
pub mod run;
pub mod safepoint;
pub mod spawn;
pub mod steal;
pub mod stop;
pub mod suspend;
pub mod syscall;
pub mod system;
pub mod table;
pub mod tick;

mod point;
mod reason;

use alloc::boxed::Box;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use burrow_arch::platform::MAX_CORES;

pub use point::sched_point;
pub use reason::WaitReason;

use crate::g::G;
use crate::m::{IdleM, M};
use crate::p::{P, Status};
use crate::queue::globalq::{GlobalLen, GlobalQueue};
use crate::queue::list::{List, Stack as FreeList};
use crate::queue::mask::CoreMask;
use crate::queue::order::{RandomOrder, Visit};
use crate::queue::spin::Spinners;
use crate::sync::{Rank, SpinLock};

/// The one scheduler. Go: `sched`.
pub static SCHED: Sched = Sched::new();

/// What all cores share. Go: `schedt`.
pub struct Sched {
    /// Under the lock.
    pub lock: SpinLock<Locked>,
    /// Goroutines in the global queue, for looking without the lock. Go: `runqsize`.
    runqsize: GlobalLen,
    /// Free Gs in the global list, for looking without the lock.
    ngfree: AtomicUsize,
    /// Idle Ps. Changed under the lock, read by anyone. Go: `idlepMask`.
    pub idle_ps: CoreMask,
    /// Spinning Ms and the wake-up protocol. Go: `nmspinning`, `needspinning`, `npidle`.
    pub spinners: Spinners,
    /// Next goroutine id. Go: `goidgen`.
    goidgen: AtomicU64,
    /// Stopping the world.
    pub world: stop::World,
    /// Random orders of the Ps in use; one of those in `steal_orders`. Go: `stealOrder`.
    steal_order: AtomicPtr<RandomOrder>,
    /// Random orders of one P, of two, and so on, up to the number of cores.
    steal_orders: spin::Once<Box<[RandomOrder]>>,
    /// Ps in use.
    procs: AtomicU32,
    /// Ps in use at the start: each is taken by its core as that arrives.
    first_procs: AtomicU32,
    /// Ps that the program asks for; more than cores are not in use. Go: `gomaxprocs`.
    asked: AtomicUsize,
    /// Cores of the machine. Go: `ncpu`.
    cores: AtomicU32,
    /// Set when main starts; before, nobody is woken. Go: `mainStarted`.
    pub main_started: core::sync::atomic::AtomicBool,
}

/// What the scheduler's lock protects.
pub struct Locked {
    /// Go: `runq`.
    pub runq: GlobalQueue<G>,
    /// Idle Ms by core. Go: `midle`.
    pub idle_ms: [List<IdleM>; MAX_CORES],
    /// Ms that can run goroutines, and those of them that sleep. Go: `mcount`, `nmidle`.
    pub mcount: usize,
    /// See [`mcount`](Self::mcount).
    pub nmidle: usize,
    /// Ms that sleep until the goroutine that is wired to them runs again. Go: `nmidlelocked`.
    pub nmidlelocked: usize,
    /// Free Gs with a stack. Go: `gFree.stack`.
    pub gfree: FreeList<G>,
    /// Ps that have yet to stop before the world is. Go: `stopwait`.
    pub stopwait: usize,
}

impl Sched {
    const fn new() -> Self {
        Self {
            lock: SpinLock::new(
                Rank::Sched,
                Locked {
                    runq: GlobalQueue::new(),
                    idle_ms: [const { List::new() }; MAX_CORES],
                    mcount: 0,
                    nmidle: 0,
                    nmidlelocked: 0,
                    gfree: FreeList::new(),
                    stopwait: 0,
                },
            ),
            runqsize: GlobalLen::new(),
            ngfree: AtomicUsize::new(0),
            idle_ps: CoreMask::new(),
            spinners: Spinners::new(),
            goidgen: AtomicU64::new(1),
            world: stop::World::new(),
            steal_order: AtomicPtr::new(null_mut()),
            steal_orders: spin::Once::new(),
            procs: AtomicU32::new(0),
            first_procs: AtomicU32::new(0),
            asked: AtomicUsize::new(0),
            cores: AtomicU32::new(0),
            main_started: core::sync::atomic::AtomicBool::new(false),
        }
    }

    /// Ps in use: the first so many. Changes only in a stopped world.
    #[inline(always)]
    pub fn procs(&self) -> usize {
        self.procs.load(Ordering::Relaxed) as usize
    }

    /// Ps in use at the start.
    pub fn first_procs(&self) -> usize {
        self.first_procs.load(Ordering::Relaxed) as usize
    }

    /// Cores of the machine. Go: `ncpu`.
    pub fn cores(&self) -> usize {
        self.cores.load(Ordering::Relaxed) as usize
    }

    /// Given once at start.
    pub fn set_size(&self, cores: usize, asked: usize) {
        self.cores.store(cores as u32, Ordering::Relaxed);
        self.steal_orders.call_once(|| (1..=cores).map(RandomOrder::new).collect());
        self.asked.store(asked, Ordering::Relaxed);
        self.first_procs.store(asked.min(cores) as u32, Ordering::Relaxed);
        self.set_procs(asked.min(cores));
    }

    /// At start, or in a stopped world.
    fn set_procs(&self, procs: usize) {
        let order = self.steal_orders.get().and_then(|orders| orders.get(procs - 1));
        let Some(order) = order else { crate::panic::throw("procresize: invalid arg") };
        // Release: pairs with `steal_order`.
        self.steal_order.store((&raw const *order).cast_mut(), Ordering::Release);
        self.procs.store(procs as u32, Ordering::Relaxed);
    }

    /// All Ps in use in a random order. Go: `stealOrder.start`.
    #[inline(always)]
    pub fn steal_order(&self, random: u32) -> Visit {
        // SAFETY: one of `steal_orders`, which stay.
        match unsafe { self.steal_order.load(Ordering::Acquire).as_ref() } {
            Some(order) => order.start(random),
            None => crate::panic::throw("stealing before the Ps were made"),
        }
    }

    /// Goroutines in the global queue, without the lock. Go: `sched.runqsize`.
    #[inline(always)]
    pub fn runqsize(&self) -> usize {
        self.runqsize.get()
    }

    /// Free Gs in the global list, without the lock. Go: `sched.gFree.n`.
    pub fn ngfree(&self) -> usize {
        self.ngfree.load(Ordering::Relaxed)
    }

    /// A batch of goroutine ids: first and one past the last.
    pub fn more_goids(&self) -> (u64, u64) {
        let first = self.goidgen.fetch_add(crate::config::GOID_BATCH, Ordering::Relaxed);
        (first, first + crate::config::GOID_BATCH)
    }
}

impl Locked {
    /// After any change of the free list.
    pub fn publish_ngfree(&self) {
        SCHED.ngfree.store(self.gfree.len(), Ordering::Relaxed);
    }

    /// Go: `globrunqput`.
    pub fn globrunqput(&mut self, g: &'static G) {
        // SAFETY: Gs are never freed, and a G that its owner makes runnable is on no list.
        unsafe { self.runq.put(g.as_item(), &SCHED.runqsize) };
    }

    /// Go: `globrunqputbatch`.
    pub fn globrunqputbatch(&mut self, batch: List<G>) {
        self.runq.put_batch(batch, &SCHED.runqsize);
    }

    /// One goroutine. Go: `globrunqget`.
    pub fn globrunqget(&mut self) -> Option<&'static G> {
        self.runq.get(&SCHED.runqsize).map(G::from_item)
    }

    /// One goroutine and a fair share more, at most `most` in all, for the local queue.
    /// Go: `globrunqgetbatch`.
    pub fn globrunqgetbatch(&mut self, most: usize) -> Option<(&'static G, List<G>)> {
        let (first, rest) = self.runq.get_batch(SCHED.procs(), most, &SCHED.runqsize)?;
        Some((G::from_item(first), rest))
    }

    /// Takes this core's P if it is idle. Go: `pidleget`, for the only P that may be taken here.
    pub fn pidleget(&mut self, id: usize) -> Option<&'static P> {
        if !SCHED.idle_ps.clear(id) {
            return None;
        }
        SCHED.spinners.p_busy();
        Some(crate::p::allp(id))
    }

    /// Takes an idle P for whoever runs on its core, the nearest above `from`.
    pub fn pidleget_any(&mut self, from: usize) -> Option<&'static P> {
        let id = SCHED.idle_ps.take_any(from)?;
        SCHED.spinners.p_busy();
        Some(crate::p::allp(id))
    }

    /// Go: `pidleput`.
    pub fn pidleput(&mut self, p: &'static P) {
        if !p.runq.is_empty() {
            crate::panic::throw("pidleput: P has non-empty run queue");
        }
        SCHED.idle_ps.set(p.id);
        SCHED.spinners.p_idle();
    }
}

/// This M takes a P. Go: `acquirep`.
///
/// On g0, without locks; the P is this core's and was taken off the idle mask.
pub fn acquirep(m: &'static M, p: &'static P) {
    if m.try_p().is_some() {
        crate::panic::throw("acquirep: already in go");
    }
    if p.m().is_some() || p.status() != Status::Idle {
        crate::panic::throw("acquirep: invalid p state");
    }
    debug_assert_eq!(p.id, m.core(), "a core takes only its own P");
    m.set_p(Some(p));
    p.set_m(Some(m));
    p.set_status(Status::Running);
}

/// This M gives its P up; the caller puts it on the idle mask. Go: `releasep`.
pub fn releasep(m: &'static M) -> &'static P {
    let p = m.p();
    if p.m().is_none_or(|holder| !core::ptr::eq(holder, m)) || p.status() != Status::Running {
        crate::panic::throw("releasep: invalid p state");
    }
    m.set_p(None);
    p.set_m(None);
    p.set_status(Status::Idle);
    p
}
