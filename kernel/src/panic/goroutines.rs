//! What a dump asks of the scheduler.
//!
//! The fatal path works before there is a scheduler, and while it is in any state; so it asks
//! through a table of functions that bring-up hands over, and these answer from what they can read
//! without locks.

use core::ops::Range;
use core::sync::atomic::{AtomicPtr, Ordering};

use burrow_arch::context::Registers;

use crate::trace::ring::Ring;

/// One goroutine, as a traceback needs it.
pub struct Goroutine {
    /// Go: `goid`.
    pub id: u64,
    /// The word that the core keeps while it runs (`cpu::current`); its G's address.
    pub g: usize,
    /// Number and address of the M that it is on.
    pub m: Option<(u64, usize)>,
    /// Its status, or what it waits for.
    pub status: &'static str,
    /// Since when it waits or is in a syscall, as `nanotime`; 0 if it does neither.
    pub since: u64,
    /// Locked to its M.
    pub locked: bool,
    /// One of the runtime's own.
    pub system: bool,
    /// Its stack, the whole slot.
    pub stack: Range<usize>,
    /// Bytes that it may use of it.
    pub stack_limit: usize,
    /// Where it was switched out; nothing while it runs.
    pub registers: Option<Registers>,
    /// Who started it and the return address of that call; address 0 if nobody did.
    pub created_by: (u64, usize),
}

/// What runs on this core; by default nothing that is known.
#[derive(Default)]
pub struct Current {
    /// The goroutine of the M that runs here, also while its g0 runs for it.
    pub goroutine: Option<Goroutine>,
    /// The system stack of that M.
    pub system_stack: Range<usize>,
    /// Whether the code runs for the M itself, on g0.
    pub on_g0: bool,
    /// Whether preemption is held off: the runtime is in the middle of something.
    pub holds_locks: bool,
}

/// Takes goroutines one by one.
pub type ForGoroutine<'a> = &'a mut dyn FnMut(&Goroutine);
/// Takes flight rings one by one, with their cores' numbers.
pub type ForRing<'a> = &'a mut dyn FnMut(usize, &Ring);

/// The scheduler's answers.
pub struct Scheduler {
    /// What runs on this core.
    pub current: fn() -> Current,
    /// Every goroutine that is alive, by age.
    pub for_each: fn(ForGoroutine<'_>),
    /// Cores that have been started, this one included.
    pub cores: fn() -> usize,
    /// Every core's flight ring.
    pub rings: fn(ForRing<'_>),
}

static SCHEDULER: AtomicPtr<Scheduler> = AtomicPtr::new(core::ptr::null_mut());

/// Makes the scheduler's answers known.
pub fn set_scheduler(scheduler: &'static Scheduler) {
    // Release: pairs with `scheduler`; what bring-up built is there before it is asked for.
    SCHEDULER.store((&raw const *scheduler).cast_mut(), Ordering::Release);
}

fn scheduler() -> Option<&'static Scheduler> {
    // SAFETY: null or what `set_scheduler` was given, a `&'static`.
    unsafe { SCHEDULER.load(Ordering::Acquire).as_ref() }
}

/// What runs on this core.
pub fn current() -> Current {
    scheduler().map_or_else(Current::default, |scheduler| (scheduler.current)())
}

/// Every goroutine that is alive, by age.
pub fn for_each(f: ForGoroutine<'_>) {
    if let Some(scheduler) = scheduler() {
        (scheduler.for_each)(f);
    }
}

/// Cores that have been started.
pub fn cores() -> usize {
    scheduler().map_or(1, |scheduler| (scheduler.cores)())
}

/// Every core's flight ring.
pub fn rings(f: ForRing<'_>) {
    if let Some(scheduler) = scheduler() {
        (scheduler.rings)(f);
    }
}
