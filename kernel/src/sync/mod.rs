//! What the kernel itself synchronises with: atomics (a façade that loom can replace), holding off
//! preemption, ranked locks; and what goroutines do: a parking semaphore and what stands on it.

pub mod atomic;

#[cfg(target_os = "none")]
pub mod lock;
#[cfg(target_os = "none")]
pub mod pin;
#[cfg(target_os = "none")]
pub mod rank;
#[cfg(target_os = "none")]
pub mod sema;
#[cfg(target_os = "none")]
pub mod waitgroup;

#[cfg(target_os = "none")]
pub use lock::{IrqLock, SpinLock};
#[cfg(target_os = "none")]
pub use pin::{Pinned, pin};
#[cfg(target_os = "none")]
pub use rank::Rank;
#[cfg(target_os = "none")]
pub use waitgroup::WaitGroup;
