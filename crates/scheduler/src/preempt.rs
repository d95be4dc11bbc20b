//! Whom to push aside, when no node has room and the region lets jobs of this kind do so.
//!
//! On each node that would do, were it not full, those of the lowest priority go first, among them those whose size comes closest to what is
//! missing; nobody goes who need not. The node is chosen by its score, of which whom it costs is a part.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Allocation, JobKey, Node, NodeId, Text, Usage};

use crate::ask::{Ask, Lack};
use crate::board::{Board, Choice, SHOWN_SCORES};
use crate::fleet::{Fleet, Room};
use crate::score::Score;

/// Weighs more than any difference in size: groups that move few at a time are not pushed aside at once.
const MAX_PARALLEL_PENALTY: f64 = 50.0;

/// Somebody who may be, or is, pushed aside.
#[derive(Clone, Debug)]
pub(crate) struct Victim<'a> {
    pub alloc: &'a Arc<Allocation>,
    pub priority: i64,
}

/// A node, and who has to leave it.
pub(crate) struct Eviction<'a> {
    pub choice: Choice,
    pub victims: Vec<Victim<'a>>,
}

/// How many of each group this plan pushes aside.
#[derive(Default)]
pub(crate) struct Evicted(HashMap<(JobKey, Text), i64>);

impl Evicted {
    pub(crate) fn add(&mut self, alloc: &Allocation) {
        *self.0.entry((alloc.job_key(), alloc.task_group.clone())).or_default() += 1;
    }

    /// How many more of the group than its own migration strategy allows would be gone.
    fn excess(&self, alloc: &Allocation) -> i64 {
        let max_parallel = alloc.group().and_then(|group| group.migrate.as_ref()).map_or(0, |migrate| migrate.max_parallel);
        if max_parallel <= 0 {
            return 0;
        }
        let n = self.0.get(&(alloc.job_key(), alloc.task_group.clone())).copied().unwrap_or(0);
        (n + 1 - max_parallel).max(0)
    }
}

/// What a node is worth, and who would have to leave it.
type Offer<'a> = (Score, Vec<Victim<'a>>);

/// What was found out for one group, as long as the node does not change.
#[derive(Default)]
pub(crate) struct Memory<'a> {
    /// By node: its number of changes then.
    known: HashMap<u32, (u32, Option<Offer<'a>>)>,
    /// Nobody could be found when so much of `Fleet::changes` was known.
    in_vain: Option<usize>,
}

/// The best node for the group, if pushing others aside makes room on any.
pub(crate) fn find<'a>(
    fleet: &mut Fleet<'a>,
    board: &Board,
    memory: &mut Memory<'a>,
    evicted: &Evicted,
    penalised: &[u32],
    pinned: Option<NodeId>,
) -> Option<Eviction<'a>> {
    let priority_max = board.preempts_up_to()?;
    let positions = match pinned {
        Some(node) => fleet.position(node).map_or(0..0, |position| position..position + 1),
        None if memory.in_vain == Some(fleet.changes.len()) => return None,
        None => 0..fleet.nodes.len() as u32,
    };
    let mut scores: Vec<(u32, Score)> = Vec::new();
    for position in positions.filter(|position| board.is_exhausted(*position)) {
        let version = fleet.n_changes(position);
        let is_known = memory.known.get(&position).is_some_and(|(known, _)| *known == version);
        if !is_known {
            let found = victims_on(fleet, &board.ask, position, priority_max, evicted).map(|(victims, room)| {
                let score = board.score_without(fleet, position, &room, &victims);
                (score, victims)
            });
            memory.known.insert(position, (version, found));
        }
        if let Some((_, Some((score, _)))) = memory.known.get(&position) {
            let penalty = if penalised.contains(&position) { -1.0 } else { 0.0 };
            scores.push((position, Score { penalty, spread: board.spread_boost(position), ..*score }));
        }
    }
    scores.sort_by(|(one, score), (other, other_score)| {
        let tie = |position: u32| fleet.tie[position as usize];
        other_score.mean().total_cmp(&score.mean()).then(tie(*one).cmp(&tie(*other)))
    });
    scores.truncate(SHOWN_SCORES);
    let Some((position, _)) = scores.first() else {
        if pinned.is_none() {
            memory.in_vain = Some(fleet.changes.len());
        }
        return None;
    };
    let (_, Some((_, victims))) = memory.known.get(position)? else { return None };
    Some(Eviction { choice: Choice { node: *position, best: scores.clone() }, victims: victims.clone() })
}

