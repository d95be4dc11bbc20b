//! Allocations: one placement of a group on a node, and what the node says about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec;
use crate::json::{IsEmpty, nullable, omit_empty, since_2, since_3};
use crate::{
    Absent, AllocId, AllocatedResources, ClientStatus, DeploymentId, DesiredStatus, EvalId, Job, JobId, Namespace, NodeId, Resources,
    TaskPhase, Text, Time,
};

/// One placement of a task group on a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Allocation {
    #[serde(rename = "ID")]
    pub id: AllocId,
    #[serde(rename = "Namespace")]
    pub namespace: Namespace,
    #[serde(rename = "EvalID")]
    pub eval_id: EvalId,
    /// "<job>.<group>[<index>]".
    #[serde(rename = "Name")]
    pub name: Text,
    #[serde(rename = "NodeID")]
    pub node_id: NodeId,
    #[serde(rename = "NodeName")]
    pub node_name: Text,
    #[serde(rename = "JobID")]
    pub job_id: JobId,
    /// Full job as of placement; omitted in event stream payloads.
    #[serde(rename = "Job")]
    pub job: Option<Arc<Job>>,
    #[serde(rename = "TaskGroup")]
    pub task_group: Text,
    #[serde(rename = "AllocatedResources")]
    pub allocated_resources: Option<Arc<AllocatedResources>>,
    #[serde(rename = "Metrics")]
    pub metrics: Option<Arc<AllocMetric>>,
    #[serde(rename = "DesiredStatus")]
    pub desired_status: DesiredStatus,
    #[serde(rename = "DesiredDescription")]
    pub desired_description: Text,
    #[serde(rename = "DesiredTransition")]
    pub desired_transition: DesiredTransition,
    #[serde(rename = "ClientStatus")]
    pub client_status: ClientStatus,
    #[serde(rename = "ClientDescription")]
    pub client_description: Text,
    #[serde(rename = "TaskStates", deserialize_with = "nullable::deserialize")]
    pub task_states: TaskStates,
    /// Absences and returns of its node, see [`Allocation::set_client_status`].
    #[serde(rename = "AllocStates", with = "since_3")]
    pub alloc_states: Option<Arc<Vec<AllocState>>>,
    #[serde(rename = "PreviousAllocation")]
    pub previous_allocation: AllocId,
    #[serde(rename = "NextAllocation")]
    pub next_allocation: AllocId,
    #[serde(rename = "DeploymentID")]
    pub deployment_id: DeploymentId,
    #[serde(rename = "DeploymentStatus")]
    pub deployment_status: Option<AllocDeploymentStatus>,
    #[serde(rename = "RescheduleTracker")]
    pub reschedule_tracker: Option<Arc<RescheduleTracker>>,
    #[serde(rename = "NetworkStatus")]
    pub network_status: Option<Arc<AllocNetworkStatus>>,
    #[serde(rename = "FollowupEvalID")]
    pub followup_eval_id: EvalId,
    #[serde(rename = "PreemptedAllocations", deserialize_with = "nullable::deserialize")]
    pub preempted_allocations: Vec<AllocId>,
    #[serde(rename = "PreemptedByAllocation")]
    pub preempted_by_allocation: AllocId,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
    /// Last server-side change.
    #[serde(rename = "AllocModifyIndex")]
    pub alloc_modify_index: u64,
    /// Unix nanoseconds; unix ns.
    #[serde(rename = "CreateTime")]
    pub create_time: i64,
    /// Unix nanoseconds; unix ns.
    #[serde(rename = "ModifyTime")]
    pub modify_time: i64,
}

