//! Block devices: what files and programs of one's own read and write by offset.

use crate::io::Result;

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
