//! The agent: starting, stopping, and what the rest of the process asks it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{Node, NodeId};
use rpc::message::{Failure, NodeCall, NodeCallReply, NodeTarget};
use rpc::transport::{Identity, Pool, serve_with};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::alloc::{AllocHandle, Command, host_env, parent_cgroup};
use crate::caller::ForServers;
use crate::config::Config;
use crate::error::chain;
use crate::link::{Rpc, ServerLink};
use crate::node_call::{self, ChunkStream};
use crate::servers::Servers;
use crate::shared::Shared;
use crate::stats::Samples;
use crate::store::{Remembered, Store};
use crate::updates::Updates;
use crate::{Error, absence, allocs, collect, fingerprint, meta, presence, probe, pull, updates};

/// What this build can do, told to peers.
const FEATURE_LEVEL: u32 = 1;
/// Directories on their way from this node, and to it, at one time.
const COPIES_MAX: usize = 8;
/// Reports that are still open when the agent stops get this long.
const LAST_REPORT: Duration = Duration::from_secs(2);
/// On top of the longest time that a task may take to stop.
const HALT_MARGIN: Duration = Duration::from_secs(5);

/// What becomes of the tasks when the agent stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tasks {
    /// They go on; the next agent finds them.
    Keep,
    /// They end, as for `agent -dev`.
    End,
}

/// A running node agent. Cheap to clone; it runs until [`Client::stop`].
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    pool: Option<Pool>,
    rpc_addr: String,
}

impl Client {
    /// Opens the local state, finds the tasks of an earlier agent again, and begins to talk with the region.
    ///
    /// # Errors
    ///
    /// A wrong configuration, a local state that another agent holds or that is damaged, a port that is taken.
    pub async fn start(config: Config) -> Result<Self, Error> {
        config.validate()?;
        let store = open(&config).await?;
        let identity = Identity::new(store.store.node_id().0, config.region.clone(), FEATURE_LEVEL);
        let pool = Pool::new(identity, config.rpc.clone());
        let servers = Servers::new(&config.servers, store.servers.clone());
        let link = Rpc::new(config.region.clone(), pool.clone(), servers);
        Self::assemble(config, store, Arc::new(link), Some(pool)).await
    }

