//! The smallest image.
#![no_std]
#![no_main]
use burrow as _;

#[unsafe(no_mangle)]
fn __burrow_start() -> u8 {
    burrow_kernel::console::print(format_args!("hello\n"));
    0
}
