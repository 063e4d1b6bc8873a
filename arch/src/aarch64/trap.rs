//! Exceptions in Rust: from the syndrome to the kernel's upcalls.
//!
//! Runs on SP_EL1 with everything masked. Entered from [`super::vectors`].

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicPtr, Ordering};

use aarch64_cpu::registers::{ESR_EL1, FAR_EL1, Readable};

use crate::trap::{Fault, FaultKind, Upcalls};

use super::context::Registers;
use super::{console, gic, guarded, power, preempt};

pub use super::preempt::PUSH as PREEMPT_PUSH;

/// The interrupted state, as the vectors store it.
#[repr(C, align(16))]
pub struct TrapFrame {
    x: [u64; 31],
    sp: u64,
    pub(super) pc: u64,
    pub(super) pstate: u64,
    pub(super) fpcr: u64,
    fpsr: u64,
    pub(super) q: [u128; 32],
}

impl TrapFrame {
    /// PSTATE.I: interrupts masked.
    const MASKED: u64 = 1 << 7;
    /// PSTATE.IL, PSTATE.SS and PSTATE.BTYPE: they belong to the interrupted instruction alone.
    const OF_INSTRUCTION: u64 = 1 << 20 | 1 << 21 | 3 << 10;

    /// The interrupted instruction.
    pub fn pc(&self) -> usize {
        self.pc as usize
    }

    /// The interrupted stack pointer.
    pub fn sp(&self) -> usize {
        self.sp as usize
    }

    /// All general registers, for unwinding.
    pub fn registers(&self) -> Registers {
        let mut r = [0; Registers::COUNT];
        for (to, from) in r.iter_mut().zip(self.x) {
            *to = from as usize;
        }
        r[Registers::SP] = self.sp();
        r[Registers::INTERRUPTED] = self.pc();
        Registers { r, pc: self.pc() }
    }

    /// Whether the interrupted code had interrupts unmasked.
    pub fn interrupts_enabled(&self) -> bool {
        self.pstate & Self::MASKED == 0
    }

    /// If the frame stands at an access of [`guarded::guarded_copy`]: lets that return `false`; its
    /// last argument.
    pub fn fail_guarded_copy(&mut self) -> Option<*mut ()> {
        if !guarded::is_access(self.pc()) {
            return None;
        }
        self.pc = guarded::failed as *const () as u64;
        self.pstate &= !Self::OF_INSTRUCTION;
        Some(core::ptr::with_exposed_provenance_mut(self.x[3] as usize))
    }

