//! Launching what is due.

use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use crate::core::{Core, now};
use crate::reconcile::{self, Refused};

/// A job that has just been registered is noticed within this time.
const TICK: Duration = Duration::from_secs(1);
/// Clocks are not that exact: nobody looks again sooner.
const PAUSE: Duration = Duration::from_millis(5);

pub async fn run(core: Arc<Core>) {
    let mut refused = Refused::default();
    loop {
        let mut step = control::periodic(&core.view(), now(), &mut core.ids());
        let wake_refused = refused.hold_back(&mut step.propose);
        if !step.propose.is_empty() {
            for note in &step.notes {
                info!("{note}");
            }
            reconcile::propose(&core, step.propose, &mut refused).await;
        }
        let due = step.wake_at.map_or(TICK, |at| Duration::from_nanos(at.saturating_sub(now()).max(0).unsigned_abs()));
        tokio::time::sleep(due.max(PAUSE).min(wake_refused).min(TICK)).await;
    }
}
