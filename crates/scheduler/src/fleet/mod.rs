//! All nodes that take work, as dense arrays: who they are, what is left on them, and what this plan did to them so far.

mod ports;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::{AllocId, AllocatedResources, Allocation, JobKey, Node, NodeId, Text, Usage};
use state::{NodeLoad, Store};

pub(crate) use ports::Ports;

use crate::ask::Ask;
use crate::cores::NumaNodes;
use crate::device::{self, DeviceRoom};
use crate::dice::Dice;
use crate::reconcile::{Slot, Wishes};

/// What is left on a node.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub total: Usage,
    pub used: Usage,
    pub n_allocs: i64,
    /// What one reserved core is worth.
    pub mhz_per_core: i64,
    /// Cores that may be reserved, in order, and how many allocations have each: more than one only while a plan is on its way. Empty where
    /// nobody asks for cores.
    cores: Vec<(u16, u32)>,
    numa: NumaNodes,
    pub ports: Ports,
    pub devices: Vec<DeviceRoom>,
    /// Ports, cores and devices of who is there are known one by one. Before, all look free, and `ports` knows how many are not.
    is_listed: bool,
}

impl Room {
    fn new(node: &Node, counts_cores: bool) -> Self {
        let cpu = node.node_resources.as_ref().map(|resources| &resources.cpu);
        let kept_back = node.reserved_resources.as_ref().map(|back| back.cpu.reserved_cpu_cores.as_slice()).unwrap_or_default();
        let reservable = cpu.filter(|_| counts_cores).map(|cpu| cpu.reservable_cpu_cores.as_slice()).unwrap_or_default();
        let mut cores: Vec<(u16, u32)> =
            reservable.iter().copied().filter(|core| !kept_back.contains(core)).map(|core| (core, 0)).collect();
        cores.sort_unstable();
        cores.dedup();
        let mhz_per_core = cpu.map_or(0, |cpu| cpu.cpu_shares / i64::from(cpu.total_cpu_cores.max(1)));
        Self {
            total: Usage::of_node(node),
            used: Usage::default(),
            n_allocs: 0,
            mhz_per_core,
            numa: if cores.is_empty() { NumaNodes::default() } else { NumaNodes::of(node) },
            cores,
            ports: Ports::of_node(node),
            devices: DeviceRoom::of_node(node),
            is_listed: false,
        }
    }

    /// Cores that may be reserved and are not, in order, each with its NUMA node.
    pub(crate) fn cores_free(&self) -> impl Iterator<Item = (u16, u32)> {
        self.cores.iter().filter(|(_, n_uses)| *n_uses == 0).map(|(core, _)| (*core, self.numa.of_core(*core)))
    }

    pub(crate) fn take(&mut self, resources: &AllocatedResources) {
        self.used = self.used.plus(Usage::of_alloc(resources));
        self.n_allocs += 1;
        if self.is_listed {
            self.take_particulars(resources);
        } else {
            self.ports.take_unlisted(resources.host_ports().count());
        }
    }

    /// Ports, cores and devices.
    fn take_particulars(&mut self, resources: &AllocatedResources) {
        self.ports.take(resources);
        self.count_cores(resources, true);
        device::count(&mut self.devices, resources, true);
    }

    pub(crate) fn give_back(&mut self, resources: &AllocatedResources) {
        self.used = self.used.minus(Usage::of_alloc(resources));
        self.n_allocs -= 1;
        if self.is_listed {
            self.ports.give_back(resources);
            self.count_cores(resources, false);
            device::count(&mut self.devices, resources, false);
        }
    }

