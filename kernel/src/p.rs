//! P: a core's right to run goroutine code, with its queue and caches.
//!
//! P n belongs to core n: only Ms on that core hold it (law 7). Fields behind `owner` are touched
//! by the M that holds the P; the rest by anyone, atomically.

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use burrow_arch::platform::MAX_CORES;

use crate::g::G;
use crate::m::M;
use crate::queue::list::Stack as FreeList;
use crate::queue::runq::{Owner, RunQueue};
use crate::rand::Seeds;
use crate::time::timers::Timers;

/// Where a P is. Go: `_Pidle` and its kin.
///
/// | status | held by an M? | on the idle mask? | runs goroutines? |
/// | --- | --- | --- | --- |
/// | `Idle` | no | yes | no |
/// | `Running` | yes | no | yes |
/// | `Syscall` | no: by who comes back | no | no |
/// | `GcStop` | perhaps by who stopped the world | no | no, but for that one |
/// | `Dead` | no | no | no: above `GOMAXPROCS` |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Status {
    /// Free to be taken by its core.
    Idle = 0,
    /// Held by an M.
    Running = 1,
    /// Its M is in a call that needs no P, and takes it back unless somebody else wants it. Go:
    /// `_Psyscall`.
    Syscall = 2,
    /// Stopped with the world. Go: `_Pgcstop`.
    GcStop = 3,
    /// Not in use.
    Dead = 4,
}

/// See the module's text. Go: `p`.
#[repr(C, align(64))]
pub struct P {
    /// Also the number of its core. Go: `id`.
    pub id: usize,
    // ---- any core, atomically
    status: AtomicU32,
    m: AtomicPtr<M>,
    /// Goes up with every slice that begins here. Go: `schedtick`.
    schedtick: AtomicU32,
    /// Goes up with every call that an M goes into from here. Go: `syscalltick`.
    syscalltick: AtomicU32,
    /// Whether this core's scheduling tick is on.
    ticking: AtomicBool,
    /// See `sched::safepoint`. Under the scheduler's lock. Go: `runSafePointFn`.
    safe_point: AtomicBool,
    /// Go: `runq`, `runnext`.
    pub runq: RunQueue<G>,
    /// Go: `timers`.
    pub timers: Timers,
    /// What happened here.
    pub counts: Counts,

    // ---- the holder
    gfree: UnsafeCell<FreeList<G>>,
    /// Goroutines that devices made ready and that ran here, one after the other, before what
    /// waits for its slice.
    io_in_a_row: Cell<u32>,
    seeds: Seeds,
    goids: Cell<(u64, u64)>,
}

/// Counters of a P: written by its holder, read by anyone.
#[derive(Default)]
pub struct Counts {
    /// Switches to a goroutine.
    pub switches: AtomicU64,
    /// Slices begun.
    pub runs: AtomicU64,
    /// Goroutines stolen from other Ps.
    pub steals: AtomicU64,
    /// Asynchronous preemptions.
    pub preemptions: AtomicU64,
    /// Times that this P's core was woken to run it.
    pub wakeups: AtomicU64,
    /// User goroutines started here.
    pub created: AtomicU64,
    /// User goroutines that ended here.
    pub ended: AtomicU64,
}

impl Counts {
    const fn new() -> Self {
        Self {
            switches: AtomicU64::new(0),
            runs: AtomicU64::new(0),
            steals: AtomicU64::new(0),
            preemptions: AtomicU64::new(0),
            wakeups: AtomicU64::new(0),
            created: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }
    }
}

/// Adds to a counter that only its owner writes.
#[inline(always)]
pub fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
}

// SAFETY: the cells are touched only by the M that holds the P, and hand-overs of the P go through
// the scheduler's lock or a note.
unsafe impl Sync for P {}
// SAFETY: as above.
unsafe impl Send for P {}

impl P {
    /// A P that is not in use.
    pub fn new(id: usize, seeds: Seeds) -> Self {
        Self {
            id,
            status: AtomicU32::new(Status::Dead as u32),
            m: AtomicPtr::new(core::ptr::null_mut()),
            schedtick: AtomicU32::new(0),
            syscalltick: AtomicU32::new(0),
            ticking: AtomicBool::new(false),
            safe_point: AtomicBool::new(false),
            runq: RunQueue::new(),
            timers: Timers::new(id),
            counts: Counts::new(),
            gfree: UnsafeCell::new(FreeList::new()),
            io_in_a_row: Cell::new(0),
            seeds,
            goids: Cell::new((0, 0)),
        }
    }

    /// Go: `status`.
    #[inline(always)]
    pub fn status(&self) -> Status {
        match self.status.load(Ordering::Relaxed) {
            0 => Status::Idle,
            1 => Status::Running,
            2 => Status::Syscall,
            3 => Status::GcStop,
            _ => Status::Dead,
        }
    }

    /// Under the scheduler's lock, or by the holder.
    pub fn set_status(&self, status: Status) {
        self.status.store(status as u32, Ordering::Relaxed);
    }

