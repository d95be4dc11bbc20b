//! Resources: asked for, given, and what a node has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{nullable, omit_empty, since_2, since_4};
use crate::{Absent, Affinity, Constraint, NumaAffinity, TaskLifecycle};

/// What a task asks for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Resources {
    /// MHz; default 100 (0 when Cores is set).
    #[serde(rename = "CPU")]
    pub cpu: i64,
    /// Default 0.
    #[serde(rename = "Cores")]
    pub cores: i64,
    /// MiB; default 300.
    #[serde(rename = "MemoryMB")]
    pub memory_mb: i64,
    /// MiB; default 0.
    #[serde(rename = "MemoryMaxMB")]
    pub memory_max_mb: i64,
    /// MiB; default 0.
    #[serde(rename = "DiskMB")]
    pub disk_mb: i64,
    #[serde(rename = "IOPS")]
    pub iops: i64,
    #[serde(rename = "Networks", with = "nullable")]
    pub networks: Vec<NetworkResource>,
    #[serde(rename = "Devices", with = "since_2")]
    pub devices: Vec<RequestedDevice>,
    #[serde(rename = "NUMA", with = "since_4")]
    pub numa: Option<Numa>,
    /// MiB; default 0 (treated as 1 MiB tmpfs).
    #[serde(rename = "SecretsMB")]
    pub secrets_mb: i64,
}

/// Where the reserved cores of a task are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Numa {
    #[serde(rename = "Affinity")]
    pub affinity: NumaAffinity,
    /// Names of requested devices that shall be beside the cores.
    #[serde(rename = "Devices")]
    pub devices: Absent,
}

/// Devices that a task asks for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct RequestedDevice {
    /// `type`, `vendor/type` or `vendor/type/model`.
    #[serde(rename = "Name")]
    pub name: String,
    /// Default 1.
    #[serde(rename = "Count")]
    pub count: u64,
    #[serde(rename = "Constraints", with = "nullable")]
    pub constraints: Vec<Constraint>,
    #[serde(rename = "Affinities", with = "nullable")]
    pub affinities: Vec<Affinity>,
}

/// Devices of one model that a node has.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeDeviceResource {
    #[serde(rename = "Vendor")]
    pub vendor: String,
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(rename = "Name")]
    pub name: String,
    #[serde(rename = "Instances", with = "nullable")]
    pub instances: Vec<NodeDevice>,
    #[serde(rename = "Attributes", with = "nullable")]
    pub attributes: BTreeMap<String, DeviceAttribute>,
}

/// One device of a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeDevice {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(rename = "Healthy")]
    pub healthy: bool,
    #[serde(rename = "HealthDescription")]
    pub health_description: String,
    #[serde(rename = "Locality")]
    pub locality: Option<NodeDeviceLocality>,
}

/// Where a device is plugged in.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeDeviceLocality {
    #[serde(rename = "PciBusID")]
    pub pci_bus_id: String,
}

/// What a device says of itself: one of the four values, and for numbers perhaps a unit.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct DeviceAttribute {
    #[serde(rename = "Float")]
    pub float: Option<f64>,
    #[serde(rename = "Int")]
    pub int: Option<i64>,
    #[serde(rename = "String")]
    pub string: Option<String>,
    #[serde(rename = "Bool")]
    pub bool: Option<bool>,
    #[serde(rename = "Unit")]
    pub unit: String,
}

/// Devices that a task got.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AllocatedDeviceResource {
    #[serde(rename = "Vendor")]
    pub vendor: String,
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(rename = "Name")]
    pub name: String,
    #[serde(rename = "DeviceIDs", with = "nullable")]
    pub device_ids: Vec<String>,
}

/// A network: what a group asks for, or what an allocation got.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NetworkResource {
    #[serde(rename = "Mode")]
    pub mode: String,
    #[serde(rename = "Device")]
    pub device: String,
    #[serde(rename = "CIDR")]
    pub cidr: String,
    #[serde(rename = "IP")]
    pub ip: String,
    #[serde(rename = "Hostname")]
    pub hostname: String,
    #[serde(rename = "MBits")]
    pub mbits: i64,
    #[serde(rename = "DNS")]
    pub dns: Absent,
    #[serde(rename = "ReservedPorts", deserialize_with = "nullable::deserialize")]
    pub reserved_ports: Vec<Port>,
    #[serde(rename = "DynamicPorts", deserialize_with = "nullable::deserialize")]
    pub dynamic_ports: Vec<Port>,
    #[serde(rename = "CNI")]
    pub cni: Absent,
}

