//! Rollouts across regions: the protocol, as pure functions.
//!
//! A rollout is one change of one job over an ordered list of regions. Every region decides for itself, from its own state and from what
//! the others published about themselves. Everything here is evaluated again and again on whatever is known ("level-triggered"): nothing is
//! sent once, no clock and no suspicion that a region is dead enables a step.
//!
//! * [`interpolate`]: the effective copy of a specification in one region.
//! * [`submission`]: what a region answers when asked, and what the origin makes of the answers.
//! * [`guard`]: whose turn it is, what fails with whom: one function per row of the protocol's table.
//! * [`step`]: the guards applied to everything this region takes part in.
//! * [`record`]: what this region publishes.
//! * [`restore`]: how a region that was restored from a snapshot finds out what it had said.
//!
//! It does not know how records travel (`gossip`) nor how a command gets into the log (`server`). Start reading at [`guard`].

pub mod guard;
mod interpolate;
mod record;
pub mod restore;
mod step;
pub mod submission;
mod words;

pub use interpolate::{effective_job, new_deployment, source_view, spec_hash};
pub use record::{Records, own_record, own_records, own_seq};
pub use step::{Rule, Step, abandoned, adopt, concerns, learn, missing, step, step_by};
pub use words::waiting_for;
