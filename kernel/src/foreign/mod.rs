//! Foreign code: calls of C on a stack of its own, and calls back. Go: `cgocall`, `cgocallback`.
//!
//! Foreign code knows nothing of a stack that grows, and may run for as long as it likes. So a call
//! switches to a C stack ([`stack`]) and gives the P away as a blocking call does; only the kernel
//! thread stays with it, preempted in turn with the others of its core. The C stack belongs to the goroutine from its outermost call on and goes with it wherever it runs.
//!
//! ```text
//! goroutine's stack          C stack
//!   cgocall ------------------> run
//!                               f                 foreign code
//!                               cgocallback
//!   back <--------------------
//!   the closure: may park
//!   cgocall ------------------> run               nested: below what is there
//! ```
//!
//! A panic never crosses foreign frames, which nobody could unwind: what leaves the closure of a
//! [`cgocallback`] is the end of the program, and so is a panic on the C stack itself.
//!
//! Differs from Go, which runs C on the system stack of the M: here a system stack is small, and
//! an M that waits for its goroutine's turn is asleep with nothing on it.

mod stack;

pub use stack::{LIMIT, handed_out, on_page_fault};

use core::cell::Cell;
use core::ffi::c_void;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::Range;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use burrow_arch::context::{Registers, call_on};

use crate::g::{self, G};
use crate::panic::chain;
use crate::sched::locked;
use crate::sched::syscall::{self, InSyscall};
use crate::stack::Stack;

/// A foreign function.
pub type ForeignFn = unsafe extern "C" fn(*mut c_void) -> i32;

/// What a goroutine knows of its foreign calls.
pub struct Foreign {
    /// The innermost one. By the goroutine itself.
    call: Cell<*const Call>,
    /// Top of its C stack, or 0. Read by handlers and dumps too.
    top: AtomicUsize,
}

impl Foreign {
    /// Of a goroutine in no call.
    pub const fn new() -> Self {
        Self { call: Cell::new(ptr::null()), top: AtomicUsize::new(0) }
    }

    /// Its C stack, while it is in a call.
    #[inline(always)]
    pub fn stack(&self) -> Option<Stack> {
        match self.top.load(Ordering::Relaxed) {
            0 => None,
            top => Some(stack::at(top)),
        }
    }

    /// The addresses of that, for walks; none if it has none.
    pub fn range(&self) -> Range<usize> {
        self.stack().map_or(0..0, |stack| stack.lo..stack.hi)
    }
}

/// One call, in the frame of its [`cgocall`].
struct Call {
    f: ForeignFn,
    arg: *mut c_void,
    result: Cell<i32>,
    /// Where tracebacks of the goroutine start meanwhile.
    frame: *const Registers,
    /// While foreign code runs: without a P. Nothing inside of another such call.
    syscall: Cell<Option<InSyscall>>,
    /// Below this the goroutine's stack is free. Set on the way to the C stack.
    g_sp: Cell<usize>,
    /// The same of the C stack, while a callback runs.
    c_sp: Cell<usize>,
}

/// Calls `f(arg)` on the goroutine's C stack; what it returns. Go: `cgocall`.
///
/// # Safety
/// `f` may be called with `arg`, keeps to the C ABI, does not unwind, and needs no more than
/// [`LIMIT`] bytes of stack.
// Out of line: its frame is where tracebacks of the goroutine start.
#[inline(never)]
pub unsafe fn cgocall(f: ForeignFn, arg: *mut c_void) -> i32 {
    let g = g::current();
    if g.is_g0() || !g.stack().holds_sp(Registers::here().r[Registers::SP]) {
        crate::panic::throw("cgocall: not on a goroutine's stack");
    }
    let outer = g.foreign.call.get();
    // SAFETY: a call in progress is alive.
    let top = match unsafe { outer.as_ref() } {
        None => attach(g),
        Some(outer) => outer.c_sp.get(),
    };
    let (result, g_sp, c_sp) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let registers = Registers::here();
    let frame = &raw const registers;
    // SAFETY: the frame is this function's own.
    let syscall = (!syscall::is_in_syscall()).then(|| unsafe { InSyscall::enter(frame) });
    let call = Call { f, arg, result, frame, syscall: Cell::new(syscall), g_sp, c_sp };
    g.foreign.call.set(&raw const call);
    // SAFETY: below `top` the C stack is this call's; `run` takes a `Call`.
    unsafe { call_on(top, run, (&raw const call).cast_mut().cast()) };
    g.foreign.call.set(outer);
    drop(call.syscall.take());
    if outer.is_null() {
        detach(g);
    }
    call.result.get()
}

