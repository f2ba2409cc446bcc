//! Wall-clock times as text: UTC, ISO 8601 with microseconds, so that they sort and SQLite's date functions read them.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    /// Microseconds since 1970.
    microseconds: i64,
}

impl Moment {
    /// The present.
    pub(crate) fn now() -> Self {
        Self::at(SystemTime::now())
    }

    /// A time of the system, in the range that fits.
    pub(crate) fn at(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { microseconds: i64::try_from(since.as_micros()).unwrap_or(i64::MAX) }
    }

    /// The moment `seconds` before this one.
    pub(crate) fn minus_seconds(self, seconds: u64) -> Self {
        let microseconds = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Self { microseconds: self.microseconds.saturating_sub(microseconds).max(0) }
    }

    /// `2026-11-20T09:55:12.123456Z`
    pub(crate) fn iso(self) -> String {
        let (date, [hour, minute, second]) = self.civil();
        let [year, month, day] = date;
        let micro = self.microseconds.rem_euclid(1_000_000);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z")
    }

    /// `20261120-095512`
    pub(crate) fn compact(self) -> String {
        let ([year, month, day], [hour, minute, second]) = self.civil();
        format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
    }

    /// Year, month, day; hour, minute, second. Howard Hinnant's `civil_from_days`: years begin in March, so that
    /// the leap day is the last of its year.
    fn civil(self) -> ([i64; 3], [i64; 3]) {
        let seconds = self.microseconds.div_euclid(1_000_000);
        let days = seconds.div_euclid(86_400) + 719_468;
        let time = seconds.rem_euclid(86_400);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        ([year, month, day], [time / 3_600, time / 60 % 60, time % 60])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn check(seconds: u64, expect: &str) {
        let moment = Moment::at(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(moment.iso(), expect);
    }

    #[test]
    fn dates_agree_with_the_calendar() {
        check(0, "1970-01-01T00:00:00.000000Z");
        check(951_782_400, "2000-02-29T00:00:00.000000Z");
        check(1_709_251_199, "2024-02-29T23:59:59.000000Z");
        check(1_709_251_200, "2024-03-01T00:00:00.000000Z");
        check(4_102_444_800, "2100-01-01T00:00:00.000000Z");
    }

    #[test]
    fn earlier_saturates_at_the_epoch() {
        assert_eq!(Moment::now().minus_seconds(u64::MAX).iso(), "1970-01-01T00:00:00.000000Z");
    }
}
