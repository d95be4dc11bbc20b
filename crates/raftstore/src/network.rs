//! openraft's network on top of a transport that carries kinds and bytes: who is called, on which lane, for how long, and what a failure
//! means to openraft.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes};
use openraft::raft::{SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2};

use crate::error::Error;
use crate::format::{self, Malformed, MetaV1};
use crate::snapshot::SnapshotFile;
use crate::task::blocking;
use crate::types::{ServerNode, SnapshotWithBody, Types, Vote};
use crate::wire::{self, AppendRequest, AppendResponse, BeginV1, ChunkV1, InstallV1, InstalledV1, ProgressV1, kind};

/// Streams between two servers that must not wait for each other: give each a connection (or a substream) of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Entries and votes.
    Replication,
    /// The leader's sign of life; small, and never to be held up by the others.
    Heartbeat,
    /// Snapshots: large, and patient.
    Snapshot,
}

/// One request to another server.
#[derive(Debug, Clone)]
pub struct Call {
    /// The raft id of the server that must answer: a transport that reaches another one refuses.
    pub target: u64,
    /// Where it is, as the membership says.
    pub node: ServerNode,
    /// Which stream to use.
    pub lane: Lane,
    /// For [`wire::Handler::handle`] on the other side.
    pub kind: u8,
    /// For the same.
    pub body: Bytes,
    /// Answer [`TransportError::Timeout`] after this time.
    pub timeout: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The server cannot be reached or refused; asking again at once is no use.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// It did not answer in time; it may have done what was asked.
    #[error("no answer in time")]
    Timeout,
}

/// Carries raft's messages between the servers of a region.
pub trait RaftTransport: Send + Sync + 'static {
    /// Sends a request and waits for the answer.
    fn call(&self, call: Call) -> impl Future<Output = Result<Bytes, TransportError>> + Send;
}

/// Times and sizes of raft's messages.
#[derive(Debug, Clone)]
pub(crate) struct NetworkOptions {
    pub append_timeout: Duration,
    pub chunk_bytes: usize,
    pub chunk_timeout: Duration,
    pub install_timeout: Duration,
}

/// Makes a client for each server and lane.
pub(crate) struct Network<T> {
    pub id: u64,
    pub transport: Arc<T>,
    pub options: NetworkOptions,
    pub at_once: Arc<AtomicU64>,
}

impl<T: RaftTransport> Network<T> {
    fn client(&self, target: u64, node: &ServerNode, lane: Lane) -> Client<T> {
        let (transport, options, at_once) = (self.transport.clone(), self.options.clone(), self.at_once.clone());
        Client { id: self.id, target, node: node.clone(), lane, transport, options, at_once }
    }
}

impl<T: RaftTransport> RaftNetworkFactory<Types> for Network<T> {
    type Network = Client<T>;

    async fn new_client(&mut self, target: u64, node: &ServerNode) -> Client<T> {
        self.client(target, node, Lane::Replication)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &ServerNode) -> Client<T> {
        self.client(target, node, Lane::Heartbeat)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &ServerNode) -> Client<T> {
        self.client(target, node, Lane::Snapshot)
    }
}

/// One lane to one server.
pub(crate) struct Client<T> {
    id: u64,
    target: u64,
    node: ServerNode,
    lane: Lane,
    transport: Arc<T>,
    options: NetworkOptions,
    /// The term of the election that need not wait.
    at_once: Arc<AtomicU64>,
}

/// A transfer that goes back this often makes no progress.
const REWINDS_MAX: usize = 16;

impl<T: RaftTransport> Client<T> {
    async fn call(&self, kind: u8, body: Bytes, timeout: Duration) -> Result<Bytes, TransportError> {
        let call = Call { target: self.target, node: self.node.clone(), lane: self.lane, kind, body, timeout };
        // The transport keeps the time too; this is for one that does not.
        match tokio::time::timeout(timeout + timeout / 4, self.transport.call(call)).await {
            Ok(answer) => answer,
            Err(_) => Err(TransportError::Timeout),
        }
    }

    async fn ask<A>(
        &self,
        what: RPCTypes,
        kind: u8,
        body: Result<Bytes, Malformed>,
        timeout: Duration,
        decode: impl FnOnce(&[u8]) -> Result<A, Malformed>,
    ) -> Result<A, RPCError<Types>> {
        let body = body.map_err(|e| RPCError::Unreachable(unreachable(e)))?;
        match self.call(kind, body, timeout).await {
            Ok(answer) => decode(&answer).map_err(|e| RPCError::Unreachable(unreachable(e))),
            Err(TransportError::Timeout) => Err(RPCError::Timeout(Timeout { action: what, id: self.id, target: self.target, timeout })),
            Err(error) => Err(RPCError::Unreachable(unreachable(error))),
        }
    }

