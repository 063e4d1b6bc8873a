//! Devices of a PC: PCI by the enhanced configuration mechanism, interrupts as messages.
//!
//! A message is a write to the local controllers' address, with the vector as data. No other
//! interrupt controller is needed, so that lines of the old kind are not looked for.

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::{lapic, platform};
use crate::device::{Line, Message, PciHost, Window};
use crate::layout::PhysAddr;

/// Vectors for devices: above the old controllers' and below our own.
const VECTORS: core::ops::Range<u8> = lapic::LEGACY_VECTORS.end..lapic::TIMER_VECTOR;

/// Where the local controllers take messages; the target's number begins at bit 12.
const MESSAGES: u64 = 0xfee0_0000;

/// The host bridge's configuration space, 0 if there is none. Written once, by [`init`].
static CONFIG: AtomicU64 = AtomicU64::new(0);
/// Its first and last bus.
static BUSES: [AtomicU8; 2] = [AtomicU8::new(0), AtomicU8::new(0)];
/// The next vector to be given away.
static NEXT_VECTOR: AtomicU8 = AtomicU8::new(VECTORS.start);

/// Remembers what the tables say.
pub(super) fn init(host: Option<PciHost>) {
    let Some(host) = host else { return };
    CONFIG.store(host.config.0, Ordering::Relaxed);
    BUSES[0].store(host.first_bus, Ordering::Relaxed);
    BUSES[1].store(host.last_bus, Ordering::Relaxed);
}

/// The PCI host bridge.
pub fn pci() -> Option<PciHost> {
    let config = CONFIG.load(Ordering::Relaxed);
    (config != 0).then(|| PciHost {
        config: PhysAddr(config),
        first_bus: BUSES[0].load(Ordering::Relaxed),
        last_bus: BUSES[1].load(Ordering::Relaxed),
        registers: None,
    })
}

/// A PC has all its devices on PCI.
pub fn virtio_windows(_each: &mut dyn FnMut(Window)) {}

/// Makes an interrupt by message.
pub fn message(core: usize) -> Option<Message> {
    // A core that has not switched its controller on would lose the message.
    let target =
        if platform::is_started(core) { platform::apic_id(core) } else { platform::apic_id(0) };
    // Messages have eight bits for the target.
    if target > 0xff {
        return None;
    }
    let next = |vector: u8| (vector < VECTORS.end).then_some(vector + 1);
    let vector = NEXT_VECTOR.try_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
    Some(Message {
        number: vector.into(),
        addr: MESSAGES | u64::from(target) << 12,
        data: vector.into(),
    })
}

/// Lines of the old kind are not looked for.
pub fn pin(_device: u8, _pin: u8) -> Option<Line> {
    None
}

/// There are no lines.
pub fn enable(_line: Line, _core: usize) {}
