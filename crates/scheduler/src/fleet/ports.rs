//! Which host ports of a node are taken, per address.

use model::{AllocatedResources, Node};

use crate::ask::host_address;
use crate::dice::Dice;

/// Dynamic ports of nodes that do not say.
const DYNAMIC_PORTS_DEFAULT: (u16, u16) = (20_000, 32_000);
/// Random tries before every port is looked at in turn.
const TRIES: usize = 20;

/// The host ports of one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports {
    dynamic: (u16, u16),
    /// Never given away; merged and in order.
    reserved: Vec<(u16, u16)>,
    /// The same for single addresses.
    reserved_at: Vec<(String, Vec<(u16, u16)>)>,
    /// By address, in order.
    used: Vec<(String, Vec<u16>)>,
    /// So many more are in use at most, of whom nobody has said which.
    n_unlisted: usize,
}

impl Ports {
    pub(crate) fn of_node(node: &Node) -> Self {
        let mut dynamic = DYNAMIC_PORTS_DEFAULT;
        let mut reserved = Vec::new();
        let mut reserved_at: Vec<(String, Vec<(u16, u16)>)> = Vec::new();
        if let Some(resources) = &node.node_resources {
            let port = |value: i64| u16::try_from(value).ok().filter(|port| *port > 0);
            dynamic.0 = port(resources.min_dynamic_port).unwrap_or(dynamic.0);
            dynamic.1 = port(resources.max_dynamic_port).unwrap_or(dynamic.1);
            let addresses = resources.node_networks.iter().flat_map(|network| &network.addresses);
            for address in addresses.filter(|address| !address.reserved_ports.is_empty()) {
                let mut ranges = Vec::new();
                parse_ranges(&address.reserved_ports, &mut ranges);
                reserved_at.push((address.address.clone(), merge(ranges)));
            }
            for (name, network) in node.host_networks.iter().filter(|(_, network)| !network.reserved_ports.is_empty()) {
                let Some(address) = host_address(node, name) else { continue };
                let mut ranges = Vec::new();
                parse_ranges(&network.reserved_ports, &mut ranges);
                reserved_at.push((address.ip.to_owned(), merge(ranges)));
            }
            reserved_at.retain(|(_, ranges)| !ranges.is_empty());
        }
        if let Some(back) = &node.reserved_resources {
            parse_ranges(&back.networks.reserved_host_ports, &mut reserved);
        }
        Self { dynamic, reserved: merge(reserved), reserved_at, used: Vec::new(), n_unlisted: 0 }
    }

    /// So many more are in use at most, and nobody says which.
    pub(crate) fn take_unlisted(&mut self, n: usize) {
        self.n_unlisted += n;
    }

    /// All that are in use have been taken, each by its number.
    pub(crate) fn forget_unlisted(&mut self) {
        self.n_unlisted = 0;
    }

    pub(crate) fn take(&mut self, resources: &AllocatedResources) {
        for (ip, port) in resources.host_ports() {
            let used = match self.used.iter().position(|(known, _)| known == ip) {
                Some(position) => &mut self.used[position].1,
                None => {
                    self.used.push((ip.to_owned(), Vec::with_capacity(self.n_unlisted + 1)));
                    let last = self.used.len() - 1;
                    &mut self.used[last].1
                }
            };
            // Twice the same port can only be one that may collide; it is kept twice, so that one of them can go.
            let at = used.partition_point(|there| *there < port);
            used.insert(at, port);
        }
    }

    pub(crate) fn give_back(&mut self, resources: &AllocatedResources) {
        for (ip, port) in resources.host_ports() {
            if let Some((_, used)) = self.used.iter_mut().find(|(known, _)| known == ip)
                && let Ok(at) = used.binary_search(&port)
            {
                used.remove(at);
            }
        }
    }

    fn is_reserved(&self, ip: &str, port: u16) -> bool {
        let is_in = |ranges: &[(u16, u16)]| ranges.iter().any(|(low, high)| (*low..=*high).contains(&port));
        is_in(&self.reserved) || self.reserved_at.iter().any(|(at, ranges)| at == ip && is_in(ranges))
    }

    pub(crate) fn is_free(&self, ip: &str, port: u16) -> bool {
        !self.is_reserved(ip, port) && !self.used.iter().any(|(known, used)| known == ip && used.binary_search(&port).is_ok())
    }

    /// Whether `n` dynamic ports are left at every address, whichever are in use. Often `false` where they are left.
    pub(crate) fn has_plenty(&self, n: usize) -> bool {
        let (low, high) = self.dynamic;
        let size = |(low, high): &(u16, u16)| usize::from(high - low) + 1;
        let reserved: usize = self.reserved.iter().chain(self.reserved_at.iter().flat_map(|(_, ranges)| ranges)).map(size).sum();
        let used: usize = self.n_unlisted + self.used.iter().map(|(_, used)| used.len()).sum::<usize>();
        low <= high && size(&self.dynamic) >= used + reserved + n
    }

