//! Jobs that run once on every node that may run them: system jobs always, sysbatch jobs until their work is done there.
//!
//! A node that comes gets one, what is on a node that goes is lost and not replaced elsewhere. What failed is not tried again by itself: only
//! when the job is looked at for another reason, for example because its node returned.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Allocation, ClientStatus, DeploymentState, Job, JobType, Node, NodeId, TaskGroup, Text, alloc_name};

use super::absence::{Presence, presence};
use super::classify::{self, Circumstances, Item, Lot, description};
use super::group::version_key;
use super::{InPlace, Reconciler, Slot, Stage, Urgency, mark_silent};
use crate::change::{self, Update};
use crate::feasible::Checks;

/// What a node has of the group.
#[derive(Default)]
struct OnNode<'a> {
    /// Hold the node's one place; more than one only by mistake.
    holders: Vec<Item<'a>>,
    /// The newest that ended, if it may come back: who comes next comes after it.
    last: Option<&'a Arc<Allocation>>,
    newest_ended: Option<&'a Arc<Allocation>>,
}

type ByNode<'a> = BTreeMap<NodeId, OnNode<'a>>;

impl<'a> Reconciler<'a> {
    pub(super) fn on_every_node(
        &mut self,
        circumstances: &Circumstances<'a>,
        name: &str,
        group: Option<&'a TaskGroup>,
        allocs: &[&'a Arc<Allocation>],
    ) {
        self.out.counts(name);
        let mut by_node = self.sort_by_node(circumstances, allocs);
        for on_node in by_node.values_mut() {
            self.keep_one(name, &mut on_node.holders);
        }
        match (self.stage, group) {
            (Stage::Closed(_), _) => self.repair_nodes(name, &by_node),
            (_, Some(group)) if group.count > 0 => self.cover(group, &by_node, allocs),
            _ => {
                for item in by_node.values().flat_map(|on_node| &on_node.holders) {
                    self.stop_item(name, item);
                }
            }
        }
    }

    fn sort_by_node(&mut self, circumstances: &Circumstances<'a>, allocs: &[&'a Arc<Allocation>]) -> ByNode<'a> {
        let mut by_node = ByNode::new();
        for alloc in allocs {
            let on_node = by_node.entry(alloc.node_id).or_default();
            if alloc.server_terminal() {
                mark_silent(&mut self.out, alloc, classify::is_node_down(self.view, alloc));
            }
            match self.lot_on_node(circumstances, alloc) {
                Some(lot) => on_node.holders.push(Item::new(alloc, lot)),
                None => {
                    let age = |alloc: &Allocation| (alloc.create_index, alloc.id);
                    if on_node.newest_ended.is_some_and(|newest| age(newest) > age(alloc)) {
                        continue;
                    }
                    // Not what was stopped because the node is not to have it.
                    let may_return = !alloc.server_terminal()
                        || alloc.client_status == ClientStatus::Lost
                        || alloc.desired_description == description::MIGRATING;
                    on_node.newest_ended = Some(alloc);
                    on_node.last = may_return.then_some(*alloc);
                }
            }
        }
        by_node
    }

    /// What became of an allocation that holds its node's place; `None`: the place is free.
    fn lot_on_node(&mut self, circumstances: &Circumstances<'a>, alloc: &'a Arc<Allocation>) -> Option<Lot> {
        let is_forced = alloc.desired_transition.force_reschedule == Some(true);
        let has_work_done = self.job.kind == JobType::Sysbatch && alloc.is_of(self.job);
        if alloc.server_terminal() {
            return (has_work_done && classify::has_succeeded(alloc)).then_some(Lot::Done);
        }
        match alloc.client_status {
            ClientStatus::Complete => has_work_done.then_some(Lot::Done),
            // Its policy of restarts is used up, and there is no other.
            ClientStatus::Failed if has_work_done && !is_forced => Some(Lot::Dead),
            ClientStatus::Failed if self.fails_with_deployment(alloc) => Some(Lot::Dead),
            ClientStatus::Failed if !self.tries_failed && !is_forced && self.would_be_same(alloc) => Some(Lot::Dead),
            ClientStatus::Failed | ClientStatus::Lost => None,
            ClientStatus::Pending | ClientStatus::Running | ClientStatus::Unknown => {
                let presence = presence(self.view, alloc, circumstances.eval, circumstances.now);
                self.out.leaving.extend(presence.leaves().map(|until| (alloc, until)));
                Some(match presence {
                    Presence::Here => classify::lot_of_present(alloc),
                    Presence::Leaving { .. } | Presence::LeavingForEver | Presence::Away => Lot::Away,
                    Presence::Lost => Lot::Lost,
                })
            }
        }
    }

    /// Another try would be of the same version.
    fn would_be_same(&self, alloc: &Allocation) -> bool {
        alloc.is_of(self.job) || matches!(self.stage, Stage::Closed(_)) || self.is_on_trial(&alloc.task_group)
    }

    /// Whether canaries wait for their promotion.
    fn is_on_trial(&self, group: &str) -> bool {
        self.group_state(group).is_some_and(DeploymentState::awaits_promotion)
    }

    /// Whether it failed with the rollout that is over or about to be: another try would fail as well.
    fn fails_with_deployment(&self, alloc: &Allocation) -> bool {
        let deployment = match self.stage {
            Stage::Closed(deployment) | Stage::Rolling(deployment) => deployment,
            Stage::Open | Stage::Settled => return false,
        };
        alloc.deployment_id == deployment.id && alloc.desired_transition.force_reschedule != Some(true)
    }

    /// Of several on one node the one that runs what is wanted stays, and of those the newest.
    fn keep_one(&mut self, name: &str, holders: &mut Vec<Item<'a>>) {
        holders.sort_by_key(|item| {
            let is_spent = matches!(item.lot, Lot::Lost | Lot::Dead);
            (is_spent, !item.alloc.is_of(self.job), std::cmp::Reverse(item.alloc.create_index), item.alloc.id)
        });
        for item in holders.drain(1.min(holders.len())..).filter(|item| item.lot != Lot::Done && item.lot != Lot::Dead) {
            match item.lot {
                Lot::Lost => self.out.stop_lost(item.alloc),
                _ => self.out.stop(item.alloc, description::NOT_NEEDED, None),
            }
            self.out.counts(name).stop += 1;
        }
    }

    // ---- while the present version may go on

    fn cover(&mut self, group: &'a TaskGroup, by_node: &ByNode<'a>, allocs: &[&'a Arc<Allocation>]) {
        let checks = Checks::new(self.job, group);
        let items: Vec<Item<'a>> = by_node.values().flat_map(|on_node| &on_node.holders).copied().collect();
        let updates = self.compare_all(group, &items);
        let nothing = OnNode::default();

        // What is decided for each node; placements wait until it is known whether there is a deployment.
        let mut todo = Todo::default();
        for item in &items {
            let Some(node) = self.view.node(item.alloc.node_id) else {
                self.lose(&group.name, item);
                continue;
            };
            let fits = self.fits(&checks, node);
            let update = updates.get(&version_key(item.alloc)).copied().unwrap_or(Update::Destructive);
            match item.lot {
                Lot::Done | Lot::Dead => todo.kept.push(*item),
                Lot::Lost => {
                    self.lose(&group.name, item);
                    if node.is_schedulable() && fits {
                        todo.missing.push((node, Some(item.alloc)));
                    }
                }
                Lot::Away => todo.kept.push(*item),
                _ if !fits => todo.misplaced.push(*item),
                Lot::Migrating | Lot::Now { .. } if node.is_schedulable() => todo.again.push(*item),
                Lot::Migrating => {
                    self.out.stop(item.alloc, description::MIGRATING, None);
                    self.out.counts(&group.name).migrate += 1;
                }
                // A node that takes no new work keeps what it has.
                _ if update == Update::Nothing || !node.is_schedulable() => todo.kept.push(*item),
                _ if update == Update::InPlace => todo.in_place.push(*item),
                _ => todo.destructive.push(*item),
            }
        }
        let mut n_candidates = 0_usize;
        for node in self.view.nodes().filter(|node| node.is_schedulable() && self.fits(&checks, node)) {
            n_candidates += 1;
            let on_node = by_node.get(&node.id).unwrap_or(&nothing);
            if on_node.holders.is_empty() {
                todo.missing.push((node, on_node.last));
            }
        }
        if n_candidates == 0 && items.is_empty() {
            self.out.nowhere.push((Arc::clone(self.job), group.name.clone()));
        }
        todo.missing.sort_by_key(|(node, _)| node.id);
        let n_canaries = self.n_canary_nodes(group, &todo, n_candidates);
        self.deploy_everywhere(group, &todo, allocs, n_canaries);
        if n_canaries > 0 && !self.group_state(&group.name).is_some_and(|state| state.promoted) {
            self.try_on_some(group, todo, by_node, n_canaries);
        } else {
            self.carry_out(group, todo, None);
        }
    }

    /// On how many nodes the present version is tried before the others get it. `canary` is a part of the nodes that may run the group, in
    /// percent, rounded up. There is no trial where nothing older runs, nor for what was stable before.
    fn n_canary_nodes(&self, group: &'a TaskGroup, todo: &Todo<'a>, n_candidates: usize) -> i64 {
        let state = self.group_state(&group.name);
        if let Some(state) = state.filter(|state| state.promoted) {
            return state.desired_canaries;
        }
        // Decided when it began.
        let is_on_trial = state.filter(|state| state.placed_allocs > 0).map(|state| state.desired_canaries > 0);
        let Some(update) = self.rolling(group).filter(|_| !matches!(self.stage, Stage::Settled) && is_on_trial != Some(false)) else {
            return 0;
        };
        // Nodes may come and go meanwhile, but nothing is promoted that was nowhere tried.
        let n_places = (self.canaries(todo) + todo.destructive.len() + self.n_empty_for_trial(todo)) as i64;
        let n_wanted = (n_candidates as i64).saturating_mul(update.canary.clamp(0, 100)).saturating_add(99) / 100;
        match is_on_trial {
            Some(_) => n_wanted.min(n_places).max(1),
            None if n_wanted.min(n_places) > 0 && self.was_stable_before(group) => 0,
            None => n_wanted.min(n_places),
        }
    }

    /// How many nodes have a canary, or had one and get it again.
    fn canaries(&self, todo: &Todo<'a>) -> usize {
        let holders = todo.kept.iter().chain(&todo.again).map(|item| item.alloc);
        let missing = todo.missing.iter().filter_map(|(_, last)| *last);
        holders.chain(missing).filter(|alloc| self.is_canary(alloc)).count()
    }

    /// Empty nodes, where the version that is tried cannot run on those that have the older one.
    fn n_empty_for_trial(&self, todo: &Todo<'a>) -> usize {
        let is_older = |item: &Item| item.lot == Lot::Alive && !item.alloc.is_of(self.job);
        let is_new = |last: &Option<&Arc<Allocation>>| last.is_none();
        let moves = todo.destructive.is_empty() && todo.misplaced.iter().any(is_older);
        if moves { todo.missing.iter().filter(|(_, last)| is_new(last)).count() } else { 0 }
    }

    /// Whether an earlier version of the job that has proved itself runs the group in the same way: this one takes another back.
    fn was_stable_before(&self, group: &TaskGroup) -> bool {
        let versions = self.view.job_versions(&self.key);
        let mut earlier = versions.iter().filter(|known| known.stable && known.version < self.job.version);
        earlier.any(|known| known.group(&group.name).is_some() && change::compare(known, self.job, &group.name) != Update::Destructive)
    }

    /// A canary of the present deployment.
    fn is_canary(&self, alloc: &Allocation) -> bool {
        alloc.is_canary() && self.counts_in_deployment(alloc)
    }

    /// Until somebody promotes the canaries, the other nodes keep the version they have, and nodes that never had one wait.
    fn try_on_some(&mut self, group: &'a TaskGroup, mut todo: Todo<'a>, by_node: &ByNode<'a>, n_canaries: i64) {
        let n_missing = usize::try_from(n_canaries).unwrap_or(0).saturating_sub(self.canaries(&todo));
        let n_empty = self.n_empty_for_trial(&todo);
        let name = Text::from(&group.name);
        let (again, mut others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut todo.again).into_iter().partition(|item| self.is_canary(item.alloc));
        let (missing, vacated): (Vec<_>, Vec<_>) =
            std::mem::take(&mut todo.missing).into_iter().partition(|(_, last)| last.is_some_and(|last| self.is_canary(last)));
        (todo.again, todo.missing) = (again, missing);
        for item in std::mem::take(&mut todo.misplaced) {
            let takes_work = self.view.node(item.alloc.node_id).is_some_and(|node| node.is_schedulable());
            match item.lot {
                _ if item.alloc.is_of(self.job) => todo.misplaced.push(item),
                Lot::Migrating | Lot::Now { .. } if takes_work => others.push(item),
                Lot::Alive => todo.kept.push(item),
                _ => todo.misplaced.push(item),
            }
        }
        for item in others {
            match self.own_job(item.alloc) {
                Some(job) => {
                    self.replace(&group.name, &item, job, false, self.counts_in_deployment(item.alloc));
                    self.pin_last(&item);
                }
                None => todo.kept.push(item),
            }
        }
        // What was there before comes back, whether or not the node may run the version on trial.
        for node in self.view.nodes().filter(|node| node.is_schedulable()) {
            let Some(on_node) = by_node.get(&node.id).filter(|on_node| on_node.holders.iter().all(|item| item.lot == Lot::Lost)) else {
                continue;
            };
            let lost = on_node.holders.first().map(|item| item.alloc).or(on_node.last).filter(|lost| !self.is_canary(lost));
            let own = lost.and_then(|lost| self.own_job(lost)).filter(|own| own.version < self.job.version);
            if let Some(own) = own.filter(|own| own.group(&group.name).is_some_and(|group| self.fits(&Checks::new(own, group), node))) {
                self.place_on(own, &name, node, lost, Part::Outside);
            }
        }
        let mut empty: Vec<_> = vacated.into_iter().filter_map(|(node, last)| last.is_none().then_some(node)).collect();
        let waiting = empty.split_off(n_missing.min(n_empty).min(empty.len()));
        if !waiting.is_empty() {
            let n = waiting.len();
            self.out.notes.push(format!("group {}: {n} nodes without an allocation wait for the promotion of canaries", group.name));
        }
        if !empty.is_empty() {
            for node in &empty {
                self.place_on(Arc::clone(self.job), &name, node, None, Part::Canary);
                self.turn_of_last();
            }
            let standbys = waiting.iter().map(|node| slot_on(Arc::clone(self.job), &name, node.id, None, Part::Canary)).collect::<Vec<_>>();
            self.out.standbys.entry(name).or_default().extend(standbys);
        }
        self.carry_out(group, todo, Some(n_missing));
    }

    /// Lost with its node; nobody replaces it elsewhere.
    fn lose(&mut self, name: &str, item: &Item<'a>) {
        if matches!(item.lot, Lot::Done | Lot::Dead) {
            return;
        }
        self.out.stop_lost(item.alloc);
        self.out.counts(name).stop += 1;
    }

    fn fits(&self, checks: &Checks, node: &Node) -> bool {
        checks.in_scope(node) && checks.first_failure(node, &self.region).is_none()
    }

    /// The deployment waits for all nodes that have the present version, or get it.
    fn deploy_everywhere(&mut self, group: &'a TaskGroup, todo: &Todo<'a>, allocs: &[&'a Arc<Allocation>], n_canaries: i64) {
        let Some(update) = self.rolling(group) else { return };
        let n_current = todo.kept.iter().filter(|item| item.alloc.is_of(self.job) && item.lot != Lot::Away).count();
        let n_changing = todo.missing.len() + todo.again.len() + todo.in_place.len() + todo.destructive.len();
        let is_first = !allocs.iter().any(|alloc| alloc.is_of(self.job));
        let needs_deployment = !todo.destructive.is_empty() || !todo.in_place.is_empty() || is_first && n_changing > 0;
        if matches!(self.stage, Stage::Rolling(_)) || matches!(self.stage, Stage::Open) && needs_deployment {
            self.deploy(&group.name, update, (n_current + n_changing) as i64, n_canaries);
        }
    }

    /// `trial`: what starts is a canary, and no more than so many others become one.
    fn carry_out(&mut self, group: &'a TaskGroup, mut todo: Todo<'a>, trial: Option<usize>) {
        let in_deployment = self.is_deployed(&group.name);
        let is_canary = trial.is_some();
        let part = match in_deployment {
            _ if is_canary => Part::Canary,
            true => Part::Counted,
            false => Part::Outside,
        };
        let name = Text::from(&group.name);
        for (node, last) in &todo.missing {
            self.place_on(Arc::clone(self.job), &name, node, *last, part);
        }
        for item in &todo.again {
            self.replace(&group.name, item, Arc::clone(self.job), is_canary, in_deployment);
            self.pin_last(item);
        }
        for item in &todo.in_place {
            self.out.in_place.push(InPlace { alloc: item.alloc, in_deployment });
            self.out.counts(&group.name).in_place_update += 1;
        }
        for item in &todo.kept {
            self.keep(&group.name, item);
        }
        for item in &todo.misplaced {
            let words = if item.alloc.is_of(self.job) { description::TAINTED } else { description::NOT_NEEDED };
            self.out.stop(item.alloc, words, None);
            self.out.counts(&group.name).stop += 1;
        }
        let limit = self.node_limit(group, &todo).min(trial.unwrap_or(usize::MAX));
        // What does not run yet is updated first: nothing is lost by it.
        todo.destructive
            .sort_by_key(|item| (item.alloc.client_status == ClientStatus::Running, item.alloc.node_name.clone(), item.alloc.node_id));
        for (position, item) in todo.destructive.iter().enumerate() {
            if position < limit {
                self.replace(&group.name, item, Arc::clone(self.job), is_canary, in_deployment);
                self.pin_last(item);
                self.turn_of_last();
                if is_canary {
                    let counts = self.out.counts(&group.name);
                    (counts.destructive_update, counts.canary) = (counts.destructive_update - 1, counts.canary + 1);
                }
            } else {
                self.keep(&group.name, item);
                if limit > 0 {
                    let standby = Slot {
                        urgency: Urgency::Update,
                        name: item.alloc.name.clone(),
                        stops_previous: Some(description::UPDATING),
                        ..slot_on(Arc::clone(self.job), &name, item.alloc.node_id, Some(item.alloc), part)
                    };
                    self.out.standbys.entry(name.clone()).or_default().push(standby);
                }
            }
        }
        if let Some(n_waiting) = todo.destructive.len().checked_sub(limit).filter(|n| *n > 0) {
            let until = if is_canary { "canaries are promoted" } else { "those before them are healthy" };
            self.out.notes.push(format!("group {}: {n_waiting} nodes wait for their update until {until}", group.name));
        }
    }

    /// How many nodes may be updated now.
    fn node_limit(&self, group: &'a TaskGroup, todo: &Todo<'a>) -> usize {
        if matches!(self.stage, Stage::Settled) {
            return usize::MAX;
        }
        let Some(update) = self.rolling(group) else { return usize::MAX };
        let deployment = self.out.deployment.as_ref().map(|deployment| deployment.id).filter(|id| !id.is_nil());
        let is_unhealthy = |item: &&Item| deployment == Some(item.alloc.deployment_id) && !item.alloc.is_healthy();
        let n_unhealthy = todo.kept.iter().chain(&todo.destructive).filter(is_unhealthy).count();
        let n_starting = todo.missing.len() + todo.again.len() + todo.in_place.len();
        usize::try_from(update.max_parallel).unwrap_or(0).saturating_sub(n_unhealthy + n_starting)
    }

    fn place_on(&mut self, job: Arc<Job>, group: &Text, node: &Node, last: Option<&'a Arc<Allocation>>, part: Part) {
        self.out.slots.push(slot_on(job, group, node.id, last, part));
        self.out.counts(group).place += 1;
    }

    /// If there is no room for what was just asked for, another node has its turn.
    fn turn_of_last(&mut self) {
        if let Some(slot) = self.out.slots.last_mut() {
            slot.is_turn = true;
        }
    }

    /// The place that was just asked for is on the same node.
    fn pin_last(&mut self, item: &Item) {
        if let Some(slot) = self.out.slots.last_mut() {
            slot.pinned = Some(item.alloc.node_id);
            slot.penalised.clear();
        }
    }

    // ---- while it may not

    fn failed_before(&self, alloc: &Allocation) -> bool {
        let Stage::Closed(deployment) = self.stage else { return false };
        !deployment.is_active() && alloc.deployment_id == deployment.id && !alloc.is_healthy()
    }

    /// Keeps what runs, in the version it has. Nodes that had none yet get the newest version that was stable before.
    fn repair_nodes(&mut self, name: &str, by_node: &ByNode<'a>) {
        for item in by_node.values().flat_map(|on_node| &on_node.holders) {
            match item.lot {
                Lot::Lost => self.lose(name, item),
                Lot::Migrating | Lot::Now { .. } => {
                    let may_stay = self.view.node(item.alloc.node_id).is_some_and(|node| node.is_schedulable());
                    match self.own_job(item.alloc).filter(|_| may_stay) {
                        Some(job) => {
                            let in_deployment = self.counts_in_deployment(item.alloc);
                            self.replace(name, item, job, self.is_canary(item.alloc), in_deployment);
                            self.pin_last(item);
                        }
                        None => {
                            self.out.stop(item.alloc, description::MIGRATING, None);
                            self.out.counts(name).migrate += 1;
                        }
                    }
                }
                _ => self.keep(name, item),
            }
        }
        let stable = self.view.latest_stable_job(&self.key, self.job.version).cloned();
        let text = Text::from(name);
        let mut checks: BTreeMap<u64, Checks> = BTreeMap::new();
        for node in self.view.nodes().filter(|node| node.is_schedulable()) {
            let on_node = by_node.get(&node.id);
            if on_node.is_some_and(|on_node| on_node.holders.iter().any(|item| item.lot != Lot::Lost)) {
                continue;
            }
            let lost = on_node.and_then(|on_node| on_node.holders.first().map(|item| item.alloc).or(on_node.last));
            // What was never healthy in the version that failed is better not tried again.
            let has_failed = lost.is_some_and(|lost| self.failed_before(lost));
            let own = lost.and_then(|lost| self.own_job(lost));
            let job = if has_failed { stable.clone().or(own) } else { own.or_else(|| stable.clone()) };
            let Some(job) = job else { continue };
            let Some(group) = job.group(name).filter(|group| group.count > 0) else { continue };
            let checks = checks.entry(job.version).or_insert_with(|| Checks::new(&job, group));
            if self.fits(checks, node) {
                let part = match lost {
                    Some(lost) if self.is_canary(lost) => Part::Canary,
                    Some(lost) if self.counts_in_deployment(lost) => Part::Counted,
                    _ => Part::Outside,
                };
                self.place_on(Arc::clone(&job), &text, node, lost, part);
            }
        }
    }
}

fn slot_on<'a>(job: Arc<Job>, group: &Text, node: NodeId, last: Option<&'a Arc<Allocation>>, part: Part) -> Slot<'a> {
    Slot {
        urgency: Urgency::Missing,
        name: alloc_name(&job.id, group, 0).into(),
        job,
        group: group.clone(),
        is_canary: part == Part::Canary,
        in_deployment: part != Part::Outside,
        previous: last,
        stops_previous: None,
        tracker: None,
        penalised: Vec::new(),
        pinned: Some(node),
        is_turn: false,
    }
}

/// What a placement is in the deployment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Outside,
    Counted,
    Canary,
}

/// By node, what is to be done.
#[derive(Default)]
struct Todo<'a> {
    kept: Vec<Item<'a>>,
    in_place: Vec<Item<'a>>,
    destructive: Vec<Item<'a>>,
    /// On nodes that may not run the present version.
    misplaced: Vec<Item<'a>>,
    /// To be started anew where they are.
    again: Vec<Item<'a>>,
    /// Nodes without one, and what was there last.
    missing: Vec<(&'a Node, Option<&'a Arc<Allocation>>)>,
}
