//! Compares what a job wants with what there is, and says what should change, before anybody asks where there is room.

mod absence;
mod classify;
mod deployment;
mod group;
mod repair;
mod returned;
mod system;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    AllocId, Allocation, ClientStatus, Deployment, DeploymentStatus, DesiredUpdates, EvalId, EvalTrigger, Evaluation, Job, JobKey, JobType,
    NodeId, RescheduleTracker, TaskGroup, Text,
};
use state::{AllocStop, DeploymentUpdate, Store};

use classify::{Circumstances, Classified, Item, Lot, description};

use crate::reschedule;

pub(crate) use classify::description::UNKNOWN;

/// Why a place is to be filled; the first ones get what room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// In place of one that failed, is lost or has to move.
    Repair,
    Canary,
    /// There are fewer than wanted.
    Missing,
    /// In place of one that runs well, but not as wanted.
    Update,
}

/// An allocation to be placed.
#[derive(Clone, Debug)]
pub(crate) struct Slot<'a> {
    pub urgency: Urgency,
    /// The version to place.
    pub job: Arc<Job>,
    pub group: Text,
    pub name: Text,
    pub is_canary: bool,
    /// Counts in the deployment of the present version.
    pub in_deployment: bool,
    pub previous: Option<&'a Arc<Allocation>>,
    /// The previous one is stopped, with these words, if there is room for the new one; else it stays.
    pub stops_previous: Option<&'static str>,
    pub tracker: Option<Arc<RescheduleTracker>>,
    /// Where earlier attempts failed.
    pub penalised: Vec<NodeId>,
    /// There and nowhere else.
    pub pinned: Option<NodeId>,
    /// One of the few nodes whose turn it is: if it has no room, one of `Wishes::standbys` has its turn.
    pub is_turn: bool,
}

/// An allocation that becomes one of the present version while its tasks go on.
#[derive(Clone, Debug)]
pub(crate) struct InPlace<'a> {
    pub alloc: &'a Arc<Allocation>,
    pub in_deployment: bool,
}

/// What should change.
#[derive(Default)]
pub(crate) struct Wishes<'a> {
    pub stops: Vec<AllocStop>,
    /// Live allocations among `stops`, whose room is free for others.
    pub freed: Vec<&'a Arc<Allocation>>,
    pub in_place: Vec<InPlace<'a>>,
    pub slots: Vec<Slot<'a>>,
    /// By group: for nodes whose turn is still to come, in order. They count as kept.
    pub standbys: BTreeMap<Text, Vec<Slot<'a>>>,
    /// Failed allocations and when they are due (unix nanoseconds).
    pub later: Vec<(&'a Arc<Allocation>, i64)>,
    /// Allocations that become unknown, and when they are given up (unix nanoseconds), if ever.
    pub leaving: Vec<(&'a Arc<Allocation>, Option<i64>)>,
    pub desired: BTreeMap<String, DesiredUpdates>,
    /// The deployment of the present version; its id is nil when it is to be created.
    pub deployment: Option<Deployment>,
    /// `deployment` is new or differs from what is stored.
    pub deployment_changed: bool,
    pub deployment_updates: Vec<DeploymentUpdate>,
    /// Groups for every node that no node may run.
    pub nowhere: Vec<(Arc<Job>, String)>,
    pub notes: Vec<String>,
}

impl<'a> Wishes<'a> {
    fn counts(&mut self, group: &str) -> &mut DesiredUpdates {
        if !self.desired.contains_key(group) {
            self.desired.insert(group.to_owned(), DesiredUpdates::default());
        }
        self.desired.entry(group.to_owned()).or_default()
    }

    fn stop(&mut self, alloc: &'a Arc<Allocation>, description: &str, client_status: Option<ClientStatus>) {
        self.stops.push(AllocStop { id: alloc.id, description: description.to_owned(), client_status, followup_eval_id: EvalId::NIL });
        self.freed.push(alloc);
    }

    /// The job wants everything or nothing, and there is no room for everything: what is not needed any more stays until there is, and nothing
    /// is updated. What is lost is lost.
    pub(crate) fn give_up_changes(&mut self) {
        self.in_place.clear();
        self.stops.retain(|stop| stop.description != description::NOT_NEEDED);
        let stopped = self.stopped();
        self.freed.retain(|alloc| stopped.contains(&alloc.id));
    }

    fn stopped(&self) -> BTreeSet<AllocId> {
        self.stops.iter().map(|stop| stop.id).collect()
    }

    /// What this plan stops does not become unknown.
    fn settle_leaving(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        let stopped = self.stopped();
        self.leaving.retain(|(alloc, _)| !stopped.contains(&alloc.id));
        for (alloc, _) in self.leaving.clone() {
            self.counts(&alloc.task_group).disconnect += 1;
        }
    }

    fn stop_lost(&mut self, alloc: &'a Arc<Allocation>) {
        self.stop(alloc, description::LOST, Some(ClientStatus::Lost));
    }
}

/// How far the present version may go.
#[derive(Clone, Copy)]
enum Stage<'a> {
    /// It has no deployment.
    Open,
    Rolling(&'a Deployment),
    /// Its deployment is through: nothing is limited or counted any more.
    Settled,
    /// Nothing of it may start, because its deployment waits, is paused or ended badly. What runs is repaired.
    Closed(&'a Deployment),
}

/// The canaries of the present deployment that wait for promotion, and those whose places are free.
struct Canaries<'a> {
    items: Vec<Item<'a>>,
    vacated: Vec<&'a Arc<Allocation>>,
}

struct Reconciler<'a> {
    view: &'a Store,
    key: JobKey,
    job: &'a Arc<Job>,
    eval: EvalId,
    /// What failed on a node is tried there again: only when somebody or something else than room and failures asks for a look.
    tries_failed: bool,
    now: i64,
    stage: Stage<'a>,
    region: String,
    /// Live allocations of the job, by node.
    n_live_by_node: BTreeMap<NodeId, u64>,
    out: Wishes<'a>,
}

