//! The end of the machine, and the start of its other cores.

use core::fmt::{self, Write};

use x86_64::instructions::port::Port;
use x86_64::instructions::{hlt, interrupts};

use super::console;

pub use super::startup::start_core;

/// QEMU's debug console: the exit channel, where the runner reads the code.
const CHANNEL: u16 = 0xe9;
/// QEMU's debug exit device. Any value ends it.
const EXIT: u16 = 0xf4;
/// Power management of QEMU's machines, should the exit device be missing: S5, soft off.
const POWER: u16 = 0x604;
const SOFT_OFF: u16 = 0x2000;

struct Channel;

impl Write for Channel {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: the port belongs to the debug console or to nobody.
            unsafe { Port::new(CHANNEL).write(byte) };
        }
        Ok(())
    }
}

/// Tells the runner the exit code and ends the machine.
pub fn exit(code: i32) -> ! {
    console::drain();
    // The channel cannot fail.
    let _ = writeln!(Channel, "burrow exit {code}");
    // SAFETY: both ports end the machine, which is what was asked for.
    unsafe {
        Port::new(EXIT).write(0u32);
        Port::new(POWER).write(SOFT_OFF);
    }
    interrupts::disable();
    loop {
        hlt();
    }
}
