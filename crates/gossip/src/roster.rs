//! Members by node, and by what two of them must not share. In a large pool nobody may look through all members for each one that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use model::{RegionName, Uuid};

use crate::identity::ServerIdentity;
use crate::member::{Member, MemberMeta};

/// Another server as SWIM sees it.
#[derive(Clone, Debug)]
pub(crate) struct Presence {
    pub(crate) identity: ServerIdentity,
    pub(crate) active: bool,
    pub(crate) since: Duration,
}

/// Others as SWIM sees them.
#[derive(Default)]
pub(crate) struct Presences {
    by_node: BTreeMap<Uuid, Presence>,
    /// Active ones. Two have one address only until it is noticed.
    by_address: BTreeMap<SocketAddr, BTreeSet<Uuid>>,
    down: BTreeSet<Uuid>,
}

impl Presences {
    pub(crate) fn insert(&mut self, presence: Presence) {
        let node = presence.identity.node;
        self.remove(node);
        if presence.active {
            self.by_address.entry(presence.identity.address).or_default().insert(node);
        } else {
            self.down.insert(node);
        }
        self.by_node.insert(node, presence);
    }

    pub(crate) fn remove(&mut self, node: Uuid) {
        if let Some(before) = self.by_node.remove(&node) {
            unlist(&mut self.by_address, &before.identity.address, node);
            self.down.remove(&node);
        }
    }

    pub(crate) fn get(&self, node: Uuid) -> Option<&Presence> {
        self.by_node.get(&node)
    }

    pub(crate) fn active(&self, node: Uuid) -> Option<&Presence> {
        self.get(node).filter(|presence| presence.active)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Presence> {
        self.by_node.values()
    }

    pub(crate) fn all_down(&self) -> impl Iterator<Item = &Presence> {
        self.down.iter().filter_map(|node| self.by_node.get(node))
    }

    pub(crate) fn all_active(&self) -> impl Iterator<Item = &ServerIdentity> {
        self.values().filter(|presence| presence.active).map(|presence| &presence.identity)
    }

    pub(crate) fn active_at(&self, address: SocketAddr) -> impl Iterator<Item = &ServerIdentity> {
        let nodes = self.by_address.get(&address).into_iter().flatten();
        nodes.filter_map(|node| self.by_node.get(node)).map(|presence| &presence.identity)
    }
}

/// Members as last told.
#[derive(Default)]
pub(crate) struct Shown {
    by_node: BTreeMap<Uuid, Member>,
    by_name: BTreeMap<(RegionName, String), BTreeSet<Uuid>>,
}

impl Shown {
    pub(crate) fn insert(&mut self, member: Member) {
        let node = member.identity.node;
        self.remove(node);
        self.by_name.entry(name_of(&member.meta)).or_default().insert(node);
        self.by_node.insert(node, member);
    }

    pub(crate) fn remove(&mut self, node: Uuid) -> Option<Member> {
        let removed = self.by_node.remove(&node)?;
        unlist(&mut self.by_name, &name_of(&removed.meta), node);
        Some(removed)
    }

    pub(crate) fn get(&self, node: Uuid) -> Option<&Member> {
        self.by_node.get(&node)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Member> + Clone {
        self.by_node.values()
    }

    /// Others than `node` under the same full name.
    pub(crate) fn namesakes(&self, node: Uuid, meta: &MemberMeta) -> impl Iterator<Item = &Member> {
        let nodes = self.by_name.get(&name_of(meta)).into_iter().flatten();
        nodes.filter(move |other| **other != node).filter_map(|other| self.by_node.get(other))
    }
}

fn name_of(meta: &MemberMeta) -> (RegionName, String) {
    (meta.region.clone(), meta.name.clone())
}

fn unlist<K: Ord>(lists: &mut BTreeMap<K, BTreeSet<Uuid>>, key: &K, node: Uuid) {
    let Some(nodes) = lists.get_mut(key) else { return };
    nodes.remove(&node);
    if nodes.is_empty() {
        lists.remove(key);
    }
}

/// A sum over members, kept while they change one by one.
#[derive(Default)]
pub(crate) struct Sum {
    terms: BTreeMap<Uuid, u64>,
    total: u64,
}

impl Sum {
    pub(crate) fn set(&mut self, node: Uuid, term: Option<u64>) {
        let before = match term {
            Some(term) => self.terms.insert(node, term),
            None => self.terms.remove(&node),
        };
        self.total = self.total.wrapping_sub(before.unwrap_or_default()).wrapping_add(term.unwrap_or_default());
    }

    pub(crate) fn term(&self, node: Uuid) -> u64 {
        self.terms.get(&node).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(node: u128, port: u16, active: bool) -> Presence {
        let address = SocketAddr::from(([10, 0, 0, 1], port));
        let identity = ServerIdentity { node: Uuid::from_u128(node), address, region: "west".into(), generation: 1 };
        Presence { identity, active, since: Duration::ZERO }
    }

    /// Active members are found at the address they have now, and only there.
    #[test]
    fn addresses_follow_changes() {
        let mut presences = Presences::default();
        let at = |presences: &Presences, port| {
            let found = presences.active_at(SocketAddr::from(([10, 0, 0, 1], port)));
            found.map(|identity| identity.node.as_u128()).collect::<Vec<_>>()
        };
        presences.insert(presence(1, 10, true));
        presences.insert(presence(2, 10, true));
        presences.insert(presence(3, 11, false));
        assert_eq!((at(&presences, 10), at(&presences, 11)), (vec![1, 2], vec![]));
        presences.insert(presence(1, 11, true));
        assert_eq!((at(&presences, 10), at(&presences, 11)), (vec![2], vec![1]));
        presences.insert(presence(1, 11, false));
        presences.remove(Uuid::from_u128(2));
        assert_eq!((at(&presences, 10), at(&presences, 11)), (vec![], vec![]));
        assert!(presences.by_address.is_empty());
        let down: Vec<u128> = presences.all_down().map(|presence| presence.identity.node.as_u128()).collect();
        assert_eq!(down, [1, 3]);
    }

    /// A sum is that of its last terms.
    #[test]
    fn sums_follow_changes() {
        let mut sum = Sum::default();
        let node = Uuid::from_u128;
        sum.set(node(1), Some(u64::MAX));
        sum.set(node(2), Some(5));
        sum.set(node(1), Some(7));
        assert_eq!((sum.total(), sum.term(node(1))), (12, 7));
        sum.set(node(2), None);
        sum.set(node(2), None);
        assert_eq!((sum.total(), sum.term(node(2))), (7, 0));
    }
}