    /// Pushes PC and PSTATE on the interrupted stack and continues at the preemption stub.
    ///
    /// # Safety
    /// [`PREEMPT_PUSH`] bytes below the interrupted stack pointer are mapped and hold nothing; the
    /// interrupted code may be preempted and its text is not [`not_preemptible`].
    pub unsafe fn redirect_to_preempt(&mut self) {
        self.sp -= PREEMPT_PUSH as u64;
        // SAFETY: the caller's promise; the stack pointer is aligned to 16 at every instruction
        // (AAPCS64, and the CPU checks it).
        unsafe { (self.sp as *mut [u64; 2]).write([self.pc, self.pstate]) };
        self.pc = preempt::stub as *const () as u64;
        self.pstate &= !Self::OF_INSTRUCTION;
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

static UPCALLS: AtomicPtr<Upcalls> = AtomicPtr::new(core::ptr::null_mut());

/// Makes the kernel's table known.
pub fn set_upcalls(upcalls: &'static Upcalls) {
    // Release pairs with the Acquire in `upcalls`, on cores that are running already.
    UPCALLS.store(core::ptr::from_ref(upcalls).cast_mut(), Ordering::Release);
}

/// The kernel's table, once there is one.
fn upcalls() -> Option<&'static Upcalls> {
    // SAFETY: null or what `set_upcalls` was given, which lives for ever.
    unsafe { UPCALLS.load(Ordering::Acquire).as_ref() }
}

/// From the preemption stub.
pub(super) extern "C" fn preempted() {
    if let Some(upcalls) = upcalls() {
        (upcalls.preempted)();
    }
}

/// From the vectors: `vector` counts them from VBAR_EL1.
pub(super) extern "C" fn on_exception(frame: &mut TrapFrame, vector: usize) {
    match vector {
        0 => synchronous(frame),
        1 | 2 => match upcalls() {
            Some(upcalls) if vector == 1 => gic::interrupt(frame, upcalls),
            Some(upcalls) => gic::fast_interrupt(frame, upcalls),
            None => fault(frame, FaultKind::Double, "interrupt before its handler"),
        },
        3 => fault(frame, FaultKind::Double, "system error"),
        4 => fault(frame, FaultKind::Double, "exception inside a handler"),
        7 => fault(frame, FaultKind::Double, "system error inside a handler"),
        _ => fault(frame, FaultKind::Double, "impossible exception"),
    }
}

fn synchronous(frame: &mut TrapFrame) {
    const DATA_ABORT: u64 = 0x25;
    const TRANSLATION: u64 = 0b0001;
    const SOFTWARE_STEP: u64 = 0x33;
    let esr = ESR_EL1.get();
    let is_missing = esr >> 26 & 0x3f == DATA_ABORT && esr >> 2 & 0xf == TRANSLATION;
    if is_missing
        && let Some(upcalls) = upcalls()
        && (upcalls.page_fault)(frame, FAR_EL1.get() as usize)
    {
        return;
    }
    if esr >> 26 & 0x3f == SOFTWARE_STEP
        && let Some(upcalls) = upcalls()
    {
        frame.step_on();
        if (upcalls.step)(frame) {
            return;
        }
    }
    let (kind, name) = classify(esr);
    fault(frame, kind, name)
}

/// Go's signal and our name for a syndrome.
fn classify(esr: u64) -> (FaultKind, &'static str) {
    match esr >> 26 & 0x3f {
        0x25 => abort(esr, "page not present", "access not allowed"),
        0x21 => abort(esr, "no page to execute", "page not executable"),
        0x22 => (FaultKind::Bus, "misaligned program counter"),
        0x26 => (FaultKind::Bus, "misaligned stack pointer"),
        0x2c => (FaultKind::Fpe, "floating-point exception"),
        0x30 | 0x31 => (FaultKind::Trap, "hardware breakpoint"),
        0x32 | 0x33 => (FaultKind::Trap, "single step"),
        0x34 | 0x35 => (FaultKind::Trap, "watchpoint"),
        0x3c => (FaultKind::Trap, "breakpoint"),
        0x00 => (FaultKind::Ill, "undefined instruction"),
        0x0e => (FaultKind::Ill, "illegal execution state"),
        0x15 => (FaultKind::Ill, "supervisor call"),
        0x18 => (FaultKind::Ill, "system register trap"),
        _ => (FaultKind::Ill, "unexpected exception"),
    }
}

/// A data or instruction abort, by its fault status.
fn abort(esr: u64, missing: &'static str, forbidden: &'static str) -> (FaultKind, &'static str) {
    match esr & 0x3f {
        0b000000..=0b000011 => (FaultKind::Bus, "address too large"),
        0b000100..=0b000111 => (FaultKind::Segv, missing),
        0b001000..=0b001111 => (FaultKind::Segv, forbidden),
        0b010000 => (FaultKind::Bus, "external abort"),
        0b100001 => (FaultKind::Bus, "misaligned access"),
        _ => (FaultKind::Bus, "memory system error"),
    }
}

/// The address that FAR_EL1 holds, where the syndrome says that it does.
fn address(esr: u64) -> Option<usize> {
    let is_abort = matches!(esr >> 26 & 0x3f, 0x21 | 0x22 | 0x25 | 0x34 | 0x35);
    // FnV, for external aborts only.
    let is_valid = esr & 1 << 10 == 0;
    (is_abort && is_valid).then(|| FAR_EL1.get() as usize)
}

fn fault(frame: &mut TrapFrame, kind: FaultKind, name: &'static str) {
    power::if_exiting();
    let esr = ESR_EL1.get();
    match upcalls() {
        Some(upcalls) => {
            let fault = Fault { kind, name, code: esr, addr: address(esr) };
            (upcalls.fault)(frame, &fault);
        }
        None => {
            // Nothing better can be done with an error of the console's.
            let _ = writeln!(
                Raw,
                "burrow: {name} before the kernel was ready: pc {:#x} syndrome {esr:#x} address {:#x}",
                frame.pc,
                FAR_EL1.get(),
            );
            power::exit(2)
        }
    }
}

/// The console, without the kernel's lock.
struct Raw;

impl Write for Raw {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        console::write(text.as_bytes());
        Ok(())
    }
}
