//! What one allocation of a group asks of a node, and what it is given.

use std::net::IpAddr;
use std::sync::Arc;

use model::{
    AllocatedCpuResources, AllocatedMemoryResources, AllocatedPortMapping, AllocatedResources, AllocatedSharedResources,
    AllocatedTaskResources, NetworkResource, Node, Phases, Port, TaskGroup, Usage,
};

use crate::cores::{self, CoreAsk};
use crate::device::DeviceAsks;
use crate::dice::Dice;
use crate::fleet::Room;

/// The address that ports get when they name no host network.
const DEFAULT_HOST_NETWORK: &str = "default";

/// Why a node that meets all constraints has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    Cpu,
    Memory,
    Disk,
    Cores,
    /// As many allocations as the node takes are there.
    Allocs,
    Devices,
    DynamicPorts,
    /// Of `Ask::static_ports`.
    StaticPort(u16),
}

/// What one allocation asks for.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// Without tasks that reserve cores: what a core is worth differs between nodes.
    usage: Usage,
    n_cores: usize,
    /// Label and port, for metrics.
    static_ports: Vec<(String, i64)>,
    n_dynamic_ports: usize,
    networks: Vec<NetworkAsk>,
    /// What is given on every node: everything but cores and ports.
    given: Arc<AllocatedResources>,
    cores: Vec<CoreAsk>,
    pub devices: DeviceAsks,
}

#[derive(Clone, Debug)]
struct NetworkAsk {
    /// `None`: shared by the tasks of the group.
    task: Option<String>,
    network: NetworkResource,
}

/// A host address of a node.
pub(crate) struct Address<'a> {
    pub device: &'a str,
    pub ip: &'a str,
}

impl Ask {
    /// `oversubscribes`: tasks may use more memory than they are counted with.
    pub(crate) fn new(group: &TaskGroup, oversubscribes: bool) -> Self {
        let mut phases = Phases::default();
        let mut given = AllocatedResources::default();
        let mut networks: Vec<NetworkAsk> =
            group.networks.iter().map(|network| NetworkAsk { task: None, network: network.clone() }).collect();
        let mut cores = Vec::new();
        for task in &group.tasks {
            let wants = task.resources.clone().unwrap_or_default();
            let n_cores = usize::try_from(wants.cores).unwrap_or(0);
            // Less than nothing would make room that is not there.
            let (cpu, memory_mb) = (wants.cpu.max(0), wants.memory_mb.max(0));
            let cpu_shares = if n_cores > 0 { 0 } else { cpu };
            if n_cores > 0 {
                let affinity = wants.numa.as_ref().map(|numa| numa.affinity).unwrap_or_default();
                cores.push(CoreAsk { task: task.name.clone(), n: n_cores, affinity });
            }
            phases.add(task.lifecycle.as_ref(), Usage { cpu: cpu_shares, memory: memory_mb, disk: 0 });
            networks.extend(wants.networks.iter().map(|network| NetworkAsk { task: Some(task.name.clone()), network: network.clone() }));
            let resources = AllocatedTaskResources {
                cpu: AllocatedCpuResources { cpu_shares, reserved_cores: Vec::new() },
                memory: AllocatedMemoryResources { memory_mb, memory_max_mb: if oversubscribes { wants.memory_max_mb } else { 0 } },
                ..Default::default()
            };
            given.tasks.insert(task.name.clone(), resources);
            given.task_lifecycles.insert(task.name.clone(), task.lifecycle.clone());
        }
        let disk_mb = group.ephemeral_disk.as_ref().map_or(0, |disk| disk.size_mb.max(0));
        given.shared = AllocatedSharedResources { disk_mb, ..Default::default() };
        let static_ports =
            networks.iter().flat_map(|ask| &ask.network.reserved_ports).map(|port| (port.label.clone(), port.value)).collect();
        Self {
            usage: phases.peak().plus(Usage { disk: disk_mb, ..Usage::default() }),
            n_cores: cores.iter().map(|ask| ask.n).sum(),
            static_ports,
            n_dynamic_ports: networks.iter().map(|ask| ask.network.dynamic_ports.len()).sum(),
            networks,
            given: Arc::new(given),
            cores,
            devices: DeviceAsks::new(group),
        }
    }

    /// What it takes on a node with such cores; never less than what is given.
    pub(crate) fn usage_on(&self, room: &Room) -> Usage {
        let of_cores = room.mhz_per_core.saturating_mul(self.n_cores as i64);
        self.usage.plus(Usage { cpu: of_cores, ..Usage::default() })
    }

    pub(crate) fn n_static_ports(&self) -> usize {
        self.static_ports.len()
    }

    /// Whether it makes no difference which ports, cores and devices are in use on the node.
    pub(crate) fn is_met_by_amounts(&self, room: &Room) -> bool {
        let wants_particulars = self.n_cores > 0 || !self.devices.is_empty() || !self.static_ports.is_empty();
        !wants_particulars && (self.n_dynamic_ports == 0 || room.ports.has_plenty(self.n_dynamic_ports))
    }

