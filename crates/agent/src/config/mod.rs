//! The agent's configuration: files and flags to one typed [`Config`], or to everything that is wrong with them at once.
//!
//! Defaults are lowest, then files in the order given (a folder's files in lexical order), then flags. A later value replaces an
//! earlier one; a map is merged key by key. Start reading at [`keys`]: the table of what is in effect.

mod apply;
mod document;
mod hcl1;
pub mod keys;
mod load;
mod problem;
mod validate;
mod values;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

pub use apply::Origins;
pub use load::{Loaded, load, read_text};
pub use problem::{Origin, Problem, Problems};
pub use values::{Advertise, LogLevel};

/// The ports that the protocol's other implementations listen on.
pub const HTTP_PORT: u16 = 4646;
pub const RPC_PORT: u16 = 4647;
pub const GOSSIP_PORT: u16 = 4648;

/// What an agent was asked to be. Nothing reads it globally: the parts are handed down by value.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The agent's name; a server is known as `<name>.<region>` in gossip. The host's name when not set.
    pub name: Option<String>,
    pub region: String,
    pub datacenter: String,
    /// Absolute. Not set with `-dev`, which makes a folder of its own.
    pub data_dir: Option<PathBuf>,
    /// Where services listen whose own address is not set.
    pub bind_addr: IpAddr,
    pub addresses: Addresses,
    pub advertise: Advertised,
    pub ports: Ports,
    pub limits: Limits,
    /// Headers that every answer of the HTTP interface has, by name.
    pub http_response_headers: BTreeMap<String, String>,
    pub server: Server,
    pub client: Client,
    pub plugins: Plugins,
    /// Leave the gossip pool on SIGINT.
    pub leave_on_interrupt: bool,
    /// Leave the gossip pool on SIGTERM.
    pub leave_on_terminate: bool,
    pub log: Log,
    pub telemetry: Telemetry,
    /// `-dev`: server and client in one on the loopback, nothing kept.
    pub dev: bool,
}

/// What others may take up of this agent at a time. Who wants more is refused in words and harms nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// HTTP connections from one address; 0 for any number.
    pub http_max_conns_per_client: u64,
    /// HTTP connections from all addresses together. A blocking query or a stream takes one.
    pub http_max_conns: u64,
    /// Bytes of the head of an HTTP request.
    pub http_max_header_bytes: u64,
    /// Bytes of the body of an HTTP request.
    pub http_max_body_bytes: u64,
    /// Bytes of bodies that are looked at at a time; others wait for their turn.
    pub http_max_bodies_bytes: u64,
    /// For an agent that connects to say who it is.
    pub rpc_handshake_timeout: Duration,
    /// rpc connections from one address; 0 for any number.
    pub rpc_max_conns_per_client: u64,
    /// rpc connections from all addresses together. An agent needs a few.
    pub rpc_max_conns: u64,
    /// Bytes of one rpc message.
    pub rpc_max_message_bytes: u64,
    /// Requests that one rpc connection may have open, those that wait for news among them.
    pub rpc_max_requests_per_conn: u64,
    /// Of a server: readers who wait for news, blocking queries and nodes together.
    pub max_watches: u64,
    /// Of a server that leads: writes of clients that are not answered yet.
    pub max_pending_writes: u64,
    /// Of a server: syncs of the gossip pool that are answered at once.
    pub gossip_max_syncs: u64,
    /// Readers of the agent's log.
    pub max_monitors: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let (http, rpc, bounds) = (httpd::Limits::default(), rpc::transport::Limits::default(), server::Bounds::default());
        let count = |count: usize| count as u64;
        Limits {
            http_max_conns_per_client: count(http.connections_per_address),
            http_max_conns: count(http.connections),
            http_max_header_bytes: count(http.header_bytes),
            http_max_body_bytes: count(http.body_bytes),
            http_max_bodies_bytes: count(http.bodies_bytes),
            rpc_handshake_timeout: rpc.hello_timeout,
            rpc_max_conns_per_client: count(rpc.connections_per_address_max),
            rpc_max_conns: count(rpc.connections_max),
            rpc_max_message_bytes: count(rpc.message_bytes_max),
            rpc_max_requests_per_conn: count(rpc.open_requests_max),
            max_watches: count(bounds.watches),
            max_pending_writes: count(bounds.pending_writes),
            gossip_max_syncs: count(bounds.gossip_syncs),
            max_monitors: count(telemetry::READERS_MAX),
        }
    }
}

