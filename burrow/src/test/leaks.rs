//! Whether a test left something behind: goroutines, Gs, stacks, timers, heap blocks.
//!
//! Each test is judged by itself, so that the one that leaks is named. What it started may still be
//! on its way out when it returns: the counts must come back within a time, and normally do at once.

use burrow_kernel::trace::census::{self, Census};
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::runtime;
use crate::time::{Duration, Instant};

/// How long what a test started may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running test said [`keeps`].
static KEEPS: AtomicBool = AtomicBool::new(false);

/// Called by a test: what it leaves behind is meant to stay, such as the value of a static that is
/// made on first use, or a goroutine that waits for ever.
pub fn keeps() {
    KEEPS.store(true, Ordering::Relaxed);
}

/// What was there before a test.
pub(super) struct Before(Census);

impl Before {
    /// Counts.
    pub(super) fn new() -> Self {
        KEEPS.store(false, Ordering::Relaxed);
        Self(Census::take())
    }

    /// What is too much now, or wrong, in words.
    // Made once for a test that fails.
    #[allow(clippy::result_large_err)]
    pub(super) fn compare(&self) -> Result<(), Wrong> {
        census::check().map_err(Wrong::Place)?;
        let since = Instant::now();
        loop {
            let now = Census::take();
            match self.settled(&now) || KEEPS.load(Ordering::Relaxed) {
                true if now.stacks != now.stacks_owned => return Err(Wrong::Stacks(now)),
                true => return Ok(()),
                false if since.elapsed() > PATIENCE => return Err(Wrong::Left(self.0, now)),
                false => runtime::gosched(),
            }
        }
    }

    fn settled(&self, now: &Census) -> bool {
        now.goroutines <= self.0.goroutines
            && now.stray == 0
            && now.timers <= self.0.timers
            && now.heap <= self.0.heap
    }
}

/// What a test did wrong beside what it tested.
pub(super) enum Wrong {
    /// Left things behind: counts before and after.
    Left(Census, Census),
    /// Slots without a G, or the other way round.
    Stacks(Census),
    /// A goroutine is in no place, or in two.
    Place(&'static str),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left(before, now) => write!(
                f,
                "left behind {} goroutines, {} stray Gs, {} timers, {} bytes of heap \
                 (`burrow::test::keeps()` if that is meant)",
                now.goroutines.saturating_sub(before.goroutines),
                now.stray,
                now.timers.saturating_sub(before.timers),
                now.heap.saturating_sub(before.heap),
            ),
            Self::Stacks(now) => {
                write!(f, "{} stacks handed out, {} Gs have one", now.stacks, now.stacks_owned)
            }
            Self::Place(what) => f.write_str(what),
        }
    }
}
