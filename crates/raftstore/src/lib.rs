//! A server's memory: openraft's log, vote, state machine and snapshots on sled, the data directory's header, and a small durable map for
//! node agents.
//!
//! The crate decides when bytes are on disk and in which order, and puts openraft together so that a server only has to supply a
//! [`RaftTransport`] and a [`Publisher`]. It is the only one that knows sled. It does not know what commands mean (`state` does), how
//! messages travel (`server` and `rpc` do), or who should be a member.
//!
//! Start reading at [`Replica`]; [`LogStore`] is where durability is made, [`DataDir`] what is read before anything else, [`LocalStore`] what
//! node agents use.

#[cfg(test)]
mod conformance;
pub mod contain;
mod disk;
mod engine;
mod error;
mod files;
mod format;
mod instruments;
mod kv;
mod log;
mod machine;
mod network;
mod replica;
mod room;
#[cfg(test)]
mod simulation;
mod snapshot;
mod task;
mod types;
mod value;
pub mod wire;

pub use disk::{DataDir, Expect, FORMAT, Header, Kind, set_aside};
pub use error::Error;
#[doc(hidden)] // what is attacked by `fuzz`
pub use format::reread_entry;
pub use instruments::Instruments;
pub use kv::{AsyncStore, Change as KeyChange, LocalStore, Pair};
pub use log::{LogOptions, LogStats, LogStore};
pub use machine::{Change, Machine, Published, Publisher};
pub use network::{Call, Lane, RaftTransport, TransportError};
pub use openraft::ChangeMembers;
pub use replica::{Freshness, Leader, Leadership, Member, ProposeError, ReadError, Replica, ReplicaOptions, Role, Status};
pub use snapshot::body::read_records;
pub use snapshot::{Incoming, SnapshotDue, SnapshotFile, SnapshotPolicy, SnapshotReceiver, SnapshotStats};
pub use types::{
    Entry, LeaderId, LogId, Membership, Metrics, Outcome, Payload, Proposal, ServerNode, SnapshotMeta, StoredMembership, Types, Vote,
    raft_id,
};

/// openraft with our types.
pub type Raft = openraft::Raft<Types, Machine>;
