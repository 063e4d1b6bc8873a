//! Running a function on the system stack. Go: `systemstack`.

use core::mem::ManuallyDrop;

use burrow_arch::context::call_on;

use crate::sync::pin;

/// Calls `f` on the system stack of the M that runs here, preemption held off: for what may need
/// more stack than a goroutine has left. `f` must not park and must not panic. On g0 already, just
/// calls it. Go: `systemstack`.
pub fn systemstack<F: FnOnce() -> R, R>(f: F) -> R {
    let pinned = pin();
    if pinned.g().is_g0() {
        return f();
    }
    let mut call = Call { f: ManuallyDrop::new(f), result: None };
    let arg = (&raw mut call).cast::<()>();
    // SAFETY: while a goroutine runs, its M's g0 is switched out in `execute` and stays so while
    // we are pinned: below its saved stack pointer the stack is free. `arg` is what `run` wants.
    unsafe {
        let top = (*pinned.m().g0.context()).sp() & !15;
        call_on(top, run::<F, R>, arg);
    }
    match call.result {
        Some(result) => result,
        None => crate::panic::throw("systemstack: no result"),
    }
}

/// A call and what it gave.
struct Call<F, R> {
    f: ManuallyDrop<F>,
    result: Option<R>,
}

extern "C" fn run<F: FnOnce() -> R, R>(arg: *mut ()) {
    // SAFETY: `systemstack` passed its own `Call`, which lives until this returns.
    let call = unsafe { &mut *arg.cast::<Call<F, R>>() };
    // SAFETY: taken once, here.
    let f = unsafe { ManuallyDrop::take(&mut call.f) };
    call.result = Some(f());
}