/// Who has to go, and what is left on the node then.
fn victims_on<'a>(
    fleet: &mut Fleet<'a>,
    ask: &Ask,
    position: u32,
    priority_max: i64,
    evicted: &Evicted,
) -> Option<(Vec<Victim<'a>>, Room)> {
    let mut candidates = candidates_on(fleet, position, priority_max);
    if candidates.is_empty() {
        return None;
    }
    let (node, mut room) = (fleet.nodes[position as usize], fleet.listed_room(position).clone());
    let mut victims: Vec<Victim> = Vec::new();
    while let Some(lack) = ask.lacks(node, &room) {
        let want = missing(ask, &room);
        let useful = candidates.iter().enumerate().filter(|(_, victim)| helps(ask, node, victim.alloc, lack));
        let rank = |victim: &Victim| {
            let distance = distance(want, victim.alloc) + MAX_PARALLEL_PENALTY * evicted.excess(victim.alloc) as f64;
            (victim.priority, distance)
        };
        let best = useful.min_by(|(_, one), (_, other)| {
            let ((priority, distance), (other_priority, other_distance)) = (rank(one), rank(other));
            priority.cmp(&other_priority).then(distance.total_cmp(&other_distance)).then(one.alloc.id.cmp(&other.alloc.id))
        });
        let victim = candidates.remove(best?.0);
        if let Some(resources) = &victim.alloc.allocated_resources {
            room.give_back(resources);
        }
        victims.push(victim);
    }
    spare(ask, node, &mut room, &mut victims);
    Some((victims, room))
}

/// Live allocations of jobs that are less important. What is placed by a plan on its way is left alone: it does not have its job yet.
fn candidates_on<'a>(fleet: &Fleet<'a>, position: u32, priority_max: i64) -> Vec<Victim<'a>> {
    let of = |alloc: &'a Arc<Allocation>| Some(Victim { alloc, priority: alloc.job.as_ref()?.priority });
    fleet.others_on(position).filter_map(of).filter(|victim| victim.priority <= priority_max).collect()
}

/// Whether the node lacks less when the allocation is gone.
fn helps(ask: &Ask, node: &Node, alloc: &Allocation, lack: Lack) -> bool {
    let Some(resources) = &alloc.allocated_resources else { return lack == Lack::Allocs };
    let usage = Usage::of_alloc(resources);
    match lack {
        Lack::Cpu => usage.cpu > 0,
        Lack::Memory => usage.memory > 0,
        Lack::Disk => usage.disk > 0,
        Lack::Cores => resources.tasks.values().any(|task| !task.cpu.reserved_cores.is_empty()),
        Lack::Allocs => true,
        Lack::Devices => ask.devices.wants_of(resources),
        Lack::DynamicPorts => resources.host_ports().next().is_some(),
        Lack::StaticPort(number) => {
            let wanted = ask.static_port_on(node, number);
            wanted.is_some_and(|wanted| resources.host_ports().any(|port| port == wanted))
        }
    }
}

/// What there is too little of; everything that is asked for when it is something that is not counted in amounts.
fn missing(ask: &Ask, room: &Room) -> Usage {
    let over = room.used.plus(ask.usage_on(room)).minus(room.total).max(Usage::default());
    if over == Usage::default() { ask.usage_on(room) } else { over }
}

/// How far the allocation's size is from what is wanted.
fn distance(want: Usage, alloc: &Allocation) -> f64 {
    let has = alloc.allocated_resources.as_ref().map(|resources| Usage::of_alloc(resources)).unwrap_or_default();
    let square = |want: i64, has: i64| if want > 0 { ((want as f64 - has as f64) / want as f64).powi(2) } else { 0.0 };
    (square(want.cpu, has.cpu) + square(want.memory, has.memory) + square(want.disk, has.disk)).sqrt()
}

/// Whoever need not go after all stays, the most important first.
fn spare(ask: &Ask, node: &Node, room: &mut Room, victims: &mut Vec<Victim>) {
    let mut order: Vec<Victim> = victims.clone();
    order.sort_by_key(|victim| (std::cmp::Reverse(victim.priority), victim.alloc.create_index, victim.alloc.id));
    for victim in order {
        let Some(resources) = &victim.alloc.allocated_resources else { continue };
        room.take(resources);
        if ask.lacks(node, room).is_none() {
            victims.retain(|other| other.alloc.id != victim.alloc.id);
        } else {
            room.give_back(resources);
        }
    }
}