omit_empty!(Allocation {
    id: "ID",
    namespace: "Namespace",
    eval_id: "EvalID",
    name: "Name",
    node_id: "NodeID",
    node_name: "NodeName",
    job_id: "JobID",
    job: "Job",
    task_group: "TaskGroup",
    allocated_resources: "AllocatedResources",
    metrics: "Metrics",
    desired_status: "DesiredStatus",
    desired_description: "DesiredDescription",
    desired_transition: "DesiredTransition",
    client_status: "ClientStatus",
    client_description: "ClientDescription",
    task_states: "TaskStates",
    alloc_states: "AllocStates",
    previous_allocation: "PreviousAllocation",
    next_allocation: "NextAllocation",
    deployment_id: "DeploymentID",
    deployment_status: "DeploymentStatus",
    reschedule_tracker: "RescheduleTracker",
    network_status: "NetworkStatus",
    followup_eval_id: "FollowupEvalID",
    preempted_allocations: "PreemptedAllocations",
    preempted_by_allocation: "PreemptedByAllocation",
    create_index: "CreateIndex",
    modify_index: "ModifyIndex",
    alloc_modify_index: "AllocModifyIndex",
    create_time: "CreateTime",
    modify_time: "ModifyTime"
});

/// A change of an allocation that is kept with its time.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AllocState {
    /// What changed: 0, the client status, is the only one.
    #[serde(rename = "Field")]
    pub field: u8,
    /// What it became.
    #[serde(rename = "Value")]
    pub value: String,
    #[serde(rename = "Time")]
    pub time: Time,
}

/// How the description of an allocation begins that the node stopped because its group's `max_run_duration` was over.
pub const RAN_ITS_TIME: &str = "Allocation ran for its max_run_duration of ";

/// Of a node that comes and goes.
const STATES_KEPT: usize = 20;

impl Allocation {
    /// Whether it was stopped because it had run as long as it may.
    pub fn ran_its_time(&self) -> bool {
        self.client_status.is_terminal() && self.client_description.starts_with(RAN_ITS_TIME)
    }

    /// The client status becomes `status`. That an allocation becomes unknown because its node is silent, and what it is afterwards, is kept with
    /// its `time` (unix nanoseconds), the newest 20 such changes.
    pub fn set_client_status(&mut self, status: ClientStatus, time: i64) {
        let before = std::mem::replace(&mut self.client_status, status);
        if before == status || ![before, status].contains(&ClientStatus::Unknown) {
            return;
        }
        let states = Arc::make_mut(self.alloc_states.get_or_insert_default());
        states.push(AllocState { field: 0, value: status.to_string(), time: Time(time) });
        let surplus = states.len().saturating_sub(STATES_KEPT);
        states.drain(..surplus);
    }

    /// When it last became unknown.
    pub fn last_silence(&self) -> Option<Time> {
        let last = self.alloc_states.as_ref()?.iter().rfind(|state| state.value == ClientStatus::Unknown.as_str());
        last.map(|state| state.time)
    }
}

/// Health of an allocation within its deployment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AllocDeploymentStatus {
    #[serde(rename = "Healthy")]
    pub healthy: Option<bool>,
    /// A point in time.
    #[serde(rename = "Timestamp")]
    pub timestamp: Time,
    #[serde(rename = "Canary")]
    pub canary: bool,
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
}

/// What an operator or reconciler wants of a running allocation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DesiredTransition {
    #[serde(rename = "Migrate")]
    pub migrate: Option<bool>,
    #[serde(rename = "Reschedule")]
    pub reschedule: Option<bool>,
    #[serde(rename = "ForceReschedule")]
    pub force_reschedule: Option<bool>,
    #[serde(rename = "NoShutdownDelay")]
    pub no_shutdown_delay: Option<bool>,
    #[serde(rename = "MigrateDisablePlacement")]
    pub migrate_disable_placement: Option<bool>,
}

/// Earlier attempts of a rescheduled allocation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct RescheduleTracker {
    #[serde(rename = "Events", with = "nullable")]
    pub events: Vec<RescheduleEvent>,
    #[serde(rename = "LastReschedule")]
    pub last_reschedule: String,
}

