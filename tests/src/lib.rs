//! Shared by the process tests: the program, agents as processes, questions over HTTP.
//!
//! Everything waits for something that can be seen, with a bound, and cleans up when it is dropped, also when a test fails.

mod agent;
mod http;
mod program;

pub use agent::Agent;
pub use http::{get, put, request};
pub use program::steppe;

use std::time::{Duration, Instant};

/// The longest that anything in a test may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer.
///
/// # Panics
/// There is none within [`PATIENCE`]; `what` says what was waited for.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
