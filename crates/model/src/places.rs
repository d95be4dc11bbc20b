//! What jobs and nodes are sorted into: namespaces and node pools.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::nullable;
use crate::{Absent, Namespace, SchedulerAlgorithm, Text};

/// A namespace: a name space of jobs, with what its jobs may use.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NamespaceSpec {
    /// 1 to 128 letters, digits and hyphens.
    #[serde(rename = "Name")]
    pub name: Namespace,
    /// At most 256 characters.
    #[serde(rename = "Description")]
    pub description: String,
    #[serde(rename = "Quota")]
    pub quota: String,
    #[serde(rename = "Capabilities")]
    pub capabilities: Option<NamespaceCapabilities>,
    #[serde(rename = "NodePoolConfiguration")]
    pub node_pools: Option<NamespaceNodePoolConfiguration>,
    #[serde(rename = "VaultConfiguration")]
    pub vault: Absent,
    #[serde(rename = "ConsulConfiguration")]
    pub consul: Absent,
    #[serde(rename = "Meta", with = "nullable")]
    pub meta: BTreeMap<String, String>,
    #[serde(rename = "Hash")]
    pub hash: Absent,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
    #[serde(rename = "RequiredExtraClaims")]
    pub required_extra_claims: Absent,
    #[serde(rename = "OptionalExtraClaims")]
    pub optional_extra_claims: Absent,
}

/// Which drivers and network modes the jobs of a namespace may use. An empty list of enabled ones means all.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NamespaceCapabilities {
    #[serde(rename = "EnabledTaskDrivers", with = "nullable")]
    pub enabled_task_drivers: Vec<String>,
    #[serde(rename = "DisabledTaskDrivers", with = "nullable")]
    pub disabled_task_drivers: Vec<String>,
    #[serde(rename = "EnabledNetworkModes", with = "nullable")]
    pub enabled_network_modes: Vec<String>,
    #[serde(rename = "DisabledNetworkModes", with = "nullable")]
    pub disabled_network_modes: Vec<String>,
}

/// Which node pools the jobs of a namespace may use; names may hold `*`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NamespaceNodePoolConfiguration {
    /// For jobs that name none; empty: "default".
    #[serde(rename = "Default")]
    pub default: String,
    /// Only these, and the default one; empty: all.
    #[serde(rename = "Allowed", with = "nullable")]
    pub allowed: Vec<String>,
    /// All but these.
    #[serde(rename = "Denied", with = "nullable")]
    pub denied: Vec<String>,
}

/// A node pool: nodes that only jobs which name it use.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodePool {
    /// 1 to 128 letters, digits, hyphens and underscores.
    #[serde(rename = "Name")]
    pub name: Text,
    /// At most 256 characters.
    #[serde(rename = "Description")]
    pub description: String,
    #[serde(rename = "Meta", with = "nullable")]
    pub meta: BTreeMap<String, String>,
    #[serde(rename = "SchedulerConfiguration")]
    pub scheduler: Option<NodePoolSchedulerConfiguration>,
    #[serde(rename = "Hash")]
    pub hash: Absent,
    #[serde(rename = "CreateIndex")]
    pub create_index: u64,
    #[serde(rename = "ModifyIndex")]
    pub modify_index: u64,
}

/// What differs in a node pool from how the region schedules.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodePoolSchedulerConfiguration {
    #[serde(rename = "SchedulerAlgorithm")]
    pub algorithm: SchedulerAlgorithm,
    /// `None`: as the region.
    #[serde(rename = "MemoryOversubscriptionEnabled")]
    pub memory_oversubscription: Option<bool>,
}
