//! Entry code of all 256 vectors, and the gates that lead there.
//!
//! Every gate changes to a stack of the core's own ([`ExceptionStack`]). The code lays a
//! [`TrapFrame`] over what the CPU pushed and calls `trap::dispatch`.

use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;

use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;

use super::context::MXCSR;
use super::cpu::{self, ExceptionStack};
use super::trap::{
    DOUBLE_FAULT, EXCEPTIONS, MACHINE_CHECK, NON_MASKABLE, PAGE_FAULT, TrapFrame, dispatch,
};

const VECTORS: usize = 256;

unsafe extern "C" {
    /// Entry code of vector 0; the others follow, [`ENTRY_SIZE`] bytes apart.
    static burrow_trap_entries: u8;
}

/// Bytes of one vector's entry code.
const ENTRY_SIZE: usize = 16;

// One entry a vector: make the frame uniform with a zero where the CPU pushes no error code, add
// the vector (`push imm32`, so that all have the same size) and go to the common part.
//
// The CFA is the end of what the CPU pushed; RSP and RIP come from there.
global_asm!(
    r#"
    .pushsection .text.nopreempt, "ax", @progbits
    .type burrow_trap_entries, @function
    .global burrow_trap_entries
    .balign {size}
burrow_trap_entries:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_def_cfa rsp, 40
    .cfi_offset rip, -40
    .cfi_offset rsp, -16
    .set burrow_vector, 0
    .rept 256
    .balign {size}
    .if (burrow_vector == 8) || (burrow_vector >= 10 && burrow_vector <= 14) || (burrow_vector == 17) || (burrow_vector == 21) || (burrow_vector == 29) || (burrow_vector == 30)
    .cfi_def_cfa_offset 48
    .else
    .cfi_def_cfa_offset 40
    push 0
    .cfi_def_cfa_offset 48
    .endif
    .byte 0x68
    .long burrow_vector
    .cfi_def_cfa_offset 56
    jmp burrow_trap_common
    .set burrow_vector, burrow_vector + 1
    .endr
    .size burrow_trap_entries, . - burrow_trap_entries

    .type burrow_trap_common, @function
burrow_trap_common:
    sub rsp, {code_at} - 8
    .cfi_def_cfa_offset {frame}
    // Save.
    mov [rsp + {general} + 8*0], rax
    mov [rsp + {general} + 8*1], rdx
    mov [rsp + {general} + 8*2], rcx
    mov [rsp + {general} + 8*3], rbx
    mov [rsp + {general} + 8*4], rsi
    mov [rsp + {general} + 8*5], rdi
    mov [rsp + {general} + 8*6], rbp
    mov [rsp + {general} + 8*8], r8
    mov [rsp + {general} + 8*9], r9
    mov [rsp + {general} + 8*10], r10
    mov [rsp + {general} + 8*11], r11
    mov [rsp + {general} + 8*12], r12
    mov [rsp + {general} + 8*13], r13
    mov [rsp + {general} + 8*14], r14
    mov [rsp + {general} + 8*15], r15
    .cfi_rel_offset rax, {general} + 8*0
    .cfi_rel_offset rdx, {general} + 8*1
    .cfi_rel_offset rcx, {general} + 8*2
    .cfi_rel_offset rbx, {general} + 8*3
    .cfi_rel_offset rsi, {general} + 8*4
    .cfi_rel_offset rdi, {general} + 8*5
    .cfi_rel_offset rbp, {general} + 8*6
    .cfi_rel_offset r8, {general} + 8*8
    .cfi_rel_offset r9, {general} + 8*9
    .cfi_rel_offset r10, {general} + 8*10
    .cfi_rel_offset r11, {general} + 8*11
    .cfi_rel_offset r12, {general} + 8*12
    .cfi_rel_offset r13, {general} + 8*13
    .cfi_rel_offset r14, {general} + 8*14
    .cfi_rel_offset r15, {general} + 8*15
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movaps [rsp + 16*\n], xmm\n
    .endr
    stmxcsr [rsp + {mxcsr}]
    // Handlers compute with the default control word. The sticky flags do not matter to them.
    mov eax, [rsp + {mxcsr}]
    and eax, 0xffc0
    cmp eax, {default}
    je 2f
    ldmxcsr [rip + burrow_default_mxcsr]
2:
    // Call. The CPU aligned the stack, and the frame keeps it aligned.
    cld
    mov rdi, rsp
    call {handler}
    // Restore.
    stmxcsr [rsp + {general} + 8*7]
    mov eax, [rsp + {mxcsr}]
    cmp eax, [rsp + {general} + 8*7]
    je 3f
    ldmxcsr [rsp + {mxcsr}]
3:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movaps xmm\n, [rsp + 16*\n]
    .endr
    mov rax, [rsp + {general} + 8*0]
    mov rdx, [rsp + {general} + 8*1]
    mov rcx, [rsp + {general} + 8*2]
    mov rbx, [rsp + {general} + 8*3]
    mov rsi, [rsp + {general} + 8*4]
    mov rdi, [rsp + {general} + 8*5]
    mov rbp, [rsp + {general} + 8*6]
    mov r8, [rsp + {general} + 8*8]
    mov r9, [rsp + {general} + 8*9]
    mov r10, [rsp + {general} + 8*10]
    mov r11, [rsp + {general} + 8*11]
    mov r12, [rsp + {general} + 8*12]
    mov r13, [rsp + {general} + 8*13]
    mov r14, [rsp + {general} + 8*14]
    mov r15, [rsp + {general} + 8*15]
    // The slots stay valid until the CPU takes the frame away: their rules may stand.
    add rsp, {code_at} + 8
    .cfi_def_cfa_offset 40
    iretq
    .cfi_endproc
    .size burrow_trap_common, . - burrow_trap_common
    .popsection

    .pushsection .rodata.burrow_default_mxcsr, "a", @progbits
    .balign 4
    .global burrow_default_mxcsr
burrow_default_mxcsr:
    .long {default}
    .popsection
    "#,
    size = const ENTRY_SIZE,
    frame = const size_of::<TrapFrame>(),
    general = const offset_of!(TrapFrame, general),
    mxcsr = const offset_of!(TrapFrame, mxcsr),
    code_at = const offset_of!(TrapFrame, code),
    default = const MXCSR,
    handler = sym dispatch,
);

