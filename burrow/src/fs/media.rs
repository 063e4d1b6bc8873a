//! [`Media`]: any block device of the program, as `burrow-fs` wants it.

use alloc::sync::Arc;

use burrow_fs::Device;

use crate::block::BlockDevice;
use crate::io::{Error, ErrorKind};
use crate::time::SystemTime;

/// A device that a volume lies on. Clones are the same device.
#[derive(Clone)]
pub(super) struct Media(Arc<dyn BlockDevice>);

impl Media {
    pub fn new(device: impl BlockDevice + 'static) -> Self {
        Self(Arc::new(device))
    }
}

impl Device for Media {
    type Error = Error;

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), Error> {
        self.0.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<(), Error> {
        self.0.write_at(buf, offset)
    }

    fn flush(&self) -> Result<(), Error> {
        self.0.flush()
    }

    fn size(&self) -> u64 {
        self.0.len()
    }

    fn block_size(&self) -> usize {
        self.0.block_size()
    }

    fn is_read_only(error: &Error) -> bool {
        error.kind() == ErrorKind::PermissionDenied
    }

    fn now() -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }
}