impl Limits {
    pub fn http(&self) -> httpd::Limits {
        httpd::Limits {
            connections_per_address: size(self.http_max_conns_per_client),
            connections: size(self.http_max_conns),
            header_bytes: size(self.http_max_header_bytes),
            body_bytes: size(self.http_max_body_bytes),
            bodies_bytes: size(self.http_max_bodies_bytes),
        }
    }

    pub fn rpc(&self) -> rpc::transport::Limits {
        rpc::transport::Limits {
            hello_timeout: self.rpc_handshake_timeout,
            connections_per_address_max: size(self.rpc_max_conns_per_client),
            connections_max: size(self.rpc_max_conns),
            message_bytes_max: size(self.rpc_max_message_bytes),
            open_requests_max: size(self.rpc_max_requests_per_conn),
            ..rpc::transport::Limits::default()
        }
    }

    /// The limits of jobs and searches are those that the server is configured with.
    pub fn server(&self, configured: &Server) -> server::Bounds {
        server::Bounds {
            jobs: server::JobBounds {
                count_max: configured.job_max_count,
                priority_max: configured.job_max_priority.cast_signed(),
                priority_default: configured.job_default_priority.cast_signed(),
                tracked_versions: configured.job_tracked_versions,
                source_bytes_max: configured.job_max_source_size,
            },
            search: server::SearchBounds {
                is_fuzzy_enabled: configured.search.fuzzy_enabled,
                things_max: size(configured.search.limit_query),
                matches_max: size(configured.search.limit_results),
                characters_min: size(configured.search.min_term_length),
            },
            watches: size(self.max_watches),
            pending_writes: size(self.max_pending_writes),
            gossip_syncs: size(self.gossip_max_syncs),
        }
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Listening addresses that differ from `bind_addr`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Several are possible; empty for `bind_addr`.
    pub http: Vec<IpAddr>,
    pub rpc: Option<IpAddr>,
    pub gossip: Option<IpAddr>,
}

/// Addresses that others are told, where they differ from those listened on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advertised {
    pub http: Option<Advertise>,
    pub rpc: Option<Advertise>,
    pub gossip: Option<Advertise>,
}

/// Zero for a port: the system picks a free one, and that one is advertised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    pub http: u16,
    pub rpc: u16,
    pub gossip: u16,
}

/// Whom to contact at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// `host[:port]`, tried once.
    pub start_join: Vec<String>,
    /// `host[:port]`, tried until one answers.
    pub retry_join: Vec<String>,
    /// Tries of `retry_join`; zero for ever.
    pub retry_max: u64,
    pub retry_interval: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    pub enabled: bool,
    /// Servers of the region to wait for before the region's log begins: 1, 3 or 5. Zero joins a region that exists.
    pub bootstrap_expect: u64,
    /// State of the server; `<data_dir>/server` when not set.
    pub data_dir: Option<PathBuf>,
    pub join: Join,
    /// Added to a node's heartbeat interval before the node counts as down.
    pub heartbeat_grace: Duration,
    pub min_heartbeat_ttl: Duration,
    /// Heartbeats a second that all nodes together may send.
    pub max_heartbeats_per_second: f64,
    /// The interval that a new leader gives every node.
    pub failover_heartbeat_ttl: Duration,
    /// Whether there is an event stream.
    pub enable_event_broker: bool,
    /// Log entries whose events are kept for who comes late or is slow.
    pub event_buffer_size: u64,
    /// Allocations of all groups of one job together; 0 for any number.
    pub job_max_count: u64,
    /// The highest priority of jobs, 100 to 32766.
    pub job_max_priority: u64,
    /// The priority of jobs that name none.
    pub job_default_priority: u64,
    /// Versions of each job that are kept.
    pub job_tracked_versions: u64,
    /// Bytes of a submission that are kept with its job; 0: none are.
    pub job_max_source_size: u64,
    pub search: Search,
    /// Schedulers of this server: one, which plans many evaluations in a row, or none.
    pub num_schedulers: i64,
    /// The types of jobs that it schedules.
    pub enabled_schedulers: Vec<model::JobType>,
    /// Log entries since the last snapshot after which the next one is made.
    pub raft_snapshot_threshold: u64,
    /// Log entries that stay although a snapshot covers them, for servers that are a little behind.
    pub raft_trailing_logs: u64,
    pub autopilot: Autopilot,
    pub gc: Gc,
    /// Where namespaces and node pools are written; the own region when empty.
    pub authoritative_region: String,
    /// How the region schedules, until a person says it (`operator scheduler set-config`).
    pub scheduler: model::SchedulerConfiguration,
}