/// A gate of the interrupt descriptor table.
#[derive(Clone, Copy)]
#[repr(C)]
struct Gate {
    low: u64,
    high: u64,
}

impl Gate {
    /// An interrupt gate (masks interrupts) of ring 0.
    fn new(handler: usize, stack: ExceptionStack) -> Self {
        let handler = handler as u64;
        let stack = stack as u64 + 1;
        let low = handler & 0xffff
            | u64::from(cpu::CODE_SELECTOR) << 16
            | stack << 32
            | 0x8e << 40
            | (handler >> 16 & 0xffff) << 48;
        Self { low, high: handler >> 32 }
    }
}

#[repr(C, align(16))]
struct Gates(UnsafeCell<[Gate; VECTORS]>);

// SAFETY: written by `load` with the same values each time; read by CPUs.
unsafe impl Sync for Gates {}

static GATES: Gates = Gates(UnsafeCell::new([Gate { low: 0, high: 0 }; VECTORS]));

/// Points this core to the gates, which all cores share.
pub(super) fn load() {
    let entries = &raw const burrow_trap_entries as usize;
    for vector in 0..VECTORS {
        let stack = match vector as u64 {
            PAGE_FAULT => ExceptionStack::PageFault,
            NON_MASKABLE => ExceptionStack::NonMaskable,
            DOUBLE_FAULT => ExceptionStack::DoubleFault,
            MACHINE_CHECK => ExceptionStack::MachineCheck,
            0..EXCEPTIONS => ExceptionStack::Exception,
            _ => ExceptionStack::Interrupt,
        };
        let gate = Gate::new(entries + vector * ENTRY_SIZE, stack);
        // SAFETY: inside the table. Another core can only be writing or reading the same value.
        unsafe { GATES.0.get().cast::<Gate>().add(vector).write_volatile(gate) };
    }
    let table = DescriptorTablePointer {
        limit: (size_of::<Gates>() - 1) as u16,
        base: x86_64::VirtAddr::from_ptr(GATES.0.get()),
    };
    // SAFETY: the table lives for ever and all its gates are valid.
    unsafe { lidt(&table) };
}
