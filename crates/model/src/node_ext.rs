//! What follows from a node by itself.

use crate::*;

/// The attribute in which a node says where servers reach it for logs, files and statistics.
pub const NODE_RPC_ATTRIBUTE: &str = "unique.steppe.rpc";
/// The attribute in which a node says which version of the agent it runs.
pub const AGENT_VERSION_ATTRIBUTE: &str = "steppe.version";
/// The version of the interface that agents speak: job files may ask nodes for it by the attribute `nomad.version`.
pub const INTERFACE_VERSION: &str = "2.0.5";

impl Node {
    /// Takes new work: ready, eligible and not draining.
    pub fn is_schedulable(&self) -> bool {
        self.status == NodeStatus::Ready && self.scheduling_eligibility == Eligibility::Eligible && self.drain_strategy.is_none()
    }

    /// Where servers reach the node, `host:port`.
    pub fn rpc_addr(&self) -> Option<&str> {
        self.attributes.get(NODE_RPC_ATTRIBUTE).map(String::as_str)
    }

    /// A text that is equal for nodes on which the same constraints hold: everything but what is unique to one node.
    pub fn class_text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.datacenter, self.node_class, self.node_pool);
        for (part, map) in [("attr", &self.attributes), ("meta", &self.meta)] {
            for (key, value) in map.iter().filter(|(key, _)| !key.starts_with("unique.")) {
                text.push_str(part);
                text.push('.');
                text.push_str(key);
                text.push('=');
                text.push_str(value);
                text.push('\n');
            }
        }
        for (name, driver) in &self.drivers {
            text.push_str(&format!("driver.{name}={}\n", driver.detected && driver.healthy));
        }
        for device in self.node_resources.iter().flat_map(|resources| &resources.devices) {
            let n_healthy = device.instances.iter().filter(|instance| instance.healthy).count();
            text.push_str(&format!("device.{}/{}/{}={n_healthy}\n", device.vendor, device.kind, device.name));
            for (key, attribute) in device.attributes.iter().filter(|(key, _)| !key.starts_with("unique.")) {
                let DeviceAttribute { float, int, string, bool, unit } = attribute;
                let number = float.map(|float| float.to_string()).or_else(|| int.map(|int| int.to_string()));
                let other = string.clone().or_else(|| bool.map(|bool| bool.to_string()));
                text.push_str(&format!("{key}={} {unit}\n", number.or(other).unwrap_or_default()));
            }
        }
        text
    }

    /// Names the class of nodes on which the same constraints hold. FNV-1a (Fowler, Noll, Vo), because it must be the same on every server
    /// and in every version.
    pub fn class_hash(&self) -> String {
        let hash =
            self.class_text().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        format!("v1:{hash:016x}")
    }
}
