//! Evaluations: stubs of related ones, counts.

use model::json::nullable;
use model::{DeploymentId, EvalId, EvalStatus, EvalTrigger, Evaluation, JobId, JobType, Namespace, NodeId, Time};
use serde::{Deserialize, Serialize};

/// An evaluation that is related to another.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EvaluationStub {
    #[serde(rename = "ID")]
    pub id: EvalId,
    pub namespace: Namespace,
    pub priority: i64,
    #[serde(rename = "Type")]
    pub kind: JobType,
    pub triggered_by: EvalTrigger,
    #[serde(rename = "JobID")]
    pub job_id: JobId,
    #[serde(rename = "NodeID")]
    pub node_id: NodeId,
    #[serde(rename = "DeploymentID")]
    pub deployment_id: DeploymentId,
    pub status: EvalStatus,
    pub status_description: String,
    pub wait_until: Time,
    pub next_eval: EvalId,
    pub previous_eval: EvalId,
    pub blocked_eval: EvalId,
    pub create_index: u64,
    pub modify_index: u64,
    /// Unix nanoseconds.
    pub create_time: i64,
    /// Unix nanoseconds.
    pub modify_time: i64,
}

impl From<&Evaluation> for EvaluationStub {
    fn from(eval: &Evaluation) -> Self {
        Self {
            id: eval.id,
            namespace: eval.namespace.clone(),
            priority: eval.priority,
            kind: eval.kind,
            triggered_by: eval.triggered_by,
            job_id: eval.job_id.clone(),
            node_id: eval.node_id,
            deployment_id: eval.deployment_id,
            status: eval.status,
            status_description: eval.status_description.clone(),
            wait_until: eval.wait_until,
            next_eval: eval.next_eval,
            previous_eval: eval.previous_eval,
            blocked_eval: eval.blocked_eval,
            create_index: eval.create_index,
            modify_index: eval.modify_index,
            create_time: eval.create_time,
            modify_time: eval.modify_time,
        }
    }
}

/// `GET /v1/evaluation/:id?related=true`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct RelatedEvaluation {
    #[serde(flatten)]
    pub evaluation: Evaluation,
    #[serde(rename = "RelatedEvals", default, skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable::deserialize")]
    pub related_evals: Vec<EvaluationStub>,
}

/// `DELETE /v1/evaluations`: by ids or by a filter.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EvalDeleteRequest {
    #[serde(rename = "EvalIDs", with = "nullable")]
    pub eval_ids: Vec<String>,
    pub filter: String,
}

/// `DELETE /v1/evaluations`: how many there were.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EvalDeleteResponse {
    pub count: i64,
    pub index: u64,
}

/// `GET /v1/evaluations/count`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EvalCountResponse {
    pub count: i64,
    pub index: u64,
    /// Nanoseconds.
    pub last_contact: i64,
    pub known_leader: bool,
    pub next_token: String,
}
