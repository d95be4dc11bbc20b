//! Jobs with what runs of them, for overviews.

use model::json::nullable;
use model::{AllocId, ClientStatus, Deployment, DeploymentId, DeploymentStatus, EvalId, Job, JobId, JobStatus, JobType, Namespace, NodeId};
use serde::{Deserialize, Serialize};

/// `POST /v1/jobs/statuses`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobStatusesRequest {
    /// Only these; empty: all.
    #[serde(with = "nullable")]
    pub jobs: Vec<NamespacedId>,
    pub include_children: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(default)]
pub struct NamespacedId {
    #[serde(rename = "Namespace")]
    pub namespace: String,
    #[serde(rename = "ID")]
    pub id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobStatusesJob {
    #[serde(rename = "ID")]
    pub id: JobId,
    pub namespace: Namespace,
    pub name: String,
    #[serde(rename = "Type")]
    pub kind: JobType,
    pub node_pool: String,
    #[serde(with = "nullable")]
    pub datacenters: Vec<String>,
    pub priority: i64,
    pub version: u64,
    /// Unix nanoseconds.
    pub submit_time: i64,
    pub modify_index: u64,
    #[serde(with = "nullable")]
    pub allocs: Vec<JobStatusesAlloc>,
    pub group_count_sum: i64,
    #[serde(with = "nullable")]
    pub child_statuses: Vec<String>,
    #[serde(rename = "ParentID")]
    pub parent_id: JobId,
    pub latest_deployment: Option<JobStatusesLatestDeployment>,
    pub stop: bool,
    pub is_pack: bool,
    pub status: JobStatus,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobStatusesAlloc {
    #[serde(rename = "ID")]
    pub id: AllocId,
    pub group: String,
    pub client_status: ClientStatus,
    #[serde(rename = "NodeID")]
    pub node_id: NodeId,
    pub deployment_status: JobStatusesDeployment,
    pub job_version: u64,
    #[serde(rename = "FollowupEvalID")]
    pub followup_eval_id: EvalId,
    pub has_paused_task: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobStatusesDeployment {
    pub canary: bool,
    pub healthy: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobStatusesLatestDeployment {
    #[serde(rename = "ID")]
    pub id: DeploymentId,
    pub is_active: bool,
    pub job_version: u64,
    pub status: DeploymentStatus,
    pub status_description: String,
    pub all_auto_promote: bool,
    pub requires_promotion: bool,
}

impl From<&Deployment> for JobStatusesLatestDeployment {
    fn from(deployment: &Deployment) -> Self {
        let canaried: Vec<_> = deployment.task_groups.values().filter(|group| group.desired_canaries > 0).collect();
        Self {
            id: deployment.id,
            is_active: deployment.is_active(),
            job_version: deployment.job_version,
            status: deployment.status,
            status_description: deployment.status_description.clone(),
            all_auto_promote: !canaried.is_empty() && canaried.iter().all(|group| group.auto_promote),
            requires_promotion: deployment.is_active() && deployment.requires_promotion(),
        }
    }
}

impl JobStatusesJob {
    /// The job alone, without allocations and deployment.
    pub fn new(job: &Job) -> Self {
        Self {
            id: job.id.clone(),
            namespace: job.namespace.clone(),
            name: job.name.clone(),
            kind: job.kind,
            node_pool: job.node_pool.clone(),
            datacenters: job.datacenters.clone(),
            priority: job.priority,
            version: job.version,
            submit_time: job.submit_time,
            modify_index: job.modify_index,
            group_count_sum: job.task_groups.iter().fold(0, |sum, group| group.count.saturating_add(sum)),
            parent_id: job.parent_id.clone(),
            stop: job.stop,
            is_pack: job.meta.contains_key("pack.name"),
            status: job.status,
            ..Self::default()
        }
    }
}
