//! What is no longer needed. Thresholds are compared with the time of the last change.

use std::collections::BTreeSet;

use model::{AllocId, Allocation, JobStatus, NodeStatus};
use state::{Reap, Store};

/// How long things are kept, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    pub job: i64,
    pub eval: i64,
    pub batch_eval: i64,
    pub node: i64,
    pub deployment: i64,
    /// Rollouts that a later one of the job has replaced.
    pub rollout: i64,
}

const HOUR: i64 = 3_600_000_000_000;

impl Default for Thresholds {
    fn default() -> Self {
        Self { job: 4 * HOUR, eval: HOUR, batch_eval: 24 * HOUR, node: 24 * HOUR, deployment: HOUR, rollout: 72 * HOUR }
    }
}

impl Thresholds {
    /// Everything that can go, goes now. Rollouts are kept: other regions may still ask for them.
    pub const NOW: Self = Self { job: 0, eval: 0, batch_eval: 0, node: 0, deployment: 0, rollout: 72 * HOUR };
}

/// At most this many of one kind in one command, so that no log entry becomes huge.
const AT_ONCE: usize = 2_000;

/// What can go at `now` (unix nanoseconds); `None` when nothing.
pub fn garbage(view: &Store, now: i64, thresholds: &Thresholds) -> Option<Reap> {
    let mut reap = Reap::default();
    jobs(view, now, thresholds, &mut reap);
    evals(view, now, thresholds, &mut reap);
    nodes(view, now, thresholds, &mut reap);
    deployments(view, now, thresholds, &mut reap);
    rollouts(view, now, thresholds, &mut reap);
    (reap != Reap::default()).then_some(reap)
}

/// The node has reported the end, or will never report again.
fn is_over(alloc: &Allocation) -> bool {
    alloc.client_status.is_terminal()
}

fn old(modify_time: i64, now: i64, threshold: i64) -> bool {
    now.saturating_sub(modify_time) >= threshold
}

fn jobs(view: &Store, now: i64, thresholds: &Thresholds, reap: &mut Reap) {
    for job in view.jobs().filter(|job| job.status == JobStatus::Dead).take(AT_ONCE) {
        let key = job.key();
        let evals: Vec<_> = view.job_evals(&key).collect();
        let last = evals.iter().map(|eval| eval.modify_time).max().unwrap_or(job.submit_time);
        let idle = old(last, now, thresholds.job) && evals.iter().all(|eval| eval.is_terminal());
        // A service that nobody stopped is dead only for the moment.
        let wanted = !job.stop && job.kind == model::JobType::Service && job.task_groups.iter().any(|group| group.count > 0);
        if !idle || wanted || !view.job_allocs(&key).all(|alloc| is_over(alloc)) {
            continue;
        }
        reap.evals.extend(evals.iter().map(|eval| eval.id));
        reap.allocs.extend(view.job_allocs(&key).map(|alloc| alloc.id));
        reap.deployments.extend(view.job_deployments(&key).map(|deployment| deployment.id));
        reap.jobs.push(key);
    }
}

fn evals(view: &Store, now: i64, thresholds: &Thresholds, reap: &mut Reap) {
    let doomed: BTreeSet<_> = reap.evals.iter().copied().collect();
    let terminal = view.evals().filter(|eval| eval.is_terminal() && !doomed.contains(&eval.id));
    for eval in terminal.take(AT_ONCE) {
        let job = view.job(&eval.job_key());
        let batch = eval.kind == model::JobType::Batch;
        let threshold = if batch { thresholds.batch_eval } else { thresholds.eval };
        // The results of a batch job decide that it is not run again, so they stay as long as the job.
        let needed = batch && job.is_some_and(|job| job.status != JobStatus::Dead || !job.stop);
        if needed || !old(eval.modify_time, now, threshold) {
            continue;
        }
        let allocs: Vec<AllocId> = view.eval_allocs(eval.id).filter(|alloc| removable(view, alloc)).map(|alloc| alloc.id).collect();
        if allocs.len() < view.eval_allocs(eval.id).count() {
            reap.allocs.extend(allocs);
            continue;
        }
        reap.allocs.extend(allocs);
        reap.evals.push(eval.id);
    }
}

/// Over, and neither replaced by nothing yet nor needed to count attempts.
fn removable(view: &Store, alloc: &Allocation) -> bool {
    let wanted = view.job(&alloc.job_key()).is_some_and(|job| !job.stop) && !alloc.server_terminal();
    is_over(alloc) && (!wanted || !alloc.next_allocation.is_nil())
}

fn nodes(view: &Store, now: i64, thresholds: &Thresholds, reap: &mut Reap) {
    let down =
        view.nodes().filter(|node| node.status == NodeStatus::Down && old(node.status_updated_at * 1_000_000_000, now, thresholds.node));
    for node in down.take(AT_ONCE) {
        if view.node_allocs(node.id).all(|alloc| alloc.is_terminal()) {
            reap.nodes.push(node.id);
        }
    }
}

fn deployments(view: &Store, now: i64, thresholds: &Thresholds, reap: &mut Reap) {
    let doomed: BTreeSet<_> = reap.deployments.iter().copied().collect();
    let ended = view.deployments().filter(|deployment| !deployment.is_active() && !doomed.contains(&deployment.id));
    for deployment in ended.take(AT_ONCE) {
        let head = view.rollout_of_deployment(deployment.id).is_some();
        if !head
            && old(deployment.modify_time, now, thresholds.deployment)
            && view.deployment_allocs(deployment.id).all(|alloc| alloc.is_terminal())
        {
            reap.deployments.push(deployment.id);
        }
    }
}

fn rollouts(view: &Store, now: i64, thresholds: &Thresholds, reap: &mut Reap) {
    for rollout in view.rollouts().filter(|rollout| rollout.phase.is_terminal()).take(AT_ONCE) {
        let key = rollout.header.job_key();
        let head = view.rollout_head(&key).is_some_and(|head| head.header.id == rollout.header.id);
        if !head && old(rollout.modify_time, now, thresholds.rollout) {
            reap.rollouts.push(rollout.header.id.clone());
        }
    }
}
