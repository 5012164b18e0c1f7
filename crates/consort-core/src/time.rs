//! Time as the core knows it: a number that is handed in. There is no clock here.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

const DAY_MS: i64 = 86_400_000;

impl Timestamp {
    /// This instant and `ms` milliseconds more; stops at the largest one.
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Milliseconds from `earlier` to this instant; 0 if it is not earlier.
    pub fn since_ms(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// Whole seconds since the epoch, for git's dates.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Days since 1970-01-01, in UTC.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// When this day begins, in UTC.
    pub fn of_day(day: i64) -> Self {
        Self(day.saturating_mul(DAY_MS))
    }

    /// `2026-11-23` in UTC.
    pub fn date(self) -> String {
        self.to_string().chars().take(10).collect()
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC to the second: `2026-11-23T07:06:28Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.seconds()) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{} ms since 1970", self.0),
        }
    }
}

/// `1h 02m`, `3m 20s`, `4.2s`, `180ms`: a duration as people read it.
pub fn duration_text(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{}m {:02}s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{}h {:02}m", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_utc_seconds() {
        assert_eq!(Timestamp(1_771_545_600_999).to_string(), "2026-02-20T00:00:00Z");
        assert_eq!(Timestamp(1_771_545_600_999).date(), "2026-02-20");
    }

    #[test]
    fn differences_never_go_below_zero() {
        assert_eq!(Timestamp(5).since_ms(Timestamp(9)), 0);
        assert_eq!(Timestamp(9).since_ms(Timestamp(5)), 4);
        assert_eq!(Timestamp(i64::MAX).plus_ms(u64::MAX), Timestamp(i64::MAX));
    }

    #[test]
    fn durations_read_well() {
        let shown: Vec<_> = [180, 4_200, 200_000, 3_720_000].map(duration_text).into();
        assert_eq!(shown, ["180ms", "4.2s", "3m 20s", "1h 02m"]);
    }
}
