//! The fatal path (law 14): text, tracebacks, exit code 2.

use core::fmt::Write;
use core::panic::PanicInfo;

use burrow_arch::trap::{Fault, TrapFrame};

use crate::console::{self, Raw};

/// Ends the image because the runtime is broken. Go: `throw`.
#[cold]
#[inline(never)]
pub fn throw(message: &str) -> ! {
    die(format_args!("fatal error: {message}\n"))
}

/// Ends the image because the program did what cannot be recovered from. Go: `fatal`.
#[cold]
#[inline(never)]
pub fn fatal(message: &str) -> ! {
    die(format_args!("fatal error: {message}\n"))
}

fn die(text: core::fmt::Arguments<'_>) -> ! {
    burrow_arch::irq::disable();
    console::seize();
    // The console cannot fail; what a refusing `Display` wrote is all there is.
    let _ = Raw.write_fmt(text);
    burrow_arch::power::exit(2)
}

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    die(format_args!("panic: {}\n", info.message()))
}

/// Another core is going down: this one stands still.
pub fn on_freeze(_: &mut TrapFrame) -> ! {
    stand_still()
}

fn stand_still() -> ! {
    loop {
        burrow_arch::irq::disable();
        burrow_arch::irq::wait();
    }
}

/// An exception that nothing handles.
pub fn on_fault(frame: &mut TrapFrame, fault: &Fault) -> ! {
    die(format_args!(
        "fatal error: {} (code {:#x}, address {:#x?}, pc {:#x}, sp {:#x})\n",
        fault.name,
        fault.code,
        fault.addr,
        frame.pc(),
        frame.sp()
    ))
}

/// The running goroutine's stack has reached its limit.
pub fn stack_overflow(_: &mut TrapFrame) -> ! {
    die(format_args!("fatal error: stack overflow\n"))
}
