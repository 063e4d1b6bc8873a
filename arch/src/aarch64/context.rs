//! Execution contexts: what is kept of code that does not run, and the one way to change it.

use core::arch::naked_asm;
use core::mem::offset_of;

/// General registers in DWARF numbering.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Registers {
    /// x0–x30, the stack pointer, one unused, and [`Registers::INTERRUPTED`].
    pub r: [usize; Registers::COUNT],
    /// The instruction they belong to.
    pub pc: usize,
}

impl Registers {
    /// Columns that our CFI names.
    pub const COUNT: usize = 34;
    /// The frame pointer.
    pub const FP: usize = 29;
    /// The return address of ordinary frames. Take the column from the frame's CIE rather than
    /// this: see [`Registers::INTERRUPTED`].
    pub const RA: usize = 30;
    /// The stack pointer.
    pub const SP: usize = 31;
    /// The return-address column of exception and preemption frames (DWARF's ELR_mode): the
    /// interrupted code has an x30 of its own besides.
    pub const INTERRUPTED: usize = 33;

    /// The caller's registers; of those that a call may change, only the program counter and the
    /// stack pointer mean anything.
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
        capture(self);
    }
}

/// Writes the caller's registers as they are once this returns.
#[unsafe(naked)]
extern "C" fn capture(registers: &mut Registers) {
    naked_asm!(
        ".cfi_startproc",
        "stp x19, x20, [x0, #19 * 8]",
        "stp x21, x22, [x0, #21 * 8]",
        "stp x23, x24, [x0, #23 * 8]",
        "stp x25, x26, [x0, #25 * 8]",
        "stp x27, x28, [x0, #27 * 8]",
        "stp x29, x30, [x0, #29 * 8]",
        "mov x9, sp",
        "str x9, [x0, #31 * 8]",
        "str x30, [x0, #{pc}]",
        "ret",
        ".cfi_endproc",
        pc = const offset_of!(Registers, pc),
    )
}

/// What [`switch`] leaves on the stack.
#[repr(C, align(16))]
struct Saved {
    /// x19–x28, x29, x30.
    x: [usize; 12],
    /// d8–d15.
    d: [u64; 8],
    fpcr: u64,
}

/// A context that does not run: where its stack stands. Everything else lies there.
#[derive(Debug)]
#[repr(transparent)]
pub struct Context {
    sp: usize,
}

impl Context {
    /// Nothing to continue; `switch` may save into it.
    pub const fn empty() -> Self {
        Self { sp: 0 }
    }

    /// A context that enters `entry` with the first value switched to it, with default
    /// floating-point control.
    ///
    /// # Safety
    /// The [`Saved`] frame's bytes below `stack_top`, which is aligned to 16, are mapped and free.
    pub unsafe fn new(stack_top: usize, entry: extern "C" fn(usize) -> !) -> Self {
        let sp = stack_top - size_of::<Saved>();
        let mut x = [0; 12];
        x[0] = entry as usize;
        x[11] = begin as *const () as usize + BEGIN_SKIPS;
        // SAFETY: the caller's promise.
        unsafe { (sp as *mut Saved).write(Saved { x, d: [0; 8], fpcr: 0 }) };
        Self { sp }
    }

    /// Its stack pointer.
    pub fn sp(&self) -> usize {
        self.sp
    }

    /// Its registers, as if its call of `switch` had just returned; all zero for an empty one. It
    /// must not run meanwhile.
    pub fn registers(&self) -> Registers {
        let mut r = [0; Registers::COUNT];
        if self.sp == 0 {
            return Registers { r, pc: 0 };
        }
        // SAFETY: `new` and `switch` left the frame there, and it stays until the context runs.
        let saved = unsafe { (self.sp as *const Saved).read() };
        r[19..31].copy_from_slice(&saved.x);
        r[Registers::SP] = self.sp + size_of::<Saved>();
        Registers { r, pc: saved.x[11] }
    }
}

/// Walkers look for a return address one byte before it, so it may not be the first of [`begin`].
const BEGIN_SKIPS: usize = 4;

