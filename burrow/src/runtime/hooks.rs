//! What runs as the program ends: [`at_exit`], [`exit`]. Go: `internal/runtime/exithook`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::sync::Mutex;

type Hook = Box<dyn FnOnce() + Send>;

static HOOKS: Mutex<Vec<Hook>> = Mutex::new(Vec::new());

/// Runs behind all others, which may still write files. A pointer, so that a program without files
/// is built without them.
static AFTER_ALL: Mutex<Option<fn()>> = Mutex::new(None);

/// Sets the hook behind all others.
pub(crate) fn after_all(hook: fn()) {
    *AFTER_ALL.lock() = Some(hook);
}

/// The goroutine that runs them, or 0. Set once: who ends the program never gives that up.
static RUNNER: AtomicU64 = AtomicU64::new(0);

/// Calls `f` when the program ends by main's return or by [`exit`], last registered first. Fatal:
/// `exit hook invoked panic`, `exit hook invoked exit`.
pub fn at_exit(f: impl FnOnce() + Send + 'static) {
    HOOKS.lock().push(Box::new(f));
}

/// Ends the program with that code; deferred work does not run, exit hooks do. Go: `os.Exit`.
///
/// Differs from Go: hooks run whatever the code.
pub fn exit(code: i32) -> ! {
    run_hooks();
    burrow_kernel::exit(code)
}

/// Runs the hooks, on the goroutine that comes first; another one that ends the program meanwhile
/// waits for that. Go: `exithook.Run`.
pub(crate) fn run_hooks() {
    let own = super::goid();
    while let Err(other) = RUNNER.compare_exchange(0, own, Ordering::Relaxed, Ordering::Relaxed) {
        if other == own {
            super::throw("exit hook invoked exit");
        }
        super::gosched();
    }
    let hook_panics = Unwound;
    loop {
        // Not in the loop's condition: the lock would be held while the hook runs.
        let last = HOOKS.lock().pop();
        let Some(hook) = last else { break };
        hook();
    }
    let after_all = *AFTER_ALL.lock();
    if let Some(hook) = after_all {
        hook();
    }
    core::mem::forget(hook_panics);
}

/// Dropped only if a hook panics, or ends its goroutine.
struct Unwound;

impl Drop for Unwound {
    fn drop(&mut self) {
        super::throw("exit hook invoked panic");
    }
}
