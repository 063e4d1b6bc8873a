//! Accesses that may fault: a bad pointer becomes a panic. Go: `sigpanic`, but only here.
//!
//! Unwinding from any instruction that touches memory is not sound in Rust: landing pads know only
//! of calls. So a fault elsewhere ends the program; code that wants to survive one goes through
//! [`load`] and [`store`], whose one copying routine the fault handler knows.

use core::mem::MaybeUninit;

use burrow_arch::trap::{self, FaultKind, TrapFrame, guarded_copy};

/// An access that failed.
#[derive(Clone, Copy)]
pub struct Fault {
    /// Go's name of the signal.
    pub signal: &'static str,
    /// The CPU's code.
    pub code: u64,
    /// What was accessed.
    pub addr: usize,
    /// By which instruction.
    pub pc: usize,
}

/// Go's name of a fault's signal.
pub fn signal_name(fault: &trap::Fault) -> &'static str {
    match fault.kind {
        FaultKind::Segv => "SIGSEGV: segmentation violation",
        FaultKind::Bus => "SIGBUS: bus error",
        FaultKind::Fpe => "SIGFPE: floating-point exception",
        FaultKind::Ill => "SIGILL: illegal instruction",
        FaultKind::Trap => "SIGTRAP: trace trap",
        FaultKind::Double => fault.name,
    }
}

/// Reads through a pointer that may be null or lead nowhere.
///
/// # Safety
/// Where memory is mapped, it holds a `T` that may be read.
pub unsafe fn load<T: Copy>(from: *const T) -> Result<T, Fault> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the caller's; the other side is ours.
    unsafe { copy(value.as_mut_ptr().cast(), from.cast(), size_of::<T>()) }?;
    // SAFETY: copied in full.
    Ok(unsafe { value.assume_init() })
}

/// Writes through a pointer that may be null or lead nowhere.
///
/// # Safety
/// Where memory is mapped, it may be written with a `T`.
pub unsafe fn store<T: Copy>(to: *mut T, value: T) -> Result<(), Fault> {
    // SAFETY: the caller's; the other side is ours.
    unsafe { copy(to.cast(), (&raw const value).cast(), size_of::<T>()) }
}

/// # Safety
/// What is mapped may be read and written.
unsafe fn copy(to: *mut u8, from: *const u8, len: usize) -> Result<(), Fault> {
    let mut fault = None::<Fault>;
    // SAFETY: the caller's; `resume` writes to `fault` if the copy faults.
    if unsafe { guarded_copy(to, from, len, (&raw mut fault).cast()) } {
        return Ok(());
    }
    // Written behind the compiler's back.
    // SAFETY: our own variable.
    let fault = unsafe { (&raw const fault).read_volatile() };
    Err(fault.unwrap_or(Fault { signal: "", code: 0, addr: 0, pc: 0 }))
}

/// From the fault handler: if the frame stands in the copying routine, notes the fault where its
/// caller will find it and lets it return.
pub(super) fn resume(frame: &mut TrapFrame, fault: &trap::Fault) -> bool {
    let pc = frame.pc();
    let Some(note) = frame.fail_guarded_copy() else { return false };
    let addr = fault.addr.unwrap_or(0);
    let noted = Fault { signal: signal_name(fault), code: fault.code, addr, pc };
    // SAFETY: the routine's last argument, a live `Option<Fault>` of `copy` on the stack of the code
    // that faulted; it was written before, so that its page is there.
    unsafe { note.cast::<Option<Fault>>().write(Some(noted)) };
    true
}
