//! What this machine is and has. Looked at once, when the agent starts: what changes later is what tasks use, and the region counts that by
//! itself. Free space in particular, were it measured anew, would be counted twice, as files and as what allocations were given.

mod cores;
mod cpu;
mod host;
mod network;

use std::collections::BTreeMap;
use std::path::Path;

use drivers::Drivers;
use model::{
    ClientHostNetworkConfig, DriverInfo, Eligibility, LegacyNodeCpuResources, NODE_RPC_ATTRIBUTE, NetworkResource, Node, NodeDiskResources,
    NodeId, NodeMemoryResources, NodeNetworkAddress, NodeNetworkResource, NodeReservedCpuResources, NodeReservedDiskResources,
    NodeReservedMemoryResources, NodeReservedNetworkResources, NodeReservedResources, NodeResources, Time, Uuid,
};

pub use cores::cores;
pub(crate) use cpu::Cpu;
use network::Address;
pub use network::Cidr;

use crate::Error;
use crate::config::{Config, HostNetwork};
use crate::stats::disk_usage;
use crate::time;

const MIB: u64 = 1 << 20;

/// The node as it is registered.
///
/// # Errors
///
/// The configuration names a network interface that is not there.
pub(crate) fn node(config: &Config, id: NodeId, secret_id: Uuid, drivers: &Drivers, rpc_addr: &str) -> Result<Node, Error> {
    let mut attributes = BTreeMap::new();
    let cpu = Cpu::measure();
    let compute = if config.cpu_total_compute > 0 { config.cpu_total_compute } else { cpu.total_compute() };
    let n_cores = u16::try_from(cpu.cores).unwrap_or(u16::MAX);
    let (reservable, kept) = cores::divide(n_cores, &config.reservable_cores, &config.reserved.cores).map_err(Error::Config)?;
    // Who keeps cores keeps what they compute.
    let kept_compute = config.reserved.cpu.max(compute / cpu.cores.max(1) * kept.len() as u64);
    cpu.describe(compute, kept_compute, reservable.len(), &mut attributes);
    host::describe(&mut attributes);
    let memory = host::memory_bytes().map_or(0, |bytes| bytes / MIB);
    let memory_mb = if config.memory_total_mb > 0 { config.memory_total_mb } else { memory };
    attributes.insert("memory.totalbytes".to_owned(), (memory_mb * MIB).to_string());
    let disk_mb = storage(config, &mut attributes);
    let address = network::address(&config.network_interface).map_err(Error::Config)?;
    attributes.insert("unique.network.ip-address".to_owned(), address.ip.to_string());
    // Jobs ask for what the interface can do; who wants to know the program, finds it beside that.
    attributes.insert("nomad.version".to_owned(), model::INTERFACE_VERSION.to_owned());
    attributes.insert(model::AGENT_VERSION_ATTRIBUTE.to_owned(), config.version.clone());
    attributes.insert("unique.advertise.address".to_owned(), config.http_addr.clone());
    attributes.insert(NODE_RPC_ATTRIBUTE.to_owned(), rpc_addr.to_owned());
    let drivers = describe_drivers(drivers, &mut attributes);
    let hostname = attributes.get("unique.hostname").cloned().unwrap_or_default();
    let integer = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Ok(Node {
        id,
        secret_id,
        datacenter: config.datacenter.clone(),
        name: if config.node_name.is_empty() { hostname } else { config.node_name.clone() },
        http_addr: config.http_addr.clone(),
        attributes,
        node_resources: Some(NodeResources {
            cpu: LegacyNodeCpuResources { cpu_shares: integer(compute), total_cpu_cores: n_cores, reservable_cpu_cores: reservable },
            memory: NodeMemoryResources { memory_mb: integer(memory_mb) },
            disk: NodeDiskResources { disk_mb: integer(disk_mb) },
            node_networks: node_networks(config, &address)?,
            networks: vec![NetworkResource {
                mode: "host".to_owned(),
                device: address.device.clone(),
                cidr: address.cidr(),
                ip: address.ip.to_string(),
                ..NetworkResource::default()
            }],
            min_dynamic_port: i64::from(config.min_dynamic_port),
            max_dynamic_port: i64::from(config.max_dynamic_port),
            ..NodeResources::default()
        }),
        reserved_resources: Some(NodeReservedResources {
            cpu: NodeReservedCpuResources { cpu_shares: integer(kept_compute), reserved_cpu_cores: kept },
            memory: NodeReservedMemoryResources { memory_mb: integer(config.reserved.memory_mb) },
            disk: NodeReservedDiskResources { disk_mb: integer(config.reserved.disk_mb) },
            networks: NodeReservedNetworkResources { reserved_host_ports: config.reserved.ports.clone() },
        }),
        host_networks: config.host_networks.iter().map(|(name, network)| (name.clone(), described(name, network))).collect(),
        scheduling_eligibility: if config.default_ineligible { Eligibility::Ineligible } else { Eligibility::Eligible },
        meta: config.meta.clone(),
        node_class: config.node_class.clone(),
        node_pool: config.node_pool.clone(),
        node_max_allocs: integer(config.node_max_allocs),
        drivers,
        ..Node::default()
    })
}

