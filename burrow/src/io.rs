//! Printing on the console. One call's text appears unbroken, whichever core prints beside it.

use core::fmt;

#[doc(hidden)]
pub fn _print(text: fmt::Arguments<'_>) {
    burrow_kernel::console::print(text);
}

#[doc(hidden)]
pub fn _eprint(text: fmt::Arguments<'_>) {
    burrow_kernel::console::print(text);
}

/// Prints on the console. One call's text appears unbroken.
#[macro_export]
macro_rules! print {
    ($($arg:tt)*) => { $crate::io::_print(::core::format_args!($($arg)*)) };
}

/// [`print!`] and a newline.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($arg:tt)*) => { $crate::io::_print(::core::format_args!("{}\n", ::core::format_args!($($arg)*))) };
}

/// [`print!`] on the error stream, which is the same console.
#[macro_export]
macro_rules! eprint {
    ($($arg:tt)*) => { $crate::io::_eprint(::core::format_args!($($arg)*)) };
}

/// [`eprint!`] and a newline.
#[macro_export]
macro_rules! eprintln {
    () => { $crate::eprint!("\n") };
    ($($arg:tt)*) => { $crate::io::_eprint(::core::format_args!("{}\n", ::core::format_args!($($arg)*))) };
}
