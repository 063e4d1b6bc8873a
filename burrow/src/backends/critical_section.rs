//! `critical-section`: the kernel's one section for the whole machine.

use burrow_kernel::sync::critical::{self, Entered};
use critical_section::{Impl, RawRestoreState, set_impl};

struct Machine;
set_impl!(Machine);

// SAFETY: the kernel's section is held by one core at a time, with interrupts masked.
unsafe impl Impl for Machine {
    unsafe fn acquire() -> RawRestoreState {
        critical::enter() as u8
    }

    unsafe fn release(entered: RawRestoreState) {
        let entered = match entered {
            0 => Entered::Again,
            1 => Entered::Masked,
            _ => Entered::Unmasked,
        };
        // SAFETY: the caller pairs them, as the trait says.
        unsafe { critical::leave(entered) }
    }
}
