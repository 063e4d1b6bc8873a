//! The portable runtime: Go's scheduler, its stacks and memory, as an operating system.
//!
//! On a host only the lock-free and pure-data parts are built, for unit tests and models.
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(target_os = "none", feature(alloc_error_handler))]
// For unwinding: the compiler wants to be told its personality routine, and has catching built in.
#![cfg_attr(target_os = "none", feature(lang_items, core_intrinsics, panic_can_unwind))]
#![cfg_attr(target_os = "none", allow(internal_features))]

extern crate alloc;

pub mod kthread;
pub mod mem;
pub mod netpoll;
pub mod panic;
pub mod queue;
pub mod rand;
pub mod stack;
pub mod sync;
pub mod sysmon;
pub mod trace;
pub mod unwind;

mod boot_info;
#[cfg(target_os = "none")]
pub mod chan;
#[cfg(target_os = "none")]
pub mod config;
#[cfg(target_os = "none")]
pub mod console;
#[cfg(target_os = "none")]
pub mod foreign;
#[cfg(target_os = "none")]
pub mod g;
#[cfg(target_os = "none")]
pub mod interrupt;
#[cfg(target_os = "none")]
pub mod m;
#[cfg(target_os = "none")]
pub mod p;
#[cfg(target_os = "none")]
pub mod percpu;
#[cfg(target_os = "none")]
pub mod sched;
#[cfg(target_os = "none")]
mod start;
#[cfg(target_os = "none")]
pub mod time;

pub use boot_info::{BootInfo, MemoryKind, MemoryRegion};
/// For tests that put something in between.
#[doc(hidden)]
#[cfg(target_os = "none")]
pub use start::UPCALLS;
#[cfg(target_os = "none")]
pub use start::{MachineInfo, describe_cpu, exit, machine, start};
