//! Jobs: what people ask for, in canonical form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{nullable, since_2};
use crate::{
    Absent, DelayFunction, DriverConfig, HealthCheck, JobId, JobStatus, JobType, LifecycleHook, Namespace, NetworkResource, OnFailure,
    Payload, PayloadRule, ReconnectChoice, Resources, RestartMode, ScalingType, Unreachable,
};

/// A job: what to run, as its owner wrote it, in canonical form.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Job {
    /// Default false.
    #[serde(rename = "Stop")]
    pub stop: bool,
    #[serde(rename = "Region")]
    pub region: String,
    /// Default "default".
    #[serde(rename = "Namespace")]
    pub namespace: Namespace,
    /// Required; no space, no NUL; URL-escaped when used in paths.
    #[serde(rename = "ID")]
    pub id: JobId,
    /// Default "".
    #[serde(rename = "ParentID")]
    pub parent_id: JobId,
    /// Default = ID.
    #[serde(rename = "Name")]
    pub name: String,
    /// Default "service".
    #[serde(rename = "Type")]
    pub kind: JobType,
    /// Default 50.
    #[serde(rename = "Priority")]
    pub priority: i64,
    /// Default false.
    #[serde(rename = "AllAtOnce")]
    pub all_at_once: bool,
    /// Default ["*"].
    #[serde(rename = "Datacenters", with = "nullable")]
    pub datacenters: Vec<String>,
    /// Default "" then namespace default pool, normally "default".
    #[serde(rename = "NodePool")]
    pub node_pool: String,
    /// Default null.
    #[serde(rename = "Constraints", with = "nullable")]
    pub constraints: Vec<Constraint>,
    /// Default null.
    #[serde(rename = "Affinities", with = "since_2")]
    pub affinities: Vec<Affinity>,
    /// Default null.
    #[serde(rename = "Spreads", with = "since_2")]
    pub spreads: Vec<Spread>,
    #[serde(rename = "TaskGroups", with = "nullable")]
    pub task_groups: Vec<TaskGroup>,
    /// Object, never null on the wire.
    #[serde(rename = "Update")]
    pub update: UpdateStrategy,
    #[serde(rename = "Multiregion")]
    pub multiregion: Option<Multiregion>,
    #[serde(rename = "Periodic", with = "since_2")]
    pub periodic: Option<PeriodicConfig>,
    #[serde(rename = "ParameterizedJob", with = "since_2")]
    pub parameterized_job: Option<ParameterizedJobConfig>,
    /// Default false.
    #[serde(rename = "Dispatched")]
    pub dispatched: bool,
    /// Set from idempotency_token.
    #[serde(rename = "DispatchIdempotencyToken")]
    pub dispatch_idempotency_token: String,
    /// Stored snappy-compressed; GET /v1/job/:id and alloc reads return it decompressed, base64 in JSON.
    #[serde(rename = "Payload", with = "since_2")]
    pub payload: Payload,
    /// Default null.
    #[serde(rename = "Meta", with = "nullable")]
    pub meta: BTreeMap<String, String>,
    /// Default "".
    #[serde(rename = "ConsulNamespace")]
    pub consul_namespace: String,
    /// Default "".
    #[serde(rename = "VaultNamespace")]
    pub vault_namespace: String,
    /// Accessor id of submitting token.
    #[serde(rename = "NomadTokenID")]
    pub nomad_token_id: String,
    #[serde(rename = "Status")]
    pub status: JobStatus,
    #[serde(rename = "StatusDescription")]
    pub status_description: String,
    /// Default false.
    #[serde(rename = "Stable")]
    pub stable: bool,
    /// Default 0 (increments per spec change).
    #[serde(rename = "Version")]
    pub version: u64,
    /// Unix nanoseconds; unix nanoseconds, set by server.
    #[serde(rename = "SubmitTime")]
    pub submit_time: i64,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
    /// Index of last change of any kind.
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
    /// Index of last spec change; used with EnforceIndex.
    #[serde(rename = "JobModifyIndex")]
    pub job_modify_index: u64,
    /// UI block (1.7+).
    #[serde(rename = "UI", with = "since_2")]
    pub ui: Option<JobUIConfig>,
    /// Set on tagged versions (1.9+).
    #[serde(rename = "VersionTag", with = "since_2")]
    pub version_tag: Option<JobVersionTag>,
}

