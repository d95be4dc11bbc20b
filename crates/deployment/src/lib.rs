//! One region's rollout: when a deployment is promoted, has failed or is done, and what to return to when it failed.
//!
//! [`step`] looks at a view and says what to propose; it is told nothing about what changed, so start-up, failover and the good day are one
//! path. It does not know other regions: a multi-region deployment that is complete is left to `multiregion`. It does not place anything:
//! it asks the scheduler by an evaluation when there is something new to look at.

mod revert;
mod step;

pub use revert::{Revert, revert};
pub use step::{Step, new_eval, reverts_to, step};
