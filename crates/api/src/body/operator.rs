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