    /// The M that holds it. Go: `m`.
    pub fn m(&self) -> Option<&'static M> {
        // SAFETY: Ms are never freed.
        unsafe { self.m.load(Ordering::Relaxed).as_ref() }
    }

    /// See [`m`](Self::m).
    #[inline(always)]
    pub fn set_m(&self, m: Option<&'static M>) {
        let m = m.map_or(core::ptr::null_mut(), |m| (&raw const *m).cast_mut());
        self.m.store(m, Ordering::Relaxed);
    }

    /// Go: `schedtick`.
    #[inline(always)]
    pub fn schedtick(&self) -> u32 {
        self.schedtick.load(Ordering::Relaxed)
    }

    /// A new slice begins.
    #[inline(always)]
    pub fn next_slice(&self) {
        self.schedtick.store(self.schedtick().wrapping_add(1), Ordering::Relaxed);
        bump(&self.counts.runs, 1);
    }

    /// Go: `syscalltick`.
    #[inline(always)]
    pub fn syscalltick(&self) -> u32 {
        self.syscalltick.load(Ordering::Relaxed)
    }

    /// Its M goes into a call: whoever wants this P may take it from here on. By the M.
    #[inline(always)]
    pub fn enter_syscall(&self) {
        self.syscalltick.store(self.syscalltick().wrapping_add(1), Ordering::Relaxed);
        // Release: partner is the acquire of who takes it.
        self.status.store(Status::Syscall as u32, Ordering::Release);
    }

    /// The M comes back: whether it has this P still, and holds it now.
    #[inline(always)]
    pub fn leave_syscall(&self) -> bool {
        self.swap_syscall(Status::Running)
    }

    /// Takes it from the M that is in a call, to be handed on; `false` if it is in none any more.
    pub fn take_from_syscall(&self) -> bool {
        self.swap_syscall(Status::Idle)
    }

    /// Stops it with the world if its M is in a call. Under the scheduler's lock.
    pub fn stop_from_syscall(&self) -> bool {
        self.swap_syscall(Status::GcStop)
    }

    #[inline(always)]
    fn swap_syscall(&self, to: Status) -> bool {
        let (from, to) = (Status::Syscall as u32, to as u32);
        // Acquire: partner is `enter_syscall`. What is behind `owner` is ours now.
        self.status.compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Whether this core's tick is on.
    #[inline(always)]
    pub fn ticking(&self) -> bool {
        self.ticking.load(Ordering::Relaxed)
    }

    /// See [`ticking`](Self::ticking).
    pub fn set_ticking(&self, on: bool) {
        self.ticking.store(on, Ordering::Relaxed);
    }

    /// Whether its holder is to run a function at the next safe point. Go: `runSafePointFn`.
    pub fn safe_point(&self) -> bool {
        self.safe_point.load(Ordering::Relaxed)
    }

    /// See [`safe_point`](Self::safe_point). Under the scheduler's lock.
    pub fn set_safe_point(&self, wanted: bool) {
        self.safe_point.store(wanted, Ordering::Relaxed);
    }

    /// The holder's end of the run queue.
    ///
    /// # Safety
    /// The caller's M holds this P and is not preempted while the handle lives.
    #[inline(always)]
    pub unsafe fn owner(&self) -> Owner<'_, G> {
        // SAFETY: one M holds the P, and the caller is that M.
        unsafe { self.runq.owner() }
    }

    /// Free Gs of this P.
    ///
    /// # Safety
    /// As [`owner`](Self::owner), and no other such reference lives.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn gfree(&self) -> &mut FreeList<G> {
        // SAFETY: the holder alone touches it, and not twice at once.
        unsafe { &mut *self.gfree.get() }
    }

    /// The generators behind [`random`](Self::random) and [`rand::u64`](crate::rand::u64).
    pub fn seeds(&self) -> &Seeds {
        &self.seeds
    }

    /// How many goroutines that devices made ready ran here one after the other. Holder only.
    pub fn io_in_a_row(&self) -> u32 {
        self.io_in_a_row.get()
    }

    /// See [`io_in_a_row`](Self::io_in_a_row).
    pub fn set_io_in_a_row(&self, count: u32) {
        self.io_in_a_row.set(count);
    }

    /// A random number. Holder only. Go: `cheaprand`.
    #[inline(always)]
    pub fn random(&self) -> u32 {
        self.seeds.cheap.next_u32()
    }

    /// A fresh goroutine id, refilled from `more` in batches. Holder only. Go: `goidcache`.
    #[inline(always)]
    pub fn next_goid(&self, more: impl FnOnce() -> (u64, u64)) -> u64 {
        let (mut next, mut end) = self.goids.get();
        if next == end {
            (next, end) = more();
        }
        self.goids.set((next + 1, end));
        next
    }
}

/// All Ps by number. Go: `allp`.
static ALLP: [AtomicPtr<P>; MAX_CORES] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; MAX_CORES];

/// Makes a P findable.
pub fn register(p: &'static P) {
    // Release: pairs with `allp`.
    ALLP[p.id].store((&raw const *p).cast_mut(), Ordering::Release);
}

/// The P of that number. Panics if there is no such core.
#[inline(always)]
pub fn allp(id: usize) -> &'static P {
    // SAFETY: registered Ps are never freed.
    match unsafe { ALLP[id].load(Ordering::Acquire).as_ref() } {
        Some(p) => p,
        None => crate::panic::throw("no such P"),
    }
}
