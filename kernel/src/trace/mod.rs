//! Watching the kernel from inside.
//!
//! - [`ring`]: the flight ring, what each core did last;
//! - [`invariants`]: whether every goroutine is in exactly one place;
//! - `census`: counts, and the invariants of a stopped world.

#[cfg(target_os = "none")]
pub mod census;
pub mod invariants;
pub mod ring;
