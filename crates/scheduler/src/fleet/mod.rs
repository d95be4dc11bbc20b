//! All nodes that take work, as dense arrays: who they are, what is left on them, and what this plan did to them so far.

mod ports;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::{AllocId, AllocatedResources, Allocation, JobKey, Node, NodeId, Text, Usage};
use state::{NodeLoad, Store};

pub(crate) use ports::Ports;

use crate::dice::Dice;

/// What is left on a node.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub total: Usage,
    pub used: Usage,
    pub n_allocs: i64,
    /// What one reserved core is worth.
    pub mhz_per_core: i64,
    /// Cores that may be reserved and are not, in order.
    pub cores_free: Vec<u16>,
    pub ports: Ports,
}

impl Room {
    fn new(node: &Node) -> Self {
        let cpu = node.node_resources.as_ref().map(|resources| &resources.cpu);
        let kept_back = node.reserved_resources.as_ref().map(|back| back.cpu.reserved_cpu_cores.as_slice()).unwrap_or_default();
        let mut cores_free: Vec<u16> =
            cpu.map(|cpu| cpu.reservable_cpu_cores.iter().copied().filter(|core| !kept_back.contains(core)).collect()).unwrap_or_default();
        cores_free.sort_unstable();
        let mhz_per_core = cpu.map_or(0, |cpu| cpu.cpu_shares / i64::from(cpu.total_cpu_cores.max(1)));
        Self { total: Usage::of_node(node), used: Usage::default(), n_allocs: 0, mhz_per_core, cores_free, ports: Ports::of_node(node) }
    }

    fn take(&mut self, resources: &AllocatedResources) {
        self.used = self.used.plus(Usage::of_alloc(resources));
        self.n_allocs += 1;
        self.take_special(resources);
    }

    /// Ports and cores.
    fn take_special(&mut self, resources: &AllocatedResources) {
        self.ports.take(resources);
        for core in resources.tasks.values().flat_map(|task| &task.cpu.reserved_cores) {
            self.cores_free.retain(|free| free != core);
        }
    }

    fn give_back(&mut self, resources: &AllocatedResources) {
        self.used = self.used.minus(Usage::of_alloc(resources));
        self.n_allocs -= 1;
        self.ports.give_back(resources);
        for core in resources.tasks.values().flat_map(|task| &task.cpu.reserved_cores) {
            if let Err(at) = self.cores_free.binary_search(core) {
                self.cores_free.insert(at, *core);
            }
        }
    }
}

/// A live allocation of the job on a node that takes no new work.
struct Outsider {
    id: AllocId,
    node: NodeId,
    group: Text,
}

pub(crate) struct Fleet<'a> {
    view: &'a Store,
    job: JobKey,
    pub nodes: Vec<&'a Node>,
    /// Decides between nodes of equal score.
    pub tie: Vec<u32>,
    index: HashMap<NodeId, u32>,
    /// Computed class of each node, as a position in `classes`.
    pub class_of: Vec<u32>,
    pub classes: Vec<Cow<'a, str>>,
    /// `node_class` of each node, as a position in `node_classes`.
    pub node_class_of: Vec<u32>,
    pub node_classes: Vec<&'a str>,
    /// Counted when first asked for: most groups can use only a part of the nodes.
    rooms: Vec<Option<Box<Room>>>,
    /// Live allocations of the job on each node.
    job_counts: Vec<u32>,
    group_counts: HashMap<String, Vec<u32>>,
    outsiders: Vec<Outsider>,
    /// Live in the view, but stopped by this plan.
    gone: HashSet<AllocId>,
    /// What those take, by node.
    freed: HashMap<NodeId, NodeLoad>,
    /// Every change of a node since the beginning, for those who remember what they made of it.
    pub changes: Vec<u32>,
}

impl<'a> Fleet<'a> {
    /// Without nodes when there is nothing to place: most evaluations find everything in order.
    pub(crate) fn new(view: &'a Store, job: &JobKey, is_needed: bool, dice: &mut Dice) -> Self {
        let nodes: Vec<&Node> =
            if is_needed { view.nodes().map(Arc::as_ref).filter(|node| node.is_schedulable()).collect() } else { Vec::new() };
        let n = nodes.len();
        let mut fleet = Self {
            view,
            job: job.clone(),
            tie: dice.permutation(n),
            index: nodes.iter().zip(0..).map(|(node, i)| (node.id, i)).collect(),
            class_of: Vec::with_capacity(n),
            classes: Vec::new(),
            node_class_of: Vec::with_capacity(n),
            node_classes: Vec::new(),
            rooms: (0..n).map(|_| None).collect(),
            job_counts: vec![0; n],
            group_counts: HashMap::new(),
            outsiders: Vec::new(),
            gone: HashSet::new(),
            freed: HashMap::new(),
            changes: Vec::new(),
            nodes,
        };
        fleet.sort_into_classes();
        for alloc in view.job_allocs(job).filter(|alloc| !alloc.is_terminal()) {
            fleet.count(alloc, true);
        }
        fleet
    }

