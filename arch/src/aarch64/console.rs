//! The first serial port: a PL011 at [`layout::CONSOLE`](crate::layout::CONSOLE).
//!
//! `boot` maps its registers there before the kernel starts, and the kernel's own tables keep the
//! page ([`early_device`]), so printing works from the first line to the last without a switch of
//! addresses. The tables are the only state: what is not mapped is not written.

use crate::layout::{CONSOLE, PAGE, PhysAddr};

use super::{device, mmio, paging};

/// Data register.
const DR: usize = 0x00;
/// Flag register.
const FR: usize = 0x18;
/// Which interrupts.
const IMSC: usize = 0x38;
/// Received bytes: there are some; there have been some for a while.
const RECEIVED: u32 = 1 << 4 | 1 << 6;
/// Flag: nothing was received.
const FR_RXFE: u32 = 1 << 4;
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

/// A byte that was typed.
pub fn read() -> Option<u8> {
    early_device()?;
    // SAFETY: mapped, as was just seen; see `put`.
    if unsafe { mmio::read(CONSOLE + FR) } & FR_RXFE != 0 {
        return None;
    }
    // SAFETY: as above.
    Some(unsafe { mmio::read(CONSOLE + DR) } as u8)
}

/// Interrupts when bytes were typed, or not.
pub fn listen(on: bool) {
    if early_device().is_some() {
        // SAFETY: mapped, as was just seen; see `put`.
        unsafe { mmio::write(CONSOLE + IMSC, if on { RECEIVED } else { 0 }) };
    }
}

/// Lets the port interrupt that core: by which number.
pub fn route(core: usize) -> Option<u32> {
    early_device()?;
    let line = device::console()?;
    device::enable(line, core);
    Some(line.number)
}
