//! Unwinding: what `panic` stands on. An exception is raised, every frame up to one that catches
//! runs its clean-up, and the catching one goes on.
//!
//! The compiler's tables say how to get from frame to frame ([`cfi`]) and where a frame wants to be
//! continued when a call of its unwinds ([`lsda`]). Both are boiled down to one [`row::Row`] for a
//! return address, and rows are kept ([`cache::Cache`]): reading tables takes thousands of
//! instructions, using a row some dozens. `raise` has the two phases of the Itanium ABI, `catch` the
//! other end.
//!
//! Unwinding is ordinary code. It may be interrupted and preempted at every instruction, and go on
//! on another core: nothing of it is per core, no lock is held, and the one place that changes the
//! stack pointer (`arch::unwind::land`) has read everything before. It takes about a kilobyte of
//! stack when rows are known and about three when not.
//!
//! Differs from the ABI: there is no personality routine to call, because there is one language.
//! Frames without a table for it (assembly, C) have nothing to clean up.

pub mod cache;
pub mod cfi;
pub mod lsda;
pub mod row;

#[cfg(target_os = "none")]
mod catch;
#[cfg(target_os = "none")]
mod raise;

#[cfg(target_os = "none")]
pub use catch::catch;
#[cfg(target_os = "none")]
pub use raise::{Exception, Reason, raise};
