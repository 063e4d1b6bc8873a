//! The portable runtime: Go's scheduler, its stacks and memory, as an operating system.
//!
//! On a host only the lock-free and pure-data parts are built, for unit tests and models.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod boot_info;
#[cfg(target_os = "none")]
pub mod console;
pub mod panic;
#[cfg(target_os = "none")]
mod start;

pub mod kthread;
pub mod mem;
pub mod queue;
pub mod stack;
pub mod sync;
pub mod trace;

#[cfg(target_os = "none")]
pub use boot_info::{BootInfo, MemoryKind, MemoryRegion};
#[cfg(target_os = "none")]
pub use start::start;
