//! Assembly: from a configuration to a running server, and back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use control::{Thresholds, Timing};
use gossip::{Gossip, Input, MemberMeta, Memory, ServerIdentity};
use model::{AutopilotConfig, RegionName, SchedulerConfiguration, Uuid};
use raftstore::{Change, DataDir, Expect, Kind, Published, Publisher, Replica, ReplicaOptions, SnapshotPolicy};
use rpc::caller::Caller;
use rpc::transport::{Identity, Limits, Pool, serve_with};
use state::{Table, Touched, Watch};
use telemetry::{LogTap, Registry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::core::{Core, Signals};
use crate::events::Events;
use crate::forward::Front as ForwardFront;
use crate::founding::Founding;
use crate::instruments::Instruments;
use crate::memo::Memo;
use crate::pool::{self, Sockets};
use crate::transport::{Carrier, Front};
use crate::watches::Watches;
use crate::worker::{Choice as WorkerChoice, Worker};
use crate::{agent_calls, founding, leader, probe, reports, stats, succession, tidy};

/// Tasks that have not ended by then are left behind.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// What commands, records and requests this build understands.
pub const FEATURE_LEVEL: u32 = 1;

/// All that a server needs to know. Durations of [`Timing`] and [`Thresholds`] are in nanoseconds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Unique in the region, without the region's name.
    pub name: String,
    pub region: String,
    pub datacenter: String,
    /// Of the server alone; created if missing.
    pub data_dir: PathBuf,
    /// Port 0 takes a free one.
    pub rpc_bind: SocketAddr,
    /// What others are told; the bound address when `None`, the bound port when its port is 0.
    pub rpc_advertise: Option<SocketAddr>,
    pub gossip_bind: SocketAddr,
    pub gossip_advertise: Option<SocketAddr>,
    /// Where the HTTP interface of this agent is reached.
    pub http_advertise: SocketAddr,
    /// The region's raft group is founded when so many servers are there; 0: this server waits to be taken in.
    pub bootstrap_expect: u32,
    /// Gossip addresses, tried once.
    pub start_join: Vec<String>,
    /// Gossip addresses, tried until one answers.
    pub retry_join: Vec<String>,
    pub retry_interval: Duration,
    /// 0: without end.
    pub retry_max: u64,
    pub timing: Timing,
    pub gc: Thresholds,
    pub gc_interval: Duration,
    /// When the raft log is cut.
    pub log: LogLimits,
    /// What other agents may take up of the rpc port.
    pub rpc: Limits,
    pub bounds: Bounds,
    /// How the region looks after its servers, as long as no person has said it.
    pub autopilot: AutopilotConfig,
    /// How the region schedules, until a person says it: the first leader's counts.
    pub scheduler: SchedulerConfiguration,
    /// What the scheduler of this server works at, until somebody says something else.
    pub worker: WorkerChoice,
    /// The region in which namespaces and node pools are written; empty: this one.
    pub authoritative_region: String,
    /// Log entries whose events are kept for those who follow the event stream; 0: there is no event stream.
    pub event_buffer: usize,
    /// The version of the program.
    pub build: String,
    /// Where figures go.
    pub telemetry: Registry,
    /// Where lines of the agent's log come from.
    pub monitor: LogTap,
}

/// What callers may take up at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Readers who wait for news, nodes among them.
    pub watches: usize,
    /// Writes of clients that are not answered yet.
    pub pending_writes: usize,
    /// Syncs of other servers that are answered at once.
    pub gossip_syncs: usize,
    pub jobs: JobBounds,
    pub search: SearchBounds,
}

impl Default for Bounds {
    fn default() -> Self {
        // A watch takes about 2 KB; every node is one. A write that waits behind so many others waits for a second.
        Self { watches: 131_072, pending_writes: 8_192, gossip_syncs: 64, jobs: JobBounds::default(), search: SearchBounds::default() }
    }
}

/// What jobs may be like in this region, and what is kept of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobBounds {
    /// Allocations of all groups of one job together; 0: as many as it likes.
    pub count_max: u64,
    /// The highest priority that a job may have.
    pub priority_max: i64,
    /// Of jobs that name none.
    pub priority_default: i64,
    /// So many versions of each are kept, beside those with a name and those in use.
    pub tracked_versions: u64,
    /// The text that a job was made from is kept up to this size; 0: never.
    pub source_bytes_max: u64,
}

impl Default for JobBounds {
    fn default() -> Self {
        Self {
            count_max: 50_000,
            priority_max: 100,
            priority_default: 50,
            tracked_versions: state::TRACKED_VERSIONS,
            source_bytes_max: 1_000_000,
        }
    }
}

