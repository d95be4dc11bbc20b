//! Changes of a registered job: stop, evaluate, revert, mark as stable.

use api::{JobDeregisterResponse, JobEvaluateRequest, JobRevertRequest, JobStabilityRequest, JobStabilityResponse};
use model::{JobKey, Namespace};
use rpc::message::{Write, WriteValue};

use super::job_register::registered;
use crate::refusal::Refusal;
use crate::request::Cx;
use crate::respond::Answer;

pub(super) async fn deregister(cx: Cx, key: JobKey) -> Answer {
    let eval_priority = cx.params.number("eval_priority")?.unwrap_or(0);
    let write = Write::DeregisterJob {
        key,
        purge: cx.params.flag("purge")?,
        global: cx.params.flag("global")?,
        eval_priority,
        no_shutdown_delay: cx.params.flag("no_shutdown_delay")?,
    };
    let (meta, WriteValue::Job { eval_id, job_modify_index, unreached, .. }) = cx.write(write).await? else {
        return Err(Refusal::mismatch());
    };
    let response = JobDeregisterResponse {
        eval_id: eval_id.to_string(),
        eval_create_index: if eval_id.is_nil() { 0 } else { meta.index },
        job_modify_index,
        index: meta.index,
        unreached_regions: unreached.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    cx.json(Some(&meta), &response)
}

pub(super) async fn evaluate(mut cx: Cx, key: JobKey) -> Answer {
    let request: JobEvaluateRequest = cx.decode_optional().await?;
    let key = checked(&cx, key, &request.job_id, &request.namespace)?;
    let (meta, value) = cx.write(Write::EvaluateJob { key, force_reschedule: request.eval_options.force_reschedule }).await?;
    registered(&cx, meta, value, String::new())
}

pub(super) async fn revert(mut cx: Cx, key: JobKey) -> Answer {
    let request: JobRevertRequest = cx.decode().await?;
    let key = checked(&cx, key, &request.job_id, &request.namespace)?;
    let write = Write::RevertJob { key, version: request.job_version, enforce_prior_version: request.enforce_prior_version };
    let (meta, value) = cx.write(write).await.map_err(Refusal::of_write)?;
    registered(&cx, meta, value, String::new())
}

pub(super) async fn set_stability(mut cx: Cx, key: JobKey) -> Answer {
    let request: JobStabilityRequest = cx.decode().await?;
    let key = checked(&cx, key, &request.job_id, &request.namespace)?;
    let (meta, _) = cx.write(Write::SetJobStability { key, version: request.job_version, stable: request.stable }).await?;
    cx.json(Some(&meta), &JobStabilityResponse { index: meta.index })
}

/// The job of the path. The body may name it, too, and then must name the same; its namespace counts when the query has none.
pub(super) fn checked(cx: &Cx, mut key: JobKey, body_id: &str, body_namespace: &str) -> Result<JobKey, Refusal> {
    if !body_id.is_empty() && key.id != *body_id {
        return Err(Refusal::bad_request("Job ID does not match"));
    }
    if cx.params.text("namespace").is_empty() && !body_namespace.is_empty() {
        key.namespace = Namespace::from(body_namespace);
    }
    Ok(key)
}
