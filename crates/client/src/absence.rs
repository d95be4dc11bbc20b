//! What becomes of allocations while no server answers: they go on, unless their group says after what time the node stops them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{Allocation, format_duration};
use tracing::warn;

use crate::alloc::Command;
use crate::shared::Shared;
use crate::time;

/// How often the time since the last answered heartbeat is looked at.
const TICK: Duration = Duration::from_millis(500);
/// An agent that has just begun asks servers for this long before it heeds how long an earlier one had waited.
const CHANCE: i64 = 10_000_000_000;

/// Points in time, in unix nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Heard {
    /// The start of this agent.
    began: i64,
    /// The last answer to an earlier agent; 0: none.
    before: i64,
    /// The last answer to this one; 0: none.
    last: i64,
    /// How long the last answer is good for, in nanoseconds.
    ttl: i64,
}

impl Heard {
    /// For how long no server has answered (nanoseconds); `None`: not long enough to matter.
    fn silence(&self, now: i64) -> Option<i64> {
        let since = match self.last {
            // A clock that was set back says nothing.
            0 if self.before > 0 && now.saturating_sub(self.began) >= CHANCE => self.before.min(self.began),
            last => last.max(self.began),
        };
        Some(now.saturating_sub(since)).filter(|silence| *silence > self.ttl)
    }
}

pub(crate) async fn run(shared: Arc<Shared>, before: i64) {
    let began = time::now();
    loop {
        tokio::time::sleep(TICK).await;
        let (last, ttl) = (shared.last_heartbeat.load(Ordering::Relaxed), shared.heartbeat_ttl.load(Ordering::Relaxed));
        let Some(silence) = (Heard { began, before, last, ttl }).silence(time::now()) else { continue };
        let handles: Vec<_> = shared.allocs().values().filter(|handle| !handle.is_finished()).cloned().collect();
        for handle in handles {
            let Some(after) = stop_after(&handle.alloc()).filter(|after| silence >= *after) else { continue };
            if handle.begin_cutting() {
                warn!(alloc = %handle.id, after = format_duration(after), "no server has answered for too long, stopping the allocation");
                handle.send(Command::Cut(format!("No server answered for {}, stop_on_client_after", format_duration(after))));
            }
        }
    }
}

/// Nanoseconds.
fn stop_after(alloc: &Allocation) -> Option<i64> {
    alloc.disconnect()?.stop_on_client_after
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: seconds of the start, of the last answer before and after it, of its time to live, and of now; the seconds of silence.
    #[test]
    fn silences() {
        const SECOND: i64 = 1_000_000_000;
        for (began, before, last, ttl, now, expected) in [
            (100, 0, 0, 0, 105, Some(5)),
            (100, 0, 0, 0, 200, Some(100)),
            // servers get their chance before what an earlier agent knew counts
            (100, 40, 0, 0, 105, Some(5)),
            (100, 40, 0, 0, 109, Some(9)),
            (100, 40, 0, 0, 110, Some(70)),
            (100, 99, 0, 0, 112, Some(13)),
            // of the future: a clock was set back
            (100, 500, 0, 0, 130, Some(30)),
            (100, 40, 101, 20, 115, None),
            (100, 40, 101, 20, 121, None),
            (100, 40, 101, 20, 122, Some(21)),
        ] {
            let heard = Heard { began: began * SECOND, before: before * SECOND, last: last * SECOND, ttl: ttl * SECOND };
            let row = (began, before, last, ttl, now);
            assert_eq!(heard.silence(now * SECOND), expected.map(|seconds: i64| seconds * SECOND), "{row:?}");
        }
    }
}