pub(crate) fn reconcile<'a>(view: &'a Store, eval: &Evaluation, now: i64) -> Wishes<'a> {
    let key = eval.job_key();
    // Of a parent nothing runs but its children.
    match view.job(&key).filter(|job| !job.stop && !job.is_parent()) {
        Some(job) => reconcile_wanted(view, key, job, eval, now),
        None => reconcile_stopped(view, &key),
    }
}

/// The job is stopped or purged.
fn reconcile_stopped<'a>(view: &'a Store, key: &JobKey) -> Wishes<'a> {
    let mut out = Wishes::default();
    if let Some(job) = view.job(key) {
        for group in &job.task_groups {
            out.counts(&group.name);
        }
    }
    for alloc in view.job_allocs(key) {
        let is_down = classify::is_node_down(view, alloc);
        if alloc.server_terminal() {
            mark_silent(&mut out, alloc, is_down);
        } else if !alloc.client_status.is_terminal() {
            out.counts(&alloc.task_group).stop += 1;
            if is_down { out.stop_lost(alloc) } else { out.stop(alloc, description::NOT_NEEDED, None) }
        }
    }
    for deployment in view.job_deployments(key).filter(|deployment| deployment.is_active()) {
        out.deployment_updates.push(deployment::cancel(deployment, deployment::CANCELLED_STOPPED));
    }
    out
}

/// A stopped allocation whose node cannot say that it ended.
fn mark_silent<'a>(out: &mut Wishes<'a>, alloc: &'a Arc<Allocation>, is_down: bool) {
    if is_down && !alloc.client_status.is_terminal() {
        let description = alloc.desired_description.as_str().to_owned();
        out.stops.push(AllocStop { id: alloc.id, description, client_status: Some(ClientStatus::Lost), followup_eval_id: EvalId::NIL });
    }
}

