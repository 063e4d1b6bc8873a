//! Out of memory where the program cannot do without (Go: fatal, exit code 2).

use core::alloc::Layout;

use crate::console::print;

/// Never returns to a half-made allocation, never hangs.
#[alloc_error_handler]
fn out_of_memory(layout: Layout) -> ! {
    print(format_args!(
        "runtime: out of memory: cannot allocate {}-byte block ({} in use)\n",
        layout.size(),
        super::stats().in_use
    ));
    crate::panic::throw("out of memory")
}
