//! Evaluations: requests to compare what a job wants with what runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{nullable, omit_empty, since_2};
use crate::{
    AllocId, AllocMetric, Allocation, ClientStatus, DeploymentId, DesiredStatus, EvalId, EvalStatus, EvalTrigger, JobId, JobType,
    Namespace, NodeId, Text, Time,
};

/// A request to compare what a job wants with what runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Evaluation {
    #[serde(rename = "ID")]
    pub id: EvalId,
    #[serde(rename = "Namespace")]
    pub namespace: Namespace,
    /// Default job priority unless overridden (1..100).
    #[serde(rename = "Priority")]
    pub priority: i64,
    #[serde(rename = "Type")]
    pub kind: JobType,
    #[serde(rename = "TriggeredBy")]
    pub triggered_by: EvalTrigger,
    #[serde(rename = "JobID")]
    pub job_id: JobId,
    #[serde(rename = "JobModifyIndex")]
    pub job_modify_index: u64,
    #[serde(rename = "NodeID")]
    pub node_id: NodeId,
    #[serde(rename = "NodeModifyIndex")]
    pub node_modify_index: u64,
    #[serde(rename = "DeploymentID")]
    pub deployment_id: DeploymentId,
    #[serde(rename = "Status")]
    pub status: EvalStatus,
    #[serde(rename = "StatusDescription")]
    pub status_description: String,
    /// Nanoseconds; deprecated.
    #[serde(rename = "Wait")]
    pub wait: i64,
    /// A point in time; omitted or null when unused.
    #[serde(rename = "WaitUntil")]
    pub wait_until: Time,
    #[serde(rename = "NextEval")]
    pub next_eval: EvalId,
    #[serde(rename = "PreviousEval")]
    pub previous_eval: EvalId,
    #[serde(rename = "BlockedEval")]
    pub blocked_eval: EvalId,
    #[serde(rename = "FailedTGAllocs", deserialize_with = "nullable::deserialize")]
    pub failed_tg_allocs: BTreeMap<String, AllocMetric>,
    #[serde(rename = "PlanAnnotations")]
    pub plan_annotations: Option<PlanAnnotations>,
    #[serde(rename = "ClassEligibility", deserialize_with = "nullable::deserialize")]
    pub class_eligibility: BTreeMap<String, bool>,
    #[serde(rename = "QuotaLimitReached")]
    pub quota_limit_reached: String,
    #[serde(rename = "EscapedComputedClass")]
    pub escaped_computed_class: bool,
    #[serde(rename = "AnnotatePlan")]
    pub annotate_plan: bool,
    #[serde(rename = "QueuedAllocations", deserialize_with = "nullable::deserialize")]
    pub queued_allocations: BTreeMap<String, i64>,
    #[serde(rename = "SnapshotIndex")]
    pub snapshot_index: u64,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
    /// Unix nanoseconds; unix ns.
    #[serde(rename = "CreateTime")]
    pub create_time: i64,
    /// Unix nanoseconds.
    #[serde(rename = "ModifyTime")]
    pub modify_time: i64,
}

omit_empty!(Evaluation {
    id: "ID",
    namespace: "Namespace",
    priority: "Priority",
    kind: "Type",
    triggered_by: "TriggeredBy",
    job_id: "JobID",
    job_modify_index: "JobModifyIndex",
    node_id: "NodeID",
    node_modify_index: "NodeModifyIndex",
    deployment_id: "DeploymentID",
    status: "Status",
    status_description: "StatusDescription",
    wait: "Wait",
    wait_until: "WaitUntil",
    next_eval: "NextEval",
    previous_eval: "PreviousEval",
    blocked_eval: "BlockedEval",
    failed_tg_allocs: "FailedTGAllocs",
    plan_annotations: "PlanAnnotations",
    class_eligibility: "ClassEligibility",
    quota_limit_reached: "QuotaLimitReached",
    escaped_computed_class: "EscapedComputedClass",
    annotate_plan: "AnnotatePlan",
    queued_allocations: "QueuedAllocations",
    snapshot_index: "SnapshotIndex",
    create_index: "CreateIndex",
    modify_index: "ModifyIndex",
    create_time: "CreateTime",
    modify_time: "ModifyTime"
});

/// What a plan would do, for people.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct PlanAnnotations {
    #[serde(rename = "DesiredTGUpdates", with = "nullable")]
    pub desired_tg_updates: BTreeMap<String, DesiredUpdates>,
    #[serde(rename = "PreemptedAllocs", with = "since_2")]
    pub preempted_allocs: Vec<PreemptedAlloc>,
}

/// An allocation that makes room for one of a plan.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct PreemptedAlloc {
    #[serde(rename = "ID")]
    pub id: AllocId,
    #[serde(rename = "Name")]
    pub name: Text,
    #[serde(rename = "Namespace")]
    pub namespace: Namespace,
    #[serde(rename = "NodeID")]
    pub node_id: NodeId,
    #[serde(rename = "NodeName")]
    pub node_name: Text,
    #[serde(rename = "JobID")]
    pub job_id: JobId,
    #[serde(rename = "JobType")]
    pub job_type: JobType,
    #[serde(rename = "JobVersion")]
    pub job_version: u64,
    #[serde(rename = "TaskGroup")]
    pub task_group: Text,
    #[serde(rename = "DesiredStatus")]
    pub desired_status: DesiredStatus,
    #[serde(rename = "ClientStatus")]
    pub client_status: ClientStatus,
}

impl PreemptedAlloc {
    pub fn new(alloc: &Allocation) -> Self {
        let job = alloc.job.as_ref();
        Self {
            id: alloc.id,
            name: alloc.name.clone(),
            namespace: alloc.namespace.clone(),
            node_id: alloc.node_id,
            node_name: alloc.node_name.clone(),
            job_id: alloc.job_id.clone(),
            job_type: job.map(|job| job.kind).unwrap_or_default(),
            job_version: job.map_or(0, |job| job.version),
            task_group: alloc.task_group.clone(),
            desired_status: alloc.desired_status,
            client_status: alloc.client_status,
        }
    }
}

/// Counts of what a plan would do to one group.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DesiredUpdates {
    #[serde(rename = "Ignore")]
    pub ignore: u64,
    #[serde(rename = "Place")]
    pub place: u64,
    #[serde(rename = "Migrate")]
    pub migrate: u64,
    #[serde(rename = "Stop")]
    pub stop: u64,
    #[serde(rename = "InPlaceUpdate")]
    pub in_place_update: u64,
    #[serde(rename = "DestructiveUpdate")]
    pub destructive_update: u64,
    #[serde(rename = "Canary")]
    pub canary: u64,
    #[serde(rename = "Preemptions")]
    pub preemptions: u64,
    #[serde(rename = "Disconnect")]
    pub disconnect: u64,
    #[serde(rename = "Reconnect")]
    pub reconnect: u64,
    #[serde(rename = "RescheduleNow")]
    pub reschedule_now: u64,
    #[serde(rename = "RescheduleLater")]
    pub reschedule_later: u64,
}

impl DesiredUpdates {
    /// Everything stays as it is.
    pub fn is_nothing(&self) -> bool {
        *self == Self { ignore: self.ignore, ..Self::default() }
    }
}
