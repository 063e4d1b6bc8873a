//! A hook at the scheduler's races: nothing in release builds; in checked builds it loses a random
//! moment now and then, so that rare interleavings become common.

/// Between two steps that another core may come between.
#[inline(always)]
pub fn sched_point() {
    if cfg!(debug_assertions) {
        dawdle();
    }
}

/// Once in 32 times counts up to 16384. The clock's low bits are random enough, and need no state
/// that cores would share.
///
/// Without `spin_loop`: x86_64's `pause` leaves the emulator's translated code each time, about a
/// microsecond, so that a moment became milliseconds (a test of selects took 8.8 s instead of 0.7).
#[inline(never)]
fn dawdle() {
    let dice = burrow_arch::clock::ticks().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    if dice.is_multiple_of(32) {
        for turn in 0..(dice >> 5) % 16384 {
            core::hint::black_box(turn);
        }
    }
}
