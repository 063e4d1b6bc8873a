//! The interrupt controller for lines, of which the console's is the only one in use.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::acpi::IsaLines;
use super::console;
use crate::device::Message;
use crate::layout::PhysAddr;

/// Bytes of registers.
const SIZE: usize = 0x20;
/// The register that chooses, and the one that shows what was chosen.
const SELECT: usize = 0x00;
const WINDOW: usize = 0x10;
/// Where the inputs' entries begin: two words for each.
const ENTRIES: u32 = 0x10;

/// Where the registers are mapped, 0 if there are none. Written once, by [`init`].
static REGISTERS: AtomicUsize = AtomicUsize::new(0);
/// The console's input.
static CONSOLE: AtomicU32 = AtomicU32::new(0);

/// Remembers where the console's line ends.
pub(super) fn init(lines: &IsaLines, map: &mut dyn FnMut(PhysAddr, usize) -> usize) {
    let Some(controller) = lines.controller else { return };
    CONSOLE.store(lines.inputs[console::ISA_LINE], Ordering::Relaxed);
    REGISTERS.store(map(PhysAddr(controller), SIZE), Ordering::Relaxed);
}

/// Lets the console's line raise that message's interrupt. `false`: there is no controller.
pub(super) fn route_console(message: Message) -> bool {
    let registers = REGISTERS.load(Ordering::Relaxed);
    if registers == 0 {
        return false;
    }
    let entry = ENTRIES + 2 * CONSOLE.load(Ordering::Relaxed);
    let target = (message.addr >> 12) as u32 & 0xff;
    // The upper half first: the lower one unmasks. An edge, active high, as ISA has them.
    for (register, value) in [(entry + 1, target << 24), (entry, message.data)] {
        for (offset, value) in [(SELECT, register), (WINDOW, value)] {
            // SAFETY: the controller's registers, mapped for ever. Only this function uses them,
            // and it is called once.
            unsafe { ((registers + offset) as *mut u32).write_volatile(value) };
        }
    }
    true
}
