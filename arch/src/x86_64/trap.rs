//! Exceptions and interrupts: 256 gates, one frame, one dispatcher.
//!
//! All gates change to a stack of the core's own (`cpu::ExceptionStack`) and mask interrupts, so
//! nothing nests but NMIs, machine checks and faults in handlers, which are fatal.

use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use x86_64::instructions::tables::lidt;
use x86_64::registers::control::Cr2;
use x86_64::structures::DescriptorTablePointer;

use super::context::{MXCSR, Registers};
use super::cpu::{self, ExceptionStack};
use super::{console, ipi, lapic, power, preempt, timer};
use crate::trap::{Fault, FaultKind, Upcalls};

/// Bytes below the interrupted stack pointer that a redirection writes from the handler.
pub const PREEMPT_PUSH: usize = size_of::<usize>();

const DEBUG: u64 = 1;
const NON_MASKABLE: u64 = 2;
const DOUBLE_FAULT: u64 = 8;
const PAGE_FAULT: u64 = 14;
const MACHINE_CHECK: u64 = 18;
const VECTORS: usize = 256;
const EXCEPTIONS: u64 = 32;

/// The interrupted state, as the entry code lays it out below what the CPU pushed.
#[repr(C)]
pub struct TrapFrame {
    xmm: [u128; 16],
    mxcsr: u64,
    /// DWARF order; the slot of RSP is unused.
    general: [usize; 16],
    vector: u64,
    code: u64,
    rip: usize,
    cs: usize,
    rflags: usize,
    rsp: usize,
    ss: usize,
}

impl TrapFrame {
    /// Where the interrupted code goes on.
    pub fn pc(&self) -> usize {
        self.rip
    }

    /// Its stack pointer.
    pub fn sp(&self) -> usize {
        self.rsp
    }

    /// All its general registers.
    pub fn registers(&self) -> Registers {
        let mut r = [0; Registers::COUNT];
        r[..16].copy_from_slice(&self.general);
        r[Registers::SP] = self.rsp;
        r[Registers::RA] = self.rip;
        Registers { r, pc: self.rip }
    }

    /// Whether it can be interrupted.
    pub fn interrupts_enabled(&self) -> bool {
        self.rflags & 1 << 9 != 0
    }

    /// Lets the interrupted code continue at the preemption stub, which finds the interrupted PC
    /// on the stack.
    ///
    /// # Safety
    /// The interrupted PC may be preempted, and [`PREEMPT_PUSH`] bytes below the interrupted
    /// stack pointer are mapped and free (no red zone).
    pub unsafe fn redirect_to_preempt(&mut self) {
        self.rsp -= PREEMPT_PUSH;
        // SAFETY: the caller's promise.
        unsafe { (self.rsp as *mut usize).write(self.rip) };
        self.rip = preempt::stub as *const () as usize;
    }
}

unsafe extern "C" {
    static __nopreempt_start: u8;
    static __nopreempt_end: u8;
    /// Entry code of vector 0; the others follow, [`ENTRY_SIZE`] bytes apart.
    static burrow_trap_entries: u8;
}

