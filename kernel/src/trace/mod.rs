//! Watching the kernel from inside.
//!
//! - [`ring`]: the flight ring, what each core did last;
//! - [`invariants`]: whether every goroutine is in exactly one place.

pub mod invariants;
pub mod ring;
