//! Registering a job.

use std::sync::Arc;

use api::{JobRegisterRequest, JobRegisterResponse, decode};
use model::{Job, JobId, Namespace, RegionName, lists};
use rpc::message::{AgentReply, AgentRequest, RegisterJob, Write, WriteValue};

use crate::refusal::Refusal;
use crate::request::Cx;
use crate::respond::{Answer, Meta};
use crate::spec;

/// The region of jobs that name none.
const ANY_REGION: &str = "global";

/// `path_id`: the id in the path, which must be that of the job.
pub(super) async fn register(mut cx: Cx, path_id: Option<JobId>) -> Answer {
    let (job, rest) = spec::job_and_rest(cx.bytes().await?).await?;
    let request: JobRegisterRequest = decode::from_value(&rest)?;
    if path_id.is_some_and(|id| id != job.id) {
        return Err(Refusal::bad_request("Job ID does not match name"));
    }
    let (region, job) = place(&cx, job, &request.region, &request.namespace).await?;
    let warnings = spec::check(&job)?;
    let write = RegisterJob {
        job: Arc::new(job),
        submission: request.submission,
        enforce_index: request.enforce_index.then_some(request.job_modify_index),
        preserve_counts: request.preserve_counts,
        preserve_resources: request.preserve_resources,
        eval_priority: request.eval_priority,
    };
    let (meta, value) = cx.write_in(region, Write::RegisterJob(Box::new(write))).await?;
    registered(&cx, meta, value, warnings)
}

/// The region that a job goes to, and the job with its region and namespace in place.
///
/// The region is that of the query, else of the body, else of the job, else of this agent. `global` stands for this agent's region, unless a
/// region of that name exists and the query names it. Several regions: the first listed one takes what is meant for none of them.
pub(super) async fn place(cx: &Cx, mut job: Job, body_region: &str, body_namespace: &str) -> Result<(RegionName, Job), Refusal> {
    let own = cx.app.caller.region();
    let region = match [cx.params.text("region"), body_region, &job.region].into_iter().find(|region| !region.is_empty()) {
        None => own,
        Some(ANY_REGION) if cx.params.text("region") == ANY_REGION && knows_region(cx, ANY_REGION).await? => RegionName::from(ANY_REGION),
        Some(ANY_REGION) => own,
        Some(region) => RegionName::from(region),
    };
    let namespace = [cx.params.text("namespace"), body_namespace, &job.namespace].into_iter().find(|namespace| !namespace.is_empty());
    job.namespace = Namespace::from(namespace.unwrap_or(model::DEFAULT_NAMESPACE));
    let Some(multiregion) = job.multiregion.as_ref().filter(|multiregion| !multiregion.regions.is_empty()) else {
        job.region = region.to_string();
        return Ok((region, job));
    };
    let listed = multiregion.regions.iter().any(|listed| region == *listed.name.as_str());
    let first = multiregion.regions.first().map(|first| RegionName::from(first.name.as_str()));
    let region = if listed { region } else { first.unwrap_or(region) };
    // The specification is the same for all of its regions.
    job.region = ANY_REGION.to_owned();
    Ok((region, job))
}

async fn knows_region(cx: &Cx, name: &str) -> Result<bool, Refusal> {
    match cx.agent(cx.app.caller.region(), AgentRequest::Regions).await? {
        AgentReply::Regions(regions) => Ok(regions.iter().any(|region| region == name)),
        _ => Err(Refusal::mismatch()),
    }
}

/// The answer of writes that make an evaluation for a job.
pub(super) fn registered(cx: &Cx, meta: Meta, value: WriteValue, warnings: String) -> Answer {
    let WriteValue::Job { eval_id, job_modify_index, warnings: more, unreached: _ } = value else { return Err(Refusal::mismatch()) };
    let response = JobRegisterResponse {
        eval_id: eval_id.to_string(),
        eval_create_index: if eval_id.is_nil() { 0 } else { meta.index },
        job_modify_index,
        warnings: lists::join_warnings(&warnings, &more),
        index: meta.index,
        ..Default::default()
    };
    cx.json(Some(&meta), &response)
}
