//! One section for the whole machine, interrupts masked: what the `critical-section` crate asks of
//! a platform, for drivers and libraries that were written for small machines. The kernel itself
//! has its ranked locks.
//!
//! It nests on its core. The preemption count is raised: a panic inside is fatal as it is under any
//! lock, and a park, which takes the count along, is noticed when the section is left.

use core::sync::atomic::{AtomicUsize, Ordering};

use burrow_arch::irq;

use super::lock::probe_stack;
use crate::g;
use crate::panic::this_core;

/// Who is inside: [`this_core`] of the holder, or 0.
static HOLDER: AtomicUsize = AtomicUsize::new(0);

/// How the section was entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Entered {
    /// By a core that was inside.
    Again = 0,
    /// With interrupts masked.
    Masked = 1,
    /// With interrupts unmasked.
    Unmasked = 2,
}

/// Enters the section, waiting until no other core is in it.
pub fn enter() -> Entered {
    g::current().raise();
    let was_enabled = irq::disable();
    // What follows must not fault for a page of the stack while other cores wait for it.
    probe_stack();
    let me = this_core();
    loop {
        // Acquire: pairs with the release in `leave`.
        match HOLDER.compare_exchange_weak(0, me, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) if was_enabled => return Entered::Unmasked,
            Ok(_) => return Entered::Masked,
            Err(holder) if holder == me => return Entered::Again,
            Err(_) => core::hint::spin_loop(),
        }
    }
}

/// Leaves it.
///
/// # Safety
/// `entered` is what the matching [`enter`] returned, on this goroutine; what was entered since has
/// been left.
pub unsafe fn leave(entered: Entered) {
    if g::current().count() == 0 {
        crate::panic::throw("critical section: park inside");
    }
    if entered != Entered::Again {
        // Release: pairs with the acquire in `enter`.
        HOLDER.store(0, Ordering::Release);
    }
    irq::restore(entered == Entered::Unmasked);
    let due = g::current().lower();
    if due && entered == Entered::Unmasked {
        crate::sched::preempt::preempt_park();
    }
}
