//! What a region knows: tables, their indexes, the commands that change them, and the views that everything else reads.
//!
//! [`Store::apply`] is total, deterministic and without effects: no clock, no dice, no disk, no panic. Times, ids and decisions come in
//! inside the [`Command`]; a command whose precondition no longer holds is answered with [`Outcome::Refused`] and changes nothing. A clone of
//! a [`Store`] is a snapshot that costs nearly nothing, because tables are persistent maps.
//!
//! It does not know who decides (scheduler, deployment, multiregion), nor how commands get into a log. Start reading at [`Command`].

mod apply;
mod command;
mod event;
mod packed;
mod query;
pub mod snapshot;
mod store;
mod users;
mod watch;

pub use apply::{AUTOPILOT_CHANGED, FENCED, SCHEDULER_CHANGED};
pub use command::*;
pub use packed::PackedPlan;
pub use query::in_namespace;
pub use store::{Identity, KEPT_SCALING_EVENTS, NodeLoad, Store, TRACKED_VERSIONS};
pub use watch::{Table, Touched, Watch};

/// A snapshot of the state that anybody may keep.
pub type View = std::sync::Arc<Store>;
