//! The first serial port, a 16550.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use x86_64::instructions::port::Port;

use super::{device, ioapic};
use crate::layout::PhysAddr;

const COM1: u16 = 0x3f8;
/// Its interrupt line.
pub(super) const ISA_LINE: usize = 4;
/// Registers: data, which interrupts, what came and whether there is a FIFO, modem control, line
/// status.
const DATA: u16 = 0;
const INTERRUPTS: u16 = 1;
const IDENTIFICATION: u16 = 2;
const MODEM: u16 = 4;
const LINE: u16 = 5;
/// Of the interrupts, the one for received bytes.
const RECEIVED: u8 = 1;
/// Line status: there is a received byte.
const READY: u8 = 1;
/// Bytes that a FIFO takes at once when it is empty, and how a port says that it is on.
const FIFO: usize = 16;
const FIFO_ON: u8 = 0xc0;
/// Line status: the FIFO is empty; so is the shift register behind it.
const EMPTY: u8 = 1 << 5;
const IDLE: u8 = 1 << 6;

/// Bytes that the transmitter takes at once: one, where there is no FIFO.
static BURST: AtomicUsize = AtomicUsize::new(1);
/// Whether the port has its speed and format.
static SET_UP: AtomicBool = AtomicBool::new(false);

fn put(register: u16, value: u8) {
    // SAFETY: the port's registers have no effect on memory.
    unsafe { Port::new(COM1 + register).write(value) };
}

fn wait_for(status: u8) {
    loop {
        if get(LINE) & status != 0 {
            return;
        }
        core::hint::spin_loop();
    }
}

fn get(register: u16) -> u8 {
    // SAFETY: as above. A missing port reads as all ones.
    unsafe { Port::new(COM1 + register).read() }
}

/// 115200 baud, 8N1, no interrupts.
///
/// The FIFO stays as it is found: switching it empties it, and what is typed while an image starts
/// would be lost. Without it the port keeps one byte, and an emulator the others.
fn set_up() {
    for (register, value) in [(INTERRUPTS, 0), (3, 0x80), (0, 1), (1, 0), (3, 0x03)] {
        put(register, value);
    }
    // Ready, and interrupts let through.
    put(MODEM, 0x0b);
    if get(IDENTIFICATION) & FIFO_ON == FIFO_ON {
        BURST.store(FIFO, Ordering::Relaxed);
    }
}

/// Before anything else is done with the port.
fn make_ready() {
    // A second core that comes in at the same moment only sets the same values again.
    if !SET_UP.swap(true, Ordering::Relaxed) {
        set_up();
    }
}

/// A byte that was typed.
pub fn read() -> Option<u8> {
    let line = get(LINE);
    (line & READY != 0 && line != 0xff).then(|| get(DATA))
}

/// Interrupts when bytes were typed, or not.
pub fn listen(on: bool) {
    put(INTERRUPTS, if on { RECEIVED } else { 0 });
}

/// Lets the port interrupt that core: by which number.
pub fn route(core: usize) -> Option<u32> {
    make_ready();
    let message = device::message(core)?;
    ioapic::route_console(message).then_some(message.number)
}

/// Nothing to map: the port is in the I/O space.
pub fn early_device() -> Option<(usize, PhysAddr, usize)> {
    None
}

/// Writes bytes to the first serial port, waiting for it; takes no lock.
pub fn write(bytes: &[u8]) {
    make_ready();
    for burst in bytes.chunks(BURST.load(Ordering::Relaxed)) {
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
