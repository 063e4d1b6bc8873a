//! Loops that never give the core up: three kinds, until [`STOP`].

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering};

/// Ends all of them. A case clears it before it starts any.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// A call that stays one.
#[inline(never)]
pub fn step(n: u64) -> u64 {
    black_box(n) + 1
}

/// Calls a function.
pub fn call_loop() {
    let mut n = 0;
    while !STOP.load(Ordering::Relaxed) {
        n = step(n);
    }
}

/// Calculates, without a frame.
pub fn arithmetic_loop() {
    let mut x = 1u64;
    while !STOP.load(Ordering::Relaxed) {
        x = x.wrapping_mul(3).wrapping_add(1);
    }
    black_box(x);
}

/// Does nothing.
#[allow(clippy::missing_spin_loop)] // Nothing at all in it: that is the case.
pub fn empty_loop() {
    while !STOP.load(Ordering::Relaxed) {}
}
