//! Catching: the frame where unwinding ends.

use core::mem::ManuallyDrop;

use super::raise::Exception;

/// What the two functions below are given: a closure before, its result or the exception after.
union Slot<F, R> {
    closure: ManuallyDrop<F>,
    result: ManuallyDrop<R>,
    exception: *mut Exception,
}

/// Runs `f`; if it unwinds, the error is what was raised, and it is the caller's to free.
#[inline]
pub fn catch<R, F: FnOnce() -> R>(f: F) -> Result<R, *mut Exception> {
    let mut slot = Slot::<F, R> { closure: ManuallyDrop::new(f) };
    let at = (&raw mut slot).cast::<u8>();
    // SAFETY: both functions are for a slot of these types.
    let caught = unsafe { core::intrinsics::catch_unwind(run::<F, R>, at, keep::<F, R>) };
    if caught == 0 {
        // SAFETY: `run` came to its end and left the result.
        Ok(ManuallyDrop::into_inner(unsafe { slot.result }))
    } else {
        // SAFETY: `keep` left the exception.
        Err(unsafe { slot.exception })
    }
}

/// Calls the closure and leaves its result.
fn run<F: FnOnce() -> R, R>(slot: *mut u8) {
    let slot = slot.cast::<Slot<F, R>>();
    // SAFETY: `catch` put it there, and takes nothing out before this is over.
    let closure = unsafe { ManuallyDrop::take(&mut (*slot).closure) };
    let result = closure();
    // SAFETY: the same slot, empty now.
    unsafe { (*slot).result = ManuallyDrop::new(result) };
}

/// Leaves the exception.
#[cold]
fn keep<F, R>(slot: *mut u8, exception: *mut u8) {
    // SAFETY: the slot of `catch`, whose closure was taken.
    unsafe { (*slot.cast::<Slot<F, R>>()).exception = exception.cast() };
}
