//! The first serial port, a 16550.

use core::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use x86_64::instructions::port::Port;

use super::{device, ioapic};
use crate::layout::PhysAddr;

const COM1: u16 = 0x3f8;
/// Its interrupt line.
pub(super) const ISA_LINE: usize = 4;
/// Registers: data, which interrupts, FIFO control, modem control, line status.
const DATA: u16 = 0;
const INTERRUPTS: u16 = 1;
const FIFO_CONTROL: u16 = 2;
const MODEM: u16 = 4;
const LINE: u16 = 5;
/// Of the interrupts, the one for received bytes.
const RECEIVED: u8 = 1;
/// Line status: there is a received byte.
const READY: u8 = 1;
/// Bytes that the transmitter takes at once when it is empty.
const FIFO: usize = 16;
/// Line status: the FIFO is empty; so is the shift register behind it.
const EMPTY: u8 = 1 << 5;
const IDLE: u8 = 1 << 6;

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

/// What was typed before the port was set up, which empties its FIFO: the byte, and 256.
static EARLY: AtomicU16 = AtomicU16::new(0);

/// 115200 baud, 8N1, FIFO on, no interrupts.
fn set_up() {
    const LOOP: u8 = 1 << 4;
    for (register, value) in [(INTERRUPTS, 0), (3, 0x80), (0, 1), (1, 0), (3, 0x03)] {
        put(register, value);
    }
    // No byte comes in between the look and the FIFO: until then the port listens to itself.
    put(MODEM, LOOP);
    let line = get(LINE);
    if line & READY != 0 && line != 0xff {
        EARLY.store(u16::from(get(DATA)) | 256, Ordering::Relaxed);
    }
    put(FIFO_CONTROL, 0x01);
    // Ready, and interrupts let through.
    put(MODEM, 0x0b);
    // An emulator looks for more input when a byte was read, and not before.
    get(DATA);
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
    let early = EARLY.swap(0, Ordering::Relaxed);
    if early != 0 {
        return Some(early as u8);
    }
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
