//! Statistics of nodes and allocations.

use std::collections::BTreeMap;

use model::Absent;
use model::json::nullable;
use serde::{Deserialize, Serialize};

/// `GET /v1/client/stats`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct HostStats {
    #[serde(rename = "Memory")]
    pub memory: Option<HostMemoryStats>,
    #[serde(rename = "CPU", with = "nullable")]
    pub cpu: Vec<HostCpuStats>,
    #[serde(rename = "DiskStats", with = "nullable")]
    pub disk_stats: Vec<HostDiskStats>,
    #[serde(rename = "AllocDirStats")]
    pub alloc_dir_stats: Option<HostDiskStats>,
    #[serde(rename = "DeviceStats")]
    pub device_stats: Absent,
    /// Seconds.
    #[serde(rename = "Uptime")]
    pub uptime: u64,
    /// Unix nanoseconds.
    #[serde(rename = "Timestamp")]
    pub timestamp: i64,
    #[serde(rename = "CPUTicksConsumed")]
    pub cpu_ticks_consumed: f64,
}

/// Bytes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostMemoryStats {
    pub total: u64,
    pub available: u64,
    pub used: u64,
    pub free: u64,
}

/// One processor; shares in percent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostCpuStats {
    #[serde(rename = "CPU")]
    pub cpu: String,
    pub user: f64,
    pub system: f64,
    pub idle: f64,
    pub total_percent: f64,
    pub total_ticks: f64,
}

/// One filesystem; bytes and percent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostDiskStats {
    pub device: String,
    pub mountpoint: String,
    pub size: u64,
    pub used: u64,
    pub available: u64,
    pub used_percent: f64,
    pub inodes_used_percent: f64,
}

/// `GET /v1/client/allocation/:id/stats`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AllocResourceUsage {
    pub resource_usage: Option<ResourceUsage>,
    #[serde(with = "nullable")]
    pub tasks: BTreeMap<String, TaskResourceUsage>,
    /// Unix nanoseconds.
    pub timestamp: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskResourceUsage {
    pub resource_usage: Option<ResourceUsage>,
    /// Unix nanoseconds.
    pub timestamp: i64,
    /// By process id.
    #[serde(with = "nullable")]
    pub pids: BTreeMap<String, ResourceUsage>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceUsage {
    pub memory_stats: Option<TaskMemoryStats>,
    pub cpu_stats: Option<TaskCpuStats>,
    pub device_stats: Absent,
}

/// Bytes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskMemoryStats {
    #[serde(rename = "RSS")]
    pub rss: u64,
    pub cache: u64,
    pub swap: u64,
    pub mapped_file: u64,
    pub usage: u64,
    pub max_usage: u64,
    pub kernel_usage: u64,
    pub kernel_max_usage: u64,
    /// Which of them were really measured.
    #[serde(with = "nullable")]
    pub measured: Vec<String>,
}

/// Percent, ticks in MHz.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TaskCpuStats {
    pub system_mode: f64,
    pub user_mode: f64,
    pub total_ticks: f64,
    pub throttled_periods: u64,
    pub throttled_time: u64,
    pub percent: f64,
    /// Which of them were really measured.
    #[serde(with = "nullable")]
    pub measured: Vec<String>,
}
