//! The wall clock: a PL031, which counts seconds since 1970.

use core::sync::atomic::{AtomicU64, Ordering};

use super::{clock, mmio};

/// Nanoseconds from 1970 to the machine's reset; 0 if unknown. Written once, by the boot core.
static AT_RESET: AtomicU64 = AtomicU64::new(0);

/// What the wall clock showed when `nanotime` was 0, in nanoseconds since 1970.
pub fn at_reset() -> Option<u64> {
    Some(AT_RESET.load(Ordering::Relaxed)).filter(|nanos| *nanos > 0)
}

/// Asks the device with these registers.
pub(super) fn init(registers: usize) {
    // SAFETY: the data register is the first; reading it changes nothing.
    let seconds = unsafe { mmio::read(registers) };
    let nanos = (u64::from(seconds) * 1_000_000_000).saturating_sub(clock::nanotime());
    AT_RESET.store(nanos, Ordering::Relaxed);
}
