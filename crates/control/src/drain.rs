//! What leaves a draining node next, and when a drain is over.
//!
//! * Service allocations move as far as their groups allow: never are more than `migrate.max_parallel` of a group's places without a healthy
//!   allocation because of drains. A group that allows none waits for the deadline.
//! * Batch allocations are left to finish until the deadline.
//! * Those of system jobs stop last, when nothing else is left, unless the drain leaves them alone.
//! * At the deadline all that is left is told to go at once, and the drain is over.
//!
//! What moves is only marked here; the scheduler places it elsewhere and stops what was marked. Everything is derived from the view: a new
//! leader goes on where the last one was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    AllocId, Allocation, DesiredTransition, EvalTrigger, Evaluation, IdSource, JobKey, JobType, Node, NodeEvent, NodeId, NodeStatus, Text,
    Time,
};
use state::{Command, NodeDrain, Store};

use crate::job_eval;

/// Deadlines that are so close to one that has come count as come, so that many nodes end in one write. Nanoseconds.
const TOGETHER: i64 = 5_000_000_000;

/// What to propose, and when to look again although nothing changed.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    pub propose: Vec<Command>,
    /// Unix nanoseconds.
    pub wake_at: Option<i64>,
}

/// The next step of all drains.
pub fn step(view: &Store, now: i64, ids: &mut IdSource) -> Step {
    let draining: Vec<Draining> = view.nodes().filter_map(Draining::of).collect();
    let has_come = draining.iter().any(|drain| drain.is_due(now));
    let horizon = if has_come { now.saturating_add(TOGETHER) } else { now };
    let mut step = Step::default();
    let mut marks = Marks { view, marked: BTreeMap::new(), last: Vec::new() };
    let mut movable: BTreeMap<(JobKey, Text), Vec<&Arc<Allocation>>> = BTreeMap::new();
    for drain in &draining {
        let left: Vec<&Arc<Allocation>> = view.node_allocs(drain.node.id).filter(|alloc| drain.waits_for(alloc)).collect();
        if left.is_empty() {
            step.propose.push(over(drain.node.id, None, now));
            continue;
        }
        if drain.is_due(horizon) {
            // Its jobs are looked at with the end of the drain, not before: only then nothing has to stay until it has a place.
            let mut jobs: BTreeMap<JobKey, Vec<&Arc<Allocation>>> = BTreeMap::new();
            left.iter().for_each(|alloc| jobs.entry(alloc.job_key()).or_default().push(alloc));
            let evals = jobs.iter().filter_map(|(key, allocs)| drain_eval(view, key, allocs, ids)).collect();
            marks.last.extend(left.iter().filter(|alloc| stands(alloc)).map(|alloc| alloc.id));
            step.propose.push(over(drain.node.id, Some(evals), now));
            continue;
        }
        if let Some(deadline) = drain.deadline {
            step.wake_at = Some(step.wake_at.map_or(deadline, |at| at.min(deadline)));
        }
        if is_away(drain.node) {
            // What became of its allocations is the scheduler's business; nobody there would hear of a move.
            continue;
        }
        if left.iter().all(|alloc| is_of_system(alloc)) {
            left.iter().for_each(|alloc| marks.mark(alloc));
            continue;
        }
        for alloc in left.into_iter().filter(|alloc| kind_of(alloc) == JobType::Service && stands(alloc)) {
            movable.entry((alloc.job_key(), alloc.task_group.clone())).or_default().push(alloc);
        }
    }
    for ((key, group), allocs) in movable {
        next_of_group(view, &key, &group, allocs).into_iter().for_each(|alloc| marks.mark(alloc));
    }
    // First what moves: a drain that ends has nothing more to say.
    if let Some(command) = marks.command(now, ids) {
        step.propose.insert(0, command);
    }
    step
}

struct Draining<'a> {
    node: &'a Arc<Node>,
    ignores_system: bool,
    /// `None`: it waits as long as it takes.
    deadline: Option<i64>,
}

impl<'a> Draining<'a> {
    fn of(node: &'a Arc<Node>) -> Option<Self> {
        let strategy = node.drain_strategy.as_ref()?;
        let deadline = (strategy.deadline != 0).then_some(strategy.force_deadline.0);
        Some(Self { node, ignores_system: strategy.ignore_system_jobs, deadline })
    }

    fn is_due(&self, now: i64) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// It has not ended on the node, by the node's own word or because the node is gone.
    fn waits_for(&self, alloc: &Allocation) -> bool {
        let is_left_alone = self.ignores_system && is_of_system(alloc);
        !alloc.client_status.is_terminal() && !is_left_alone
    }
}

