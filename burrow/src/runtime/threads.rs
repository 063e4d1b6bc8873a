//! Kernel threads (Ms), and goroutines that are wired to one.

use alloc::vec::Vec;

use burrow_kernel::sched::{locked, table};
use burrow_kernel::sync::pin;
use burrow_kernel::{kthread, m::M};

/// Wires this goroutine to its M until as many unlocks: it runs on no other, and that one runs
/// nothing else. If the goroutine ends first, the M ends with it. Goroutines that it starts are not
/// wired. Panics with `LockOSThread nesting overflow`. Go: `LockOSThread`.
pub fn lock_os_thread() {
    locked::lock_os_thread();
}

/// Undoes one [`lock_os_thread`]; nothing happens if there is none. Go: `UnlockOSThread`.
pub fn unlock_os_thread() {
    locked::unlock_os_thread();
}

/// How many unlocks would undo this goroutine's locks.
pub fn lock_os_thread_depth() -> u32 {
    locked::depth()
}

/// The id of the M (kernel thread) under this goroutine; it may change at any moment unless
/// locked. Ids are never used twice.
pub fn thread_id() -> u64 {
    pin().m().id()
}

/// Ids of the Ms that exist.
pub fn thread_ids() -> Vec<u64> {
    table::ALLMS.iter().filter(|m| m.is_live()).map(M::id).collect()
}

/// Sets how many Ms there may be; the former limit (first 10000). Beyond it:
/// `runtime: program exceeds N-thread limit`, fatal `thread exhaustion`.
/// Go: `debug.SetMaxThreads`.
pub fn set_max_threads(n: usize) -> usize {
    kthread::set_max_threads(n)
}
