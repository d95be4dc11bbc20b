//! Finds nodes for what is to be placed, the most urgent first, each at the best node there is at that moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{AllocMetric, AllocatedResources, TaskGroup, Text};
use state::Store;

use crate::board::Board;
use crate::dice::Dice;
use crate::fleet::Fleet;
use crate::reconcile::{Slot, Urgency, Wishes};

/// A slot that found its node.
pub(crate) struct Filled<'a> {
    pub slot: Slot<'a>,
    /// Position in `Fleet::nodes`.
    pub node: u32,
    pub resources: Arc<AllocatedResources>,
    pub metric: Arc<AllocMetric>,
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

pub(crate) fn fill<'a>(view: &Store, fleet: &mut Fleet, wishes: &mut Wishes<'a>, all_at_once: bool, dice: &mut Dice) -> Filling<'a> {
    for alloc in &wishes.freed {
        fleet.free(alloc);
    }
    let region = view.identity().region.to_string();
    let mut boards: HashMap<(u64, Text), Board> = HashMap::new();
    let mut filling = Filling::default();
    for slot in std::mem::take(&mut wishes.slots) {
        let job = Arc::clone(&slot.job);
        let Some(group) = job.group(&slot.group) else { continue };
        let board = boards.entry((job.version, slot.group.clone())).or_insert_with(|| Board::new(fleet, &job, group, &region));
        match find_place(fleet, board, group, &slot, dice) {
            Some(Place { node, resources, metric }) => filling.filled.push(Filled { slot, node, resources, metric }),
            None => filling.fail(fleet, board, &slot),
        }
    }
    if all_at_once && !filling.failed.is_empty() {
        filling.give_up_partial();
    }
    filling
}

struct Place {
    node: u32,
    resources: Arc<AllocatedResources>,
    metric: Arc<AllocMetric>,
}

/// Takes a place for the slot, into which the room of whom it replaces goes.
fn find_place(fleet: &mut Fleet, board: &mut Board, group: &TaskGroup, slot: &Slot, dice: &mut Dice) -> Option<Place> {
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
    let granted = choice.and_then(|choice| {
        let node = fleet.nodes[choice.node as usize];
        let resources = board.ask.grant(node, fleet.room(choice.node), dice)?;
        Some((choice, resources))
    });
    let Some((choice, resources)) = granted else {
        if let Some(previous) = makes_room {
            fleet.take_back(previous);
        }
        return None;
    };
    fleet.occupy(choice.node, &slot.group, &resources);
    let metric = board.explain(fleet, choice.best);
    Some(Place { node: choice.node, resources, metric })
}

impl Filling<'_> {
    fn fail(&mut self, fleet: &Fleet, board: &Board, slot: &Slot) {
        *self.queued.entry(slot.group.as_str().to_owned()).or_default() += 1;
        if let Some(metric) = self.failed.get_mut(slot.group.as_str()) {
            metric.coalesced_failures += 1;
            return;
        }
        self.failed.insert(slot.group.as_str().to_owned(), board.metric(fleet, &[]));
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
