//! openraft's type parameters, filled in once, so that nobody else has to fight its generics.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use model::codec;
use state::{Applied, COMMAND_VERSION, Command};

#[cfg(not(test))]
use openraft::impls::TokioRuntime as Runtime;

/// tokio all the same, but what is left to chance there follows a seed.
#[cfg(test)]
use crate::simulation::Runtime;

openraft::declare_raft_types!(
    /// The parameters of openraft in this house.
    ///
    /// Leader ids are openraft's "advanced" ones, its default, spelled out because changing it later means converting every log: two
    /// candidates that split the votes of one term are told apart by their node ids instead of by another election, and they are what
    /// openraft's own fault tests run with. Terms stay visible to people through [`LogId`]'s `leader_id.term`.
    pub Types:
        D = Proposal,
        R = Outcome,
        NodeId = u64,
        Node = ServerNode,
        LeaderId = openraft::impls::leader_id_adv::LeaderId<u64, u64>,
        AsyncRuntime = Runtime,
);

/// The position of an entry: which leader wrote it, and its index.
pub type LogId = openraft::alias::LogIdOf<Types>;
/// What a server has promised: a term, a candidate or leader, and whether a majority agreed.
pub type Vote = openraft::alias::VoteOf<Types>;
/// A leader's identity: its term and node id.
pub type LeaderId = openraft::alias::LeaderIdOf<Types>;
/// One entry of the log.
pub type Entry = openraft::alias::EntryOf<Types>;
/// What an entry holds: nothing, a command or a new membership.
pub type Payload = openraft::EntryPayload<Proposal, u64, ServerNode>;
/// Voters and learners with their addresses.
pub type Membership = openraft::Membership<u64, ServerNode>;
/// A membership and the entry that set it.
pub type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
/// What a snapshot covers: the last entry and the membership in it.
pub type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;
/// A snapshot: what it covers, and its body.
pub type SnapshotWithBody = openraft::alias::SnapshotOf<Types, crate::snapshot::SnapshotFile>;
/// openraft's figures about itself.
pub type Metrics = openraft::RaftMetrics<Types>;

/// A server of the region, as the membership entries of the log know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerNode {
    /// The server's name, unique in its region.
    pub name: String,
    /// `host:port` where the other servers reach its rpc.
    pub rpc_addr: String,
    /// `host:port` of its HTTP interface, for redirects and for people.
    pub http_addr: String,
    /// The uuid in the header of its data directory; the raft id is derived from it, so a server that lost its disk is another server.
    pub server_id: u128,
}

impl fmt::Display for ServerNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.rpc_addr)
    }
}

/// The raft id of the server whose data directory has that uuid.
///
/// Ids must never be reused after data was lost: a voter that forgot its vote could elect two leaders. Random uuids give that for free.
pub fn raft_id(server_id: u128) -> u64 {
    // Both halves of a random uuid hold fixed bits; folding them keeps 64 bits that differ.
    ((server_id >> 64) as u64) ^ (server_id as u64)
}

/// A command on its way through the log, shared instead of copied between log, replication and state machine; its bytes, too, which are made
/// once for the log and for all followers.
#[derive(Clone)]
pub struct Proposal(Arc<Encoded>);

struct Encoded {
    command: Command,
    body: OnceLock<Bytes>,
}

impl Proposal {
    /// One that was not encoded yet.
    pub fn new(command: Command) -> Proposal {
        Proposal(Arc::new(Encoded { command, body: OnceLock::new() }))
    }

    /// # Errors
    ///
    /// The bytes are no command of this version.
    /// `version`: of the body's shape.
    pub(crate) fn decode(version: u16, body: Bytes) -> Result<Proposal, codec::Error> {
        let command = Command::decode(version, &body)?;
        // What is passed on or written again has the newest shape.
        let body = if version == COMMAND_VERSION { OnceLock::from(body) } else { OnceLock::new() };
        Ok(Proposal(Arc::new(Encoded { command, body })))
    }

    /// What is to be done.
    pub fn command(&self) -> &Command {
        &self.0.command
    }

    /// As [`Command::encode`].
    pub(crate) fn body(&self) -> Result<Bytes, codec::Error> {
        if let Some(body) = self.0.body.get() {
            return Ok(body.clone());
        }
        let body = Bytes::from(self.command().encode()?);
        Ok(self.0.body.get_or_init(|| body).clone())
    }
}

impl PartialEq for Proposal {
    fn eq(&self, other: &Proposal) -> bool {
        self.command() == other.command()
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // openraft prints proposals in its logs; a job's whole text does not belong there.
        f.write_str("command")
    }
}

/// What applying an entry answered; entries without a command answer nothing.
#[derive(Debug, Clone)]
pub struct Outcome(pub Option<Applied>);
