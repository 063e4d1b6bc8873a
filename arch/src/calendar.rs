//! Dates as a clock device tells them.

/// A date and time of day, UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Date {
    /// 1970 or later.
    pub year: u32,
    /// From 1.
    pub month: u32,
    /// From 1.
    pub day: u32,
    /// From 0.
    pub hour: u32,
    /// From 0.
    pub minute: u32,
    /// From 0.
    pub second: u32,
}

impl Date {
    /// Seconds since 1970 began; none if there is no such date.
    pub fn seconds(&self) -> Option<u64> {
        let Self { year, month, day, hour, minute, second } = *self;
        let leap = |year: u32| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let days_of = |month| match month {
            2 if leap(year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let is_date =
            year >= 1970 && (1..=12).contains(&month) && day >= 1 && day <= days_of(month);
        // A device may show a leap second.
        if !is_date || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
        let months: u64 = (1..month).map(|month| u64::from(days_of(month))).sum();
        let days = years + months + u64::from(day - 1);
        Some(((days * 24 + u64::from(hour)) * 60 + u64::from(minute)) * 60 + u64::from(second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(
        year: u32,
        month: u32,
        day: u32,
        (hour, minute, second): (u32, u32, u32),
    ) -> Option<u64> {
        Date { year, month, day, hour, minute, second }.seconds()
    }

    #[test]
    fn known_dates() {
        assert_eq!(seconds(1970, 1, 1, (0, 0, 0)), Some(0));
        assert_eq!(seconds(2000, 2, 29, (12, 34, 56)), Some(951_827_696));
        assert_eq!(seconds(2001, 9, 9, (1, 46, 40)), Some(1_000_000_000));
        assert_eq!(seconds(2038, 1, 19, (3, 14, 8)), Some(1 << 31));
        assert_eq!(seconds(2100, 3, 1, (0, 0, 0)), Some(4_107_542_400));
    }

    #[test]
    fn no_dates() {
        for (month, day) in [(0, 1), (13, 1), (1, 0), (1, 32), (2, 29), (4, 31)] {
            assert_eq!(seconds(2026, month, day, (0, 0, 0)), None, "{month}/{day}");
        }
        assert_eq!(seconds(1969, 12, 31, (23, 59, 59)), None);
        assert_eq!(seconds(2026, 1, 1, (24, 0, 0)), None);
    }
}
