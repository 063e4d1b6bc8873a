//! The machine by its device tree: interrupt controller, power, cores.

use core::sync::atomic::{AtomicU64, Ordering};

use aarch64_cpu::registers::{MPIDR_EL1, Readable};

use crate::layout::PhysAddr;
use crate::platform::{Firmware, MAX_CORES, Machine};

use super::devicetree::{self, Controller, Registers};
use super::{device, entropy, gic, gicv2, gicv3, psci, wall};

/// The bits of MPIDR_EL1 that tell cores apart.
pub(super) const AFFINITY: u64 = 0xff_00ff_ffff;

/// Each core's affinity, by index; written once by [`init`], before other cores run.
static AFFINITIES: [AtomicU64; MAX_CORES] = [const { AtomicU64::new(0) }; MAX_CORES];

/// The affinity of the core with that index.
pub(super) fn affinity(index: usize) -> u64 {
    AFFINITIES[index].load(Ordering::Relaxed)
}

/// Reads the device tree, sets up the interrupt controller and remembers the cores. `map` makes
/// device registers accessible.
pub fn init(
    firmware: Firmware,
    map: &mut dyn FnMut(PhysAddr, usize) -> usize,
) -> Result<Machine, &'static str> {
    let Firmware::DeviceTree { addr } = firmware else {
        return Err("this machine is described by no device tree");
    };
    // SAFETY: `boot` found a valid tree there and keeps its memory reserved.
    let tree = unsafe { devicetree::at(addr)? };
    device::init(addr);
    if let Some(method) = devicetree::psci_method(tree) {
        psci::set_method(method);
    }
    let mut map = |registers: Registers| map(registers.start, registers.len);
    if let Some(registers) = devicetree::wall_clock(tree) {
        wall::init(map(registers));
    }
    devicetree::rng_seed(tree, entropy::keep);
    let is_virt = devicetree::is_virt(tree);
    let (most, name) = match devicetree::controller(tree) {
        Some(Controller::V2 { distributor, interface }) => {
            gic::set_version(gic::Version::V2);
            gicv2::init(map(distributor), map(interface));
            (gicv2::MAX_CORES, if is_virt { "virt, GICv2" } else { "device tree, GICv2" })
        }
        Some(Controller::V3 { distributor, redistributors }) => {
            gic::set_version(gic::Version::V3);
            let redistributors = redistributors.map(|region| region.map_or(0, &mut map));
            gicv3::init(map(distributor), redistributors);
            (MAX_CORES, if is_virt { "virt, GICv3" } else { "device tree, GICv3" })
        }
        None => return Err("the device tree names no GICv2 or GICv3"),
    };
    Ok(Machine { cores: find_cores(devicetree::cores(tree), most), name })
}

/// Remembers the affinities, the running core's first, and counts them.
fn find_cores(cores: impl Iterator<Item = u64>, most: usize) -> usize {
    let here = MPIDR_EL1.get() & AFFINITY;
    let others = cores.filter(|&core| core != here && gic::serves(core));
    let mut count = 0;
    for (core, slot) in core::iter::once(here).chain(others).zip(&AFFINITIES[..most]) {
        slot.store(core, Ordering::Relaxed);
        count += 1;
    }
    count
}

/// The per-core part: private interrupts and the core's interface. On the running core,
/// interrupts masked.
pub fn init_core(index: usize) {
    gic::init_core(index);
}
