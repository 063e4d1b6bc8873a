//! Sleeping. Go: `timeSleep`.

use core::time::Duration;

use super::timer::{Arm, Class, Timer};
use crate::g::{self, G};
use crate::sched::WaitReason;
use crate::sched::park::{gopark, goready};
use crate::sched::syscall::is_in_syscall;

static SLEEP: Class = Class { fire: wake, retain: nothing, release: nothing, drain: None };

/// Parks the goroutine for at least `d`, or, in a call that keeps its M, lets that sleep; zero returns at once. Go: `time.Sleep`.
pub fn sleep(d: Duration) {
    if d.is_zero() {
        return;
    }
    if is_in_syscall() {
        // As a thread of an OS would.
        return crate::kthread::sleep_until(super::after(d));
    }
    let g = g::current();
    let this: *const G = g;
    // On this stack: it leaves the heap before it fires, and the goroutine is parked until then.
    let mut timer = Timer::new(&SLEEP, this.cast(), super::after(d), 0).made_by(g.kind());
    // SAFETY: `start_timer` gets the timer that it is made for, alive until the goroutine is woken.
    unsafe { gopark(Some((start_timer, (&raw mut timer).cast())), WaitReason::Sleep) };
}

/// Only once the goroutine is parked, or the timer might wake it before. Go: `resetForSleep`.
unsafe fn start_timer(_: &'static G, timer: *mut ()) -> bool {
    // SAFETY: `sleep` passed its timer, new, and stays in its frame until it has fired.
    unsafe { Timer::start_new(timer.cast(), Arm::AtSwitch) };
    true
}

/// Go: `goroutineReady`.
unsafe fn wake(g: *const (), _: u64) -> bool {
    // SAFETY: `sleep` gave its G; Gs are never freed.
    goready(unsafe { &*g.cast::<G>() });
    true
}

/// The sleeper keeps its timer alive.
unsafe fn nothing(_: *const ()) {}
