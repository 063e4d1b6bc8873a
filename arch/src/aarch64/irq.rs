//! Masking interrupts: PSTATE.I. PSTATE.F stays clear, so that `ipi::freeze_others` gets through.

use core::arch::asm;

use aarch64_cpu::registers::{DAIF, Readable};

/// Masks interrupts and says whether they were unmasked before.
#[inline(always)]
pub fn disable() -> bool {
    let was_enabled = enabled();
    // SAFETY: masking has no effect on memory; without `nomem`, no access moves above it.
    unsafe { asm!("msr daifset, #2", options(nostack, preserves_flags)) };
    was_enabled
}

/// Unmasks interrupts.
#[inline(always)]
pub fn enable() {
    // SAFETY: handlers keep to what interrupted code may see; without `nomem`, no access moves
    // below it.
    unsafe { asm!("msr daifclr, #2", options(nostack, preserves_flags)) };
}

/// Whether interrupts are unmasked.
#[inline(always)]
pub fn enabled() -> bool {
    !DAIF.is_set(DAIF::I)
}

/// Entered masked: halts until an interrupt is pending, lets it in, returns masked.
///
/// `wfi` ends for a pending interrupt whether it is masked or not, so one that comes just before
/// the halt is not slept over (H27).
#[inline]
pub fn wait() {
    // SAFETY: as `enable` and `disable`; the `isb` makes sure that what is pending is taken in
    // between.
    unsafe {
        asm!(
            "dsb sy",
            "wfi",
            "msr daifclr, #2",
            "isb",
            "msr daifset, #2",
            options(nostack, preserves_flags)
        );
    }
}

/// Stops this core for good. What is pending and masked ends each `wfi`: the core's timer is
/// cleared, and nothing else comes often.
pub fn halt() -> ! {
    super::timer::clear();
    loop {
        // SAFETY: masks everything and halts; memory is not touched.
        unsafe { asm!("msr daifset, #0xf", "wfi", options(nomem, nostack, preserves_flags)) };
    }
}
