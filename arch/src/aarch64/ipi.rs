//! Interrupts between cores: software-generated interrupts of the GIC.

use super::gic;

/// Makes the core with that index take `Upcalls::ipi`. Orders earlier writes before it.
pub fn send(index: usize) {
    gic::send(index);
}

/// Stops every other core with `Upcalls::freeze`, by FIQ where the GIC has two groups: masking
/// interrupts does not keep that out.
pub fn freeze_others() {
    gic::freeze_others();
}
