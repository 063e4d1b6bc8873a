//! Clocks, sleeping, timers and tickers. A timer never fires early.

mod system;
mod ticker;
mod timer;

use burrow_kernel::time as kernel;

pub use core::time::Duration;
pub use kernel::Instant;
pub use system::{SystemTime, SystemTimeError, UNIX_EPOCH};
pub use ticker::{Ticker, tick};
pub use timer::{Timer, after, after_func};

/// Parks the goroutine for at least `d`; zero returns at once. Go: `time.Sleep`.
pub fn sleep(d: Duration) {
    kernel::sleep(d);
}
