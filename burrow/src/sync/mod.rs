//! Locks and meeting points. All of them park the goroutine, never the core; none is poisoned by
//! a panic. Constructors are `const`, so that they can be statics. Go: package `sync`.
//!
//! Here are the types; the state machines and the queues of waiters are `burrow-kernel`'s.

mod cond;
mod mutex;
mod once;
mod rwlock;
mod waitgroup;

pub use alloc::sync::{Arc, Weak};
pub use burrow_kernel::sync::Semaphore;
pub use cond::Cond;
pub use core::sync::atomic;
pub use mutex::{Mutex, MutexGuard};
pub use once::{LazyLock, Once, OnceLock};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use waitgroup::WaitGroup;
