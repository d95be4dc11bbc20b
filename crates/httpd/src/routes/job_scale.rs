//! `/v1/job/:id/scale`.

use std::collections::BTreeMap;

use api::{JobScaleStatus, ScalingRequest, TaskGroupScaleStatus};
use model::{ClientStatus, Deployment, JobKey, TaskGroup};
use rpc::message::{ListedAlloc, Read, ReadValue, Write};

use super::job::not_found;
use super::job_changes::checked;
use super::job_register::registered;
use crate::refusal::Refusal;
use crate::request::Cx;
use crate::respond::Answer;

pub(super) async fn scale(mut cx: Cx, key: JobKey) -> Answer {
    let request: ScalingRequest = cx.decode().await?;
    let key = checked(&cx, key, "", &request.namespace)?;
    let group = request.target.get("Group").filter(|group| !group.is_empty());
    let group = group.ok_or_else(|| Refusal::bad_request("missing task group name for scaling action"))?.clone();
    if request.error && request.count.is_some() {
        return Err(Refusal::bad_request("scaling action should not contain count if error is true"));
    }
    if let Some(count) = request.count.filter(|count| *count < 0) {
        return Err(Refusal::bad_request(format!("scaling action count {count} can't be negative")));
    }
    let (meta, value) = cx.write(Write::ScaleJob { key, group, count: request.count, message: request.message }).await?;
    registered(&cx, meta, value, String::new())
}

pub(super) async fn status(cx: Cx, key: JobKey) -> Answer {
    let (meta, ReadValue::Job(job)) = cx.read(Read::Job { key: key.clone() }).await? else { return Err(Refusal::mismatch()) };
    let job = job.ok_or_else(|| not_found(meta.clone()))?;
    let options = cx.options_now()?;
    let (_, ReadValue::Allocs(allocs)) = cx.read_with(options.clone(), Read::JobAllocs { key: key.clone(), all: false }).await? else {
        return Err(Refusal::mismatch());
    };
    let (_, ReadValue::Deployment(deployment)) = cx.read_with(options, Read::JobLatestDeployment { key }).await? else {
        return Err(Refusal::mismatch());
    };
    let groups: BTreeMap<String, TaskGroupScaleStatus> = match job.stop {
        true => BTreeMap::new(),
        false => job.task_groups.iter().map(|group| (group.name.clone(), group_status(group, &allocs, deployment.as_deref()))).collect(),
    };
    let response = JobScaleStatus {
        job_id: job.id.to_string(),
        namespace: job.namespace.clone(),
        job_create_index: job.create_index,
        job_modify_index: job.job_modify_index,
        job_stopped: job.stop,
        task_groups: groups,
    };
    cx.json(Some(&meta), &response)
}

/// Health is known of allocations that were part of a deployment.
fn group_status(group: &TaskGroup, allocs: &[ListedAlloc], deployment: Option<&Deployment>) -> TaskGroupScaleStatus {
    let live = || allocs.iter().map(|listed| &listed.alloc).filter(|alloc| alloc.task_group == group.name && !alloc.is_terminal());
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let rolled = deployment.and_then(|deployment| deployment.task_groups.get(&group.name));
    TaskGroupScaleStatus {
        desired: group.count,
        placed: count(live().count()),
        running: count(live().filter(|alloc| alloc.client_status == ClientStatus::Running).count()),
        healthy: rolled.map_or_else(|| count(live().filter(|alloc| alloc.is_healthy()).count()), |state| state.healthy_allocs),
        unhealthy: rolled.map_or_else(|| count(live().filter(|alloc| alloc.is_unhealthy()).count()), |state| state.unhealthy_allocs),
        events: Vec::new(),
    }
}
