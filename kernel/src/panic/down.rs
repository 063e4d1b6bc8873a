//! The way down (law 14): one core speaks, the others stand still, nothing is allocated.
//!
//! The first core that fails takes the only turn there is; every other one that fails stands still
//! and shows in the dump like a frozen one. The dump runs on an emergency stack, because the stack
//! that failed may have no room left. One such stack serves all cores, since only one goes down; a
//! second one is for failures on the way down. After that there is no third try: Go's exit codes 4
//! and 5 tell how far it came.

use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use burrow_arch::context::{Registers, call_on};
use burrow_arch::power::exit;

use super::trace::Trace;
use super::unwind::Pc;
use super::{dump, freeze, goroutines, this_core};
use crate::console::{self, Raw};

/// Bytes of an emergency stack: the unwinder's tables take 15 KiB of it.
const STACK: usize = 64 << 10;

/// Who is to blame, which decides what is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blame {
    /// An uncaught panic.
    Panic,
    /// The program, beyond recovery: all goroutines are shown. Go: `throwTypeUser`.
    Program,
    /// The runtime: its own frames and goroutines are shown too. Go: `throwTypeRuntime`.
    Runtime,
}

/// What went wrong.
pub struct Failure<'a> {
    /// Writes everything above the empty line.
    pub text: &'a dyn Fn(&mut dyn Write) -> fmt::Result,
    /// Whose fault it is.
    pub blame: Blame,
    /// The registers of the code that failed.
    pub registers: &'a Registers,
    /// How their address is meant.
    pub kind: Pc,
    /// The stack to show instead, where it is not there any more.
    pub traces: &'a [&'a Trace],
}

/// The core that goes down, or 0.
static DOWN: AtomicUsize = AtomicUsize::new(0);
/// How often it failed. Go: `dying`.
static FAILURES: AtomicUsize = AtomicUsize::new(0);
/// Whether the message is printed: it may run the program's own code.
static TOLD: AtomicBool = AtomicBool::new(false);

#[repr(align(16))]
struct Stack(UnsafeCell<[u8; STACK]>);

// SAFETY: used as memory only, by the one core that goes down, each for one failure.
unsafe impl Sync for Stack {}

static STACKS: [Stack; 2] = [const { Stack(UnsafeCell::new([0; STACK])) }; 2];

/// Ends the image. From any context.
pub fn go_down(failure: &Failure<'_>) -> ! {
    take_turn(failure.registers, failure.kind);
    match FAILURES.fetch_add(1, Ordering::Relaxed) {
        0 => run_on(&STACKS[0], first, failure),
        1 => run_on(&STACKS[1], second, failure),
        2 => {
            burrow_arch::console::write(b"stack trace unavailable\n");
            exit(4)
        }
        _ => exit(5),
    }
}

/// Ends the image with that code, as the program asked. From any context.
///
/// Takes the same turn: the code travels as a line of text, which a second core that ends the
/// image, or one that stops this core in its middle, would spoil.
pub fn go_down_with(code: i32) -> ! {
    take_turn(&Registers::here(), Pc::Return);
    exit(code)
}

/// This core ends the image from here on, interrupts masked; if another one does already, stands
/// still.
fn take_turn(registers: &Registers, kind: Pc) {
    burrow_arch::irq::disable();
    let me = this_core();
    // Relaxed: cores that lose need nothing of the winner's.
    let winner = DOWN.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed);
    if winner.is_err_and(|winner| winner != me) {
        freeze::stand_still(registers, kind);
    }
}

fn run_on(stack: &Stack, f: extern "C" fn(*mut ()), failure: &Failure<'_>) -> ! {
    let top = stack.0.get() as usize + STACK;
    // SAFETY: the stack is this failure's alone, and `failure` outlives the call, which does not
    // return.
    unsafe { call_on(top, f, (&raw const *failure).cast_mut().cast()) };
    exit(5)
}

/// # Safety
/// The pointer is what `run_on` passed on.
unsafe fn failure_of<'a>(arg: *mut ()) -> &'a Failure<'a> {
    // SAFETY: the caller's.
    unsafe { &*arg.cast() }
}

/// The whole dump.
extern "C" fn first(arg: *mut ()) {
    // SAFETY: called by `run_on`.
    let failure = unsafe { failure_of(arg) };
    if console::seize() == console::Seized::Broken {
        // Half a line of another core's is on the console.
        let _ = Raw.write_char('\n');
    }
    let cores = goroutines::cores();
    if cores > 1 {
        freeze::others(cores - 1);
    }
    // The console cannot fail; what a `Display` that refused has written is all there is.
    let _ = (failure.text)(&mut Raw);
    TOLD.store(true, Ordering::Relaxed);
    let _ = dump::dump(failure, &mut Raw);
    exit(2)
}

/// Something failed on the way down: what and where, and the end.
extern "C" fn second(arg: *mut ()) {
    // SAFETY: called by `run_on`.
    let failure = unsafe { failure_of(arg) };
    // The first one may have stopped in the middle of a line.
    let _ = Raw.write_char('\n');
    if !TOLD.load(Ordering::Relaxed) {
        let _ = Raw.write_str("fatal error: panic while printing panic value\n");
    }
    let _ = (failure.text)(&mut Raw);
    let _ = Raw.write_str("panic during panic\n");
    let _ = dump::runtime_stack(failure, &mut Raw);
    exit(2)
}
