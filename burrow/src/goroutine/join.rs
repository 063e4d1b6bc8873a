//! [`JoinHandle`]: a goroutine's result.
//!
//! The result travels through a channel with room for one: closed without a value means that the
//! goroutine ended before its function returned.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use burrow_kernel::panic::chain::{Ended, joined};

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
    let (outcome, body) = with_result(f);
    let goid = super::start(body, max_stack, name, created_at);
    JoinHandle { outcome, goid }
}

/// `f` as a goroutine's function, and where its result will be.
pub(super) fn with_result<F, T>(f: F) -> (Outcome<T>, impl FnOnce() + Send)
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    let chan = Chan::new(1);
    let handle = Arc::new(());
    let outcome = Outcome { result: RecvChan::from(&chan), handle: handle.clone() };
    let body = move || {
        // Closing is what `join` waits for, so that a value without a taker is dropped here, by the
        // goroutine that made it, when no handle is left.
        let chan = Closes(chan);
        match joined(f, || Arc::strong_count(&handle) > 1) {
            Ended::Returned(value) => chan.0.send(Ok(value)),
            Ended::Panicked(record) => chan.0.send(Err(Panic::of(record))),
            Ended::Goexit => {}
        }
    };
    (outcome, body)
}

/// Closes its channel when it is dropped.
struct Closes<T>(Chan<T>);

impl<T> Drop for Closes<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Where the result of a goroutine will be.
pub(super) struct Outcome<T> {
    result: RecvChan<Result<T, Panic>>,
    /// The goroutine has another reference, by which it knows that this one is there.
    #[expect(dead_code, reason = "counted, not read")]
    handle: Arc<()>,
}

impl<T> Outcome<T> {
    /// Parks until the goroutine has ended.
    pub fn join(self) -> Result<T, JoinError> {
        match self.result.recv() {
            Some(Ok(value)) => Ok(value),
            Some(Err(panic)) => {
                panic.taken_over();
                Err(JoinError::Panic(panic))
            }
            None => Err(JoinError::Goexit),
        }
    }

    /// Whether a value is there, or will never be.
    pub fn is_finished(&self) -> bool {
        !self.result.is_empty() || self.result.is_closed()
    }
}

/// The right to a goroutine's result. Dropping it lets the goroutine run on; a panic in it is
/// then fatal, as with [`go`](super::go).
#[must_use = "use `go` for a goroutine that nobody joins"]
pub struct JoinHandle<T> {
    outcome: Outcome<T>,
    goid: u64,
}

impl<T> JoinHandle<T> {
    /// Parks until the goroutine has ended.
    pub fn join(self) -> Result<T, JoinError> {
        self.outcome.join()
    }

    /// Whether `join` would return at once.
    pub fn is_finished(&self) -> bool {
        self.outcome.is_finished()
    }

    /// The goroutine's id, as in `goroutine N [..]`.
    pub fn goid(&self) -> u64 {
        self.goid
    }
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
    /// The panic, to look into or to pass on with `resume_panic`.
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
