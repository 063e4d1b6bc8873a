//! The preemption stub: what interrupted code runs through when the kernel wants its core.
//!
//! `TrapFrame::redirect_to_preempt` pushes the interrupted PC on the interrupted stack and lets the
//! handler return here, so that to the CPU this is a call that the interrupted code made, at an
//! instruction where it expected none. Everything is saved, on that same stack, and the kernel is
//! called as ordinary code: it may switch away and come back much later, on another core.

use core::arch::naked_asm;

use super::cpu::HAS_XSAVE;
use super::trap::PREEMPTED;

/// Bytes of the XSAVE area for x87, SSE and AVX: legacy part, header, upper halves of YMM.
const XSAVE_SIZE: usize = 512 + 64 + 256;
/// The components that are saved, always the same: bits of XCR0. Those that the CPU lacks are not
/// enabled there, and XSAVE leaves them out by itself.
const COMPONENTS: u32 = 0b111;
/// General registers pushed after RBP.
const PUSHED: usize = 14;

/// Saves all, calls `Upcalls::preempted`, restores all, and returns to the interrupted PC.
///
/// # Safety
/// Entered only by a redirected trap frame: on top of the stack lies the interrupted PC.
#[unsafe(naked)]
#[unsafe(link_section = ".text.nopreempt")]
pub unsafe extern "C" fn stub() {
    naked_asm!(
        ".cfi_startproc",
        // The "return address" is the very next instruction to run, not one behind a call.
        ".cfi_signal_frame",
        // Save flags and general registers.
        "pushfq",
        ".cfi_adjust_cfa_offset 8",
        "push rbp",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbp, 0",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "cld",
        "push rax",
        ".cfi_offset rax, -32",
        "push rdx",
        ".cfi_offset rdx, -40",
        "push rcx",
        ".cfi_offset rcx, -48",
        "push rbx",
        ".cfi_offset rbx, -56",
        "push rsi",
        ".cfi_offset rsi, -64",
        "push rdi",
        ".cfi_offset rdi, -72",
        "push r8",
        ".cfi_offset r8, -80",
        "push r9",
        ".cfi_offset r9, -88",
        "push r10",
        ".cfi_offset r10, -96",
        "push r11",
        ".cfi_offset r11, -104",
        "push r12",
        ".cfi_offset r12, -112",
        "push r13",
        ".cfi_offset r13, -120",
        "push r14",
        ".cfi_offset r14, -128",
        "push r15",
        ".cfi_offset r15, -136",
        // Save vector and floating-point state. XRSTOR wants a header that is zero but for what
        // XSAVE writes.
        "sub rsp, {xsave_size}",
        "and rsp, -64",
        "cmp byte ptr [rip + {has_xsave}], 0",
        "je 2f",
        "xor eax, eax",
        "mov [rsp + 512], rax",
        "mov [rsp + 520], rax",
        "mov [rsp + 528], rax",
        "mov [rsp + 536], rax",
        "mov [rsp + 544], rax",
        "mov [rsp + 552], rax",
        "mov [rsp + 560], rax",
        "mov [rsp + 568], rax",
        "mov eax, {components}",
        "xor edx, edx",
        "xsave64 [rsp]",
        "jmp 3f",
        "2:",
        "fxsave64 [rsp]",
        "3:",
        // Call with control words as the ABI promises them.
        "fninit",
        "ldmxcsr [rip + burrow_default_mxcsr]",
        "call qword ptr [rip + {preempted}]",
        // Restore.
        "cmp byte ptr [rip + {has_xsave}], 0",
        "je 4f",
        "mov eax, {components}",
        "xor edx, edx",
        "xrstor64 [rsp]",
        "jmp 5f",
        "4:",
        "fxrstor64 [rsp]",
        "5:",
        "lea rsp, [rbp - {pushed}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rbx",
        "pop rcx",
        "pop rdx",
        "pop rax",
        // All but RBP have their values back, and the slots lie below the stack pointer now.
        ".cfi_same_value rax",
        ".cfi_same_value rdx",
        ".cfi_same_value rcx",
        ".cfi_same_value rbx",
        ".cfi_same_value rsi",
        ".cfi_same_value rdi",
        ".cfi_same_value r8",
        ".cfi_same_value r9",
        ".cfi_same_value r10",
        ".cfi_same_value r11",
        ".cfi_same_value r12",
        ".cfi_same_value r13",
        ".cfi_same_value r14",
        ".cfi_same_value r15",
        "pop rbp",
        ".cfi_def_cfa rsp, 16",
        ".cfi_same_value rbp",
        "popfq",
        ".cfi_def_cfa_offset 8",
        "ret",
        ".cfi_endproc",
        xsave_size = const XSAVE_SIZE,
        components = const COMPONENTS,
        pushed = const PUSHED * 8,
        has_xsave = sym HAS_XSAVE,
        preempted = sym PREEMPTED,
    )
}
