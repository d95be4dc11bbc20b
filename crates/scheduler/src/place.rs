//! Finds nodes for what is to be placed, the most urgent first, each at the best node there is at that moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{AllocMetric, AllocatedResources, Allocation, TaskGroup, Text};
use state::Store;

use crate::board::{Board, Choice};
use crate::dice::Dice;
use crate::fleet::Fleet;
use crate::preempt::{self, Evicted, Eviction, Memory};
use crate::reconcile::{Slot, Urgency, Wishes};
use crate::setting::Setting;

/// A slot that found its node.
pub(crate) struct Filled<'a> {
    pub slot: Slot<'a>,
    /// Position in `Fleet::nodes`.
    pub node: u32,
    pub resources: Arc<AllocatedResources>,
    pub metric: Arc<AllocMetric>,
    /// Allocations of other jobs that make room.
    pub preempted: Vec<&'a Arc<Allocation>>,
}

/// What became of the slots.
#[derive(Default)]
pub(crate) struct Filling<'a> {
    pub filled: Vec<Filled<'a>>,
    /// By group: why, and in `coalesced_failures` how many more.
    pub failed: BTreeMap<String, AllocMetric>,
    /// By group: how many found no node.
    pub queued: BTreeMap<String, i64>,
    /// Of the groups that failed: which classes of nodes could do if they had room.
    pub class_eligibility: BTreeMap<String, bool>,
    /// Whether a node of a refused class may do after all.
    pub escaped_computed_class: bool,
}

pub(crate) fn fill<'a>(view: &Store, fleet: &mut Fleet<'a>, wishes: &mut Wishes<'a>, all_at_once: bool, dice: &mut Dice) -> Filling<'a> {
    let mut filling = Filling::default();
    let slots = std::mem::take(&mut wishes.slots);
    filling.fill(view, fleet, &wishes.freed, slots, std::mem::take(&mut wishes.standbys), dice);
    if all_at_once && !filling.failed.is_empty() {
        filling.give_up_partial();
        wishes.give_up_changes();
        // What is kept alive must do without the room of what stays after all.
        let slots = std::mem::take(&mut filling.filled).into_iter().map(|filled| filled.slot).collect();
        *fleet = fleet.untouched(dice);
        filling.fill(view, fleet, &wishes.freed, slots, BTreeMap::new(), dice);
    }
    for (job, name) in &wishes.nowhere {
        let Some(group) = job.group(name) else { continue };
        let board = Board::new(fleet, job, group, Setting::of(view, job));
        filling.explain(fleet, &board, name);
    }
    filling
}

struct Place<'a> {
    node: u32,
    resources: Arc<AllocatedResources>,
    metric: Arc<AllocMetric>,
    preempted: Vec<&'a Arc<Allocation>>,
}

/// Takes a place for the slot, into which the room of whom it replaces goes.
fn find_place<'a>(
    fleet: &mut Fleet<'a>,
    board: &mut Board,
    memory: &mut Memory<'a>,
    evicted: &mut Evicted,
    group: &TaskGroup,
    slot: &Slot,
    dice: &mut Dice,
) -> Option<Place<'a>> {
    let makes_room = slot.previous.filter(|_| slot.stops_previous.is_some());
    if let Some(previous) = makes_room {
        fleet.free(previous);
    }
    board.refresh(fleet);
    let penalised: Vec<u32> = slot.penalised.iter().filter_map(|node| fleet.position(*node)).collect();
    let is_sticky = group.ephemeral_disk.as_ref().is_some_and(|disk| disk.sticky);
    let home = slot.previous.filter(|_| is_sticky).and_then(|previous| fleet.position(previous.node_id));
    let choice = match slot.pinned {
        Some(node) => fleet.position(node).and_then(|node| board.choose_pinned(fleet, node)),
        None => board.choose(fleet, &penalised, home),
    };
    let place = match choice {
        Some(choice) => take(fleet, board, slot, choice, dice),
        None => push_aside(fleet, board, memory, evicted, &penalised, slot, dice),
    };
    if place.is_none()
        && let Some(previous) = makes_room
    {
        fleet.take_back(previous);
    }
    place
}

