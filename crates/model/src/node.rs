//! Nodes: the machines that run tasks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{nullable, since_2};
use crate::{Absent, DrainStatus, Eligibility, NodeId, NodeReservedResources, NodeResources, NodeStatus, Time, Uuid};

/// A machine that runs tasks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Node {
    #[serde(rename = "ID")]
    pub id: NodeId,
    /// Never returned (emptied).
    #[serde(rename = "SecretID", with = "crate::json::blank_when_nil")]
    pub secret_id: Uuid,
    #[serde(rename = "Datacenter")]
    pub datacenter: String,
    #[serde(rename = "Name")]
    pub name: String,
    #[serde(rename = "CgroupParent")]
    pub cgroup_parent: String,
    #[serde(rename = "HTTPAddr")]
    pub http_addr: String,
    #[serde(rename = "TLSEnabled")]
    pub tls_enabled: bool,
    /// String->string.
    #[serde(rename = "Attributes", with = "nullable")]
    pub attributes: BTreeMap<String, String>,
    #[serde(rename = "NodeResources")]
    pub node_resources: Option<NodeResources>,
    #[serde(rename = "ReservedResources")]
    pub reserved_resources: Option<NodeReservedResources>,
    #[serde(rename = "Links", with = "nullable")]
    pub links: BTreeMap<String, String>,
    /// String->string.
    #[serde(rename = "Meta", with = "nullable")]
    pub meta: BTreeMap<String, String>,
    #[serde(rename = "NodeClass")]
    pub node_class: String,
    #[serde(rename = "NodePool")]
    pub node_pool: String,
    #[serde(rename = "ComputedClass")]
    pub computed_class: String,
    #[serde(rename = "DrainStrategy")]
    pub drain_strategy: Option<DrainStrategy>,
    #[serde(rename = "SchedulingEligibility")]
    pub scheduling_eligibility: Eligibility,
    #[serde(rename = "Status")]
    pub status: NodeStatus,
    #[serde(rename = "StatusDescription")]
    pub status_description: String,
    #[serde(rename = "IdentitySigningKeyID")]
    pub identity_signing_key_id: String,
    /// Unix seconds; unix SECONDS.
    #[serde(rename = "StatusUpdatedAt")]
    pub status_updated_at: i64,
    #[serde(rename = "Events", with = "nullable")]
    pub events: Vec<NodeEvent>,
    #[serde(rename = "Drivers", with = "nullable")]
    pub drivers: BTreeMap<String, DriverInfo>,
    #[serde(rename = "CSIControllerPlugins")]
    pub csi_controller_plugins: Absent,
    #[serde(rename = "CSINodePlugins")]
    pub csi_node_plugins: Absent,
    #[serde(rename = "HostVolumes")]
    pub host_volumes: Absent,
    #[serde(rename = "GCVolumesOnNodeGC")]
    pub gc_volumes_on_node_gc: bool,
    #[serde(rename = "HostNetworks", with = "since_2")]
    pub host_networks: BTreeMap<String, ClientHostNetworkConfig>,
    #[serde(rename = "LastDrain")]
    pub last_drain: Option<DrainMetadata>,
    #[serde(rename = "NodeMaxAllocs")]
    pub node_max_allocs: i64,
    #[serde(rename = "LastMissedHeartbeatIndex")]
    pub last_missed_heartbeat_index: u64,
    #[serde(rename = "LastAllocUpdateIndex")]
    pub last_alloc_update_index: u64,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
    #[serde(rename = "Resources")]
    pub resources: Absent,
    #[serde(rename = "Reserved")]
    pub reserved: Absent,
}

/// A network of a node that ports can ask for by name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ClientHostNetworkConfig {
    #[serde(rename = "Name")]
    pub name: String,
    #[serde(rename = "CIDR")]
    pub cidr: String,
    #[serde(rename = "Interface")]
    pub interface: String,
    #[serde(rename = "ReservedPorts")]
    pub reserved_ports: String,
}

/// What a node says about one task driver.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DriverInfo {
    #[serde(rename = "Attributes", with = "nullable")]
    pub attributes: BTreeMap<String, String>,
    #[serde(rename = "Detected")]
    pub detected: bool,
    #[serde(rename = "Healthy")]
    pub healthy: bool,
    #[serde(rename = "HealthDescription")]
    pub health_description: String,
    /// A point in time; time.
    #[serde(rename = "UpdateTime")]
    pub update_time: Time,
}

/// Something that happened to a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeEvent {
    #[serde(rename = "Message")]
    pub message: String,
    #[serde(rename = "Subsystem")]
    pub subsystem: String,
    #[serde(rename = "Details", with = "nullable")]
    pub details: BTreeMap<String, String>,
    /// A point in time; time.
    #[serde(rename = "Timestamp")]
    pub timestamp: Time,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
}

/// How a node is being drained.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DrainStrategy {
    /// Nanoseconds; 0 = no deadline; negative = force.
    #[serde(rename = "Deadline")]
    pub deadline: i64,
    #[serde(rename = "IgnoreSystemJobs")]
    pub ignore_system_jobs: bool,
    /// A point in time.
    #[serde(rename = "ForceDeadline")]
    pub force_deadline: Time,
    /// A point in time.
    #[serde(rename = "StartedAt")]
    pub started_at: Time,
}

/// The last drain of a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DrainMetadata {
    /// A point in time.
    #[serde(rename = "StartedAt")]
    pub started_at: Time,
    /// A point in time.
    #[serde(rename = "UpdatedAt")]
    pub updated_at: Time,
    #[serde(rename = "Status")]
    pub status: DrainStatus,
    #[serde(rename = "AccessorID")]
    pub accessor_id: String,
    #[serde(rename = "Meta", with = "nullable")]
    pub meta: BTreeMap<String, String>,
}
