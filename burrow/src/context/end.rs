//! What a program ends contexts with: [`CancelFunc`], [`CancelCauseFunc`], [`AfterFunc`].

use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

use super::cancel::{Core, Holder};
use super::{Cause, Error};

/// Cancels a context: `cancel()` or `cancel.cancel()`. Calls after the first do nothing; dropping
/// it does nothing. Go: `CancelFunc`.
#[derive(Clone)]
pub struct CancelFunc(Arc<dyn Fn() + Send + Sync>);

impl CancelFunc {
    pub(super) fn new(holder: Arc<Holder>) -> Self {
        Self(Arc::new(move || holder.core().cancel(Error::Canceled, None)))
    }

    /// Ends the context with `Canceled`.
    pub fn cancel(&self) {
        (self.0)();
    }
}

impl Deref for CancelFunc {
    type Target = dyn Fn() + Send + Sync;
    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for CancelFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelFunc")
    }
}

/// Cancels a context with a cause. Go: `CancelCauseFunc`.
#[derive(Clone)]
pub struct CancelCauseFunc {
    holder: Arc<Holder>,
}

impl CancelCauseFunc {
    pub(super) fn new(holder: Arc<Holder>) -> Self {
        Self { holder }
    }

    /// Ends the context with `Canceled` and that cause.
    pub fn cancel(&self, cause: impl Into<Cause>) {
        self.holder.core().cancel(Error::Canceled, Some(cause.into()));
    }

    /// Ends the context with `Canceled`, which is the cause too. Go: `cancel(nil)`.
    pub fn cancel_without_cause(&self) {
        self.holder.core().cancel(Error::Canceled, None);
    }
}

impl fmt::Debug for CancelCauseFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CancelCauseFunc")
    }
}

/// What [`Context::after_func`](super::Context::after_func) gave. Go: the `stop` function.
#[derive(Clone)]
pub struct AfterFunc {
    core: Arc<Core>,
}

impl AfterFunc {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// True if that prevented the function from starting.
    pub fn stop(&self) -> bool {
        let function = self.core.take_function();
        if function.is_none() {
            return false;
        }
        self.core.cancel(Error::Canceled, None);
        true
    }
}

impl fmt::Debug for AfterFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AfterFunc")
    }
}
