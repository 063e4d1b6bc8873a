//! Drivers: what turns devices into something that goroutines wait for.
//!
//! | module | what |
//! | --- | --- |
//! | [`pci`] | the host bridge: what is on its buses, addresses for registers, message interrupts |
//! | [`virtio`] | virtio devices, found on PCI or by themselves, each with its interrupt |
//! | [`blk`] | disks |
//! | [`rng`] | entropy of the host |
//! | [`dma`] | memory as devices see it |
//!
//! The platform's facts come from `burrow_arch::device`, goroutines are made ready through
//! `burrow_kernel::netpoll`; nothing here knows which CPU it runs on.
#![cfg(target_os = "none")]
#![no_std]

extern crate alloc;

pub mod blk;
pub mod dma;
pub mod pci;
pub mod rng;
pub mod virtio;

/// Finds devices and starts their drivers. Once, on the main goroutine, before the program's code.
pub fn init() {
    virtio::find();
    blk::init();
    rng::init();
}
