//! What the kernel itself synchronises with: atomics (a façade that loom can replace), holding off
//! preemption, ranked locks; and what goroutines do: a parking semaphore and what stands on it.
//!
//! Reading order: `sema` and `notify` (how goroutines wait), `mutex`, `rwmutex` (state machines over
//! `parking`, so that models run them), `semaphore`, `waitgroup`, `pool`. The typed shells are `burrow`'s.

pub mod atomic;
pub mod cell;
pub mod mutex;
pub mod parking;
pub mod pool;
pub mod rwmutex;

#[cfg(target_os = "none")]
pub mod critical;
#[cfg(target_os = "none")]
pub mod lock;
#[cfg(target_os = "none")]
pub mod notify;
#[cfg(target_os = "none")]
pub mod pin;
#[cfg(target_os = "none")]
pub mod rank;
#[cfg(target_os = "none")]
pub mod sema;
#[cfg(target_os = "none")]
pub mod semaphore;
#[cfg(target_os = "none")]
mod sudog;
#[cfg(target_os = "none")]
pub mod waitgroup;

#[cfg(target_os = "none")]
pub use lock::{IrqLock, SpinLock};
#[cfg(target_os = "none")]
pub use pin::{Pinned, pin};
#[cfg(target_os = "none")]
pub use rank::Rank;
#[cfg(target_os = "none")]
pub use semaphore::Semaphore;
#[cfg(target_os = "none")]
pub use waitgroup::WaitGroup;
