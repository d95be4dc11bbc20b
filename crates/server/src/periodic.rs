//! Launching what is due.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use crate::core::{Core, now};
use crate::reconcile::{self, Refused};

/// A job that has just been registered is noticed within this time.
const TICK: Duration = Duration::from_secs(1);
/// Clocks are not that exact: nobody looks again sooner.
const PAUSE: Duration = Duration::from_millis(5);

pub async fn run(core: Arc<Core>) {
    let mut refused = Refused::default();
    loop {
        let (view, mut ids) = (core.view(), core.ids());
        // Schedules of many jobs, or one that is never due again, take a while.
        let looked = tokio::task::spawn_blocking(move || control::periodic(&view, now(), &mut ids)).await;
        let mut step = looked.unwrap_or_else(|problem| {
            warn!(%problem, "what is due was not found out, looking again");
            control::Step::default()
        });
        let wake_refused = refused.hold_back(&mut step.propose);
        if !step.propose.is_empty() {
            for note in &step.notes {
                debug!("{note}");
            }
            reconcile::propose(&core, step.propose, &mut refused).await;
        }
        let due = step.wake_at.map_or(TICK, |at| Duration::from_nanos(at.saturating_sub(now()).max(0).unsigned_abs()));
        tokio::time::sleep(due.max(PAUSE).min(wake_refused).min(TICK)).await;
    }
}
