//! Timers that fire again and again: [`Ticker`], [`tick`].

use burrow_kernel::time::after as deadline;

use super::{Duration, Instant};
use crate::chan::RecvChan;

/// A tick every `d`. Clones are the same ticker. Go: `*time.Ticker`.
#[derive(Clone, Debug)]
pub struct Ticker {
    /// Owns the timer.
    chan: RecvChan<Instant>,
}

/// A channel of ticks every `d`, dropping those for which the receiver is late; nil for zero.
/// Go: `time.Tick`.
pub fn tick(d: Duration) -> RecvChan<Instant> {
    if d.is_zero() { RecvChan::nil() } else { every(d) }
}

fn every(d: Duration) -> RecvChan<Instant> {
    RecvChan::of_timer(deadline(d), period(d))
}

fn period(d: Duration) -> u64 {
    d.as_nanos().try_into().unwrap_or(u64::MAX)
}

impl Ticker {
    /// Panics with `non-positive interval for NewTicker` on zero.
    pub fn new(d: Duration) -> Self {
        if d.is_zero() {
            panic!("non-positive interval for NewTicker");
        }
        Self { chan: every(d) }
    }

    /// Gets the time of each tick; ticks that nobody takes are dropped.
    pub fn chan(&self) -> &RecvChan<Instant> {
        &self.chan
    }

    /// No more ticks; the channel is not closed.
    pub fn stop(&self) {
        if let Some(timer) = self.chan.timer() {
            timer.stop();
        }
    }

    /// Ticks every `d` from now on. Panics with `non-positive interval for Ticker.Reset` on zero.
    pub fn reset(&self, d: Duration) {
        if d.is_zero() {
            panic!("non-positive interval for Ticker.Reset");
        }
        if let Some(timer) = self.chan.timer() {
            timer.reset(deadline(d), period(d));
        }
    }
}
