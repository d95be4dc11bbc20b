//! The bodies that a configuration asks for: started in order, stopped in the reverse order.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::{Client, Tasks};
use drivers::ExecutorCommand;
use httpd::AgentInfo;
use rpc::caller::Caller;
use serde_json::{Map, Value, json};
use server::Server;
use telemetry::{LogTap, Registry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::{Config, DrainOnShutdown, HostNetwork};
use crate::describe::describe;
use crate::figures;
use crate::folders::Folders;
use crate::network::{self, Endpoints, Listen};
use crate::schedulers;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Which body could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the host's name cannot be read, set name: {0}")]
    HostName(#[source] io::Error),
    #[error("HTTP cannot listen on {address}: {source}")]
    Http { address: SocketAddr, source: io::Error },
    #[error("{0}")]
    Advertise(#[source] io::Error),
    #[error("server: {0}")]
    Server(#[from] server::Error),
    #[error("client: {}", chain(.0))]
    Client(#[from] client::Error),
    #[error("the program's own path cannot be read, which raw_exec needs: {0}")]
    Executor(#[source] io::Error),
}

/// An error with its reasons, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        text.push_str(&format!(": {reason}"));
        source = reason.source();
    }
    text
}

/// What runs.
pub struct Bodies {
    server: Option<Server>,
    client: Option<Client>,
    http: JoinSet<()>,
    http_shutdown: CancellationToken,
    /// Sums up figures; ends when this is dropped.
    _intervals: JoinSet<()>,
    /// Where the agent's services listen.
    pub bound: Endpoints,
    /// What others are told.
    pub advertised: Endpoints,
    /// Tasks end with the agent.
    ends_tasks: bool,
    patience: Patience,
}

/// How long a client without a server goes on.
struct Patience {
    interval: Duration,
    /// Zero for ever.
    tries_max: u64,
}

/// Starts everything that the configuration asks for; HTTP is answered when this returns.
///
/// # Errors
/// The first body that could not start.
pub async fn start(config: &Config, files: &[PathBuf], folders: &Folders, monitor: LogTap) -> Result<Bodies, Error> {
    let name = name(config)?;
    let told = Told { figures: figures::registry(config, &name), monitor };
    let listen = network::listen(config);
    let sockets = bind_http(&listen).await?;
    let bound_http = sockets.first().map_or(SocketAddr::new(config.bind_addr, 0), |(_, address)| *address);
    let http = network::advertised("http", config.advertise.http.as_ref(), bound_http).map_err(Error::Advertise)?;

    let mut bound = Endpoints { http: bound_http, rpc: None, gossip: None };
    let mut advertised = Endpoints { http, rpc: None, gossip: None };
    let mut server = None;
    if config.server.enabled {
        let wanted = server_config(config, folders, &name, &listen, http, &told)?;
        let (told_rpc, told_gossip) = (wanted.rpc_advertise, wanted.gossip_advertise);
        let started = Server::start(wanted).await?;
        let with_port = |told: Option<SocketAddr>, bound: SocketAddr| {
            let told = told.unwrap_or(bound);
            if told.port() == 0 { SocketAddr::new(told.ip(), bound.port()) } else { told }
        };
        (bound.rpc, bound.gossip) = (Some(started.rpc_address()), Some(started.gossip_address()));
        advertised.rpc = Some(with_port(told_rpc, started.rpc_address()));
        advertised.gossip = Some(with_port(told_gossip, started.gossip_address()));
        server = Some(started);
    }
    let mut node_agent = None;
    if config.client.enabled {
        let wanted = client_config(config, folders, &name, &listen, http, server.as_ref(), &told)?;
        let started = Client::start(wanted).await?;
        if server.is_none() {
            // a node has one, too: servers fetch files and logs through it
            advertised.rpc = started.rpc_addr().parse().ok();
            bound.rpc = advertised.rpc.map(|told| SocketAddr::new(listen.rpc.ip(), told.port()));
        }
        node_agent = Some(started);
    }

    let caller: Option<Arc<dyn Caller>> = match (&server, &node_agent) {
        (Some(server), _) => Some(server.caller()),
        (None, Some(client)) => Some(Arc::new(client.clone())),
        (None, None) => None,
    };
    let description = describe(config, files, &name, &bound, &advertised);
    let info = agent_info(config, description, server.as_ref(), node_agent.as_ref(), &told);
    let (mut http_tasks, http_shutdown) = (JoinSet::new(), CancellationToken::new());
    let mut intervals = JoinSet::new();
    intervals.spawn(async move { told.figures.run().await });
    if let Some(caller) = caller {
        for (socket, _) in sockets {
            http_tasks.spawn(httpd::serve(socket, caller.clone(), info.clone(), http_shutdown.clone()));
        }
    }
    let join = &config.client.join;
    Ok(Bodies {
        server,
        client: node_agent,
        http: http_tasks,
        http_shutdown,
        _intervals: intervals,
        bound,
        advertised,
        ends_tasks: config.dev,
        patience: Patience { interval: join.retry_interval, tries_max: join.retry_max },
    })
}

impl Bodies {
    pub fn node_id(&self) -> Option<String> {
        self.client.as_ref().map(|client| client.node_id().to_string())
    }

    /// Returns when one of the bodies cannot go on, with the reason.
    pub async fn failed(&mut self) -> String {
        let Bodies { server, client, http, patience, .. } = self;
        tokio::select! {
            reason = async {
                match server {
                    Some(server) => server.fatal().await,
                    None => std::future::pending().await,
                }
            } => format!("the server's log has stopped: {reason}"),
            reason = async {
                match client {
                    Some(client) => patience.exhausted(client).await,
                    None => std::future::pending().await,
                }
            } => reason,
            _ = http.join_next(), if !http.is_empty() => "the HTTP interface has ended".to_owned(),
        }
    }

    /// Lets the work of the node move away, as long as that takes.
    pub async fn drain(&self, how: &DrainOnShutdown) {
        if let Some(client) = &self.client {
            let DrainOnShutdown { deadline, ignore_system_jobs, force } = *how;
            client.drain(client::DrainSpec { deadline, ignore_system_jobs, force }).await;
        }
    }

    /// Stops in order: first nobody is let in any more, then the node agent, then the server.
    ///
    /// With `leave`, the server tells its region that it goes for good.
    pub async fn shut_down(mut self, leave: bool) {
        if leave && let Some(server) = &self.server {
            server.leave().await;
        }
        self.http_shutdown.cancel();
        while self.http.join_next().await.is_some() {}
        if let Some(client) = &self.client {
            client.stop(if self.ends_tasks { Tasks::End } else { Tasks::Keep }).await;
        }
        if let Some(server) = self.server {
            server.shutdown().await;
        }
    }
}

impl Patience {
    /// Returns when the region has not taken the node in after all tries, with what to say about it.
    async fn exhausted(&self, client: &Client) -> String {
        let mut tries = 0;
        while self.tries_max == 0 || tries < self.tries_max {
            if client.is_registered() {
                // what comes and goes after that is the client's business
                return std::future::pending().await;
            }
            tokio::time::sleep(self.interval).await;
            tries += 1;
        }
        if client.is_registered() {
            return std::future::pending().await;
        }
        format!("none of the servers {} took the node in after {tries} tries (client.server_join.retry_max)", client.servers().join(", "))
    }
}

/// What all bodies tell of themselves, and where to.
struct Told {
    figures: Registry,
    monitor: LogTap,
}

fn name(config: &Config) -> Result<String, Error> {
    match &config.name {
        Some(name) => Ok(name.clone()),
        None => {
            let name = nix::unistd::gethostname().map_err(|errno| Error::HostName(errno.into()))?;
            Ok(name.to_string_lossy().into_owned())
        }
    }
}

async fn bind_http(listen: &Listen) -> Result<Vec<(TcpListener, SocketAddr)>, Error> {
    let mut sockets = Vec::new();
    for address in &listen.http {
        let refused = |source| Error::Http { address: *address, source };
        let socket = TcpListener::bind(address).await.map_err(refused)?;
        let bound = socket.local_addr().map_err(refused)?;
        sockets.push((socket, bound));
    }
    Ok(sockets)
}

fn server_config(
    config: &Config,
    folders: &Folders,
    name: &str,
    listen: &Listen,
    http: SocketAddr,
    told: &Told,
) -> Result<server::Config, Error> {
    let server = &config.server;
    let address = |service, wanted, bound| network::advertised(service, wanted, bound).map(Some).map_err(Error::Advertise);
    Ok(server::Config {
        name: name.to_owned(),
        region: config.region.clone(),
        datacenter: config.datacenter.clone(),
        data_dir: folders.server.clone(),
        rpc_bind: listen.rpc,
        rpc_advertise: address("rpc", config.advertise.rpc.as_ref(), listen.rpc)?,
        gossip_bind: listen.gossip,
        gossip_advertise: address("serf", config.advertise.gossip.as_ref(), listen.gossip)?,
        http_advertise: http,
        bootstrap_expect: u32::try_from(server.bootstrap_expect).unwrap_or(u32::MAX),
        start_join: server.join.start_join.clone(),
        retry_join: server.join.retry_join.clone(),
        retry_interval: server.join.retry_interval,
        retry_max: server.join.retry_max,
        timing: control::Timing {
            min_ttl: nanoseconds(server.min_heartbeat_ttl),
            max_per_second: server.max_heartbeats_per_second,
            grace: nanoseconds(server.heartbeat_grace),
            failover_ttl: nanoseconds(server.failover_heartbeat_ttl),
        },
        gc: control::Thresholds {
            job: nanoseconds(server.gc.job),
            eval: nanoseconds(server.gc.eval),
            batch_eval: nanoseconds(server.gc.batch_eval),
            node: nanoseconds(server.gc.node),
            deployment: nanoseconds(server.gc.deployment),
            ..control::Thresholds::default()
        },
        gc_interval: server.gc.interval,
        log: server::LogLimits {
            n_entries_max: server.raft_snapshot_threshold,
            n_entries_kept: server.raft_trailing_logs,
            ..server::LogLimits::default()
        },
        rpc: config.limits.rpc(),
        bounds: config.limits.server(server),
        worker: server::WorkerChoice { is_on: server.num_schedulers > 0, kinds: server.enabled_schedulers.clone() },
        autopilot: model::AutopilotConfig {
            cleanup_dead_servers: server.autopilot.cleanup_dead_servers,
            last_contact_threshold: nanoseconds(server.autopilot.last_contact_threshold),
            max_trailing_logs: server.autopilot.max_trailing_logs,
            min_quorum: server.autopilot.min_quorum,
            server_stabilization_time: nanoseconds(server.autopilot.server_stabilization_time),
            ..Default::default()
        },
        scheduler: server.scheduler.clone(),
        authoritative_region: server.authoritative_region.clone(),
        event_buffer: if server.enable_event_broker { usize::try_from(server.event_buffer_size).unwrap_or(usize::MAX) } else { 0 },
        build: VERSION.to_owned(),
        telemetry: told.figures.clone(),
        monitor: told.monitor.clone(),
    })
}

fn client_config(
    config: &Config,
    folders: &Folders,
    name: &str,
    listen: &Listen,
    http: SocketAddr,
    server: Option<&Server>,
    told: &Told,
) -> Result<client::Config, Error> {
    let wanted = &config.client;
    let executor = ExecutorCommand::own().map_err(Error::Executor)?;
    let mut node = client::Config::new(config.region.as_str(), &folders.client, &folders.alloc, executor);
    node.datacenter = config.datacenter.clone();
    node.node_name = name.to_owned();
    node.node_class = wanted.node_class.clone();
    node.node_pool = wanted.node_pool.clone();
    node.meta = wanted.meta.clone();
    node.servers = server.map(|server| through_loopback(server.rpc_address()).to_string()).into_iter().collect();
    node.servers.extend([&wanted.servers, &wanted.join.start_join, &wanted.join.retry_join].into_iter().flatten().cloned());
    // beside a server, the port is the server's; servers learn the node's from its registration
    node.rpc_bind = SocketAddr::new(listen.rpc.ip(), if server.is_some() { 0 } else { listen.rpc.port() });
    let advertise = config.advertise.rpc.as_ref().filter(|_| server.is_none());
    let address = match (advertise, &config.advertise.rpc) {
        // the host is right for both, the port is the server's
        (None, Some(of_server)) => SocketAddr::new(of_server.host, 0),
        (advertise, _) => network::advertised("rpc", advertise, node.rpc_bind).map_err(Error::Advertise)?,
    };
    node.rpc_advertise = Some(address.to_string());
    node.rpc = config.limits.rpc();
    node.http_addr = http.to_string();
    node.version = VERSION.to_owned();
    node.plugins = plugins(config);
    node.options = wanted.options.clone();
    node.reserved = client::Reserved {
        cpu: wanted.reserved.cpu,
        memory_mb: wanted.reserved.memory,
        disk_mb: wanted.reserved.disk,
        ports: wanted.reserved.ports.clone(),
        cores: wanted.reserved.cores.clone(),
    };
    let network = |network: &HostNetwork| client::HostNetwork {
        cidr: network.cidr.clone(),
        interface: network.interface.clone(),
        reserved_ports: network.reserved_ports.clone(),
    };
    node.host_networks = wanted.host_networks.iter().map(|(name, wanted)| (name.clone(), network(wanted))).collect();
    node.reservable_cores = wanted.reservable_cores.clone();
    node.default_ineligible = wanted.default_ineligible;
    (node.min_dynamic_port, node.max_dynamic_port) = (wanted.min_dynamic_port, wanted.max_dynamic_port);
    node.cpu_total_compute = wanted.cpu_total_compute;
    node.memory_total_mb = wanted.memory_total_mb;
    node.disk_total_mb = wanted.disk_total_mb;
    node.disk_free_mb = wanted.disk_free_mb;
    node.network_interface = wanted.network_interface.clone().unwrap_or_default();
    node.max_kill_timeout = wanted.max_kill_timeout;
    node.node_max_allocs = wanted.max_allocs;
    node.collection = client::Collection {
        interval: wanted.collection.interval,
        max_allocs: usize::try_from(wanted.collection.max_allocs).unwrap_or(usize::MAX),
        disk_usage_threshold: wanted.collection.disk_usage,
        inode_usage_threshold: wanted.collection.inode_usage,
    };
    (node.telemetry, node.monitor) = (told.figures.clone(), told.monitor.clone());
    node.publish_node_metrics = config.telemetry.publish_node_metrics;
    node.publish_allocation_metrics = config.telemetry.publish_allocation_metrics;
    Ok(node)
}

/// The `plugin` blocks as the drivers read them.
fn plugins(config: &Config) -> BTreeMap<String, Map<String, Value>> {
    let raw_exec = &config.plugins.raw_exec;
    let blocks = [
        (
            "raw_exec",
            json!({
                "enabled": raw_exec.enabled,
                "denied_envvars": raw_exec.denied_envvars,
                "denied_host_uids": raw_exec.denied_host_uids,
                "denied_host_gids": raw_exec.denied_host_gids,
            }),
        ),
        ("mock_driver", json!({ "enabled": config.plugins.mock_driver })),
    ];
    let as_map = |(name, block): (&str, Value)| match block {
        Value::Object(map) => Some((name.to_owned(), map)),
        _ => None,
    };
    blocks.into_iter().filter_map(as_map).collect()
}

fn agent_info(config: &Config, description: Value, server: Option<&Server>, client: Option<&Client>, told: &Told) -> AgentInfo {
    let schedulers = server.map(|server| schedulers::of(server.worker(), server.id().to_string()));
    let server_stats = server.map(Server::stats);
    let server = server.is_some();
    let (for_servers, for_orders, for_stats) = (client.cloned(), client.cloned(), client.cloned());
    AgentInfo {
        server,
        schedulers,
        node_id: client.map(Client::node_id),
        config: description,
        telemetry: told.figures.clone(),
        monitor: told.monitor.clone(),
        limits: config.limits.http(),
        response_headers: config.http_response_headers.iter().filter_map(|(name, value)| httpd::response_header(name, value)).collect(),
        servers: Arc::new(move || for_servers.as_ref().map(Client::servers).unwrap_or_default()),
        set_servers: Arc::new(move |servers| {
            if let Some(client) = &for_orders {
                client.set_servers(servers);
            }
        }),
        stats: Arc::new(move || {
            let of_server = server_stats.as_ref().map(|stats| stats()).unwrap_or_default();
            stats(of_server, server, for_stats.as_ref())
        }),
    }
}

type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// What `agent-info` shows: the sections of the server, completed.
fn stats(mut sections: Sections, server: bool, client: Option<&Client>) -> Sections {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let own = [("server".to_owned(), server.to_string()), ("client".to_owned(), client.is_some().to_string())];
    sections.entry("nomad".to_owned()).or_default().extend(own);
    let runtime = BTreeMap::from([
        ("arch".to_owned(), std::env::consts::ARCH.to_owned()),
        ("kernel.name".to_owned(), std::env::consts::OS.to_owned()),
        ("cpu_count".to_owned(), cpus.to_string()),
        ("version".to_owned(), VERSION.to_owned()),
    ]);
    sections.insert("runtime".to_owned(), runtime);
    sections.extend(client.map(|client| ("client".to_owned(), client.stats())));
    sections
}

/// An address of this host at which a socket bound to `bound` is reached from here.
fn through_loopback(bound: SocketAddr) -> SocketAddr {
    let host = match bound.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(host, bound.port())
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or_else(|_| {
        warn!(?duration, "a duration is too long and is shortened to 292 years");
        i64::MAX
    })
}
