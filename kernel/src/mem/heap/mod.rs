//! The heap (Go: `malloc.go`): the program's `alloc`.
//!
//! Small blocks have size classes ([`classes`]) and come from the core's own free blocks
//! ([`cache`]; Go: `mcache`), which are filled from and emptied into each class's spans in batches
//! ([`span`]; Go: `mcentral`). Spans and large blocks come from [`source`] (Go: `mheap`), which gives
//! memory back that is not used for long ([`scavenge`](mod@scavenge)).
//!
//! Contract: goroutine and kernel-thread code only. Interrupt and fault handlers never allocate
//! (law 6); a stack fault in here is harmless, because its handler takes frames, not blocks.
//! Locks: a class's list (rank `Heap`) and the source (`Spans`) are never held together by the
//! same core.
//!
//! Out of memory is null, so that `try_reserve` works; who cannot live with that ends in [`oom`].

#[cfg(target_os = "none")]
pub mod cache;
pub mod classes;
#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
mod oom;
pub mod runs;
#[cfg(target_os = "none")]
pub mod scavenge;
#[cfg(target_os = "none")]
mod source;
pub mod span;

#[cfg(target_os = "none")]
pub use cache::CoreCache;
#[cfg(target_os = "none")]
pub use kernel::{Stats, stats};
