//! Reading from the console, which is a terminal: Enter may send CR, LF or both, and is read as LF;
//! Ctrl-D ends the input for good, and so does the end of `qemu-run.sh`'s own input.
//!
//! What is typed comes by interrupt (`burrow_kernel::console::input`). Who reads holds the one
//! buffer meanwhile, so that a line goes to one reader.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use burrow_kernel::console::input;

use super::{BufRead, Error, ErrorKind, ErrorType, Read, Result};
use crate::sync::Mutex;

/// Ends the input.
const END: u8 = 4;
/// Bytes that are taken from the console at once.
const CHUNK: usize = 512;

/// What was typed and nobody has read yet.
struct Buffer {
    /// From `at` on.
    bytes: Vec<u8>,
    at: usize,
    ended: bool,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_return: bool,
}

static BUFFER: Mutex<Buffer> =
    Mutex::new(Buffer { bytes: Vec::new(), at: 0, ended: false, after_return: false });

impl Buffer {
    /// What is there, waiting until there is something; nothing at the end of input.
    fn filled(&mut self) -> Result<&[u8]> {
        while self.at == self.bytes.len() && !self.ended {
            let mut typed = [0; CHUNK];
            let count = input::read(&mut typed).ok_or(NO_INPUT)?;
            self.bytes.clear();
            self.at = 0;
            for &byte in &typed[..count] {
                self.put(byte);
            }
        }
        Ok(&self.bytes[self.at..])
    }

    fn put(&mut self, byte: u8) {
        let is_pair = mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n';
        match byte {
            _ if self.ended || is_pair => {}
            END => self.ended = true,
            b'\r' => self.bytes.push(b'\n'),
            _ => self.bytes.push(byte),
        }
    }

    /// Puts back what was taken and not used.
    fn put_back(&mut self, mut left: Vec<u8>) {
        left.extend_from_slice(&self.bytes[self.at..]);
        self.bytes = left;
        self.at = 0;
    }
}

const NO_INPUT: Error = Error::known(ErrorKind::Unsupported, "the console cannot be read");

/// The console's input. A goroutine waiting for it is not dead-locked. Go: `os.Stdin`.
pub fn stdin() -> Stdin {
    Stdin { taken: Mutex::new(Taken { bytes: Vec::new(), at: 0 }) }
}

/// See [`stdin`]. All handles share one buffer; what one has looked at with `fill_buf` and not
/// consumed goes back to it with the handle.
pub struct Stdin {
    taken: Mutex<Taken>,
}

/// What `fill_buf` has shown, from `at` on.
struct Taken {
    bytes: Vec<u8>,
    at: usize,
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}

impl Stdin {
    /// Appends a line with its newline; 0 at the end of input. The last line may lack the newline.
    /// What is no UTF-8 is read and lost, with an error.
    pub fn read_line(&self, line: &mut String) -> Result<usize> {
        self.give_back();
        let mut bytes = Vec::new();
        let mut buffer = BUFFER.lock();
        loop {
            let there = buffer.filled()?;
            let end = there.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let count = end.unwrap_or(there.len());
            bytes.extend_from_slice(&there[..count]);
            buffer.at += count;
            if end.is_some() || count == 0 {
                break;
            }
        }
        drop(buffer);
        match core::str::from_utf8(&bytes) {
            Ok(text) => line.push_str(text),
            Err(_) => {
                let text = "stream did not contain valid UTF-8";
                return Err(Error::known(ErrorKind::InvalidData, text));
            }
        }
        Ok(bytes.len())
    }

    /// The lines, without newlines.
    pub fn lines(self) -> Lines {
        Lines { console: self }
    }

    /// What was taken and not consumed comes before what was typed after it.
    fn give_back(&self) {
        let mut taken = self.taken.lock();
        let at = taken.at;
        if at < taken.bytes.len() {
            let left = taken.bytes.split_off(at);
            BUFFER.lock().put_back(left);
        }
        taken.bytes.clear();
        taken.at = 0;
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl ErrorType for Stdin {
    type Error = Error;
}

impl Read for Stdin {
    /// What is there, waiting for the first byte; 0 at the end of input.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.give_back();
        if buf.is_empty() {
            return Ok(0);
        }
        let mut buffer = BUFFER.lock();
        let there = buffer.filled()?;
        let count = there.len().min(buf.len());
        buf[..count].copy_from_slice(&there[..count]);
        buffer.at += count;
        Ok(count)
    }
}

impl BufRead for Stdin {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        let taken = self.taken.get_mut();
        if taken.at == taken.bytes.len() {
            let mut buffer = BUFFER.lock();
            taken.bytes = buffer.filled()?.to_vec();
            taken.at = 0;
            buffer.at += taken.bytes.len();
        }
        Ok(&taken.bytes[taken.at..])
    }

    fn consume(&mut self, amt: usize) {
        let taken = self.taken.get_mut();
        taken.at = (taken.at + amt).min(taken.bytes.len());
    }
}

/// Waits as the blocking form does: the goroutine parks, and with it the future's other branches.
impl embedded_io_async::Read for Stdin {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        Read::read(self, buf)
    }
}

/// Iterator of [`Stdin::lines`].
#[derive(Debug)]
pub struct Lines {
    console: Stdin,
}

impl Iterator for Lines {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        let mut line = String::new();
        match self.console.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => {
                if line.ends_with('\n') {
                    line.pop();
                }
                Some(Ok(line))
            }
            Err(error) => Some(Err(error)),
        }
    }
}
