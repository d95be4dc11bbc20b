//! A rollout over several regions, as one of them sees it. Not part of the existing interface.

use model::json::nullable;
use model::{DeploymentId, DeploymentStatus, JobId, MultiregionStrategy, Namespace, Phase, RolloutKind};
use serde::{Deserialize, Serialize};

/// `GET /v1/job/:id/rollout`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RolloutStatus {
    /// `lamport.origin.uuid`
    #[serde(rename = "ID")]
    pub id: String,
    /// The rollout that this one replaces; `None` for the first.
    pub base: Option<String>,
    /// The region that took the submission.
    pub origin: String,
    pub namespace: Namespace,
    #[serde(rename = "JobID")]
    pub job_id: JobId,
    /// run or stop.
    pub kind: RolloutKind,
    /// The same in all regions.
    pub job_version: u64,
    /// SHA-256 of the source specification in hex; empty for kind stop.
    pub spec_hash: String,
    pub strategy: MultiregionStrategy,
    pub author: String,
    /// A person ended it: it fails wherever it has not ended.
    pub aborted: bool,
    /// Unix nanoseconds.
    pub submit_time: i64,
    /// In the order of the job's list, dropped ones last.
    #[serde(with = "nullable")]
    pub regions: Vec<RolloutRegion>,
}

/// One region of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RolloutRegion {
    pub region: String,
    /// In the job's list; false for a region that the job left.
    pub listed: bool,
    /// Could not be asked, and adopts when it returns.
    pub deferred: bool,
    /// A person asserted that it has done its part of the order.
    pub released: bool,
    /// A person asserted that it takes no part: nobody waits for it.
    pub excluded: bool,
    /// Something is known about it; else all that follows is empty.
    pub known: bool,
    pub phase: Option<Phase>,
    /// The phase in the words of deployments.
    pub status: Option<DeploymentStatus>,
    pub cause: String,
    pub cause_region: String,
    /// An operator forced the last step.
    pub forced: bool,
    #[serde(rename = "DeploymentID")]
    pub deployment_id: DeploymentId,
    pub job_version: u64,
    /// How fresh this is: the larger pair of incarnation and seq, the newer. Equal ones say the same, whoever is asked.
    pub incarnation: u64,
    pub seq: u64,
    /// Allocations wanted, placed, healthy.
    pub desired: u32,
    pub placed: u32,
    pub healthy: u32,
    /// Nanoseconds since this was heard; 0 for the answering region itself.
    pub age: i64,
    /// In words; empty when it waits for nothing.
    pub waiting_for: String,
}

/// `PUT /v1/job/:id/rollout`: what a person asserts about the present rollout.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RolloutOverrideRequest {
    /// abort, release or exclude.
    pub action: String,
    /// The region to release or exclude.
    pub region: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RolloutOverrideResponse {
    pub index: u64,
}

/// How a phase shows as the status of a deployment; `None` when there is no deployment to speak of.
pub fn shown_status(phase: Phase) -> Option<DeploymentStatus> {
    Some(match phase {
        Phase::Voted => DeploymentStatus::Initializing,
        Phase::Adopted => DeploymentStatus::Pending,
        Phase::Running => DeploymentStatus::Running,
        Phase::Paused => DeploymentStatus::Paused,
        Phase::Blocked | Phase::Held => DeploymentStatus::Blocked,
        Phase::Unblocking => DeploymentStatus::Unblocking,
        Phase::Successful => DeploymentStatus::Successful,
        Phase::Failed => DeploymentStatus::Failed,
        Phase::Cancelled => DeploymentStatus::Cancelled,
        Phase::Rejected | Phase::Withdrawn | Phase::Dropped | Phase::Stopped => return None,
    })
}
