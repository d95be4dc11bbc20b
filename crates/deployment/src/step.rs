//! The decision about every active deployment.

use model::{
    Allocation, Deployment, DeploymentState, DeploymentStatus, EvalStatus, EvalTrigger, Evaluation, HealthCheck, IdSource, Job, Phase,
    ReschedulePolicy, TaskGroup,
};
use state::{Command, DeploymentChange, DeploymentUpdate, Store};

use crate::revert::revert;

/// What a reconciler wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    pub propose: Vec<Command>,
    /// Look again at this time at the latest (unix nanoseconds).
    pub wake_at: Option<i64>,
    /// What was noticed, in words, for logs and people.
    pub notes: Vec<String>,
}

impl Step {
    fn wake(&mut self, at: i64) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}

/// Looks at all active deployments. `now` in unix nanoseconds.
pub fn step(view: &Store, now: i64, ids: &mut IdSource) -> Step {
    let mut step = Step::default();
    for deployment in view.active_deployments() {
        if view.is_fenced() && deployment.is_multiregion {
            // The region does not know yet what it has told others about it.
            continue;
        }
        look(view, deployment, now, ids, &mut step);
    }
    step
}

/// To which version of its job the region goes back because of this deployment, if it is looked at now.
pub fn reverts_to(view: &Store, deployment: &Deployment, now: i64, ids: &mut IdSource) -> Option<u64> {
    let mut step = Step::default();
    look(view, deployment, now, ids, &mut step);
    step.propose.into_iter().find_map(|command| match command {
        Command::SetDeploymentStatus(change) if change.update.id == deployment.id => change.revert_to,
        _ => None,
    })
}

/// An evaluation of the deployment's job.
pub fn new_eval(job: &Job, deployment: &Deployment, trigger: EvalTrigger, ids: &mut IdSource) -> Evaluation {
    Evaluation {
        id: ids.next_uuid().into(),
        namespace: job.namespace.clone(),
        priority: job.priority,
        kind: job.kind,
        triggered_by: trigger,
        job_id: job.id.clone(),
        job_modify_index: job.job_modify_index,
        deployment_id: deployment.id,
        status: EvalStatus::Pending,
        ..Default::default()
    }
}

fn look(view: &Store, deployment: &Deployment, now: i64, ids: &mut IdSource, step: &mut Step) {
    let key = deployment.job_key();
    let gone = |description: &str| change(deployment, DeploymentStatus::Cancelled, description, None, None, now);
    let Some(job) = view.job(&key) else {
        step.propose.push(gone("Cancelled because job is stopped"));
        return;
    };
    if job.stop {
        step.propose.push(gone("Cancelled because job is stopped"));
        return;
    }
    if job.version != deployment.job_version || job.create_index != deployment.job_create_index {
        // Of another version, or of a job that had this name before. The scheduler cancels it with its next plan; this is for the case that
        // it has nothing to plan.
        step.propose.push(gone("Cancelled due to newer version of job"));
        return;
    }
    let is_running = deployment.status == DeploymentStatus::Running;
    if !is_running && !may_fail_after_completion(view, deployment) {
        return;
    }
    if let Some((reason, wanted)) = failure(view, deployment, job, is_running, now) {
        let revert = revert(view, deployment, wanted);
        let eval = new_eval(job, deployment, EvalTrigger::DeploymentWatcher, ids);
        let description = format!("{reason}{}", revert.suffix);
        step.notes.push(format!("deployment {} of {key} version {}: {description}", deployment.id, deployment.job_version));
        step.propose.push(change(deployment, DeploymentStatus::Failed, &description, revert.version, Some(eval), now));
        return;
    }
    if !is_running {
        return;
    }
    if should_promote(view, deployment) {
        let eval = new_eval(job, deployment, EvalTrigger::DeploymentWatcher, ids);
        step.notes.push(format!("deployment {} of {key}: canaries are healthy, promoting", deployment.id));
        step.propose.push(Command::PromoteDeployment { id: deployment.id, groups: Vec::new(), eval: Some(Box::new(eval)), time: now });
        return;
    }
    if deployment.is_complete() && !deployment.is_multiregion {
        step.propose.push(change(deployment, DeploymentStatus::Successful, "Deployment completed successfully", None, None, now));
        return;
    }
    if !deployment.is_complete() {
        if something_new(view, deployment) {
            let eval = new_eval(job, deployment, EvalTrigger::DeploymentWatcher, ids);
            step.propose.push(Command::UpsertEvals { evals: vec![eval], time: now });
        }
        for state in deployment.task_groups.values().filter(|state| progress_expected(view, state)) {
            step.wake(state.require_progress_by.0);
        }
    }
}