/// Tasks that run together on one node, `count` times.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct TaskGroup {
    #[serde(rename = "Name")]
    pub name: String,
    /// Default scaling.min if set else 1.
    #[serde(rename = "Count")]
    pub count: i64,
    /// Default service/system only; null for batch/sysbatch.
    #[serde(rename = "Update")]
    pub update: Option<UpdateStrategy>,
    /// Default service only; null otherwise.
    #[serde(rename = "Migrate")]
    pub migrate: Option<MigrateStrategy>,
    #[serde(rename = "Constraints", with = "nullable")]
    pub constraints: Vec<Constraint>,
    /// Default null.
    #[serde(rename = "Scaling", with = "since_2")]
    pub scaling: Option<ScalingPolicy>,
    /// Default by job type.
    #[serde(rename = "RestartPolicy")]
    pub restart_policy: Option<RestartPolicy>,
    /// Default null.
    #[serde(rename = "Disconnect", with = "since_2")]
    pub disconnect: Option<DisconnectStrategy>,
    #[serde(rename = "Tasks", with = "nullable")]
    pub tasks: Vec<Task>,
    /// Default {Sticky:false,SizeMB:300,Migrate:false}.
    #[serde(rename = "EphemeralDisk")]
    pub ephemeral_disk: Option<EphemeralDisk>,
    /// Default null.
    #[serde(rename = "Meta", with = "nullable")]
    pub meta: BTreeMap<String, String>,
    /// Default by job type; null for system/sysbatch.
    #[serde(rename = "ReschedulePolicy")]
    pub reschedule_policy: Option<ReschedulePolicy>,
    #[serde(rename = "Affinities", with = "since_2")]
    pub affinities: Vec<Affinity>,
    #[serde(rename = "Spreads", with = "since_2")]
    pub spreads: Vec<Spread>,
    #[serde(rename = "Networks", with = "nullable")]
    pub networks: Vec<NetworkResource>,
    #[serde(rename = "Consul")]
    pub consul: Absent,
    #[serde(rename = "Services")]
    pub services: Absent,
    #[serde(rename = "Volumes")]
    pub volumes: Absent,
    /// Nanoseconds; default null.
    #[serde(rename = "ShutdownDelay")]
    pub shutdown_delay: Option<i64>,
    /// Nanoseconds; default null.
    #[serde(rename = "MaxRunDuration")]
    pub max_run_duration: Option<i64>,
    /// Nanoseconds.
    #[serde(rename = "StopAfterClientDisconnect")]
    pub stop_after_client_disconnect: Option<i64>,
    /// Nanoseconds.
    #[serde(rename = "MaxClientDisconnect")]
    pub max_client_disconnect: Option<i64>,
    #[serde(rename = "PreventRescheduleOnLost")]
    pub prevent_reschedule_on_lost: bool,
}

/// One process (or container) of a group.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Task {
    #[serde(rename = "Name")]
    pub name: String,
    #[serde(rename = "Driver")]
    pub driver: String,
    #[serde(rename = "User")]
    pub user: String,
    /// Default null if empty.
    #[serde(rename = "Config", with = "nullable")]
    pub config: DriverConfig,
    /// Default null if empty.
    #[serde(rename = "Env", with = "nullable")]
    pub env: BTreeMap<String, String>,
    #[serde(rename = "Services")]
    pub services: Absent,
    #[serde(rename = "Vault")]
    pub vault: Absent,
    #[serde(rename = "Secrets")]
    pub secrets: Absent,
    #[serde(rename = "Consul")]
    pub consul: Absent,
    #[serde(rename = "Templates")]
    pub templates: Absent,
    #[serde(rename = "Constraints", with = "nullable")]
    pub constraints: Vec<Constraint>,
    #[serde(rename = "Affinities", with = "since_2")]
    pub affinities: Vec<Affinity>,
    /// Default {CPU:100,MemoryMB:300}.
    #[serde(rename = "Resources")]
    pub resources: Option<Resources>,
    /// Default = group policy.
    #[serde(rename = "RestartPolicy")]
    pub restart_policy: Option<RestartPolicy>,
    #[serde(rename = "DispatchPayload", with = "since_2")]
    pub dispatch_payload: Option<DispatchPayloadConfig>,
    #[serde(rename = "Lifecycle")]
    pub lifecycle: Option<TaskLifecycle>,
    /// Default null if empty.
    #[serde(rename = "Meta", with = "nullable")]
    pub meta: BTreeMap<String, String>,
    /// Nanoseconds; default 5s.
    #[serde(rename = "KillTimeout")]
    pub kill_timeout: i64,
    /// Default {10,10,false}.
    #[serde(rename = "LogConfig")]
    pub log_config: Option<LogConfig>,
    #[serde(rename = "Artifacts")]
    pub artifacts: Absent,
    /// Default false.
    #[serde(rename = "Leader")]
    pub leader: bool,
    /// Nanoseconds; default 0.
    #[serde(rename = "ShutdownDelay")]
    pub shutdown_delay: i64,
    #[serde(rename = "VolumeMounts")]
    pub volume_mounts: Absent,
    #[serde(rename = "ScalingPolicies", with = "since_2")]
    pub scaling_policies: Vec<ScalingPolicy>,
    #[serde(rename = "KillSignal")]
    pub kill_signal: String,
    #[serde(rename = "Kind")]
    pub kind: String,
    #[serde(rename = "CSIPluginConfig")]
    pub csi_plugin_config: Absent,
    /// Default {Name:"default",Audience:["nomadproject.io"]}.
    #[serde(rename = "Identity")]
    pub identity: Absent,
    #[serde(rename = "Identities")]
    pub identities: Absent,
    #[serde(rename = "Actions")]
    pub actions: Absent,
    #[serde(rename = "Schedule")]
    pub schedule: Absent,
}

