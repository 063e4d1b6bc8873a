//! What the kernel itself synchronises with: atomics (a façade that loom can replace), holding off
//! preemption, ranked locks.

pub mod atomic;

#[cfg(target_os = "none")]
pub mod lock;
#[cfg(target_os = "none")]
pub mod pin;
#[cfg(target_os = "none")]
pub mod rank;

#[cfg(target_os = "none")]
pub use lock::{IrqLock, SpinLock};
#[cfg(target_os = "none")]
pub use pin::{Pinned, pin};
#[cfg(target_os = "none")]
pub use rank::Rank;
