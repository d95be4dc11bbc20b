//! A node agent: says what the machine has, takes the allocations that its region gives it, runs them, and reports.
//!
//! Loops that join the pure `runner` to `drivers`, disk and servers. The crate decides nothing about where work goes or when a deployment is
//! done, and servers never order it to start anything: it asks for its allocations ([`NodeRequest::PullAllocs`](rpc::message::NodeRequest)) and
//! reports what became of them. It outlives its servers, and its tasks outlive it: everything needed to find them again is on disk before they
//! start.
//!
//! Start reading at [`Client::start`]; then `alloc/life.rs` for one allocation, `presence.rs`, `pull.rs` and `updates.rs` for the talk with the
//! region, `node_call.rs` for what servers ask of a node (files, logs, statistics).

mod absence;
mod alloc;
mod allocs;
mod caller;
mod client;
mod collect;
mod config;
mod error;
mod files;
mod fingerprint;
mod leave;
mod link;
mod measured;
mod meta;
mod node_call;
mod pacer;
mod presence;
mod probe;
mod pull;
mod servers;
mod shared;
mod stats;
mod store;
mod time;
mod updates;

pub use client::{Client, Tasks};
pub use config::{Collection, Config, HostNetwork, KNOWN_OPTIONS, Reserved};
pub use error::Error;
pub use fingerprint::{Cidr, cores};
pub use leave::DrainSpec;
pub use link::{LinkError, ServerLink};
pub use node_call::ChunkStream;
pub use pacer::Pacer;
