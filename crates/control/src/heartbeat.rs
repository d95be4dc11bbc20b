//! Which node has not been heard of for too long.

use std::collections::{BTreeSet, HashMap};

use model::{NodeId, NodeStatus};
use state::Store;

/// Times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// A node is asked to report at least this often.
    pub min_ttl: i64,
    /// All nodes together report at most this often per second, hence large regions ask for less.
    pub max_per_second: f64,
    /// Added before a node is taken for down.
    pub grace: i64,
    /// What nodes get after a change of leader, when nothing is known of their last report.
    pub failover_ttl: i64,
}

const SECOND: i64 = 1_000_000_000;

impl Default for Timing {
    fn default() -> Self {
        Self { min_ttl: 10 * SECOND, max_per_second: 50.0, grace: 10 * SECOND, failover_ttl: 300 * SECOND }
    }
}

impl Timing {
    /// How soon a node shall report again, given how many there are and a random number that spreads them.
    pub fn ttl(&self, n_nodes: usize, random: u64) -> i64 {
        let by_load = (n_nodes as f64 / self.max_per_second * SECOND as f64) as i64;
        let base = self.min_ttl.max(by_load).max(1);
        base.saturating_add((random % base as u64) as i64)
    }
}

/// Deadlines of the nodes, on the leader.
#[derive(Default)]
pub struct Heartbeats {
    by_time: BTreeSet<(i64, NodeId)>,
    by_node: HashMap<NodeId, i64>,
}

impl Heartbeats {
    /// A new leader gives every node that is not down the benefit of the doubt.
    pub fn new(view: &Store, timing: &Timing, now: i64) -> Self {
        let mut heartbeats = Self::default();
        for node in view.nodes().filter(|node| node.status != NodeStatus::Down) {
            heartbeats.expect(node.id, now.saturating_add(timing.failover_ttl));
        }
        heartbeats
    }

    /// The node is taken for down unless it is heard of before `deadline` (unix nanoseconds).
    pub fn expect(&mut self, node: NodeId, deadline: i64) {
        if let Some(old) = self.by_node.insert(node, deadline) {
            self.by_time.remove(&(old, node));
        }
        self.by_time.insert((deadline, node));
    }

    pub fn forget(&mut self, node: NodeId) {
        if let Some(old) = self.by_node.remove(&node) {
            self.by_time.remove(&(old, node));
        }
    }

    /// Nodes whose time is over; each is named once.
    pub fn expired(&mut self, now: i64) -> Vec<NodeId> {
        let mut expired = Vec::new();
        while let Some(&(deadline, node)) = self.by_time.first() {
            if deadline > now {
                break;
            }
            self.by_time.pop_first();
            self.by_node.remove(&node);
            expired.push(node);
        }
        expired
    }

    /// Nodes that are expected to report.
    pub fn n_expected(&self) -> usize {
        self.by_node.len()
    }

    /// When the next one expires.
    pub fn wake_at(&self) -> Option<i64> {
        self.by_time.first().map(|(deadline, _)| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Uuid;

    /// A node that reports is not down; one that does not is, once.
    #[test]
    fn expiry() {
        let node = |n: u128| NodeId(Uuid::from_u128(n));
        let mut heartbeats = Heartbeats::default();
        heartbeats.expect(node(1), 100);
        heartbeats.expect(node(2), 100);
        heartbeats.expect(node(1), 200);
        assert_eq!(heartbeats.expired(99), []);
        assert_eq!(heartbeats.expired(150), [node(2)]);
        assert_eq!(heartbeats.expired(150), []);
        assert_eq!(heartbeats.wake_at(), Some(200));
    }

    /// Large regions report less often; the random part never doubles the base.
    #[test]
    fn ttl() {
        let timing = Timing::default();
        assert_eq!(timing.ttl(10, 0), 10 * SECOND);
        assert_eq!(timing.ttl(10_000, 0), 200 * SECOND);
        assert!(timing.ttl(10, u64::MAX) < 20 * SECOND);
    }
}
