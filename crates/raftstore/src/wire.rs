//! Raft's requests and answers as versioned bytes, and the receiving side: a kind and bytes in, bytes out.
//!
//! A transport carries a kind (one byte), a body, and the answer's body; it need not understand any of them.

use std::sync::Arc;

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Raft;
use crate::error::Error;
use crate::files;
use crate::format::{self, LogIdV1, Malformed, MetaV1, VoteV1};
use crate::room::{Known, Room};
use crate::snapshot::{Incoming, SnapshotReceiver};
use crate::task::blocking;
use crate::types::{LogId, SnapshotMeta, SnapshotWithBody, Types, Vote};

/// Kinds of raft messages. Numbers are never reused.
pub mod kind {
    /// Entries, or none as a heartbeat.
    pub const APPEND: u8 = 1;
    /// A candidate asks for a vote.
    pub const VOTE: u8 = 2;
    /// Somebody who might become a candidate asks whether it would win.
    pub const PRE_VOTE: u8 = 3;
    /// The leader hands over.
    pub const TRANSFER_LEADER: u8 = 4;
    /// A snapshot is coming.
    pub const SNAPSHOT_BEGIN: u8 = 5;
    /// A piece of it.
    pub const SNAPSHOT_CHUNK: u8 = 6;
    /// It is complete.
    pub const SNAPSHOT_INSTALL: u8 = 7;
    /// The leader asks whether there is room on the disk for commands. No body; the answer is a byte, 0 or 1.
    pub const ROOM: u8 = 8;
    /// As [`VOTE`], of a candidate that has seen the leader's process end. To be passed on as that only where this server has seen it, too:
    /// otherwise as [`VOTE`].
    pub const VOTE_AT_ONCE: u8 = 9;
}

/// Entries from the leader.
pub(crate) type AppendRequest = AppendEntriesRequest<Types>;
/// The follower's answer.
pub(crate) type AppendResponse = AppendEntriesResponse<Types>;

#[derive(Serialize, Deserialize)]
struct AppendV1 {
    vote: VoteV1,
    previous: Option<LogIdV1>,
    committed: Option<LogIdV1>,
    /// Each an envelope as in the log.
    entries: Vec<Bytes>,
}

/// Variants are numbered by position: append only.
#[derive(Serialize, Deserialize)]
enum AppendAnswerV1 {
    Success,
    Partial(Option<LogIdV1>),
    Conflict,
    HigherVote(VoteV1),
}

#[derive(Serialize, Deserialize)]
struct VoteRequestV1 {
    vote: VoteV1,
    last: Option<LogIdV1>,
    transfer: bool,
}

#[derive(Serialize, Deserialize)]
struct VoteAnswerV1 {
    vote: VoteV1,
    granted: bool,
    last: Option<LogIdV1>,
}

#[derive(Serialize, Deserialize)]
struct TransferV1 {
    from: VoteV1,
    to: u64,
    last: Option<LogIdV1>,
}

/// Variants are numbered by position: append only.
#[derive(Serialize, Deserialize)]
enum TransferAnswerV1 {
    Accepted,
    VoteChanged { expected: VoteV1, actual: VoteV1 },
    LogNotFlushed { expected: Option<LogIdV1>, actual: Option<LogIdV1> },
}

