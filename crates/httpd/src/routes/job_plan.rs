//! Dry runs: plan and validate.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use api::{JobPlanRequest, JobPlanResponse, JobValidateRequest, JobValidateResponse, decode, diff};
use model::{JobKey, PeriodicConfig, PlanAnnotations, Schedule, Time, lists};
use rpc::message::{Read, ReadValue, Write, WriteValue};

use super::job_register::place;
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;
use crate::spec;

pub(super) async fn plan(mut cx: Cx, key: JobKey) -> Answer {
    let (job, rest) = spec::job_and_rest(cx.bytes().await?).await?;
    let request: JobPlanRequest = decode::from_value(&rest)?;
    if job.id != key.id {
        return Err(Refusal::bad_request("Job ID does not match"));
    }
    let (region, job) = place(&cx, job, &request.region, &request.namespace).await?;
    let warnings = spec::check(&job)?;
    let (meta, WriteValue::Plan(plan)) = cx.write_in(region, Write::PlanJob { job: Arc::new(job), diff: request.diff }).await? else {
        return Err(Refusal::mismatch());
    };
    let annotations = PlanAnnotations { desired_tg_updates: plan.desired_updates, preempted_allocs: plan.preempted };
    let diff = request.diff.then(|| {
        let mut diff = diff::jobs(plan.old.as_deref(), Some(&plan.new));
        diff::annotate(&mut diff, &annotations);
        diff
    });
    let next = plan.new.periodic.as_ref().filter(|periodic| periodic.enabled).and_then(next_launch);
    let response = JobPlanResponse {
        next_periodic_launch: Time(next.unwrap_or_default()),
        annotations: Some(annotations),
        failed_tg_allocs: plan.failed_tg_allocs,
        job_modify_index: plan.job_modify_index,
        created_evals: plan.created_evals,
        diff,
        warnings: lists::join_warnings(&warnings, &plan.warnings),
        index: meta.index,
    };
    cx.json(Some(&meta), &response)
}

/// The first launch after now, unix nanoseconds.
fn next_launch(periodic: &PeriodicConfig) -> Option<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Schedule::new(periodic).ok()?.next_after(i64::try_from(now).ok()?)
}

/// Answers 200 also when the job is not valid.
pub(super) async fn validate(mut cx: Cx) -> Answer {
    cx.only(Verb::Put)?;
    cx.known_region().await?;
    let (job, rest) = spec::job_or_problems(cx.bytes().await?).await?;
    let request: JobValidateRequest = decode::from_value(&rest)?;
    let mut response = JobValidateResponse { driver_config_validated: true, ..Default::default() };
    match job {
        Ok(job) => {
            let found = jobspec::validate_request(&job);
            response.warnings = found.warning_text();
            response.validation_errors = found.errors.into_iter().map(|problem| problem.text).collect();
            if response.validation_errors.is_empty() {
                let (region, job) = place(&cx, job, &request.region, &request.namespace).await?;
                let read = Read::CheckJob { job: Arc::new(job) };
                let (_, ReadValue::Findings(found)) = cx.read_in(region, cx.options_now()?, read).await? else {
                    return Err(Refusal::mismatch());
                };
                response.warnings = lists::join_warnings(&response.warnings, &found.warning_text());
                response.validation_errors = found.errors;
            }
            response.error = lists::errors(&response.validation_errors);
        }
        Err(diagnostics) if spec::is_about_the_job(&diagnostics) => {
            response.validation_errors = spec::texts(&diagnostics);
            response.error = lists::errors(&response.validation_errors);
        }
        Err(diagnostics) => return Err(spec::refusal(&diagnostics)),
    }
    cx.json(None, &response)
}
