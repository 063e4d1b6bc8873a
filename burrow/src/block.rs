//! Block devices: what files and programs of one's own read and write by offset.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use burrow_drivers::blk;

use crate::io::{Error, ErrorKind, Result};

/// A disk, or anything that looks like one. Its calls park the goroutine.
#[allow(clippy::len_without_is_empty)]
pub trait BlockDevice: Send + Sync {
    /// Reads all of `buf` from `offset`, or fails.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<()>;
    /// Writes all of `buf` at `offset`, or fails.
    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()>;
    /// Returns once everything written is durable.
    fn flush(&self) -> Result<()>;
    /// Size in bytes.
    fn len(&self) -> u64;
    /// Unit of transfers; other offsets and lengths work and cost a copy.
    fn block_size(&self) -> usize {
        512
    }
}

/// A disk of the machine. Clones are the same disk.
///
/// Its calls park the goroutine, wait reason `IO wait`, and many may be under way at once. Inside
/// [`crate::runtime::blocking`] they let the kernel thread sleep instead.
#[derive(Clone)]
pub struct Disk {
    disk: &'static blk::Disk,
}

impl Disk {
    /// `vda`, `vdb`, .. in bus order.
    pub fn name(&self) -> String {
        self.disk.name().to_owned()
    }

    /// Whether it refuses to be written.
    pub fn is_read_only(&self) -> bool {
        self.disk.is_read_only()
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(f)
    }
}

impl BlockDevice for Disk {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        self.disk.read(buf, offset).map_err(|error| failed("read", self, error))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        self.disk.write(buf, offset).map_err(|error| failed("write", self, error))
    }

    fn flush(&self) -> Result<()> {
        self.disk.flush().map_err(|error| failed("flush", self, error))
    }

    fn len(&self) -> u64 {
        self.disk.len()
    }

    fn block_size(&self) -> usize {
        self.disk.block()
    }
}

/// What went wrong, in the form of Go's `PathError`.
fn failed(what: &str, disk: &Disk, error: blk::Error) -> Error {
    let kind = match error {
        blk::Error::OutOfRange { .. } => ErrorKind::InvalidInput,
        blk::Error::ReadOnly => ErrorKind::PermissionDenied,
        blk::Error::Device => ErrorKind::Other,
        blk::Error::Unsupported => ErrorKind::Unsupported,
    };
    Error::new(kind, alloc::format!("{what} {}: {error}", disk.disk.name()))
}

/// The disks that were found.
pub fn devices() -> Vec<Disk> {
    blk::disks().into_iter().map(|disk| Disk { disk }).collect()
}

/// The disk of that name; `NotFound`.
pub fn open(name: &str) -> Result<Disk> {
    devices().into_iter().find(|disk| disk.disk.name() == name).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, alloc::format!("open {name}: there is no such disk"))
    })
}
