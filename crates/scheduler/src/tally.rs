//! How many allocations of a job or group are on nodes with each value of a property.

use std::collections::HashMap;

use crate::constraint::Target;
use crate::fleet::Fleet;

/// The node does not have the property.
const NO_VALUE: u32 = u32::MAX;

/// Kept up to date while a plan grows, node by node.
#[derive(Debug)]
pub(crate) struct Tally {
    property: Target,
    /// `None`: of the whole job.
    group: Option<String>,
    region: String,
    /// All values that occur, by number.
    pub values: Vec<String>,
    numbers: HashMap<String, u32>,
    of_node: Vec<u32>,
    /// By value: the nodes that have it.
    nodes: Vec<Vec<u32>>,
    /// By node: how many of its allocations are counted.
    counted: Vec<u32>,
    inside: Vec<u64>,
    /// On nodes that take no new work.
    outside: Vec<u64>,
    /// Of `Fleet::outsider_changes`.
    outside_seen: Option<u64>,
}

impl Tally {
    pub(crate) fn new(fleet: &Fleet, property: &Target, group: Option<&str>, region: &str) -> Self {
        let n = fleet.nodes.len();
        let mut this = Self {
            property: property.clone(),
            group: group.map(str::to_owned),
            region: region.to_owned(),
            values: Vec::new(),
            numbers: HashMap::new(),
            of_node: vec![NO_VALUE; n],
            nodes: Vec::new(),
            counted: vec![0; n],
            inside: Vec::new(),
            outside: Vec::new(),
            outside_seen: None,
        };
        for (node, position) in fleet.nodes.iter().zip(0_u32..) {
            let Some(value) = property.resolve(node, region) else { continue };
            let number = this.number(&value);
            this.of_node[position as usize] = number;
            this.nodes[number as usize].push(position);
            this.update(fleet, position);
        }
        this.update_outside(fleet);
        this
    }

    fn number(&mut self, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = self.values.len() as u32;
        self.numbers.insert(value.to_owned(), number);
        self.values.push(value.to_owned());
        self.nodes.push(Vec::new());
        self.inside.push(0);
        self.outside.push(0);
        number
    }

    /// The allocations of one node changed.
    pub(crate) fn update(&mut self, fleet: &Fleet, node: u32) {
        let there = fleet.n_allocs(node, self.group.as_deref());
        let before = std::mem::replace(&mut self.counted[node as usize], there);
        if let Some(count) = self.inside.get_mut(self.of_node[node as usize] as usize) {
            *count = (*count + u64::from(there)).saturating_sub(u64::from(before));
        }
    }

    /// Looks anew at nodes that take no new work, if anything changed there.
    pub(crate) fn update_outside(&mut self, fleet: &Fleet) {
        if self.outside_seen == Some(fleet.outsider_changes) {
            return;
        }
        self.outside_seen = Some(fleet.outsider_changes);
        self.outside.fill(0);
        let group = self.group.clone();
        for node in fleet.outside(group.as_deref()) {
            let value = self.property.resolve(node, &self.region).map(std::borrow::Cow::into_owned);
            if let Some(value) = value {
                let number = self.number(&value);
                self.outside[number as usize] += 1;
            }
        }
    }

    /// The number of the node's value.
    pub(crate) fn value_of(&self, node: u32) -> Option<u32> {
        self.of_node.get(node as usize).copied().filter(|number| *number != NO_VALUE)
    }

    pub(crate) fn count(&self, value: u32) -> u64 {
        let of = |counts: &[u64]| counts.get(value as usize).copied().unwrap_or(0);
        of(&self.inside) + of(&self.outside)
    }

    pub(crate) fn nodes_with(&self, value: u32) -> &[u32] {
        self.nodes.get(value as usize).map(Vec::as_slice).unwrap_or_default()
    }
}