fn take<'a>(fleet: &mut Fleet<'a>, board: &mut Board, slot: &Slot, choice: Choice, dice: &mut Dice) -> Option<Place<'a>> {
    let node = fleet.nodes[choice.node as usize];
    let resources = board.ask.grant(node, fleet.listed_room(choice.node), dice)?;
    fleet.occupy(choice.node, &slot.group, &resources);
    let metric = board.explain(fleet, choice.best);
    Some(Place { node: choice.node, resources, metric, preempted: Vec::new() })
}

/// No node has room: others make some.
fn push_aside<'a>(
    fleet: &mut Fleet<'a>,
    board: &Board,
    memory: &mut Memory<'a>,
    evicted: &mut Evicted,
    penalised: &[u32],
    slot: &Slot,
    dice: &mut Dice,
) -> Option<Place<'a>> {
    let Eviction { choice, victims } = preempt::find(fleet, board, memory, evicted, penalised, slot.pinned)?;
    let metric = Arc::new(board.metric(fleet, &choice.best));
    let preempted: Vec<&Arc<Allocation>> = victims.iter().map(|victim| victim.alloc).collect();
    preempted.iter().for_each(|alloc| fleet.free(alloc));
    let node = fleet.nodes[choice.node as usize];
    let Some(resources) = board.ask.grant(node, fleet.listed_room(choice.node), dice) else {
        preempted.iter().for_each(|alloc| fleet.take_back(alloc));
        return None;
    };
    preempted.iter().for_each(|alloc| evicted.add(alloc));
    fleet.occupy(choice.node, &slot.group, &resources);
    Some(Place { node: choice.node, resources, metric, preempted })
}

impl<'a> Filling<'a> {
    fn fill(
        &mut self,
        view: &Store,
        fleet: &mut Fleet<'a>,
        freed: &[&'a Arc<Allocation>],
        slots: Vec<Slot<'a>>,
        mut standbys: BTreeMap<Text, Vec<Slot<'a>>>,
        dice: &mut Dice,
    ) {
        standbys.values_mut().for_each(|standbys| standbys.reverse());
        for alloc in freed {
            fleet.free(alloc);
        }
        let mut boards: HashMap<(u64, Text), (Board, Memory)> = HashMap::new();
        let mut evicted = Evicted::default();
        for slot in slots {
            let job = Arc::clone(&slot.job);
            let Some(group) = job.group(&slot.group) else { continue };
            let (board, memory) = boards
                .entry((job.version, slot.group.clone()))
                .or_insert_with(|| (Board::new(fleet, &job, group, Setting::of(view, &job)), Memory::default()));
            let (is_turn, mut slot) = (slot.is_turn, slot);
            let mut place = find_place(fleet, board, memory, &mut evicted, group, &slot, dice);
            while place.is_none()
                && is_turn
                && let Some(other) = standbys.get_mut(&slot.group).and_then(Vec::pop)
            {
                place = find_place(fleet, board, memory, &mut evicted, group, &other, dice);
                slot = other;
            }
            match place {
                Some(Place { node, resources, metric, preempted }) => {
                    self.filled.push(Filled { slot, node, resources, metric, preempted });
                }
                None => self.fail(fleet, board, &slot),
            }
        }
    }

    fn fail(&mut self, fleet: &Fleet, board: &Board, slot: &Slot) {
        *self.queued.entry(slot.group.as_str().to_owned()).or_default() += 1;
        if let Some(metric) = self.failed.get_mut(slot.group.as_str()) {
            metric.coalesced_failures += 1;
            return;
        }
        self.explain(fleet, board, slot.group.as_str());
    }

    /// Why no node does for the group, and which nodes would.
    fn explain(&mut self, fleet: &Fleet, board: &Board, group: &str) {
        self.failed.insert(group.to_owned(), board.metric(fleet, &[]));
        self.escaped_computed_class |= board.escapes_classes();
        for (class, is_eligible) in board.class_eligibility(fleet) {
            *self.class_eligibility.entry(class).or_default() |= is_eligible;
        }
    }

    /// The job wants everything or nothing; what is only kept alive stays.
    fn give_up_partial(&mut self) {
        let (kept, given_up): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.filled).into_iter().partition(|filled| filled.slot.urgency == Urgency::Repair);
        self.filled = kept;
        for filled in given_up {
            let group = filled.slot.group.as_str();
            *self.queued.entry(group.to_owned()).or_default() += 1;
            match self.failed.get_mut(group) {
                Some(metric) => metric.coalesced_failures += 1,
                None => {
                    self.failed.insert(group.to_owned(), (*filled.metric).clone());
                }
            }
        }
    }
}
