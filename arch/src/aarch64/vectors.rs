//! The exception vectors: from the interrupted instruction to Rust and back.
//!
//! Code that was interrupted on SP_EL0 is what handlers are for; what arrives while SP_EL1 is
//! selected happened inside a handler and is fatal. The frame is a [`TrapFrame`] on SP_EL1. Its CFI
//! leads an unwinder to the interrupted code: the return-address column is 33 (ELR_mode),
//! because x30 is the interrupted code's own, and SP has a rule of its own, because the frame
//! lies on another stack.

use core::arch::global_asm;
use core::mem::offset_of;

use super::cpu::{CoreBlock, EXCEPTION_STACK_ROOM};
use super::trap::{TrapFrame, on_exception};

unsafe extern "C" {
    static burrow_vectors: u8;
}

/// For VBAR_EL1.
pub(super) fn address() -> usize {
    &raw const burrow_vectors as usize
}

global_asm!(
    r#"
// From SP_EL0: SP_EL1 stands at its top.
.macro vector kind
    .balign 128
    sub     sp, sp, #{size}
    stp     x0, x1, [sp]
    mov     x1, #\kind
    b       exception
.endm

// From SP_EL1: a handler failed, perhaps because its stack is used up or lost. SP itself is the
// second scratch register.
.macro nested_vector kind
    .balign 128
    msr     tpidrro_el0, x0
    mrs     x0, tpidr_el0
    ldr     x0, [x0, #{top}]
    sub     sp, sp, x0
    mov     x0, sp
    neg     x0, x0
    cmp     x0, #{room}
    mrs     x0, tpidr_el0
    ldr     x0, [x0, #{top}]
    b.hi    1f
    add     sp, sp, x0
    b       2f
1:  mov     sp, x0
2:  mrs     x0, tpidrro_el0
    sub     sp, sp, #{size}
    stp     x0, x1, [sp]
    mov     x1, #\kind
    b       exception
.endm

    .section .text.nopreempt.vectors, "ax"
    .balign 2048
    .globl  burrow_vectors
    .type   burrow_vectors, %function
burrow_vectors:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_return_column 33
    .cfi_undefined 33
    .irp    kind, 0, 1, 2, 3
    vector  \kind
    .endr
    .irp    kind, 4, 5, 6, 7
    nested_vector \kind
    .endr
    // From EL0, where nothing runs.
    .irp    kind, 8, 9, 10, 11, 12, 13, 14, 15
    vector  \kind
    .endr
    .balign 128
    .cfi_endproc
    .size   burrow_vectors, . - burrow_vectors

    .type   exception, %function
exception:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_return_column 33
    .cfi_def_cfa sp, {size}
    .cfi_undefined 33
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x2, sp_el0
    add     x3, sp, #{size}
    cmp     x1, #4
    csel    x2, x2, x3, lo
    stp     x30, x2, [sp, #240]
    mrs     x2, elr_el1
    mrs     x3, spsr_el1
    stp     x2, x3, [sp, #{elr}]
    add     x4, sp, #{q}
    stp     q0, q1, [x4]
    stp     q2, q3, [x4, #32]
    stp     q4, q5, [x4, #64]
    stp     q6, q7, [x4, #96]
    stp     q8, q9, [x4, #128]
    stp     q10, q11, [x4, #160]
    stp     q12, q13, [x4, #192]
    stp     q14, q15, [x4, #224]
    stp     q16, q17, [x4, #256]
    stp     q18, q19, [x4, #288]
    stp     q20, q21, [x4, #320]
    stp     q22, q23, [x4, #352]
    stp     q24, q25, [x4, #384]
    stp     q26, q27, [x4, #416]
    stp     q28, q29, [x4, #448]
    stp     q30, q31, [x4, #480]
    mrs     x2, fpcr
    mrs     x3, fpsr
    stp     x2, x3, [sp, #{fpcr}]
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    .cfi_offset \n, \n * 8 - {size}
    .endr
    .cfi_offset 33, {elr} - {size}
    .irp    n, 8, 9, 10, 11, 12, 13, 14, 15
    .cfi_offset 64 + \n, {q} + \n * 16 - {size}
    .endr
    cbz     x2, 1f
    msr     fpcr, xzr                   // Rust expects the default
1:  mov     x0, sp
    bl      {on_exception}

    ldp     x2, x3, [sp, #{fpcr}]
    cbz     x2, 2f
    msr     fpcr, x2
2:  msr     fpsr, x3
    add     x4, sp, #{q}
    ldp     q0, q1, [x4]
    ldp     q2, q3, [x4, #32]
    ldp     q4, q5, [x4, #64]
    ldp     q6, q7, [x4, #96]
    ldp     q8, q9, [x4, #128]
    ldp     q10, q11, [x4, #160]
    ldp     q12, q13, [x4, #192]
    ldp     q14, q15, [x4, #224]
    ldp     q16, q17, [x4, #256]
    ldp     q18, q19, [x4, #288]
    ldp     q20, q21, [x4, #320]
    ldp     q22, q23, [x4, #352]
    ldp     q24, q25, [x4, #384]
    ldp     q26, q27, [x4, #416]
    ldp     q28, q29, [x4, #448]
    ldp     q30, q31, [x4, #480]
    ldp     x2, x3, [sp, #{elr}]
    msr     elr_el1, x2
    msr     spsr_el1, x3
    ldp     x30, x2, [sp, #240]
    msr     sp_el0, x2
    ldp     x0, x1, [sp]
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x19, [sp, #144]
    ldp     x20, x21, [sp, #160]
    ldp     x22, x23, [sp, #176]
    ldp     x24, x25, [sp, #192]
    ldp     x26, x27, [sp, #208]
    ldp     x28, x29, [sp, #224]
    add     sp, sp, #{size}
    .cfi_def_cfa_offset 0
    eret
    .cfi_endproc
    .size   exception, . - exception
"#,
    size = const size_of::<TrapFrame>(),
    elr = const offset_of!(TrapFrame, pc),
    fpcr = const offset_of!(TrapFrame, fpcr),
    q = const offset_of!(TrapFrame, q),
    top = const CoreBlock::EXCEPTION_TOP,
    room = const EXCEPTION_STACK_ROOM,
    on_exception = sym on_exception,
);
