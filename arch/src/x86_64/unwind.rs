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
    /// RBX, RBP, R12–R15.
    pub r: [usize; Frame::KEPT],
    /// The stack pointer.
    pub sp: usize,
    /// Where the call comes back to.
    pub pc: usize,
}

impl Frame {
    /// Registers that calls keep, without the stack pointer.
    pub const KEPT: usize = 6;
    /// Their numbers in DWARF.
    pub const COLUMNS: [u16; Self::KEPT] = [3, 6, 12, 13, 14, 15];
    /// The stack pointer's number in DWARF.
    pub const SP: u16 = 7;
    /// Nothing known yet.
    pub const EMPTY: Self = Self { r: [0; Self::KEPT], sp: 0, pc: 0 };
}

const R: usize = offset_of!(Frame, r);
const SP: usize = offset_of!(Frame, sp);
const PC: usize = offset_of!(Frame, pc);

/// Writes the caller's frame as it is when this returns.
#[unsafe(naked)]
pub extern "C" fn capture(frame: &mut Frame) {
    naked_asm!(
        ".cfi_startproc",
        "mov [rdi + {r}], rbx",
        "mov [rdi + {r} + 8], rbp",
        "mov [rdi + {r} + 16], r12",
        "mov [rdi + {r} + 24], r13",
        "mov [rdi + {r} + 32], r14",
        "mov [rdi + {r} + 40], r15",
        "lea rax, [rsp + 8]",
        "mov [rdi + {sp}], rax",
        "mov rax, [rsp]",
        "mov [rdi + {pc}], rax",
        "ret",
        ".cfi_endproc",
        r = const R,
        sp = const SP,
        pc = const PC,
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
        "mov rax, rsi",
        "xor edx, edx",
        "mov rsi, [rdi + {sp}]",
        "mov rcx, [rdi + {pc}]",
        "mov rbp, [rdi + {r} + 8]",
        ".cfi_endproc",
        // From here on walkers see the landing pad's frame, whose `pc` is no return address.
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_def_cfa rsi, 0",
        ".cfi_register rip, rcx",
        "mov rbx, [rdi + {r}]",
        "mov r12, [rdi + {r} + 16]",
        "mov r13, [rdi + {r} + 24]",
        "mov r14, [rdi + {r} + 32]",
        "mov r15, [rdi + {r} + 40]",
        // All is read: what lies below the new stack pointer is anybody's.
        "mov rsp, rsi",
        "jmp rcx",
        ".cfi_endproc",
        r = const R,
        sp = const SP,
        pc = const PC,
    )
}
