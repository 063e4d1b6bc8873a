//! Device registers of 32 bits.
//!
//! Assembly rather than volatile accesses: one plain load or store with a plain base register is
//! the only form that hypervisors must emulate.

use core::arch::asm;

/// Reads a register.
///
/// # Safety
/// `addr` is a mapped device register that may be read.
#[inline(always)]
pub unsafe fn read(addr: usize) -> u32 {
    let value;
    // SAFETY: the caller's promise.
    unsafe { asm!("ldr {:w}, [{}]", out(reg) value, in(reg) addr, options(nostack)) };
    value
}

/// Writes a register, after all earlier accesses of this core have left it.
///
/// # Safety
/// `addr` is a mapped device register that may be written with `value`.
#[inline(always)]
pub unsafe fn write(addr: usize, value: u32) {
    // SAFETY: the caller's promise.
    unsafe { asm!("str {:w}, [{}]", in(reg) value, in(reg) addr, options(nostack)) };
}