/// Searching by a part of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchBounds {
    pub is_fuzzy_enabled: bool,
    /// Things that are shown of one context, with however many matches each has.
    pub things_max: usize,
    /// Matches of one context.
    pub matches_max: usize,
    /// Characters that have to be given.
    pub characters_min: usize,
}

impl Default for SearchBounds {
    fn default() -> Self {
        Self { is_fuzzy_enabled: true, things_max: 20, matches_max: 100, characters_min: 2 }
    }
}

/// How long the raft log may grow, and what stays of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// A snapshot is made, and the log cut, after so many entries since the last one.
    pub n_entries_max: u64,
    /// The same, in bytes.
    pub n_bytes_max: u64,
    /// Entries that stay although a snapshot covers them, for servers that are a little behind; others get the snapshot.
    pub n_entries_kept: u64,
}

impl Default for LogLimits {
    fn default() -> Self {
        let options = ReplicaOptions::default();
        Self {
            n_entries_max: options.snapshot.n_entries_max,
            n_bytes_max: options.snapshot.n_bytes_max,
            n_entries_kept: options.n_entries_kept,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Storage(#[from] raftstore::Error),
    #[error("cannot listen on {what} address {address}: {source}")]
    Bind { what: &'static str, address: SocketAddr, source: std::io::Error },
    #[error("gossip: {0}")]
    Gossip(String),
}

/// A running server.
pub struct Server {
    core: Arc<Core>,
    data_dir: Arc<DataDir>,
    rpc_address: SocketAddr,
    gossip_address: SocketAddr,
}

impl Server {
    /// Opens the data directory, starts raft, gossip and the rpc port. Founding or joining the region's raft group goes on in the background.
    ///
    /// A damaged directory is set aside, unless the region may have no other server: this one then begins with an empty one and under a new
    /// id, waits to be taken into the raft group, and gets the state from its peers. It must not go on with what is left: it may have voted,
    /// or have acknowledged entries, of which it knows nothing any more.
    pub async fn start(config: Config) -> Result<Self, Error> {
        match Self::start_once(config.clone(), None).await {
            Err(Error::Storage(damage @ raftstore::Error::Corrupt { .. })) if config.bootstrap_expect != 1 => {
                let members = Memo::read(&config.data_dir);
                let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                let aside = raftstore::set_aside(&config.data_dir, seconds)?;
                error!(%damage, aside = %aside.display(), "the server's directory was set aside, the server joins its region again under a new id");
                Self::start_once(config, members).await
            }
            other => other,
        }
    }

    /// `members`: whom to look for, if the directory does not say it.
    async fn start_once(mut config: Config, members: Option<Memory>) -> Result<Self, Error> {
        let expect = Expect { kind: Kind::Server, region: config.region.clone(), new_node_id: Uuid::new_v4().as_u128() };
        let data_dir = Arc::new(DataDir::open(&config.data_dir, expect)?);
        let header = data_dir.header();
        if header.rejoins {
            config.bootstrap_expect = 0;
        }
        let server_id = Uuid::from_u128(header.node_id);
        let cluster = header.cluster.map(Uuid::from_u128).unwrap_or_default();
        let region = RegionName::from(config.region.as_str());

        let identity = Identity::new(server_id, region.clone(), FEATURE_LEVEL);
        identity.set_cluster(cluster);
        let bind = |what, address| move |source| Error::Bind { what, address, source };
        let listener = TcpListener::bind(config.rpc_bind).await.map_err(bind("rpc", config.rpc_bind))?;
        let rpc_address = listener.local_addr().map_err(bind("rpc", config.rpc_bind))?;
        let rpc_advertise = config.rpc_advertise.map_or(rpc_address, |told| with_port(told, rpc_address));
        let sockets = Sockets::bind(config.gossip_bind, config.bounds.gossip_syncs).await.map_err(bind("gossip", config.gossip_bind))?;
        let gossip_address = sockets.udp.local_addr().map_err(bind("gossip", config.gossip_bind))?;
        let gossip_advertise = config.gossip_advertise.map_or(gossip_address, |told| with_port(told, gossip_address));

        let rpc = Pool::new(identity.clone(), config.rpc.clone());
        let (watches, signals) = (Arc::new(Watches::new(config.bounds.watches)), Arc::new(Signals::default()));
        let events = Arc::new(Events::new(config.event_buffer));
        let raft_id = raftstore::raft_id(header.node_id);
        let folder = data_dir.folder("raft")?;
        let instruments = Arc::new(Instruments::new(&config.telemetry));
        let append_entries = instruments.append_entries.clone();
        let carrier = Arc::new(Carrier { rpc: rpc.clone(), pool: OnceLock::new(), append_entries });
        let publisher = publisher(Arc::clone(&watches), Arc::clone(&signals), Arc::clone(&events));
        let mut options = replica_options(&config);
        options.instruments = raftstore::Instruments::new(&config.telemetry);
        let replica = Replica::open(&folder, raft_id, options, Arc::clone(&carrier), publisher).await?;

        let memo = Memo::new(Arc::clone(&data_dir));
        let remembered = memo.load().or(members).unwrap_or_default();
        let stored = remembered.generation.max(header.gossip_generation);
        let unix_millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let meta = MemberMeta {
            name: config.name.clone(),
            region: region.clone(),
            cluster_id: cluster,
            datacenter: config.datacenter.clone(),
            server_id: raft_id,
            rpc_address: rpc_advertise,
            http_address: config.http_advertise,
            gossip_address: gossip_advertise,
            bootstrap_expect: config.bootstrap_expect,
            build: config.build.clone(),
            protocol: 1,
            feature_level: FEATURE_LEVEL,
            tags: Default::default(),
        };
        let generation = unix_millis.max(stored.saturating_add(1));
        data_dir.update(|header| header.gossip_generation = generation)?;
        let gossip_identity = ServerIdentity { node: server_id, address: gossip_advertise, region: region.clone(), generation };
        // On one machine nothing needs the patience of a wide network.
        let gossip_config = if gossip_advertise.ip().is_loopback() { gossip::Config::fast() } else { gossip::Config::default() };
        let mut machine =
            Gossip::new(gossip_config, gossip_identity, meta.clone(), rand::random()).map_err(|error| Error::Gossip(error.to_string()))?;
        machine.handle(Duration::ZERO, Input::Remembered(remembered.members));

        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let founding = Arc::new(Founding::default());
        let gossip_figures = instruments.gossip.clone();
        let pool = pool::start(machine, sockets, memo, replica.clone(), Arc::clone(&founding), gossip_figures, shutdown.clone(), &tasks);
        // Before this raft had the addresses of the membership only.
        let _ = carrier.pool.set(pool.clone());
        let core =
            Core::new(config, identity.clone(), replica, rpc, pool, founding, watches, signals, events, instruments, shutdown, tasks);
        let server = Self { core: Arc::new(core), data_dir, rpc_address, gossip_address };
        probe::register(&server.core.config.telemetry, &server.core);
        server.spawn(listener, identity, meta);
        Ok(server)
    }

    fn spawn(&self, listener: TcpListener, identity: Identity, meta: MemberMeta) {
        let core = &self.core;
        let front = Arc::new(Front { core: Arc::clone(core), caller: self.caller() });
        core.tasks.spawn(serve_with(listener, identity, core.config.rpc.clone(), front, core.shutdown.clone()));
        core.tasks.spawn(leader::run(Arc::clone(core), core.shutdown.clone()));
        self.until_shutdown(founding::found(Arc::clone(core)));
        self.until_shutdown(join(Arc::clone(core)));
        self.until_shutdown(succession::run(Arc::clone(core)));
        self.until_shutdown(tidy::run(Arc::clone(core)));
        self.until_shutdown(reports::run(Arc::clone(core)));
        self.until_shutdown(learn_identity(Arc::clone(core), Arc::clone(&self.data_dir), meta));
    }

    fn until_shutdown(&self, future: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.core.shutdown.clone();
        self.core.tasks.spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = future => {}
            }
        });
    }

    /// Answers calls, here or by passing them on.
    pub fn caller(&self) -> Arc<dyn Caller> {
        Arc::new(ForwardFront(Arc::clone(&self.core)))
    }

    pub fn id(&self) -> Uuid {
        self.core.identity.id()
    }

    /// Who schedules here while this server leads.
    pub fn worker(&self) -> Arc<Worker> {
        Arc::clone(&self.core.worker)
    }

    /// What it says of itself in `agent-info`, whenever that is asked for.
    pub fn stats(&self) -> impl Fn() -> BTreeMap<String, BTreeMap<String, String>> + Send + Sync + 'static {
        let core = Arc::downgrade(&self.core);
        move || core.upgrade().map(|core| stats::sections(&core)).unwrap_or_default()
    }

