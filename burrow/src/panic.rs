//! Panics. An uncaught one prints `panic: TEXT`, a blank line and the traceback; exit code 2.
//!
//! Nothing unwinds yet, so that every panic is uncaught and ends the program.

use core::convert::Infallible;
use core::fmt;

/// A panic that was stopped and kept. As long as every panic ends the program there is none: the
/// type has no values.
pub struct Panic {
    never: Infallible,
}

impl fmt::Debug for Panic {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.never {}
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.never {}
    }
}

impl core::error::Error for Panic {}
