//! The stored and sent shapes of raft's nouns, each in a versioned envelope, and their way from and to openraft's types.
//!
//! openraft's own serde layout changes with its versions, so none of it is stored: the shapes below are frozen, and a change is a new
//! version beside them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::codec::{self, Kind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::types::{Entry, LogId, Membership, Payload, Proposal, ServerNode, SnapshotMeta, StoredMembership, Vote};
use state::COMMAND_VERSION;

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
    Command {
        version: u16,
        body: Bytes,
    },
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
        Payload::Normal(proposal) => PayloadV1::Command { version: COMMAND_VERSION, body: proposal.body()? },
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
        PayloadV1::Command { version, body } => Payload::Normal(Proposal::decode(version, body)?),
        PayloadV1::Membership(membership) => Payload::Membership(membership.try_into()?),
    };
    Ok(Entry { log_id: stored.id.into(), payload })
}

/// The bytes of a log entry, read and written again.
///
/// # Errors
///
/// They are no log entry of a version that is known here.
pub fn reread_entry(bytes: &[u8]) -> std::result::Result<Vec<u8>, String> {
    decode_entry(bytes).and_then(|entry| encode_entry(&entry)).map_err(|error| error.to_string())
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
        let node =
            |node: NodeV1| ServerNode { name: node.name, rpc_addr: node.rpc_addr, http_addr: node.http_addr, server_id: node.server_id };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::LeaderId;

    fn id(term: u64, node_id: u64, index: u64) -> LogId {
        LogId::new(LeaderId { term, node_id }, index)
    }

    fn members() -> Membership {
        let node =
            |n: u128| ServerNode { name: format!("s{n}"), rpc_addr: format!("h{n}:4647"), http_addr: format!("h{n}:4646"), server_id: n };
        let nodes: BTreeMap<u64, ServerNode> = [(1, node(1)), (2, node(2)), (9, node(9))].into();
        Membership::new(vec![BTreeSet::from([1]), BTreeSet::from([1, 2])], nodes).expect("membership")
    }

    fn entry(payload: Payload) -> Entry {
        Entry { log_id: id(3, 1, 300), payload }
    }

    /// The bytes in hexadecimal, without the checksum, which follows from the rest.
    fn check<T: PartialEq + std::fmt::Debug>(value: &T, bytes: &[u8], decode: impl Fn(&[u8]) -> Result<T>, golden: &str) {
        let hex: String = bytes.iter().enumerate().filter(|(at, _)| !(9..13).contains(at)).map(|(_, byte)| format!("{byte:02x}")).collect();
        assert_eq!(hex, golden, "a stored shape has changed: give it a new version instead");
        assert_eq!(&decode(bytes).expect("decoded"), value);
        for at in 0..bytes.len() {
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn stored_shapes_of_version_1_stay_as_they_are() {
        // Golden bytes of everything that lies on disk: envelope (magic, kind, version, length), then the body.
        let command = entry(Payload::Normal(Proposal::new(state::Command::Noop)));
        check(&entry(Payload::Blank), &encode_entry(&entry(Payload::Blank)).expect("encoded"), decode_entry, GOLDEN[0]);
        check(&command, &encode_entry(&command).expect("encoded"), decode_entry, GOLDEN[1]);
        let membership = entry(Payload::Membership(members()));
        check(&membership, &encode_entry(&membership).expect("encoded"), decode_entry, GOLDEN[2]);
        let vote = Vote::new_committed(7, 2);
        check(&vote, &encode_vote(&vote).expect("encoded"), decode_vote, GOLDEN[3]);
        let mark = Some(id(3, 1, 299));
        check(&mark, &encode_mark(mark).expect("encoded"), decode_mark, GOLDEN[4]);
        let meta = SnapshotMeta { last_log_id: mark, last_membership: StoredMembership::new(Some(id(1, 1, 0)), members()) };
        let decode = |bytes: &[u8]| SnapshotMeta::try_from(decode_snapshot_meta::<MetaV1>(bytes)?);
        check(&meta, &encode_snapshot_meta(&MetaV1::from(&meta)).expect("encoded"), decode, GOLDEN[5]);
    }

    #[test]
    fn an_older_command_is_read_and_passed_on_in_the_present_shape() {
        // Servers of one version write one shape, whatever they have read.
        let payload = PayloadV1::Command { version: 1, body: Bytes::from_static(&[0]) };
        let bytes = codec::encode(Kind::LogEntry, V1, &EntryV1 { id: id(3, 1, 300).into(), payload }).expect("encoded");
        let read = decode_entry(&bytes).expect("read");
        assert_eq!(read, entry(Payload::Normal(Proposal::new(state::Command::Noop))));
        check(&read, &encode_entry(&read).expect("encoded"), decode_entry, GOLDEN[1]);
    }

    #[test]
    fn a_newer_command_stops_the_reader() {
        // Skipping what is not known would make this server's state differ from the others'.
        let payload = PayloadV1::Command { version: COMMAND_VERSION + 1, body: Bytes::from_static(&[0]) };
        let bytes = codec::encode(Kind::LogEntry, V1, &EntryV1 { id: id(1, 1, 1).into(), payload }).expect("encoded");
        let refused = decode_entry(&bytes).expect_err("newer").to_string();
        assert!(refused.contains("upgrade"), "{refused}");
    }

    const GOLDEN: [&str; 6] = [
        "5e01000100060000000301fb2c0100",
        "5e01000100090000000301fb2c0101040100",
        "5e010001004c0000000301fb2c010202010102010203010273310768313a343634370768313a3436343601020273320768323a343634370768323a3436343602090273390768393a343634370768393a3436343609",
        "5e0600010003000000070201",
        "5e0b00010006000000010301fb2b01",
        "5e0a00010050000000010301fb2b010101010002010102010203010273310768313a343634370768313a3436343601020273320768323a343634370768323a3436343602090273390768393a343634370768393a3436343609",
    ];
}
