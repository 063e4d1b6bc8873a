//! Stopping the other cores for good, and what they ran when they stopped.
//!
//! A core that is told to freeze, or that fails while another one is already on the way down, puts
//! its registers in a place of its own and stands still. The dump finds them there by the word that
//! the core kept for what it ran.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use burrow_arch::context::Registers;
use burrow_arch::platform::MAX_CORES;
use burrow_arch::trap::TrapFrame;

use super::unwind::Pc;

/// How long the others get to answer. Go waits for a similar time in `freezetheworld`.
const PATIENCE_NS: u64 = 100_000_000;
/// The same in looks, for when there is no clock.
const PATIENCE_LOOKS: u32 = 20_000_000;

/// A stopped core.
struct Place {
    full: AtomicBool,
    stopped: UnsafeCell<Option<Stopped>>,
}

/// What a core was doing.
#[derive(Clone, Copy)]
pub struct Stopped {
    /// The core's word for what it ran.
    pub g: usize,
    /// Its registers.
    pub registers: Registers,
    /// How their address is meant.
    pub kind: Pc,
}

// SAFETY: a place is written by the one core that took it (`TAKEN`), before `full` is set; read
// only after that, and never written again.
unsafe impl Sync for Place {}

static PLACES: [Place; MAX_CORES] =
    [const { Place { full: AtomicBool::new(false), stopped: UnsafeCell::new(None) } }; MAX_CORES];

/// Places taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// Places filled.
static FULL: AtomicUsize = AtomicUsize::new(0);

/// `Upcalls::freeze`: this core's end.
pub fn frozen(frame: &mut TrapFrame) -> ! {
    stand_still(&frame.registers(), Pc::Exact)
}

/// Leaves the registers behind and stops this core for good. Interrupts are masked.
pub fn stand_still(registers: &Registers, kind: Pc) -> ! {
    burrow_arch::irq::disable();
    let g = burrow_arch::cpu::current();
    if stopped_at(g).is_some() {
        // It stood still already when it was told to: counted twice, it would stand for a core
        // that still runs.
        burrow_arch::irq::halt();
    }
    let index = TAKEN.fetch_add(1, Ordering::Relaxed);
    if let Some(place) = PLACES.get(index) {
        let stopped = Stopped { g, registers: *registers, kind };
        // SAFETY: this core alone took the place, and nobody reads it before `full`.
        unsafe { *place.stopped.get() = Some(stopped) };
        // Release: pairs with the acquire in `stopped_at`.
        place.full.store(true, Ordering::Release);
        FULL.fetch_add(1, Ordering::Release);
    }
    burrow_arch::irq::halt()
}

/// Stops the other cores and waits until `others` of them stand still, but not for long.
pub fn others(others: usize) {
    burrow_arch::ipi::freeze_others();
    let since = burrow_arch::clock::nanotime();
    let mut looks = 0;
    while FULL.load(Ordering::Acquire) < others && looks < PATIENCE_LOOKS {
        if burrow_arch::clock::nanotime().wrapping_sub(since) > PATIENCE_NS {
            return;
        }
        looks += 1;
        core::hint::spin_loop();
    }
}

/// What the core was doing that ran `g`, if it answered.
pub fn stopped_at(g: usize) -> Option<Stopped> {
    PLACES
        .iter()
        // Acquire: pairs with the release in `stand_still`.
        .filter(|place| place.full.load(Ordering::Acquire))
        // SAFETY: full places are not written any more.
        .filter_map(|place| unsafe { (*place.stopped.get()).as_ref() })
        .find(|stopped| stopped.g == g)
        .copied()
}
