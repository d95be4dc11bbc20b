//! Writes, on the leader: admitted against a view, stamped with time and ids, put into the log.

use std::sync::Arc;

use model::{
    AllocId, Deployment, DeploymentId, DeploymentStatus, DesiredTransition, EvalId, EvalTrigger, Evaluation, Job, JobKey, NodeId, Phase,
    RegionName, Rollout, ScalingEvent, lists,
};
use rpc::message::{Failure, Findings, RegisterJob, Write, WriteReply, WriteValue};
use state::{Applied, Command, DeploymentChange, DeploymentUpdate, Outcome, PhaseChange, Reap, View};

use crate::core::{self, Core, now};
use crate::{
    autopilot, drain, eval_delete, launch, leader, members, node, places, plan, preserve, rollout, scaling, scheduler_config, tags,
    transitions,
};

/// One of as many as may be under way.
pub async fn write(core: &Arc<Core>, what: Write) -> Result<WriteReply, Failure> {
    let Ok(_place) = core.writes.try_acquire() else {
        let n_max = core.config.bounds.pending_writes;
        return Err(Failure::new(429, format!("{n_max} writes wait already, limits.max_pending_writes: try again later")));
    };
    take(core, what).await
}

async fn take(core: &Arc<Core>, what: Write) -> Result<WriteReply, Failure> {
    match what {
        Write::RegisterJob(register) => register_job(core, *register).await,
        Write::PlanJob { job, diff: _ } => {
            let plan = plan::plan(core, &job).await?;
            Ok(WriteReply { index: core.view().index(), value: WriteValue::Plan(Box::new(plan)) })
        }
        Write::DeregisterJob { key, purge, global, eval_priority, no_shutdown_delay } => {
            deregister_job(core, key, purge, global, eval_priority, no_shutdown_delay).await
        }
        Write::EvaluateJob { key, force_reschedule } => evaluate_job(core, &key, force_reschedule).await,
        Write::RevertJob { key, version, enforce_prior_version } => revert_job(core, &key, version, enforce_prior_version).await,
        Write::SetJobStability { key, version, stable } => {
            let applied = core.execute(Command::SetJobStability { key, version, stable }).await?;
            Ok(reply(&applied, WriteValue::Done))
        }
        Write::ScaleJob { key, group, count, message, error, meta, enforce_index } => {
            scale_job(core, &key, Scaling { group, count, message, error, meta, enforce_index }).await
        }
        Write::StopAlloc { id, no_shutdown_delay, reschedule } => stop_alloc(core, id, no_shutdown_delay, reschedule).await,
        Write::FailDeployment { id } => act(core, id, Act::Fail).await,
        Write::PauseDeployment { id, pause } => act(core, id, if pause { Act::Pause } else { Act::Resume }).await,
        Write::PromoteDeployment { id, groups } => {
            let active = active_deployment(&core.view(), id, "promote")?;
            let eval = deployment_eval(core, &active)?;
            let eval_id = eval.id;
            let applied = core.execute(Command::PromoteDeployment { id, groups, eval: Some(Box::new(eval)), time: now() }).await?;
            Ok(deployment_reply(&applied, eval_id, None))
        }
        Write::SetAllocHealth { id, healthy, unhealthy } => {
            let view = core.view();
            let active = active_deployment(&view, id, "set health of allocations for")?;
            let eval = deployment_eval(core, &active)?;
            let eval_id = eval.id;
            let command = Command::SetAllocHealth { id, healthy, unhealthy, eval: Some(Box::new(eval)), time: now() };
            // What the deployment's watcher makes of it in a moment.
            let mut trial = (*view).clone();
            trial.apply(view.index() + 1, &command);
            let reverted = trial.deployment(id).and_then(|judged| deployment::reverts_to(&trial, judged, now(), &mut core.ids()));
            let applied = core.execute(command).await?;
            Ok(deployment_reply(&applied, eval_id, reverted))
        }
        Write::UnblockDeployment { id } => act(core, id, Act::Unblock).await,
        Write::SetNodeEligibility { id, eligible } => set_node_eligibility(core, id, eligible).await,
        Write::EvaluateNode { id } => {
            let evals = node_evals(core, id)?;
            let eval_ids = evals.iter().map(|eval| eval.id).collect();
            let applied = core.execute(Command::UpsertEvals { evals, time: now() }).await?;
            // The node itself stays as it is.
            let node_modify_index = core.view().node(id).map_or(0, |node| node.modify_index);
            Ok(reply(&applied, WriteValue::Node { eval_ids, node_modify_index }))
        }
        Write::PurgeNode { id } => purge_node(core, id).await,
        Write::CollectGarbage => {
            leader::collect(core, &control::Thresholds::NOW).await?;
            Ok(WriteReply { index: core.view().index(), value: WriteValue::Done })
        }
        Write::OverrideRollout { key, overrides } => rollout::assert(core, &key, overrides).await,
        Write::RemovePeer { server } => members::remove_peer(core, &server).await,
        Write::TransferLeadership { server } => members::transfer_leadership(core, &server).await,
        Write::DrainNode { id, drain, mark_eligible, meta } => drain::set(core, id, drain, mark_eligible, meta).await,
        Write::SetAutopilot { config, cas } => autopilot::set(core, config, cas).await,
        Write::DispatchJob(dispatch) => launch::dispatch(core, *dispatch).await,
        Write::ForceLaunch { key } => launch::force(core, key).await,
        Write::TagJobVersion { key, name, tag } => tags::tag(core, key, name, tag).await,
        Write::Places { change, passed_on_by } => places::change(core, change, passed_on_by).await,
        Write::SetScheduler { config, cas } => scheduler_config::set(core, config, cas).await,
        Write::DeleteEvals { ids } => eval_delete::delete(core, ids).await,
        Write::ReconcileSummaries => {
            let applied = core.execute(Command::ReconcileSummaries).await?;
            Ok(reply(&applied, WriteValue::Done))
        }
    }
}