/// The goroutine gets a C stack; the top of it.
fn attach(g: &G) -> usize {
    let Some(top) = stack::get() else {
        crate::panic::throw("cgocall: out of memory for a C stack");
    };
    g.foreign.top.store(top, Ordering::Relaxed);
    top
}

/// The goroutine's outermost call is over.
fn detach(g: &G) {
    let top = g.foreign.top.swap(0, Ordering::Relaxed);
    stack::put(top);
}

/// First function on the C stack.
extern "C" fn run(call: *mut ()) {
    // SAFETY: `cgocall` passed its own `Call`, which lives until this returns.
    let call: &Call = unsafe { &*call.cast() };
    call.g_sp.set(caller_sp());
    // SAFETY: the promise made to `cgocall`.
    let result = unsafe { (call.f)(call.arg) };
    call.result.set(result);
}

/// The stack pointer of the `call_on` that the calling function is the first function of: below it
/// the other stack is free. That function must not be inlined.
#[inline(always)]
fn caller_sp() -> usize {
    let frame = Registers::here().r[Registers::FP];
    // SAFETY: every function keeps a frame, whose first word is its caller's frame pointer on both
    // CPUs; `call_on` keeps its stack pointer there.
    unsafe { (frame as *const usize).read() & !15 }
}

/// Runs `f` on the goroutine's own stack, as goroutines run, wired to its M. Go: `cgocallback`.
///
/// # Safety
/// The caller runs on a C stack, in a function that [`cgocall`] calls.
pub unsafe fn cgocallback<T>(f: impl FnOnce() -> T) -> T {
    let g = g::current();
    let on_c_stack = g.foreign.range().contains(&Registers::here().r[Registers::SP]);
    // SAFETY: a call in progress is alive.
    let Some(call) = (unsafe { g.foreign.call.get().as_ref() }).filter(|_| on_c_stack) else {
        crate::panic::throw("cgocallback: not called by foreign code");
    };
    let mut callback = Callback { call, f: ManuallyDrop::new(f), result: MaybeUninit::uninit() };
    // SAFETY: `cgocall` waits in `call_on`, so that its stack is free below; `back` takes a
    // `Callback` of these types.
    unsafe { call_on(call.g_sp.get(), back_to(&callback), (&raw mut callback).cast()) };
    // SAFETY: `back` returned, so that it has written the result.
    unsafe { callback.result.assume_init() }
}

/// A callback in progress.
struct Callback<'a, F, T> {
    call: &'a Call,
    f: ManuallyDrop<F>,
    result: MaybeUninit<T>,
}

/// [`back`] for that callback's types, which have no names.
fn back_to<F: FnOnce() -> T, T>(_: &Callback<'_, F, T>) -> extern "C" fn(*mut ()) {
    back::<F, T>
}

/// First function of a callback, on the goroutine's stack.
extern "C" fn back<F: FnOnce() -> T, T>(callback: *mut ()) {
    // SAFETY: `cgocallback` passed its own, which lives until this returns.
    let callback: &mut Callback<'_, F, T> = unsafe { &mut *callback.cast() };
    // SAFETY: taken once, here.
    let f = unsafe { ManuallyDrop::take(&mut callback.f) };
    let call = callback.call;
    call.c_sp.set(caller_sp());
    let Some(in_syscall) = call.syscall.take() else {
        crate::panic::throw("cgocallback: inside of a blocking call");
    };
    // Before the goroutine could come back on another M.
    locked::lock_internal();
    drop(in_syscall);
    callback.result.write(chain::called_back(f));
    // SAFETY: the frame of `cgocall`, which waits.
    call.syscall.set(Some(unsafe { InSyscall::enter(call.frame) }));
    locked::unlock_internal();
    // The innermost again, whatever calls `f` made and ended.
    debug_assert!(ptr::eq(g::current().foreign.call.get(), call));
}
