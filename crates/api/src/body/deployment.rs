//! Deployments: what a person can ask of one.

use model::json::nullable;
use serde::{Deserialize, Serialize};

/// `PUT /v1/deployment/fail/:id`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeploymentFailRequest {
    #[serde(rename = "DeploymentID")]
    pub deployment_id: String,
    pub region: String,
    pub namespace: String,
}

/// `PUT /v1/deployment/pause/:id`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeploymentPauseRequest {
    #[serde(rename = "DeploymentID")]
    pub deployment_id: String,
    /// False resumes.
    pub pause: bool,
    pub region: String,
    pub namespace: String,
}

/// `PUT /v1/deployment/promote/:id`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeploymentPromoteRequest {
    #[serde(rename = "DeploymentID")]
    pub deployment_id: String,
    pub all: bool,
    /// Excludes `all`.
    #[serde(with = "nullable")]
    pub groups: Vec<String>,
    pub region: String,
    pub namespace: String,
}

/// `PUT /v1/deployment/allocation-health/:id`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeploymentAllocHealthRequest {
    #[serde(rename = "DeploymentID")]
    pub deployment_id: String,
    #[serde(rename = "HealthyAllocationIDs", with = "nullable")]
    pub healthy_allocation_ids: Vec<String>,
    #[serde(rename = "UnhealthyAllocationIDs", with = "nullable")]
    pub unhealthy_allocation_ids: Vec<String>,
    pub region: String,
    pub namespace: String,
}

/// `PUT /v1/deployment/unblock/:id`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeploymentUnblockRequest {
    #[serde(rename = "DeploymentID")]
    pub deployment_id: String,
    pub region: String,
    pub namespace: String,
}

/// Answer of all of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeploymentUpdateResponse {
    #[serde(rename = "EvalID")]
    pub eval_id: String,
    pub eval_create_index: u64,
    pub deployment_modify_index: u64,
    /// The version that the job was reverted to, if it was.
    pub reverted_job_version: Option<u64>,
    pub index: u64,
}