    /// Address and port on the node of one of `static_ports`.
    pub(crate) fn static_port_on<'a>(&self, node: &'a Node, number: u16) -> Option<(&'a str, u16)> {
        let mut ports = self.networks.iter().flat_map(|ask| &ask.network.reserved_ports);
        let port = ports.nth(usize::from(number))?;
        Some((host_address(node, &port.host_network)?.ip, u16::try_from(port.value).ok()?))
    }

    /// As shown in metrics.
    pub(crate) fn dimension(&self, lack: Lack) -> String {
        match lack {
            Lack::Cpu => "cpu".to_owned(),
            Lack::Memory => "memory".to_owned(),
            Lack::Disk => "disk".to_owned(),
            Lack::Cores => "cores".to_owned(),
            Lack::Allocs => "max allocations".to_owned(),
            Lack::Devices => "devices: no devices match request".to_owned(),
            Lack::DynamicPorts => "network: dynamic port selection failed".to_owned(),
            Lack::StaticPort(position) => match self.static_ports.get(usize::from(position)) {
                Some((label, port)) => format!("network: reserved port collision {label}={port}"),
                None => "network: reserved port collision".to_owned(),
            },
        }
    }

    /// What is missing on the node; `None` when it has room.
    pub(crate) fn lacks(&self, node: &Node, room: &Room) -> Option<Lack> {
        let after = room.used.plus(self.usage_on(room));
        if node.node_max_allocs > 0 && room.n_allocs >= node.node_max_allocs {
            return Some(Lack::Allocs);
        }
        if self.n_cores > 0 && cores::choose(&self.cores, room.cores_free()).is_none() {
            return Some(Lack::Cores);
        }
        if after.cpu > room.total.cpu {
            return Some(Lack::Cpu);
        }
        if after.memory > room.total.memory {
            return Some(Lack::Memory);
        }
        if after.disk > room.total.disk {
            return Some(Lack::Disk);
        }
        if !self.devices.can_be_met(node, &room.devices) {
            return Some(Lack::Devices);
        }
        self.lacks_ports(node, room)
    }

    fn lacks_ports(&self, node: &Node, room: &Room) -> Option<Lack> {
        let mut n_dynamic: Vec<(&str, usize)> = Vec::new();
        let mut taken: Vec<(&str, u16)> = Vec::new();
        let mut position = 0;
        for NetworkAsk { network, .. } in &self.networks {
            for port in &network.reserved_ports {
                let lack = Lack::StaticPort(position);
                position += 1;
                let Some(address) = host_address(node, &port.host_network) else { return Some(lack) };
                let Ok(value) = u16::try_from(port.value) else { return Some(lack) };
                let collides = !room.ports.is_free(address.ip, value) || taken.contains(&(address.ip, value));
                if collides && !port.ignore_collision {
                    return Some(lack);
                }
                taken.push((address.ip, value));
            }
            for port in &network.dynamic_ports {
                let Some(address) = host_address(node, &port.host_network) else { return Some(Lack::DynamicPorts) };
                match n_dynamic.iter_mut().find(|(ip, _)| *ip == address.ip) {
                    Some((_, n)) => *n += 1,
                    None => n_dynamic.push((address.ip, 1)),
                }
            }
        }
        // A static port of its own may lie in the dynamic range: counted as if it did.
        let scarce = |(ip, n): &(&str, usize)| !room.ports.has_dynamic(ip, n + taken.iter().filter(|(at, _)| at == ip).count());
        n_dynamic.iter().any(scarce).then_some(Lack::DynamicPorts)
    }

    /// What an allocation gets on a node that lacks nothing. `None` when ports ran out after all.
    pub(crate) fn grant(&self, node: &Node, room: &Room, dice: &mut Dice) -> Option<Arc<AllocatedResources>> {
        if self.cores.is_empty() && self.networks.is_empty() && self.devices.is_empty() {
            return Some(Arc::clone(&self.given));
        }
        let mut given = (*self.given).clone();
        for (task, devices) in self.devices.grant(node, &room.devices)? {
            if let Some(resources) = given.tasks.get_mut(&task) {
                resources.devices.push(devices);
            }
        }
        for (ask, cores) in self.cores.iter().zip(cores::choose(&self.cores, room.cores_free())?) {
            if let Some(resources) = given.tasks.get_mut(&ask.task) {
                resources.cpu.reserved_cores = cores;
                resources.cpu.cpu_shares = room.mhz_per_core.saturating_mul(ask.n as i64);
            }
        }
        let mut taken: Vec<(String, u16)> = Vec::new();
        for ask in &self.networks {
            // Static ports first: dynamic ones must keep away from them.
            for port in &ask.network.reserved_ports {
                let address = host_address(node, &port.host_network)?;
                taken.push((address.ip.to_owned(), u16::try_from(port.value).ok()?));
            }
        }
        for ask in &self.networks {
            // All ports of a task are of one host network.
            let host_network = ask.task.as_ref().and_then(|_| ask.network.reserved_ports.iter().chain(&ask.network.dynamic_ports).next());
            let address = host_address(node, host_network.map_or(DEFAULT_HOST_NETWORK, |port| &port.host_network));
            let mut network = NetworkResource {
                device: address.as_ref().map(|address| address.device.to_owned()).unwrap_or_default(),
                ip: address.as_ref().map(|address| address.ip.to_owned()).unwrap_or_default(),
                reserved_ports: Vec::with_capacity(ask.network.reserved_ports.len()),
                dynamic_ports: Vec::with_capacity(ask.network.dynamic_ports.len()),
                ..ask.network.clone()
            };
            let mut mappings = Vec::new();
            let mut map = |port: &Port, value: i64, ip: &str| {
                let to = if port.to == -1 { value } else { port.to };
                mappings.push(AllocatedPortMapping {
                    label: port.label.clone(),
                    value,
                    to,
                    host_ip: ip.to_owned(),
                    ignore_collision: port.ignore_collision,
                });
                Port { value, to, ..port.clone() }
            };
            for port in &ask.network.reserved_ports {
                let address = host_address(node, &port.host_network)?;
                network.reserved_ports.push(map(port, port.value, address.ip));
            }
            for port in &ask.network.dynamic_ports {
                let address = host_address(node, &port.host_network)?;
                let value = room.ports.pick_dynamic(address.ip, &taken, dice)?;
                taken.push((address.ip.to_owned(), value));
                network.dynamic_ports.push(map(port, i64::from(value), address.ip));
            }
            match &ask.task {
                None => {
                    given.shared.networks.push(network);
                    given.shared.ports.extend(mappings);
                }
                Some(task) => {
                    if let Some(resources) = given.tasks.get_mut(task) {
                        resources.networks.push(network);
                    }
                }
            }
        }
        Some(Arc::new(given))
    }
}