/// Free MiB for allocations.
fn storage(config: &Config, attributes: &mut BTreeMap<String, String>) -> u64 {
    let usage = disk_usage(&config.alloc_dir).unwrap_or_default();
    let total = if config.disk_total_mb > 0 { config.disk_total_mb * MIB } else { usage.size };
    attributes.insert("unique.storage.volume".to_owned(), volume(&config.alloc_dir));
    attributes.insert("unique.storage.bytestotal".to_owned(), total.to_string());
    if config.disk_free_mb > 0 { config.disk_free_mb } else { usage.available / MIB }
}

/// The device that holds a path.
fn volume(path: &Path) -> String {
    let mounts = crate::stats::mounts();
    let holds = |mount: &&crate::stats::Mount| path.starts_with(&mount.point);
    mounts.iter().filter(holds).max_by_key(|mount| mount.point.as_os_str().len()).map(|mount| mount.device.clone()).unwrap_or_default()
}

fn describe_drivers(drivers: &Drivers, attributes: &mut BTreeMap<String, String>) -> BTreeMap<String, DriverInfo> {
    let mut found = BTreeMap::new();
    for (name, driver) in drivers {
        let fingerprint = driver.fingerprint();
        attributes.extend(fingerprint.attributes.clone());
        let info = DriverInfo {
            attributes: fingerprint.attributes,
            detected: fingerprint.detected,
            healthy: fingerprint.healthy,
            health_description: fingerprint.description,
            update_time: Time(time::now()),
        };
        found.insert(name.clone(), info);
    }
    found
}

fn described(name: &str, network: &HostNetwork) -> ClientHostNetworkConfig {
    let HostNetwork { cidr, interface, reserved_ports } = network.clone();
    ClientHostNetworkConfig { name: name.to_owned(), cidr, interface, reserved_ports }
}

/// What ports that ask for no network get.
const DEFAULT_NETWORK: &str = "default";

