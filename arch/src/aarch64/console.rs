//! The first serial port: a PL011 at [`layout::CONSOLE`](crate::layout::CONSOLE).
//!
//! `boot` maps its registers there before the kernel starts, and the kernel's own tables keep the
//! page ([`early_device`]), so printing works from the first line to the last without a switch of
//! addresses. The tables are the only state: what is not mapped is not written.

use crate::layout::{CONSOLE, PAGE, PhysAddr};

use super::{mmio, paging};

/// Data register.
const DR: usize = 0x00;
/// Flag register.
const FR: usize = 0x18;
/// Flag: the transmit queue is full.
const FR_TXFF: u32 = 1 << 5;

/// Registers that the kernel must keep mapped: address, physical address, bytes.
pub fn early_device() -> Option<(usize, PhysAddr, usize)> {
    paging::translate(CONSOLE).map(|pa| (CONSOLE, pa, PAGE))
}

/// Writes bytes to the port, waiting for it; takes no lock.
pub fn write(bytes: &[u8]) {
    if early_device().is_none() {
        return;
    }
    for &byte in bytes {
        put(byte);
    }
}

fn put(byte: u8) {
    // SAFETY: the caller saw that the port is mapped; nothing else is ever mapped there.
    unsafe {
        while mmio::read(CONSOLE + FR) & FR_TXFF != 0 {
            core::hint::spin_loop();
        }
        mmio::write(CONSOLE + DR, byte.into());
    }
}
