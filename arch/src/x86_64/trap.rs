//! Exceptions and interrupts: one frame, one dispatcher. The way in is `vectors`.
//!
//! All gates change to a stack of the core's own (`cpu::ExceptionStack`) and mask interrupts, so
//! nothing nests but NMIs, machine checks and faults in handlers, which are fatal.

use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use x86_64::registers::control::Cr2;

use super::context::Registers;
use super::cpu::ExceptionStack;
use super::{console, cpu, guarded, ipi, lapic, power, preempt, step, timer};
use crate::trap::{Fault, FaultKind, Upcalls};

/// Bytes below the interrupted stack pointer that a redirection writes from the handler.
pub const PREEMPT_PUSH: usize = size_of::<usize>();

const DEBUG: u64 = 1;
pub(super) const NON_MASKABLE: u64 = 2;
pub(super) const DOUBLE_FAULT: u64 = 8;
pub(super) const PAGE_FAULT: u64 = 14;
pub(super) const MACHINE_CHECK: u64 = 18;
pub(super) const EXCEPTIONS: u64 = 32;

/// Error code of a page fault: the page is there, but not for this access.
const PROTECTION: u64 = 1;

/// The interrupted state, as the entry code lays it out below what the CPU pushed.
#[repr(C)]
pub struct TrapFrame {
    xmm: [u128; 16],
    pub(super) mxcsr: u64,
    /// DWARF order; the slot of RSP is unused.
    pub(super) general: [usize; 16],
    vector: u64,
    pub(super) code: u64,
    rip: usize,
    cs: usize,
    pub(super) rflags: usize,
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

    /// If the frame stands at an access of [`guarded::guarded_copy`]: lets that return `false`; its
    /// last argument.
    pub fn fail_guarded_copy(&mut self) -> Option<*mut ()> {
        if !guarded::is_access(self.rip) {
            return None;
        }
        self.rip = guarded::failed as *const () as usize;
        // R8 in DWARF's order.
        Some(core::ptr::with_exposed_provenance_mut(self.general[8]))
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
}

/// Whether the text at `pc` must not be preempted.
pub fn not_preemptible(pc: usize) -> bool {
    (&raw const __nopreempt_start as usize..&raw const __nopreempt_end as usize).contains(&pc)
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

/// Every exception and interrupt, from the entry code.
pub(super) extern "C" fn dispatch(frame: &mut TrapFrame) {
    let vector = frame.vector;
    let Some(upcalls) = upcalls() else { early(frame) };
    match vector {
        PAGE_FAULT => page_fault(upcalls, frame),
        NON_MASKABLE if ipi::is_freezing() => (upcalls.freeze)(frame),
        DEBUG if step::is_step() && (upcalls.step)(frame) => (),
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
    // What is present but not allowed is not the kernel's to map: entries only ever go from absent
    // to present under running code, and the TLB does not remember absence.
    let missing = frame.code & PROTECTION == 0;
    // Nor can a page be mapped on our way through a handler, whose stack may be this very one.
    let in_handler = cpu::block().on_exception_stack(frame.sp());
    if in_handler || !missing || !grow(upcalls, frame, addr) {
        fault(upcalls, frame, Some(addr));
    }
}

/// Asks the kernel for the page. A fault on the way is fatal, and shall not overwrite this frame,
/// from which the traceback goes on: it takes the stack of double faults, which it is.
fn grow(upcalls: &Upcalls, frame: &mut TrapFrame, addr: usize) -> bool {
    cpu::block().page_faults_on(ExceptionStack::DoubleFault);
    let mapped = (upcalls.page_fault)(frame, addr);
    cpu::block().page_faults_on(ExceptionStack::PageFault);
    mapped
}

fn fault(upcalls: &Upcalls, frame: &mut TrapFrame, addr: Option<usize>) {
    let (kind, name) = describe(frame.vector);
    let in_handler = cpu::block().on_exception_stack(frame.sp());
    let kind = if in_handler && kind != FaultKind::Trap { FaultKind::Double } else { kind };
    (upcalls.fault)(frame, &Fault { kind, name, code: frame.code, addr });
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