fn reconcile_wanted<'a>(view: &'a Store, key: JobKey, job: &'a Arc<Job>, eval: &Evaluation, now: i64) -> Wishes<'a> {
    let mut out = Wishes::default();
    for deployment in view.job_deployments(&key).filter(|deployment| deployment.is_active() && !deployment::is_of(deployment, job)) {
        out.deployment_updates.push(deployment::cancel(deployment, deployment::CANCELLED_NEWER));
    }
    let current =
        view.job_deployments(&key).filter(|deployment| deployment::is_of(deployment, job)).max_by_key(|deployment| deployment.create_index);
    let stage = match current.map(Arc::as_ref) {
        None => Stage::Open,
        Some(deployment) => match deployment.status {
            DeploymentStatus::Running => Stage::Rolling(deployment),
            DeploymentStatus::Successful | DeploymentStatus::Blocked | DeploymentStatus::Unblocking => Stage::Settled,
            DeploymentStatus::Initializing
            | DeploymentStatus::Pending
            | DeploymentStatus::Paused
            | DeploymentStatus::Failed
            | DeploymentStatus::Cancelled => Stage::Closed(deployment),
        },
    };
    if let Stage::Closed(deployment) = stage {
        out.notes.push(format!(
            "nothing of version {} is placed: its deployment is {} ({})",
            job.version, deployment.status, deployment.status_description
        ));
    }
    out.deployment = current.filter(|deployment| deployment.is_active()).map(|deployment| (**deployment).clone());

    let mut by_group: BTreeMap<&str, Vec<&Arc<Allocation>>> = BTreeMap::new();
    let mut n_live_by_node: BTreeMap<NodeId, u64> = BTreeMap::new();
    for alloc in view.job_allocs(&key) {
        by_group.entry(&alloc.task_group).or_default().push(alloc);
        if !alloc.is_terminal() {
            *n_live_by_node.entry(alloc.node_id).or_default() += 1;
        }
    }
    let region = view.identity().region.to_string();
    let tries_failed = !matches!(
        eval.triggered_by,
        EvalTrigger::QueuedAllocs
            | EvalTrigger::MaxPlanAttempts
            | EvalTrigger::AllocFailure
            | EvalTrigger::Preemption
            | EvalTrigger::Reconnect
            | EvalTrigger::MaxDisconnectTimeout
    );
    let eval = eval.id;
    let mut this = Reconciler { view, key, job, eval, tries_failed, now, stage, region, n_live_by_node, out };
    let circumstances = Circumstances { view, job, eval, now };
    for group in &job.task_groups {
        let allocs = by_group.remove(group.name.as_str()).unwrap_or_default();
        if this.is_on_every_node() {
            this.on_every_node(&circumstances, &group.name, Some(group), &allocs);
            continue;
        }
        let classified = classify::classify(&circumstances, &allocs);
        this.group(&group.name, Some(group), classified, &allocs);
    }
    for (name, allocs) in by_group {
        if this.is_on_every_node() {
            this.on_every_node(&circumstances, name, None, &allocs);
            continue;
        }
        let classified = classify::classify(&circumstances, &allocs);
        if !classified.is_over() {
            this.group(name, None, classified, &allocs);
        }
    }
    let mut out = this.out;
    out.settle_leaving();
    out.slots.sort_by_key(|slot| slot.urgency);
    out
}

impl<'a> Reconciler<'a> {
    fn group(&mut self, name: &str, group: Option<&'a TaskGroup>, classified: Classified<'a>, allocs: &[&'a Arc<Allocation>]) {
        self.out.counts(name);
        for alloc in &classified.silent {
            mark_silent(&mut self.out, alloc, true);
        }
        for alloc in &classified.given_up {
            self.out.stop_lost(alloc);
        }
        let (items, away) = self.settle_returns(name, classified.items, classified.away);
        let (canaries, items) = self.split_canaries(name, items);
        let (vacated_canaries, vacated): (Vec<_>, Vec<_>) = classified.vacated.into_iter().partition(|alloc| alloc.is_canary());
        let away = self.stop_needless_away(name, group, away);
        self.out.leaving.extend(classified.leaving);
        self.out.counts(name).ignore += away;
        if let Stage::Closed(deployment) = self.stage {
            self.repair_canaries(name, &canaries);
            // Who returns to a name that a promoted canary has taken over would stay beside it for ever; in a rollout that goes on later, the
            // next step decides.
            let items = if deployment.is_active() { items } else { self.stop_duplicates(name, items) };
            self.repair(name, &items, &vacated);
            return;
        }
        match group {
            Some(group) => self.update_group(group, Canaries { items: canaries, vacated: vacated_canaries }, items, &vacated, allocs),
            None => {
                for item in canaries.iter().chain(&items) {
                    self.stop_item(name, item);
                }
            }
        }
    }

    /// Separates the canaries that wait for promotion; those of a deployment that is over are stopped.
    fn split_canaries(&mut self, name: &str, items: Vec<Item<'a>>) -> (Vec<Item<'a>>, Vec<Item<'a>>) {
        let current = self.out.deployment.as_ref().map(|deployment| deployment.id);
        let (canaries, others): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.alloc.is_canary());
        let (canaries, leftover): (Vec<_>, Vec<_>) =
            canaries.into_iter().partition(|item| !item.alloc.deployment_id.is_nil() && Some(item.alloc.deployment_id) == current);
        for item in &leftover {
            self.stop_item(name, item);
        }
        (canaries, others)
    }

