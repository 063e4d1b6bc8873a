//! File systems over block devices, for any host: no kernel, no locks, no globals.
//!
//! [`Volume`] is one mounted file system: [`fat`](crate) by `hadris-fat`, ext by `ext4-view`, found
//! by `partition` on a [`Device`]. A caller gives it a lock, a place among paths, and handles
//! (`burrow::fs`). Here too because whatever lies on a disk must not bring the program down: the
//! tests of this crate mount thousands of damaged disks on the host.
//!
//! Reading order: `device`, `error`, `volume`, `fat`, `ext`, `partition`.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod device;
mod error;
mod ext;
mod fat;
mod partition;
mod volume;

pub use device::Device;
pub use error::{Error, Kind, Result};
pub use volume::{Blank, Entry, Meta, Node, Volume};

#[cfg(test)]
mod tests;
