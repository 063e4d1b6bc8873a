//! Printing: whole messages, never interleaved between cores.
//!
//! Usable from the first instruction of the kernel, under any lock and in handlers: it allocates
//! nothing, parks nobody and needs no goroutine. A message is formatted first and then written at
//! one go with interrupts masked. A core that holds the console and prints again (a fault or an
//! interrupt in the middle of a message) writes through: a mixed line is better than a core that
//! waits for itself. The fatal path does not ask at all: see [`Raw`]. What is typed: see [`input`].

pub mod input;

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicUsize, Ordering};

use burrow_arch::irq;

use crate::panic::this_core;

/// Bytes of a message that are gathered before the console is taken. A longer one is formatted
/// while it is held.
const GATHERED: usize = 256;

/// Who writes: [`this_core`] of the holder, or 0.
static HOLDER: AtomicUsize = AtomicUsize::new(0);

/// Prints formatted text on the console. The arguments' `Display` must not park.
pub fn print(args: fmt::Arguments<'_>) {
    let mut message = Message { text: [0; GATHERED], len: 0, hold: None };
    // The console cannot fail; an error is a `Display` that refused: what it wrote before counts.
    let _ = message.write_fmt(args);
    message.flush();
}

/// Writes bytes on the console, unbroken.
pub fn write(bytes: &[u8]) {
    let _hold = Hold::take();
    burrow_arch::console::write(bytes);
}

/// A message on its way out.
struct Message {
    text: [u8; GATHERED],
    len: usize,
    hold: Option<Hold>,
}

impl Message {
    fn flush(&mut self) {
        self.hold.get_or_insert_with(Hold::take);
        burrow_arch::console::write(&self.text[..self.len]);
        self.len = 0;
    }
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.len == GATHERED {
                self.flush();
            }
            self.text[self.len] = byte;
            self.len += 1;
        }
        Ok(())
    }
}

/// The right to write, interrupts masked while it lasts.
struct Hold {
    /// Not taken anew: this core held it already.
    nested: bool,
    was_enabled: bool,
}

impl Hold {
    fn take() -> Self {
        let was_enabled = irq::disable();
        let me = this_core();
        loop {
            // Acquire: pairs with the release in `drop`; what the last holder wrote to the device
            // comes first.
            match HOLDER.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Self { nested: false, was_enabled },
                Err(holder) if holder == me => return Self { nested: true, was_enabled },
                Err(_) => core::hint::spin_loop(),
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.nested {
            HOLDER.store(0, Ordering::Release);
        }
        irq::restore(self.was_enabled);
    }
}

/// The console without its lock: for the fatal path, when the other cores stand still.
pub struct Raw;

impl Write for Raw {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        burrow_arch::console::write(text.as_bytes());
        Ok(())
    }
}

/// How the console was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seized {
    /// Between messages.
    Whole,
    /// In the middle of one, which will not go on.
    Broken,
}

/// Waits a moment for a message of another core to end, then takes the console for ever: nobody
/// else prints until the machine ends. For the fatal path, interrupts masked.
pub(crate) fn seize() -> Seized {
    const PATIENCE: u32 = 1_000_000;
    let me = this_core();
    for _ in 0..PATIENCE {
        match HOLDER.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Seized::Whole,
            Err(holder) if holder == me => return Seized::Broken,
            Err(_) => core::hint::spin_loop(),
        }
    }
    HOLDER.store(me, Ordering::Relaxed);
    Seized::Broken
}
