//! What belongs to a job: versions, allocations, evaluations, deployments, summary, source.

use api::{AllocFields, AllocListStub, diff};
use model::{Job, JobKey};
use rpc::message::{ListedAlloc, Read, ReadValue};
use serde::Serialize;
use std::sync::Arc;

use super::job::not_found;
use crate::refusal::Refusal;
use crate::request::Cx;
use crate::respond::{self, Answer, Meta};

/// As [`api::JobVersionsResponse`], without copying the jobs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Versions<'a> {
    versions: &'a [Arc<Job>],
    diffs: Option<Vec<diff::JobDiff>>,
    index: u64,
    last_contact: i64,
    known_leader: bool,
    next_token: &'static str,
}

pub(super) async fn versions(cx: Cx, key: JobKey) -> Answer {
    let diffs = cx.params.flag("diffs")?;
    let chosen = cx.params.number::<u64>("diff_version")?;
    let tag = cx.params.text("diff_tag").to_owned();
    if chosen.is_some() && !tag.is_empty() {
        return Err(Refusal::bad_request("diff_version and diff_tag exclude each other"));
    }
    let (meta, ReadValue::JobVersions(versions)) = cx.read(Read::JobVersions { key }).await? else { return Err(Refusal::mismatch()) };
    if versions.is_empty() {
        return Err(Refusal::absent(meta, "job versions not found"));
    }
    let tagged = || versions.iter().find(|job| job.has_tag(&tag));
    let chosen = match tag.as_str() {
        "" => chosen,
        _ => match tagged() {
            Some(job) => Some(job.version),
            None => return Err(Refusal::absent(meta, format!("no version of the job has the tag {tag:?}"))),
        },
    };
    let diffs = match diffs {
        false => None,
        true => Some(differences(&versions, chosen).map_err(|problem| Refusal::absent(meta.clone(), problem))?),
    };
    let (last_contact, known_leader) = meta.contact_in_body();
    let response = Versions { versions: &versions, diffs, index: meta.index, last_contact, known_leader, next_token: "" };
    cx.json(Some(&meta), &response)
}

/// What changed to each version from the one before it; with `chosen`, to each other version from that one. Newest first.
fn differences(versions: &[Arc<Job>], chosen: Option<u64>) -> Result<Vec<diff::JobDiff>, String> {
    let Some(chosen) = chosen else {
        let pairs = versions.iter().zip(versions.iter().skip(1));
        return Ok(pairs.map(|(new, old)| diff::jobs(Some(old), Some(new))).collect());
    };
    let Some(base) = versions.iter().find(|job| job.version == chosen) else {
        let known: Vec<String> = versions.iter().map(|job| job.version.to_string()).collect();
        return Err(format!("the job has no version {chosen}; kept: {}", known.join(", ")));
    };
    let others = versions.iter().filter(|job| job.version != chosen);
    Ok(others.map(|other| diff::jobs(Some(base), Some(other))).collect())
}

pub(super) async fn allocations(cx: Cx, key: JobKey) -> Answer {
    let all = cx.params.flag("all")?;
    let (meta, ReadValue::Allocs(allocs)) = cx.read(Read::JobAllocs { key, all }).await? else { return Err(Refusal::mismatch()) };
    stubs(&cx, &meta, allocs)
}

/// Allocations as stubs, in the given order.
pub(super) fn stubs(cx: &Cx, meta: &Meta, allocs: Vec<ListedAlloc>) -> Answer {
    let fields = AllocFields { resources: cx.params.flag("resources")?, task_states: cx.params.flag_or("task_states", true)? };
    respond::list(cx.params.pretty(), meta, allocs, move |listed| {
        AllocListStub::new(&listed.alloc, listed.job_type, listed.job_version, fields)
    })
}

pub(super) async fn evaluations(cx: Cx, key: JobKey) -> Answer {
    let (meta, ReadValue::Evals(evals)) = cx.read(Read::JobEvals { key }).await? else { return Err(Refusal::mismatch()) };
    cx.json(Some(&meta), &evals)
}

pub(super) async fn deployments(cx: Cx, key: JobKey) -> Answer {
    let all = cx.params.flag("all")?;
    let (meta, ReadValue::Deployments(list)) = cx.read(Read::JobDeployments { key, all }).await? else { return Err(Refusal::mismatch()) };
    cx.json(Some(&meta), &list)
}

/// `null` when there is none.
pub(super) async fn latest_deployment(cx: Cx, key: JobKey) -> Answer {
    let (meta, ReadValue::Deployment(latest)) = cx.read(Read::JobLatestDeployment { key }).await? else { return Err(Refusal::mismatch()) };
    cx.json(Some(&meta), &latest)
}

pub(super) async fn summary(cx: Cx, key: JobKey) -> Answer {
    let (meta, ReadValue::JobSummary(summary)) = cx.read(Read::JobSummary { key }).await? else { return Err(Refusal::mismatch()) };
    let summary = summary.ok_or_else(|| not_found(meta.clone()))?;
    cx.json(Some(&meta), &summary)
}

pub(super) async fn submission(cx: Cx, key: JobKey) -> Answer {
    let version = cx
        .params
        .number("version")?
        .ok_or_else(|| Refusal::bad_request("Missing query parameter `version`: the version whose source is asked for"))?;
    let (meta, ReadValue::JobSubmission(source)) = cx.read(Read::JobSubmission { key, version }).await? else {
        return Err(Refusal::mismatch());
    };
    let source = source.ok_or_else(|| Refusal::absent(meta.clone(), "job source not found"))?;
    cx.json(Some(&meta), &source)
}
