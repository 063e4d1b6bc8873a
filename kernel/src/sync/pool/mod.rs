//! Where a pool keeps what its P cannot use now: [`PoolChain`] of [`PoolDequeue`]s. Go:
//! `sync/poolqueue.go`. Portable and lock-free, so that loom runs it (`kernel/tests/loom_pool.rs`).

mod chain;
mod dequeue;

pub use chain::PoolChain;
pub use dequeue::PoolDequeue;
