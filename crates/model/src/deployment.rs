//! Deployments: the roll-out of one job version in one region.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::nullable;
use crate::{AllocId, DeploymentId, DeploymentStatus, JobId, Namespace, Time};

/// The roll-out of one job version in one region.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Deployment {
    #[serde(rename = "ID")]
    pub id: DeploymentId,
    #[serde(rename = "Namespace")]
    pub namespace: Namespace,
    #[serde(rename = "JobID")]
    pub job_id: JobId,
    #[serde(rename = "JobVersion")]
    pub job_version: u64,
    #[serde(rename = "JobModifyIndex")]
    pub job_modify_index: u64,
    #[serde(rename = "JobSpecModifyIndex")]
    pub job_spec_modify_index: u64,
    #[serde(rename = "JobCreateIndex")]
    pub job_create_index: u64,
    #[serde(rename = "IsMultiregion")]
    pub is_multiregion: bool,
    /// Key = group name.
    #[serde(rename = "TaskGroups", with = "nullable")]
    pub task_groups: BTreeMap<String, DeploymentState>,
    #[serde(rename = "Status")]
    pub status: DeploymentStatus,
    #[serde(rename = "StatusDescription")]
    pub status_description: String,
    #[serde(rename = "EvalPriority")]
    pub eval_priority: i64,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
    /// Unix nanoseconds; unix ns.
    #[serde(rename = "CreateTime")]
    pub create_time: i64,
    /// Unix nanoseconds; unix ns.
    #[serde(rename = "ModifyTime")]
    pub modify_time: i64,
}

/// Progress of a deployment in one group.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DeploymentState {
    #[serde(rename = "AutoRevert")]
    pub auto_revert: bool,
    #[serde(rename = "AutoPromote")]
    pub auto_promote: bool,
    /// Nanoseconds.
    #[serde(rename = "ProgressDeadline")]
    pub progress_deadline: i64,
    /// A point in time; null when unset.
    #[serde(rename = "RequireProgressBy")]
    pub require_progress_by: Time,
    #[serde(rename = "Promoted")]
    pub promoted: bool,
    #[serde(rename = "PlacedCanaries", with = "nullable")]
    pub placed_canaries: Vec<AllocId>,
    #[serde(rename = "DesiredCanaries")]
    pub desired_canaries: i64,
    #[serde(rename = "DesiredTotal")]
    pub desired_total: i64,
    #[serde(rename = "PlacedAllocs")]
    pub placed_allocs: i64,
    #[serde(rename = "HealthyAllocs")]
    pub healthy_allocs: i64,
    #[serde(rename = "UnhealthyAllocs")]
    pub unhealthy_allocs: i64,
}
