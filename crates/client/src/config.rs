//! What the agent's configuration says about the node.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use drivers::ExecutorCommand;
use model::RegionName;
use rpc::transport::Limits;
use serde_json::{Map, Value};
use telemetry::{LogTap, Registry};

use crate::Error;

/// Everything a node agent needs to know. Begin with [`Config::new`].
#[derive(Clone, Debug)]
pub struct Config {
    pub region: RegionName,
    pub datacenter: String,
    /// Empty: the name of the host.
    pub node_name: String,
    pub node_class: String,
    pub node_pool: String,
    /// Static metadata of the node.
    pub meta: BTreeMap<String, String>,
    /// The node's own state; belongs to this agent alone.
    pub state_dir: PathBuf,
    /// Directories of allocations.
    pub alloc_dir: PathBuf,
    /// rpc addresses of the region's servers, `host` or `host:port`.
    pub servers: Vec<String>,
    /// Where servers reach this node; port 0: any free one.
    pub rpc_bind: SocketAddr,
    /// What the servers are told, `host` or `host:port`; by default the bound address.
    pub rpc_advertise: Option<String>,
    /// What others may take up of the rpc port.
    pub rpc: Limits,
    /// The advertised address of this agent's HTTP interface, `host:port`.
    pub http_addr: String,
    /// The agent's version, for the node's attributes.
    pub version: String,
    /// `plugin` blocks of drivers: name → its `config`.
    pub plugins: BTreeMap<String, Map<String, Value>>,
    /// How the helper process of `raw_exec` is run.
    pub executor: ExecutorCommand,
    /// Legacy `client.options`; see [`KNOWN_OPTIONS`].
    pub options: BTreeMap<String, String>,
    pub reserved: Reserved,
    /// Ports that may be given out dynamically, both inclusive.
    pub min_dynamic_port: u16,
    pub max_dynamic_port: u16,
    /// MHz instead of what was measured; 0: measure.
    pub cpu_total_compute: u64,
    /// MiB instead of what was measured; 0: measure.
    pub memory_total_mb: u64,
    pub disk_total_mb: u64,
    pub disk_free_mb: u64,
    /// Networks that ports can ask for by name.
    pub host_networks: BTreeMap<String, HostNetwork>,
    /// Cores that tasks may reserve, `0-3,8`; empty: all.
    pub reservable_cores: String,
    /// A new node takes no work before somebody says so.
    pub default_ineligible: bool,
    /// Interface whose address is the node's; empty: that of the default route.
    pub network_interface: String,
    /// No task may take longer to stop.
    pub max_kill_timeout: Duration,
    /// Allocations at most on this node; 0: no limit.
    pub node_max_allocs: u64,
    pub collection: Collection,
    /// Where figures go.
    pub telemetry: Registry,
    /// Figures about the machine are among them.
    pub publish_node_metrics: bool,
    /// Figures about each task are among them.
    pub publish_allocation_metrics: bool,
    /// Where lines of the agent's log come from.
    pub monitor: LogTap,
}

/// What is kept from tasks.
#[derive(Clone, Debug, Default)]
pub struct Reserved {
    /// MHz.
    pub cpu: u64,
    pub memory_mb: u64,
    pub disk_mb: u64,
    /// `22,8000-8100`
    pub ports: String,
    /// `0-1,4`
    pub cores: String,
}

/// A network of the machine: the addresses in a range, or of an interface; with both, those that are in both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNetwork {
    /// `10.0.0.0/8`; empty: any address.
    pub cidr: String,
    /// Empty: any interface.
    pub interface: String,
    /// Ports that are not given out there, `22,8000-8100`.
    pub reserved_ports: String,
}

/// When directories of ended allocations are removed before the region forgets them.
#[derive(Clone, Debug)]
pub struct Collection {
    pub interval: Duration,
    /// Allocations with a directory.
    pub max_allocs: usize,
    /// Percent of the filesystem of the allocations.
    pub disk_usage_threshold: f64,
    pub inode_usage_threshold: f64,
}

impl Default for Collection {
    fn default() -> Self {
        Self { interval: Duration::from_secs(60), max_allocs: 50, disk_usage_threshold: 80.0, inode_usage_threshold: 70.0 }
    }
}

/// Keys of [`Config::options`] that have an effect.
pub const KNOWN_OPTIONS: [&str; 4] = ["driver.raw_exec.enable", "driver.allowlist", "driver.denylist", "env.denylist"];