    fn sort_into_classes(&mut self) {
        let mut classes: HashMap<Cow<str>, u32> = HashMap::new();
        let mut node_classes: HashMap<&str, u32> = HashMap::new();
        for &node in &self.nodes {
            let class =
                if node.computed_class.is_empty() { Cow::Owned(node.class_hash()) } else { Cow::Borrowed(node.computed_class.as_str()) };
            let class = *classes.entry(class.clone()).or_insert_with(|| {
                self.classes.push(class);
                self.classes.len() as u32 - 1
            });
            self.class_of.push(class);
            let node_class = *node_classes.entry(&node.node_class).or_insert_with(|| {
                self.node_classes.push(&node.node_class);
                self.node_classes.len() as u32 - 1
            });
            self.node_class_of.push(node_class);
        }
    }

    pub(crate) fn position(&self, id: NodeId) -> Option<u32> {
        self.index.get(&id).copied()
    }

    pub(crate) fn room(&mut self, position: u32) -> &Room {
        let (view, gone, freed) = (self.view, &self.gone, &self.freed);
        let node = self.nodes[position as usize];
        self.rooms[position as usize].get_or_insert_with(|| {
            let mut room = Box::new(Room::new(node));
            let load = view.node_load(node.id).minus(freed.get(&node.id).copied().unwrap_or_default());
            (room.used, room.n_allocs) = (load.used, load.n_allocs);
            if load.n_special > 0 {
                // Only their ports and cores have to be looked at one by one.
                for alloc in view.node_allocs(node.id).filter(|alloc| !alloc.is_terminal() && !gone.contains(&alloc.id)) {
                    if let Some(resources) = &alloc.allocated_resources {
                        room.take_special(resources);
                    }
                }
            }
            room
        })
    }

    /// A live allocation is stopped by this plan: its room is free for others.
    pub(crate) fn free(&mut self, alloc: &Allocation) {
        if alloc.is_terminal() || !self.gone.insert(alloc.id) {
            return;
        }
        let freed = self.freed.entry(alloc.node_id).or_default();
        *freed = freed.plus(NodeLoad::of(alloc));
        self.count(alloc, false);
        self.change(alloc, Room::give_back);
    }

    /// The allocation is not stopped after all.
    pub(crate) fn take_back(&mut self, alloc: &Allocation) {
        if !self.gone.remove(&alloc.id) {
            return;
        }
        let freed = self.freed.entry(alloc.node_id).or_default();
        *freed = freed.minus(NodeLoad::of(alloc));
        self.count(alloc, true);
        self.change(alloc, Room::take);
    }

    fn change(&mut self, alloc: &Allocation, how: fn(&mut Room, &AllocatedResources)) {
        let Some(position) = self.position(alloc.node_id) else { return };
        if let (Some(room), Some(resources)) = (&mut self.rooms[position as usize], &alloc.allocated_resources) {
            how(room, resources);
        }
        self.changes.push(position);
    }

    /// This plan places an allocation of `group` on the node.
    pub(crate) fn occupy(&mut self, position: u32, group: &str, resources: &AllocatedResources) {
        self.room(position);
        if let Some(room) = &mut self.rooms[position as usize] {
            room.take(resources);
        }
        self.job_counts[position as usize] += 1;
        self.group_count_mut(group)[position as usize] += 1;
        self.changes.push(position);
    }

    fn count(&mut self, alloc: &Allocation, comes: bool) {
        if alloc.job_id != self.job.id || alloc.namespace != self.job.namespace {
            return;
        }
        match (self.position(alloc.node_id), comes) {
            (Some(position), true) => {
                self.job_counts[position as usize] += 1;
                self.group_count_mut(&alloc.task_group)[position as usize] += 1;
            }
            (Some(position), false) => {
                let job_count = &mut self.job_counts[position as usize];
                *job_count = job_count.saturating_sub(1);
                let group_count = &mut self.group_count_mut(&alloc.task_group)[position as usize];
                *group_count = group_count.saturating_sub(1);
            }
            (None, true) => {
                self.outsiders.push(Outsider { id: alloc.id, node: alloc.node_id, group: alloc.task_group.clone() });
            }
            (None, false) => self.outsiders.retain(|outsider| outsider.id != alloc.id),
        }
    }

    fn group_count_mut(&mut self, group: &str) -> &mut Vec<u32> {
        if !self.group_counts.contains_key(group) {
            self.group_counts.insert(group.to_owned(), vec![0; self.nodes.len()]);
        }
        self.group_counts.entry(group.to_owned()).or_default()
    }

    /// Live allocations on the node: of the group, or with `None` of the whole job.
    pub(crate) fn n_allocs(&self, position: u32, group: Option<&str>) -> u32 {
        match group {
            None => self.job_counts[position as usize],
            Some(group) => self.group_counts.get(group).map_or(0, |counts| counts[position as usize]),
        }
    }

    /// Nodes that take no new work, once per live allocation of the group (or job) on them.
    pub(crate) fn outside<'b>(&'b self, group: Option<&'b str>) -> impl Iterator<Item = &'a Node> + 'b {
        let view = self.view;
        self.outsiders
            .iter()
            .filter(move |outsider| group.is_none_or(|group| outsider.group == group))
            .filter_map(move |outsider| view.node(outsider.node).map(Arc::as_ref))
    }
}
