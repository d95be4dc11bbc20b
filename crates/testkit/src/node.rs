//! Nodes that are ready unless a test says otherwise.

use model::{
    DEFAULT_NODE_POOL, DriverInfo, LegacyNodeCpuResources, Node, NodeDiskResources, NodeId, NodeMemoryResources, NodeNetworkAddress,
    NodeNetworkResource, NodeReservedNetworkResources, NodeReservedResources, NodeResources, NodeStatus, Uuid,
};

/// A ready node with 4000 MHz on 4 cores, 8192 MiB of memory, 100000 MiB of disk, the drivers `raw_exec`, `exec` and `mock_driver`, and an
/// address of its own. Its id follows from its name.
pub fn node(name: &str) -> NodeBuilder {
    let id = node_id(name);
    let bytes = id.0.into_bytes();
    let address = format!("10.{}.{}.{}", bytes[0], bytes[1], bytes[2]);
    let driver = DriverInfo { detected: true, healthy: true, health_description: "Healthy".to_owned(), ..DriverInfo::default() };
    let attributes = [
        ("kernel.name", "linux"),
        ("kernel.version", "6.1.0"),
        ("os.name", "debian"),
        ("cpu.arch", "amd64"),
        ("cpu.numcores", "4"),
        ("driver.raw_exec", "1"),
        ("driver.exec", "1"),
        ("driver.mock_driver", "1"),
        ("unique.hostname", name),
        ("unique.network.ip-address", &address),
    ];
    NodeBuilder(Node {
        id,
        secret_id: Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes()),
        datacenter: "dc1".to_owned(),
        name: name.to_owned(),
        node_pool: DEFAULT_NODE_POOL.to_owned(),
        status: NodeStatus::Ready,
        attributes: attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        drivers: ["raw_exec", "exec", "mock_driver"].into_iter().map(|name| (name.to_owned(), driver.clone())).collect(),
        node_resources: Some(NodeResources {
            cpu: LegacyNodeCpuResources { cpu_shares: 4000, total_cpu_cores: 4, reservable_cpu_cores: vec![0, 1, 2, 3] },
            memory: NodeMemoryResources { memory_mb: 8192 },
            disk: NodeDiskResources { disk_mb: 100_000 },
            node_networks: vec![NodeNetworkResource {
                mode: "host".to_owned(),
                device: "eth0".to_owned(),
                speed: 1000,
                addresses: vec![NodeNetworkAddress {
                    family: "ipv4".to_owned(),
                    alias: "default".to_owned(),
                    address,
                    ..NodeNetworkAddress::default()
                }],
                ..NodeNetworkResource::default()
            }],
            min_dynamic_port: 20_000,
            max_dynamic_port: 32_000,
            ..NodeResources::default()
        }),
        reserved_resources: Some(NodeReservedResources::default()),
        ..Node::default()
    })
}

/// The id that [`node`] gives to a name.
pub fn node_id(name: &str) -> NodeId {
    NodeId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

#[derive(Clone, Debug)]
pub struct NodeBuilder(Node);

impl NodeBuilder {
    pub fn build(self) -> Node {
        self.0
    }

    /// Anything that has no method of its own.
    pub fn edit(mut self, change: impl FnOnce(&mut Node)) -> Self {
        change(&mut self.0);
        self
    }

    fn edit_resources(self, change: impl FnOnce(&mut NodeResources)) -> Self {
        self.edit(|node| change(node.node_resources.get_or_insert_default()))
    }

    pub fn datacenter(self, name: &str) -> Self {
        self.edit(|node| name.clone_into(&mut node.datacenter))
    }

    pub fn pool(self, name: &str) -> Self {
        self.edit(|node| name.clone_into(&mut node.node_pool))
    }

    pub fn class(self, name: &str) -> Self {
        self.edit(|node| name.clone_into(&mut node.node_class))
    }

    /// MHz and MiB.
    pub fn resources(self, cpu: i64, memory_mb: i64) -> Self {
        self.edit_resources(|resources| {
            resources.cpu.cpu_shares = cpu;
            resources.memory.memory_mb = memory_mb;
        })
    }

    /// MiB.
    pub fn disk(self, disk_mb: i64) -> Self {
        self.edit_resources(|resources| resources.disk.disk_mb = disk_mb)
    }

    pub fn dynamic_ports(self, min: i64, max: i64) -> Self {
        self.edit_resources(|resources| {
            resources.min_dynamic_port = min;
            resources.max_dynamic_port = max;
        })
    }

    /// `22,80,8500-8600`.
    pub fn reserved_ports(self, ports: &str) -> Self {
        self.edit(|node| {
            node.reserved_resources.get_or_insert_default().networks =
                NodeReservedNetworkResources { reserved_host_ports: ports.to_owned() };
        })
    }

    pub fn attribute(self, name: &str, value: &str) -> Self {
        self.edit(|node| _ = node.attributes.insert(name.to_owned(), value.to_owned()))
    }

    pub fn meta(self, key: &str, value: &str) -> Self {
        self.edit(|node| _ = node.meta.insert(key.to_owned(), value.to_owned()))
    }

    pub fn status(self, status: NodeStatus) -> Self {
        self.edit(|node| node.status = status)
    }
}
