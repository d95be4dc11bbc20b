//! Who is next, and what follows from time passing.
//!
//! * [`Broker`]: pending evaluations as a queue, one of a job at a time.
//! * [`Heartbeats`]: which node has not been heard of for too long.
//! * [`silent_status`], [`given_up`]: whether such a node is down or only disconnected.
//! * [`node_evals`]: whose work a node's change concerns.
//! * [`unblock`]: which blocked evaluations may fit now.
//! * [`garbage`]: what is no longer needed.
//! * [`drain::step`]: what leaves a draining node next.
//! * [`periodic`]: which jobs are launched by the clock now; [`periodic_child`] and [`dispatched_child`]: what is launched.
//! * [`follow_namespaces`], [`follow_node_pools`]: what a region takes over from the authoritative one.
//!
//! It does not know where work goes (`scheduler`), nor how commands get into the log. Everything is derived from a view; a new leader starts
//! from nothing.

mod absence;
mod broker;
pub mod drain;
mod gc;
mod heartbeat;
mod launch;
mod nodes;
mod periodic;
mod places;

pub use absence::{given_up, silent_status};
pub use broker::{Broker, Counts};
pub use gc::{Thresholds, garbage};
pub use heartbeat::{Heartbeats, Timing};
pub use launch::{Dispatch, PAYLOAD_MAX, dispatched_child, periodic_child};
pub use nodes::{capacity_index, job_eval, node_evals, registration_evals, report_evals, unblock};
pub use periodic::{Step, periodic};
pub use places::{follow_namespaces, follow_node_pools};
