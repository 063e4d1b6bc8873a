//! Writing on the console.

use super::{Error, ErrorType, Result, Write};

/// The console's output. Go: `os.Stdout`.
pub fn stdout() -> Stdout {
    Stdout { _console: () }
}

/// See [`stdout`]. One write appears unbroken.
#[derive(Debug)]
pub struct Stdout {
    _console: (),
}

impl ErrorType for Stdout {
    type Error = Error;
}

impl Write for Stdout {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        burrow_kernel::console::write(buf);
        Ok(buf.len())
    }

    /// Nothing is held back.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Never waits: the console takes everything at once.
impl embedded_io_async::Write for Stdout {
    async fn write(&mut self, buf: &[u8]) -> Result<usize> {
        Write::write(self, buf)
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
