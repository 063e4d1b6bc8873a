//! Memory: page frames, the address space, the heap, slabs that live for ever.
//!
//! | module | hands out | Go's word |
//! | --- | --- | --- |
//! | [`frames`] | RAM by the page | `sysAlloc` |
//! | [`space`](mod@space) | addresses: tables, kernel stacks, device registers | `sysMap` |
//! | [`heap`] | the program's blocks | `mcache`, `mcentral`, `mheap` |
//! | [`persistent`], [`fixalloc`] | what is never freed | `persistentalloc`, `fixalloc` |
//!
//! Goroutine stacks are [`crate::stack`]. Locks, outermost first: `Stacks`, `Heap`, `Spans`,
//! `FixAlloc`, `Persistent`, `PageTables`, `Frames`.

#[cfg(target_os = "none")]
pub mod fixalloc;
pub mod frames;
pub mod heap;
#[cfg(target_os = "none")]
pub mod persistent;
#[cfg(target_os = "none")]
pub mod space;
#[cfg(test)]
pub(crate) mod testing;

#[cfg(target_os = "none")]
pub use fixalloc::FixAlloc;

#[cfg(target_os = "none")]
use crate::boot_info::{BootInfo, MemoryRegion};

/// The least RAM that Burrow runs in, in MiB.
#[cfg(target_os = "none")]
const MIN_MIB: u64 = 64;
/// Of which firmware may keep so much to itself, in MiB.
#[cfg(target_os = "none")]
const FIRMWARE_MIB: u64 = 2;

/// Brings memory up, on the boot core with interrupts masked and its block loaded. Afterwards
/// allocation works everywhere but in handlers.
#[cfg(target_os = "none")]
pub fn init(boot: &BootInfo) {
    check_size(boot.memory);
    frames::init(boot.memory);
    if space::init(boot).is_err() {
        crate::panic::throw("out of memory for page tables");
    }
    crate::stack::idle_exit();
}

/// Ends the machine with one clear line if it is too small.
#[cfg(target_os = "none")]
fn check_size(memory: &[MemoryRegion]) {
    let bytes: u64 = memory.iter().map(|region| region.end.0 - region.start.0).sum();
    let mib = bytes.div_ceil(1 << 20);
    if mib + FIRMWARE_MIB < MIN_MIB {
        crate::console::print(format_args!("burrow: {mib} MiB of memory, {MIN_MIB} MiB needed\n"));
        burrow_arch::power::exit(1)
    }
}
