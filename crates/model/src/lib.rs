//! The nouns of Steppe: jobs, groups, tasks, allocations, evaluations, deployments, nodes and rollouts, with their typed ids.
//!
//! One family of types serves both sides: in JSON they look exactly like the existing `/v1` interface (names, `null` for empty lists,
//! fields left out when empty where that interface leaves them out); in bincode every field is present in declared order, so the same
//! types go into the log. [`json`] holds what makes that possible, [`codec`] the versioned bytes.
//!
//! The crate has no behaviour over time and knows nothing of how anything is stored, sent or scheduled. Start reading at [`Job`].

mod alloc;
mod autopilot;
pub mod codec;
mod cron;
mod deployment;
mod duration;
#[macro_use]
mod enums;
mod eval;
mod event;
mod ids;
mod job;
mod job_ext;
pub mod json;
pub mod lists;
mod node;
mod node_ext;
mod places;
mod places_check;
mod policies;
mod resources;
mod rollout;
mod scaling;
mod scheduling;
mod time;
mod usage;

pub use alloc::*;
pub use autopilot::*;
pub use cron::{Schedule, ScheduleError};
pub use deployment::*;
pub use duration::*;
pub use enums::*;
pub use eval::*;
pub use event::*;
pub use ids::*;
pub use job::*;
pub use job_ext::*;
pub use json::{Absent, DriverConfig, Payload};
pub use node::*;
pub use node_ext::*;
pub use places::*;
pub use places_check::matches_glob;
pub use resources::*;
pub use rollout::*;
pub use scaling::*;
pub use scheduling::*;
pub use time::Time;
pub use usage::{Phases, Usage};
pub use uuid::Uuid;
