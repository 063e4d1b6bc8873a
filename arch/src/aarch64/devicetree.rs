//! What the surface needs of the device tree, which stays where the firmware left it.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::{NodeStandard, Status};
use dtoolkit::{Node, Property};

use crate::device::{Line, PciHost, Trigger, Window};
use crate::layout::PhysAddr;

use super::gicv3;

/// The interrupt controller's registers.
pub(super) enum Controller {
    /// Distributor and core interface.
    V2 { distributor: Registers, interface: Registers },
    /// Distributor and regions of redistributors.
    V3 { distributor: Registers, redistributors: [Option<Registers>; gicv3::REGIONS] },
}

/// What controllers of version 2 are called.
const V2: [&str; 3] = ["arm,cortex-a15-gic", "arm,gic-400", "arm,cortex-a9-gic"];

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

/// The tree that [`at`] has found to be in order.
///
/// # Safety
/// As there, and `at` said so.
pub(super) unsafe fn again(addr: PhysAddr) -> Fdt<'static> {
    let header = addr.virt() as *const [u32; 2];
    // SAFETY: the caller's promise, as in `at`.
    let [_, len] = unsafe { header.read() };
    // SAFETY: as above.
    let bytes = unsafe { core::slice::from_raw_parts(header.cast(), u32::from_be(len) as usize) };
    Fdt::new_unchecked(bytes)
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

/// The first serial port's interrupt.
pub(super) fn console(tree: Fdt<'static>) -> Option<Line> {
    interrupt(tree.root().children().find(|node| node.is_compatible("arm,pl011"))?)
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

/// The PCI host bridge.
pub(super) fn pci(tree: Fdt<'static>) -> Option<PciHost> {
    let node = bridge(tree)?;
    let config = PhysAddr(node.reg().ok()??.next()?.address().ok()?);
    let range = node.property("bus-range");
    let mut buses =
        cells(range.as_ref().map_or(&[0, 0, 0, 0, 0, 0, 0, 0xff], |range| range.value()));
    let (first_bus, last_bus) = (buses.next()? as u8, buses.next()? as u8);
    Some(PciHost { config, first_bus, last_bus, registers: registers(node) })
}

fn bridge(tree: Fdt<'static>) -> Option<FdtNode<'static>> {
    tree.root().children().find(|node| node.is_compatible("pci-host-ecam-generic"))
}

/// Where devices' registers below 4 GiB go. An address on the bus is three cells, the first of
/// which says what kind it is.
fn registers(node: FdtNode<'static>) -> Option<(u64, u64)> {
    const KIND: u32 = 3 << 24;
    const MEMORY_32: u32 = 2 << 24;
    let parent = 2;
    let ranges = node.property("ranges")?;
    ranges.value().chunks_exact(4 * (3 + parent + 2)).find_map(|range| {
        let mut cell = cells(range);
        let kind = cell.next()? & KIND;
        let mut long = || Some(u64::from(cell.next()?) << 32 | u64::from(cell.next()?));
        let (bus, cpu, len) = (long()?, long()?, long()?);
        (kind == MEMORY_32 && bus == cpu).then_some((bus, len))
    })
}

/// The interrupt of a pin of a device on the host bridge's bus, by the map that says so.
pub(super) fn pin(tree: Fdt<'static>, device: u8, pin: u8) -> Option<Line> {
    let node = bridge(tree)?;
    // Of an address on the bus only the first cell tells devices apart.
    let mask = node.property("interrupt-map-mask")?;
    let mut mask = cells(mask.value());
    let (address_mask, pin_mask) = (mask.next()?, mask.nth(2)?);
    let wanted = (u32::from(device) << 11 & address_mask, u32::from(pin) & pin_mask);
    let map = node.property("interrupt-map")?;
    // Address, pin, the controller's handle, an address there, and what it calls the interrupt.
    let address = controller_cells(tree)?;
    map.value().chunks_exact(4 * (3 + 1 + 1 + address + 3)).find_map(|entry| {
        let mut cell = cells(entry);
        let found = (cell.next()? & address_mask, cell.nth(2)? & pin_mask);
        let mut interrupt = cell.skip(1 + address);
        (found == wanted).then(|| line(&mut interrupt))?
    })
}

/// Cells of an address among the interrupt controller's children.
fn controller_cells(tree: Fdt<'static>) -> Option<usize> {
    let is_controller =
        |node: &FdtNode<'_>| controller_names().any(|name| node.is_compatible(name));
    let node = tree.root().children().find(is_controller)?;
    Some(node.property("#address-cells").and_then(|p| p.value_as::<u32>().ok()).unwrap_or(0)
        as usize)
}

fn controller_names() -> impl Iterator<Item = &'static str> {
    V2.into_iter().chain(["arm,gic-v3"])
}

/// Windows for virtio devices.
pub(super) fn virtio_windows(tree: Fdt<'static>, each: &mut dyn FnMut(Window)) {
    for node in tree.root().children().filter(|node| node.is_compatible("virtio,mmio")) {
        let window = || {
            let reg = node.reg().ok()??.next()?;
            Some(Window {
                start: PhysAddr(reg.address().ok()?),
                len: reg.size::<u64>().ok()? as usize,
                line: interrupt(node)?,
            })
        };
        if let Some(window) = window() {
            each(window);
        }
    }
}

fn interrupt(node: FdtNode<'static>) -> Option<Line> {
    let words = node.property("interrupts")?;
    line(&mut cells(words.value()))
}

/// An interrupt in the controller's three words: kind, number among its kind, trigger.
fn line(cells: &mut impl Iterator<Item = u32>) -> Option<Line> {
    const SHARED: u32 = 0;
    const FIRST_SHARED: u32 = 32;
    let (kind, number, flags) = (cells.next()?, cells.next()?, cells.next()?);
    let trigger = if flags & 0b11 != 0 { Trigger::Edge } else { Trigger::Level };
    (kind == SHARED).then_some(Line { number: FIRST_SHARED + number, trigger })
}

fn cells(value: &[u8]) -> impl Iterator<Item = u32> {
    value.as_chunks().0.iter().map(|bytes| u32::from_be_bytes(*bytes))
}
