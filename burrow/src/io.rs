//! The console, the error of its kin, and `embedded_io`'s traits under one roof.
//!
//! One call's text appears unbroken, whichever core prints beside it.

mod stdin;
mod stdout;

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

pub use embedded_io::{
    BufRead, ErrorKind, ErrorType, Read, ReadExactError, Seek, SeekFrom, Write, WriteFmtError,
};

pub use stdin::{Lines, Stdin, stdin};
pub use stdout::{Stdout, stdout};

/// Error of files, disks and the console.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    text: Cow<'static, str>,
}

/// `core::result::Result` with [`Error`].
pub type Result<T> = core::result::Result<T, Error>;

impl Error {
    /// An error of that kind, for devices of one's own.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: Cow::Owned(text.into()) }
    }

    const fn known(kind: ErrorKind, text: &'static str) -> Self {
        Self { kind, text: Cow::Borrowed(text) }
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for Error {}

impl embedded_io::Error for Error {
    fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// `UnexpectedEof` becomes `ErrorKind::Other`.
impl From<ReadExactError<Error>> for Error {
    fn from(error: ReadExactError<Error>) -> Self {
        match error {
            ReadExactError::UnexpectedEof => Self::known(ErrorKind::Other, "unexpected EOF"),
            ReadExactError::Other(error) => error,
        }
    }
}

impl From<WriteFmtError<Error>> for Error {
    fn from(error: WriteFmtError<Error>) -> Self {
        match error {
            WriteFmtError::FmtError => Self::known(ErrorKind::Other, "formatter error"),
            WriteFmtError::Other(error) => error,
        }
    }
}

#[doc(hidden)]
pub fn _print(text: fmt::Arguments<'_>) {
    burrow_kernel::console::print(text);
}

#[doc(hidden)]
pub fn _eprint(text: fmt::Arguments<'_>) {
    burrow_kernel::console::print(text);
}

/// Prints on the console. One call's text appears unbroken.
#[macro_export]
macro_rules! print {
    ($($arg:tt)*) => { $crate::io::_print(::core::format_args!($($arg)*)) };
}

/// [`print!`] and a newline.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($arg:tt)*) => { $crate::io::_print(::core::format_args!("{}\n", ::core::format_args!($($arg)*))) };
}

/// [`print!`] on the error stream, which is the same console.
#[macro_export]
macro_rules! eprint {
    ($($arg:tt)*) => { $crate::io::_eprint(::core::format_args!($($arg)*)) };
}

/// [`eprint!`] and a newline.
#[macro_export]
macro_rules! eprintln {
    () => { $crate::eprint!("\n") };
    ($($arg:tt)*) => { $crate::io::_eprint(::core::format_args!("{}\n", ::core::format_args!($($arg)*))) };
}
