//! `/v1/job/:id/scale`.

use std::collections::BTreeMap;

use api::{JobScaleStatus, ScalingRequest, TaskGroupScaleStatus};
use model::{Allocation, ClientStatus, JobKey, ScalingEvent, TaskGroup};
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
    let details = match request.meta.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&request.meta).map_err(|error| Refusal::bad_request(format!("Meta: {error}")))?,
    };
    let enforce_index = Some(request.job_modify_index).filter(|index| *index > 0);
    let ScalingRequest { count, message, error, .. } = request;
    let (meta, value) = cx.write(Write::ScaleJob { key, group, count, message, error, meta: details, enforce_index }).await?;
    registered(&cx, meta, value, String::new())
}

pub(super) async fn status(cx: Cx, key: JobKey) -> Answer {
    let (meta, ReadValue::JobScaling(events)) = cx.read(Read::JobScaling { key: key.clone() }).await? else {
        return Err(Refusal::mismatch());
    };
    let (_, ReadValue::Job(job)) = cx.read_with(cx.options_now()?, Read::Job { key: key.clone() }).await? else {
        return Err(Refusal::mismatch());
    };
    let job = job.ok_or_else(|| not_found(meta.clone()))?;
    let (_, ReadValue::Allocs(allocs)) = cx.read_with(cx.options_now()?, Read::JobAllocs { key, all: false }).await? else {
        return Err(Refusal::mismatch());
    };
    let groups: BTreeMap<String, TaskGroupScaleStatus> = match job.stop {
        true => BTreeMap::new(),
        false => job.task_groups.iter().map(|group| (group.name.clone(), group_status(group, &allocs, events.get(&group.name)))).collect(),
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

/// Counts what runs of a group. Canaries are extra, and healthy is what was found so in the deployment that an allocation belongs to.
fn group_status(group: &TaskGroup, allocs: &[ListedAlloc], events: Option<&Vec<ScalingEvent>>) -> TaskGroupScaleStatus {
    let counts = |alloc: &&Allocation| alloc.task_group == group.name && !alloc.is_terminal() && !alloc.is_canary();
    let live: Vec<&Allocation> = allocs.iter().map(|listed| &*listed.alloc).filter(counts).collect();
    let count = |wanted: fn(&Allocation) -> bool| i64::try_from(live.iter().filter(|alloc| wanted(alloc)).count()).unwrap_or(i64::MAX);
    TaskGroupScaleStatus {
        desired: group.count,
        placed: count(|_| true),
        running: count(|alloc| alloc.client_status == ClientStatus::Running),
        healthy: count(Allocation::is_healthy),
        unhealthy: count(Allocation::is_unhealthy),
        events: events.into_iter().flatten().map(shown).collect(),
    }
}

fn shown(event: &ScalingEvent) -> api::ScalingEvent {
    api::ScalingEvent {
        time: event.time,
        count: event.count,
        previous_count: event.previous_count,
        message: event.message.clone(),
        error: event.error,
        // Written by this interface, so it is readable.
        meta: serde_json::from_str(&event.meta).unwrap_or_default(),
        eval_id: (!event.eval_id.is_nil()).then(|| event.eval_id.to_string()),
        create_index: event.create_index,
    }
}
