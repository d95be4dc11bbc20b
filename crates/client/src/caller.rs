//! Answering calls: here what is about this node, by the servers everything else.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use model::RegionName;
use rpc::caller::Caller;
use rpc::message::{Call, Chunk, Failure, NodeCall, NodeCallReply, NodeTarget, Reply, Request};
use rpc::transport::{self, CallContext, Handler, Peer};

use crate::Client;
use crate::node_call::{self, ChunkStream};
use crate::shared::Shared;

/// For this agent's own HTTP interface.
#[async_trait]
impl Caller for Client {
    fn region(&self) -> RegionName {
        self.shared().config.region.clone()
    }

    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        match own(self.shared(), &call) {
            Some((target, node_call)) => reply(self.shared(), &target, node_call).await,
            None => self.shared().link.forward(call).await,
        }
    }

    async fn stream(&self, call: Call) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Failure> {
        match own(self.shared(), &call) {
            Some((target, node_call)) => stream(self.shared(), &target, node_call).await,
            None => self.shared().link.forward_stream(call).await,
        }
    }
}

/// A call about this node or an allocation that is here.
fn own(shared: &Shared, call: &Call) -> Option<(NodeTarget, NodeCall)> {
    let Request::OnNode(target, node_call) = &call.request else { return None };
    let is_here = match target {
        NodeTarget::Node(id) => *id == shared.node_id,
        NodeTarget::Alloc(id) => shared.allocs().contains_key(id),
    };
    (is_here && call.region == shared.config.region).then(|| (target.clone(), node_call.clone()))
}

async fn reply(shared: &Arc<Shared>, target: &NodeTarget, call: NodeCall) -> Result<Reply, Failure> {
    let (reply, _) = node_call::answer(shared, target, call).await?;
    Ok(Reply::OnNode(reply))
}

async fn stream(shared: &Arc<Shared>, target: &NodeTarget, call: NodeCall) -> Result<ChunkStream, Failure> {
    match node_call::answer(shared, target, call).await? {
        (_, Some(chunks)) => Ok(chunks),
        (NodeCallReply::Streaming, None) | (_, None) => Err(Failure::bad_request("this call has no stream as its answer")),
    }
}

/// For servers that dial this node: nothing is passed on, so nothing goes in a circle.
pub(crate) struct ForServers {
    shared: Arc<Shared>,
}

impl ForServers {
    pub fn handler(shared: &Arc<Shared>) -> Arc<dyn Handler> {
        let caller: Arc<dyn Caller> = Arc::new(Self { shared: shared.clone() });
        Arc::new(Door { caller })
    }

    fn target(call: Call) -> Result<(NodeTarget, NodeCall), Failure> {
        match call.request {
            Request::OnNode(target, node_call) => Ok((target, node_call)),
            _ => Err(Failure::bad_request("this is a node agent, not a server: it answers only what is about its node")),
        }
    }
}

#[async_trait]
impl Caller for ForServers {
    fn region(&self) -> RegionName {
        self.shared.config.region.clone()
    }

    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let (target, node_call) = Self::target(call)?;
        reply(&self.shared, &target, node_call).await
    }

    async fn stream(&self, call: Call) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Failure> {
        let (target, node_call) = Self::target(call)?;
        stream(&self.shared, &target, node_call).await
    }
}

struct Door {
    caller: Arc<dyn Caller>,
}

#[async_trait]
impl Handler for Door {
    async fn handle(&self, _peer: &Arc<Peer>, method: u16, body: Bytes, _context: CallContext) -> transport::Reply {
        rpc::typed::answer(&self.caller, method, &body).await
    }
}
