//! [`Error`]: the device's own, or one of the file system's with the text that Go programs know.

use core::fmt;

/// What went wrong.
#[derive(Debug)]
pub enum Error<E> {
    /// The device failed.
    Device(E),
    /// The file system says no.
    Fs(Kind),
}

/// `core::result::Result` with [`Error`].
pub type Result<T, E> = core::result::Result<T, Error<E>>;

/// Why a file system says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// No such file or folder.
    NotFound,
    /// There is one of that name.
    AlreadyExists,
    /// A folder was wanted.
    NotADirectory,
    /// A file was wanted.
    IsADirectory,
    /// A folder with entries cannot be removed.
    NotEmpty,
    /// The disk, or a folder of fixed size, is full.
    NoSpace,
    /// The disk or its format takes no writes.
    ReadOnly,
    /// A name or an offset that cannot be.
    InvalidInput,
    /// More than the format's names hold.
    NameTooLong,
    /// More than the format's files hold.
    FileTooLarge,
    /// What is on the disk contradicts itself.
    Corrupt,
    /// Nothing on the disk is known here.
    NotRecognised,
    /// The format can, this crate cannot.
    Unsupported,
    /// Somebody has it open.
    Busy,
    /// Symbolic links that lead nowhere.
    Links,
    /// The handle is no longer good.
    Closed,
}

impl Kind {
    /// The words of Go's (and Unix's) errors where there are any.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotFound => "no such file or directory",
            Self::AlreadyExists => "file exists",
            Self::NotADirectory => "not a directory",
            Self::IsADirectory => "is a directory",
            Self::NotEmpty => "directory not empty",
            Self::NoSpace => "no space left on device",
            Self::ReadOnly => "read-only file system",
            Self::InvalidInput => "invalid argument",
            Self::NameTooLong => "file name too long",
            Self::FileTooLarge => "file too large",
            Self::Corrupt => "corrupt file system",
            Self::NotRecognised => "no known file system on the device",
            Self::Unsupported => "operation not supported",
            Self::Busy => "device or resource busy",
            Self::Links => "too many levels of symbolic links",
            Self::Closed => "file already closed",
        }
    }
}

impl<E> From<Kind> for Error<E> {
    fn from(kind: Kind) -> Self {
        Self::Fs(kind)
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => error.fmt(f),
            Self::Fs(kind) => f.write_str(kind.text()),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Error<E> {}
