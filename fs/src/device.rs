//! [`Device`], what a file system lies on, and [`Window`], a part of one.

/// A disk to the crate. All calls transfer everything or fail.
pub trait Device: Clone + Send + Sync + 'static {
    /// What can go wrong with it.
    type Error: core::error::Error + Send + Sync + 'static;
    /// Reads all of `buf` from `offset`.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), Self::Error>;
    /// Writes all of `buf` at `offset`.
    fn write_at(&self, buf: &[u8], offset: u64) -> Result<(), Self::Error>;
    /// Returns once everything written is durable.
    fn flush(&self) -> Result<(), Self::Error>;
    /// Size in bytes.
    fn size(&self) -> u64;
    /// Unit of transfers.
    fn block_size(&self) -> usize;
    /// Whether the error says that the device takes no writes at all.
    fn is_read_only(error: &Self::Error) -> bool;
    /// The time for what is written to it, in seconds since 1970.
    fn now() -> u64;
}

/// `len` bytes of a device from `start` on: a partition, or the whole.
#[derive(Clone, Debug)]
pub(crate) struct Window<D> {
    pub device: D,
    pub start: u64,
    pub len: u64,
}

impl<D: Device> Window<D> {
    pub fn whole(device: D) -> Self {
        let len = device.size();
        Self { device, start: 0, len }
    }

    /// Whether `offset..offset + len` is inside.
    pub fn has(&self, offset: u64, len: usize) -> bool {
        offset.checked_add(len as u64).is_some_and(|end| end <= self.len)
    }
}