/// What searching by a part of a name may find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    pub fuzzy_enabled: bool,
    /// Things of one kind, with however many matches each has.
    pub limit_query: u64,
    /// Matches of one kind.
    pub limit_results: u64,
    /// Characters that have to be given.
    pub min_term_length: u64,
}

impl Default for Search {
    fn default() -> Self {
        let defaults = server::SearchBounds::default();
        let count = |number: usize| number as u64;
        Search {
            fuzzy_enabled: defaults.is_fuzzy_enabled,
            limit_query: count(defaults.things_max),
            limit_results: count(defaults.matches_max),
            min_term_length: count(defaults.characters_min),
        }
    }
}

/// How a region looks after its own servers, until a person says it (`operator autopilot set-config`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autopilot {
    pub cleanup_dead_servers: bool,
    pub server_stabilization_time: Duration,
    pub last_contact_threshold: Duration,
    pub max_trailing_logs: u64,
    pub min_quorum: u64,
}

impl Default for Autopilot {
    fn default() -> Self {
        let defaults = model::AutopilotConfig::default();
        let time = |nanoseconds: i64| Duration::from_nanos(nanoseconds.unsigned_abs());
        Autopilot {
            cleanup_dead_servers: defaults.cleanup_dead_servers,
            server_stabilization_time: time(defaults.server_stabilization_time),
            last_contact_threshold: time(defaults.last_contact_threshold),
            max_trailing_logs: defaults.max_trailing_logs,
            min_quorum: defaults.min_quorum,
        }
    }
}

/// Ages after which finished objects are removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gc {
    pub interval: Duration,
    pub job: Duration,
    pub eval: Duration,
    pub batch_eval: Duration,
    pub deployment: Duration,
    pub node: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    pub enabled: bool,
    /// `host[:port]` of servers' RPC.
    pub servers: Vec<String>,
    pub join: Join,
    pub node_class: String,
    pub node_pool: String,
    pub meta: BTreeMap<String, String>,
    pub options: BTreeMap<String, String>,
    pub reserved: Reserved,
    /// `<data_dir>/client` when not set.
    pub state_dir: Option<PathBuf>,
    /// `<data_dir>/alloc` when not set.
    pub alloc_dir: Option<PathBuf>,
    /// Networks of the machine that ports can ask for by name.
    pub host_networks: BTreeMap<String, HostNetwork>,
    /// Cores that tasks may reserve, `0-3,8`; all when empty.
    pub reservable_cores: String,
    /// A new node takes no work before somebody says so.
    pub default_ineligible: bool,
    /// The node is drained before the agent leaves.
    pub drain_on_shutdown: Option<DrainOnShutdown>,
    /// The interface whose addresses are fingerprinted; the one of the default route when not set.
    pub network_interface: Option<String>,
    /// First and last port of the dynamic range, both included.
    pub min_dynamic_port: u16,
    pub max_dynamic_port: u16,
    /// Cap on a task's `kill_timeout`.
    pub max_kill_timeout: Duration,
    /// MHz instead of what is found; zero for what is found. The same below.
    pub cpu_total_compute: u64,
    pub memory_total_mb: u64,
    pub disk_total_mb: u64,
    pub disk_free_mb: u64,
    /// Allocations at most on this node; zero for no limit.
    pub max_allocs: u64,
    pub collection: Collection,
}

