//! When things go wrong: Go's three words for it, the way down, and the tracebacks.
//!
//! - `panic` (Rust's own) is for what the program may recover from,
//! - [`fatal`] for the program's faults that it may not (a dead-lock, misuse of a lock),
//! - [`throw`] for the runtime's: something that cannot be.
//!
//! A panic begins in [`gopanic`], is on its way in [`chain`] (over [`unwind`](mod@crate::unwind)), and
//! ends where it is recovered or in `uncaught`.
//!
//! From the top: [`fatal`](mod@fatal) has the texts, `down` leads the one core that speaks,
//! `freeze` stops the others, `dump` decides whose tracebacks are shown. [`traceback`] prints them
//! from what [`unwind`] and [`symbols`] find; these are pure and know no goroutine. `live` does the
//! same for an image that runs on; `step` stops at every instruction, for tests of all this.

#[cfg(test)]
pub(crate) mod fixture;
pub mod message;
pub mod names;
pub mod report;
pub mod rows;
pub mod symbols;
pub mod traceback;
pub mod unwind;
pub mod value;

#[cfg(target_os = "none")]
pub mod chain;
#[cfg(target_os = "none")]
mod down;
#[cfg(target_os = "none")]
mod dump;
#[cfg(target_os = "none")]
pub mod fatal;
#[cfg(target_os = "none")]
mod freeze;
#[cfg(target_os = "none")]
pub mod gopanic;
#[cfg(target_os = "none")]
pub mod goroutines;
#[cfg(target_os = "none")]
pub mod guarded;
#[cfg(target_os = "none")]
pub mod image;
#[cfg(target_os = "none")]
pub mod live;
#[cfg(target_os = "none")]
mod machine;
#[cfg(target_os = "none")]
pub mod record;
#[cfg(target_os = "none")]
mod recovered;
#[cfg(target_os = "none")]
pub mod step;
#[cfg(target_os = "none")]
mod trace;
#[cfg(target_os = "none")]
mod uncaught;

#[cfg(target_os = "none")]
pub use down::go_down_with;
#[cfg(target_os = "none")]
pub use fatal::{fatal, throw};
#[cfg(target_os = "none")]
pub use gopanic::runtime_error;
#[cfg(target_os = "none")]
pub use uncaught::wait_for_report;

#[cfg(target_os = "none")]
use core::sync::atomic::{AtomicBool, Ordering};

/// Whether cores have their blocks loaded, so that [`this_core`] can ask for them.
#[cfg(target_os = "none")]
static CORES_KNOWN: AtomicBool = AtomicBool::new(false);

/// Once the boot core has its first block (`cpu::init_core`): from here on cores can be told apart
/// when they fail, and names are known. `image` is where the image lies in RAM.
#[cfg(target_os = "none")]
pub fn init(image: burrow_arch::layout::PhysAddr) {
    CORES_KNOWN.store(true, Ordering::Relaxed);
    image::find_symbols(image);
}

/// Whether [`init`] has run.
#[cfg(target_os = "none")]
fn are_cores_known() -> bool {
    CORES_KNOWN.load(Ordering::Relaxed)
}

/// A word that tells this core from others, never 0. Only while it cannot be left: interrupts
/// masked or preemption held off.
#[cfg(target_os = "none")]
pub(crate) fn this_core() -> usize {
    if are_cores_known() { burrow_arch::cpu::local() | 1 } else { 1 }
}