    /// As [`Client::start`], with another way to the servers.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn start_with(config: Config, link: Arc<dyn ServerLink>) -> Result<Self, Error> {
        config.validate()?;
        let store = open(&config).await?;
        Self::assemble(config, store, link, None).await
    }

    async fn assemble(config: Config, opened: Opened, link: Arc<dyn ServerLink>, pool: Option<Pool>) -> Result<Self, Error> {
        let Opened { store, secret, remembered, dynamic, heard, .. } = opened;
        let node_id = store.node_id();
        let prepared = async {
            let mut drivers = drivers::build(&config.plugins(), config.executor.clone())?;
            drivers.retain(|name, _| config.allows_driver(name));
            let listen_error = |source| Error::Listen { address: config.rpc_bind.to_string(), source };
            let listener = TcpListener::bind(config.rpc_bind).await.map_err(listen_error)?;
            let bound = listener.local_addr().map_err(listen_error)?;
            let rpc_addr = advertised(config.rpc_advertise.as_deref(), bound);
            let mut node = fingerprint::node(&config, node_id, secret, &drivers, &rpc_addr)?;
            node.meta = meta::merged(&config.meta, &dynamic);
            Ok((drivers, listener, rpc_addr, node))
        };
        let (drivers, listener, rpc_addr, node) = match prepared.await {
            Ok(prepared) => prepared,
            Err(error) => {
                // Who tries again with another configuration finds the state free.
                close(move || store.close()).await;
                return Err(error);
            }
        };
        let mut host_env = host_env(config.options.get("env.denylist"), inherited());
        host_env.extend(parent_cgroup(&std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default()));
        let shared = Arc::new(Shared {
            host_env,
            config,
            node_id,
            node: Mutex::new(Arc::new(node)),
            dynamic_meta: Mutex::new(dynamic),
            meta_turn: Default::default(),
            secret,
            drivers,
            store,
            link,
            allocs: Default::default(),
            updates: Updates::default(),
            samples: Samples::default(),
            snapshots: Arc::new(Semaphore::new(COPIES_MAX)),
            copies: Arc::new(Semaphore::new(COPIES_MAX)),
            registered: watch::Sender::new(false),
            doubt: Notify::new(),
            last_heartbeat: AtomicI64::new(0),
            heartbeat_ttl: AtomicI64::new(0),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        info!(node = %node_id, name = shared.node().name, rpc = rpc_addr, allocs = remembered.len(), "node agent started");
        probe::register(&shared);
        allocs::restore(&shared, remembered);
        let identity = Identity::new(node_id.0, shared.config.region.clone(), FEATURE_LEVEL);
        shared.spawn(serve_with(listener, identity, shared.config.rpc.clone(), ForServers::handler(&shared), shared.stop.clone()));
        shared.spawn(presence::run(shared.clone()));
        shared.spawn(absence::run(shared.clone(), heard));
        shared.spawn(pull::run(shared.clone()));
        shared.spawn(updates::run(shared.clone()));
        shared.spawn(collect::run(shared.clone()));
        Ok(Self { shared, pool, rpc_addr })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub fn node_id(&self) -> NodeId {
        self.shared.node_id
    }

    /// As it is registered.
    pub fn node(&self) -> Arc<Node> {
        self.shared.node()
    }

    /// Where servers reach this node.
    pub fn rpc_addr(&self) -> &str {
        &self.rpc_addr
    }

    /// rpc addresses of the servers that are known, in the order in which they are asked.
    pub fn servers(&self) -> Vec<String> {
        self.shared.link.servers()
    }

    /// Replaces the servers that the configuration named.
    pub fn set_servers(&self, servers: &[String]) {
        self.shared.link.configure(servers);
    }

    /// The region knows the node.
    pub fn is_registered(&self) -> bool {
        *self.shared.registered.borrow()
    }

    /// For `agent-info` and the health of the agent.
    pub fn stats(&self) -> BTreeMap<String, String> {
        let ttl = self.shared.heartbeat_ttl.load(Ordering::Relaxed);
        let last = self.shared.last_heartbeat.load(Ordering::Relaxed);
        let since = if last == 0 { "never".to_owned() } else { model::format_duration(crate::time::now().saturating_sub(last)) };
        BTreeMap::from([
            ("node_id".to_owned(), self.node_id().to_string()),
            ("known_servers".to_owned(), self.servers().join(",")),
            ("num_allocations".to_owned(), self.shared.allocs().len().to_string()),
            ("last_heartbeat".to_owned(), since),
            ("heartbeat_ttl".to_owned(), model::format_duration(ttl)),
        ])
    }

    /// Answers what only a node can: its files, logs, statistics, and orders to its tasks.
    ///
    /// # Errors
    ///
    /// The target is not here, or the call cannot be done; with the status code for HTTP clients.
    pub async fn node_call(&self, target: NodeTarget, call: NodeCall) -> Result<(NodeCallReply, Option<ChunkStream>), Failure> {
        node_call::answer(&self.shared, &target, call).await
    }

    /// Stops the agent. Afterwards its directories may be used by another one.
    pub async fn stop(&self, tasks: Tasks) {
        if tasks == Tasks::End {
            self.end_tasks().await;
        }
        if !self.shared.updates.is_empty() && self.is_registered() {
            // What is not told now is told by the next agent.
            let _ = tokio::time::timeout(LAST_REPORT, updates::send(&self.shared)).await;
        }
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        if let Some(pool) = &self.pool {
            pool.close().await;
        }
        let shared = self.shared.clone();
        close(move || shared.store.close()).await;
        info!("node agent stopped");
    }

    async fn end_tasks(&self) {
        let running: Vec<AllocHandle> = self.shared.allocs().values().filter(|handle| !handle.is_finished()).cloned().collect();
        for handle in &running {
            handle.send(Command::Halt);
        }
        let all = futures::future::join_all(running.iter().map(AllocHandle::finished));
        if tokio::time::timeout(self.shared.config.max_kill_timeout + HALT_MARGIN, all).await.is_err() {
            warn!("some tasks did not end in time");
        }
    }
}

/// Writes out the local state and lets go of it.
async fn close<E: std::error::Error + Send + 'static>(close: impl FnOnce() -> Result<(), E> + Send + 'static) {
    match tokio::task::spawn_blocking(close).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(error = chain(&error), "local state could not be written out"),
        Err(error) => warn!(%error, "writing out the local state was interrupted"),
    }
}

/// The local state and what was in it.
struct Opened {
    store: Store,
    secret: model::Uuid,
    servers: Vec<String>,
    remembered: Vec<Remembered>,
    dynamic: meta::Dynamic,
    /// When a server last answered an earlier agent.
    heard: i64,
}

async fn open(config: &Config) -> Result<Opened, Error> {
    let (state_dir, alloc_dir, region) = (config.state_dir.clone(), config.alloc_dir.clone(), config.region.clone());
    let work = move || {
        make(&alloc_dir)?;
        let store = Store::open(&state_dir, region.as_str())?;
        let (secret, servers, remembered, dynamic) = (store.secret()?, store.servers()?, store.remembered()?, store.meta()?);
        let heard = store.heard()?;
        Ok(Opened { store, secret, servers, remembered, dynamic, heard })
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(opened) => opened,
        Err(error) => Err(Error::Config(format!("opening the local state was interrupted: {error}"))),
    }
}

fn make(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|source| Error::Directory { path: path.to_owned(), source })
}

/// The agent's environment; names and values that are not text cannot be passed on.
fn inherited() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// What servers are told: the configured address, with the bound port if it has none.
fn advertised(configured: Option<&str>, bound: std::net::SocketAddr) -> String {
    match configured {
        None => bound.to_string(),
        Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => format!("[{address}]:{}", bound.port()),
        Some(address) if address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port != 0)) => {
            address.to_owned()
        }
        Some(address) => format!("{}:{}", address.strip_suffix(":0").unwrap_or(address), bound.port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: configured address and what is advertised when port 4000 was bound.
    #[test]
    fn addresses() {
        for (configured, want) in [
            (None, "127.0.0.1:4000"),
            (Some("10.0.0.1"), "10.0.0.1:4000"),
            (Some("10.0.0.1:0"), "10.0.0.1:4000"),
            (Some("node.west:9"), "node.west:9"),
            (Some("::1"), "[::1]:4000"),
        ] {
            assert_eq!(advertised(configured, "127.0.0.1:4000".parse().unwrap()), want);
        }
    }
}