/// One earlier attempt.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct RescheduleEvent {
    /// Unix nanoseconds.
    #[serde(rename = "RescheduleTime")]
    pub reschedule_time: i64,
    #[serde(rename = "PrevAllocID")]
    pub prev_alloc_id: AllocId,
    #[serde(rename = "PrevNodeID")]
    pub prev_node_id: NodeId,
    /// Nanoseconds.
    #[serde(rename = "Delay")]
    pub delay: i64,
}

/// How a placement was decided.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AllocMetric {
    #[serde(rename = "NodesEvaluated")]
    pub nodes_evaluated: i64,
    #[serde(rename = "NodesFiltered")]
    pub nodes_filtered: i64,
    #[serde(rename = "NodesInPool")]
    pub nodes_in_pool: i64,
    #[serde(rename = "NodePool")]
    pub node_pool: String,
    #[serde(rename = "NodesAvailable", with = "nullable")]
    pub nodes_available: BTreeMap<String, i64>,
    #[serde(rename = "ClassFiltered", with = "nullable")]
    pub class_filtered: BTreeMap<String, i64>,
    #[serde(rename = "ConstraintFiltered", with = "nullable")]
    pub constraint_filtered: BTreeMap<String, i64>,
    #[serde(rename = "NodesExhausted")]
    pub nodes_exhausted: i64,
    #[serde(rename = "ClassExhausted", with = "nullable")]
    pub class_exhausted: BTreeMap<String, i64>,
    #[serde(rename = "DimensionExhausted", with = "nullable")]
    pub dimension_exhausted: BTreeMap<String, i64>,
    #[serde(rename = "QuotaExhausted", with = "nullable")]
    pub quota_exhausted: Vec<String>,
    #[serde(rename = "ResourcesExhausted", with = "since_2")]
    pub resources_exhausted: BTreeMap<String, Resources>,
    #[serde(rename = "Scores", with = "nullable")]
    pub scores: BTreeMap<String, f64>,
    #[serde(rename = "ScoreMetaData", with = "nullable")]
    pub score_meta_data: Vec<NodeScoreMeta>,
    /// Nanoseconds.
    #[serde(rename = "AllocationTime")]
    pub allocation_time: i64,
    #[serde(rename = "CoalescedFailures")]
    pub coalesced_failures: i64,
}

/// Scores of one considered node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeScoreMeta {
    #[serde(rename = "NodeID")]
    pub node_id: NodeId,
    #[serde(rename = "Scores", with = "nullable")]
    pub scores: BTreeMap<String, f64>,
    #[serde(rename = "NormScore")]
    pub norm_score: f64,
}

/// Addresses of an allocation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AllocNetworkStatus {
    #[serde(rename = "InterfaceName")]
    pub interface_name: String,
    #[serde(rename = "Address")]
    pub address: String,
    #[serde(rename = "AddressIPv6")]
    pub address_ipv6: String,
    #[serde(rename = "DNS")]
    pub dns: Absent,
}

/// What a node says about one task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct TaskState {
    #[serde(rename = "State")]
    pub state: TaskPhase,
    #[serde(rename = "Failed")]
    pub failed: bool,
    #[serde(rename = "Restarts")]
    pub restarts: u64,
    /// A point in time; null when never (zero time).
    #[serde(rename = "LastRestart")]
    pub last_restart: Time,
    /// A point in time; null when unset (zero time).
    #[serde(rename = "StartedAt")]
    pub started_at: Time,
    /// A point in time; null when unset (zero time).
    #[serde(rename = "FinishedAt")]
    pub finished_at: Time,
    #[serde(rename = "Events", with = "nullable")]
    pub events: Vec<TaskEvent>,
    #[serde(rename = "Paused")]
    pub paused: String,
}

/// What a node says about the tasks of an allocation, by name. Kept as the bytes of [`crate::codec`], because a region holds very many of them
/// and looks into few. In JSON and in bincode it is the map.
#[derive(Clone, Default, PartialEq)]
pub struct TaskStates(Option<Arc<[u8]>>);

