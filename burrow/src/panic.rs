//! Panics: [`recover`], [`panic_any`], [`resume_panic`] and the guard behind `defer!`.
//!
//! An uncaught panic prints `panic: TEXT`, a blank line and the traceback; exit code 2. Stacked
//! panics print oldest first, one a line, each but the first after a tab. Deferred functions have
//! run by then.
//!
//! A bad pointer is no panic but the end, for the compiler knows of no unwinding from there;
//! [`load`] and [`store`] are for those who want one.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::{Any, TypeId};
use core::fmt;
use core::mem::ManuallyDrop;
use core::panic::Location;

use burrow_kernel::panic::chain::{self, Moment};
use burrow_kernel::panic::record::Record;
use burrow_kernel::panic::{gopanic, guarded};

/// Runs `f` and stops a panic that leaves it: the newest one, if `defer!`s panicked meanwhile.
/// `goexit` passes through. Go: `recover()` in a deferred function.
///
/// While the [`Panic`] lives, a new uncaught panic in this goroutine prints it first, marked
/// ` [recovered]`.
#[inline]
pub fn recover<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    chain::recover(f).map_err(Panic::of)
}

/// Panics with a value. Printed uncaught: strings bare, booleans and numbers as Go's `print`
/// does, other types as `(TYPE) ADDRESS`. Go: `panic(v)`.
#[track_caller]
#[inline(never)]
pub fn panic_any<T: Any + Send>(value: T) -> ! {
    if TypeId::of::<T>() == TypeId::of::<Panic>() {
        let again: Box<dyn Any> = Box::new(value);
        if let Ok(panic) = again.downcast::<Panic>() {
            resume_panic(*panic);
        }
        unreachable!("a type is itself");
    }
    gopanic::panic_with(Record::any(value, Some(Location::caller())))
}

/// [`panic_any`] for a value that prints as its text, as Go does with errors and Stringers; the
/// text is asked for only when it is printed. A panic in `fmt` then is
/// `panic while printing panic value`.
#[track_caller]
#[inline(never)]
pub fn panic_display<T: Any + Send + fmt::Display>(value: T) -> ! {
    gopanic::panic_with(Record::display(value, Some(Location::caller())))
}

/// Goes on with a recovered panic: printed as `TEXT [recovered, repanicked]`.
#[inline(never)]
pub fn resume_panic(panic: Panic) -> ! {
    gopanic::repanic(panic.record)
}

/// Reads through a pointer that may be null or lead to memory that is not there: then it panics with
/// `runtime error: invalid memory address or nil pointer dereference`. Burrow's own: in Go every
/// access does so.
///
/// # Safety
/// Where there is memory, it holds a `T` that may be read now.
#[track_caller]
pub unsafe fn load<T: Copy>(from: *const T) -> T {
    // SAFETY: the caller's.
    unsafe { guarded::load(from) }.unwrap_or_else(|fault| gopanic::panic_mem(fault))
}

/// Writes through a pointer that may be null or lead to memory that is not there: see [`load`].
///
/// # Safety
/// Where there is memory, it may be written with a `T` now.
#[track_caller]
pub unsafe fn store<T: Copy>(to: *mut T, value: T) {
    // SAFETY: the caller's.
    unsafe { guarded::store(to, value) }.unwrap_or_else(|fault| gopanic::panic_mem(fault));
}

/// A panic that [`recover`] or `join` stopped. `Display` gives Go's text: for `panic!` the
/// message, for faults `runtime error: ..`.
pub struct Panic {
    record: Arc<Record>,
    /// Its value may be looked at by one goroutine at a time.
    _not_sync: core::marker::PhantomData<core::cell::Cell<()>>,
}

impl Panic {
    pub(crate) fn of(record: Arc<Record>) -> Self {
        Self { record, _not_sync: core::marker::PhantomData }
    }

    /// `join` gives it to the goroutine that runs.
    pub(crate) fn taken_over(&self) {
        self.record.claim();
        chain::hold(&self.record);
    }

    /// The value, if it is a `T`. `panic!` carries a `&'static str` if nothing was formatted,
    /// else a `String`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.record.value()?.downcast_ref()
    }

    /// The value, if it is a `T`; else the panic again.
    pub fn downcast<T: Any>(self) -> Result<T, Panic> {
        if !self.is::<T>() {
            return Err(self);
        }
        match self.into_payload().downcast() {
            Ok(value) => Ok(*value),
            Err(_) => unreachable!("a type is itself"),
        }
    }

    /// Whether the value is a `T`.
    pub fn is<T: Any>(&self) -> bool {
        self.downcast_ref::<T>().is_some()
    }

    /// The value as it is.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        // SAFETY: `self` is the one handle, and nobody borrows from it.
        let value = unsafe { self.record.take() };
        value.unwrap_or_else(|| unreachable!("a value is taken once"))
    }

    /// Whether the runtime raised it: `send on closed channel`, `index out of range`, .. Go: the
    /// value is a `runtime.Error`.
    pub fn is_runtime_error(&self) -> bool {
        self.record.runtime_error
    }

    /// Where it was raised, if known.
    pub fn location(&self) -> Option<&Location<'static>> {
        self.record.location
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&format_args!("{self}")).finish()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.write(f)
    }
}

impl core::error::Error for Panic {}

/// What `defer!` expands to. A panic in its function during unwinding joins the goroutine's chain
/// of panics instead of ending the program.
#[doc(hidden)]
#[must_use]
pub struct Deferred<F: FnOnce()> {
    f: ManuallyDrop<F>,
    /// Unwound if something else is being unwound when it is dropped.
    registered: Moment,
}

impl<F: FnOnce()> Deferred<F> {
    #[doc(hidden)]
    #[inline(always)]
    pub fn new(f: F) -> Self {
        Self { f: ManuallyDrop::new(f), registered: Moment::now() }
    }
}

impl<F: FnOnce()> Drop for Deferred<F> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: taken here and nowhere else.
        let f = unsafe { ManuallyDrop::take(&mut self.f) };
        if Moment::now() == self.registered {
            f();
        } else {
            chain::run_deferred(f);
        }
    }
}