fn kind_of(alloc: &Allocation) -> JobType {
    alloc.job.as_ref().map_or(JobType::Service, |job| job.kind)
}

fn is_of_system(alloc: &Allocation) -> bool {
    kind_of(alloc).is_on_every_node()
}

fn is_away(node: &Node) -> bool {
    matches!(node.status, NodeStatus::Down | NodeStatus::Disconnected)
}

/// Wanted where it is, and not told to move.
fn stands(alloc: &Allocation) -> bool {
    !alloc.is_terminal() && alloc.desired_transition.migrate != Some(true)
}

/// Which of a group's allocations on draining nodes go now. Those that are not healthy first: nothing is lost by them.
fn next_of_group<'a>(view: &Store, key: &JobKey, group: &str, mut here: Vec<&'a Arc<Allocation>>) -> Vec<&'a Arc<Allocation>> {
    let job = view.job(key).filter(|job| !job.stop);
    // What its job does not want any more is stopped by the scheduler anyway.
    let Some(group) = job.and_then(|job| job.group(group)) else { return here };
    let wanted = group.count;
    let at_a_time = group.migrate.as_ref().map_or(1, |migrate| migrate.max_parallel);
    let here_ids: BTreeSet<AllocId> = here.iter().map(|alloc| alloc.id).collect();
    let is_served = |alloc: &Allocation| alloc.is_healthy() && view.node(alloc.node_id).is_some_and(|node| !is_away(node));
    let (mut healthy, mut standing) = (0_i64, 0_i64);
    for alloc in view.job_allocs(key).filter(|alloc| *alloc.task_group == *group.name && stands(alloc)) {
        let is_served = is_served(alloc);
        healthy += i64::from(is_served);
        // One that is not healthy, and has not been replaced yet, holds its place as well as it ever did.
        standing += i64::from(is_served || here_ids.contains(&alloc.id));
    }
    let mut budget = at_a_time.saturating_sub(wanted.saturating_sub(standing));
    let mut healthy_budget = at_a_time.saturating_sub(wanted.saturating_sub(healthy));
    here.sort_by_key(|alloc| (is_served(alloc), alloc.index(), alloc.create_index, alloc.id));
    here.retain(|alloc| {
        if budget <= 0 || is_served(alloc) && healthy_budget <= 0 {
            return false;
        }
        budget -= 1;
        healthy_budget -= i64::from(is_served(alloc));
        true
    });
    here
}

/// What is told to move, by job.
struct Marks<'a> {
    view: &'a Store,
    marked: BTreeMap<JobKey, Vec<&'a Arc<Allocation>>>,
    /// At a deadline.
    last: Vec<AllocId>,
}

impl<'a> Marks<'a> {
    fn mark(&mut self, alloc: &'a Arc<Allocation>) {
        if stands(alloc) {
            self.marked.entry(alloc.job_key()).or_default().push(alloc);
        }
    }

    fn command(self, now: i64, ids: &mut IdSource) -> Option<Command> {
        let marked = self.marked.values().flatten().map(|alloc| alloc.id).chain(self.last);
        let transition = DesiredTransition { migrate: Some(true), ..Default::default() };
        let transitions: Vec<_> = marked.map(|id| (id, transition.clone())).collect();
        let evals = self.marked.iter().filter_map(|(key, allocs)| drain_eval(self.view, key, allocs, ids)).collect();
        (!transitions.is_empty()).then_some(Command::SetTransitions { transitions, evals, time: now })
    }
}

fn drain_eval(view: &Store, key: &JobKey, allocs: &[&Arc<Allocation>], ids: &mut IdSource) -> Option<Evaluation> {
    let first = allocs.first()?;
    let job = view.job(key).or(first.job.as_ref())?;
    let node_modify_index = view.node(first.node_id).map_or(0, |node| node.modify_index);
    Some(Evaluation { node_id: first.node_id, node_modify_index, ..job_eval(job, EvalTrigger::NodeDrain, ids) })
}

/// `evals`: of what is told to go when the deadline ends the drain.
fn over(id: NodeId, at_deadline: Option<Vec<Evaluation>>, now: i64) -> Command {
    let details = if at_deadline.is_some() { [("deadline_reached".to_owned(), "true".to_owned())].into() } else { BTreeMap::new() };
    let event = NodeEvent {
        message: "Node drain complete".to_owned(),
        subsystem: "Drain".to_owned(),
        details,
        timestamp: Time(now),
        ..Default::default()
    };
    Command::SetNodeDrain(Box::new(NodeDrain {
        id,
        strategy: None,
        is_complete: true,
        mark_eligible: false,
        meta: BTreeMap::new(),
        event: Some(event),
        evals: at_deadline.unwrap_or_default(),
        time: now,
    }))
}