/// How a new version replaces the old one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateStrategy {
    /// Nanoseconds; default 30000000000.
    #[serde(rename = "Stagger")]
    pub stagger: i64,
    /// Default 1.
    #[serde(rename = "MaxParallel")]
    pub max_parallel: i64,
    /// Default "checks".
    #[serde(rename = "HealthCheck")]
    pub health_check: HealthCheck,
    /// Nanoseconds; default 10000000000.
    #[serde(rename = "MinHealthyTime")]
    pub min_healthy_time: i64,
    /// Nanoseconds; default 300000000000.
    #[serde(rename = "HealthyDeadline")]
    pub healthy_deadline: i64,
    /// Nanoseconds; default 600000000000.
    #[serde(rename = "ProgressDeadline")]
    pub progress_deadline: i64,
    /// Default false.
    #[serde(rename = "AutoRevert")]
    pub auto_revert: bool,
    /// Default false.
    #[serde(rename = "AutoPromote")]
    pub auto_promote: bool,
    /// Default 0.
    #[serde(rename = "Canary")]
    pub canary: i64,
}

/// How allocations leave a draining node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct MigrateStrategy {
    /// Default 1.
    #[serde(rename = "MaxParallel")]
    pub max_parallel: i64,
    /// Default "checks".
    #[serde(rename = "HealthCheck")]
    pub health_check: HealthCheck,
    /// Nanoseconds; default 10s.
    #[serde(rename = "MinHealthyTime")]
    pub min_healthy_time: i64,
    /// Nanoseconds; default 5m.
    #[serde(rename = "HealthyDeadline")]
    pub healthy_deadline: i64,
}

/// When a failed task is started again on its node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct RestartPolicy {
    /// Default service/system 2; batch/sysbatch 3.
    #[serde(rename = "Attempts")]
    pub attempts: i64,
    /// Nanoseconds; default service/system 30m; batch/sysbatch 24h.
    #[serde(rename = "Interval")]
    pub interval: i64,
    /// Nanoseconds; default 15s.
    #[serde(rename = "Delay")]
    pub delay: i64,
    /// Default "fail".
    #[serde(rename = "Mode")]
    pub mode: RestartMode,
    /// Default false.
    #[serde(rename = "RenderTemplates")]
    pub render_templates: bool,
}

/// When a failed allocation is placed anew.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ReschedulePolicy {
    /// Default service 0; batch 1.
    #[serde(rename = "Attempts")]
    pub attempts: i64,
    /// Nanoseconds; default service 0; batch 24h.
    #[serde(rename = "Interval")]
    pub interval: i64,
    /// Nanoseconds; default service 30s; batch 5s.
    #[serde(rename = "Delay")]
    pub delay: i64,
    /// Default service exponential; batch constant.
    #[serde(rename = "DelayFunction")]
    pub delay_function: DelayFunction,
    /// Nanoseconds; default service 1h; batch 0.
    #[serde(rename = "MaxDelay")]
    pub max_delay: i64,
    /// Default service true; batch false.
    #[serde(rename = "Unlimited")]
    pub unlimited: bool,
}

/// The shared disk of an allocation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct EphemeralDisk {
    /// Default false.
    #[serde(rename = "Sticky")]
    pub sticky: bool,
    /// MiB; default 300.
    #[serde(rename = "SizeMB")]
    pub size_mb: i64,
    /// Default false.
    #[serde(rename = "Migrate")]
    pub migrate: bool,
}