    /// Whether `n` dynamic ports are left at the address.
    pub(crate) fn has_dynamic(&self, ip: &str, n: usize) -> bool {
        // Nearly always there is plenty; only then the exact count is worth its time.
        let (low, high) = self.dynamic;
        n == 0 || self.has_plenty(n) || (low..=high).filter(|port| self.is_free(ip, *port)).count() >= n
    }

    /// A free dynamic port at the address that is not in `taken`.
    pub(crate) fn pick_dynamic(&self, ip: &str, taken: &[(String, u16)], dice: &mut Dice) -> Option<u16> {
        let (low, high) = self.dynamic;
        if low > high {
            return None;
        }
        let range = u64::from(high - low) + 1;
        let fits = |port: u16| self.is_free(ip, port) && !taken.iter().any(|(at, other)| at == ip && *other == port);
        for _ in 0..TRIES {
            let port = low + dice.below(range) as u16;
            if fits(port) {
                return Some(port);
            }
        }
        let start = low + dice.below(range) as u16;
        (start..=high).chain(low..start).find(|port| fits(*port))
    }
}

/// Reads `22,80,8500-8600`; parts that are not ports are left out, as the node has already complained about them.
fn parse_ranges(text: &str, into: &mut Vec<(u16, u16)>) {
    for part in text.split(',').map(str::trim) {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(low), Ok(high)) = (low.trim().parse::<u16>(), high.trim().parse::<u16>())
            && low <= high
        {
            into.push((low, high));
        }
    }
}

fn merge(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
    for (low, high) in ranges {
        match merged.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => merged.push((low, high)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{
        AllocatedPortMapping, AllocatedSharedResources, EvalId, NodeReservedNetworkResources, NodeReservedResources, NodeResources,
    };

    fn node(low: i64, high: i64, reserved: &str) -> Node {
        Node {
            node_resources: Some(NodeResources { min_dynamic_port: low, max_dynamic_port: high, ..Default::default() }),
            reserved_resources: Some(NodeReservedResources {
                networks: NodeReservedNetworkResources { reserved_host_ports: reserved.to_owned() },
                ..Default::default()
            }),
            ..Node::default()
        }
    }

    fn alloc(ip: &str, port: i64) -> AllocatedResources {
        let mapping = AllocatedPortMapping { label: "http".to_owned(), value: port, host_ip: ip.to_owned(), ..Default::default() };
        AllocatedResources { shared: AllocatedSharedResources { ports: vec![mapping], ..Default::default() }, ..Default::default() }
    }

    /// Dynamic ports come from the node's range, never from what is reserved or taken, until none is left; then again when one came back.
    #[test]
    fn dynamic_ports_run_out_and_come_back() {
        let mut ports = Ports::of_node(&node(30_000, 30_009, "22, 30001-30003,30003-30004"));
        let mut dice = Dice::new(1, EvalId::NIL, 1);
        let mut given = Vec::new();
        while let Some(port) = ports.pick_dynamic("10.0.0.1", &[], &mut dice) {
            ports.take(&alloc("10.0.0.1", i64::from(port)));
            given.push(port);
        }
        given.sort_unstable();
        assert_eq!(given, [30_000, 30_005, 30_006, 30_007, 30_008, 30_009]);
        assert!(!ports.has_dynamic("10.0.0.1", 1));
        assert!(ports.has_dynamic("10.0.0.2", 6), "another address has its own ports");
        assert!(!ports.has_dynamic("10.0.0.2", 7));
        ports.give_back(&alloc("10.0.0.1", 30_007));
        assert!(ports.has_dynamic("10.0.0.1", 1));
        assert_eq!(ports.pick_dynamic("10.0.0.1", &[], &mut dice), Some(30_007));
        assert_eq!(ports.pick_dynamic("10.0.0.1", &[("10.0.0.1".to_owned(), 30_007)], &mut dice), None);
    }

    /// Static ports collide with reserved and used ones at the same address only.
    #[test]
    fn static_ports() {
        let mut ports = Ports::of_node(&node(0, 0, "22,80-90"));
        ports.take(&alloc("10.0.0.1", 8080));
        for (ip, port, free) in
            [("10.0.0.1", 22, false), ("10.0.0.1", 85, false), ("10.0.0.1", 91, true), ("10.0.0.1", 8080, false), ("10.0.0.2", 8080, true)]
        {
            assert_eq!(ports.is_free(ip, port), free, "{ip}:{port}");
        }
    }
}
