//! The runner's own failures: one line and an exit code that no image is likely to use by accident.

use std::fmt;

/// The command line is wrong.
pub const USAGE: u8 = 64;
/// A program, a source or a file is missing, or does not build.
pub const MISSING: u8 = 69;
/// The image ran into `--timeout`.
pub const TIMEOUT: u8 = 124;
/// QEMU failed, or ended without the image's own word that it had ended.
pub const EMULATOR: u8 = 125;

/// What went wrong, in one line, and the code to leave with.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into() }
    }

    pub fn missing(message: impl Into<String>) -> Self {
        Self { code: MISSING, message: message.into() }
    }

    pub fn emulator(message: impl Into<String>) -> Self {
        Self { code: EMULATOR, message: message.into() }
    }

    /// A file operation on the host that did not work.
    pub fn file(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::missing(format!("cannot {what} {}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "qemu-run: {}", self.message)
    }
}
