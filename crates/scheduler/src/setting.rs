//! What operators of the region settled about scheduling, as it concerns one job.

use model::{DEFAULT_NODE_POOL, Job, JobType, SchedulerAlgorithm};
use state::Store;

/// Only jobs whose priority is at least so much lower are pushed aside: those of about the same priority would push each other in circles.
const PRIORITY_GAP: i64 = 10;

#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub region: String,
    /// Full nodes first, or empty ones.
    pub algorithm: SchedulerAlgorithm,
    /// `memory_max` of tasks counts.
    pub oversubscribes: bool,
    /// Jobs up to this priority may be pushed aside.
    pub preempts_up_to: Option<i64>,
}

impl Setting {
    pub(crate) fn of(view: &Store, job: &Job) -> Self {
        let pool = view.node_pool(if job.node_pool.is_empty() { DEFAULT_NODE_POOL } else { &job.node_pool });
        let scheduler = view.scheduler();
        let preemption = &scheduler.preemption;
        let preempts = match job.kind {
            JobType::Service => preemption.service,
            JobType::Batch => preemption.batch,
            JobType::System => preemption.system,
            JobType::Sysbatch => preemption.sysbatch,
        };
        Self {
            region: view.identity().region.to_string(),
            algorithm: scheduler.algorithm_in(pool.as_deref()),
            oversubscribes: scheduler.oversubscribes_in(pool.as_deref()),
            preempts_up_to: preempts.then(|| job.priority.saturating_sub(PRIORITY_GAP)),
        }
    }
}
