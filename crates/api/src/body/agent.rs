//! The agent that answers, and the members of its gossip pool.

use std::collections::BTreeMap;

use model::Time;
use model::json::nullable;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `GET /v1/agent/self`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AgentSelf {
    /// The configuration in effect; secrets are `<redacted>`.
    pub config: Value,
    /// Only on servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<ServerMember>,
    pub stats: BTreeMap<String, BTreeMap<String, String>>,
}

/// `GET /v1/agent/members`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ServerMembersResponse {
    #[serde(rename = "ServerName")]
    pub server_name: String,
    #[serde(rename = "ServerRegion")]
    pub server_region: String,
    #[serde(rename = "ServerDC")]
    pub server_dc: String,
    #[serde(rename = "Members", with = "nullable")]
    pub members: Vec<ServerMember>,
}

/// A member of the gossip pool.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServerMember {
    /// `name.region`.
    pub name: String,
    pub addr: String,
    pub port: u16,
    #[serde(with = "nullable")]
    pub tags: BTreeMap<String, String>,
    /// alive, leaving, left or failed.
    pub status: String,
    pub protocol_min: u8,
    pub protocol_max: u8,
    pub protocol_cur: u8,
    pub delegate_min: u8,
    pub delegate_max: u8,
    pub delegate_cur: u8,
}

/// `PUT /v1/agent/join`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct JoinResult {
    pub num_joined: u64,
    /// Empty when every address could be joined.
    pub error: String,
    pub warning: String,
}

/// `GET /v1/agent/health`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AgentHealthResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<AgentHealth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<AgentHealth>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AgentHealth {
    pub ok: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// `GET /v1/agent/schedulers`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AgentSchedulerWorkersInfo {
    pub server_id: String,
    #[serde(with = "nullable")]
    pub schedulers: Vec<AgentSchedulerWorkerInfo>,
}

/// One scheduler of a server.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AgentSchedulerWorkerInfo {
    pub id: String,
    /// Types of jobs.
    #[serde(with = "nullable")]
    pub enabled_schedulers: Vec<String>,
    pub started: Time,
    /// Started or Stopped.
    pub status: String,
    pub workload_status: String,
}

/// `GET` and `PUT /v1/agent/schedulers/config`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AgentSchedulerWorkerConfigResponse {
    pub server_id: String,
    pub num_schedulers: i64,
    #[serde(with = "nullable")]
    pub enabled_schedulers: Vec<String>,
}

/// `PUT /v1/agent/schedulers/config`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AgentSchedulerWorkerConfigRequest {
    pub num_schedulers: i64,
    #[serde(with = "nullable")]
    pub enabled_schedulers: Vec<String>,
}