impl Config {
    /// A node with the defaults of the interface, which reaches no server yet.
    pub fn new(
        region: impl Into<RegionName>,
        state_dir: impl Into<PathBuf>,
        alloc_dir: impl Into<PathBuf>,
        executor: ExecutorCommand,
    ) -> Self {
        Self {
            region: region.into(),
            datacenter: "dc1".to_owned(),
            node_name: String::new(),
            node_class: String::new(),
            node_pool: model::DEFAULT_NODE_POOL.to_owned(),
            meta: BTreeMap::new(),
            state_dir: state_dir.into(),
            alloc_dir: alloc_dir.into(),
            servers: Vec::new(),
            rpc_bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            rpc_advertise: None,
            rpc: Limits::default(),
            http_addr: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            plugins: BTreeMap::new(),
            executor,
            options: BTreeMap::new(),
            reserved: Reserved::default(),
            min_dynamic_port: 20000,
            max_dynamic_port: 32000,
            cpu_total_compute: 0,
            memory_total_mb: 0,
            disk_total_mb: 0,
            disk_free_mb: 0,
            host_networks: BTreeMap::new(),
            reservable_cores: String::new(),
            default_ineligible: false,
            network_interface: String::new(),
            max_kill_timeout: Duration::from_secs(30),
            node_max_allocs: 0,
            collection: Collection::default(),
            telemetry: Registry::default(),
            publish_node_metrics: false,
            publish_allocation_metrics: false,
            monitor: LogTap::default(),
        }
    }

    /// Refuses what contradicts itself.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let wrong = |text: String| Err(Error::Config(text));
        if self.min_dynamic_port == 0 || self.min_dynamic_port > self.max_dynamic_port {
            let (min, max) = (self.min_dynamic_port, self.max_dynamic_port);
            return wrong(format!("min_dynamic_port {min} and max_dynamic_port {max} leave no port"));
        }
        if self.node_pool == model::ALL_NODE_POOL {
            return wrong("node_pool \"all\" stands for all pools; a node needs a pool of its own, such as \"default\"".to_owned());
        }
        if !self.alloc_dir.is_absolute() || !self.state_dir.is_absolute() {
            return wrong("state_dir and alloc_dir must be absolute paths".to_owned());
        }
        if let Some(key) = self.options.keys().find(|key| !KNOWN_OPTIONS.contains(&key.as_str())) {
            return wrong(format!("option {key:?} is not known; known are: {}", KNOWN_OPTIONS.join(", ")));
        }
        Ok(())
    }

    /// The drivers' plugin blocks, with what the legacy options say.
    pub(crate) fn plugins(&self) -> BTreeMap<String, Map<String, Value>> {
        let mut plugins = self.plugins.clone();
        if self.options.get("driver.raw_exec.enable").is_some_and(|value| matches!(value.as_str(), "1" | "true")) {
            plugins.entry("raw_exec".to_owned()).or_default().insert("enabled".to_owned(), Value::Bool(true));
        }
        plugins
    }

    /// Whether the legacy options let a driver be used.
    pub(crate) fn allows_driver(&self, name: &str) -> bool {
        let listed = |key: &str| self.options.get(key).map(|list| list.split(',').any(|item| item.trim() == name));
        listed("driver.allowlist").unwrap_or(true) && !listed("driver.denylist").unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: a change to a good configuration, and the refusal.
    #[test]
    fn refusals() {
        type Row = (fn(&mut Config), &'static str);
        let rows: [Row; 5] = [
            (|_| {}, ""),
            (|c| c.max_dynamic_port = 1, "min_dynamic_port 20000 and max_dynamic_port 1 leave no port"),
            (|c| c.node_pool = "all".to_owned(), "node_pool \"all\" stands for all pools"),
            (|c| c.alloc_dir = "x".into(), "state_dir and alloc_dir must be absolute paths"),
            (|c| c.options = [("x".to_owned(), String::new())].into(), "option \"x\" is not known; known are: driver.raw_exec"),
        ];
        for (change, want) in rows {
            let executor = ExecutorCommand { program: "/bin/false".into(), args: Vec::new() };
            let mut config = Config::new("west", "/s", "/a", executor);
            change(&mut config);
            let got = config.validate().err().map(|error| error.to_string()).unwrap_or_default();
            assert!(got.trim_start_matches("client configuration: ").starts_with(want) && got.is_empty() == want.is_empty(), "{got}");
        }
    }
}
