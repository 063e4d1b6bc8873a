//! [`RamDisk`]: a block device in memory that can be made to fail.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use burrow::block::BlockDevice;
use burrow::io::{Error, ErrorKind, Result};
use burrow::sync::Mutex;

/// Clones are the same disk.
#[derive(Clone)]
pub struct RamDisk(Arc<Mutex<State>>);

struct State {
    bytes: Vec<u8>,
    fault: Fault,
}

/// What is wrong with the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It takes no writes.
    ReadOnly,
    /// It answers to nothing.
    Dead,
    /// It dies after that many writes.
    DiesAfter(u32),
}

impl RamDisk {
    /// All zeros.
    pub fn new(size: usize) -> Self {
        Self::with(vec![0; size])
    }

    /// With that content.
    pub fn with(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { bytes, fault: Fault::None })))
    }

    /// Becomes faulty, or whole again.
    pub fn set(&self, fault: Fault) {
        self.0.lock().fault = fault;
    }

    /// All that is on it.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().bytes.clone()
    }
}

fn range(bytes: &[u8], offset: u64, len: usize) -> Result<core::ops::Range<usize>> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = start.checked_add(len).filter(|&end| end <= bytes.len());
    end.map(|end| start..end).ok_or_else(|| Error::new(ErrorKind::InvalidInput, "beyond the end"))
}

impl BlockDevice for RamDisk {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<()> {
        let state = self.0.lock();
        if matches!(state.fault, Fault::Dead | Fault::DiesAfter(0)) {
            return Err(Error::new(ErrorKind::Other, "the disk is dead"));
        }
        buf.copy_from_slice(&state.bytes[range(&state.bytes, offset, buf.len())?]);
        Ok(())
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        let mut state = self.0.lock();
        match &mut state.fault {
            Fault::None => {}
            Fault::ReadOnly => {
                return Err(Error::new(ErrorKind::PermissionDenied, "the disk is read-only"));
            }
            Fault::DiesAfter(writes @ 1..) => *writes -= 1,
            Fault::Dead | Fault::DiesAfter(0) => {
                return Err(Error::new(ErrorKind::Other, "the disk is dead"));
            }
        }
        let range = range(&state.bytes, offset, buf.len())?;
        state.bytes[range].copy_from_slice(buf);
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        match self.0.lock().fault {
            Fault::Dead | Fault::DiesAfter(0) => {
                Err(Error::new(ErrorKind::Other, "the disk is dead"))
            }
            _ => Ok(()),
        }
    }

    fn len(&self) -> u64 {
        self.0.lock().bytes.len() as u64
    }
}
