//! foca's timers, in order of their deadlines.

use std::collections::BTreeMap;
use std::time::Duration;

use foca::Timer;

use crate::identity::ServerIdentity;

#[derive(Default)]
pub(crate) struct Timers {
    queue: BTreeMap<(Duration, u64), Timer<ServerIdentity>>,
    sequence: u64,
}

impl Timers {
    pub(crate) fn add(&mut self, deadline: Duration, timer: Timer<ServerIdentity>) {
        self.sequence += 1;
        self.queue.insert((deadline, self.sequence), timer);
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.queue.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// With its deadline.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<(Duration, Timer<ServerIdentity>)> {
        let entry = self.queue.first_entry()?;
        let deadline = entry.key().0;
        (deadline <= now).then(|| (deadline, entry.remove()))
    }

    /// All deadlines later by `delay`: for a process that did not run for so long.
    pub(crate) fn postpone(&mut self, delay: Duration) {
        self.queue = std::mem::take(&mut self.queue).into_iter().map(|((deadline, n), timer)| ((deadline + delay, n), timer)).collect();
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }
}