fn reply(applied: &Applied, value: WriteValue) -> WriteReply {
    WriteReply { index: applied.index, value }
}

fn deployment_reply(applied: &Applied, eval_id: model::EvalId, reverted_job_version: Option<u64>) -> WriteReply {
    reply(applied, WriteValue::Deployment { eval_id, deployment_modify_index: applied.index, reverted_job_version })
}

fn known_job(view: &View, key: &JobKey) -> Result<Arc<Job>, Failure> {
    view.job(key).cloned().ok_or_else(|| Failure::not_found("job not found"))
}

/// The answer to a write that made an evaluation of a job, unless it is a parent.
fn job_reply(applied: &Applied, eval: Option<&Evaluation>, warnings: String) -> WriteReply {
    let job_modify_index = match applied.outcome {
        Outcome::Registered { job_modify_index, .. } => job_modify_index,
        _ => applied.index,
    };
    let eval_id = eval.map(|eval| eval.id).unwrap_or_default();
    reply(applied, WriteValue::Job { eval_id, job_modify_index, warnings, unreached: Vec::new() })
}

// ---- jobs

async fn register_job(core: &Arc<Core>, mut register: RegisterJob) -> Result<WriteReply, Failure> {
    scheduler_config::admits(&core.view())?;
    check_eval_priority(core, register.eval_priority)?;
    let dropped = drop_large_source(&mut register.submission, core.config.bounds.jobs.source_bytes_max);
    let mut answer = if register.job.is_multiregion() {
        register.job = Arc::new(transitions::identified((*register.job).clone()));
        rollout::submit(core, register).await?
    } else {
        register_here(core, register).await?
    };
    if let (Some(dropped), WriteValue::Job { warnings, .. }) = (dropped, &mut answer.value) {
        let dropped = Findings { warnings: vec![dropped], ..Default::default() };
        *warnings = lists::join_warnings(warnings, &dropped.warning_text());
    }
    Ok(answer)
}

