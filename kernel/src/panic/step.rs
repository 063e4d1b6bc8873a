//! Stopping at every instruction: how tests see that tracebacks are right wherever code is
//! interrupted (H01).
//!
//! It costs an image that does not use it nothing but this code.

use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use burrow_arch::context::call_on;
use burrow_arch::trap::{TrapFrame, set_stepping};

use crate::mem::space::alloc_kstack;

/// Who looks at the code that steps. Called in a handler, interrupts masked, on a stack of its own;
/// may change the frame as handlers may.
pub type Look = fn(&mut TrapFrame);

/// Bytes of the stack that a [`Look`] has.
const STACK: usize = 64 << 10;

/// The [`Look`] in force, or null.
static LOOK: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
/// The top of its stack, once there is one.
static TOP: AtomicUsize = AtomicUsize::new(0);

/// Calls `f` with `look` called before each of its instructions. One at a time in the whole image.
///
/// `f` must not park, and either holds off preemption or has a `look` that lets the code step no
/// further when it leaves the goroutine's own: the switch takes stepping along.
pub fn single_step<F: FnOnce() -> R, R>(look: Look, f: F) -> R {
    if TOP.load(Ordering::Relaxed) == 0 {
        match alloc_kstack(STACK) {
            Some(top) => TOP.store(top, Ordering::Relaxed),
            None => super::throw("out of memory"),
        }
    }
    if !LOOK.swap(look as *mut (), Ordering::Relaxed).is_null() {
        super::throw("single_step: in use");
    }
    let stepping = Stepping::begin();
    let result = f();
    drop(stepping);
    result
}

/// This code steps while this lives.
struct Stepping;

impl Stepping {
    fn begin() -> Self {
        set_stepping(true);
        Self
    }
}

impl Drop for Stepping {
    fn drop(&mut self) {
        set_stepping(false);
        LOOK.store(core::ptr::null_mut(), Ordering::Relaxed);
    }
}

/// `Upcalls::step`.
pub fn on_step(frame: &mut TrapFrame) -> bool {
    if LOOK.load(Ordering::Relaxed).is_null() {
        return false;
    }
    // SAFETY: one core steps, and it is here; the frame lives until this returns.
    unsafe { call_on(TOP.load(Ordering::Relaxed), look_at, (&raw mut *frame).cast()) };
    true
}

extern "C" fn look_at(frame: *mut ()) {
    // SAFETY: `on_step` found it there, and it is a `Look` as `single_step` stored it.
    let look: Look = unsafe { core::mem::transmute(LOOK.load(Ordering::Relaxed)) };
    // SAFETY: `on_step` passed its own.
    look(unsafe { &mut *frame.cast::<TrapFrame>() });
}
