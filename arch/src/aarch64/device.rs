//! Devices that the device tree describes: a PCI host bridge, windows for virtio, interrupt lines.

use core::sync::atomic::{AtomicU64, Ordering};

use dtoolkit::fdt::Fdt;

use super::{devicetree, gic};
use crate::device::{Line, Message, PciHost, Window};
use crate::layout::PhysAddr;

/// Where the tree is. Written once, by [`init`].
static TREE: AtomicU64 = AtomicU64::new(0);

/// Remembers the tree, which was found to be in order.
pub(super) fn init(tree: PhysAddr) {
    TREE.store(tree.0, Ordering::Relaxed);
}

fn tree() -> Fdt<'static> {
    // SAFETY: `init` was given the address of a tree that is in order and stays.
    unsafe { devicetree::again(PhysAddr(TREE.load(Ordering::Relaxed))) }
}

/// The PCI host bridge. No firmware has given its devices addresses.
pub fn pci() -> Option<PciHost> {
    devicetree::pci(tree())
}

/// Windows for virtio devices outside PCI.
pub fn virtio_windows(each: &mut dyn FnMut(Window)) {
    devicetree::virtio_windows(tree(), each);
}

/// Interrupts by message would want a controller of their own: lines serve.
pub fn message(_core: usize) -> Option<Message> {
    None
}

/// The line of the console's port.
pub(super) fn console() -> Option<Line> {
    devicetree::console(tree())
}

/// The line behind a pin of a device on the host bridge's bus.
pub fn pin(device: u8, pin: u8) -> Option<Line> {
    devicetree::pin(tree(), device, pin)
}

/// Lets a line interrupt the core with that index.
pub fn enable(line: Line, core: usize) {
    gic::enable(line, core);
}