/// An evaluation may be as important as a job; 0: as its job.
fn check_eval_priority(core: &Core, priority: i64) -> Result<(), Failure> {
    let refused = transitions::too_important("the priority of an evaluation", core.config.bounds.jobs.priority_max, priority);
    refused.filter(|_| priority != 0).map_or(Ok(()), |text| Err(Failure::bad_request(text)))
}

/// What was submitted is for people to read; a very long one is not kept, which is said.
fn drop_large_source(submission: &mut Option<model::JobSubmission>, most: u64) -> Option<String> {
    let flags =
        |submission: &model::JobSubmission| submission.variable_flags.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    let size = |submission: &model::JobSubmission| submission.source.len() + submission.variables.len() + flags(submission);
    let size = size(submission.as_ref()?) as u64;
    (size > most).then(|| {
        *submission = None;
        format!("the source of the job has {size} bytes and is not kept: server.job_max_source_size allows {most}")
    })
}

async fn register_here(core: &Core, register: RegisterJob) -> Result<WriteReply, Failure> {
    let view = core.view();
    let job = plan::effective(core, &register.job)?;
    let job = preserve::kept(&register, job, view.job(&register.job.key()));
    let findings = plan::findings(core, &view, &job);
    if !findings.errors.is_empty() {
        return Err(Failure::internal(findings.error_text()));
    }
    refuse_during_rollout(&view, &job.key(), "registering it in one region only")?;
    let mut eval = launch::eval_of(&job, EvalTrigger::JobRegister, &mut core.ids());
    if let Some(eval) = eval.as_mut().filter(|_| register.eval_priority > 0) {
        eval.priority = register.eval_priority;
    }
    put_job(core, job, register.submission, register.enforce_index, eval, findings.warning_text()).await
}

async fn put_job(
    core: &Core,
    job: Job,
    submission: Option<model::JobSubmission>,
    enforce_index: Option<u64>,
    eval: Option<Evaluation>,
    warnings: String,
) -> Result<WriteReply, Failure> {
    let command = state::RegisterJob { job: Arc::new(job), submission, enforce_index, eval: eval.clone(), time: now() };
    let applied = core.execute(Command::RegisterJob(Box::new(command))).await?;
    Ok(job_reply(&applied, eval.as_ref(), warnings))
}

/// Local acts on a job wait until its rollout is at its end here, or held for a person.
fn refuse_during_rollout(view: &View, key: &JobKey, what: &str) -> Result<(), Failure> {
    let open = view.rollout_staged(key).or_else(|| view.rollout_head(key)).filter(|rollout| !rollout.phase.is_terminal());
    match open {
        Some(rollout) if rollout.phase != Phase::Held => Err(Failure::bad_request(format!(
            "job {:?} has a multi-region rollout that is {} here: {what} has to wait until it ends, is aborted, or is held",
            key.id, rollout.phase
        ))),
        _ => Ok(()),
    }
}

async fn deregister_job(
    core: &Arc<Core>,
    key: JobKey,
    purge: bool,
    global: bool,
    eval_priority: i64,
    no_shutdown_delay: bool,
) -> Result<WriteReply, Failure> {
    check_eval_priority(core, eval_priority)?;
    let view = core.view();
    let Some(job) = view.job(&key).cloned() else { return evaluate_unknown_job(core, key, eval_priority).await };
    if global && let Some(head) = view.rollout_head(&key) {
        return rollout::stop_everywhere(core, head, purge).await;
    }
    let mut eval = launch::eval_of(&job, EvalTrigger::JobDeregister, &mut core.ids());
    if let Some(eval) = eval.as_mut().filter(|_| eval_priority > 0) {
        eval.priority = eval_priority;
    }
    if no_shutdown_delay {
        let transition = DesiredTransition { no_shutdown_delay: Some(true), ..Default::default() };
        let transitions = view.job_allocs(&key).filter(|alloc| !alloc.is_terminal()).map(|alloc| (alloc.id, transition.clone())).collect();
        core.execute(Command::SetTransitions { transitions, evals: Vec::new(), time: now() }).await?;
    }
    let command = Command::DeregisterJob { key, purge, eval: eval.clone().map(Box::new), time: now() };
    let applied = core.execute(command).await?;
    Ok(job_reply(&applied, eval.as_ref(), String::new()))
}