/// When the folders of ended allocations are removed before the region forgets them.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    pub interval: Duration,
    /// Allocations with a folder.
    pub max_allocs: u64,
    /// Percent of the filesystem of the allocations. The same below.
    pub disk_usage: f64,
    pub inode_usage: f64,
}

/// What the scheduler must leave alone on this node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reserved {
    /// MHz.
    pub cpu: u64,
    /// MB.
    pub memory: u64,
    /// MB.
    pub disk: u64,
    /// Ports and ranges, `22,80,8500-8600`.
    pub ports: String,
    /// Cores and ranges, `0-1,4`.
    pub cores: String,
}

/// A network of the machine: addresses in a range, of an interface, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNetwork {
    pub cidr: String,
    pub interface: String,
    /// Ports and ranges that are not given out there.
    pub reserved_ports: String,
}

/// How the node is drained before the agent leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainOnShutdown {
    pub deadline: Duration,
    pub ignore_system_jobs: bool,
    pub force: bool,
}

impl Default for DrainOnShutdown {
    fn default() -> Self {
        DrainOnShutdown { deadline: Duration::from_secs(3600), ignore_system_jobs: false, force: false }
    }
}

/// Task drivers that are off unless asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plugins {
    pub raw_exec: RawExec,
    pub mock_driver: bool,
}

/// The driver that runs a command as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawExec {
    pub enabled: bool,
    /// Variables of the agent that tasks do not inherit.
    pub denied_envvars: Vec<String>,
    /// Users that tasks may not run as, `0-99,1000`. The same for groups.
    pub denied_host_uids: String,
    pub denied_host_gids: String,
}

/// Which figures the agent shows, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// Figures that are read when somebody looks are this old at most.
    pub collection_interval: Duration,
    /// How long an interval is over which values are summed up.
    pub in_memory_collection_interval: Duration,
    /// Values of this time count for quantiles.
    pub in_memory_retention_period: Duration,
    /// `/v1/metrics?format=prometheus` is answered.
    pub prometheus_metrics: bool,
    /// No label `host`.
    pub disable_hostname: bool,
    /// The label `host` is the agent's name instead of the host's.
    pub use_node_name: bool,
    pub publish_allocation_metrics: bool,
    pub publish_node_metrics: bool,
    /// `+prefix` and `-prefix`: the longest that fits decides.
    pub prefix_filter: Vec<String>,
    /// What no prefix is about is shown.
    pub filter_default: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub level: LogLevel,
    pub json: bool,
    /// A file, or a folder with a trailing slash.
    pub file: Option<String>,
    pub rotate_after: Duration,
    /// Bytes; zero for no limit.
    pub rotate_bytes: u64,
    /// Rotated files that are kept: 0 for all, -1 for none.
    pub rotate_max_files: i64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            name: None,
            region: "global".to_owned(),
            datacenter: "dc1".to_owned(),
            data_dir: None,
            bind_addr: Ipv4Addr::UNSPECIFIED.into(),
            addresses: Addresses::default(),
            advertise: Advertised::default(),
            ports: Ports { http: HTTP_PORT, rpc: RPC_PORT, gossip: GOSSIP_PORT },
            limits: Limits::default(),
            http_response_headers: BTreeMap::new(),
            server: Server::default(),
            client: Client::default(),
            plugins: Plugins::default(),
            leave_on_interrupt: false,
            leave_on_terminate: false,
            log: Log::default(),
            telemetry: Telemetry::default(),
            dev: false,
        }
    }
}