/// Whether the text at `pc` must not be preempted.
pub fn not_preemptible(pc: usize) -> bool {
    (&raw const __nopreempt_start as usize..&raw const __nopreempt_end as usize).contains(&pc)
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

// SAFETY: written by `load_vectors` with the same values each time; read by CPUs.
unsafe impl Sync for Gates {}

static GATES: Gates = Gates(UnsafeCell::new([Gate { low: 0, high: 0 }; VECTORS]));

/// Points this core to the gates, which all cores share.
pub(super) fn load_vectors() {
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

static UPCALLS: AtomicPtr<Upcalls> = AtomicPtr::new(ptr::null_mut());

/// `Upcalls::preempted`, for the stub.
pub(super) static PREEMPTED: AtomicUsize = AtomicUsize::new(0);

/// Makes the kernel's table known; before interrupts are unmasked.
pub fn set_upcalls(upcalls: &'static Upcalls) {
    PREEMPTED.store(upcalls.preempted as usize, Ordering::Relaxed);
    // Release: the table's contents, to cores that load it in `upcalls`.
    UPCALLS.store(ptr::from_ref(upcalls).cast_mut(), Ordering::Release);
}

fn upcalls() -> Option<&'static Upcalls> {
    // Acquire pairs with the release in `set_upcalls`.
    // SAFETY: null, or a reference that lives for ever.
    unsafe { UPCALLS.load(Ordering::Acquire).as_ref() }
}

/// Every exception and interrupt.
extern "C" fn dispatch(frame: &mut TrapFrame) {
    let vector = frame.vector;
    let Some(upcalls) = upcalls() else { early(frame) };
    match vector {
        PAGE_FAULT => page_fault(upcalls, frame),
        NON_MASKABLE if ipi::is_freezing() => (upcalls.freeze)(frame),
        0..EXCEPTIONS => fault(upcalls, frame, None),
        _ => interrupt(upcalls, frame, vector as u8),
    }
}

fn interrupt(upcalls: &Upcalls, frame: &mut TrapFrame, vector: u8) {
    if vector == lapic::SPURIOUS_VECTOR || lapic::LEGACY_VECTORS.contains(&vector) {
        // Neither is in service at the local controller, so there is nothing to end.
        return;
    }
    // Ended at once: interrupts stay masked until the handler is done, and all of ours are edges.
    lapic::end_of_interrupt();
    match vector {
        lapic::TIMER_VECTOR if !timer::has_expired() => (),
        lapic::TIMER_VECTOR => (upcalls.timer)(frame),
        lapic::IPI_VECTOR => (upcalls.ipi)(frame),
        _ => (upcalls.device)(vector.into(), frame),
    }
}

fn page_fault(upcalls: &Upcalls, frame: &mut TrapFrame) {
    let addr = Cr2::read_raw() as usize;
    // A missing page on our way through a handler cannot be grown: its stack may be this one.
    let in_handler = cpu::block().on_exception_stack(frame.sp());
    if in_handler || !(upcalls.page_fault)(frame, addr) {
        fault(upcalls, frame, Some(addr));
    }
}

fn fault(upcalls: &Upcalls, frame: &mut TrapFrame, addr: Option<usize>) -> ! {
    if frame.vector == DEBUG {
        // The causes in DR6 stick until software clears them.
        // SAFETY: clears a status register of this core.
        unsafe { core::arch::asm!("mov dr6, {}", in(reg) 0usize, options(nomem, nostack)) };
    }
    let (kind, name) = describe(frame.vector);
    let in_handler = cpu::block().on_exception_stack(frame.sp());
    let kind = if in_handler && kind != FaultKind::Trap { FaultKind::Double } else { kind };
    (upcalls.fault)(frame, &Fault { kind, name, code: frame.code, addr })
}

/// The CPU's name for an exception, and Go's signal: what Linux makes of it.
fn describe(vector: u64) -> (FaultKind, &'static str) {
    use FaultKind::{Bus, Double, Fpe, Ill, Segv, Trap};
    match vector {
        0 => (Fpe, "divide error"),
        DEBUG => (Trap, "debug"),
        NON_MASKABLE => (Trap, "non-maskable interrupt"),
        3 => (Trap, "breakpoint"),
        4 => (Segv, "overflow"),
        5 => (Segv, "bound range exceeded"),
        6 => (Ill, "invalid opcode"),
        7 => (Ill, "device not available"),
        DOUBLE_FAULT => (Double, "double fault"),
        10 => (Segv, "invalid TSS"),
        11 => (Bus, "segment not present"),
        12 => (Bus, "stack-segment fault"),
        13 => (Segv, "general protection"),
        PAGE_FAULT => (Segv, "page fault"),
        16 => (Fpe, "x87 floating-point error"),
        17 => (Bus, "alignment check"),
        MACHINE_CHECK => (Double, "machine check"),
        19 => (Fpe, "SIMD floating-point error"),
        21 => (Segv, "control protection"),
        _ => (Ill, "reserved exception"),
    }
}

/// An exception before the kernel has said whom to call: all that can be done is to name it.
fn early(frame: &TrapFrame) -> ! {
    let (_, name) = describe(frame.vector);
    console::write(b"burrow: ");
    console::write(name.as_bytes());
    console::write(b" while starting, pc=0x");
    for shift in (0..16).rev() {
        let digit = frame.rip >> (4 * shift) & 15;
        console::write(&[b"0123456789abcdef"[digit]]);
    }
    console::write(b"\n");
    power::exit(2)
}
