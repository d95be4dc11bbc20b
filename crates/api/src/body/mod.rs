//! Bodies of requests and answers, one file per noun. Names and `null`s are those of the interface.

mod agent;
mod alloc;
mod autopilot;
mod deployment;
mod eval;
mod event_stream;
mod events;
mod fs;
mod job;
mod launch;
mod metrics;
mod node;
mod operator;
mod rollout;
mod scale;
mod scheduler;
mod search;
mod stats;
mod statuses;

pub use agent::*;
pub use alloc::*;
pub use autopilot::*;
pub use deployment::*;
pub use eval::*;
pub use event_stream::*;
pub use events::display_message;
pub use fs::*;
pub use job::*;
pub use launch::*;
pub use metrics::*;
pub use node::*;
pub use operator::*;
pub use rollout::*;
pub use scale::*;
pub use scheduler::*;
pub use search::*;
pub use stats::*;
pub use statuses::*;

/// Answer of writes that say nothing but their index.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct GenericResponse {
    pub index: u64,
}
