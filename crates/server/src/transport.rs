//! Raft's messages and everything else over one rpc port.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use raftstore::wire::kind;
use raftstore::{Lane, RaftTransport, TransportError};
use rpc::caller::Caller;
use rpc::transport::{CallContext, CallError, Class, Handler, Peer, Pool, Reply};
use rpc::typed::METHOD_RAFT;
use telemetry::Timer;

use crate::core::Core;
use crate::founding;
use crate::pool::PoolHandle;
use crate::succession;

/// About founding the raft group, see [`founding`].
pub const METHOD_FOUND: u16 = 3;

/// Carries raft's requests to the other servers of the region.
pub struct Carrier {
    pub rpc: Pool,
    /// Knows where servers are now: the membership cannot tell when most of them came back at other addresses, because changing it takes them.
    pub pool: OnceLock<PoolHandle>,
    /// Until a follower has acknowledged entries.
    pub append_entries: Timer,
}

impl Carrier {
    fn address(&self, call: &raftstore::Call) -> String {
        let told = self.pool.get().and_then(|pool| pool.address_of(call.target));
        told.map_or_else(|| call.node.rpc_addr.clone(), |address| address.to_string())
    }
}

impl RaftTransport for Carrier {
    async fn call(&self, call: raftstore::Call) -> Result<Bytes, TransportError> {
        let class = match call.lane {
            Lane::Replication => Class::Raft,
            Lane::Heartbeat => Class::Heartbeat,
            Lane::Snapshot => Class::Bulk,
        };
        let mut body = BytesMut::with_capacity(8 + call.body.len());
        body.put_u64_le(call.target);
        body.put_slice(&call.body);
        let method = METHOD_RAFT + u16::from(call.kind);
        let began = Instant::now();
        match self.rpc.call(&self.address(&call), class, method, body.freeze(), call.timeout).await {
            Ok(answer) => {
                if call.lane == Lane::Replication {
                    self.append_entries.since(began);
                }
                Ok(answer)
            }
            Err(CallError::Timeout { .. }) => Err(TransportError::Timeout),
            Err(error) => Err(TransportError::Unreachable(error.to_string())),
        }
    }
}

/// Answers what arrives on the rpc port.
pub struct Front {
    pub core: Arc<Core>,
    pub caller: Arc<dyn Caller>,
}

#[async_trait]
impl Handler for Front {
    async fn handle(&self, peer: &Arc<Peer>, method: u16, body: Bytes, _context: CallContext) -> Reply {
        match method {
            METHOD_FOUND => founding::answer(&self.core, peer, &body).await,
            METHOD_RAFT.. => self.raft(peer, method, &body).await,
            _ => rpc::typed::answer(&self.caller, method, &body).await,
        }
    }

    fn connected(&self, peer: &Peer) {
        self.core.succession.connected(raftstore::raft_id(peer.id.as_u128()));
    }

    fn disconnected(&self, peer: &Peer) {
        self.core.succession.disconnected(raftstore::raft_id(peer.id.as_u128()));
    }
}

impl Front {
    async fn raft(&self, peer: &Peer, method: u16, body: &[u8]) -> Reply {
        if peer.region != self.core.region {
            return Reply::error(
                400,
                format!("a server of region {:?} does not take part in the raft group of {:?}", peer.region, self.core.region),
            );
        }
        let Some((target, body)) = body.split_first_chunk::<8>() else {
            return Reply::error(400, "a raft message without its target");
        };
        let target = u64::from_le_bytes(*target);
        if target != self.core.replica.id() {
            return Reply::error(410, format!("this is the server with raft id {}, not {target}", self.core.replica.id()));
        }
        let Ok(mut kind) = u8::try_from(method - METHOD_RAFT) else { return Reply::error(404, "unknown raft message") };
        // What another one says of the leader's end is not enough to break a promise to it.
        if kind == kind::VOTE_AT_ONCE && !succession::leader_has_ended(&self.core).await {
            kind = kind::VOTE;
        }
        match self.core.replica.handle(kind, body).await {
            Ok(answer) => {
                if matches!(kind, kind::APPEND | kind::SNAPSHOT_CHUNK | kind::SNAPSHOT_INSTALL) && self.is_leader(peer) {
                    self.core.heard_leader();
                }
                Reply::Message(answer)
            }
            Err(error) => Reply::error(500, error.to_string()),
        }
    }

    /// Also one that was deposed goes on sending, until it hears of it.
    fn is_leader(&self, peer: &Peer) -> bool {
        self.core.leader_id() == Some(raftstore::raft_id(peer.id.as_u128()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Uuid;
    use rpc::transport::{Identity, Limits, serve};
    use std::time::Duration;
    use tokio_util::sync::CancellationToken;

    /// Says on what kind of connection it was asked.
    struct Which;

    #[async_trait]
    impl Handler for Which {
        async fn handle(&self, peer: &Arc<Peer>, _method: u16, _body: Bytes, _context: CallContext) -> Reply {
            Reply::Message(Bytes::from(peer.class.to_string()))
        }
    }

    /// Each lane has a connection of its own: a heartbeat waits for no entry, and neither of them for a snapshot.
    #[tokio::test]
    async fn lanes_do_not_wait_for_each_other() {
        let identity = |id| Identity::new(Uuid::from_u128(id), "west", 1);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, identity(1), Arc::new(Which), stop.clone()));
        let carrier = Carrier { rpc: Pool::new(identity(2), Limits::default()), pool: OnceLock::new(), append_entries: Timer::default() };
        let mut used = Vec::new();
        for lane in [Lane::Replication, Lane::Heartbeat, Lane::Snapshot] {
            let node = raftstore::ServerNode { rpc_addr: address.clone(), ..Default::default() };
            let call = raftstore::Call { target: 1, node, lane, kind: kind::APPEND, body: Bytes::new(), timeout: Duration::from_secs(10) };
            used.push(carrier.call(call).await.expect("an answer"));
        }
        assert_eq!(used, ["raft", "heartbeat", "bulk"]);
        carrier.rpc.close().await;
        stop.cancel();
        serving.await.expect("ended");
    }
}