#[derive(Serialize, Deserialize)]
pub(crate) struct BeginV1 {
    pub vote: VoteV1,
    pub blake3: [u8; 32],
    pub length: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ChunkV1 {
    pub blake3: [u8; 32],
    pub offset: u64,
    pub bytes: Bytes,
}

/// Answers a begin and a chunk.
#[derive(Serialize, Deserialize)]
pub(crate) enum ProgressV1 {
    /// Go on from this offset.
    Next(u64),
    /// The sender is no longer the leader.
    HigherVote(VoteV1),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct InstallV1 {
    pub vote: VoteV1,
    pub blake3: [u8; 32],
    pub meta: MetaV1,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct InstalledV1 {
    pub vote: VoteV1,
}

/// The receiving side of one replica.
pub struct Handler {
    raft: Raft,
    receiver: Arc<SnapshotReceiver>,
    room: Arc<Known>,
}

impl Handler {
    pub(crate) fn new(raft: Raft, receiver: SnapshotReceiver, room: Arc<Known>) -> Handler {
        Handler { raft, receiver: Arc::new(receiver), room }
    }

    /// Answers one message from another server of the region.
    ///
    /// # Errors
    ///
    /// The bytes cannot be read, or this server cannot go on. The transport reports it to the sender, who tries again later.
    pub async fn handle(&self, kind: u8, body: &[u8]) -> Result<Bytes, Error> {
        let broken = |e: Malformed| Error::Message { kind, what: e.to_string() };
        match kind {
            kind::APPEND => {
                let request = decode_append(body).map_err(broken)?;
                if self.room.get() < Room::Entries && !request.entries.is_empty() {
                    return Err(Error::NoRoom);
                }
                let response = self.raft.append_entries(request).await.map_err(fatal)?;
                encode_append_answer(&response).map_err(broken)
            }
            kind::VOTE => {
                let request = decode_vote(body).map_err(broken)?;
                encode_vote_answer(&self.raft.vote(request).await.map_err(fatal)?).map_err(broken)
            }
            kind::VOTE_AT_ONCE => {
                // openraft's word for an election that the leader does not object to.
                let request = VoteRequest { leadership_transfer: true, ..decode_vote(body).map_err(broken)? };
                encode_vote_answer(&self.raft.vote(request).await.map_err(fatal)?).map_err(broken)
            }
            kind::PRE_VOTE => {
                let request = decode_vote(body).map_err(broken)?;
                encode_vote_answer(&self.raft.pre_vote(request).await.map_err(fatal)?).map_err(broken)
            }
            kind::TRANSFER_LEADER => {
                let request = decode_transfer(body).map_err(broken)?;
                let response = self.raft.handle_transfer_leader(request).await.map_err(fatal)?;
                encode_transfer_answer(&response).map_err(broken)
            }
            kind::SNAPSHOT_BEGIN => {
                let begin: BeginV1 = format::decode_message(body).map_err(broken)?;
                format::encode_message(&self.begin(begin).await?).map_err(broken)
            }
            kind::SNAPSHOT_CHUNK => {
                let chunk: ChunkV1 = format::decode_message(body).map_err(broken)?;
                let receiver = self.receiver.clone();
                let next = blocking(move || receiver.chunk(chunk.blake3, chunk.offset, &chunk.bytes)).await?;
                format::encode_message(&ProgressV1::Next(next)).map_err(broken)
            }
            kind::SNAPSHOT_INSTALL => {
                let install: InstallV1 = format::decode_message(body).map_err(broken)?;
                let meta = SnapshotMeta::try_from(install.meta).map_err(broken)?;
                let response = self.install(install.vote.into(), install.blake3, meta).await?;
                format::encode_message(&InstalledV1 { vote: response.vote.into() }).map_err(broken)
            }
            kind::ROOM => Ok(Bytes::copy_from_slice(&[u8::from(self.room.get() == Room::Commands)])),
            other => Err(Error::Message { kind: other, what: "it is of no kind that this version knows".to_owned() }),
        }
    }

    /// A transfer from somebody who is no longer the leader is not begun: it would only be refused at its end.
    async fn begin(&self, begin: BeginV1) -> Result<ProgressV1, Error> {
        let sender = Vote::from(begin.vote);
        let promised = self.raft.with_raft_state(|state| *state.vote_ref()).await.map_err(fatal)?;
        if promised > sender {
            return Ok(ProgressV1::HigherVote(promised.into()));
        }
        let receiver = self.receiver.clone();
        let incoming = Incoming { blake3: begin.blake3, length: begin.length };
        Ok(ProgressV1::Next(blocking(move || receiver.begin(incoming)).await?))
    }

    async fn install(&self, vote: Vote, blake3: [u8; 32], meta: SnapshotMeta) -> Result<SnapshotResponse<Types>, Error> {
        let receiver = self.receiver.clone();
        let body = blocking(move || receiver.finish(blake3)).await?;
        // What the body itself says it covers, not only the message: openraft trusts the message.
        let checked = body.clone();
        let found = blocking(move || checked.read(|_| Ok(()))).await?;
        if found != meta {
            return Err(Error::Message {
                kind: kind::SNAPSHOT_INSTALL,
                what: "the snapshot covers something else than the message says".to_owned(),
            });
        }
        let path = body.path.clone();
        let installed = self.raft.install_full_snapshot(vote, SnapshotWithBody { meta, snapshot: body }).await.map_err(fatal);
        // Installing moved the file away; it is still there if the snapshot was not wanted (any more).
        blocking(move || files::remove(&path)).await?;
        installed
    }
}

fn fatal(error: impl std::fmt::Display) -> Error {
    Error::Fatal(error.to_string())
}

fn ids(id: Option<LogId>) -> Option<LogIdV1> {
    id.map(LogIdV1::from)
}

fn from_ids(id: Option<LogIdV1>) -> Option<LogId> {
    id.map(LogId::from)
}

pub(crate) fn encode_append(request: &AppendRequest) -> Result<Bytes, Malformed> {
    let entries = request.entries.iter().map(|entry| format::encode_entry(entry).map(Bytes::from)).collect::<Result<Vec<_>, _>>()?;
    format::encode_message(&AppendV1 {
        vote: request.vote.into(),
        previous: ids(request.prev_log_id),
        committed: ids(request.leader_commit),
        entries,
    })
}

fn decode_append(body: &[u8]) -> Result<AppendRequest, Malformed> {
    let request: AppendV1 = format::decode_message(body)?;
    let entries = request.entries.iter().map(|bytes| format::decode_entry(bytes)).collect::<Result<Vec<_>, _>>()?;
    Ok(AppendRequest {
        vote: request.vote.into(),
        prev_log_id: from_ids(request.previous),
        leader_commit: from_ids(request.committed),
        entries,
    })
}

fn encode_append_answer(response: &AppendResponse) -> Result<Bytes, Malformed> {
    format::encode_message(&match response {
        AppendResponse::Success => AppendAnswerV1::Success,
        AppendResponse::PartialSuccess(upto) => AppendAnswerV1::Partial(ids(*upto)),
        AppendResponse::Conflict => AppendAnswerV1::Conflict,
        AppendResponse::HigherVote(vote) => AppendAnswerV1::HigherVote((*vote).into()),
    })
}

pub(crate) fn decode_append_answer(body: &[u8]) -> Result<AppendResponse, Malformed> {
    Ok(match format::decode_message(body)? {
        AppendAnswerV1::Success => AppendResponse::Success,
        AppendAnswerV1::Partial(upto) => AppendResponse::PartialSuccess(from_ids(upto)),
        AppendAnswerV1::Conflict => AppendResponse::Conflict,
        AppendAnswerV1::HigherVote(vote) => AppendResponse::HigherVote(vote.into()),
    })
}

pub(crate) fn encode_vote(request: &VoteRequest<Types>) -> Result<Bytes, Malformed> {
    format::encode_message(&VoteRequestV1 {
        vote: request.vote.into(),
        last: ids(request.last_log_id),
        transfer: request.leadership_transfer,
    })
}

fn decode_vote(body: &[u8]) -> Result<VoteRequest<Types>, Malformed> {
    let request: VoteRequestV1 = format::decode_message(body)?;
    Ok(VoteRequest { vote: request.vote.into(), last_log_id: from_ids(request.last), leadership_transfer: request.transfer })
}

fn encode_vote_answer(response: &VoteResponse<Types>) -> Result<Bytes, Malformed> {
    format::encode_message(&VoteAnswerV1 { vote: response.vote.into(), granted: response.vote_granted, last: ids(response.last_log_id) })
}

pub(crate) fn decode_vote_answer(body: &[u8]) -> Result<VoteResponse<Types>, Malformed> {
    let response: VoteAnswerV1 = format::decode_message(body)?;
    Ok(VoteResponse { vote: response.vote.into(), vote_granted: response.granted, last_log_id: from_ids(response.last) })
}

pub(crate) fn encode_transfer(request: &TransferLeaderRequest<Types>) -> Result<Bytes, Malformed> {
    format::encode_message(&TransferV1 {
        from: (*request.from_leader()).into(),
        to: *request.to_node_id(),
        last: ids(request.last_log_id().copied()),
    })
}

fn decode_transfer(body: &[u8]) -> Result<TransferLeaderRequest<Types>, Malformed> {
    let request: TransferV1 = format::decode_message(body)?;
    Ok(TransferLeaderRequest::new(request.from.into(), request.to, from_ids(request.last)))
}

fn encode_transfer_answer(response: &TransferLeaderResponse<Types>) -> Result<Bytes, Malformed> {
    format::encode_message(&match response {
        Ok(()) => TransferAnswerV1::Accepted,
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            TransferAnswerV1::VoteChanged { expected: (*expected).into(), actual: (*actual).into() }
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            TransferAnswerV1::LogNotFlushed { expected: ids(*expected), actual: ids(*actual) }
        }
    })
}

pub(crate) fn decode_transfer_answer(body: &[u8]) -> Result<TransferLeaderResponse<Types>, Malformed> {
    Ok(match format::decode_message(body)? {
        TransferAnswerV1::Accepted => Ok(()),
        TransferAnswerV1::VoteChanged { expected, actual } => {
            Err(TransferLeaderError::VoteChanged { expected: expected.into(), actual: actual.into() })
        }
        TransferAnswerV1::LogNotFlushed { expected, actual } => {
            Err(TransferLeaderError::LogNotFlushed { expected: from_ids(expected), actual: from_ids(actual) })
        }
    })
}

/// The answer to a message that this crate's own types describe.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    format::decode_message(body)
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use openraft::EntryPayload;

