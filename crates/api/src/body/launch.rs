//! Launching children of jobs, and names of their versions.

use std::collections::BTreeMap;

use model::Payload;
use model::json::nullable;
use serde::{Deserialize, Serialize};

/// `PUT /v1/job/:id/dispatch`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobDispatchRequest {
    #[serde(rename = "JobID")]
    pub job_id: String,
    /// Base64.
    pub payload: Payload,
    #[serde(with = "nullable")]
    pub meta: BTreeMap<String, String>,
    pub region: String,
    pub namespace: String,
    /// A live child with the same one is given instead of a new one.
    pub idempotency_token: String,
    /// Goes into the child's id.
    pub id_prefix_template: String,
    /// 0: that of the parent.
    pub priority: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobDispatchResponse {
    #[serde(rename = "DispatchedJobID")]
    pub dispatched_job_id: String,
    #[serde(rename = "EvalID")]
    pub eval_id: String,
    pub eval_create_index: u64,
    pub job_create_index: u64,
    pub index: u64,
}

/// `PUT /v1/job/:id/periodic/force`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PeriodicForceResponse {
    #[serde(rename = "EvalID")]
    pub eval_id: String,
    pub eval_create_index: u64,
    pub index: u64,
}

/// `PUT /v1/job/:id/versions/:name/tag`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TagVersionRequest {
    pub version: u64,
    /// The present version, whatever its number.
    pub latest: bool,
    pub description: String,
    pub region: String,
    pub namespace: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobTagResponse {
    pub name: String,
    pub description: String,
    /// Unix nanoseconds.
    pub tagged_time: i64,
    pub index: u64,
    /// Nanoseconds.
    pub last_contact: i64,
    pub known_leader: bool,
    pub next_token: String,
}
