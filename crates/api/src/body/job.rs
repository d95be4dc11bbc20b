//! Jobs: register, plan, validate, parse, versions, stop, revert, evaluate.

use std::collections::BTreeMap;

use model::json::nullable;
use model::{
    AllocMetric, Evaluation, Job, JobId, JobStatus, JobSubmission, JobSummary, JobType, Multiregion, Namespace, PlanAnnotations, Time,
};
use serde::{Deserialize, Serialize};

use crate::diff::JobDiff;

/// `PUT /v1/jobs`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobRegisterRequest {
    pub submission: Option<JobSubmission>,
    pub job: Option<Job>,
    /// Register only if the job's index is `job_modify_index`; 0: only if there is no such job.
    #[serde(skip_serializing_if = "is_false")]
    pub enforce_index: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub job_modify_index: u64,
    #[serde(skip_serializing_if = "is_false")]
    pub policy_override: bool,
    /// Keep the counts of the registered job.
    #[serde(skip_serializing_if = "is_false")]
    pub preserve_counts: bool,
    /// Keep the resources of the registered job.
    #[serde(skip_serializing_if = "is_false")]
    pub preserve_resources: bool,
    /// 0: the job's priority.
    #[serde(skip_serializing_if = "is_zero_signed")]
    pub eval_priority: i64,
    pub region: String,
    pub namespace: String,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_zero_signed(number: &i64) -> bool {
    *number == 0
}

/// Answer of register, evaluate, revert and scale.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobRegisterResponse {
    /// Empty when no evaluation was made.
    #[serde(rename = "EvalID")]
    pub eval_id: String,
    pub eval_create_index: u64,
    pub job_modify_index: u64,
    /// For people, may have several lines.
    pub warnings: String,
    pub index: u64,
    /// Nanoseconds.
    pub last_contact: i64,
    pub known_leader: bool,
    pub next_token: String,
}

/// A job of a list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobListStub {
    #[serde(rename = "ID")]
    pub id: JobId,
    #[serde(rename = "ParentID")]
    pub parent_id: JobId,
    pub name: String,
    pub namespace: Namespace,
    #[serde(with = "nullable")]
    pub datacenters: Vec<String>,
    pub node_pool: String,
    pub multiregion: Option<Multiregion>,
    #[serde(rename = "Type")]
    pub kind: JobType,
    pub priority: i64,
    pub periodic: bool,
    pub parameterized_job: bool,
    pub stop: bool,
    pub status: JobStatus,
    pub status_description: String,
    pub job_summary: Option<JobSummary>,
    pub create_index: u64,
    pub modify_index: u64,
    pub job_modify_index: u64,
    /// Unix nanoseconds.
    pub submit_time: i64,
    /// Only when asked for with `meta=true`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable::deserialize")]
    pub meta: BTreeMap<String, String>,
}

impl JobListStub {
    pub fn new(job: &Job, summary: Option<&JobSummary>, with_meta: bool) -> Self {
        Self {
            id: job.id.clone(),
            parent_id: job.parent_id.clone(),
            name: job.name.clone(),
            namespace: job.namespace.clone(),
            datacenters: job.datacenters.clone(),
            node_pool: job.node_pool.clone(),
            multiregion: job.multiregion.clone(),
            kind: job.kind,
            priority: job.priority,
            periodic: job.is_periodic(),
            parameterized_job: job.is_parameterized(),
            stop: job.stop,
            status: job.status,
            status_description: job.status_description.clone(),
            job_summary: summary.cloned(),
            create_index: job.create_index,
            modify_index: job.modify_index,
            job_modify_index: job.job_modify_index,
            submit_time: job.submit_time,
            meta: if with_meta { job.meta.clone() } else { BTreeMap::new() },
        }
    }
}

/// `PUT /v1/jobs/parse`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct JobsParseRequest {
    #[serde(rename = "JobHCL")]
    pub job_hcl: String,
    /// Text of a variables file.
    #[serde(rename = "Variables")]
    pub variables: String,
    #[serde(rename = "Canonicalize")]
    pub canonicalize: bool,
}

/// `DELETE /v1/job/:id`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobDeregisterResponse {
    #[serde(rename = "EvalID")]
    pub eval_id: String,
    pub eval_create_index: u64,
    pub job_modify_index: u64,
    #[serde(rename = "VolumeEvalID")]
    pub volume_eval_id: String,
    pub volume_eval_index: u64,
    pub index: u64,
    /// Nanoseconds.
    pub last_contact: i64,
    pub known_leader: bool,
    pub next_token: String,
    /// Of a stop in all regions: those that were not heard from yet and will stop the job when they return. Left out when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable::deserialize")]
    pub unreached_regions: Vec<String>,
}

/// `GET /v1/job/:id/versions`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobVersionsResponse {
    /// Newest first.
    #[serde(with = "nullable")]
    pub versions: Vec<Job>,
    /// One less than versions: each from the next older one.
    #[serde(with = "nullable")]
    pub diffs: Vec<JobDiff>,
    pub index: u64,
    /// Nanoseconds.
    pub last_contact: i64,
    pub known_leader: bool,
    pub next_token: String,
}

/// `PUT /v1/job/:id/plan`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobPlanRequest {
    pub job: Option<Job>,
    /// Answer with a difference, too.
    pub diff: bool,
    pub policy_override: bool,
    pub region: String,
    pub namespace: String,
}

/// What registering a job would do.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobPlanResponse {
    pub annotations: Option<PlanAnnotations>,
    #[serde(rename = "FailedTGAllocs", with = "nullable")]
    pub failed_tg_allocs: BTreeMap<String, AllocMetric>,
    pub job_modify_index: u64,
    #[serde(with = "nullable")]
    pub created_evals: Vec<Evaluation>,
    /// `None` unless asked for.
    pub diff: Option<JobDiff>,
    pub next_periodic_launch: Time,
    pub warnings: String,
    pub index: u64,
}

/// `PUT /v1/validate/job`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobValidateRequest {
    pub job: Option<Job>,
    pub region: String,
    pub namespace: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobValidateResponse {
    pub driver_config_validated: bool,
    #[serde(with = "nullable")]
    pub validation_errors: Vec<String>,
    /// All errors in one text; empty when the job is valid.
    pub error: String,
    pub warnings: String,
}

/// `PUT /v1/job/:id/revert`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobRevertRequest {
    #[serde(rename = "JobID")]
    pub job_id: String,
    pub job_version: u64,
    /// Revert only if this is the current version.
    pub enforce_prior_version: Option<u64>,
    pub region: String,
    pub namespace: String,
}

/// `PUT /v1/job/:id/stable`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobStabilityRequest {
    #[serde(rename = "JobID")]
    pub job_id: String,
    pub job_version: u64,
    pub stable: bool,
    pub region: String,
    pub namespace: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobStabilityResponse {
    pub index: u64,
}

/// `PUT /v1/job/:id/evaluate`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobEvaluateRequest {
    #[serde(rename = "JobID")]
    pub job_id: String,
    pub eval_options: EvalOptions,
    pub region: String,
    pub namespace: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EvalOptions {
    /// Place failed allocations anew although their policy says no.
    pub force_reschedule: bool,
}
