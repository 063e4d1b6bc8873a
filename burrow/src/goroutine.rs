//! Starting goroutines: [`go`], [`spawn`], [`Builder`], [`scope`].

mod join;
mod scope;

use alloc::boxed::Box;
use alloc::string::String;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use burrow_kernel::config::STACK_RANGE;
use burrow_kernel::g::Kind;
use burrow_kernel::panic::fatal;
use burrow_kernel::sched::spawn::{MAX_STACK, Spawn, caller_pc, newproc};

pub use join::{JoinError, JoinHandle};
pub use scope::{Scope, ScopedJoinHandle, scope};

/// Starts a goroutine. A panic in it that nothing recovers ends the program. Go: `go f()`.
#[inline(never)]
pub fn go(f: impl FnOnce() + Send + 'static) {
    start(f, default_stack(), None, caller_pc());
}

/// Like [`go`]; `None` is the fatal error `go of nil func value`, which no `recover` stops.
#[inline(never)]
pub fn go_option<F: FnOnce() + Send + 'static>(f: Option<F>) {
    match f {
        Some(f) => {
            start(f, default_stack(), None, caller_pc());
        }
        None => fatal("go of nil func value"),
    }
}

/// Starts a goroutine whose result, or panic, waits for [`JoinHandle::join`].
#[inline(never)]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    join::start(f, default_stack(), None, caller_pc())
}

/// A goroutine with a name (shown in tracebacks) or with a stack limit of its own.
#[derive(Debug, Default)]
#[must_use = "a builder starts nothing before `go` or `spawn`"]
pub struct Builder {
    name: Option<String>,
    max_stack: Option<usize>,
}

impl Builder {
    /// No name, stack limit as set by `runtime::set_max_stack`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name in tracebacks and traces.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The stack limit in bytes, clamped to 64 KiB ..= 1 GiB.
    pub fn max_stack(mut self, bytes: usize) -> Self {
        self.max_stack = Some(clamp_stack(bytes));
        self
    }

    /// As [`go`].
    #[inline(never)]
    pub fn go(self, f: impl FnOnce() + Send + 'static) {
        let (max_stack, name) = self.into_parts();
        start(f, max_stack, name, caller_pc());
    }

    /// As [`spawn`].
    #[inline(never)]
    pub fn spawn<F, T>(self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (max_stack, name) = self.into_parts();
        join::start(f, max_stack, name, caller_pc())
    }

    fn into_parts(self) -> (usize, Option<Box<str>>) {
        (self.max_stack.unwrap_or_else(default_stack), self.name.map(String::into_boxed_str))
    }
}

/// [`go`] for calls that were made further out.
pub(crate) fn go_from(f: impl FnOnce() + Send + 'static, created_at: usize) {
    start(f, default_stack(), None, created_at);
}

fn default_stack() -> usize {
    MAX_STACK.load(Ordering::Relaxed)
}

/// Stack limits that may be chosen.
pub(crate) fn clamp_stack(bytes: usize) -> usize {
    bytes.clamp(*STACK_RANGE.start(), *STACK_RANGE.end())
}

/// Starts it; its id. `created_at` is the return address of the call that asked for it.
fn start<F>(f: F, max_stack: usize, name: Option<Box<str>>, created_at: usize) -> u64
where
    F: FnOnce() + Send + 'static,
{
    // The goroutine's own from here on.
    let name = name.and_then(|name| NonNull::new(Box::into_raw(name)));
    let spawn = Spawn { kind: Kind::User, max_stack, name, created_at };
    let id = newproc(f, &spawn);
    id.unwrap_or_else(|| fatal("out of memory"))
}
