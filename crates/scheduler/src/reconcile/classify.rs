//! What became of each allocation of a group, before anybody compares it with the job.

use std::sync::Arc;

use model::{Allocation, ClientStatus, EvalId, Job, JobType, NodeStatus, ReschedulePolicy, TaskPhase};
use state::Store;

use super::absence::{Presence, has_successor, is_about_absence, is_replaced_when_away, presence};
use crate::reschedule::{self, Verdict};

/// Descriptions that the region writes into allocations.
pub(crate) mod description {
    pub const NOT_NEEDED: &str = "alloc not needed due to job update";
    pub const MIGRATING: &str = "alloc is being migrated";
    pub const UPDATING: &str = "alloc is being updated due to job update";
    pub const LOST: &str = "alloc is lost since its node is down";
    pub const UNKNOWN: &str = "alloc is unknown since its node is disconnected";
    pub const RECONNECTED: &str = "alloc not needed due to disconnected client reconnect";
    pub const TAINTED: &str = "alloc not needed as node is tainted";
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
    /// Unknown, because its node is disconnected; nobody takes its place meanwhile.
    Away,
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

impl<'a> Item<'a> {
    pub(crate) fn new(alloc: &'a Arc<Allocation>, lot: Lot) -> Self {
        Self { alloc, lot, index: alloc.index().unwrap_or(u64::MAX) }
    }
}

/// The allocations of one group.
#[derive(Default)]
pub(crate) struct Classified<'a> {
    pub items: Vec<Item<'a>>,
    /// Ended without a successor, by themselves or with their node: whoever fills the place comes after them.
    pub vacated: Vec<&'a Arc<Allocation>>,
    /// No longer wanted, but their node cannot say that they ended.
    pub silent: Vec<&'a Arc<Allocation>>,
    /// Their node has just gone silent: they become unknown, if anything until that time. They are among the others besides.
    pub leaving: Vec<(&'a Arc<Allocation>, Option<i64>)>,
    /// Unknown, and others may take their place.
    pub away: Vec<&'a Arc<Allocation>>,
    /// Lost after all, when others have already taken their place.
    pub given_up: Vec<&'a Arc<Allocation>>,
}

impl Classified<'_> {
    /// Nothing of the group is left to look after.
    pub(crate) fn is_over(&self) -> bool {
        self.items.is_empty() && self.silent.is_empty() && self.away.is_empty() && self.given_up.is_empty()
    }
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
        if is_batch && alloc.client_status.is_terminal() && !alloc.is_of(circumstances.job) {
            // A new version of a batch job does its work again.
            continue;
        }
        if alloc.server_terminal() {
            classify_stopped(circumstances, alloc, is_down, &mut classified);
        } else if alloc.client_status.is_terminal() {
            match lot_of_ended(circumstances, alloc) {
                Some(lot) => classified.items.push(Item::new(alloc, lot)),
                None if has_successor(circumstances.view, alloc) => {}
                None => classified.vacated.push(alloc),
            }
        } else {
            classify_live(circumstances, alloc, &mut classified);
        }
    }
    classified.items.sort_by_key(|item| (item.index, item.alloc.create_index, item.alloc.id));
    classified
}

fn classify_stopped<'a>(circumstances: &Circumstances, alloc: &'a Arc<Allocation>, is_down: bool, classified: &mut Classified<'a>) {
    if is_down && !alloc.client_status.is_terminal() {
        classified.silent.push(alloc);
    }
    if has_successor(circumstances.view, alloc) {
        return;
    }
    let is_lost = alloc.client_status == ClientStatus::Lost && alloc.desired_description == description::LOST;
    if is_lost || alloc.desired_description == description::MIGRATING {
        classified.vacated.push(alloc);
    } else if circumstances.job.kind == JobType::Batch && has_succeeded(alloc) {
        // It was stopped when it had already done its work.
        classified.items.push(Item::new(alloc, Lot::Done));
    }
}

fn classify_live<'a>(circumstances: &Circumstances, alloc: &'a Arc<Allocation>, classified: &mut Classified<'a>) {
    let presence = presence(circumstances.view, alloc, circumstances.eval, circumstances.now);
    let lot = match presence {
        Presence::Here => lot_of_present(alloc),
        Presence::Lost if has_successor(circumstances.view, alloc) => {
            classified.given_up.push(alloc);
            return;
        }
        Presence::Lost => Lot::Lost,
        Presence::Leaving { .. } | Presence::LeavingForEver | Presence::Away => Lot::Away,
    };
    classified.leaving.extend(presence.leaves().map(|until| (alloc, until)));
    if lot == Lot::Away && is_replaced_when_away(alloc) {
        classified.away.push(alloc);
        if !has_successor(circumstances.view, alloc) {
            classified.vacated.push(alloc);
        }
        return;
    }
    classified.items.push(Item::new(alloc, lot));
}

/// What became of an allocation that the region wants to run and that has ended; `None`: it holds no place any more.
fn lot_of_ended(circumstances: &Circumstances, alloc: &Allocation) -> Option<Lot> {
    let Circumstances { view, job, eval, now } = circumstances;
    match alloc.client_status {
        ClientStatus::Complete if job.kind == JobType::Batch => Some(Lot::Done),
        ClientStatus::Complete => None,
        _ if has_successor(view, alloc) => None,
        ClientStatus::Failed => {
            let follow_up = alloc.followup_eval_id;
            let is_due = !follow_up.is_nil() && follow_up == *eval && !is_about_absence(view, follow_up);
            Some(match reschedule::judge(alloc, policy_of(alloc), is_due, *now) {
                Verdict::Never => Lot::Dead,
                Verdict::Now { delay } => Lot::Now { delay },
                Verdict::Later(at) => Lot::Later(at),
            })
        }
        _ => Some(Lot::Lost),
    }
}

pub(super) fn lot_of_present(alloc: &Allocation) -> Lot {
    let transition = &alloc.desired_transition;
    if transition.migrate == Some(true) {
        return Lot::Migrating;
    }
    if transition.reschedule == Some(true) || transition.force_reschedule == Some(true) {
        return Lot::Now { delay: 0 };
    }
    Lot::Alive
}

pub(crate) fn is_node_down(view: &Store, alloc: &Allocation) -> bool {
    view.node(alloc.node_id).is_none_or(|node| node.status == NodeStatus::Down)
}

/// Its node is being emptied, so it has some time to leave.
pub(crate) fn is_draining(view: &Store, alloc: &Allocation) -> bool {
    view.node(alloc.node_id).is_some_and(|node| node.drain_strategy.is_some())
}

/// Of the version that the allocation runs.
pub(crate) fn policy_of(alloc: &Allocation) -> Option<&ReschedulePolicy> {
    alloc.group()?.reschedule_policy.as_ref()
}

/// All tasks ended well and by themselves.
pub(super) fn has_succeeded(alloc: &Allocation) -> bool {
    let was_killed = |kind: &str| matches!(kind, "Killing" | "Killed");
    alloc.client_status == ClientStatus::Complete
        && !alloc.task_states.is_empty()
        && alloc
            .task_states
            .all()
            .values()
            .all(|state| state.state == TaskPhase::Dead && !state.failed && !state.events.iter().any(|event| was_killed(&event.kind)))
}
