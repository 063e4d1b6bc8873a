//! Contexts of the program's own: [`Custom`].

use core::any::Any;

use super::{Context, Error};
use crate::chan::RecvChan;
use crate::time::Instant;

/// A context of the program's own kind: what it does not answer itself, its parent answers.
pub trait Custom: Any + Send + Sync {
    /// The context it wraps.
    fn parent(&self) -> &Context;

    /// See [`Context::done`].
    fn done(&self) -> RecvChan<()> {
        self.parent().done()
    }

    /// See [`Context::err`].
    fn err(&self) -> Option<Error> {
        self.parent().err()
    }

    /// See [`Context::deadline`].
    fn deadline(&self) -> Option<Instant> {
        self.parent().deadline()
    }

    /// Its own bindings; `None` asks the parent.
    fn value(&self, key: &dyn Any) -> Option<&(dyn Any + Send + Sync)> {
        let _ = key;
        None
    }

    /// The type's name, for the names of its descendants.
    #[doc(hidden)]
    fn type_name(&self) -> &'static str {
        core::any::type_name::<Self>()
    }
}
