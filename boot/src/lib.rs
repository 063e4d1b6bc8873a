//! From any boot protocol to one `BootInfo`, then `kernel::start`.
//!
//! Each CPU has its own folder of protocols: entry code, and what turns a loader's description of
//! the machine into ours. [`memory`] builds the memory map for all of them.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
#[path = "aarch64/mod.rs"]
mod arch;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
#[path = "x86_64/mod.rs"]
mod arch;

pub mod memory;
