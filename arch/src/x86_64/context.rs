//! Switching stacks: one naked primitive, and the frame it leaves behind.

use core::arch::{asm, naked_asm};
use core::mem::offset_of;

use super::cpu;

/// MXCSR and x87 control word as they are after reset of the FPU by the ABI: all exceptions
/// masked, round to nearest, x87 in extended precision.
pub(super) const MXCSR: u32 = 0x1f80;
const CONTROL_WORDS: u64 = MXCSR as u64 | 0x037f << 32;

/// Bits of MXCSR that a callee must keep; the rest are sticky flags, anybody's to change.
const MXCSR_CONTROL: u32 = 0xffc0;

/// What [`switch`] pushes, from the stack pointer up.
#[repr(C)]
struct Saved {
    /// MXCSR in the lower half, the x87 control word above it.
    control_words: u64,
    r15: usize,
    r14: usize,
    r13: usize,
    r12: usize,
    rbx: usize,
    rbp: usize,
    return_address: usize,
}

/// A saved context: its stack pointer; everything else lies on its stack.
#[derive(Debug)]
#[repr(C)]
pub struct Context {
    sp: usize,
}

impl Context {
    /// Nothing saved yet.
    pub const fn empty() -> Self {
        Self { sp: 0 }
    }

    /// Prepares a context that enters `entry` with the first value switched to it.
    ///
    /// # Safety
    /// The page below `stack_top` is mapped and nobody else uses it.
    pub unsafe fn new(stack_top: usize, entry: extern "C" fn(usize) -> !) -> Self {
        let sp = (stack_top & !15) - size_of::<Saved>();
        let saved = Saved {
            control_words: CONTROL_WORDS,
            r15: 0,
            r14: 0,
            r13: 0,
            r12: 0,
            rbx: entry as usize,
            rbp: 0,
            // Behind the first instruction: unwinders look one byte before a return address.
            return_address: root as *const () as usize + 1,
        };
        // SAFETY: within the page that the caller promised, aligned to 16.
        unsafe { (sp as *mut Saved).write(saved) };
        Self { sp }
    }

    /// Where the saved frame is: all below is free.
    pub fn sp(&self) -> usize {
        self.sp
    }

    /// The registers as they will be once switched to. Valid while switched out.
    pub fn registers(&self) -> Registers {
        let mut registers = Registers { r: [0; Registers::COUNT], pc: 0 };
        if self.sp == 0 {
            return registers;
        }
        // SAFETY: a context that is switched out has its frame at `sp`.
        let saved = unsafe { &*(self.sp as *const Saved) };
        for (column, value) in [
            (3, saved.rbx),
            (Registers::FP, saved.rbp),
            (Registers::SP, self.sp + size_of::<Saved>()),
            (12, saved.r12),
            (13, saved.r13),
            (14, saved.r14),
            (15, saved.r15),
            (Registers::RA, saved.return_address),
        ] {
            registers.r[column] = value;
        }
        registers.pc = saved.return_address;
        registers
    }
}

