//! What became of each allocation of a group, before anybody compares it with the job.

use std::sync::Arc;

use model::{Allocation, ClientStatus, DrainStatus, Eligibility, EvalId, Job, JobType, NodeStatus, ReschedulePolicy, TaskPhase};
use state::Store;

use crate::reschedule::{self, Verdict};

/// Descriptions that the region writes into allocations.
pub(crate) mod description {
    pub const NOT_NEEDED: &str = "alloc not needed due to job update";
    pub const MIGRATING: &str = "alloc is being migrated";
    pub const UPDATING: &str = "alloc is being updated due to job update";
    pub const LOST: &str = "alloc is lost since its node is down";
    pub const RESCHEDULED: &str = "alloc was rescheduled because it failed";
}

/// What became of an allocation that holds one of the group's places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lot {
    /// Runs, or is about to.
    Alive,
    /// Finished work that is not done again (batch).
    Done,
    /// Failed, and its policy allows no further attempt.
    Dead,
    /// Failed; the next attempt is due at this time.
    Later(i64),
    /// Failed, or told to move; the next attempt is due. `delay`: as it goes into the tracker.
    Now { delay: i64 },
    /// Told to leave its node.
    Migrating,
    /// Its node is down or gone.
    Lost,
}

impl Lot {
    pub(crate) fn has_failed(self) -> bool {
        matches!(self, Self::Dead | Self::Later(_) | Self::Now { .. })
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    pub alloc: &'a Arc<Allocation>,
    pub lot: Lot,
    /// `2` of `web.app[2]`.
    pub index: u64,
}

/// The allocations of one group.
#[derive(Default)]
pub(crate) struct Classified<'a> {
    pub items: Vec<Item<'a>>,
    /// Ended without a successor, by themselves or with their node: whoever fills the place comes after them.
    pub vacated: Vec<&'a Arc<Allocation>>,
    /// No longer wanted, but their node cannot say that they ended.
    pub silent: Vec<&'a Arc<Allocation>>,
}

pub(crate) struct Circumstances<'a> {
    pub view: &'a Store,
    /// The present version.
    pub job: &'a Job,
    pub eval: EvalId,
    pub now: i64,
}

pub(crate) fn classify<'a>(circumstances: &Circumstances<'a>, allocs: &[&'a Arc<Allocation>]) -> Classified<'a> {
    let mut classified = Classified::default();
    let is_batch = circumstances.job.kind == JobType::Batch;
    for alloc in allocs {
        let is_down = is_node_down(circumstances.view, alloc);
        if is_batch && alloc.client_status.is_terminal() && !is_current(circumstances.job, alloc) {
            // A new version of a batch job does its work again.
            continue;
        }
        if alloc.server_terminal() {
            classify_stopped(circumstances, alloc, is_down, &mut classified);
        } else if let Some(lot) = lot_of_wanted(circumstances, alloc, is_down) {
            classified.items.push(Item { alloc, lot, index: alloc.index().unwrap_or(u64::MAX) });
        } else if alloc.next_allocation.is_nil() {
            classified.vacated.push(alloc);
        }
    }
    classified.items.sort_by_key(|item| (item.index, item.alloc.create_index, item.alloc.id));
    classified
}

fn classify_stopped<'a>(circumstances: &Circumstances, alloc: &'a Arc<Allocation>, is_down: bool, classified: &mut Classified<'a>) {
    if is_down && !alloc.client_status.is_terminal() {
        classified.silent.push(alloc);
    }
    if !alloc.next_allocation.is_nil() {
        return;
    }
    if alloc.client_status == ClientStatus::Lost && alloc.desired_description == description::LOST {
        classified.vacated.push(alloc);
    } else if circumstances.job.kind == JobType::Batch && has_succeeded(alloc) {
        // It was stopped when it had already done its work.
        classified.items.push(Item { alloc, lot: Lot::Done, index: alloc.index().unwrap_or(u64::MAX) });
    }
}

/// What became of an allocation that the region wants to run; `None`: it holds no place any more.
fn lot_of_wanted(circumstances: &Circumstances, alloc: &Allocation, is_down: bool) -> Option<Lot> {
    let Circumstances { job, eval, now, .. } = circumstances;
    let is_batch = job.kind == JobType::Batch;
    match alloc.client_status {
        ClientStatus::Complete if is_batch => Some(Lot::Done),
        ClientStatus::Complete => None,
        ClientStatus::Lost | ClientStatus::Failed if !alloc.next_allocation.is_nil() => None,
        ClientStatus::Lost => Some(Lot::Lost),
        ClientStatus::Failed => {
            let is_due = !alloc.followup_eval_id.is_nil() && alloc.followup_eval_id == *eval;
            Some(match reschedule::judge(alloc, policy_of(alloc), is_due, *now) {
                Verdict::Never => Lot::Dead,
                Verdict::Now { delay } => Lot::Now { delay },
                Verdict::Later(at) => Lot::Later(at),
            })
        }
        ClientStatus::Pending | ClientStatus::Running | ClientStatus::Unknown => Some(lot_of_live(alloc, is_down)),
    }
}

fn lot_of_live(alloc: &Allocation, is_down: bool) -> Lot {
    let transition = &alloc.desired_transition;
    if is_down {
        // The group asked not to be replaced while nobody knows what became of it.
        let stays = group_of(alloc).is_some_and(|group| group.prevent_reschedule_on_lost);
        return if stays { Lot::Alive } else { Lot::Lost };
    }
    if transition.migrate == Some(true) {
        return Lot::Migrating;
    }
    if transition.reschedule == Some(true) || transition.force_reschedule == Some(true) {
        return Lot::Now { delay: 0 };
    }
    Lot::Alive
}

pub(crate) fn is_node_down(view: &Store, alloc: &Allocation) -> bool {
    view.node(alloc.node_id).is_none_or(|node| matches!(node.status, NodeStatus::Down | NodeStatus::Disconnected))
}

/// The drain of its node is over: whatever was left had its time.
pub(crate) fn is_drained(view: &Store, alloc: &Allocation) -> bool {
    view.node(alloc.node_id).is_some_and(|node| {
        let is_complete = node.last_drain.as_ref().is_some_and(|last| last.status == DrainStatus::Complete);
        is_complete && node.drain_strategy.is_none() && node.scheduling_eligibility == Eligibility::Ineligible
    })
}

fn group_of(alloc: &Allocation) -> Option<&model::TaskGroup> {
    alloc.job.as_ref()?.group(&alloc.task_group)
}

/// Of the version that the allocation runs.
pub(crate) fn policy_of(alloc: &Allocation) -> Option<&ReschedulePolicy> {
    group_of(alloc)?.reschedule_policy.as_ref()
}

/// Of the present version of this very job, not of one that had its name before.
pub(crate) fn is_current(job: &Job, alloc: &Allocation) -> bool {
    alloc.job.as_ref().is_some_and(|own| own.version == job.version && own.create_index == job.create_index)
}

/// All tasks ended well and by themselves.
fn has_succeeded(alloc: &Allocation) -> bool {
    let was_killed = |kind: &str| matches!(kind, "Killing" | "Killed");
    alloc.client_status == ClientStatus::Complete
        && !alloc.task_states.is_empty()
        && alloc
            .task_states
            .all()
            .values()
            .all(|state| state.state == TaskPhase::Dead && !state.failed && !state.events.iter().any(|event| was_killed(&event.kind)))
}
