//! The one-shot timer: the local APIC's, by TSC deadline where the CPU has that.

use core::sync::atomic::Ordering;

use super::{clock, cpu, irq, lapic};

/// The deadline when nothing is awaited.
pub(super) const NEVER: u64 = u64::MAX;

/// Fires `Upcalls::timer` on this core once `nanotime()` has reached the deadline.
pub fn set(deadline: u64) {
    // Masked: were the timer to fire between the two, its handler's deadline would be lost.
    let was_enabled = irq::disable();
    cpu::block().deadline.store(deadline, Ordering::Relaxed);
    arm(deadline);
    crate::irq::restore(was_enabled);
}

/// No interrupt before the next [`set`].
pub fn clear() {
    let was_enabled = irq::disable();
    cpu::block().deadline.store(NEVER, Ordering::Relaxed);
    lapic::stop();
    crate::irq::restore(was_enabled);
}

/// The timer's interrupt: whether the deadline has really come. If the hardware was early, because
/// the deadline is further away than it can count or by rounding, it is armed for the rest.
pub(super) fn has_expired() -> bool {
    let deadline = cpu::block().deadline.load(Ordering::Relaxed);
    if deadline == NEVER {
        // Cleared while the interrupt was on its way.
        return false;
    }
    if clock::nanotime() < deadline {
        arm(deadline);
        return false;
    }
    cpu::block().deadline.store(NEVER, Ordering::Relaxed);
    true
}

fn arm(deadline: u64) {
    if lapic::has_deadline() {
        lapic::arm_deadline(clock::ticks_at(deadline));
    } else {
        lapic::arm_after(deadline.saturating_sub(clock::nanotime()));
    }
}
