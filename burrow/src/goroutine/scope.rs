//! [`scope`]: goroutines that borrow from the one that starts them.
//!
//! Sound because the scope's function cannot be left before they have ended: by returning it waits,
//! and so it does on the way out when a panic or `goexit` unwinds it.

use core::marker::PhantomData;
use core::mem::transmute;

use alloc::boxed::Box;
use burrow_kernel::sched::spawn::caller_pc;

use super::join::{JoinError, Outcome, with_result};
use super::{default_stack, start};
use crate::sync::WaitGroup;

/// Runs `f`, then waits for every goroutine started in the scope, also when `f` panics or calls
/// `goexit`; they may borrow from the caller.
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let running = WaitGroup::new();
    let scope = Scope { running: running.clone(), _scope: PhantomData, _env: PhantomData };
    let _wait = WaitsAtEnd(running);
    f(&scope)
}

/// Waits when it is dropped.
struct WaitsAtEnd(WaitGroup);

impl Drop for WaitsAtEnd {
    fn drop(&mut self) {
        self.0.wait();
    }
}

/// Starts goroutines that may borrow what outlives the scope. See [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    running: WaitGroup,
    _scope: PhantomData<&'scope mut &'scope ()>,
    _env: PhantomData<&'env mut &'env ()>,
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// As [`super::go`].
    #[inline(never)]
    pub fn go(&'scope self, f: impl FnOnce() + Send + 'scope) {
        self.start(f, caller_pc());
    }

    /// As [`super::spawn`].
    #[inline(never)]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let (result, body) = with_result(f);
        self.start(body, caller_pc());
        ScopedJoinHandle { result, _scope: PhantomData }
    }

    fn start(&'scope self, f: impl FnOnce() + Send + 'scope, created_at: usize) {
        self.running.add(1);
        let done = self.running.done_at_end();
        let body: Box<dyn FnOnce() + Send + 'scope> = Box::new(move || {
            // Dropped after what `f` took along, in whatever way `f` ends.
            let _done = done;
            f();
        });
        // SAFETY: only the lifetime changes. What `f` borrows is there until `done`: `scope` does
        // not return before, in whatever way it is left; and `f` is gone when `done` is called.
        let body: Box<dyn FnOnce() + Send + 'static> = unsafe { transmute(body) };
        start(body, default_stack(), None, created_at);
    }
}

/// [`super::JoinHandle`] of a scoped goroutine.
#[must_use = "use `Scope::go` for a goroutine whose result nobody takes"]
pub struct ScopedJoinHandle<'scope, T> {
    result: Outcome<T>,
    _scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Parks until the goroutine has ended.
    pub fn join(self) -> Result<T, JoinError> {
        self.result.join()
    }

    /// Whether `join` would return at once.
    pub fn is_finished(&self) -> bool {
        self.result.is_finished()
    }
}
