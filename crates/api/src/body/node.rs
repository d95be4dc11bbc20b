//! Nodes: lists, eligibility, drain.

use std::collections::BTreeMap;

use model::json::nullable;
use model::{
    Absent, DrainMetadata, DriverInfo, Eligibility, Node, NodeEvent, NodeId, NodeReservedResources, NodeResources, NodeStatus, Uuid,
};
use serde::{Deserialize, Serialize};

/// A node as the interface shows it: without its secret, with `Drain`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ShownNode {
    #[serde(flatten)]
    pub node: Node,
    #[serde(rename = "Drain", default)]
    pub drain: bool,
}

impl ShownNode {
    pub fn new(node: &Node) -> Self {
        let drain = node.drain_strategy.is_some();
        Self { node: Node { secret_id: Uuid::nil(), ..node.clone() }, drain }
    }
}

/// A node of a list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeListStub {
    /// IP address.
    pub address: String,
    #[serde(rename = "ID")]
    pub id: NodeId,
    /// Only with `os=true`, and then only `os.name`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable::deserialize")]
    pub attributes: BTreeMap<String, String>,
    pub datacenter: String,
    pub name: String,
    pub node_pool: String,
    pub node_class: String,
    pub version: String,
    pub drain: bool,
    pub scheduling_eligibility: Eligibility,
    pub status: NodeStatus,
    pub status_description: String,
    #[serde(with = "nullable")]
    pub drivers: BTreeMap<String, DriverInfo>,
    pub host_volumes: Absent,
    /// Only with `resources=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_resources: Option<NodeResources>,
    /// Only with `resources=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_resources: Option<NodeReservedResources>,
    pub last_drain: Option<DrainMetadata>,
    pub create_index: u64,
    pub modify_index: u64,
}

/// What of a node goes into a list.
#[derive(Clone, Copy, Debug)]
pub struct NodeFields {
    pub resources: bool,
    pub os: bool,
}

impl NodeListStub {
    pub fn new(node: &Node, fields: NodeFields) -> Self {
        let os_name = node.attributes.get("os.name").filter(|_| fields.os);
        Self {
            address: node.http_addr.rsplit_once(':').map_or(node.http_addr.as_str(), |(host, _)| host).to_owned(),
            id: node.id,
            attributes: os_name.map(|name| ("os.name".to_owned(), name.clone())).into_iter().collect(),
            datacenter: node.datacenter.clone(),
            name: node.name.clone(),
            node_pool: node.node_pool.clone(),
            node_class: node.node_class.clone(),
            version: node.attributes.get(model::AGENT_VERSION_ATTRIBUTE).cloned().unwrap_or_default(),
            drain: node.drain_strategy.is_some(),
            scheduling_eligibility: node.scheduling_eligibility,
            status: node.status,
            status_description: node.status_description.clone(),
            drivers: node.drivers.clone(),
            host_volumes: Absent,
            node_resources: if fields.resources { node.node_resources.clone() } else { None },
            reserved_resources: if fields.resources { node.reserved_resources.clone() } else { None },
            last_drain: node.last_drain.clone(),
            create_index: node.create_index,
            modify_index: node.modify_index,
        }
    }
}

/// `PUT /v1/node/:id/drain`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeUpdateDrainRequest {
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// `None` ends the drain.
    pub drain_spec: Option<DrainSpec>,
    pub mark_eligible: bool,
    #[serde(with = "nullable")]
    pub meta: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DrainSpec {
    /// Nanoseconds; 0: no deadline; negative: at once.
    pub deadline: i64,
    pub ignore_system_jobs: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeDrainUpdateResponse {
    pub node_modify_index: u64,
    #[serde(rename = "EvalIDs", with = "nullable")]
    pub eval_ids: Vec<String>,
    pub eval_create_index: u64,
    pub index: u64,
}

/// `PUT /v1/node/:id/eligibility`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeUpdateEligibilityRequest {
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// `eligible` or `ineligible`.
    pub eligibility: String,
    pub node_event: Option<NodeEvent>,
    pub updated_at: i64,
    pub region: String,
    pub namespace: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeEligibilityUpdateResponse {
    pub node_modify_index: u64,
    #[serde(rename = "EvalIDs", with = "nullable")]
    pub eval_ids: Vec<String>,
    pub eval_create_index: u64,
    pub index: u64,
}

/// Answer of evaluate and purge.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeUpdateResponse {
    /// Nanoseconds; 0: not a heartbeat.
    #[serde(rename = "HeartbeatTTL")]
    pub heartbeat_ttl: i64,
    #[serde(rename = "EvalIDs", with = "nullable")]
    pub eval_ids: Vec<String>,
    pub eval_create_index: u64,
    pub node_modify_index: u64,
    pub features: u64,
    #[serde(rename = "LeaderRPCAddr")]
    pub leader_rpc_addr: String,
    pub num_nodes: i32,
    pub servers: Absent,
    pub scheduling_eligibility: String,
    pub signed_identity: Option<String>,
    pub index: u64,
    /// Nanoseconds.
    pub last_contact: i64,
    pub known_leader: bool,
    pub next_token: String,
}

/// `POST /v1/client/metadata`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeMetaApplyRequest {
    /// Empty: that of the query, or the agent's own.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// `null` takes a key away.
    #[serde(with = "nullable")]
    pub meta: BTreeMap<String, Option<String>>,
}

/// A node's metadata.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeMetaResponse {
    /// What is in effect.
    #[serde(with = "nullable")]
    pub meta: BTreeMap<String, String>,
    /// What was said while the agent ran; `null`: the configured key is taken away.
    #[serde(with = "nullable")]
    pub dynamic: BTreeMap<String, Option<String>>,
    /// What the configuration says.
    #[serde(rename = "Static", with = "nullable")]
    pub configured: BTreeMap<String, String>,
}
