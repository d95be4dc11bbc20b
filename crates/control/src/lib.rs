//! Who is next, and what follows from time passing.
//!
//! * [`Broker`]: pending evaluations as a queue, one of a job at a time.
//! * [`Heartbeats`]: which node has not been heard of for too long.
//! * [`node_evals`]: whose work a node's change concerns.
//! * [`unblock`]: which blocked evaluations may fit now.
//! * [`garbage`]: what is no longer needed.
//! * [`follow_namespaces`], [`follow_node_pools`]: what a region takes over from the authoritative one.
//!
//! It does not know where work goes (`scheduler`), nor how commands get into the log. Everything is derived from a view; a new leader starts
//! from nothing.

mod broker;
mod gc;
mod heartbeat;
mod nodes;
mod places;

pub use broker::{Broker, Counts};
pub use gc::{Thresholds, garbage};
pub use heartbeat::{Heartbeats, Timing};
pub use nodes::{capacity_index, failed_alloc_evals, job_eval, node_evals, unblock};
pub use places::{follow_namespaces, follow_node_pools};
