//! [`JoinHandle`]: a goroutine's result.
//!
//! The result travels through a channel with room for one: closed without a value means that the
//! goroutine ended before its function returned.

use alloc::boxed::Box;
use core::fmt;

use burrow_kernel::sched::ending::ending_with;

use crate::chan::{Chan, RecvChan};
use crate::panic::Panic;

/// Starts `f` with its end wired to the handle.
pub(super) fn start<F, T>(
    f: F,
    max_stack: usize,
    name: Option<Box<str>>,
    created_at: usize,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (result, body) = with_result(f);
    let goid = super::start(body, max_stack, name, created_at);
    JoinHandle { result, goid }
}

/// `f` as a goroutine's function, and where its result will be.
pub(super) fn with_result<F, T>(f: F) -> (RecvChan<T>, impl FnOnce() + Send)
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let chan = Chan::new(1);
    let result = RecvChan::from(&chan);
    // Closing is what `join` waits for, so that a value without a taker is dropped here, by the
    // goroutine that made it, when no handle is left.
    (result, move || ending_with(|| chan.send(f()), || chan.close()))
}

/// The right to a goroutine's result. Dropping it lets the goroutine run on.
#[must_use = "use `go` for a goroutine that nobody joins"]
pub struct JoinHandle<T> {
    result: RecvChan<T>,
    goid: u64,
}

impl<T> JoinHandle<T> {
    /// Parks until the goroutine has ended.
    pub fn join(self) -> Result<T, JoinError> {
        self.result.recv().ok_or(JoinError::Goexit)
    }

    /// Whether `join` would return at once.
    pub fn is_finished(&self) -> bool {
        is_finished(&self.result)
    }

    /// The goroutine's id, as in `goroutine N [..]`.
    pub fn goid(&self) -> u64 {
        self.goid
    }
}

/// Whether a value is there, or will never be.
pub(super) fn is_finished<T>(result: &RecvChan<T>) -> bool {
    !result.is_empty() || result.is_closed()
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("goid", &self.goid).finish_non_exhaustive()
    }
}

/// Why a goroutine has no result.
#[derive(Debug)]
pub enum JoinError {
    /// It panicked; the panic was kept for `join`.
    Panic(Panic),
    /// It called [`crate::runtime::goexit`].
    Goexit,
}

impl JoinError {
    /// The panic.
    pub fn into_panic(self) -> Option<Panic> {
        match self {
            Self::Panic(panic) => Some(panic),
            Self::Goexit => None,
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(panic) => write!(f, "goroutine panicked: {panic}"),
            Self::Goexit => f.write_str("goroutine called goexit"),
        }
    }
}

impl core::error::Error for JoinError {}
