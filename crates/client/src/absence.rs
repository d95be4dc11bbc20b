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

pub(crate) async fn run(shared: Arc<Shared>) {
    // Nobody knows how long an earlier agent had waited: the time begins anew.
    let began = time::now();
    loop {
        tokio::time::sleep(TICK).await;
        let last = shared.last_heartbeat.load(Ordering::Relaxed).max(began);
        let silence = time::now().saturating_sub(last);
        let ttl = shared.heartbeat_ttl.load(Ordering::Relaxed);
        if silence <= ttl {
            continue;
        }
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

fn stop_after(alloc: &Allocation) -> Option<i64> {
    alloc.group()?.disconnect.as_ref()?.stop_on_client_after
}
