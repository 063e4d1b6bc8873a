//! One block per core: what belongs to the core itself, not to the P or M that it runs.
//!
//! Found through one register (law 1), read only while preemption is held off.

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use burrow_arch::platform::MAX_CORES;

use crate::kthread::queue::Threads;
use crate::m::M;
use crate::mem;
use crate::p::P;
use crate::sched::tick::Tick;
use crate::sysmon::watchdog::Watch;
use crate::trace::ring::{Event, Ring};

/// What a core owns.
#[repr(C, align(64))]
pub struct Core {
    /// Which core: index into the machine's cores; also the number of its P.
    pub index: usize,
    /// The M that the core began with.
    first_m: AtomicPtr<M>,
    /// The M that the core runs when all others have to be off it; made when first wanted.
    idle_m: AtomicPtr<M>,
    /// Runnable kernel threads of this core.
    pub threads: Threads,
    /// The scheduling tick.
    pub tick: Tick,
    /// Who keeps this core from others.
    pub watch: Watch,
    /// Cached page frames.
    pub frames: mem::frames::CoreCache,
    /// Cached heap blocks.
    pub heap: mem::heap::CoreCache,
    /// Interrupts taken.
    pub interrupts: AtomicU64,
    /// What happened here last.
    pub ring: Ring,
}

impl Core {
    /// A core's block before the core runs.
    pub const fn new(index: usize) -> Self {
        Self {
            index,
            first_m: AtomicPtr::new(core::ptr::null_mut()),
            idle_m: AtomicPtr::new(core::ptr::null_mut()),
            threads: Threads::new(),
            tick: Tick::new(),
            watch: Watch::new(),
            frames: mem::frames::CoreCache::new(),
            heap: mem::heap::CoreCache::new(),
            interrupts: AtomicU64::new(0),
            ring: Ring::new(),
        }
    }

    /// As the word that the CPU keeps for us.
    pub fn as_word(&'static self) -> usize {
        (&raw const *self).expose_provenance()
    }

    /// The M that the core begins with.
    pub fn first_m(&self) -> &'static M {
        // SAFETY: set before the core is started; Ms are never freed.
        unsafe { &*self.first_m.load(Ordering::Acquire) }
    }

    /// See [`first_m`](Self::first_m).
    pub fn set_first_m(&self, m: &'static M) {
        self.first_m.store((&raw const *m).cast_mut(), Ordering::Release);
    }

    /// The M that does nothing, if there is one yet.
    pub fn idle_m(&self) -> Option<&'static M> {
        // SAFETY: Ms are never freed.
        unsafe { self.idle_m.load(Ordering::Relaxed).as_ref() }
    }

    /// See [`idle_m`](Self::idle_m). By this core.
    pub fn set_idle_m(&self, m: &'static M) {
        self.idle_m.store((&raw const *m).cast_mut(), Ordering::Relaxed);
    }

    /// The P with this core's number: the only one that may be taken here (law 7).
    #[inline(always)]
    pub fn own_p(&self) -> &'static P {
        crate::p::allp(self.index)
    }
}

/// This core's block. Only while preemption is held off or interrupts are masked.
#[inline(always)]
pub fn local() -> &'static Core {
    // SAFETY: `cpu::init_core` was given a `Core` before any kernel code runs on the core.
    unsafe { &*core::ptr::with_exposed_provenance(burrow_arch::cpu::local()) }
}

/// The boot core's block; the others' are allocated when the cores are started.
pub static BOOT_CORE: Core = Core::new(0);

/// All cores' blocks by index.
static CORES: [AtomicPtr<Core>; MAX_CORES] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; MAX_CORES];

/// Makes a core's block findable by index.
pub fn register(core: &'static Core) {
    // Release: pairs with `core`, so that the block is complete for who finds it.
    CORES[core.index].store((&raw const *core).cast_mut(), Ordering::Release);
}

/// The block of any core that was registered.
pub fn core(index: usize) -> Option<&'static Core> {
    // SAFETY: registered blocks are never freed.
    unsafe { CORES[index].load(Ordering::Acquire).as_ref() }
}

/// Notes an event in this core's flight ring. Only while preemption is held off.
#[inline(always)]
pub fn record(event: Event, goid: u64, word: u64) {
    local().ring.record(event, goid, word);
}
