//! Locks and meeting points. All of them park the goroutine, never the core; none is poisoned by
//! a panic. Constructors are `const`, so that they can be statics. Go: package `sync`.
//!
//! Here are the types; the state machines and the queues of waiters are `burrow-kernel`'s.

mod cond;
mod map;
mod mutex;
mod once;
mod pool;
mod rwlock;
mod value;
mod waitgroup;

pub use alloc::sync::{Arc, Weak};
pub use burrow_kernel::sync::Semaphore;
pub use cond::Cond;
pub use core::sync::atomic;
pub use map::Map;
pub use mutex::{Mutex, MutexGuard};
pub use once::{LazyLock, Once, OnceLock};
pub use pool::Pool;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use value::AtomicValue;
pub use waitgroup::WaitGroup;
