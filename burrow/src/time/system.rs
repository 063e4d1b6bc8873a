//! Wall-clock time: [`SystemTime`].

use core::fmt;
use core::ops::{Add, AddAssign, Sub, SubAssign};

use burrow_kernel::time::walltime;

use super::Duration;

/// Wall-clock time; methods are those of `std::time::SystemTime`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SystemTime {
    /// Since 1970.
    nanos: u64,
}

/// 1970-01-01 00:00:00 UTC.
pub const UNIX_EPOCH: SystemTime = SystemTime::UNIX_EPOCH;

fn nanos(d: Duration) -> Option<u64> {
    d.as_nanos().try_into().ok()
}

impl SystemTime {
    /// 1970-01-01 00:00:00 UTC.
    pub const UNIX_EPOCH: SystemTime = SystemTime { nanos: 0 };

    /// The time now, from the machine's clock device.
    pub fn now() -> Self {
        Self { nanos: walltime() }
    }

    /// From `earlier` to this; an error with the distance if it is later.
    pub fn duration_since(&self, earlier: SystemTime) -> Result<Duration, SystemTimeError> {
        match self.nanos.checked_sub(earlier.nanos) {
            Some(nanos) => Ok(Duration::from_nanos(nanos)),
            None => Err(SystemTimeError { by: Duration::from_nanos(earlier.nanos - self.nanos) }),
        }
    }

    /// Since this reading; an error if the clock was set back.
    pub fn elapsed(&self) -> Result<Duration, SystemTimeError> {
        Self::now().duration_since(*self)
    }

    /// `None` if it cannot be represented.
    pub fn checked_add(&self, d: Duration) -> Option<SystemTime> {
        self.nanos.checked_add(nanos(d)?).map(|nanos| Self { nanos })
    }

    /// `None` if it cannot be represented.
    pub fn checked_sub(&self, d: Duration) -> Option<SystemTime> {
        self.nanos.checked_sub(nanos(d)?).map(|nanos| Self { nanos })
    }
}

/// The second time was not earlier.
#[derive(Clone, Debug)]
pub struct SystemTimeError {
    by: Duration,
}

impl SystemTimeError {
    /// By how much.
    pub fn duration(&self) -> Duration {
        self.by
    }
}

impl fmt::Display for SystemTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("second time provided was later than self")
    }
}

impl core::error::Error for SystemTimeError {}

/// Panics on overflow, as the other arithmetic with durations does.
impl Add<Duration> for SystemTime {
    type Output = SystemTime;
    fn add(self, d: Duration) -> SystemTime {
        self.checked_add(d).expect("overflow when adding a duration to a time")
    }
}

impl Sub<Duration> for SystemTime {
    type Output = SystemTime;
    fn sub(self, d: Duration) -> SystemTime {
        self.checked_sub(d).expect("overflow when subtracting a duration from a time")
    }
}

impl AddAssign<Duration> for SystemTime {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl SubAssign<Duration> for SystemTime {
    fn sub_assign(&mut self, d: Duration) {
        *self = *self - d;
    }
}
