//! The time of day, as far as decisions rest on it: it never jumps.
//!
//! Somebody sets a machine's clock, or a program does that corrects it: if the leader took that for time that has passed, all nodes would be
//! late with their reports at once, and all deployments beyond their deadlines. So time passes as the monotonic clock says, and the time of
//! day is followed at once only where the difference is small.

use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A difference up to this is a correction, nanoseconds.
const CORRECTION_MAX: i64 = 500_000_000;
/// A larger one is made up for by so much of the time that passes.
const SLEW: i64 = 100;

/// Unix nanoseconds that never go back. Taken once per decision and handed down; never used to enable a step of a rollout.
pub fn now() -> i64 {
    static STEADY: Mutex<Option<(Instant, Steady)>> = Mutex::new(None);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    let mut steady = STEADY.lock().unwrap_or_else(PoisonError::into_inner);
    let (began, steady) = steady.get_or_insert_with(|| (Instant::now(), Steady { passed: 0, time: wall }));
    steady.tick(i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX), wall)
}

/// The time that was told last, and what the monotonic clock said then.
struct Steady {
    passed: i64,
    time: i64,
}

impl Steady {
    fn tick(&mut self, passed: i64, wall: i64) -> i64 {
        let step = passed.saturating_sub(self.passed).max(0);
        let expected = self.time.saturating_add(step);
        let difference = wall.saturating_sub(expected);
        let correction = match difference.unsigned_abs() <= CORRECTION_MAX.unsigned_abs() {
            true => difference,
            false => difference.clamp(-step / SLEW, step / SLEW),
        };
        self.passed = self.passed.max(passed);
        self.time = expected.saturating_add(correction).max(self.time);
        self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Rows: what the monotonic clock and the time of day say, and what is told, in milliseconds.
    #[test]
    fn steps_and_corrections() {
        let mut steady = Steady { passed: 0, time: 1_000 * SECOND };
        let hour = 3_600_000;
        let rows = [
            (0, 1_000_000, 1_000_000),
            (1_000, 1_001_000, 1_001_000),
            // corrected a little, there and back; it does not go back
            (2_000, 1_002_300, 1_002_300),
            (2_100, 1_002_100, 1_002_300),
            (3_000, 1_003_000, 1_003_000),
            // an hour ahead, and back again
            (4_000, 1_004_000 + hour, 1_004_010),
            (14_000, 1_014_000 + hour, 1_014_110),
            (24_000, 1_024_000, 1_024_000),
            // an hour behind
            (34_000, 1_034_000 - hour, 1_033_900),
            // the monotonic clock of a machine that slept
            (33_000, 1_034_000 - hour, 1_033_900),
        ];
        for (passed, wall, told) in rows {
            assert_eq!(steady.tick(passed * 1_000_000, wall * 1_000_000), told * 1_000_000, "{passed} {wall}");
        }
    }

    #[test]
    fn it_goes_on() {
        let (first, second) = (now(), now());
        assert!(first <= second && first > 1_600_000_000 * SECOND);
    }
}