/// A job that is not there is as good as stopped: clients get an evaluation all the same, which stops what may be left of it.
async fn evaluate_unknown_job(core: &Core, key: JobKey, eval_priority: i64) -> Result<WriteReply, Failure> {
    let priority = if eval_priority > 0 { eval_priority } else { core.config.bounds.jobs.priority_default };
    let job = Job { id: key.id, namespace: key.namespace, priority, ..Default::default() };
    let eval = control::job_eval(&job, EvalTrigger::JobDeregister, &mut core.ids());
    let applied = core.execute(Command::UpsertEvals { evals: vec![eval.clone()], time: now() }).await?;
    Ok(job_reply(&applied, Some(&eval), String::new()))
}

async fn evaluate_job(core: &Core, key: &JobKey, force_reschedule: bool) -> Result<WriteReply, Failure> {
    // Each is little to ask and much to do: whoever asks for very many waits, and nobody else. Nobody closes the semaphore.
    let _turn = core.evaluating.acquire().await;
    let view = core.view();
    let job = known_job(&view, key)?;
    if job.is_parent() {
        let text = "is periodic or parameterized, so nothing of it is placed: evaluate one of its children";
        return Err(Failure::internal(format!("job {:?} {text}", key.id.as_str())));
    }
    let eval = control::job_eval(&job, EvalTrigger::JobRegister, &mut core.ids());
    let mut transitions = Vec::new();
    if force_reschedule {
        let transition = DesiredTransition { force_reschedule: Some(true), ..Default::default() };
        let failed = view.job_allocs(key).filter(|alloc| {
            alloc.client_status == model::ClientStatus::Failed && alloc.next_allocation.is_nil() && !alloc.server_terminal()
        });
        transitions.extend(failed.map(|alloc| (alloc.id, transition.clone())));
    }
    let applied = core.execute(Command::SetTransitions { transitions, evals: vec![eval.clone()], time: now() }).await?;
    let value =
        WriteValue::Job { eval_id: eval.id, job_modify_index: job.job_modify_index, warnings: String::new(), unreached: Vec::new() };
    Ok(reply(&applied, value))
}

async fn revert_job(core: &Core, key: &JobKey, version: u64, enforce_prior_version: Option<u64>) -> Result<WriteReply, Failure> {
    let view = core.view();
    let present = known_job(&view, key)?;
    if let Some(wanted) = enforce_prior_version.filter(|wanted| *wanted != present.version) {
        return Err(Failure::internal(format!("Current job has version {}; enforcing version {wanted}", present.version)));
    }
    if version == present.version {
        return Err(Failure::internal(format!("can't revert to current version {version}")));
    }
    let Some(earlier) = view.job_version(key, version) else {
        let known: Vec<String> = view.job_versions(key).iter().map(|job| job.version.to_string()).collect();
        return Err(Failure::not_found(format!("job {:?} has no version {version}; kept: {}", key.id, known.join(", "))));
    };
    refuse_during_rollout(&view, key, "reverting it in one region")?;
    scheduler_config::admits(&view)?;
    let job = Job { stop: false, ..(**earlier).clone() };
    if let Some(problem) = transitions::other_kind(Some(&present), &job) {
        return Err(Failure::internal(problem));
    }
    let eval = launch::eval_of(&job, EvalTrigger::JobRegister, &mut core.ids());
    let submission = view.job_submission(key, version).map(|submission| (**submission).clone());
    put_job(core, job, submission, None, eval, String::new()).await
}

/// What a person or an autoscaler wants of the count of a group.
struct Scaling {
    group: String,
    /// `None`: only to be noted.
    count: Option<i64>,
    message: String,
    error: bool,
    meta: String,
    /// Only if the job's modify index is this.
    enforce_index: Option<u64>,
}

