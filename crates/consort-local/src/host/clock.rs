//! The host's clock: wall time when it was opened, moved on by a clock that nobody sets.

use consort_core::time::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

/// Sleep shorter than this is not worth telling, in milliseconds.
const SLEEP_MS_MIN: u64 = 2_000;

/// Somebody may set the wall clock; deadlines must not notice. A suspend is told apart from work
/// by two clocks, of which one stops.
pub(super) struct Clock {
    opened: Timestamp,
    boot_at_open_ms: u64,
    /// Boot time minus monotonic time: grows only while the machine sleeps.
    asleep_ms: u64,
}

impl Clock {
    /// Starts now, or at the journal's last time if that is later.
    pub(super) fn start(last: Timestamp) -> Self {
        let boot = read(ClockId::Boottime);
        Clock {
            opened: wall().max(last),
            boot_at_open_ms: boot,
            asleep_ms: boot.saturating_sub(read(ClockId::Monotonic)),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.opened.plus_ms(read(ClockId::Boottime).saturating_sub(self.boot_at_open_ms))
    }

    /// How long the machine slept since this was last asked, if it did.
    pub(super) fn slept_ms(&mut self) -> Option<u64> {
        let asleep = read(ClockId::Boottime).saturating_sub(read(ClockId::Monotonic));
        let slept = asleep.saturating_sub(self.asleep_ms);
        (slept >= SLEEP_MS_MIN).then(|| {
            self.asleep_ms = asleep;
            slept
        })
    }
}

fn read(id: ClockId) -> u64 {
    let at = clock_gettime(id);
    u64::try_from(at.tv_sec).unwrap_or(0) * 1_000 + u64::try_from(at.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Wall time, for people and for new journals.
pub fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