fn change(
    deployment: &Deployment,
    status: DeploymentStatus,
    description: &str,
    revert_to: Option<u64>,
    eval: Option<Evaluation>,
    now: i64,
) -> Command {
    Command::SetDeploymentStatus(Box::new(DeploymentChange {
        update: DeploymentUpdate { id: deployment.id, status, description: description.to_owned() },
        from: deployment.status,
        revert_to,
        eval,
        time: now,
    }))
}

/// Complete and waiting for other regions, without having promised them yet not to fail any more.
fn may_fail_after_completion(view: &Store, deployment: &Deployment) -> bool {
    deployment.status == DeploymentStatus::Blocked
        && view.rollout_of_deployment(deployment.id).is_some_and(|rollout| rollout.phase == Phase::Blocked)
}

/// Why the deployment has failed, and whether a group that failed wants to be reverted. `clock_runs`: progress is expected.
fn failure(view: &Store, deployment: &Deployment, job: &Job, clock_runs: bool, now: i64) -> Option<(&'static str, bool)> {
    let mut unhealthy = None;
    for alloc in view.deployment_allocs(deployment.id).filter(|alloc| alloc.is_unhealthy()) {
        let Some(state) = deployment.task_groups.get(alloc.task_group.as_str()) else { continue };
        let group = job.group(&alloc.task_group);
        let out_of_attempts = group.is_none_or(|group| !can_be_rescheduled(alloc, group, now));
        // What a person found unhealthy runs on, so nothing is tried again.
        let by_person = group.and_then(TaskGroup::rolling_update).is_some_and(|update| update.health_check == HealthCheck::Manual);
        if state.progress_deadline == 0 || by_person || out_of_attempts && alloc.next_allocation.is_nil() {
            unhealthy = Some(unhealthy.unwrap_or(false) || state.auto_revert);
        }
    }
    if let Some(wanted) = unhealthy {
        return Some(("Failed due to unhealthy allocations", wanted));
    }
    if !clock_runs {
        return None;
    }
    let mut late = None;
    for state in deployment.task_groups.values() {
        if progress_expected(view, state) && state.require_progress_by.0 <= now {
            late = Some(late.unwrap_or(false) || state.auto_revert);
        }
    }
    late.map(|wanted| ("Failed due to progress deadline", wanted))
}

/// The clock of a group runs while it is neither complete nor waiting for a person to promote its canaries.
fn progress_expected(view: &Store, state: &DeploymentState) -> bool {
    if state.require_progress_by.is_never() {
        return false;
    }
    if state.awaits_promotion() {
        return healthy_canaries(view, state) < state.desired_canaries;
    }
    state.healthy_allocs < state.desired_total
}

fn healthy_canaries(view: &Store, state: &DeploymentState) -> i64 {
    let healthy = |id: &&model::AllocId| view.alloc(**id).is_some_and(|alloc| alloc.is_healthy() && !alloc.is_terminal());
    state.placed_canaries.iter().filter(healthy).count() as i64
}

fn can_be_rescheduled(alloc: &Allocation, group: &TaskGroup, now: i64) -> bool {
    let Some(policy) = &group.reschedule_policy else { return false };
    if policy.unlimited {
        return true;
    }
    policy.attempts > 0 && attempts_in_interval(alloc, policy, now) < policy.attempts
}

fn attempts_in_interval(alloc: &Allocation, policy: &ReschedulePolicy, now: i64) -> i64 {
    let events = alloc.reschedule_tracker.iter().flat_map(|tracker| &tracker.events);
    events.filter(|event| now.saturating_sub(event.reschedule_time) < policy.interval).count() as i64
}

/// All groups with canaries promote by themselves and have all their canaries healthy.
fn should_promote(view: &Store, deployment: &Deployment) -> bool {
    let mut any = false;
    for state in deployment.task_groups.values().filter(|state| state.awaits_promotion()) {
        if !state.auto_promote || healthy_canaries(view, state) < state.desired_canaries {
            return false;
        }
        any = true;
    }
    any
}

/// The deployment changed (an allocation became healthy, it was promoted) after the job was looked at last.
fn something_new(view: &Store, deployment: &Deployment) -> bool {
    let mut seen = 0;
    for eval in view.job_evals(&deployment.job_key()) {
        if eval.status == EvalStatus::Pending && eval.wait_until.is_never() {
            return false;
        }
        seen = seen.max(eval.modify_index);
    }
    deployment.modify_index > seen
}
