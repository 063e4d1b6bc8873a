//! Errors of files: what was being done, to which path, and why.

use alloc::format;

use burrow_fs::{Error as Cause, Kind};

use crate::io::{Error, ErrorKind, Result};

/// Gives a failure the words of Go's `PathError`.
pub(super) trait Naming<T> {
    fn named(self, op: &str, path: &str) -> Result<T>;
}

impl<T> Naming<T> for burrow_fs::Result<T, Error> {
    fn named(self, op: &str, path: &str) -> Result<T> {
        self.map_err(|cause| match cause {
            Cause::Fs(kind) => refused(op, path, kind),
            // The device's own words stay, behind ours.
            Cause::Device(error) => Error::new(error.kind(), format!("{op} {path}: {error}")),
        })
    }
}

pub(super) fn refused(op: &str, path: &str, kind: Kind) -> Error {
    Error::new(kind_of(kind), format!("{op} {path}: {}", kind.text()))
}

fn kind_of(kind: Kind) -> ErrorKind {
    match kind {
        Kind::NotFound => ErrorKind::NotFound,
        Kind::AlreadyExists => ErrorKind::AlreadyExists,
        Kind::NotADirectory
        | Kind::IsADirectory
        | Kind::InvalidInput
        | Kind::NameTooLong
        | Kind::FileTooLarge => ErrorKind::InvalidInput,
        Kind::NoSpace => ErrorKind::WriteZero,
        Kind::ReadOnly => ErrorKind::PermissionDenied,
        Kind::Corrupt | Kind::NotRecognised => ErrorKind::InvalidData,
        Kind::Unsupported => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    }
}

/// Go's text for a file that was not opened for what is asked of it.
pub(super) fn bad_descriptor(op: &str, path: &str) -> Error {
    Error::new(ErrorKind::PermissionDenied, format!("{op} {path}: bad file descriptor"))
}

pub(super) fn too_large(op: &str, path: &str) -> Error {
    refused(op, path, Kind::FileTooLarge)
}

pub(super) fn not_utf8(path: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("read {path}: not valid UTF-8"))
}

pub(super) fn cross_device(from: &str, to: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("rename {from} {to}: invalid cross-device link"))
}
