//! Printing: whole messages, never interleaved between cores.

use core::fmt::{self, Write};

use spin::Mutex;

/// One message at a time.
static CONSOLE: Mutex<Serial> = Mutex::new(Serial);

struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        burrow_arch::console::write(text.as_bytes());
        Ok(())
    }
}

/// Prints formatted text on the console.
pub fn print(args: fmt::Arguments<'_>) {
    // The console's writer cannot fail; an error is a `Display` of the caller's that refused.
    let _ = CONSOLE.lock().write_fmt(args);
}