/// Where a new context returns to, one instruction in: enters x19 with the value, and ends the chain of frames.
#[unsafe(naked)]
#[unsafe(link_section = ".text.nopreempt")]
extern "C" fn begin() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined x30",
        "nop",
        "mov x29, xzr",
        "mov x30, xzr",
        "br x19",
        ".cfi_endproc",
    )
}

/// Saves the running context in `save`, makes `current` the core's word and continues `load`,
/// whose own `switch` returns `value`.
///
/// A page fault while the frame is stored still sees the old word, so that it can grow the old
/// stack; the new stack's frame was written before and cannot fault.
///
/// # Safety
/// `load` was saved or made and runs nowhere; `save` stays valid until something continues it;
/// the caller's preemption is held off.
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
        "sub sp, sp, #{size}",
        ".cfi_def_cfa_offset {size}",
        "stp x19, x20, [sp, #0]",
        "stp x21, x22, [sp, #16]",
        "stp x23, x24, [sp, #32]",
        "stp x25, x26, [sp, #48]",
        "stp x27, x28, [sp, #64]",
        "stp x29, x30, [sp, #80]",
        ".cfi_offset x19, 0 - {size}",
        ".cfi_offset x20, 8 - {size}",
        ".cfi_offset x21, 16 - {size}",
        ".cfi_offset x22, 24 - {size}",
        ".cfi_offset x23, 32 - {size}",
        ".cfi_offset x24, 40 - {size}",
        ".cfi_offset x25, 48 - {size}",
        ".cfi_offset x26, 56 - {size}",
        ".cfi_offset x27, 64 - {size}",
        ".cfi_offset x28, 72 - {size}",
        ".cfi_offset x29, 80 - {size}",
        ".cfi_offset x30, 88 - {size}",
        "stp d8, d9, [sp, #{d}]",
        "stp d10, d11, [sp, #{d} + 16]",
        "stp d12, d13, [sp, #{d} + 32]",
        "stp d14, d15, [sp, #{d} + 48]",
        "mrs x10, fpcr",
        "str x10, [sp, #{fpcr}]",
        "mov x9, sp",
        "str x9, [x0]",
        "ldr x9, [x1]",
        // Between the stores and the loads.
        "msr tpidr_el1, x2",
        "mov sp, x9",
        "ldr x9, [sp, #{fpcr}]",
        // Writing it is slow and hardly ever needed.
        "cmp x9, x10",
        "b.eq 1f",
        "msr fpcr, x9",
        "1:",
        "ldp d8, d9, [sp, #{d}]",
        "ldp d10, d11, [sp, #{d} + 16]",
        "ldp d12, d13, [sp, #{d} + 32]",
        "ldp d14, d15, [sp, #{d} + 48]",
        "ldp x19, x20, [sp, #0]",
        "ldp x21, x22, [sp, #16]",
        "ldp x23, x24, [sp, #32]",
        "ldp x25, x26, [sp, #48]",
        "ldp x27, x28, [sp, #64]",
        "ldp x29, x30, [sp, #80]",
        "mov x0, x3",
        "add sp, sp, #{size}",
        ".cfi_def_cfa_offset 0",
        "ret",
        ".cfi_endproc",
        size = const size_of::<Saved>(),
        d = const offset_of!(Saved, d),
        fpcr = const offset_of!(Saved, fpcr),
    )
}

/// Runs `f(arg)` on the stack that ends at `stack_top` and comes back. The current word stays.
///
/// # Safety
/// The stack is mapped, unused and aligned to 16.
#[unsafe(naked)]
#[unsafe(link_section = ".text.nopreempt")]
pub unsafe extern "C" fn call_on(stack_top: usize, f: extern "C" fn(*mut ()), arg: *mut ()) {
    naked_asm!(
        ".cfi_startproc",
        "stp x29, x30, [sp, #-16]!",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset x29, -16",
        ".cfi_offset x30, -8",
        "mov x29, sp",
        ".cfi_def_cfa x29, 16",
        "mov sp, x0",
        "mov x0, x2",
        "blr x1",
        "mov sp, x29",
        ".cfi_def_cfa sp, 16",
        "ldp x29, x30, [sp], #16",
        ".cfi_def_cfa_offset 0",
        "ret",
        ".cfi_endproc",
    )
}
