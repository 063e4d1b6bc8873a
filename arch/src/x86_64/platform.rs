//! A PC: cores from ACPI, interrupts by local APICs, time by the TSC.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use super::{acpi, clock, device, ioapic, lapic, startup, wall};
use crate::layout::PhysAddr;
use crate::platform::{Firmware, MAX_CORES, Machine};

/// The cores' numbers on the interrupt bus. Written by [`init`] only, before other cores start.
static APIC_IDS: [AtomicU32; MAX_CORES] = [const { AtomicU32::new(0) }; MAX_CORES];
static CORES: AtomicUsize = AtomicUsize::new(1);
/// Cores that have taken interrupts under their control, so that they can be stopped.
static STARTED: [AtomicBool; MAX_CORES] = [const { AtomicBool::new(false) }; MAX_CORES];

/// Reads the firmware's tables and sets up interrupts, clock, timer and the start of cores.
pub fn init(
    firmware: Firmware,
    map: &mut dyn FnMut(PhysAddr, usize) -> usize,
) -> Result<Machine, &'static str> {
    let Firmware::Acpi { rsdp, start_page } = firmware else {
        return Err("a PC is described by ACPI");
    };
    if rsdp.0 == 0 {
        return Err("the loader found no ACPI tables");
    }
    let mut found = [0; MAX_CORES];
    let mut count = 0;
    let tables = acpi::read(rsdp, map, &mut |id| {
        if count < MAX_CORES {
            found[count] = id;
            count += 1;
        }
    })?;
    lapic::find(tables.local_apic, map);
    lapic::init_core();
    remember(&found[..count]);
    clock::calibrate(tables.pm_timer);
    wall::init();
    ioapic::init(&tables.isa, map);
    device::init(tables.pci);
    startup::prepare(start_page);
    Ok(Machine { cores: cores(), name: name() })
}

/// Stores the cores with the running one first.
fn remember(found: &[u32]) {
    let here = lapic::id();
    let usable = |&id: &u32| id != here && (lapic::is_x2() || id < 0xff);
    let others = found.iter().copied().filter(usable);
    let mut count = 0;
    for (slot, id) in APIC_IDS.iter().zip(core::iter::once(here).chain(others)) {
        slot.store(id, Ordering::Relaxed);
        count += 1;
    }
    CORES.store(count, Ordering::Relaxed);
}

fn name() -> &'static str {
    match (lapic::is_x2(), lapic::has_deadline()) {
        (false, false) => "PC, xAPIC",
        (false, true) => "PC, xAPIC, TSC deadline",
        (true, false) => "PC, x2APIC",
        (true, true) => "PC, x2APIC, TSC deadline",
    }
}

/// The per-core part of [`init`].
pub fn init_core(index: usize) {
    lapic::init_core();
    // Release pairs with the acquire in `is_started`: an NMI finds everything set up.
    STARTED[index].store(true, Ordering::Release);
}

/// Cores found.
pub(super) fn cores() -> usize {
    CORES.load(Ordering::Relaxed)
}

/// Whether that core can be interrupted.
pub(super) fn is_started(index: usize) -> bool {
    STARTED[index].load(Ordering::Acquire)
}

/// A core's number on the interrupt bus.
pub(super) fn apic_id(index: usize) -> u32 {
    APIC_IDS[index].load(Ordering::Relaxed)
}
