//! What boot needs of the device tree: memory, what is in use, console, command line.

use core::ops::Range;

use burrow_arch::layout::PhysAddr;
use dtoolkit::fdt::{Fdt, FdtNode, FdtProperty};
use dtoolkit::standard::NodeStandard;
use dtoolkit::{Node, Property};

use crate::memory::MemoryMap;

/// Adds all RAM to the map.
pub fn add_ram(tree: Fdt<'static>, map: &mut MemoryMap) {
    let is_memory = |node: &FdtNode<'_>| node.name_without_address() == "memory";
    for node in tree.root().children().filter(is_memory) {
        ranges(node).for_each(|ram| map.add(ram.start, ram.end));
    }
}

/// Takes out of use what the loader and the firmware left in it: the device tree, the initial RAM
/// disk, what is declared reserved.
pub fn reserve(tree: Fdt<'static>, addr: PhysAddr, map: &mut MemoryMap) {
    map.reserve(addr.0, addr.0 + tree.data().len() as u64);
    for used in tree.memory_reservations() {
        map.reserve(used.address(), used.address().saturating_add(used.size()));
    }
    let reserved = tree.find_node("/reserved-memory");
    for node in reserved.into_iter().flat_map(|node| node.children()) {
        ranges(node).for_each(|used| map.reserve(used.start, used.end));
    }
    let initrd = |end| chosen(tree, end).and_then(address);
    if let (Some(start), Some(end)) = (initrd("linux,initrd-start"), initrd("linux,initrd-end")) {
        map.reserve(start, end);
    }
}

/// A node's `reg` as memory ranges.
fn ranges(node: FdtNode<'static>) -> impl Iterator<Item = Range<u64>> {
    let registers = node.reg().ok().flatten();
    registers.into_iter().flatten().filter_map(|reg| {
        let (start, len): (u64, u64) = (reg.address().ok()?, reg.size().ok()?);
        Some(start..start.saturating_add(len))
    })
}

/// A property of `/chosen`.
fn chosen(tree: Fdt<'static>, name: &str) -> Option<FdtProperty<'static>> {
    property(tree.find_node("/chosen")?, name)
}

fn property(node: FdtNode<'static>, name: &str) -> Option<FdtProperty<'static>> {
    node.properties().find(|property| property.name() == name)
}

/// An address in one cell or two.
fn address(property: FdtProperty<'static>) -> Option<u64> {
    property.value_as::<u64>().or_else(|_| property.value_as::<u32>().map(u64::from)).ok()
}

fn text(property: FdtProperty<'static>) -> Option<&'static str> {
    property.value_as().ok()
}

/// The command line as given; empty if there is none.
pub fn command_line(tree: Fdt<'static>) -> &'static str {
    chosen(tree, "bootargs").and_then(text).unwrap_or("")
}

/// The console's PL011: the one that `/chosen` names, else the first.
pub fn console(tree: Fdt<'static>) -> Option<PhysAddr> {
    let is_uart = |node: &FdtNode<'_>| node.is_compatible("arm,pl011");
    let named = chosen(tree, "stdout-path").and_then(text).and_then(|path| node(tree, path));
    let uart = named.filter(is_uart).or_else(|| tree.root().children().find(is_uart))?;
    ranges(uart).next().map(|range| PhysAddr(range.start))
}

/// The node that a path or alias names, options after a colon left out.
fn node(tree: Fdt<'static>, path: &str) -> Option<FdtNode<'static>> {
    let path = path.split(':').next()?;
    if path.starts_with('/') {
        return tree.find_node(path);
    }
    let alias = property(tree.find_node("/aliases")?, path).and_then(text)?;
    tree.find_node(alias)
}
