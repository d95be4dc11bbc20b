//! Scaling of one group of a job.

use std::collections::BTreeMap;

use model::json::nullable;
use model::{Namespace, ScalingPolicy, ScalingType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `PUT /v1/job/:id/scale`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ScalingRequest {
    /// `None`: only record an event.
    pub count: Option<i64>,
    /// `{"Group": name}`.
    #[serde(with = "nullable")]
    pub target: BTreeMap<String, String>,
    pub message: String,
    /// The event is an error; excludes a count.
    pub error: bool,
    #[serde(with = "nullable")]
    pub meta: BTreeMap<String, Value>,
    pub region: String,
    pub namespace: String,
    pub policy_override: bool,
    pub job_modify_index: u64,
}

/// `GET /v1/job/:id/scale`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobScaleStatus {
    #[serde(rename = "JobID")]
    pub job_id: String,
    pub namespace: Namespace,
    pub job_create_index: u64,
    pub job_modify_index: u64,
    pub job_stopped: bool,
    #[serde(with = "nullable")]
    pub task_groups: BTreeMap<String, TaskGroupScaleStatus>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskGroupScaleStatus {
    pub desired: i64,
    pub placed: i64,
    pub running: i64,
    pub healthy: i64,
    pub unhealthy: i64,
    /// Newest first.
    #[serde(with = "nullable")]
    pub events: Vec<ScalingEvent>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ScalingEvent {
    /// Unix nanoseconds.
    pub time: i64,
    pub count: Option<i64>,
    pub previous_count: i64,
    pub message: String,
    pub error: bool,
    #[serde(with = "nullable")]
    pub meta: BTreeMap<String, Value>,
    #[serde(rename = "EvalID")]
    pub eval_id: Option<String>,
    pub create_index: u64,
}

/// A policy of a list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ScalingPolicyListStub {
    #[serde(rename = "ID")]
    pub id: String,
    pub enabled: bool,
    #[serde(rename = "Type")]
    pub kind: ScalingType,
    #[serde(with = "nullable")]
    pub target: BTreeMap<String, String>,
    pub create_index: u64,
    pub modify_index: u64,
}

impl From<&ScalingPolicy> for ScalingPolicyListStub {
    fn from(policy: &ScalingPolicy) -> Self {
        Self {
            id: policy.id.clone(),
            enabled: policy.enabled,
            kind: policy.kind,
            target: policy.target.clone(),
            create_index: policy.create_index,
            modify_index: policy.modify_index,
        }
    }
}
