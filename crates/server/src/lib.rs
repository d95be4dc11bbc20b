//! A region server: the raft replica, the requests it answers, what it does while it leads, and the gossip socket.
//!
//! The loops here join brains (`scheduler`, `control`, `deployment`, `multiregion`, `gossip`) to hands (`raftstore`, `rpc`); they decide
//! nothing themselves. It does not know HTTP, nor how tasks run.
//!
//! * `start`: assembly, by [`Server::start`].
//! * `forward`: a call comes in; it is answered here, or passed on once.
//! * `read`, `write`, `node`, `rollout`: the answers.
//! * `leader`: the scope that leadership opens and closes; `schedule`, `reconcile` and the others live in it.
//! * `places`, `follow`: namespaces and node pools, which one region writes and the others take over.
//! * `founding`, `members`: how servers of a region find each other, found their raft group and keep it in line with the pool.
//! * `instruments`, `probe`: what is measured, and what is read when somebody looks.
//! * `pool`: the gossip socket; `memo`: what it remembers over restarts.

mod admit;
mod agent_calls;
mod autopilot;
mod clock;
mod core;
mod drain;
mod eval_delete;
mod events;
mod fence;
mod follow;
mod forward;
mod founding;
mod instruments;
mod launch;
mod leader;
mod members;
mod memo;
mod monitor;
mod node;
mod periodic;
mod places;
mod plan;
pub mod pool;
mod preserve;
mod probe;
mod read;
mod reconcile;
mod reports;
mod rollout;
mod room;
mod scaling;
mod schedule;
mod scheduler_config;
mod search;
mod snapshot;
mod start;
mod stats;
mod succession;
mod tags;
mod tidy;
mod transitions;
mod transport;
mod watches;
mod worker;
mod write;

pub use raftstore::contain::is_contained as panic_is_contained;
pub use start::{Bounds, Config, Error, JobBounds, LogLimits, SearchBounds, Server};
pub use worker::{Choice as WorkerChoice, Doing as WorkerDoing, Worker};