    pub fn rpc_address(&self) -> SocketAddr {
        self.rpc_address
    }

    pub fn gossip_address(&self) -> SocketAddr {
        self.gossip_address
    }

    /// Returns when this server cannot go on, because raft has stopped or the leader's work has, with the reason: the process must then end.
    pub async fn fatal(&self) -> String {
        self.core.failed().await
    }

    /// Tells the pool that this server goes for good; a leader hands over first. The region takes it out of its raft group, for which it is
    /// still there.
    pub async fn leave(&self) {
        leader::hand_over(&self.core, |_| true).await;
        self.core.pool.leave().await;
    }

    /// Stops; everything acknowledged is on disk.
    pub async fn shutdown(self) {
        let core = &self.core;
        core.shutdown.cancel();
        core.tasks.close();
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, core.tasks.wait()).await.is_err() {
            warn!("some tasks did not end in time");
        }
        // Not before: what is on its way through the log is still replicated.
        core.rpc.close().await;
        if let Err(error) = core.replica.shutdown().await {
            warn!(%error, "raft did not stop in order");
        }
        info!("server stopped");
    }
}

/// Port 0 of an advertised address stands for the port that was bound.
fn with_port(told: SocketAddr, bound: SocketAddr) -> SocketAddr {
    if told.port() == 0 { SocketAddr::new(told.ip(), bound.port()) } else { told }
}

