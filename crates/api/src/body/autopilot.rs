//! How a region looks after its own servers.

use model::AutopilotConfig;
use model::json::nullable;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::duration;

/// Nanoseconds; in JSON a text like `200ms`, also read from a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span(pub i64);

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&model::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Number(i64),
            Text(String),
        }
        match Given::deserialize(deserializer)? {
            Given::Number(nanoseconds) => Ok(Self(nanoseconds)),
            Given::Text(text) => duration::parse(&text).map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// `GET|PUT /v1/operator/autopilot/configuration`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AutopilotConfiguration {
    pub cleanup_dead_servers: bool,
    pub last_contact_threshold: Span,
    pub max_trailing_logs: u64,
    pub min_quorum: u64,
    pub server_stabilization_time: Span,
    /// The last three are always false: there is nothing that they would turn on.
    pub enable_redundancy_zones: bool,
    pub disable_upgrade_migration: bool,
    pub enable_custom_upgrades: bool,
    pub create_index: u64,
    pub modify_index: u64,
}

impl Default for AutopilotConfiguration {
    fn default() -> Self {
        AutopilotConfig::default().into()
    }
}

impl From<AutopilotConfig> for AutopilotConfiguration {
    fn from(config: AutopilotConfig) -> Self {
        Self {
            cleanup_dead_servers: config.cleanup_dead_servers,
            last_contact_threshold: Span(config.last_contact_threshold),
            max_trailing_logs: config.max_trailing_logs,
            min_quorum: config.min_quorum,
            server_stabilization_time: Span(config.server_stabilization_time),
            enable_redundancy_zones: false,
            disable_upgrade_migration: false,
            enable_custom_upgrades: false,
            create_index: config.create_index,
            modify_index: config.modify_index,
        }
    }
}

impl From<&AutopilotConfiguration> for AutopilotConfig {
    fn from(shown: &AutopilotConfiguration) -> Self {
        Self {
            cleanup_dead_servers: shown.cleanup_dead_servers,
            last_contact_threshold: shown.last_contact_threshold.0,
            max_trailing_logs: shown.max_trailing_logs,
            min_quorum: shown.min_quorum,
            server_stabilization_time: shown.server_stabilization_time.0,
            create_index: 0,
            modify_index: 0,
        }
    }
}

/// `GET /v1/operator/autopilot/health`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct OperatorHealthReply {
    /// All servers are, and there is a leader.
    pub healthy: bool,
    /// So many more healthy voters may fail.
    pub failure_tolerance: i64,
    #[serde(with = "nullable")]
    pub servers: Vec<AutopilotServer>,
    /// The leader's id.
    pub leader: String,
    #[serde(with = "nullable")]
    pub voters: Vec<String>,
}

/// One server of a region.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AutopilotServer {
    #[serde(rename = "ID")]
    pub id: String,
    pub name: String,
    pub address: String,
    pub serf_status: String,
    pub version: String,
    pub leader: bool,
    pub last_contact: Span,
    pub last_term: u64,
    pub last_index: u64,
    pub healthy: bool,
    pub voter: bool,
    /// A time as in RFC 3339.
    pub stable_since: String,
}