impl NetworkResource {
    /// The tasks use the addresses of their node.
    pub fn is_of_host(&self) -> bool {
        matches!(self.mode.as_str(), "" | "host")
    }
}

omit_empty!(NetworkResource {
    mode: "Mode",
    device: "Device",
    cidr: "CIDR",
    ip: "IP",
    hostname: "Hostname",
    mbits: "MBits",
    dns: "DNS",
    reserved_ports: "ReservedPorts",
    dynamic_ports: "DynamicPorts",
    cni: "CNI"
});

/// A port: asked for, or given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Port {
    #[serde(rename = "Label")]
    pub label: String,
    #[serde(rename = "Value")]
    pub value: i64,
    #[serde(rename = "To")]
    pub to: i64,
    #[serde(rename = "HostNetwork")]
    pub host_network: String,
    #[serde(rename = "IgnoreCollision")]
    pub ignore_collision: bool,
}

omit_empty!(Port { label: "Label", value: "Value", to: "To", host_network: "HostNetwork", ignore_collision: "IgnoreCollision" });

/// What an allocation got.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AllocatedResources {
    #[serde(rename = "Tasks", with = "nullable")]
    pub tasks: BTreeMap<String, AllocatedTaskResources>,
    #[serde(rename = "TaskLifecycles", with = "nullable")]
    pub task_lifecycles: BTreeMap<String, Option<TaskLifecycle>>,
    #[serde(rename = "Shared")]
    pub shared: AllocatedSharedResources,
}

impl AllocatedResources {
    /// Every host port with its address. Values that are not ports are left out.
    pub fn host_ports(&self) -> impl Iterator<Item = (&str, u16)> {
        let shared = self.shared.ports.iter().map(|port| (port.host_ip.as_str(), port.value));
        // What older writers put into the networks only.
        let of_networks = if self.shared.ports.is_empty() { self.shared.networks.as_slice() } else { &[] };
        let of_tasks = self.tasks.values().flat_map(|task| &task.networks);
        let others = of_networks
            .iter()
            .chain(of_tasks)
            .flat_map(|network| network.reserved_ports.iter().chain(&network.dynamic_ports).map(|port| (network.ip.as_str(), port.value)));
        shared.chain(others).filter_map(|(ip, port)| u16::try_from(port).ok().filter(|port| *port > 0).map(|port| (ip, port)))
    }

    /// Whether it has ports, cores or devices: what is not counted in amounts, but one by one.
    pub fn has_particulars(&self) -> bool {
        let has = |task: &AllocatedTaskResources| !task.cpu.reserved_cores.is_empty() || !task.devices.is_empty();
        self.tasks.values().any(has) || self.host_ports().next().is_some()
    }
}

/// What the tasks of an allocation share.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AllocatedSharedResources {
    #[serde(rename = "Networks", with = "nullable")]
    pub networks: Vec<NetworkResource>,
    /// MiB.
    #[serde(rename = "DiskMB")]
    pub disk_mb: i64,
    #[serde(rename = "Ports", with = "nullable")]
    pub ports: Vec<AllocatedPortMapping>,
}

/// What one task got.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AllocatedTaskResources {
    #[serde(rename = "Cpu")]
    pub cpu: AllocatedCpuResources,
    #[serde(rename = "Memory")]
    pub memory: AllocatedMemoryResources,
    #[serde(rename = "Networks", with = "nullable")]
    pub networks: Vec<NetworkResource>,
    #[serde(rename = "Devices", with = "since_2")]
    pub devices: Vec<AllocatedDeviceResource>,
}

/// CPU share of a task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AllocatedCpuResources {
    /// MHz.
    #[serde(rename = "CpuShares")]
    pub cpu_shares: i64,
    #[serde(rename = "ReservedCores", with = "nullable")]
    pub reserved_cores: Vec<u16>,
}

/// Memory of a task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct AllocatedMemoryResources {
    /// MiB.
    #[serde(rename = "MemoryMB")]
    pub memory_mb: i64,
    /// MiB.
    #[serde(rename = "MemoryMaxMB")]
    pub memory_max_mb: i64,
}

