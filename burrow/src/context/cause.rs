//! Why contexts end: [`Error`] and [`Cause`].

use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

/// Why a context ended: Go's `context.Canceled` and `context.DeadlineExceeded`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// `context canceled`.
    Canceled,
    /// `context deadline exceeded`.
    DeadlineExceeded,
}

impl Error {
    /// True for `DeadlineExceeded`.
    pub fn timeout(&self) -> bool {
        *self == Self::DeadlineExceeded
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Canceled => "context canceled",
            Self::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl core::error::Error for Error {}

/// A cause: any error, shared, compared by identity or by `downcast_ref`.
#[derive(Clone, Debug)]
pub struct Cause(Arc<dyn core::error::Error + Send + Sync>);

impl<E: core::error::Error + Send + Sync + 'static> From<E> for Cause {
    fn from(error: E) -> Self {
        Self(Arc::new(error))
    }
}

impl Deref for Cause {
    type Target = dyn core::error::Error + Send + Sync;
    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
