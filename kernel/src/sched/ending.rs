//! What has to happen when a goroutine ends, however it ends.
//!
//! A joined goroutine must tell its joiner, a wait group's must count down, also when `goexit`
//! leaves the function in its middle. Go does both in deferred calls that `Goexit` runs. Here
//! `goexit` unwinds nothing, so the few places that must not be skipped register themselves on the
//! goroutine: records lie on its stack, the innermost first.

use crate::g;

/// One registration. It lies in a frame that is still there when it is called: either the frame's
/// own function calls it, or [`run`] does, further down the same stack.
struct Record<E: FnOnce()> {
    end: Option<E>,
    /// The registration around this one.
    outer: Option<(unsafe fn(*mut ()), *mut ())>,
}

/// Runs `body`, then `end`; also when `body` never returns because it ends its goroutine.
///
/// On a goroutine's stack.
pub fn ending_with<R>(body: impl FnOnce() -> R, end: impl FnOnce()) -> R {
    let mut record = Record { end: Some(end), outer: None };
    let at = &raw mut record;
    let outer = g::current().set_at_end(Some((entry(&record), at.cast())));
    // SAFETY: our own local; the pointer in the G is used by this goroutine alone, and not now.
    unsafe { (*at).outer = outer };
    let result = body();
    run_one();
    result
}

/// [`call`] for the type of the closure in that record.
fn entry<E: FnOnce()>(_: &Record<E>) -> unsafe fn(*mut ()) {
    call::<E>
}

/// Takes the registration off and does what it says.
///
/// # Safety
/// `record` is a live `Record<E>`, registered and not yet called.
unsafe fn call<E: FnOnce()>(record: *mut ()) {
    // SAFETY: the caller's promise; nothing else refers to it while it is called.
    let record = unsafe { &mut *record.cast::<Record<E>>() };
    g::current().set_at_end(record.outer.take());
    if let Some(end) = record.end.take() {
        end();
    }
}

/// The innermost registration.
fn run_one() -> bool {
    let g = g::current();
    let Some((call, record)) = g.set_at_end(None) else {
        return false;
    };
    // SAFETY: registered by `ending_with`, whose frame is below ours on this same stack; taken off
    // the G, so that it is called once.
    unsafe { call(record) };
    true
}

/// All registrations, innermost first: the goroutine ends in the middle of its function.
pub fn run() {
    while run_one() {}
}
