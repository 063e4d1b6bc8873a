//! The first serial port, a 16550.

use core::sync::atomic::{AtomicBool, Ordering};

use x86_64::instructions::port::Port;

use crate::layout::PhysAddr;

const COM1: u16 = 0x3f8;
/// Bytes that the transmitter takes at once when it is empty.
const FIFO: usize = 16;
/// Line status: the FIFO is empty; so is the shift register behind it.
const EMPTY: u8 = 1 << 5;
const IDLE: u8 = 1 << 6;

/// Whether the port has its speed and format.
static READY: AtomicBool = AtomicBool::new(false);

fn put(register: u16, value: u8) {
    // SAFETY: the port's registers have no effect on memory.
    unsafe { Port::new(COM1 + register).write(value) };
}

fn wait_for(status: u8) {
    loop {
        // SAFETY: reading the line status touches no memory. A missing port reads as all ones.
        let line: u8 = unsafe { Port::new(COM1 + 5).read() };
        if line & status != 0 {
            return;
        }
        core::hint::spin_loop();
    }
}

/// 115200 baud, 8N1, FIFO on, no interrupts.
fn set_up() {
    for (register, value) in [(1, 0), (3, 0x80), (0, 1), (1, 0), (3, 0x03), (2, 0x07), (4, 0x03)] {
        put(register, value);
    }
}

/// Nothing to map: the port is in the I/O space.
pub fn early_device() -> Option<(usize, PhysAddr, usize)> {
    None
}

/// Writes bytes to the first serial port, waiting for it; takes no lock.
pub fn write(bytes: &[u8]) {
    // A second core that comes in at the same moment only sets the same values again.
    if !READY.swap(true, Ordering::Relaxed) {
        set_up();
    }
    for burst in bytes.chunks(FIFO) {
        wait_for(EMPTY);
        for &byte in burst {
            put(0, byte);
        }
    }
}

/// Waits until the last byte has left.
pub(super) fn drain() {
    wait_for(IDLE);
}
