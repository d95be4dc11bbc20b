//! Launching children of a job: dispatches, and periodic jobs by hand.

use api::{JobDispatchRequest, JobDispatchResponse, PeriodicForceResponse};
use model::JobKey;
use rpc::message::{DispatchJob, Write, WriteValue};

use super::job_changes::checked;
use crate::refusal::Refusal;
use crate::request::Cx;
use crate::respond::Answer;

pub(super) async fn dispatch(mut cx: Cx, key: JobKey) -> Answer {
    let request: JobDispatchRequest = cx.decode_optional().await?;
    let key = checked(&cx, key, &request.job_id, &request.namespace)?;
    let token = match cx.params.text("idempotency_token") {
        "" => request.idempotency_token,
        token => token.to_owned(),
    };
    let dispatch = DispatchJob {
        key,
        payload: request.payload.0.to_vec(),
        meta: request.meta,
        idempotency_token: token,
        id_prefix: request.id_prefix_template,
        priority: request.priority,
    };
    launch(cx, dispatch).await
}

/// The body is the payload itself.
pub(super) async fn dispatch_payload(mut cx: Cx, key: JobKey) -> Answer {
    let payload = cx.bytes().await?.to_vec();
    let dispatch = DispatchJob {
        key,
        payload,
        meta: Default::default(),
        idempotency_token: cx.params.text("idempotency_token").to_owned(),
        id_prefix: String::new(),
        priority: 0,
    };
    launch(cx, dispatch).await
}

async fn launch(cx: Cx, dispatch: DispatchJob) -> Answer {
    let (meta, WriteValue::Dispatched { id, job_create_index, eval_id, eval_create_index }) =
        cx.write(Write::DispatchJob(Box::new(dispatch))).await?
    else {
        return Err(Refusal::mismatch());
    };
    let response = JobDispatchResponse {
        dispatched_job_id: id.to_string(),
        eval_id: eval_id.to_string(),
        eval_create_index,
        job_create_index,
        index: meta.index,
    };
    cx.json(Some(&meta), &response)
}

pub(super) async fn force(cx: Cx, key: JobKey) -> Answer {
    let (meta, WriteValue::Job { eval_id, .. }) = cx.write(Write::ForceLaunch { key }).await? else { return Err(Refusal::mismatch()) };
    let response = PeriodicForceResponse {
        eval_id: eval_id.to_string(),
        eval_create_index: if eval_id.is_nil() { 0 } else { meta.index },
        index: meta.index,
    };
    cx.json(Some(&meta), &response)
}