/// A port that an allocation got.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct AllocatedPortMapping {
    #[serde(rename = "Label")]
    pub label: String,
    #[serde(rename = "Value")]
    pub value: i64,
    #[serde(rename = "To")]
    pub to: i64,
    #[serde(rename = "HostIP")]
    pub host_ip: String,
    #[serde(rename = "IgnoreCollision")]
    pub ignore_collision: bool,
}

omit_empty!(AllocatedPortMapping { label: "Label", value: "Value", to: "To", host_ip: "HostIP", ignore_collision: "IgnoreCollision" });

/// Capacity of a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeResources {
    #[serde(rename = "Cpu")]
    pub cpu: LegacyNodeCpuResources,
    #[serde(rename = "Processors")]
    pub processors: NodeProcessorResources,
    #[serde(rename = "Memory")]
    pub memory: NodeMemoryResources,
    #[serde(rename = "Disk")]
    pub disk: NodeDiskResources,
    #[serde(rename = "Devices", with = "since_2")]
    pub devices: Vec<NodeDeviceResource>,
    #[serde(rename = "NodeNetworks", with = "nullable")]
    pub node_networks: Vec<NodeNetworkResource>,
    #[serde(rename = "Networks", with = "nullable")]
    pub networks: Vec<NetworkResource>,
    #[serde(rename = "MinDynamicPort")]
    pub min_dynamic_port: i64,
    #[serde(rename = "MaxDynamicPort")]
    pub max_dynamic_port: i64,
}

/// Processor topology of a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeProcessorResources {
    #[serde(rename = "Topology")]
    pub topology: Absent,
}

/// CPU capacity of a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct LegacyNodeCpuResources {
    #[serde(rename = "CpuShares")]
    pub cpu_shares: i64,
    #[serde(rename = "TotalCpuCores")]
    pub total_cpu_cores: u16,
    #[serde(rename = "ReservableCpuCores", with = "nullable")]
    pub reservable_cpu_cores: Vec<u16>,
}

/// Memory capacity of a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeMemoryResources {
    /// MiB.
    #[serde(rename = "MemoryMB")]
    pub memory_mb: i64,
}

/// Disk capacity of a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeDiskResources {
    /// MiB.
    #[serde(rename = "DiskMB")]
    pub disk_mb: i64,
}

/// A network device of a node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeNetworkResource {
    #[serde(rename = "Mode")]
    pub mode: String,
    #[serde(rename = "Device")]
    pub device: String,
    #[serde(rename = "MacAddress")]
    pub mac_address: String,
    #[serde(rename = "Speed")]
    pub speed: i64,
    #[serde(rename = "Addresses", with = "nullable")]
    pub addresses: Vec<NodeNetworkAddress>,
}

/// An address of a network device.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeNetworkAddress {
    #[serde(rename = "Family")]
    pub family: String,
    #[serde(rename = "Alias")]
    pub alias: String,
    #[serde(rename = "Address")]
    pub address: String,
    #[serde(rename = "ReservedPorts")]
    pub reserved_ports: String,
    #[serde(rename = "Gateway")]
    pub gateway: String,
}

/// What a node keeps back from tasks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeReservedResources {
    #[serde(rename = "Cpu")]
    pub cpu: NodeReservedCpuResources,
    #[serde(rename = "Memory")]
    pub memory: NodeReservedMemoryResources,
    #[serde(rename = "Disk")]
    pub disk: NodeReservedDiskResources,
    #[serde(rename = "Networks")]
    pub networks: NodeReservedNetworkResources,
}

/// CPU kept back.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeReservedCpuResources {
    #[serde(rename = "CpuShares")]
    pub cpu_shares: i64,
    #[serde(rename = "ReservedCpuCores", with = "nullable")]
    pub reserved_cpu_cores: Vec<u16>,
}

/// Memory kept back.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeReservedMemoryResources {
    #[serde(rename = "MemoryMB")]
    pub memory_mb: i64,
}

/// Disk kept back.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeReservedDiskResources {
    #[serde(rename = "DiskMB")]
    pub disk_mb: i64,
}

/// Ports kept back.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct NodeReservedNetworkResources {
    #[serde(rename = "ReservedHostPorts")]
    pub reserved_host_ports: String,
}
