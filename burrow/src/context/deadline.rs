//! Contexts that end by themselves. Go: `WithDeadline`, `WithTimeout`.

use super::cancel::Holder;
use super::{CancelFunc, Cause, Context, Error, Node};
use crate::time::{self, Duration, Instant};

impl Context {
    /// As `with_cancel`; also ends after `d`, with `DeadlineExceeded`.
    #[must_use = "call the returned function when the work is done, to free the timer"]
    pub fn with_timeout(&self, d: Duration) -> (Context, CancelFunc) {
        self.until(after(d), None)
    }

    /// As `with_timeout`; `cause` is given only when the time runs out.
    #[must_use = "call the returned function when the work is done, to free the timer"]
    pub fn with_timeout_cause(
        &self,
        d: Duration,
        cause: impl Into<Cause>,
    ) -> (Context, CancelFunc) {
        self.until(after(d), Some(cause.into()))
    }

    /// As `with_cancel`; also ends at `t`, or at the parent's deadline if that is earlier.
    #[must_use = "call the returned function when the work is done, to free the timer"]
    pub fn with_deadline(&self, t: Instant) -> (Context, CancelFunc) {
        self.until(t, None)
    }

    /// As `with_deadline`; `cause` is given only when the time runs out.
    #[must_use = "call the returned function when the work is done, to free the timer"]
    pub fn with_deadline_cause(
        &self,
        t: Instant,
        cause: impl Into<Cause>,
    ) -> (Context, CancelFunc) {
        self.until(t, Some(cause.into()))
    }

    fn until(&self, deadline: Instant, cause: Option<Cause>) -> (Context, CancelFunc) {
        if self.deadline().is_some_and(|earlier| earlier < deadline) {
            // The parent ends first.
            return self.with_cancel();
        }
        let holder = Holder::new();
        let core = holder.core();
        core.follow(self);
        let left = deadline.duration_since(Instant::now());
        if left.is_zero() {
            core.cancel(Error::DeadlineExceeded, cause);
        } else {
            // The core alone: a timer must not keep contexts alive.
            let ends = core.clone();
            core.set_timer(|| {
                time::after_func(left, move || {
                    ends.cancel(Error::DeadlineExceeded, cause.clone());
                })
            });
        }
        let child = Self::from_node(Node::Deadline(self.clone(), holder.clone(), deadline));
        (child, CancelFunc::new(holder))
    }
}

/// The end of time, if `d` goes beyond it.
fn after(d: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(d).unwrap_or_else(|| now + Duration::from_secs(FAR))
}

/// A hundred years.
const FAR: u64 = 100 * 365 * 24 * 3600;
