//! Masking interrupts: the IF flag.

use core::arch::{asm, naked_asm};

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
    const IF: usize = 1 << 9;
    let now: usize;
    // SAFETY: changes RAX alone, and the word below the stack pointer.
    unsafe { asm!("call {}", sym flags, out("rax") now, options(nomem, preserves_flags)) };
    now & IF != 0
}

/// RFLAGS in RAX, all other registers as they were. A function, because they can be read only by
/// way of the stack: in the middle of another one the unwind tables would not know of the push.
#[unsafe(naked)]
unsafe extern "C" fn flags() {
    naked_asm!(
        ".cfi_startproc",
        "pushfq",
        ".cfi_adjust_cfa_offset 8",
        "pop rax",
        ".cfi_adjust_cfa_offset -8",
        "ret",
        ".cfi_endproc",
    )
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
