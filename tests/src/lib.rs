//! Shared by the process tests: the program, agents and clusters of them as processes, questions over HTTP and by the command line.
//!
//! Everything waits for something that can be seen, with a bound, and cleans up when it is dropped, also when a test fails or is killed.
//! It knows nothing of how an agent works inside. Start reading at [`Cluster`]; [`Agent`] is a single one on ports of its own choice.

mod agent;
mod ask;
pub mod bad_disk;
pub mod chaos;
mod cluster;
mod command;
pub mod fill;
mod guardian;
mod http;
mod job;
pub mod load;
mod log;
mod network;
pub mod power;
mod preload;
mod program;
mod questions;
mod small_disk;
pub mod swarm;
mod turn;
mod wait;

pub use agent::Agent;
pub use ask::{ask, ask_within};
pub use cluster::{Cluster, Guest, Member, Plan};
pub use command::{Following, Output, steppe_at};
pub use guardian::Guardian;
pub use http::{get, put, request, send};
pub use job::JobFile;
pub use network::Network;
pub use program::{root, steppe};
pub use questions::{is_running, process_of};
pub use small_disk::SmallDisk;
pub use testkit::figures;
pub use wait::{PATIENCE, settled, until, until_within};
