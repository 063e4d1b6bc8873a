//! The scheduler's controls. Go: package `runtime` and parts of `runtime/debug`.

mod blocking;
mod exit;
mod foreign;
mod hooks;
mod machine;
mod metrics;
mod threads;
mod traceback;

use core::sync::atomic::Ordering;

use burrow_kernel::g;
use burrow_kernel::sched::{SCHED, procs, run, spawn, stop, table};
use burrow_kernel::sync::pin;

pub use blocking::blocking;
pub use exit::{ExitCode, Termination};
pub use foreign::{call_c, cgocall, cgocallback};
pub(crate) use hooks::{after_all, run_hooks};
pub use hooks::{at_exit, exit};
pub(crate) use machine::command_line;
pub use machine::{Machine, machine};
pub use metrics::{Metrics, PStats, metrics, p_stats};
pub use threads::{
    lock_os_thread, lock_os_thread_depth, set_max_threads, thread_id, thread_ids, unlock_os_thread,
};
pub use traceback::{Frame, callers, stack, stack_into, stack_of};

/// Lets other goroutines run; this one goes to the tail of the global queue. Go: `Gosched`.
pub fn gosched() {
    run::gosched();
}

/// Ends this goroutine after running its deferred work; no `recover` stops it. When main did so
/// and nothing is left: fatal `no goroutines (main called runtime.Goexit) - deadlock!`.
/// Go: `Goexit`.
pub fn goexit() -> ! {
    burrow_kernel::panic::chain::goexit()
}

/// Sets how many Ps there are: at most that many cores run goroutine code. Gives the number before;
/// 0 changes nothing. At the start it is the number of cores, or what the command line's
/// `gomaxprocs=N` says. More than the machine has cores is remembered, and uses them all. Go:
/// `GOMAXPROCS`.
///
/// A change stops the world for a moment, and may move the caller to another core.
pub fn gomaxprocs(n: usize) -> usize {
    procs::gomaxprocs(n)
}

/// Cores of the machine. Go: `NumCPU`.
pub fn num_cpu() -> usize {
    SCHED.cores()
}

/// Gives memory that goroutines' stacks no longer use back at once, instead of when it suits.
/// Go: `debug.FreeOSMemory`.
pub fn free_os_memory() {
    burrow_kernel::stack::free_os_memory();
}

/// Goroutines that exist, system goroutines not counted. Go: `NumGoroutine`.
pub fn num_goroutine() -> usize {
    table::num_goroutine()
}

/// The id of this goroutine; main's is 1.
pub fn goid() -> u64 {
    g::current().goid()
}

/// The number of the P, which is that of the core, under this goroutine; it may change at any
/// moment. Burrow's own addition: Go keeps it to itself, here it tells the core.
pub fn p_id() -> usize {
    pin().core().index
}

/// Runs `f` on the caller while no other goroutine runs. `f` must not park, yield or end the
/// goroutine: that throws. Goroutines that it starts or readies run afterwards. If it panics, the
/// world goes on, and then the panic. Go: what the runtime does for itself.
///
/// Only one stops the world at a time; the others wait for their turn.
pub fn stop_the_world<T>(f: impl FnOnce() -> T) -> T {
    stop::stop_the_world(f)
}

/// Sets the stack limit of goroutines started later, clamped to 64 KiB ..= 1 GiB; the former one.
/// Beyond it: `runtime: goroutine stack exceeds N-byte limit`, fatal `stack overflow`.
/// Go: `debug.SetMaxStack`.
pub fn set_max_stack(bytes: usize) -> usize {
    spawn::MAX_STACK.swap(crate::goroutine::clamp_stack(bytes), Ordering::Relaxed)
}

/// Ends the program with `fatal error: MSG`, a dump and exit code 2; nothing stops it.
pub fn throw(msg: &str) -> ! {
    burrow_kernel::panic::throw(msg)
}
