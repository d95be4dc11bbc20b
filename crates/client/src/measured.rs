//! What happens to tasks, counted. Counters of one allocation are forgotten with it.

use model::{AllocId, Allocation, DesiredStatus};
use runner::Ended;
use telemetry::{Counter, Labels};

use crate::shared::Shared;

/// A task was started.
pub(crate) fn started(shared: &Shared, alloc: &Allocation, task: &str) {
    count(shared, "nomad.client.allocs.running", alloc, task);
}

/// A task is started again where it was.
pub(crate) fn restarted(shared: &Shared, alloc: &Allocation, task: &str) {
    count(shared, "nomad.client.allocs.restart", alloc, task);
}

/// A task ended. One that was to stop has not failed, however it ended.
pub(crate) fn ended(shared: &Shared, alloc: &Allocation, task: &str, ended: &Ended) {
    let is_complete = ended.success() || alloc.desired_status != DesiredStatus::Run;
    let name = if is_complete { "nomad.client.allocs.complete" } else { "nomad.client.allocs.failed" };
    count(shared, name, alloc, task);
    if ended.oom_killed {
        count(shared, "nomad.client.allocs.oom_killed", alloc, task);
    }
}

/// The node has forgotten the allocation.
pub(crate) fn forgotten(shared: &Shared, alloc: AllocId) {
    if shared.config.publish_allocation_metrics {
        shared.config.telemetry.forget("alloc_id", &alloc.to_string());
    }
}

fn count(shared: &Shared, name: &'static str, alloc: &Allocation, task: &str) {
    if shared.config.publish_allocation_metrics {
        let counter: Counter = shared.config.telemetry.counter_with(name, labels(alloc, task));
        counter.increment();
    }
}

/// What tells a task apart.
pub(crate) fn labels(alloc: &Allocation, task: &str) -> Labels {
    vec![
        ("alloc_id", alloc.id.to_string()),
        ("job", alloc.job_id.to_string()),
        ("namespace", alloc.namespace.to_string()),
        ("task", task.to_owned()),
        ("task_group", alloc.task_group.to_string()),
    ]
}
