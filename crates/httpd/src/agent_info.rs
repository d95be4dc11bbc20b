//! What the agent tells the interface about itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{AgentSchedulerWorkerConfigResponse, AgentSchedulerWorkersInfo};
use http::{HeaderName, HeaderValue};
use model::NodeId;
use serde_json::Value;
use telemetry::{LogTap, Registry};

/// Asks the running agent for something that changes.
pub type Probe<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// Tells the running agent something.
pub type Order<T> = Arc<dyn Fn(&T) + Send + Sync>;

/// Tells how many schedulers there shall be and for which types of jobs.
type Configure = Arc<dyn Fn(i64, &[String]) -> Result<(), String> + Send + Sync>;

/// The schedulers of this server.
#[derive(Clone)]
pub struct Schedulers {
    pub show: Probe<AgentSchedulerWorkersInfo>,
    pub config: Probe<AgentSchedulerWorkerConfigResponse>,
    /// Or why that cannot be.
    pub configure: Configure,
}

/// What the agent tells the interface about itself.
#[derive(Clone)]
pub struct AgentInfo {
    /// This agent is a server of its region.
    pub server: bool,
    /// The node of this agent, when it runs tasks.
    pub node_id: Option<NodeId>,
    /// The configuration in effect, with secrets as `<redacted>`.
    pub config: Value,
    /// rpc addresses of the servers that a client agent knows.
    pub servers: Probe<Vec<String>>,
    /// Replaces the servers that the configuration named.
    pub set_servers: Order<[String]>,
    /// Figures about the agent, by part and name.
    pub stats: Probe<BTreeMap<String, BTreeMap<String, String>>>,
    /// Who schedules on this server; `None` when this is none.
    pub schedulers: Option<Schedulers>,
    /// Sent with every answer.
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
    pub limits: Limits,
    /// The agent's figures.
    pub telemetry: Registry,
    /// Where lines of the agent's log come from.
    pub monitor: LogTap,
}

/// A header for [`AgentInfo::response_headers`]; `None` when HTTP has no such name or value.
pub fn response_header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, value.parse().ok()?))
}

impl Default for AgentInfo {
    fn default() -> Self {
        Self {
            server: true,
            node_id: None,
            config: Value::Object(Default::default()),
            servers: Arc::new(Vec::new),
            set_servers: Arc::new(|_| ()),
            stats: Arc::new(BTreeMap::new),
            schedulers: None,
            response_headers: Vec::new(),
            limits: Limits::default(),
            telemetry: Registry::default(),
            monitor: LogTap::default(),
        }
    }
}

/// What a client may take up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections from one address at a time; 0: any number.
    pub connections_per_address: usize,
    /// Connections from all addresses together.
    pub connections: usize,
    /// Bytes of the head of a request.
    pub header_bytes: usize,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Bytes of bodies that are looked at at a time: a body takes up many times its size while it is read as JSON. Others wait.
    pub bodies_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // A hundred connections are more than the busiest dashboard opens. A job file has at most 1 MiB and comes as source and as job.
        Self { connections_per_address: 100, connections: 16_384, header_bytes: 64 << 10, body_bytes: 4 << 20, bodies_bytes: 16 << 20 }
    }
}
