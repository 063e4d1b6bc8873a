//! Page frames: RAM handed out 4 KiB or 2 MiB at a time.
//!
//! [`alloc`] takes from the core's own cache ([`cache`]); caches are filled from and emptied into
//! one shared [`pool`] in batches. The pool's lock is an interrupts-off leaf (law 10): the page
//! fault handler allocates too, so nothing that can fault happens under it, and the stack that the
//! locked section needs is touched before.
//!
//! Frames 0 of the machine and everything above 1 TiB are never handed out.

pub mod cache;
pub mod chunk;
pub mod pool;

pub use cache::CoreCache;

#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
pub use kernel::{
    Stats, alloc, alloc_emergency, alloc_large, alloc_masked, alloc_zeroed, free, free_large, init,
    stats, zero,
};
