//! The kernel command line as arguments and environment: words `NAME=value` before `--` are
//! variables, words after it arguments.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::SplitAsciiWhitespace;

use crate::runtime::command_line;

unsafe extern "Rust" {
    /// What `#[burrow::main]` tells of the image.
    safe fn __burrow_image_name() -> &'static str;
}

/// The arguments, the image's name first. Go: `os.Args`.
pub fn args() -> Args {
    let mut words = command_line().split_ascii_whitespace();
    while words.next().is_some_and(|word| word != "--") {}
    Args { name: Some(__burrow_image_name()), words }
}

/// The variable of that name. Go: `os.LookupEnv`.
pub fn var(name: &str) -> Result<String, VarError> {
    command_line()
        .split_ascii_whitespace()
        .take_while(|word| *word != "--")
        .filter_map(|word| word.split_once('='))
        .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
        .ok_or(VarError::NotPresent)
}

/// Iterator of [`args`].
#[derive(Clone, Debug)]
pub struct Args {
    name: Option<&'static str>,
    words: SplitAsciiWhitespace<'static>,
}

impl Iterator for Args {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.name.take().or_else(|| self.words.next()).map(ToOwned::to_owned)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.name.is_some()) + self.words.clone().count();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Args {}

/// Why there is no value.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum VarError {
    /// The variable is not on the command line.
    NotPresent,
}

impl fmt::Display for VarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("variable not found on the command line")
    }
}

impl core::error::Error for VarError {}
