//! The wall clock.

use consort_core::time::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock's time. It may jump: for dates, never for measuring.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
