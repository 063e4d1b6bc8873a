//! Timers that fire once: [`Timer`], [`after`], [`after_func`].

use core::fmt;

use burrow_kernel::time::{FuncTimer, after as deadline};

use super::{Duration, Instant};
use crate::chan::RecvChan;

/// One expiry. Clones are the same timer; once all handles and channels are gone it is freed
/// without firing (not so for [`after_func`]). Go: `*time.Timer`.
#[derive(Clone)]
pub struct Timer {
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    /// The channel owns the timer.
    Chan(RecvChan<Instant>),
    Func(FuncTimer),
}

/// A channel that gets the time of expiry once, after `d`. Go: `time.After`.
pub fn after(d: Duration) -> RecvChan<Instant> {
    RecvChan::of_timer(deadline(d), 0)
}

/// Calls `f` in a goroutine of its own after `d`, and again after each [`Timer::reset`], hence
/// `Fn`. Dropping the timer does not cancel it. Go: `time.AfterFunc`.
pub fn after_func(d: Duration, f: impl Fn() + Send + Sync + 'static) -> Timer {
    Timer { kind: Kind::Func(FuncTimer::new(deadline(d), f)) }
}

/// The channel of a timer that calls a function.
static NIL: RecvChan<Instant> = RecvChan::nil();

impl Timer {
    /// Fires once, after `d`. Go: `time.NewTimer`.
    pub fn new(d: Duration) -> Self {
        Self { kind: Kind::Chan(after(d)) }
    }

    /// Gets the time of expiry; `len` and `cap` are 0. Nil for [`after_func`].
    pub fn chan(&self) -> &RecvChan<Instant> {
        match &self.kind {
            Kind::Chan(chan) => chan,
            Kind::Func(_) => &NIL,
        }
    }

    /// Cancels. True if that prevented it from firing (an expiry that nobody received counts as
    /// not fired); no stale value can be received afterwards.
    pub fn stop(&self) -> bool {
        match &self.kind {
            Kind::Chan(chan) => chan.timer().is_some_and(|timer| timer.stop()),
            Kind::Func(timer) => timer.stop(),
        }
    }

    /// Fires after `d` from now instead, or once more. True if it was still pending.
    pub fn reset(&self, d: Duration) -> bool {
        match &self.kind {
            Kind::Chan(chan) => chan.timer().is_some_and(|timer| timer.reset(deadline(d), 0)),
            Kind::Func(timer) => timer.reset(deadline(d)),
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Chan(chan) => f.debug_tuple("Timer").field(chan).finish(),
            Kind::Func(timer) => write!(f, "Timer({:#x})", timer.addr()),
        }
    }
}
