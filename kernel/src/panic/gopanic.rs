//! Where panics begin. Go: `gopanic`.
//!
//! Rust's own panics come by the panic handler, values by [`panic_with`], the runtime's errors by
//! [`runtime_error`]. What must not unwind ends the image
//! here: code on a system stack, code that holds off preemption, functions that cannot unwind.

use core::fmt::{self, Write};
use core::panic::{Location, PanicInfo, PanicMessage};

use alloc::string::String;
use alloc::sync::Arc;

use burrow_arch::context::Registers;

use super::chain::{self, printing};
use super::down::Blame;
use super::fatal::{fail_here, fatal_error};
use super::goroutines;
use super::guarded::Fault;
use super::message::{PanicText, runtime_error as in_words};
use super::record::Record;

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    // From here on the stack may use what is kept for this. A frame of its own, as small as can be:
    // a large one would find the stack full before it has said so.
    crate::g::current().set_panicking(true);
    panicked(info)
}

#[inline(never)]
fn panicked(info: &PanicInfo<'_>) -> ! {
    check(&info.message());
    if !info.can_unwind() {
        cannot_unwind(&info.message());
    }
    let location = info.location().map(for_ever);
    let message = info.message();
    let record = match message.as_str() {
        Some(text) => match in_words(text) {
            Some(error) => Record::runtime_error(alloc::format!("{error}"), location),
            None => Record::any(text, location),
        },
        None => formatted(&message, location),
    };
    chain::raise(Arc::new(record), false)
}

/// The compiler's own panics, where a drop panics while something unwinds and where that comes to a
/// function that cannot be unwound, and of checks for what must not be.
#[cold]
fn cannot_unwind(message: &PanicMessage<'_>) -> ! {
    match message.as_str().filter(|text| text.starts_with("panic in a ")) {
        Some(text) if chain::is_panicking() => super::uncaught::fatal(text),
        _ => end(message, Blame::Panic, None),
    }
}

/// With a message that has to be made.
#[inline(never)]
fn formatted(message: &PanicMessage<'_>, location: Option<&'static Location<'static>>) -> Record {
    let text = printing(|| {
        let mut text = String::new();
        // A `Display` that refuses has written what there is.
        let _ = write!(text, "{message}");
        text
    });
    match in_words(&text) {
        Some(error) => Record::runtime_error(alloc::format!("{error}"), location),
        None => Record::any(text, location),
    }
}

/// A panic's place is part of the image.
fn for_ever(location: &Location<'_>) -> &'static Location<'static> {
    // SAFETY: only the compiler makes these, for the calls in the source: they are statics, which
    // the panic handler's signature does not say.
    unsafe { core::mem::transmute(location) }
}

/// Panics with a value of the program's.
#[inline(never)]
pub fn panic_with(record: Record) -> ! {
    gopanic(Arc::new(record), false)
}

/// Raises again what was recovered.
#[inline(never)]
pub fn repanic(record: Arc<Record>) -> ! {
    gopanic(record, true)
}

/// Panics with one of Go's texts that are a `runtime.Error`.
#[cold]
#[track_caller]
pub fn runtime_error(text: &'static str) -> ! {
    let record = Record::runtime_error(String::from(text), Some(Location::caller()));
    gopanic(Arc::new(record), false)
}

/// Panics because an access failed. Go: `panicmem`.
#[cold]
#[track_caller]
pub fn panic_mem(fault: Fault) -> ! {
    let text = "runtime error: invalid memory address or nil pointer dereference";
    let mut record = Record::runtime_error(String::from(text), Some(Location::caller()));
    record.fault = Some(fault);
    gopanic(Arc::new(record), false)
}

fn gopanic(record: Arc<Record>, repanicked: bool) -> ! {
    crate::g::current().set_panicking(true);
    check(&"(value)");
    chain::raise(record, repanicked)
}

/// What goroutines may not do while the runtime is in the middle of something.
fn check(message: &dyn fmt::Display) {
    let g = crate::g::current();
    let sp = Registers::here().r[Registers::SP];
    if !g.is_g0() && g.count() == 0 && g.stack().contains(sp) {
        return;
    }
    refuse(message, sp);
}

#[cold]
fn refuse(message: &dyn fmt::Display, sp: usize) {
    let current = goroutines::current();
    let also = match &current.goroutine {
        Some(own) if !current.on_g0 && own.stack.contains(&sp) => {
            current.holds_locks.then_some("panic holding locks")
        }
        Some(own) if own.c_stack.contains(&sp) => Some("panic on C stack"),
        _ => Some("panic on system stack"),
    };
    if also.is_some() {
        end(message, Blame::Runtime, also);
    }
}

/// Prints the message and ends the image; nothing is unwound.
#[inline(always)]
fn end(message: &dyn fmt::Display, blame: Blame, also: Option<&str>) -> ! {
    fail_here(blame, &|out| {
        out.write_str("panic: ")?;
        let mut text = PanicText::new(out);
        write!(text, "{message}")?;
        text.finish()?;
        out.write_char('\n')?;
        also.map_or(Ok(()), |also| fatal_error(out, also))
    })
}