    use super::*;
    use crate::types::{Entry, LeaderId};

    fn id(index: u64) -> LogId {
        LogId::new(LeaderId { term: 5, node_id: 2 }, index)
    }

    /// What one side encodes, the other decodes to the same; bytes that are cut or changed anywhere are refused.
    fn check<T: Debug>(value: &T, encode: impl Fn(&T) -> Result<Bytes, Malformed>, decode: impl Fn(&[u8]) -> Result<T, Malformed>) {
        let bytes = encode(value).expect("encoded");
        assert_eq!(format!("{:?}", decode(&bytes).expect("decoded")), format!("{value:?}"));
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 0x10;
            assert!(decode(&changed).is_err(), "changed at {at} of {value:?}");
            assert!(decode(&bytes[..at]).is_err(), "cut at {at} of {value:?}");
        }
    }

    #[test]
    fn messages_arrive_as_they_were_sent_or_not_at_all() {
        // Every message of raft, with and without its optional parts.
        let (vote, higher) = (Vote::new_committed(5, 2), Vote::new(6, 3));
        let entries = vec![Entry { log_id: id(8), payload: EntryPayload::Blank }];
        for (prev_log_id, leader_commit, entries) in [(None, None, vec![]), (Some(id(7)), Some(id(6)), entries)] {
            check(&AppendRequest { vote, prev_log_id, leader_commit, entries }, encode_append, decode_append);
        }
        use AppendEntriesResponse::{Conflict, HigherVote, PartialSuccess, Success};
        for answer in [Success, PartialSuccess(None), PartialSuccess(Some(id(3))), Conflict, HigherVote(higher)] {
            check(&answer, encode_append_answer, decode_append_answer);
        }
        for (last_log_id, leadership_transfer) in [(None, false), (Some(id(1)), true)] {
            check(&VoteRequest { vote, last_log_id, leadership_transfer }, encode_vote, decode_vote);
            check(&VoteResponse { vote, vote_granted: leadership_transfer, last_log_id }, encode_vote_answer, decode_vote_answer);
            check(&TransferLeaderRequest::new(vote, 3, last_log_id), encode_transfer, decode_transfer);
        }
        for answer in [
            Ok(()),
            Err(TransferLeaderError::VoteChanged { expected: vote, actual: higher }),
            Err(TransferLeaderError::LogNotFlushed { expected: Some(id(1)), actual: None }),
        ] {
            check(&answer, encode_transfer_answer, decode_transfer_answer);
        }
    }
}
