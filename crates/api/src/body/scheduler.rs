//! How a region schedules.

use model::SchedulerConfiguration;
use serde::{Deserialize, Serialize};

/// `GET /v1/operator/scheduler/configuration`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SchedulerConfigurationResponse {
    pub scheduler_config: SchedulerConfiguration,
    pub index: u64,
    /// Nanoseconds.
    pub last_contact: i64,
    pub known_leader: bool,
    pub next_token: String,
}

/// `PUT /v1/operator/scheduler/configuration`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SchedulerSetConfigurationResponse {
    /// Not when somebody else was faster.
    pub updated: bool,
    pub index: u64,
}