/// A condition that a node must meet.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Constraint {
    #[serde(rename = "LTarget")]
    pub l_target: String,
    #[serde(rename = "RTarget")]
    pub r_target: String,
    #[serde(rename = "Operand")]
    pub operand: String,
}

/// A wish that nodes meet or do not meet; those that do are preferred, or avoided where the weight is negative.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Affinity {
    #[serde(rename = "LTarget")]
    pub l_target: String,
    #[serde(rename = "RTarget")]
    pub r_target: String,
    #[serde(rename = "Operand")]
    pub operand: String,
    /// From -100 to 100; default 50.
    #[serde(rename = "Weight")]
    pub weight: i64,
}

/// A wish that allocations are spread over the values of an attribute.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Spread {
    #[serde(rename = "Attribute")]
    pub attribute: String,
    /// From 0 to 100; default 50.
    #[serde(rename = "Weight")]
    pub weight: i64,
    /// Empty: evenly over all values that there are.
    #[serde(rename = "SpreadTarget", with = "nullable")]
    pub targets: Vec<SpreadTarget>,
}

/// How many of the allocations one value of the attribute shall get.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct SpreadTarget {
    #[serde(rename = "Value")]
    pub value: String,
    #[serde(rename = "Percent")]
    pub percent: i64,
}

/// When a job is launched again and again.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct PeriodicConfig {
    /// Default true.
    #[serde(rename = "Enabled")]
    pub enabled: bool,
    /// One cron expression; empty when `specs` is used.
    #[serde(rename = "Spec")]
    pub spec: String,
    /// Several of them: the earliest counts.
    #[serde(rename = "Specs", with = "nullable")]
    pub specs: Vec<String>,
    /// Always "cron".
    #[serde(rename = "SpecType")]
    pub spec_type: String,
    /// No launch while an earlier one still runs.
    #[serde(rename = "ProhibitOverlap")]
    pub prohibit_overlap: bool,
    /// An IANA name; default "UTC".
    #[serde(rename = "TimeZone")]
    pub time_zone: String,
}

/// A job that runs only when it is dispatched, each time with a payload and meta of its own.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ParameterizedJobConfig {
    #[serde(rename = "Payload")]
    pub payload: PayloadRule,
    #[serde(rename = "MetaRequired", with = "nullable")]
    pub meta_required: Vec<String>,
    #[serde(rename = "MetaOptional", with = "nullable")]
    pub meta_optional: Vec<String>,
}

/// Where a task finds the payload with which its job was dispatched.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DispatchPayloadConfig {
    /// Relative to the task's local directory.
    #[serde(rename = "File")]
    pub file: String,
}

/// What a page about the job shows.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct JobUIConfig {
    #[serde(rename = "Description")]
    pub description: String,
    #[serde(rename = "Links", with = "nullable")]
    pub links: Vec<JobUILink>,
}

/// A link on a page about the job.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct JobUILink {
    #[serde(rename = "Label")]
    pub label: String,
    #[serde(rename = "Url")]
    pub url: String,
}

/// A name that somebody gave to a version of a job; the version is kept as long as it has one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct JobVersionTag {
    #[serde(rename = "Name")]
    pub name: String,
    #[serde(rename = "Description")]
    pub description: String,
    /// Unix nanoseconds.
    #[serde(rename = "TaggedTime")]
    pub tagged_time: i64,
}

/// Between which counts somebody, an autoscaler for example, may move a group (horizontal) or the resources of a task (vertical).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ScalingPolicy {
    /// Follows from whose policy it is: the same job has the same ids again.
    #[serde(rename = "ID")]
    pub id: String,
    /// Default "horizontal".
    #[serde(rename = "Type")]
    pub kind: ScalingType,
    /// Namespace, Job, Group, and Task of a task's policy.
    #[serde(rename = "Target", with = "nullable")]
    pub target: BTreeMap<String, String>,
    /// Only for the autoscaler.
    #[serde(rename = "Policy", with = "nullable")]
    pub policy: DriverConfig,
    /// Default: the group's count.
    #[serde(rename = "Min")]
    pub min: i64,
    #[serde(rename = "Max")]
    pub max: i64,
    /// Default true.
    #[serde(rename = "Enabled")]
    pub enabled: bool,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
}

/// What happens to allocations whose node is not heard of.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DisconnectStrategy {
    /// Nanoseconds; they are unknown, and not lost, for so long. Default 0: lost at once.
    #[serde(rename = "LostAfter")]
    pub lost_after: i64,
    /// Nanoseconds; the node itself stops them when it has not reached a server for so long.
    #[serde(rename = "StopOnClientAfter")]
    pub stop_on_client_after: Option<i64>,
    /// Whether others take their place meanwhile; default true.
    #[serde(rename = "Replace")]
    pub replace: Option<bool>,
    /// Which of the two goes on when the node returns; default "best_score".
    #[serde(rename = "Reconcile")]
    pub reconcile: ReconnectChoice,
}

