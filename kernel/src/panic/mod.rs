//! When things go wrong: Go's three words for it, the way down, and the tracebacks.
//!
//! - `panic` (Rust's own) is for what the program may recover from,
//! - [`fatal`] for the program's faults that it may not (a dead-lock, misuse of a lock),
//! - [`throw`] for the runtime's: something that cannot be.
//!
//! [`fatal`](mod@fatal) is the way down, once entered never left.

#[cfg(target_os = "none")]
pub mod fatal;

#[cfg(target_os = "none")]
pub use fatal::{fatal, throw};

#[cfg(target_os = "none")]
use core::sync::atomic::{AtomicBool, Ordering};

/// Whether cores have their blocks loaded, so that [`this_core`] can ask for them.
#[cfg(target_os = "none")]
static CORES_KNOWN: AtomicBool = AtomicBool::new(false);

/// Once the boot core has its first block (`cpu::init_core`): from here on cores can be told apart
/// when they fail.
#[cfg(target_os = "none")]
pub fn init() {
    CORES_KNOWN.store(true, Ordering::Relaxed);
}

/// A word that tells this core from others, never 0. Only while it cannot be left: interrupts
/// masked or preemption held off.
#[cfg(target_os = "none")]
pub(crate) fn this_core() -> usize {
    if CORES_KNOWN.load(Ordering::Relaxed) { burrow_arch::cpu::local() | 1 } else { 1 }
}
