//! What is no longer needed. Thresholds are compared with the time of the last change.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{AllocId, Allocation, JobStatus, JobType, NodeStatus, RegionName, Rollout, RolloutKind};
use state::{Reap, Store};

/// How long things are kept, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    pub job: i64,
    pub eval: i64,
    pub batch_eval: i64,
    pub node: i64,
    pub deployment: i64,
    /// Rollouts that a later one of the job has replaced, and withdrawn ones.
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

    /// For evaluations of jobs of this type, and what they placed.
    fn of_evals(&self, kind: JobType) -> i64 {
        if matches!(kind, JobType::Batch | JobType::Sysbatch) { self.batch_eval } else { self.eval }
    }
}

/// About as many of one kind in one command, so that no log entry becomes huge.
const AT_ONCE: usize = 2_000;

/// What can go at `now` (unix nanoseconds); `None` when nothing.
pub fn garbage(view: &Store, now: i64, thresholds: &Thresholds) -> Option<Reap> {
    let mut reap = Reap::default();
    jobs(view, now, thresholds, &mut reap);
    evals(view, now, thresholds, &mut reap);
    orphans(view, now, thresholds, &mut reap);
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
    for job in view.jobs().filter(|job| job.status == JobStatus::Dead) {
        if reap.jobs.len() + reap.evals.len() + reap.allocs.len() >= AT_ONCE {
            return;
        }
        let key = job.key();
        let evals: Vec<_> = view.job_evals(&key).collect();
        let last = view.job_allocs(&key).map(|alloc| alloc.modify_time).chain(evals.iter().map(|eval| eval.modify_time));
        let last = last.fold(job.submit_time, i64::max);
        let idle = old(last, now, thresholds.job) && evals.iter().all(|eval| eval.is_terminal());
        // A system job that nobody stopped is dead until a node comes; what was rolled out in many regions is missed where it is not.
        let wanted = !job.stop && (job.kind == JobType::System || view.rollout_head(&key).is_some());
        let rolls = [view.rollout_head(&key), view.rollout_staged(&key)].into_iter().flatten().any(|rollout| !rollout.phase.is_terminal())
            || view.job_deployments(&key).any(|deployment| deployment.is_active());
        if !idle || wanted || rolls || !view.job_allocs(&key).all(|alloc| is_over(alloc)) {
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
    for eval in terminal {
        if reap.evals.len() + reap.allocs.len() >= 2 * AT_ONCE {
            return;
        }
        let threshold = thresholds.of_evals(eval.kind);
        if !old(eval.modify_time, now, threshold) {
            continue;
        }
        let is_old = |alloc: &Allocation| removable(view, alloc) && old(alloc.modify_time, now, threshold);
        let allocs: Vec<AllocId> = view.eval_allocs(eval.id).filter(|alloc| is_old(alloc)).map(|alloc| alloc.id).collect();
        if allocs.len() < view.eval_allocs(eval.id).count() {
            reap.allocs.extend(allocs);
            continue;
        }
        reap.allocs.extend(allocs);
        reap.evals.push(eval.id);
    }
}

/// Allocations whose evaluation somebody deleted.
fn orphans(view: &Store, now: i64, thresholds: &Thresholds, reap: &mut Reap) {
    let doomed: BTreeSet<_> = reap.allocs.iter().copied().collect();
    let is_orphan = |alloc: &&Arc<Allocation>| {
        is_over(alloc) && view.eval(alloc.eval_id).is_none() && !doomed.contains(&alloc.id) && removable(view, alloc)
    };
    let threshold = |alloc: &Allocation| thresholds.of_evals(alloc.job.as_ref().map(|job| job.kind).unwrap_or_default());
    let orphans = view.allocs().filter(is_orphan).filter(|alloc| old(alloc.modify_time, now, threshold(alloc)));
    reap.allocs.extend(orphans.take(AT_ONCE).map(|alloc| alloc.id));
}

/// Over, and neither replaced by nothing yet nor needed to count attempts.
fn removable(view: &Store, alloc: &Allocation) -> bool {
    let job = view.job(&alloc.job_key()).filter(|job| !job.stop);
    let wanted = job.is_some_and(|job| match job.kind {
        // The results of a batch job decide that it is not run again: those of its present version stay as long as it does.
        JobType::Batch | JobType::Sysbatch => alloc.is_of(job),
        JobType::Service | JobType::System => !alloc.server_terminal() && alloc.next_allocation.is_nil(),
    });
    is_over(alloc) && !wanted
}

fn nodes(view: &Store, now: i64, thresholds: &Thresholds, reap: &mut Reap) {
    let is_down = |updated_at: i64| old(updated_at.saturating_mul(1_000_000_000), now, thresholds.node);
    let down = view.nodes().filter(|node| node.status == NodeStatus::Down && is_down(node.status_updated_at));
    let unused = down.filter(|node| view.node_allocs(node.id).all(|alloc| alloc.is_terminal()));
    reap.nodes.extend(unused.take(AT_ONCE).map(|node| node.id));
}

fn deployments(view: &Store, now: i64, thresholds: &Thresholds, reap: &mut Reap) {
    let doomed: BTreeSet<_> = reap.deployments.iter().copied().collect();
    let ended = view.deployments().filter(|deployment| !deployment.is_active() && !doomed.contains(&deployment.id));
    let unused = ended.filter(|deployment| {
        // What the head rollout did here is shown in all regions.
        view.rollout_of_deployment(deployment.id).is_none()
            && old(deployment.modify_time, now, thresholds.deployment)
            && view.deployment_allocs(deployment.id).all(|alloc| alloc.is_terminal())
    });
    reap.deployments.extend(unused.take(AT_ONCE).map(|deployment| deployment.id));
}

fn rollouts(view: &Store, now: i64, thresholds: &Thresholds, reap: &mut Reap) {
    let over = view.rollouts().filter(|rollout| rollout.phase.is_terminal() && old(rollout.modify_time, now, thresholds.rollout));
    let unused = over.filter(|rollout| !is_still_told(view, rollout));
    reap.rollouts.extend(unused.take(AT_ONCE).map(|rollout| rollout.header.id.clone()));
}

/// Whether another region may still need to hear of it. The head of a job always: one that was away learns from it what to do. What another
/// region proposed and withdrew never: its origin tells. Everything else until each region that may have voted for it, or was away and has yet
/// to hear of it, has voted for a later one, because without its end that region could not; one that was excluded from it gives its vote up.
fn is_still_told(view: &Store, rollout: &Rollout) -> bool {
    let header = &rollout.header;
    let key = header.job_key();
    if view.rollout_head(&key).is_some_and(|head| head.header.id == header.id) {
        return true;
    }
    if !rollout.phase.is_adopted() && header.id.origin != view.identity().region {
        return false;
    }
    let is_later = |other: &&Arc<Rollout>| {
        let later = &other.header;
        other.phase.is_adopted() && later.kind == RolloutKind::Run && later.id > header.id && later.job_key() == key
    };
    let has_voted = |later: &Rollout, region: &RegionName| {
        later.header.participants().any(|other| other == region) && !later.overrides.excluded.contains(region)
    };
    !view.rollouts().filter(is_later).any(|later| header.everybody().all(|region| has_voted(later, region)))
}
