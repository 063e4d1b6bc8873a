//! What the surface needs of the device tree, which stays where the firmware left it.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::{NodeStandard, Status};
use dtoolkit::{Node, Property};

use crate::layout::PhysAddr;

use super::gicv3;

/// The interrupt controller's registers.
pub(super) enum Controller {
    /// Distributor and core interface.
    V2 { distributor: Registers, interface: Registers },
    /// Distributor and regions of redistributors.
    V3 { distributor: Registers, redistributors: [Option<Registers>; gicv3::REGIONS] },
}

/// A device's registers.
#[derive(Clone, Copy)]
pub(super) struct Registers {
    pub(super) start: PhysAddr,
    pub(super) len: usize,
}

/// The tree at that address.
///
/// # Safety
/// A device tree lies there, mapped in the physical map for ever.
pub(super) unsafe fn at(addr: PhysAddr) -> Result<Fdt<'static>, &'static str> {
    let header = addr.virt() as *const [u32; 2];
    // SAFETY: the caller's promise. The second word is the total size, big-endian.
    let [_, len] = unsafe { header.read() };
    // SAFETY: so many bytes belong to it.
    let bytes = unsafe { core::slice::from_raw_parts(header.cast(), u32::from_be(len) as usize) };
    Fdt::new(bytes).map_err(|_| "the device tree is damaged")
}

/// The machine's name if it is QEMU's `virt`.
pub(super) fn is_virt(tree: Fdt<'static>) -> bool {
    tree.root().is_compatible("linux,dummy-virt")
}

/// How PSCI is called.
pub(super) fn psci_method(tree: Fdt<'static>) -> Option<&'static str> {
    let is_psci = |node: &FdtNode<'_>| {
        ["arm,psci-1.0", "arm,psci-0.2"].iter().any(|name| node.is_compatible(name))
    };
    let node = tree.root().children().find(is_psci)?;
    let method = node.properties().find(|property| property.name() == "method")?;
    method.value_as().ok()
}

/// The interrupt controller.
pub(super) fn controller(tree: Fdt<'static>) -> Option<Controller> {
    const V2: [&str; 3] = ["arm,cortex-a15-gic", "arm,gic-400", "arm,cortex-a9-gic"];
    tree.root().children().find_map(|node| {
        let mut registers = node.reg().ok()??.map_while(|reg| {
            let start = PhysAddr(reg.address().ok()?);
            Some(Registers { start, len: reg.size::<u64>().ok()? as usize })
        });
        if node.is_compatible("arm,gic-v3") {
            let regions = node.property("#redistributor-regions");
            let regions = regions.and_then(|count| count.value_as::<u32>().ok()).unwrap_or(1);
            let distributor = registers.next()?;
            // What follows the regions are interfaces for older software.
            let mut rest = registers.take(regions as usize);
            let redistributors = [(); gicv3::REGIONS].map(|()| rest.next());
            Some(Controller::V3 { distributor, redistributors })
        } else if V2.iter().any(|name| node.is_compatible(name)) {
            Some(Controller::V2 { distributor: registers.next()?, interface: registers.next()? })
        } else {
            None
        }
    })
}

/// The clock device.
pub(super) fn wall_clock(tree: Fdt<'static>) -> Option<Registers> {
    let node = tree.root().children().find(|node| node.is_compatible("arm,pl031"))?;
    let reg = node.reg().ok()??.next()?;
    Some(Registers { start: PhysAddr(reg.address().ok()?), len: reg.size::<u64>().ok()? as usize })
}

/// Randomness that the boot loader or the emulator left for us.
pub(super) fn rng_seed(tree: Fdt<'static>, take: impl FnOnce(&[u8])) {
    if let Some(seed) = tree.find_node("/chosen").and_then(|node| node.property("rng-seed")) {
        take(seed.value());
    }
}

/// The affinities of all cores that can be used.
pub(super) fn cores(tree: Fdt<'static>) -> impl Iterator<Item = u64> {
    let cpus = tree.find_node("/cpus");
    cpus.into_iter().flat_map(|cpus| cpus.children()).filter_map(|node| {
        let is_core = node.name_without_address() == "cpu";
        let is_usable = matches!(node.status(), Ok(Status::Okay));
        let id = node.reg().ok()??.next()?.address().ok()?;
        (is_core && is_usable).then_some(id)
    })
}