/// The address of a host network; the default one when the name is empty.
pub(crate) fn host_address<'a>(node: &'a Node, host_network: &str) -> Option<Address<'a>> {
    let wanted = if host_network.is_empty() { DEFAULT_HOST_NETWORK } else { host_network };
    let resources = node.node_resources.as_ref()?;
    let aliased = resources.node_networks.iter().find_map(|network| {
        let address = network.addresses.iter().find(|address| address.alias == wanted)?;
        Some(Address { device: &network.device, ip: &address.address })
    });
    if let Some(address) = aliased.or_else(|| configured_address(node, wanted)) {
        return Some(address);
    }
    if wanted != DEFAULT_HOST_NETWORK {
        return None;
    }
    // Nodes that name no addresses: the first network, or what they found out about themselves.
    let of_network = resources.networks.iter().find(|network| !network.ip.is_empty());
    of_network.map(|network| Address { device: &network.device, ip: &network.ip }).or_else(|| {
        let ip = node.attributes.get("unique.network.ip-address")?;
        Some(Address { device: "", ip })
    })
}

/// Of a host network that the node's configuration describes by an interface, a range of addresses, or both.
fn configured_address<'a>(node: &'a Node, name: &str) -> Option<Address<'a>> {
    let network = node.host_networks.get(name)?;
    let resources = node.node_resources.as_ref()?;
    let devices = resources.node_networks.iter().filter(|device| network.interface.is_empty() || network.interface == device.device);
    let addresses = devices.flat_map(|device| device.addresses.iter().map(move |address| (device, address)));
    let (device, address) = addresses
        .filter(|(_, address)| !address.address.is_empty())
        .find(|(_, address)| network.cidr.is_empty() || is_within(&address.address, &network.cidr))?;
    Some(Address { device: &device.device, ip: &address.address })
}

/// Whether the address is in a range such as `10.0.0.0/8`.
fn is_within(address: &str, cidr: &str) -> bool {
    let (base, bits) = cidr.split_once('/').unwrap_or((cidr, ""));
    let (Ok(address), Ok(base)) = (address.parse::<IpAddr>(), base.parse::<IpAddr>()) else { return false };
    let (address, base, length) = match (address, base) {
        (IpAddr::V4(address), IpAddr::V4(base)) => (u128::from(u32::from(address)), u128::from(u32::from(base)), 32),
        (IpAddr::V6(address), IpAddr::V6(base)) => (u128::from(address), u128::from(base), 128),
        _ => return false,
    };
    let bits: u32 = if bits.is_empty() { length } else { bits.parse().unwrap_or(u32::MAX) };
    let Some(rest) = length.checked_sub(bits) else { return false };
    // A shift by all bits leaves nothing to compare.
    address.checked_shr(rest).unwrap_or(0) == base.checked_shr(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses in ranges of both families; what cannot be read holds nothing.
    #[test]
    fn ranges_of_addresses() {
        let rows = [
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "0.0.0.0/0", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.3/32", true),
            ("10.1.2.4", "10.1.2.3/32", false),
            ("fd00::1", "fd00::/8", true),
            ("fe80::1", "fd00::/8", false),
            ("fe80::1", "::/0", true),
            ("10.1.2.3", "fd00::/8", false),
            ("10.1.2.3", "10.0.0.0/33", false),
            ("10.1.2.3", "ten/8", false),
            ("", "10.0.0.0/8", false),
        ];
        for (address, cidr, expected) in rows {
            assert_eq!(is_within(address, cidr), expected, "{address} {cidr}");
        }
    }
}
