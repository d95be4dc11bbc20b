//! The dry run: what registering a job would do.

use std::sync::Arc;
use std::time::Instant;

use model::{EvalTrigger, Job};
use rpc::message::{Failure, Findings, JobPlan};
use state::{Command, RegisterJob, Store};

use crate::core::{Core, now};
use crate::schedule::tell_time;
use crate::{admit, launch, transitions};

/// What the region has against the job, and what it points out.
pub fn check(core: &Core, job: &Arc<Job>) -> Result<Findings, Failure> {
    let effective = effective(core, job)?;
    Ok(findings(core, &core.view(), &effective))
}

/// The same of its copy in this region.
pub fn findings(core: &Core, view: &Store, effective: &Job) -> Findings {
    let mut findings = admit::check(view, effective);
    transitions::check(core, view, effective, &mut findings);
    findings
}

/// Registers the job in a copy of the state and schedules it there.
pub async fn plan(core: &Core, job: &Arc<Job>) -> Result<JobPlan, Failure> {
    let effective = effective(core, job)?;
    let view = core.view();
    let findings = findings(core, &view, &effective);
    if !findings.errors.is_empty() {
        return Err(Failure::internal(findings.error_text()));
    }
    let old = view.job(&effective.key()).cloned();
    let seed = core.ids().next_u64();
    let planned = tokio::task::spawn_blocking(move || {
        let time = now();
        let mut trial = (*view).clone();
        let mut ids = model::IdSource::new(seed);
        let mut eval = control::job_eval(&effective, EvalTrigger::JobRegister, &mut ids);
        eval.annotate_plan = true;
        let register = RegisterJob { job: Arc::new(effective), submission: None, enforce_index: None, eval: Some(eval.clone()), time };
        let key = register.job.key();
        trial.apply(view.index() + 1, &Command::RegisterJob(Box::new(register)));
        let new = trial.job(&key).cloned();
        if let Some(parent) = new.as_ref().filter(|job| job.is_parent()) {
            // Nothing of it is placed now; whether a child of it would find room is worth knowing.
            eval = launch::try_launch(&mut trial, parent, time, &mut ids);
        }
        let eval = trial.eval(eval.id).map(|eval| (**eval).clone()).unwrap_or(eval);
        let began = Instant::now();
        let mut decision = scheduler::schedule(&trial, &eval, time, ids.next_u64());
        tell_time(&mut decision.plan, began.elapsed());
        if new.as_ref().is_some_and(|job| job.is_parent()) {
            decision.desired_updates.clear();
        }
        (decision, eval, new)
    });
    let (decision, eval, new) = planned.await.map_err(|error| Failure::internal(format!("the dry run failed: {error}")))?;
    let finished = decision.plan.evals.iter().find(|other| other.id == eval.id).cloned().unwrap_or_default();
    Ok(JobPlan {
        job_modify_index: old.as_ref().map_or(0, |old| old.job_modify_index),
        old,
        new: new.unwrap_or_else(|| Arc::clone(job)),
        desired_updates: decision.desired_updates,
        preempted: finished.plan_annotations.map(|annotations| annotations.preempted_allocs).unwrap_or_default(),
        failed_tg_allocs: finished.failed_tg_allocs,
        created_evals: decision.plan.evals.into_iter().filter(|other| other.id != eval.id).collect(),
        warnings: findings.warning_text(),
    })
}

/// This region's copy of a multi-region job; any other job as it is.
pub fn effective(core: &Core, job: &Arc<Job>) -> Result<Job, Failure> {
    let job = &admit::completed(&core.view(), &core.config.bounds.jobs, job);
    if !job.is_multiregion() {
        return Ok(transitions::identified(Job { region: core.config.region.clone(), ..(**job).clone() }));
    }
    multiregion::effective_job(job, &core.region).map(transitions::identified).ok_or_else(|| {
        let listed: Vec<String> = multiregion::submission::listed(job).iter().map(ToString::to_string).collect();
        Failure::bad_request(format!("region {:?} is not in the job's list: {}", core.region.as_str(), listed.join(", ")))
    })
}
