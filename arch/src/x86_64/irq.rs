//! Masking interrupts: the IF flag.

use core::arch::asm;

use x86_64::instructions::interrupts;

/// Masks interrupts and says whether they were unmasked before.
#[inline(always)]
pub fn disable() -> bool {
    let was_enabled = enabled();
    interrupts::disable();
    was_enabled
}

/// Unmasks interrupts.
#[inline(always)]
pub fn enable() {
    interrupts::enable();
}

/// Whether interrupts are unmasked.
#[inline(always)]
pub fn enabled() -> bool {
    interrupts::are_enabled()
}

/// Halts until an interrupt was handled; entered and left masked.
#[inline]
pub fn wait() {
    // `sti` takes effect only after the instruction that follows it, so nothing can be handled
    // before the core halts: an interrupt that is pending already ends the halt at once.
    // SAFETY: changes no state but the interrupt flag, which is cleared again; handlers keep to
    // their own stacks. Not `nomem`: memory may differ afterwards.
    unsafe { asm!("sti", "hlt", "cli", options(nostack)) };
}

/// Stops this core for good; only an NMI ends a halt, and then it halts again.
pub fn halt() -> ! {
    loop {
        interrupts::disable();
        x86_64::instructions::hlt();
    }
}