async fn scale_job(core: &Core, key: &JobKey, scaling: Scaling) -> Result<WriteReply, Failure> {
    let Scaling { group, count, message, error, meta, enforce_index } = scaling;
    let view = core.view();
    let present = known_job(&view, key)?;
    let Some(before) = present.group(&group) else {
        let known: Vec<&str> = present.task_groups.iter().map(|group| group.name.as_str()).collect();
        return Err(Failure::bad_request(format!(
            "task group {group:?} specified for scaling does not exist in job; known: {}",
            known.join(", ")
        )));
    };
    let time = now();
    let mut event =
        ScalingEvent { time, count, previous_count: before.count, message, error, meta, eval_id: EvalId::default(), create_index: 0 };
    let mut register = None;
    if let Some(count) = count {
        scheduler_config::admits(&view)?;
        if let Some(problem) = scaling::problem(&present, before, count) {
            return Err(Failure::bad_request(problem));
        }
        if let Some(wanted) = enforce_index.filter(|wanted| *wanted != present.job_modify_index) {
            return Err(Failure::internal(format!(
                "Enforcing job modify index {wanted}: job exists with conflicting job modify index: {}",
                present.job_modify_index
            )));
        }
        if view.latest_deployment(key).is_some_and(|deployment| deployment.is_active() && deployment.job_version == present.version) {
            return Err(Failure::bad_request("job scaling blocked due to active deployment"));
        }
        refuse_during_rollout(&view, key, "scaling it in one region")?;
        let mut job = (*present).clone();
        if let Some(scaled) = job.task_groups.iter_mut().find(|known| known.name == group) {
            scaled.count = count;
        }
        if let Some(problem) = transitions::too_many(core.config.bounds.jobs.count_max, &job) {
            return Err(Failure::bad_request(problem));
        }
        let eval = launch::eval_of(&job, EvalTrigger::JobScaling, &mut core.ids());
        event.eval_id = eval.as_ref().map(|eval| eval.id).unwrap_or_default();
        let enforce_index = Some(present.job_modify_index);
        register = Some(state::RegisterJob { job: Arc::new(job), submission: None, enforce_index, eval, time });
    }
    let eval_id = event.eval_id;
    let command = state::ScaleJob { key: key.clone(), group, register, event };
    let applied = core.execute(Command::ScaleJob(Box::new(command))).await?;
    let job_modify_index = match applied.outcome {
        Outcome::Registered { job_modify_index, .. } => job_modify_index,
        _ => present.job_modify_index,
    };
    Ok(reply(&applied, WriteValue::Job { eval_id, job_modify_index, warnings: String::new(), unreached: Vec::new() }))
}

async fn stop_alloc(core: &Core, id: AllocId, no_shutdown_delay: bool, reschedule: bool) -> Result<WriteReply, Failure> {
    let view = core.view();
    let Some(alloc) = view.alloc(id) else { return Err(Failure::not_found("allocation not found")) };
    let job = view.job(&alloc.job_key()).or(alloc.job.as_ref()).cloned().ok_or_else(|| Failure::not_found("job not found"))?;
    let eval = control::job_eval(&job, EvalTrigger::AllocStop, &mut core.ids());
    let transition = DesiredTransition {
        migrate: (!reschedule).then_some(true),
        reschedule: reschedule.then_some(true),
        no_shutdown_delay: no_shutdown_delay.then_some(true),
        ..Default::default()
    };
    let command = Command::SetTransitions { transitions: vec![(id, transition)], evals: vec![eval.clone()], time: now() };
    let applied = core.execute(command).await?;
    Ok(reply(&applied, WriteValue::Evals(vec![eval.id])))
}

// ---- deployments

/// What a person does to a deployment.
#[derive(Clone, Copy)]
enum Act {
    Fail,
    Pause,
    Resume,
    Unblock,
}