/// Saves callee-saved state on this stack and the stack pointer in `save`, makes `current` the
/// core's word, and continues `load`, which sees `value` as the result of its own switch.
///
/// The word changes between the pushes and the pops: a page fault while pushing is growth of the
/// old stack and sees the old word; the new stack's frame is mapped, because it was pushed.
///
/// # Safety
/// `load` was saved by a switch or made by [`Context::new`], is used once, and its stack is
/// mapped; preemption is held off; both pointers stay valid until the next switch back.
#[unsafe(naked)]
#[unsafe(link_section = ".text.nopreempt")]
pub unsafe extern "C" fn switch(
    save: *mut Context,
    load: *const Context,
    current: usize,
    value: usize,
) -> usize {
    naked_asm!(
        ".cfi_startproc",
        // Save. The zero fills what the control words leave of their slot.
        "push rbp",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbp, 0",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbx, 0",
        "push r12",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r12, 0",
        "push r13",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r13, 0",
        "push r14",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r14, 0",
        "push r15",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r15, 0",
        "push 0",
        ".cfi_adjust_cfa_offset 8",
        "stmxcsr [rsp]",
        "fnstcw [rsp + 4]",
        "mov r8, [rsp]",
        "mov [rdi], rsp",
        // Switch. Both frames look alike, so the rules above hold for the new one.
        "mov gs:[{current}], rdx",
        "mov rsp, [rsi]",
        "mov rax, rcx",
        // Control words are slow to load: only if they differ.
        "xor r8, [rsp]",
        "test r8d, {control}",
        "jz 2f",
        "ldmxcsr [rsp]",
        "2:",
        "shr r8, 32",
        "jz 3f",
        "fldcw [rsp + 4]",
        "3:",
        // Restore.
        "add rsp, 8",
        ".cfi_adjust_cfa_offset -8",
        "pop r15",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r15",
        "pop r14",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r14",
        "pop r13",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r13",
        "pop r12",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore r12",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbx",
        "pop rbp",
        ".cfi_adjust_cfa_offset -8",
        ".cfi_restore rbp",
        "ret",
        ".cfi_endproc",
        current = const cpu::CURRENT,
        control = const MXCSR_CONTROL,
    )
}

/// The first frame of every context: hands the value that came with the first switch (RAX) to the
/// entry function (RBX, by [`Context::new`]). Unwinding ends here.
#[unsafe(naked)]
#[unsafe(link_section = ".text.nopreempt")]
unsafe extern "C" fn root() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "nop",
        "mov rdi, rax",
        "call rbx",
        "ud2",
        ".cfi_endproc",
    )
}

/// Runs a function on another stack and comes back; unwinders pass through.
///
/// # Safety
/// The stack is mapped, or grows by faults, and nobody else uses it; `arg` is what `f` wants.
#[unsafe(naked)]
pub unsafe extern "C" fn call_on(stack_top: usize, f: extern "C" fn(*mut ()), arg: *mut ()) {
    naked_asm!(
        ".cfi_startproc",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "and rdi, -16",
        "mov rsp, rdi",
        "mov rdi, rdx",
        "call rsi",
        "mov rsp, rbp",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
        "ret",
        ".cfi_endproc",
    )
}

/// General registers in DWARF numbering, for unwinders.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Registers {
    /// RAX RDX RCX RBX RSI RDI RBP RSP R8–R15, return address.
    pub r: [usize; Self::COUNT],
    /// The program counter they belong to.
    pub pc: usize,
}

impl Registers {
    /// Columns of the table.
    pub const COUNT: usize = 17;
    /// Column of the stack pointer.
    pub const SP: usize = 7;
    /// Column of the frame pointer.
    pub const FP: usize = 6;
    /// Column of the return address.
    pub const RA: usize = 16;

    /// The caller's own registers at the point of the call; of the rest of them, only those that
    /// a callee must keep.
    #[inline(always)]
    pub fn here() -> Self {
        let mut registers = Self::EMPTY;
        registers.write_here();
        registers
    }

    /// Nothing known.
    pub const EMPTY: Self = Self { r: [0; Self::COUNT], pc: 0 };

    /// As [`here`](Self::here), without moving them.
    #[inline(always)]
    pub fn write_here(&mut self) {
        // SAFETY: stores to `self` only, which is large enough for every column.
        unsafe {
            asm!(
                "mov [{r} + 3*8], rbx",
                "mov [{r} + 6*8], rbp",
                "mov [{r} + 7*8], rsp",
                "mov [{r} + 12*8], r12",
                "mov [{r} + 13*8], r13",
                "mov [{r} + 14*8], r14",
                "mov [{r} + 15*8], r15",
                "lea {pc}, [rip]",
                "mov [{r} + 16*8], {pc}",
                "mov [{r} + {at}], {pc}",
                r = in(reg) &raw mut *self,
                pc = out(reg) _,
                at = const offset_of!(Self, pc),
                options(nostack, preserves_flags),
            );
        }
    }
}
