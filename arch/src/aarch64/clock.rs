//! The monotonic clock: the virtual counter, which starts at zero with the machine and is the
//! same on every core.

use core::sync::atomic::{AtomicU64, Ordering};

use aarch64_cpu::asm::barrier::{SY, isb};
use aarch64_cpu::registers::{CNTFRQ_EL0, CNTVCT_EL0, Readable};

/// Fraction bits of [`NANOS_PER_TICK`]: 1 MHz, the slowest counter, still fits.
const NANOS_SHIFT: u32 = 50;
/// Fraction bits of [`TICKS_PER_NANO`]: 1 GHz, the fastest counter, still fits.
const TICKS_SHIFT: u32 = 60;

/// Nanoseconds in a tick, rounded down. Both words are written by every core with the same values
/// before anything reads them on that core, so they need no order.
static NANOS_PER_TICK: AtomicU64 = AtomicU64::new(0);
/// Ticks in a nanosecond, rounded down.
static TICKS_PER_NANO: AtomicU64 = AtomicU64::new(0);

/// Takes the counter's frequency.
pub fn init() {
    let hz = u128::from(CNTFRQ_EL0.get().max(1));
    NANOS_PER_TICK.store(((1_000_000_000 << NANOS_SHIFT) / hz) as u64, Ordering::Relaxed);
    TICKS_PER_NANO.store(((hz << TICKS_SHIFT) / 1_000_000_000) as u64, Ordering::Relaxed);
}

/// Nanoseconds since the machine's reset.
#[inline]
pub fn nanotime() -> u64 {
    // Without it the counter could be read before what comes earlier, so that two cores that talk
    // to each other might see time go back.
    isb(SY);
    nanos(CNTVCT_EL0.get())
}

/// Raw counter ticks.
#[inline]
pub fn ticks() -> u64 {
    CNTVCT_EL0.get()
}

fn nanos(ticks: u64) -> u64 {
    let factor = u128::from(NANOS_PER_TICK.load(Ordering::Relaxed));
    ((u128::from(ticks) * factor) >> NANOS_SHIFT) as u64
}

/// The first tick at which [`nanotime`] has reached `deadline`.
pub(super) fn tick_at(deadline: u64) -> u64 {
    let factor = u128::from(TICKS_PER_NANO.load(Ordering::Relaxed));
    let mut tick = ((u128::from(deadline) * factor) >> TICKS_SHIFT) as u64;
    // Both factors are rounded: a step or two at most.
    while nanos(tick) < deadline {
        tick += 1;
    }
    tick
}
