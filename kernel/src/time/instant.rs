//! A reading of the monotonic clock: [`Instant`].

use core::ops::{Add, AddAssign, Sub, SubAssign};
use core::time::Duration;

use super::nanotime;

/// What the clock shows at reset: going back by decades does not underflow.
const BASE: u64 = 1 << 62;

/// A reading of the monotonic clock; methods are those of `std::time::Instant`. The clock starts
/// far from zero, so that going back by hours does not underflow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant {
    nanos: u64,
}

fn nanos(d: Duration) -> Option<u64> {
    d.as_nanos().try_into().ok()
}

impl Instant {
    /// The time now.
    pub fn now() -> Self {
        Self::at(nanotime())
    }

    /// What the clock shows at that `nanotime`.
    pub fn at(nanotime: u64) -> Self {
        Self { nanos: BASE.saturating_add(nanotime) }
    }

    /// From `earlier` to this; zero if it is later. Go: `t.Sub`.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }

    /// As `duration_since`; `None` if `earlier` is later.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.nanos.checked_sub(earlier.nanos).map(Duration::from_nanos)
    }

    /// As `duration_since`.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.checked_duration_since(earlier).unwrap_or_default()
    }

    /// Since this reading. Go: `time.Since`.
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// `None` if it cannot be represented.
    pub fn checked_add(&self, d: Duration) -> Option<Instant> {
        self.nanos.checked_add(nanos(d)?).map(|nanos| Self { nanos })
    }

    /// `None` if it cannot be represented.
    pub fn checked_sub(&self, d: Duration) -> Option<Instant> {
        self.nanos.checked_sub(nanos(d)?).map(|nanos| Self { nanos })
    }
}

/// `Instant - Instant`; zero if the right one is later.
impl Sub<Instant> for Instant {
    type Output = Duration;
    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

/// Panics on overflow, as the other arithmetic with durations does.
impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, d: Duration) -> Instant {
        self.checked_add(d).expect("overflow when adding a duration to an instant")
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, d: Duration) -> Instant {
        self.checked_sub(d).expect("overflow when subtracting a duration from an instant")
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, d: Duration) {
        *self = *self - d;
    }
}
