//! The way to the region's servers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::RegionName;
use rpc::message::{Call, Failure, Hops, NodeReply, NodeRequest, Reply, Request};
use rpc::transport::{CallError, Pool};
use tracing::debug;

use crate::node_call::ChunkStream;
use crate::servers::Servers;

/// How long a server may take for what it can answer at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// The longest any read waits, with its spread; see the blocking queries of the interface.
const LONG_POLL: Duration = Duration::from_secs(330);

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LinkError {
    #[error("this node knows no server of its region: set `client.servers`, or `server_join`")]
    NoServers,
    #[error("no server answered; the last one: {0}")]
    Unreachable(String),
    /// A server said no.
    #[error(transparent)]
    Refused(#[from] Failure),
}

/// Asks the region. The real one goes over the network; tests have their own.
#[async_trait]
pub trait ServerLink: Send + Sync + 'static {
    /// Asks any server; everything that a node asks may be asked twice.
    async fn node(&self, request: NodeRequest, patience: Duration) -> Result<NodeReply, LinkError>;

    /// Passes a call on that this agent cannot answer.
    async fn forward(&self, call: Call) -> Result<Reply, Failure>;

    async fn forward_stream(&self, call: Call) -> Result<ChunkStream, Failure>;

    /// What the region says about its servers; whether that is news.
    fn learn(&self, servers: Vec<String>) -> bool;

    /// What the operator says about the region's servers.
    fn configure(&self, servers: &[String]);

    /// In the order in which they are asked.
    fn servers(&self) -> Vec<String>;
}

/// Servers over the network.
pub(crate) struct Rpc {
    region: RegionName,
    pool: Pool,
    servers: Arc<Servers>,
}

impl Rpc {
    pub fn new(region: RegionName, pool: Pool, servers: Servers) -> Self {
        Self { region, pool, servers: Arc::new(servers) }
    }

    fn none() -> Failure {
        Failure::internal(LinkError::NoServers.to_string())
    }
}

/// The server cannot help now, another one may.
fn is_passing(failure: &Failure) -> bool {
    ["No cluster leader", "Not ready to serve consistent reads"].iter().any(|text| failure.text.contains(text)) || failure.code == 503
}

#[async_trait]
impl ServerLink for Rpc {
    async fn node(&self, request: NodeRequest, patience: Duration) -> Result<NodeReply, LinkError> {
        let call = Call { region: self.region.clone(), hops: Hops::default(), request: Request::Node(request) };
        let mut last = LinkError::NoServers;
        for address in self.servers.candidates() {
            match rpc::typed::call(&self.pool, &address, &call, patience).await {
                Ok(Ok(Reply::Node(reply))) => {
                    self.servers.answered(&address);
                    return Ok(reply);
                }
                Ok(Ok(_)) => last = LinkError::Unreachable(format!("{address} answered something else")),
                Ok(Err(failure)) if !is_passing(&failure) => {
                    self.servers.answered(&address);
                    return Err(LinkError::Refused(failure));
                }
                Ok(Err(failure)) => last = LinkError::Unreachable(format!("{address}: {failure}")),
                Err(error) => last = LinkError::Unreachable(error.to_string()),
            }
            debug!(address, error = %last, "server did not help");
            self.servers.failed(&address);
        }
        Err(last)
    }

    async fn forward(&self, call: Call) -> Result<Reply, Failure> {
        let patience = if matches!(call.request, Request::Read(..)) { LONG_POLL } else { 4 * PATIENCE };
        let mut last = Self::none();
        for address in self.servers.candidates() {
            match rpc::typed::call(&self.pool, &address, &call, patience).await {
                Ok(Err(failure)) if is_passing(&failure) => last = failure,
                Ok(answer) => {
                    self.servers.answered(&address);
                    return answer;
                }
                Err(error) => {
                    let ask_another = error.is_not_executed() || matches!(call.request, Request::Read(..));
                    last = Failure::internal(error.to_string());
                    if !ask_another {
                        return Err(last);
                    }
                }
            }
            self.servers.failed(&address);
        }
        Err(last)
    }

    async fn forward_stream(&self, call: Call) -> Result<ChunkStream, Failure> {
        let mut last = Self::none();
        for address in self.servers.candidates() {
            match rpc::typed::stream(&self.pool, &address, &call).await {
                Ok(Err(failure)) if is_passing(&failure) => last = failure,
                Ok(answer) => return answer,
                Err(error @ CallError::Remote { .. }) => return Err(Failure::internal(error.to_string())),
                Err(error) => last = Failure::internal(error.to_string()),
            }
            self.servers.failed(&address);
        }
        Err(last)
    }

    fn learn(&self, servers: Vec<String>) -> bool {
        self.servers.learn(servers)
    }

    fn configure(&self, servers: &[String]) {
        self.servers.configure(servers);
    }

    fn servers(&self) -> Vec<String> {
        self.servers.candidates()
    }
}
