//! Interrupts between cores, by the local APIC's command register.

use core::sync::atomic::{AtomicBool, Ordering};

use super::{cpu, irq, lapic, platform};

/// Set once some core wants all others to stop; tells its NMI from one of the machine's.
static FREEZING: AtomicBool = AtomicBool::new(false);

/// Makes the core with that index take `Upcalls::ipi`. Orders earlier writes before it.
pub fn send(index: usize) {
    command(index, lapic::Command::Interrupt(lapic::IPI_VECTOR));
}

/// Stops every other started core with `Upcalls::freeze`, by NMI: masking does not keep it out.
pub fn freeze_others() {
    // SeqCst: before the NMIs, whose handlers read it (`is_freezing`).
    FREEZING.store(true, Ordering::SeqCst);
    let here = cpu::block().index();
    for index in
        (0..platform::cores()).filter(|&index| index != here && platform::is_started(index))
    {
        command(index, lapic::Command::Nmi);
    }
}

/// Whether an NMI means [`freeze_others`].
pub(super) fn is_freezing() -> bool {
    FREEZING.load(Ordering::SeqCst)
}

/// Sends one command with interrupts masked, as the controller's driver asks.
pub(super) fn command(index: usize, command: lapic::Command) {
    let was_enabled = irq::disable();
    lapic::send(platform::apic_id(index), command);
    crate::irq::restore(was_enabled);
}
