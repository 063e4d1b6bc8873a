//! From the kernel's goroutine 1 to the program's main.

use crate::runtime::ExitCode;
use crate::{env, test};

unsafe extern "Rust" {
    /// What `#[burrow::main]` makes of the program's main.
    safe fn __burrow_main() -> ExitCode;
}

/// Called by the kernel on goroutine 1: drivers, init tasks, main, exit hooks; the code ends the image.
/// Go: `runtime.main` from `doInit` on.
#[unsafe(no_mangle)]
fn __burrow_start() -> u8 {
    crate::backends::log::init();
    burrow_drivers::init();
    crate::init::run_all();
    // A program with tests among its code runs them instead of main when the command line says so.
    let run = if env::var("test").is_ok() && test::are_there() { test::run } else { __burrow_main };
    let code = run().code();
    burrow_kernel::panic::wait_for_report();
    crate::runtime::run_hooks();
    code
}
