//! The stored and sent shapes of raft's nouns, each in a versioned envelope, and their way from and to openraft's types.
//!
//! openraft's own serde layout changes with its versions, so none of it is stored: the shapes below are frozen, and a change is a new
//! version beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use model::codec::{self, Kind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use state::{COMMAND_VERSION, Command};
use crate::types::{Entry, LogId, Membership, Payload, Proposal, ServerNode, SnapshotMeta, StoredMembership, Vote};

pub(crate) type Result<T> = std::result::Result<T, Malformed>;

/// Bytes that hold no such thing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    #[error(transparent)]
    Bytes(#[from] codec::Error),
    #[error("the membership contradicts itself: {0}")]
    Membership(String),
}

/// Version of each shape that is written. All are in their first.
const V1: u16 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogIdV1 {
    pub term: u64,
    pub node: u64,
    pub index: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VoteV1 {
    pub term: u64,
    pub node: u64,
    pub committed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeV1 {
    pub name: String,
    pub rpc_addr: String,
    pub http_addr: String,
    pub server_id: u128,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MembershipV1 {
    /// One set of voters, or two during a change.
    pub configs: Vec<BTreeSet<u64>>,
    /// Voters and learners.
    pub nodes: BTreeMap<u64, NodeV1>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MetaV1 {
    pub last: Option<LogIdV1>,
    pub membership_at: Option<LogIdV1>,
    pub membership: MembershipV1,
}

/// Variants are numbered by position: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PayloadV1 {
    Blank,
    /// A command in the state's own shape of that version.
    Command { version: u16, body: Bytes },
    Membership(MembershipV1),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryV1 {
    pub id: LogIdV1,
    pub payload: PayloadV1,
}

/// A position in the log that the log remembers: how far it is purged, how far it is committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MarkV1 {
    pub at: Option<LogIdV1>,
}

pub(crate) fn encode_entry(entry: &Entry) -> Result<Vec<u8>> {
    let payload = match &entry.payload {
        Payload::Blank => PayloadV1::Blank,
        Payload::Normal(proposal) => PayloadV1::Command { version: COMMAND_VERSION, body: proposal.0.encode()?.into() },
        Payload::Membership(membership) => PayloadV1::Membership(membership.into()),
    };
    Ok(codec::encode(Kind::LogEntry, V1, &EntryV1 { id: entry.log_id.into(), payload })?)
}

pub(crate) fn decode_entry(bytes: &[u8]) -> Result<Entry> {
    let stored: EntryV1 = codec::decode(Kind::LogEntry, V1, bytes)?;
    let payload = match stored.payload {
        PayloadV1::Blank => Payload::Blank,
        // A command that this program does not know must stop it: skipping it would make its state differ from the others'.
        PayloadV1::Command { version, .. } if version > COMMAND_VERSION => {
            return Err(codec::Error::Version { kind: Kind::LogEntry, given: version, known: COMMAND_VERSION }.into());
        }
        PayloadV1::Command { body, .. } => Payload::Normal(Proposal(Arc::new(Command::decode(&body)?))),
        PayloadV1::Membership(membership) => Payload::Membership(membership.try_into()?),
    };
    Ok(Entry { log_id: stored.id.into(), payload })
}

pub(crate) fn encode_vote(vote: &Vote) -> Result<Vec<u8>> {
    Ok(codec::encode(Kind::Vote, V1, &VoteV1::from(*vote))?)
}

pub(crate) fn decode_vote(bytes: &[u8]) -> Result<Vote> {
    Ok(codec::decode::<VoteV1>(Kind::Vote, V1, bytes).map(Vote::from)?)
}

pub(crate) fn encode_mark(at: Option<LogId>) -> Result<Vec<u8>> {
    Ok(codec::encode(Kind::LogMark, V1, &MarkV1 { at: at.map(LogIdV1::from) })?)
}

pub(crate) fn decode_mark(bytes: &[u8]) -> Result<Option<LogId>> {
    Ok(codec::decode::<MarkV1>(Kind::LogMark, V1, bytes).map(|mark| mark.at.map(LogId::from))?)
}

pub(crate) fn encode_snapshot_meta<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    Ok(codec::encode(Kind::SnapshotMeta, V1, value)?)
}

pub(crate) fn decode_snapshot_meta<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    Ok(codec::decode(Kind::SnapshotMeta, V1, bytes)?)
}

pub(crate) fn encode_message<T: Serialize>(value: &T) -> Result<Bytes> {
    Ok(codec::encode(Kind::RaftRpc, V1, value).map(Bytes::from)?)
}

pub(crate) fn decode_message<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    Ok(codec::decode(Kind::RaftRpc, V1, bytes)?)
}

impl From<LogId> for LogIdV1 {
    fn from(id: LogId) -> LogIdV1 {
        LogIdV1 { term: id.leader_id.term, node: id.leader_id.node_id, index: id.index }
    }
}

impl From<LogIdV1> for LogId {
    fn from(id: LogIdV1) -> LogId {
        LogId::new(crate::types::LeaderId { term: id.term, node_id: id.node }, id.index)
    }
}

impl From<Vote> for VoteV1 {
    fn from(vote: Vote) -> VoteV1 {
        VoteV1 { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
    }
}

impl From<VoteV1> for Vote {
    fn from(vote: VoteV1) -> Vote {
        match vote.committed {
            true => Vote::new_committed(vote.term, vote.node),
            false => Vote::new(vote.term, vote.node),
        }
    }
}

impl From<&Membership> for MembershipV1 {
    fn from(membership: &Membership) -> MembershipV1 {
        let node = |node: &ServerNode| NodeV1 {
            name: node.name.clone(),
            rpc_addr: node.rpc_addr.clone(),
            http_addr: node.http_addr.clone(),
            server_id: node.server_id,
        };
        MembershipV1 {
            configs: membership.get_joint_config().clone(),
            nodes: membership.nodes().map(|(id, server)| (*id, node(server))).collect(),
        }
    }
}

impl TryFrom<MembershipV1> for Membership {
    type Error = Malformed;

    fn try_from(membership: MembershipV1) -> Result<Membership> {
        let node = |node: NodeV1| ServerNode {
            name: node.name,
            rpc_addr: node.rpc_addr,
            http_addr: node.http_addr,
            server_id: node.server_id,
        };
        let nodes: BTreeMap<u64, ServerNode> = membership.nodes.into_iter().map(|(id, stored)| (id, node(stored))).collect();
        Membership::new(membership.configs, nodes).map_err(|e| Malformed::Membership(e.to_string()))
    }
}

impl From<&SnapshotMeta> for MetaV1 {
    fn from(meta: &SnapshotMeta) -> MetaV1 {
        MetaV1 {
            last: meta.last_log_id.map(LogIdV1::from),
            membership_at: meta.last_membership.log_id().map(LogIdV1::from),
            membership: meta.last_membership.membership().into(),
        }
    }
}

impl TryFrom<MetaV1> for SnapshotMeta {
    type Error = Malformed;

    fn try_from(meta: MetaV1) -> Result<SnapshotMeta> {
        Ok(SnapshotMeta {
            last_log_id: meta.last.map(LogId::from),
            last_membership: StoredMembership::new(meta.membership_at.map(LogId::from), meta.membership.try_into()?),
        })
    }
}
