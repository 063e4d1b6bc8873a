//! What an unwinder needs of the CPU: the registers that calls keep, taken and put back.
//!
//! Both ends are ordinary text: they may be interrupted and preempted at every instruction. For
//! that [`land`] has read everything before it moves the stack pointer, and its CFI tells walkers
//! at each instruction whose registers are in place.

use core::arch::naked_asm;
use core::mem::offset_of;

/// A frame as its own code sees it when a call comes back: what the call kept.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Frame {
    /// x19–x29, then d8–d15.
    pub r: [usize; Frame::KEPT],
    /// The stack pointer.
    pub sp: usize,
    /// Where the call comes back to.
    pub pc: usize,
}

impl Frame {
    /// Registers that calls keep, without the stack pointer.
    pub const KEPT: usize = 19;
    /// Their numbers in DWARF.
    pub const COLUMNS: [u16; Self::KEPT] =
        [19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 72, 73, 74, 75, 76, 77, 78, 79];
    /// The stack pointer's number in DWARF.
    pub const SP: u16 = 31;
    /// Nothing known yet.
    pub const EMPTY: Self = Self { r: [0; Self::KEPT], sp: 0, pc: 0 };
}

const R: usize = offset_of!(Frame, r);
const SP: usize = offset_of!(Frame, sp);
const PC: usize = offset_of!(Frame, pc);
const _: () = assert!(SP == R + 19 * 8 && PC == SP + 8, "stored and loaded as pairs");

/// Writes the caller's frame as it is when this returns.
#[unsafe(naked)]
pub extern "C" fn capture(frame: &mut Frame) {
    naked_asm!(
        ".cfi_startproc",
        "stp x19, x20, [x0, #{r}]",
        "stp x21, x22, [x0, #{r} + 16]",
        "stp x23, x24, [x0, #{r} + 32]",
        "stp x25, x26, [x0, #{r} + 48]",
        "stp x27, x28, [x0, #{r} + 64]",
        "str x29, [x0, #{r} + 80]",
        "stp d8, d9, [x0, #{r} + 88]",
        "stp d10, d11, [x0, #{r} + 104]",
        "stp d12, d13, [x0, #{r} + 120]",
        "stp d14, d15, [x0, #{r} + 136]",
        "mov x9, sp",
        "stp x9, x30, [x0, #{sp}]",
        "ret",
        ".cfi_endproc",
        r = const R,
        sp = const SP,
    )
}

/// Continues at the frame's `pc`, a landing pad, which finds `exception` where the ABI says.
///
/// # Safety
/// The frame is one further up this stack (or of the code that switched to it), everything below
/// it is done with, and `pc` is a landing pad of its function.
#[unsafe(naked)]
pub unsafe extern "C" fn land(frame: *const Frame, exception: usize) -> ! {
    naked_asm!(
        ".cfi_startproc",
        "ldp x9, x10, [x0, #{sp}]",
        "ldr x29, [x0, #{r} + 80]",
        ".cfi_endproc",
        // From here on walkers see the landing pad's frame, whose `pc` is no return address.
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_def_cfa x9, 0",
        ".cfi_register x30, x10",
        "ldp x19, x20, [x0, #{r}]",
        "ldp x21, x22, [x0, #{r} + 16]",
        "ldp x23, x24, [x0, #{r} + 32]",
        "ldp x25, x26, [x0, #{r} + 48]",
        "ldp x27, x28, [x0, #{r} + 64]",
        "ldp d8, d9, [x0, #{r} + 88]",
        "ldp d10, d11, [x0, #{r} + 104]",
        "ldp d12, d13, [x0, #{r} + 120]",
        "ldp d14, d15, [x0, #{r} + 136]",
        "mov x0, x1",
        "mov x1, xzr",
        // All is read: what lies below the new stack pointer is anybody's.
        "mov sp, x9",
        "br x10",
        ".cfi_endproc",
        r = const R,
        sp = const SP,
    )
}
