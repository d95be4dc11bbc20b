//! Waiting for something that can be seen.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// The longest that anything in a test may take on a busy machine, unless a test says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks: short beside everything that is waited for, long beside a look.
const PACE: Duration = Duration::from_millis(30);

/// Asks again and again until there is an answer.
///
/// # Panics
/// There is none within [`PATIENCE`]; `what` says what was waited for.
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, ask)
}

/// As [`until`], with a bound of its own.
///
/// # Panics
/// There is no answer in time.
pub fn until_within<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {} s in vain until {what}", patience.as_secs());
        std::thread::sleep(PACE);
    }
}

/// Looks again and again until what is seen is as wanted; returns that.
///
/// # Panics
/// It never is within [`PATIENCE`]; the message has what was seen last.
pub fn settled<T: Debug>(what: &str, mut look: impl FnMut() -> T, wanted: impl Fn(&T) -> bool) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        let seen = look();
        if wanted(&seen) {
            return seen;
        }
        assert!(Instant::now() < end, "waited {} s in vain until {what}; seen last: {seen:#?}", PATIENCE.as_secs());
        std::thread::sleep(PACE);
    }
}