    /// Unknown ones whose place is not wanted any more shall not run on when their node returns. Returns how many may.
    fn stop_needless_away(&mut self, name: &str, group: Option<&TaskGroup>, away: Vec<&'a Arc<Allocation>>) -> u64 {
        if matches!(self.stage, Stage::Closed(_)) {
            return away.len() as u64;
        }
        let count = group.map_or(0, |group| wanted(group.count)) as u64;
        let (stay, go): (Vec<_>, Vec<_>) = away.into_iter().partition(|alloc| alloc.index().is_some_and(|index| index < count));
        for alloc in go {
            self.out.stop(alloc, description::NOT_NEEDED, None);
            self.out.counts(name).stop += 1;
        }
        stay.len() as u64
    }

    /// Not wanted any more.
    fn stop_item(&mut self, group: &str, item: &Item<'a>) {
        match item.lot {
            Lot::Done => return,
            Lot::Lost => self.out.stop_lost(item.alloc),
            _ => self.out.stop(item.alloc, description::NOT_NEEDED, None),
        }
        self.out.counts(group).stop += 1;
    }

    /// The place of an allocation is filled anew, under its name. `Lot` says why.
    fn replace(&mut self, group: &str, item: &Item<'a>, job: Arc<Job>, is_canary: bool, in_deployment: bool) {
        let alloc = item.alloc;
        let mut slot = Slot {
            urgency: Urgency::Repair,
            job,
            group: alloc.task_group.clone(),
            name: alloc.name.clone(),
            is_canary,
            in_deployment,
            previous: Some(alloc),
            stops_previous: None,
            // It is the same attempt, only elsewhere.
            tracker: alloc.reschedule_tracker.clone(),
            penalised: Vec::new(),
            pinned: None,
            is_turn: false,
        };
        match item.lot {
            Lot::Lost => {
                self.out.stop_lost(alloc);
                self.out.counts(group).place += 1;
            }
            Lot::Migrating => {
                if classify::is_draining(self.view, alloc) {
                    slot.stops_previous = Some(description::MIGRATING);
                } else {
                    // Somebody stopped it, or its time is over: it goes also when there is no place for its successor yet.
                    self.out.stop(alloc, description::MIGRATING, None);
                }
                self.out.counts(group).migrate += 1;
            }
            Lot::Now { delay } => {
                let tracker = reschedule::extend_tracker(alloc, classify::policy_of(alloc), delay, self.now);
                slot.stops_previous = Some(description::RESCHEDULED);
                slot.penalised = reschedule::failed_nodes(&tracker);
                slot.tracker = Some(Arc::new(tracker));
                let counts = self.out.counts(group);
                counts.place += 1;
                counts.reschedule_now += 1;
            }
            Lot::Alive | Lot::Dead | Lot::Done | Lot::Away | Lot::Later(_) => {
                slot.urgency = Urgency::Update;
                slot.stops_previous = Some(description::UPDATING);
                // A new version starts with a clean slate.
                slot.tracker = None;
                self.out.counts(group).destructive_update += 1;
            }
        }
        self.out.slots.push(slot);
    }

    /// Stays as it is.
    fn keep(&mut self, group: &str, item: &Item<'a>) {
        if let Lot::Later(at) = item.lot {
            self.out.counts(group).reschedule_later += 1;
            let follow_up = item.alloc.followup_eval_id;
            let is_awaited =
                self.view.eval(follow_up).is_some_and(|eval| !eval.is_terminal()) && !absence::is_about_absence(self.view, follow_up);
            if !is_awaited || item.alloc.followup_eval_id == self.eval {
                self.out.later.push((item.alloc, at));
            }
        }
        self.out.counts(group).ignore += 1;
    }

    fn is_batch(&self) -> bool {
        matches!(self.job.kind, JobType::Batch | JobType::Sysbatch)
    }

    fn is_on_every_node(&self) -> bool {
        self.job.kind.is_on_every_node()
    }
}

/// How many a group wants. No region admits more; keeps a job from asking for memory that it did not send.
fn wanted(count: i64) -> usize {
    count.clamp(0, model::GROUP_COUNT_MAX) as usize
}

/// Indexes of names that are in use.
fn used_indexes(items: &[Item]) -> BTreeSet<u64> {
    items.iter().map(|item| item.index).collect()
}
