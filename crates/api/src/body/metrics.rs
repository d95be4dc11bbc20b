//! Figures of an agent.

use std::collections::BTreeMap;

use model::json::nullable;
use serde::{Deserialize, Serialize};

/// `GET /v1/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct MetricsSummary {
    /// When the interval began, `2006-01-02 15:04:05 +0000 UTC`.
    pub timestamp: String,
    #[serde(deserialize_with = "nullable::deserialize")]
    pub gauges: Vec<GaugeValue>,
    #[serde(deserialize_with = "nullable::deserialize")]
    pub points: Vec<PointValue>,
    #[serde(deserialize_with = "nullable::deserialize")]
    pub counters: Vec<SampledValue>,
    #[serde(deserialize_with = "nullable::deserialize")]
    pub samples: Vec<SampledValue>,
}

/// How much of something there is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct GaugeValue {
    pub name: String,
    pub value: f64,
    #[serde(deserialize_with = "nullable::deserialize")]
    pub labels: BTreeMap<String, String>,
}

/// Values as they came.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PointValue {
    pub name: String,
    #[serde(deserialize_with = "nullable::deserialize")]
    pub points: Vec<f64>,
}

/// Values of one interval, summed up. Times are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SampledValue {
    pub name: String,
    pub count: i64,
    /// The sum by second.
    pub rate: f64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    pub stddev: f64,
    #[serde(deserialize_with = "nullable::deserialize")]
    pub labels: BTreeMap<String, String>,
}