/// Rotation of captured output.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct LogConfig {
    /// Default 10.
    #[serde(rename = "MaxFiles")]
    pub max_files: i64,
    /// MiB; default 10.
    #[serde(rename = "MaxFileSizeMB")]
    pub max_file_size_mb: i64,
    /// Default false.
    #[serde(rename = "Disabled")]
    pub disabled: bool,
}

/// When a task runs, relative to the main tasks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct TaskLifecycle {
    #[serde(rename = "Hook")]
    pub hook: LifecycleHook,
    #[serde(rename = "Sidecar")]
    pub sidecar: bool,
}

/// The regions of a multi-region job, in order.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Multiregion {
    #[serde(rename = "Strategy")]
    pub strategy: Option<MultiregionStrategy>,
    #[serde(rename = "Regions", with = "nullable")]
    pub regions: Vec<MultiregionRegion>,
}

/// How a change rolls over the regions.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct MultiregionStrategy {
    /// Default 0 (=all regions at once).
    #[serde(rename = "MaxParallel")]
    pub max_parallel: i64,
    /// Default "".
    #[serde(rename = "OnFailure")]
    pub on_failure: OnFailure,
    /// Not part of the existing interface, and not in JSON where it is the default, "reject".
    #[serde(rename = "Unreachable")]
    pub unreachable: Unreachable,
}

impl Serialize for MultiregionStrategy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let is_shown = !serializer.is_human_readable() || self.unreachable != Unreachable::default();
        let mut fields = serializer.serialize_struct("MultiregionStrategy", if is_shown { 3 } else { 2 })?;
        fields.serialize_field("MaxParallel", &self.max_parallel)?;
        fields.serialize_field("OnFailure", &self.on_failure)?;
        if is_shown {
            fields.serialize_field("Unreachable", &self.unreachable)?;
        }
        fields.end()
    }
}

/// What differs in one region.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct MultiregionRegion {
    #[serde(rename = "Name")]
    pub name: String,
    /// Default 1.
    #[serde(rename = "Count")]
    pub count: i64,
    /// Default [].
    #[serde(rename = "Datacenters", with = "nullable")]
    pub datacenters: Vec<String>,
    #[serde(rename = "NodePool")]
    pub node_pool: String,
    /// Default {}.
    #[serde(rename = "Meta", with = "nullable")]
    pub meta: BTreeMap<String, String>,
}

/// The text from which a job version was made.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct JobSubmission {
    #[serde(rename = "Source")]
    pub source: String,
    #[serde(rename = "Format")]
    pub format: String,
    /// Values are URL-query-escaped at submit and unescaped on read.
    #[serde(rename = "VariableFlags", with = "nullable")]
    pub variable_flags: BTreeMap<String, String>,
    #[serde(rename = "Variables")]
    pub variables: String,
    #[serde(rename = "Namespace")]
    pub namespace: Namespace,
    #[serde(rename = "JobID")]
    pub job_id: JobId,
    #[serde(rename = "Version")]
    pub version: u64,
    #[serde(rename = "JobModifyIndex")]
    pub job_modify_index: u64,
}

/// Counts of allocations per group.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct JobSummary {
    #[serde(rename = "JobID")]
    pub job_id: JobId,
    #[serde(rename = "Namespace")]
    pub namespace: Namespace,
    #[serde(rename = "Summary", with = "nullable")]
    pub summary: BTreeMap<String, TaskGroupSummary>,
    #[serde(rename = "Children")]
    pub children: Option<JobChildrenSummary>,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
}

/// Counts of allocations of one group by state.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct TaskGroupSummary {
    #[serde(rename = "Queued")]
    pub queued: i64,
    #[serde(rename = "Complete")]
    pub complete: i64,
    #[serde(rename = "Failed")]
    pub failed: i64,
    #[serde(rename = "Running")]
    pub running: i64,
    #[serde(rename = "Starting")]
    pub starting: i64,
    #[serde(rename = "Lost")]
    pub lost: i64,
    #[serde(rename = "Unknown")]
    pub unknown: i64,
}

/// Counts of child jobs by status.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct JobChildrenSummary {
    #[serde(rename = "Pending")]
    pub pending: i64,
    #[serde(rename = "Running")]
    pub running: i64,
    #[serde(rename = "Dead")]
    pub dead: i64,
}
