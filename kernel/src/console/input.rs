//! What is typed on the console: by interrupt into a ring, from which goroutines take it.
//!
//! Nothing is switched on until somebody reads: before that, what is typed waits in the device and
//! whatever is behind it. A reader that finds nothing parks (`IO wait`), and counts as waiting for a
//! device, so that the program is not dead.

use core::sync::atomic::{AtomicBool, Ordering};

use burrow_arch::console;

use crate::g::G;
use crate::interrupt::{self, Handler};
use crate::netpoll::ionote::IoNote;
use crate::netpoll::{self, Readied};
use crate::queue::bytes::{Bytes, Gate};

/// Bytes that are kept for a reader before the device has to keep them.
const RING: usize = 4096;
/// The core that is interrupted.
const CORE: usize = 0;

struct Input {
    ring: Bytes<RING>,
    /// Something was typed.
    typed: IoNote<G>,
}

static INPUT: Input = Input { ring: Bytes::new(), typed: IoNote::new() };
/// Whether the device interrupts.
static STARTED: AtomicBool = AtomicBool::new(false);

impl Handler for Input {
    fn interrupt(&self, readied: &mut Readied) {
        if self.ring.fill(console::read, gate) {
            readied.signal(&self.typed);
        }
    }
}

fn gate(now: Gate) {
    console::listen(now == Gate::Open);
}

/// Takes what was typed, waiting for the first byte: how many there were, at least one unless there
/// is no room for any. `None`: the machine's console cannot be read.
///
/// On a goroutine's stack. One caller at a time.
pub fn read(out: &mut [u8]) -> Option<usize> {
    if !STARTED.load(Ordering::Relaxed) && !start() {
        return None;
    }
    if out.is_empty() {
        return Some(0);
    }
    loop {
        match INPUT.ring.take(out, gate) {
            0 => netpoll::wait(&INPUT.typed),
            count => return Some(count),
        }
    }
}

fn start() -> bool {
    let Some(number) = console::route(CORE) else { return false };
    // What the device has already would not interrupt on every machine. The handler cannot yet.
    INPUT.ring.fill(console::read, gate);
    interrupt::register(number, &INPUT);
    console::listen(true);
    STARTED.store(true, Ordering::Relaxed);
    true
}
