//! Allocations: lists, stop, restart, signal.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::json::nullable;
use model::{
    AllocDeploymentStatus, AllocId, AllocatedResources, Allocation, ClientStatus, DesiredStatus, DesiredTransition, EvalId, JobId, JobType,
    Namespace, NodeId, RescheduleTracker, TaskState, Text,
};
use serde::{Deserialize, Serialize};

/// An allocation of a list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AllocListStub {
    #[serde(rename = "ID")]
    pub id: AllocId,
    #[serde(rename = "EvalID")]
    pub eval_id: EvalId,
    pub name: Text,
    pub namespace: Namespace,
    #[serde(rename = "NodeID")]
    pub node_id: NodeId,
    pub node_name: Text,
    #[serde(rename = "JobID")]
    pub job_id: JobId,
    pub job_type: JobType,
    pub job_version: u64,
    pub task_group: Text,
    /// Only when asked for with `resources=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocated_resources: Option<Arc<AllocatedResources>>,
    pub desired_status: DesiredStatus,
    pub desired_description: Text,
    pub client_status: ClientStatus,
    pub client_description: Text,
    pub desired_transition: DesiredTransition,
    /// Empty when asked for with `task_states=false`.
    #[serde(with = "nullable")]
    pub task_states: BTreeMap<String, TaskState>,
    pub deployment_status: Option<AllocDeploymentStatus>,
    #[serde(rename = "FollowupEvalID")]
    pub followup_eval_id: EvalId,
    pub next_allocation: AllocId,
    pub reschedule_tracker: Option<Arc<RescheduleTracker>>,
    #[serde(with = "nullable")]
    pub preempted_allocations: Vec<AllocId>,
    pub preempted_by_allocation: AllocId,
    pub create_index: u64,
    pub modify_index: u64,
    /// Unix nanoseconds.
    pub create_time: i64,
    /// Unix nanoseconds.
    pub modify_time: i64,
}

/// What of an allocation goes into a list.
#[derive(Clone, Copy, Debug)]
pub struct AllocFields {
    pub resources: bool,
    pub task_states: bool,
}

impl AllocListStub {
    pub fn new(alloc: &Allocation, job_type: JobType, job_version: u64, fields: AllocFields) -> Self {
        let mut task_states = if fields.task_states { alloc.task_states.all() } else { BTreeMap::new() };
        super::events::fill_display_messages(&mut task_states);
        Self {
            id: alloc.id,
            eval_id: alloc.eval_id,
            name: alloc.name.clone(),
            namespace: alloc.namespace.clone(),
            node_id: alloc.node_id,
            node_name: alloc.node_name.clone(),
            job_id: alloc.job_id.clone(),
            job_type,
            job_version,
            task_group: alloc.task_group.clone(),
            allocated_resources: if fields.resources { alloc.allocated_resources.clone() } else { None },
            desired_status: alloc.desired_status,
            desired_description: alloc.desired_description.clone(),
            client_status: alloc.client_status,
            client_description: alloc.client_description.clone(),
            desired_transition: alloc.desired_transition.clone(),
            task_states,
            deployment_status: alloc.deployment_status.clone(),
            followup_eval_id: alloc.followup_eval_id,
            next_allocation: alloc.next_allocation,
            reschedule_tracker: alloc.reschedule_tracker.clone(),
            preempted_allocations: alloc.preempted_allocations.clone(),
            preempted_by_allocation: alloc.preempted_by_allocation,
            create_index: alloc.create_index,
            modify_index: alloc.modify_index,
            create_time: alloc.create_time,
            modify_time: alloc.modify_time,
        }
    }
}

/// The allocation as the interface shows it: with texts for all task events.
pub fn shown_alloc(alloc: &Allocation) -> Allocation {
    let mut shown = alloc.clone();
    let mut task_states = alloc.task_states.all();
    super::events::fill_display_messages(&mut task_states);
    shown.task_states = task_states.into();
    shown
}

/// `PUT /v1/allocation/:id/stop`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AllocStopResponse {
    #[serde(rename = "EvalID")]
    pub eval_id: String,
    pub index: u64,
}

/// `PUT /v1/client/allocation/:id/restart`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AllocationRestartRequest {
    /// Empty: all running tasks.
    pub task_name: String,
    /// Also those that have ended.
    pub all_tasks: bool,
}

/// `PUT /v1/client/allocation/:id/signal`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AllocSignalRequest {
    #[serde(rename = "AllocID")]
    pub alloc_id: String,
    /// Empty: all tasks.
    pub task: String,
    /// Empty: SIGKILL.
    pub signal: String,
    pub region: String,
    pub namespace: String,
}