impl TaskStates {
    /// The map; made anew at every call.
    pub fn all(&self) -> BTreeMap<String, TaskState> {
        // The bytes were made by `from` below: they can be read.
        self.0.as_ref().and_then(|bytes| codec::from_body(bytes).ok()).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl From<BTreeMap<String, TaskState>> for TaskStates {
    fn from(states: BTreeMap<String, TaskState>) -> Self {
        if states.is_empty() {
            return Self(None);
        }
        Self(codec::to_body(&states).ok().map(Arc::from))
    }
}

impl FromIterator<(String, TaskState)> for TaskStates {
    fn from_iter<I: IntoIterator<Item = (String, TaskState)>>(states: I) -> Self {
        states.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl std::fmt::Debug for TaskStates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.all().fmt(f)
    }
}

impl IsEmpty for TaskStates {
    fn is_empty_value(&self) -> bool {
        self.is_empty()
    }
}

impl Serialize for TaskStates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return self.all().serialize(serializer);
        }
        // The bytes are the map's encoding already; bincode writes those of a tuple as they are.
        let bytes = self.0.as_deref().unwrap_or(&[0]);
        let mut tuple = serializer.serialize_tuple(bytes.len())?;
        bytes.iter().try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for TaskStates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::from)
    }
}

/// Something that happened to a task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct TaskEvent {
    #[serde(rename = "Type")]
    pub kind: String,
    /// Unix nanoseconds; unix ns.
    #[serde(rename = "Time")]
    pub time: i64,
    #[serde(rename = "Message")]
    pub message: String,
    /// Filled by HTTP layer when empty.
    #[serde(rename = "DisplayMessage")]
    pub display_message: String,
    /// Preferred source of event data.
    #[serde(rename = "Details", with = "nullable")]
    pub details: BTreeMap<String, String>,
    #[serde(rename = "FailsTask")]
    pub fails_task: bool,
    #[serde(rename = "RestartReason")]
    pub restart_reason: String,
    #[serde(rename = "SetupError")]
    pub setup_error: String,
    #[serde(rename = "DriverError")]
    pub driver_error: String,
    #[serde(rename = "ExitCode")]
    pub exit_code: i64,
    #[serde(rename = "Signal")]
    pub signal: i64,
    /// Nanoseconds.
    #[serde(rename = "KillTimeout")]
    pub kill_timeout: i64,
    #[serde(rename = "KillError")]
    pub kill_error: String,
    #[serde(rename = "KillReason")]
    pub kill_reason: String,
    /// Nanoseconds.
    #[serde(rename = "StartDelay")]
    pub start_delay: i64,
    #[serde(rename = "DownloadError")]
    pub download_error: String,
    #[serde(rename = "ValidationError")]
    pub validation_error: String,
    #[serde(rename = "DiskLimit")]
    pub disk_limit: i64,
    #[serde(rename = "FailedSibling")]
    pub failed_sibling: String,
    #[serde(rename = "VaultError")]
    pub vault_error: String,
    #[serde(rename = "TaskSignalReason")]
    pub task_signal_reason: String,
    #[serde(rename = "TaskSignal")]
    pub task_signal: String,
    #[serde(rename = "DriverMessage")]
    pub driver_message: String,
    #[serde(rename = "GenericSource")]
    pub generic_source: String,
}

/// What a node reports of one allocation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AllocUpdate {
    pub id: AllocId,
    pub client_status: ClientStatus,
    pub client_description: Text,
    pub task_states: TaskStates,
    /// The deployment that `deployment_status` speaks of; nil: none, as for a migration. A verdict on another one is not taken over.
    pub deployment_id: DeploymentId,
    /// `None`: nothing to say about health yet. Only `healthy` and `timestamp` are taken over.
    pub deployment_status: Option<AllocDeploymentStatus>,
    pub network_status: Option<Arc<AllocNetworkStatus>>,
}
