//! Search by prefix and by fragment.

use std::collections::BTreeMap;

use model::json::nullable;
use serde::{Deserialize, Serialize};

/// `PUT /v1/search`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SearchRequest {
    pub prefix: String,
    /// jobs, allocs, evals, nodes, deployment; empty or `all`: all of them.
    pub context: String,
    pub region: String,
    pub namespace: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SearchResponse {
    /// By context: ids.
    #[serde(with = "nullable")]
    pub matches: BTreeMap<String, Vec<String>>,
    /// By context: there are more.
    #[serde(with = "nullable")]
    pub truncations: BTreeMap<String, bool>,
    pub index: u64,
    /// Nanoseconds.
    pub last_contact: i64,
    pub known_leader: bool,
    pub next_token: String,
}

/// `PUT /v1/search/fuzzy`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FuzzySearchRequest {
    pub text: String,
    pub context: String,
    pub region: String,
    pub namespace: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct FuzzySearchResponse {
    #[serde(with = "nullable")]
    pub matches: BTreeMap<String, Vec<FuzzyMatch>>,
    #[serde(with = "nullable")]
    pub truncations: BTreeMap<String, bool>,
    pub index: u64,
    /// Nanoseconds.
    pub last_contact: i64,
    pub known_leader: bool,
    pub next_token: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct FuzzyMatch {
    #[serde(rename = "ID")]
    pub id: String,
    /// Where it is found: namespace, job, group, task, as far as they apply.
    #[serde(rename = "Scope", skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable::deserialize")]
    pub scope: Vec<String>,
}