/// Per device its addresses, each under the name of a network that it belongs to; that of the node comes first.
fn node_networks(config: &Config, own: &Address) -> Result<Vec<NodeNetworkResource>, Error> {
    let mut networks: Vec<NodeNetworkResource> = Vec::new();
    let mut add = |address: &Address, alias: &str, reserved_ports: &str| {
        let place = networks.iter().position(|network| network.device == address.device).unwrap_or_else(|| {
            networks.push(NodeNetworkResource {
                mode: "host".to_owned(),
                device: address.device.clone(),
                mac_address: address.mac(),
                speed: 1000,
                ..NodeNetworkResource::default()
            });
            networks.len() - 1
        });
        networks[place].addresses.push(NodeNetworkAddress {
            family: if address.ip.is_ipv6() { "ipv6" } else { "ipv4" }.to_owned(),
            alias: alias.to_owned(),
            address: address.ip.to_string(),
            reserved_ports: reserved_ports.to_owned(),
            ..NodeNetworkAddress::default()
        });
    };
    if !config.host_networks.contains_key(DEFAULT_NETWORK) {
        add(own, DEFAULT_NETWORK, &config.reserved.ports);
    }
    let all = if config.host_networks.is_empty() { Vec::new() } else { network::addresses() };
    for (name, wanted) in &config.host_networks {
        for address in network::of_network(name, wanted, &all).map_err(Error::Config)? {
            add(&address, name, &wanted.reserved_ports);
        }
    }
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drivers::ExecutorCommand;

    /// A real machine has all of what jobs may ask for, and what the configuration says wins.
    #[test]
    fn this_machine() {
        let dir = tempfile::tempdir().unwrap();
        let executor = ExecutorCommand { program: "/bin/false".into(), args: Vec::new() };
        let mut config = Config::new("west", dir.path(), dir.path(), executor.clone());
        let plugins = serde_json::json!({"raw_exec": {"enabled": true}, "mock_driver": {}});
        let drivers = drivers::build(&serde_json::from_value(plugins).unwrap(), executor).unwrap();
        let found = node(&config, NodeId::NIL, Uuid::nil(), &drivers, "127.0.0.1:1").unwrap();
        for name in [
            "cpu.arch",
            "cpu.frequency",
            "cpu.modelname",
            "cpu.numcores",
            "cpu.reservablecores",
            "cpu.totalcompute",
            "cpu.usablecompute",
            "kernel.name",
            "kernel.arch",
            "kernel.version",
            "memory.totalbytes",
            "os.name",
            "os.signals",
            "unique.hostname",
            "unique.network.ip-address",
            "unique.storage.bytestotal",
            "unique.storage.volume",
            "nomad.version",
        ] {
            assert!(found.attributes.get(name).is_some_and(|value| !value.is_empty()), "{name}: {:?}", found.attributes);
        }
        assert_eq!(found.attributes["driver.raw_exec"], "1");
        assert_eq!(found.attributes["kernel.name"], "linux");
        assert_eq!(found.rpc_addr(), Some("127.0.0.1:1"));
        assert!(found.drivers["mock_driver"].healthy);
        assert_eq!(found.name, found.attributes["unique.hostname"]);
        let resources = found.node_resources.unwrap();
        assert!(resources.cpu.cpu_shares > 100 && resources.memory.memory_mb > 100 && resources.disk.disk_mb > 0, "{resources:?}");

        (config.cpu_total_compute, config.memory_total_mb, config.disk_free_mb) = (5000, 1024, 77);
        config.node_name = "c1".to_owned();
        config.reserved.cpu = 1000;
        config.reserved.ports = "22".to_owned();
        config.default_ineligible = true;
        let local = HostNetwork { cidr: "127.0.0.0/8".to_owned(), reserved_ports: "80".to_owned(), ..HostNetwork::default() };
        config.host_networks.insert("local".to_owned(), local);
        let found = node(&config, NodeId::NIL, Uuid::nil(), &drivers, "127.0.0.1:1").unwrap();
        let resources = found.node_resources.unwrap();
        assert_eq!((resources.cpu.cpu_shares, resources.memory.memory_mb, resources.disk.disk_mb), (5000, 1024, 77));
        assert_eq!(found.attributes["cpu.usablecompute"], "4000");
        let addresses = || resources.node_networks.iter().flat_map(|network| &network.addresses);
        let named = |alias: &str| addresses().find(|address| address.alias == alias).unwrap();
        assert_eq!((named("local").address.as_str(), named("local").reserved_ports.as_str()), ("127.0.0.1", "80"));
        assert_eq!(
            (named("default").address.as_str(), named("default").reserved_ports.as_str()),
            (found.attributes["unique.network.ip-address"].as_str(), "22")
        );
        assert_eq!((found.host_networks["local"].cidr.as_str(), found.scheduling_eligibility), ("127.0.0.0/8", Eligibility::Ineligible));
        assert_eq!((found.name.as_str(), found.reserved_resources.unwrap().cpu.cpu_shares), ("c1", 1000));
    }
}
