//! Lines of `GET /v1/event/stream`.

use model::{
    DeploymentId, Event, EventBatch, EventSubject, EventTopic, EventType, JobId, Namespace, Overrides, Phase, RegionName, Rollout,
    RolloutKind,
};
use serde::{Deserialize, Serialize};

use super::{ShownNode, shown_alloc};

/// What one log entry changed, as a line of the stream. A line that is `{}` says only that the stream lives.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EventStreamLine {
    pub index: u64,
    pub events: Vec<EventLine>,
    /// Where it happened; only in the stream of all regions. Not part of the existing interface.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub region: RegionName,
    /// Why the region cannot be followed at present; only in the stream of all regions.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// One thing that it changed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EventLine {
    pub topic: EventTopic,
    #[serde(rename = "Type")]
    pub kind: EventType,
    /// The thing's own id.
    pub key: String,
    /// Empty for what is in none.
    pub namespace: Namespace,
    /// Ids of what it belongs to.
    #[serde(with = "model::json::nullable")]
    pub filter_keys: Vec<String>,
    pub index: u64,
    /// The thing, under the name of its topic; beside it `Deleted` when it is gone, `Timeout` and `TimeoutReason` when an allocation had run as
    /// long as its group may.
    pub payload: serde_json::Map<String, serde_json::Value>,
}

/// A rollout in an event: what the telling region knows of its own part. Not part of the existing interface.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RolloutEvent {
    /// `lamport.origin.uuid`
    #[serde(rename = "ID")]
    pub id: String,
    pub namespace: Namespace,
    #[serde(rename = "JobID")]
    pub job_id: JobId,
    pub job_version: u64,
    /// run or stop.
    pub kind: RolloutKind,
    pub phase: Option<Phase>,
    /// Why, in words; empty when there is nothing to say.
    pub cause: String,
    /// The region that caused it; empty when it was this one.
    pub cause_region: RegionName,
    /// An operator forced the last step.
    pub forced: bool,
    #[serde(rename = "DeploymentID")]
    pub deployment_id: DeploymentId,
    /// What people asserted, anywhere.
    pub aborted: bool,
    pub released: Vec<RegionName>,
    pub excluded: Vec<RegionName>,
    pub modify_index: u64,
    /// Unix nanoseconds.
    pub modify_time: i64,
}

impl RolloutEvent {
    pub fn new(rollout: &Rollout) -> Self {
        let header = &rollout.header;
        let Overrides { released, excluded, aborted } = &rollout.overrides;
        Self {
            id: header.id.to_string(),
            namespace: header.namespace.clone(),
            job_id: header.job_id.clone(),
            job_version: header.job_version,
            kind: header.kind,
            phase: Some(rollout.phase),
            cause: rollout.cause.clone(),
            cause_region: rollout.cause_region.clone(),
            forced: rollout.forced,
            deployment_id: rollout.deployment_id,
            aborted: *aborted,
            released: released.iter().cloned().collect(),
            excluded: excluded.iter().cloned().collect(),
            modify_index: rollout.modify_index,
            modify_time: rollout.modify_time,
        }
    }
}

impl EventStreamLine {
    /// Fails when something has no form in JSON.
    pub fn new(batch: &EventBatch) -> Result<Self, serde_json::Error> {
        let line = |event: &Event| event_line(event, batch.index);
        Ok(Self { index: batch.index, events: batch.events.iter().map(line).collect::<Result<_, _>>()?, ..Self::default() })
    }
}

fn event_line(event: &Event, index: u64) -> Result<EventLine, serde_json::Error> {
    let thing = match &event.subject {
        EventSubject::Job(job) => serde_json::to_value(job)?,
        EventSubject::Allocation(alloc) => serde_json::to_value(shown_alloc(alloc))?,
        EventSubject::Evaluation(eval) => serde_json::to_value(eval)?,
        EventSubject::Deployment(deployment) => serde_json::to_value(deployment)?,
        EventSubject::Node(node) => serde_json::to_value(ShownNode::new(node))?,
        EventSubject::Rollout(rollout) => serde_json::to_value(RolloutEvent::new(rollout))?,
        EventSubject::NodePool(pool) => serde_json::to_value(pool)?,
    };
    let topic = event.topic();
    let deleted = event.deleted.then(|| ("Deleted".to_owned(), true.into()));
    let timeout = match &event.subject {
        EventSubject::Allocation(alloc) if alloc.ran_its_time() => {
            vec![("Timeout".to_owned(), true.into()), ("TimeoutReason".to_owned(), alloc.client_description.as_str().into())]
        }
        _ => Vec::new(),
    };
    Ok(EventLine {
        topic,
        kind: event.kind,
        key: event.key(),
        namespace: event.namespace().cloned().unwrap_or_default(),
        filter_keys: event.filter_keys(),
        index,
        payload: std::iter::once((topic.to_string(), thing)).chain(deleted).chain(timeout).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Allocation, ClientStatus};
    use std::sync::Arc;

    /// Rows: status and description of an allocation, and what stands beside it.
    #[test]
    fn what_ran_its_time() {
        let ran = format!("{}30s", model::RAN_ITS_TIME);
        for (status, description, expected) in [
            (ClientStatus::Complete, ran.as_str(), Some(ran.as_str())),
            (ClientStatus::Running, ran.as_str(), None),
            (ClientStatus::Complete, "All tasks have completed", None),
        ] {
            let alloc = Allocation { client_status: status, client_description: description.into(), ..Default::default() };
            let subject = EventSubject::Allocation(Arc::new(alloc));
            let line = event_line(&Event { kind: EventType::AllocationUpdated, subject, deleted: false }, 1).expect("a line");
            assert_eq!(line.payload.get("TimeoutReason").and_then(|reason| reason.as_str()), expected, "{status} {description}");
            assert_eq!(line.payload.get("Timeout"), expected.map(|_| &serde_json::Value::Bool(true)), "{status} {description}");
        }
    }
}
