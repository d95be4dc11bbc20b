//! Whether a task that ended starts again, and when.

use model::{RestartMode, RestartPolicy, format_duration};
use serde::{Deserialize, Serialize};

/// The share of the delay that is added at most, so that many tasks that failed together do not come back together.
const JITTER: f64 = 0.25;

/// How it ended, as far as the policy is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    Failure,
    /// Trying again would not help.
    Unrecoverable,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// After `delay` nanoseconds.
    Restart {
        delay: i64,
        reason: String,
    },
    /// The task did its work.
    Done,
    Fail {
        reason: String,
    },
}

/// The failures of a task that count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tracker {
    /// When the current interval began, at its first failure.
    window_start: i64,
    /// Failures in it.
    count: i64,
}

impl Tracker {
    /// `again_on_success`: the task shall run for ever. `dice` is from 0 to 1.
    pub fn ended(&mut self, now: i64, ending: Ending, again_on_success: bool, policy: &RestartPolicy, dice: f64) -> Verdict {
        match ending {
            Ending::Unrecoverable => return Verdict::Fail { reason: "Error was unrecoverable".to_owned() },
            Ending::Success if !again_on_success => return Verdict::Done,
            _ => {}
        }
        if policy.attempts <= 0 {
            return Verdict::Fail { reason: "Policy allows no restarts".to_owned() };
        }
        let window_end = self.window_start.saturating_add(policy.interval);
        if self.count == 0 || now > window_end {
            *self = Self { window_start: now, count: 0 };
        }
        self.count += 1;
        if self.count <= policy.attempts {
            let delay = policy.delay.max(0);
            // Whole microseconds are enough, and shorter to read.
            let jitter = (delay as f64 * JITTER * dice / 1000.0) as i64 * 1000;
            return Verdict::Restart { delay: delay.saturating_add(jitter), reason: "Restart within policy".to_owned() };
        }
        match policy.mode {
            RestartMode::Fail => {
                let (attempts, interval) = (policy.attempts, format_duration(policy.interval));
                Verdict::Fail { reason: format!("Exceeded allowed attempts {attempts} in interval {interval} and mode is \"fail\"") }
            }
            RestartMode::Delay => {
                let delay = window_end.saturating_sub(now).max(0);
                // The next failure begins a new interval.
                self.count = 0;
                Verdict::Restart { delay, reason: "Exceeded allowed attempts, applying a delay".to_owned() }
            }
        }
    }
}

/// A number from 0 to 1 that follows from a seed (the finalizer of splitmix64).
pub(crate) fn dice(seed: u64) -> f64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    (x >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn policy(attempts: i64, mode: RestartMode) -> RestartPolicy {
        RestartPolicy { attempts, interval: 60 * SECOND, delay: 10 * SECOND, mode, render_templates: false }
    }

    /// Each row: policy, whether success restarts, endings at seconds, and what is decided each time.
    #[test]
    fn policies() {
        use Ending::*;
        let check = |attempts: i64, mode: RestartMode, again: bool, endings: &[(i64, Ending, &str)]| {
            let mut tracker = Tracker::default();
            for (second, ending, want) in endings {
                let got = match tracker.ended(second * SECOND, *ending, again, &policy(attempts, mode), 0.0) {
                    Verdict::Restart { delay, reason } => format!("{} {reason}", format_duration(delay)),
                    Verdict::Done => "done".to_owned(),
                    Verdict::Fail { reason } => format!("fail {reason}"),
                };
                assert_eq!(got, *want, "{attempts} {mode} at {second}");
            }
        };
        let within = "10s Restart within policy";
        let exceeded = "fail Exceeded allowed attempts 2 in interval 1m0s and mode is \"fail\"";
        check(2, RestartMode::Fail, true, &[(100, Failure, within), (110, Success, within), (120, Failure, exceeded)]);
        // The interval begins at the first failure, so the third begins a new one.
        check(
            2,
            RestartMode::Fail,
            true,
            &[(100, Failure, within), (159, Failure, within), (161, Failure, within), (220, Failure, within)],
        );
        check(2, RestartMode::Fail, false, &[(100, Success, "done")]);
        check(0, RestartMode::Fail, true, &[(100, Success, "fail Policy allows no restarts")]);
        check(0, RestartMode::Fail, false, &[(100, Success, "done"), (100, Failure, "fail Policy allows no restarts")]);
        check(2, RestartMode::Fail, true, &[(100, Unrecoverable, "fail Error was unrecoverable")]);
        let delayed = "45s Exceeded allowed attempts, applying a delay";
        check(1, RestartMode::Delay, true, &[(100, Failure, within), (115, Failure, delayed), (160, Failure, within)]);
    }

    /// The jitter stays within a quarter of the delay and differs between seeds.
    #[test]
    fn jitter() {
        let delays: Vec<i64> = (0..100)
            .map(|seed| match Tracker::default().ended(1, Ending::Failure, true, &policy(1, RestartMode::Fail), dice(seed)) {
                Verdict::Restart { delay, .. } => delay,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(delays.iter().all(|delay| (10 * SECOND..=10 * SECOND + 5 * SECOND / 2).contains(delay)));
        assert!(delays.iter().max().unwrap() - delays.iter().min().unwrap() > 2 * SECOND);
    }
}
