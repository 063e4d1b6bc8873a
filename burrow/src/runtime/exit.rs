//! How an image ends: [`ExitCode`], [`Termination`].

use core::fmt;

/// The image's exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExitCode(u8);

impl ExitCode {
    /// 0.
    pub const SUCCESS: ExitCode = ExitCode(0);
    /// 1.
    pub const FAILURE: ExitCode = ExitCode(1);

    pub(crate) fn code(self) -> u8 {
        self.0
    }
}

impl From<u8> for ExitCode {
    fn from(code: u8) -> Self {
        Self(code)
    }
}

/// What `#[burrow::main]` and `#[burrow::test]` functions may return (and `!`).
#[diagnostic::on_unimplemented(
    message = "a main or test function cannot return `{Self}`",
    note = "it returns `()`, `Result<(), E>` with `E: Debug`, `ExitCode` or `!`"
)]
pub trait Termination {
    /// The exit code; for an `Err`, prints `Error: {:?}` and gives 1.
    fn report(self) -> ExitCode;
}

impl Termination for () {
    fn report(self) -> ExitCode {
        ExitCode::SUCCESS
    }
}

impl Termination for ExitCode {
    fn report(self) -> ExitCode {
        self
    }
}

impl<T: Termination, E: fmt::Debug> Termination for Result<T, E> {
    fn report(self) -> ExitCode {
        match self {
            Ok(value) => value.report(),
            Err(error) => {
                crate::eprintln!("Error: {error:?}");
                ExitCode::FAILURE
            }
        }
    }
}
