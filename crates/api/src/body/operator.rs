//! The region's own workings.

use model::json::nullable;
use serde::{Deserialize, Serialize};

/// `GET /v1/operator/raft/configuration`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RaftConfigurationResponse {
    #[serde(with = "nullable")]
    pub servers: Vec<RaftServer>,
    pub index: u64,
}

/// A server of the region.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RaftServer {
    #[serde(rename = "ID")]
    pub id: String,
    /// Name in the gossip pool; `(unknown)` when it is no member.
    pub node: String,
    /// rpc address.
    pub address: String,
    pub leader: bool,
    pub voter: bool,
    pub raft_protocol: String,
}

/// `PUT /v1/operator/raft/transfer-leadership`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LeadershipTransferResponse {
    pub from: RaftIdAddress,
    pub to: RaftIdAddress,
    /// It led already.
    pub noop: bool,
    /// Always `null`: a failure is told by the status.
    pub err: Option<String>,
}

/// A server of the region.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RaftIdAddress {
    /// rpc address.
    pub address: String,
    #[serde(rename = "ID")]
    pub id: String,
}