/// Decided on a view; when the rollout moved on before it was applied, it is decided again.
async fn act(core: &Core, id: DeploymentId, act: Act) -> Result<WriteReply, Failure> {
    const TRIES: usize = 5;
    let mut tried = 1;
    loop {
        let before = core.view().index();
        let answer = match act {
            Act::Fail => fail_deployment(core, id).await,
            Act::Pause => pause_deployment(core, id, true).await,
            Act::Resume => pause_deployment(core, id, false).await,
            Act::Unblock => unblock_deployment(core, id).await,
        };
        match answer {
            // Refused on a view that is no longer the present one: what was true may have changed.
            Err(failure) if tried < TRIES && failure.code == 500 && core.view().index() > before => tried += 1,
            answer => return answer,
        }
    }
}

fn known_deployment(view: &View, id: DeploymentId) -> Result<Arc<Deployment>, Failure> {
    view.deployment(id).cloned().ok_or_else(|| Failure::not_found("deployment not found"))
}

/// `act` completes "can't … terminal deployment", which clients know.
fn active_deployment(view: &View, id: DeploymentId, act: &str) -> Result<Arc<Deployment>, Failure> {
    let deployment = known_deployment(view, id)?;
    if deployment.is_active() {
        Ok(deployment)
    } else {
        Err(Failure::internal(format!("can't {act} terminal deployment: {id} is {}", deployment.status)))
    }
}

fn deployment_eval(core: &Core, deployment: &Deployment) -> Result<Evaluation, Failure> {
    let job = known_job(&core.view(), &deployment.job_key())?;
    Ok(deployment::new_eval(&job, deployment, EvalTrigger::DeploymentWatcher, &mut core.ids()))
}

async fn fail_deployment(core: &Core, id: DeploymentId) -> Result<WriteReply, Failure> {
    let view = core.view();
    let deployment = active_deployment(&view, id, "fail")?;
    let wanted = deployment.task_groups.values().any(|state| state.auto_revert);
    let revert = deployment::revert(&view, &deployment, wanted);
    let eval = deployment_eval(core, &deployment)?;
    let eval_id = eval.id;
    let description = format!("Deployment marked as failed{}", revert.suffix);
    let command = match view.rollout_of_deployment(id).filter(|rollout| !rollout.phase.is_terminal()) {
        Some(rollout) => Command::SetRolloutPhase(Box::new(PhaseChange {
            revert_to: revert.version,
            eval: Some(eval),
            ..forced(rollout, Phase::Failed, &description)
        })),
        None => Command::SetDeploymentStatus(Box::new(DeploymentChange {
            update: DeploymentUpdate { id, status: DeploymentStatus::Failed, description },
            from: deployment.status,
            revert_to: revert.version,
            eval: Some(eval),
            time: now(),
        })),
    };
    let applied = core.execute(command).await?;
    Ok(deployment_reply(&applied, eval_id, revert.version))
}

async fn pause_deployment(core: &Core, id: DeploymentId, pause: bool) -> Result<WriteReply, Failure> {
    let view = core.view();
    let deployment = active_deployment(&view, id, if pause { "pause" } else { "resume" })?;
    let eval = deployment_eval(core, &deployment)?;
    let eval_id = eval.id;
    let command = match view.rollout_of_deployment(id).filter(|rollout| !rollout.phase.is_terminal()) {
        Some(rollout) => {
            let to = match (pause, rollout.phase) {
                (true, Phase::Running | Phase::Adopted) => Phase::Paused,
                (false, Phase::Paused) => rollout.resume_to.unwrap_or(Phase::Adopted),
                (true, phase) => return Err(Failure::bad_request(format!("a deployment that is {phase} cannot be paused"))),
                (false, phase) => return Err(Failure::bad_request(format!("the deployment is {phase}, not paused"))),
            };
            Command::SetRolloutPhase(Box::new(PhaseChange { eval: Some(eval), ..forced(rollout, to, "") }))
        }
        None => {
            let (status, description) = match (pause, deployment.status) {
                (true, DeploymentStatus::Running) => (DeploymentStatus::Paused, "Deployment is paused"),
                (false, DeploymentStatus::Paused) => (DeploymentStatus::Running, "Deployment is running"),
                (true, status) => return Err(Failure::bad_request(format!("a deployment that is {status} cannot be paused"))),
                (false, status) => return Err(Failure::bad_request(format!("the deployment is {status}, not paused"))),
            };
            Command::SetDeploymentStatus(Box::new(DeploymentChange {
                update: DeploymentUpdate { id, status, description: description.to_owned() },
                from: deployment.status,
                revert_to: None,
                eval: Some(eval),
                time: now(),
            }))
        }
    };
    let applied = core.execute(command).await?;
    Ok(deployment_reply(&applied, eval_id, None))
}