impl Config {
    /// What `-dev` starts from.
    pub fn dev() -> Self {
        let mut config = Config { bind_addr: Ipv4Addr::LOCALHOST.into(), dev: true, ..Config::default() };
        config.server.enabled = true;
        config.server.bootstrap_expect = 1;
        config.client.enabled = true;
        (config.plugins.raw_exec.enabled, config.plugins.mock_driver) = (true, true);
        config.telemetry.prometheus_metrics = true;
        (config.telemetry.publish_allocation_metrics, config.telemetry.publish_node_metrics) = (true, true);
        config
    }
}

impl Default for Join {
    fn default() -> Self {
        Join { start_join: Vec::new(), retry_join: Vec::new(), retry_max: 0, retry_interval: Duration::from_secs(30) }
    }
}

impl Default for Server {
    fn default() -> Self {
        let log = server::LogLimits::default();
        let jobs = server::JobBounds::default();
        Server {
            enabled: false,
            bootstrap_expect: 0,
            data_dir: None,
            join: Join::default(),
            heartbeat_grace: Duration::from_secs(10),
            min_heartbeat_ttl: Duration::from_secs(10),
            max_heartbeats_per_second: 50.0,
            failover_heartbeat_ttl: Duration::from_secs(5 * 60),
            enable_event_broker: true,
            event_buffer_size: 100,
            job_max_count: jobs.count_max,
            job_max_priority: jobs.priority_max.unsigned_abs(),
            job_default_priority: jobs.priority_default.unsigned_abs(),
            job_tracked_versions: jobs.tracked_versions,
            job_max_source_size: jobs.source_bytes_max,
            search: Search::default(),
            num_schedulers: 1,
            enabled_schedulers: model::JobType::ALL.to_vec(),
            raft_snapshot_threshold: log.n_entries_max,
            raft_trailing_logs: log.n_entries_kept,
            autopilot: Autopilot::default(),
            gc: Gc::default(),
            authoritative_region: String::new(),
            scheduler: model::SchedulerConfiguration::default(),
        }
    }
}

impl Default for Gc {
    fn default() -> Self {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        Gc {
            interval: Duration::from_secs(5 * 60),
            job: hours(4),
            eval: hours(1),
            batch_eval: hours(24),
            deployment: hours(1),
            node: hours(24),
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Client {
            enabled: false,
            servers: Vec::new(),
            join: Join::default(),
            node_class: String::new(),
            node_pool: "default".to_owned(),
            meta: BTreeMap::new(),
            options: BTreeMap::new(),
            reserved: Reserved::default(),
            state_dir: None,
            alloc_dir: None,
            host_networks: BTreeMap::new(),
            reservable_cores: String::new(),
            default_ineligible: false,
            drain_on_shutdown: None,
            network_interface: None,
            min_dynamic_port: 20_000,
            max_dynamic_port: 32_000,
            max_kill_timeout: Duration::from_secs(30),
            cpu_total_compute: 0,
            memory_total_mb: 0,
            disk_total_mb: 0,
            disk_free_mb: 0,
            max_allocs: 0,
            collection: Collection::default(),
        }
    }
}

impl Default for Collection {
    fn default() -> Self {
        Collection { interval: Duration::from_secs(60), max_allocs: 50, disk_usage: 80.0, inode_usage: 70.0 }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry {
            collection_interval: Duration::from_secs(1),
            in_memory_collection_interval: Duration::from_secs(10),
            in_memory_retention_period: Duration::from_secs(60),
            prometheus_metrics: false,
            disable_hostname: false,
            use_node_name: false,
            publish_allocation_metrics: false,
            publish_node_metrics: false,
            prefix_filter: Vec::new(),
            filter_default: true,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log {
            level: LogLevel::Info,
            json: false,
            file: None,
            rotate_after: Duration::from_secs(24 * 3600),
            rotate_bytes: 0,
            rotate_max_files: 0,
        }
    }
}