    fn count_cores(&mut self, resources: &AllocatedResources, comes: bool) {
        for core in resources.tasks.values().flat_map(|task| &task.cpu.reserved_cores) {
            if let Ok(at) = self.cores.binary_search_by_key(core, |(core, _)| *core) {
                let n_uses = &mut self.cores[at].1;
                *n_uses = if comes { n_uses.saturating_add(1) } else { n_uses.saturating_sub(1) };
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

/// What is looked for on the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Most evaluations find everything in order.
    Nothing,
    Room,
    /// Room, and cores that nobody else has.
    Cores,
}

impl Need {
    pub(crate) fn of(wishes: &Wishes) -> Self {
        let asks = |slot: &Slot| {
            let tasks = slot.job.group(&slot.group).map(|group| group.tasks.as_slice()).unwrap_or_default();
            tasks.iter().any(|task| task.resources.as_ref().is_some_and(|resources| resources.cores > 0))
        };
        match wishes.slots.as_slice() {
            [] if wishes.nowhere.is_empty() => Self::Nothing,
            slots if slots.iter().any(asks) => Self::Cores,
            _ => Self::Room,
        }
    }
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
    need: Need,
    /// Counted when first asked for: most groups can use only a part of the nodes.
    rooms: Vec<Option<Box<Room>>>,
    /// Live allocations of the job on each node.
    job_counts: Vec<u32>,
    group_counts: HashMap<String, Vec<u32>>,
    outsiders: Vec<Outsider>,
    /// Grows with every change among them.
    pub outsider_changes: u64,
    /// Live in the view, but stopped by this plan.
    gone: HashSet<AllocId>,
    /// What those take, by node.
    freed: HashMap<NodeId, NodeLoad>,
    /// By node: how often it changed.
    n_changes: Vec<u32>,
    /// Every change of a node since the beginning, for those who remember what they made of it.
    pub changes: Vec<u32>,
}

impl<'a> Fleet<'a> {
    /// Without nodes when there is nothing to place.
    pub(crate) fn new(view: &'a Store, job: &JobKey, need: Need, dice: &mut Dice) -> Self {
        let nodes: Vec<&Node> =
            if need != Need::Nothing { view.nodes().map(Arc::as_ref).filter(|node| node.is_schedulable()).collect() } else { Vec::new() };
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
            need,
            rooms: (0..n).map(|_| None).collect(),
            job_counts: vec![0; n],
            group_counts: HashMap::new(),
            outsiders: Vec::new(),
            outsider_changes: 0,
            gone: HashSet::new(),
            freed: HashMap::new(),
            n_changes: vec![0; n],
            changes: Vec::new(),
            nodes,
        };
        fleet.sort_into_classes();
        for alloc in view.job_allocs(job).filter(|alloc| !alloc.is_terminal()) {
            fleet.count(alloc, true);
        }
        fleet
    }

    /// As it was before anybody looked for room.
    pub(crate) fn untouched(&self, dice: &mut Dice) -> Self {
        Self::new(self.view, &self.job, self.need, dice)
    }

    fn sort_into_classes(&mut self) {
        let mut classes: HashMap<Cow<str>, u32> = HashMap::new();
        let mut node_classes: HashMap<&str, u32> = HashMap::new();
        let mut node_class_of_class: Vec<u32> = Vec::new();
        for &node in &self.nodes {
            let class =
                if node.computed_class.is_empty() { Cow::Owned(node.class_hash()) } else { Cow::Borrowed(node.computed_class.as_str()) };
            let class = *classes.entry(class.clone()).or_insert_with(|| {
                self.classes.push(class);
                // The node's own class is part of it.
                node_class_of_class.push(*node_classes.entry(&node.node_class).or_insert_with(|| {
                    self.node_classes.push(&node.node_class);
                    self.node_classes.len() as u32 - 1
                }));
                self.classes.len() as u32 - 1
            });
            self.class_of.push(class);
            self.node_class_of.push(node_class_of_class[class as usize]);
        }
    }

    pub(crate) fn position(&self, id: NodeId) -> Option<u32> {
        self.index.get(&id).copied()
    }

    /// What is left on the node, for those who want nothing of it that is not counted in amounts.
    pub(crate) fn room(&mut self, position: u32) -> &mut Room {
        let (view, freed, counts_cores) = (self.view, &self.freed, self.need == Need::Cores);
        let node = self.nodes[position as usize];
        self.rooms[position as usize].get_or_insert_with(|| {
            let mut room = Box::new(Room::new(node, counts_cores));
            let load = view.node_load(node.id).minus(freed.get(&node.id).copied().unwrap_or_default());
            (room.used, room.n_allocs) = (load.used, load.n_allocs);
            room.ports.take_unlisted(usize::try_from(load.n_ports).unwrap_or(0));
            room.is_listed = load.n_particular == 0;
            room
        })
    }

    /// What is left on the node, down to each port, core and device.
    pub(crate) fn listed_room(&mut self, position: u32) -> &Room {
        let (view, node) = (self.view, self.nodes[position as usize].id);
        if !self.room(position).is_listed {
            let gone = &self.gone;
            let there = view.node_allocs(node).filter(|alloc| !alloc.is_terminal() && !gone.contains(&alloc.id));
            let resources: Vec<&AllocatedResources> = there.filter_map(|alloc| alloc.allocated_resources.as_deref()).collect();
            let room = self.room(position);
            resources.into_iter().for_each(|resources| room.take_particulars(resources));
            room.ports.forget_unlisted();
            room.is_listed = true;
        }
        self.room(position)
    }

    /// What is left on the node, as exactly as one has to know it who asks for this.
    pub(crate) fn room_for(&mut self, position: u32, ask: &Ask) -> &Room {
        let is_enough = ask.is_met_by_amounts(self.room(position));
        if is_enough { self.room(position) } else { self.listed_room(position) }
    }

    /// Live allocations of other jobs on the node that this plan leaves alone.
    pub(crate) fn others_on(&self, position: u32) -> impl Iterator<Item = &'a Arc<Allocation>> {
        let allocs = self.view.node_allocs(self.nodes[position as usize].id);
        allocs.filter(|alloc| {
            !alloc.is_terminal() && !self.gone.contains(&alloc.id) && (alloc.job_id != self.job.id || alloc.namespace != self.job.namespace)
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
        self.changed(position);
    }

    fn changed(&mut self, position: u32) {
        self.changes.push(position);
        self.n_changes[position as usize] += 1;
    }

    pub(crate) fn n_changes(&self, position: u32) -> u32 {
        self.n_changes[position as usize]
    }

    /// This plan places an allocation of `group` on the node.
    pub(crate) fn occupy(&mut self, position: u32, group: &str, resources: &AllocatedResources) {
        if resources.has_particulars() {
            // Whoever lists the others later would not find this one.
            self.listed_room(position);
        }
        self.room(position).take(resources);
        self.job_counts[position as usize] += 1;
        self.group_count_mut(group)[position as usize] += 1;
        self.changed(position);
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
                self.outsider_changes += 1;
                self.outsiders.push(Outsider { id: alloc.id, node: alloc.node_id, group: alloc.task_group.clone() });
            }
            (None, false) => {
                self.outsider_changes += 1;
                self.outsiders.retain(|outsider| outsider.id != alloc.id);
            }
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