fn replica_options(config: &Config) -> ReplicaOptions {
    let log = config.log;
    let mut options = ReplicaOptions {
        snapshot: SnapshotPolicy { n_entries_max: log.n_entries_max, n_bytes_max: log.n_bytes_max },
        n_entries_kept: log.n_entries_kept,
        events: config.event_buffer > 0,
        ..ReplicaOptions::default()
    };
    if config.bootstrap_expect == 1 {
        // Nobody to wait for.
        options.election_timeout = (Duration::from_millis(150), Duration::from_millis(300));
        options.heartbeat = Duration::from_millis(50);
    }
    options
}

/// Tells readers and the leader's tasks what changed, in the order of the log.
fn publisher(watches: Arc<Watches>, signals: Arc<Signals>, events: Arc<Events>) -> Publisher {
    Arc::new(move |published: Published| match published.change {
        Change::Applied(touched) => {
            signal(&signals, &touched);
            watches.wake(&touched);
            events.add(published.index, published.events);
        }
        Change::Restored => {
            signals.restored.notify_one();
            signals.reconcile.notify_one();
            signals.publish.notify_one();
            watches.wake_all();
            events.begin_anew(published.index);
        }
    })
}

fn signal(signals: &Signals, touched: &Touched) {
    let (mut reconcile, mut publish) = (false, false);
    let evals = signals.evals.lock().unwrap_or_else(PoisonError::into_inner);
    for watch in &touched.0 {
        match watch {
            Watch::Eval(id) => {
                if let Some(broker) = evals.as_ref() {
                    let _ = broker.send(*id);
                }
                reconcile = true;
            }
            Watch::Table(Table::Deployments | Table::Rollouts) => (reconcile, publish) = (true, true),
            Watch::Table(Table::Jobs | Table::Allocs) => reconcile = true,
            Watch::Table(Table::Scheduler) => signals.scheduler.notify_one(),
            _ => {}
        }
    }
    drop(evals);
    if reconcile {
        signals.reconcile.notify_one();
    }
    if publish {
        signals.publish.notify_one();
    }
}

/// Joins the pool as configured.
async fn join(core: Arc<Core>) {
    let config = &core.config;
    if !config.start_join.is_empty() {
        try_join(&core, &config.start_join).await;
    }
    let mut tried = 0;
    while !config.retry_join.is_empty() && (config.retry_max == 0 || tried < config.retry_max) {
        if try_join(&core, &config.retry_join).await {
            return;
        }
        tried += 1;
        tokio::time::sleep(config.retry_interval).await;
    }
}

async fn try_join(core: &Core, addresses: &[String]) -> bool {
    let (mut resolved, mut unresolved) = (Vec::new(), 0);
    for address in addresses {
        match agent_calls::resolve(address).await {
            // A server may find itself in a list that all of them share.
            Ok(found) if found == core.pool.own_address() => {}
            Ok(found) => resolved.push(found),
            Err(error) => {
                warn!(%error, "join");
                unresolved += 1;
            }
        }
    }
    if resolved.is_empty() {
        return unresolved == 0;
    }
    let mut joined = false;
    for (address, result) in core.pool.join(resolved).await {
        match result {
            Ok(name) => {
                info!(server = %name, "joined");
                joined = true;
            }
            Err(reason) => info!(%address, %reason, "not joined yet"),
        }
    }
    joined
}

/// Makes the cluster's uuid known, on disk and to others, once the log says it.
async fn learn_identity(core: Arc<Core>, data_dir: Arc<DataDir>, meta: MemberMeta) {
    loop {
        let cluster = core.view().identity().cluster;
        if !cluster.is_nil() {
            if core.identity.cluster() != Some(cluster) {
                core.identity.set_cluster(cluster);
            }
            core.pool.describe(MemberMeta { cluster_id: cluster, ..meta }).await;
            core.signals.publish.notify_one();
            let stored = tokio::task::spawn_blocking(move || {
                data_dir.update(|header| {
                    header.cluster = Some(cluster.as_u128());
                    header.rejoins = false;
                })
            });
            if let Ok(Err(error)) = stored.await {
                warn!(%error, "the cluster's uuid was not stored");
            }
            return;
        }
        // Before the first leader nothing can be heard of it.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