    /// Sends the body piece by piece from where the receiver already is, then lets it install.
    async fn send_snapshot(&self, vote: Vote, snapshot: &SnapshotWithBody) -> Result<Vote, String> {
        let body = &snapshot.snapshot;
        let begin = BeginV1 { vote: vote.into(), blake3: body.blake3, length: body.length };
        let mut progress: ProgressV1 = self.exchange(kind::SNAPSHOT_BEGIN, &begin, self.options.chunk_timeout).await?;
        let mut sent = 0;
        let mut n_rewinds = 0;
        loop {
            let offset = match progress {
                ProgressV1::HigherVote(higher) => return Ok(higher.into()),
                ProgressV1::Next(offset) => offset,
            };
            if offset < sent {
                n_rewinds += 1;
                if n_rewinds > REWINDS_MAX {
                    return Err(format!("the receiver asks for offset {offset} again and again"));
                }
            }
            if offset >= body.length {
                break;
            }
            let (file, length) = (body.clone(), self.options.chunk_bytes);
            let read = blocking(move || file.read_at(offset, length).map_err(|e| Error::io("read", &file.path, e))).await;
            let bytes = read.map_err(|e| format!("the snapshot cannot be sent: {e}"))?;
            sent = offset + bytes.len() as u64;
            let chunk = ChunkV1 { blake3: body.blake3, offset, bytes: bytes.into() };
            progress = self.exchange(kind::SNAPSHOT_CHUNK, &chunk, self.options.chunk_timeout).await?;
        }
        let install = InstallV1 { vote: vote.into(), blake3: body.blake3, meta: MetaV1::from(&snapshot.meta) };
        let installed: InstalledV1 = self.exchange(kind::SNAPSHOT_INSTALL, &install, self.options.install_timeout).await?;
        Ok(installed.vote.into())
    }

    async fn exchange<Q, A>(&self, kind: u8, request: &Q, timeout: Duration) -> Result<A, String>
    where
        Q: serde::Serialize,
        A: serde::de::DeserializeOwned,
    {
        let body = format::encode_message(request).map_err(|e| e.to_string())?;
        let answer = self.call(kind, body, timeout).await.map_err(|e| e.to_string())?;
        wire::decode(&answer).map_err(|e| e.to_string())
    }
}

impl<T: RaftTransport> RaftNetworkV2<Types> for Client<T> {
    type SnapshotData = SnapshotFile;

    async fn append_entries(&mut self, request: AppendRequest, option: RPCOption) -> Result<AppendResponse, RPCError<Types>> {
        // openraft grants every append the length of a heartbeat. A follower's disk may need longer for a large batch, and giving up
        // early would only send the batch again.
        let timeout = match self.lane {
            Lane::Heartbeat => option.soft_ttl(),
            Lane::Replication | Lane::Snapshot => self.options.append_timeout,
        };
        let body = wire::encode_append(&request);
        self.ask(RPCTypes::AppendEntries, kind::APPEND, body, timeout, wire::decode_append_answer).await
    }

    async fn vote(&mut self, request: VoteRequest<Types>, option: RPCOption) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let body = wire::encode_vote(&request);
        let is_at_once = request.vote.leader_id.term == self.at_once.load(Ordering::Relaxed);
        let kind = if is_at_once { kind::VOTE_AT_ONCE } else { kind::VOTE };
        self.ask(RPCTypes::Vote, kind, body, option.soft_ttl(), wire::decode_vote_answer).await
    }

    async fn pre_vote(&mut self, request: VoteRequest<Types>, option: RPCOption) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let body = wire::encode_vote(&request);
        self.ask(RPCTypes::Vote, kind::PRE_VOTE, body, option.soft_ttl(), wire::decode_vote_answer).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotWithBody,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let sent = tokio::select! {
            biased;
            closed = cancel => return Err(StreamingError::Closed(closed)),
            sent = self.send_snapshot(vote, &snapshot) => sent,
        };
        match sent {
            Ok(vote) => Ok(SnapshotResponse::new(vote)),
            // Always "unreachable": openraft answers a timeout by trying again at once, and this by waiting a while first. The next try
            // goes on where this one ended.
            Err(reason) => {
                tracing::warn!(target_id = self.target, node = %self.node, %reason, "sending a snapshot failed");
                Err(StreamingError::Unreachable(Unreachable::from_string(reason)))
            }
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let body = wire::encode_transfer(&request);
        self.ask(RPCTypes::TransferLeader, kind::TRANSFER_LEADER, body, option.soft_ttl(), wire::decode_transfer_answer).await
    }
}

fn unreachable(error: impl std::fmt::Display) -> Unreachable<Types> {
    Unreachable::from_string(error)
}
