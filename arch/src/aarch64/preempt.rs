//! The preemption stub: what preempted code seems to have called.
//!
//! A handler cannot switch (law 4), so [`TrapFrame::redirect_to_preempt`] makes the interrupted
//! code arrive here, on its own stack, with the interrupted PC and PSTATE pushed. Nothing may be
//! lost: all general and vector registers and both floating-point words are kept. `eret`
//! resumes, since no branch could leave every register alone.

use core::arch::naked_asm;

use super::trap;

#[expect(unused_imports, reason = "named by the documentation")]
use super::trap::TrapFrame;

/// Bytes that the handler pushed: PC and PSTATE.
pub const PUSH: usize = 16;
/// Bytes that the stub adds: x0–x30, FPCR, FPSR, one unused, q0–q31.
const SAVE: usize = 272 + 512;
const _: () = assert!(PUSH + SAVE == 800, "the CFI below says so");

/// Saves everything, calls `Upcalls::preempted`, restores everything.
///
/// Interrupts are masked for the last instructions only, so that none can overwrite ELR and SPSR
/// or what lies below the interrupted stack pointer.
#[unsafe(naked)]
#[unsafe(link_section = ".text.nopreempt")]
pub extern "C" fn stub() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_return_column 33",
        ".cfi_def_cfa sp, 16",
        ".cfi_offset 33, -16",
        "sub sp, sp, #784",
        ".cfi_def_cfa_offset 800",
        "stp x0, x1, [sp]",
        "stp x2, x3, [sp, #16]",
        "stp x4, x5, [sp, #32]",
        "stp x6, x7, [sp, #48]",
        "stp x8, x9, [sp, #64]",
        "stp x10, x11, [sp, #80]",
        "stp x12, x13, [sp, #96]",
        "stp x14, x15, [sp, #112]",
        "stp x16, x17, [sp, #128]",
        "stp x18, x19, [sp, #144]",
        "stp x20, x21, [sp, #160]",
        "stp x22, x23, [sp, #176]",
        "stp x24, x25, [sp, #192]",
        "stp x26, x27, [sp, #208]",
        "stp x28, x29, [sp, #224]",
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29",
        ".cfi_offset \\n, \\n * 8 - 800",
        ".endr",
        "mrs x0, fpcr",
        "mrs x1, fpsr",
        "stp x30, x0, [sp, #240]",
        ".cfi_offset x30, 240 - 800",
        "str x1, [sp, #256]",
        "add x2, sp, #272",
        "stp q0, q1, [x2]",
        "stp q2, q3, [x2, #32]",
        "stp q4, q5, [x2, #64]",
        "stp q6, q7, [x2, #96]",
        "stp q8, q9, [x2, #128]",
        "stp q10, q11, [x2, #160]",
        "stp q12, q13, [x2, #192]",
        "stp q14, q15, [x2, #224]",
        "stp q16, q17, [x2, #256]",
        "stp q18, q19, [x2, #288]",
        "stp q20, q21, [x2, #320]",
        "stp q22, q23, [x2, #352]",
        "stp q24, q25, [x2, #384]",
        "stp q26, q27, [x2, #416]",
        "stp q28, q29, [x2, #448]",
        "stp q30, q31, [x2, #480]",
        ".irp n, 8, 9, 10, 11, 12, 13, 14, 15",
        ".cfi_offset 64 + \\n, 272 + \\n * 16 - 800",
        ".endr",
        "cbz x0, 1f",
        "msr fpcr, xzr",
        "1:",
        "bl {preempted}",
        "add x2, sp, #272",
        "ldp q0, q1, [x2]",
        "ldp q2, q3, [x2, #32]",
        "ldp q4, q5, [x2, #64]",
        "ldp q6, q7, [x2, #96]",
        "ldp q8, q9, [x2, #128]",
        "ldp q10, q11, [x2, #160]",
        "ldp q12, q13, [x2, #192]",
        "ldp q14, q15, [x2, #224]",
        "ldp q16, q17, [x2, #256]",
        "ldp q18, q19, [x2, #288]",
        "ldp q20, q21, [x2, #320]",
        "ldp q22, q23, [x2, #352]",
        "ldp q24, q25, [x2, #384]",
        "ldp q26, q27, [x2, #416]",
        "ldp q28, q29, [x2, #448]",
        "ldp q30, q31, [x2, #480]",
        "ldp x30, x0, [sp, #240]",
        "ldr x1, [sp, #256]",
        "cbz x0, 2f",
        "msr fpcr, x0",
        "2:",
        "msr fpsr, x1",
        "ldp x4, x5, [sp, #32]",
        "ldp x6, x7, [sp, #48]",
        "ldp x8, x9, [sp, #64]",
        "ldp x10, x11, [sp, #80]",
        "ldp x12, x13, [sp, #96]",
        "ldp x14, x15, [sp, #112]",
        "ldp x16, x17, [sp, #128]",
        "ldp x18, x19, [sp, #144]",
        "ldp x20, x21, [sp, #160]",
        "ldp x22, x23, [sp, #176]",
        "ldp x24, x25, [sp, #192]",
        "ldp x26, x27, [sp, #208]",
        "ldp x28, x29, [sp, #224]",
        "ldr x2, [sp, #784]",
        "ldr x3, [sp, #792]",
        "msr daifset, #15",
        "msr elr_el1, x2",
        "msr spsr_el1, x3",
        "ldp x2, x3, [sp, #16]",
        "ldp x0, x1, [sp]",
        "add sp, sp, #800",
        ".cfi_def_cfa_offset 0",
        "eret",
        ".cfi_endproc",
        preempted = sym trap::preempted,
    )
}