async fn unblock_deployment(core: &Core, id: DeploymentId) -> Result<WriteReply, Failure> {
    let view = core.view();
    let deployment = known_deployment(&view, id)?;
    let Some(rollout) = view.rollout_of_deployment(id) else {
        return Err(Failure::bad_request(format!("deployment {id} is not part of a multi-region rollout")));
    };
    if !matches!(rollout.phase, Phase::Blocked | Phase::Held | Phase::Unblocking) {
        return Err(Failure::bad_request(format!("can't unblock deployment {id}: it is {}, not blocked", deployment.status)));
    }
    let eval = deployment_eval(core, &deployment)?;
    let eval_id = eval.id;
    let change = PhaseChange { forced: true, eval: Some(eval), ..forced(rollout, Phase::Successful, "Deployment completed successfully") };
    let applied = core.execute(Command::SetRolloutPhase(Box::new(change))).await?;
    Ok(deployment_reply(&applied, eval_id, None))
}

/// A step of the rollout that an operator asked for.
fn forced(rollout: &Rollout, to: Phase, cause: &str) -> PhaseChange {
    PhaseChange {
        id: rollout.header.id.clone(),
        from: rollout.phase,
        to,
        cause: cause.to_owned(),
        cause_region: RegionName::default(),
        forced: false,
        revert_to: None,
        stop_job: false,
        eval: None,
        time: now(),
    }
}

// ---- nodes

fn node_evals(core: &Core, id: NodeId) -> Result<Vec<Evaluation>, Failure> {
    let view = core.view();
    if view.node(id).is_none() {
        return Err(Failure::not_found("node not found"));
    }
    Ok(control::node_evals(&view, id, &mut core.ids()))
}

async fn set_node_eligibility(core: &Core, id: NodeId, eligible: bool) -> Result<WriteReply, Failure> {
    if eligible && core.view().node(id).is_some_and(|node| node.drain_strategy.is_some()) {
        return Err(Failure::bad_request(format!("node {id} is draining and takes no work: end the drain first (node drain -disable)")));
    }
    let evals = if eligible { node_evals(core, id)? } else { Vec::new() };
    let eval_ids = evals.iter().map(|eval| eval.id).collect();
    let (eligibility, message) = if eligible {
        (model::Eligibility::Eligible, "Node marked as eligible for scheduling")
    } else {
        (model::Eligibility::Ineligible, "Node marked as ineligible for scheduling")
    };
    let time = now();
    let event = Some(node::event(message, time));
    let applied = core.execute(Command::SetNodeEligibility { id, eligibility, event, evals, time }).await?;
    core.signals.room_came_up();
    Ok(reply(&applied, WriteValue::Node { eval_ids, node_modify_index: applied.index }))
}

async fn purge_node(core: &Core, id: NodeId) -> Result<WriteReply, Failure> {
    let evals = node_evals(core, id)?;
    let eval_ids = evals.iter().map(|eval| eval.id).collect();
    let reap = Command::Reap(Box::new(Reap { nodes: vec![id], ..Default::default() }));
    // In one write: after the first alone nobody would know any more whose work was there.
    let answers = core.propose_many(vec![reap, Command::UpsertEvals { evals, time: now() }]).await?;
    let mut index = 0;
    for answer in answers {
        index = core::done(answer?)?.index;
    }
    Ok(WriteReply { index, value: WriteValue::Node { eval_ids, node_modify_index: index } })
}
