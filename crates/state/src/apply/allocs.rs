//! Allocations: what the region wrote, what nodes report.

use std::sync::Arc;

use model::{
    AllocDeploymentStatus, AllocId, AllocUpdate, Allocation, ClientStatus, DeploymentId, DeploymentStatus, DesiredTransition, Evaluation,
    NodeId, TaskGroupSummary, Time,
};

use super::Change;
use crate::command::Outcome;
use crate::watch::{Table, Watch};

impl Change<'_> {
    pub(super) fn update_allocs(&mut self, updates: &[AllocUpdate], evals: &[Evaluation], time: i64) -> Outcome {
        let mut last = NodeId::NIL;
        for update in updates {
            let Some(old) = self.store.allocs.get(&update.id).cloned() else { continue };
            if old.node_id != last && self.store.nodes.contains_key(&old.node_id) {
                last = old.node_id;
                self.store.node_reports.insert(last, self.index);
            }
            let mut alloc = (*old).clone();
            // What the region itself decided ("lost") is not undone by a late report of a task that still ran.
            if old.client_status != ClientStatus::Lost || update.client_status.is_terminal() {
                alloc.set_client_status(update.client_status, time);
                alloc.client_description.clone_from(&update.client_description);
            }
            if old.client_status == ClientStatus::Unknown && update.client_status != ClientStatus::Unknown && !old.server_terminal() {
                // Its node is back: the words about its absence are over.
                alloc.desired_description = Default::default();
            }
            alloc.task_states.clone_from(&update.task_states);
            if update.network_status.is_some() {
                alloc.network_status.clone_from(&update.network_status);
            }
            // A verdict may be late: the allocation may belong to the deployment of a newer version by now.
            if let Some(reported) = update.deployment_status.as_ref().filter(|_| update.deployment_id == old.deployment_id) {
                // What ended together with its verdict was never seen to be healthy.
                let is_over_at_once =
                    alloc.client_status.is_terminal() && !old.server_terminal() && !old.is_healthy() && !old.is_unhealthy();
                let healthy = if is_over_at_once { reported.healthy.map(|_| false) } else { reported.healthy };
                self.take_health(&mut alloc, healthy, reported.timestamp);
            }
            alloc.modify_index = self.index;
            alloc.modify_time = time;
            self.put_alloc(alloc);
        }
        self.upsert_evals(evals, time)
    }

    pub(super) fn set_transitions(&mut self, transitions: &[(AllocId, DesiredTransition)], evals: &[Evaluation], time: i64) -> Outcome {
        for (id, transition) in transitions {
            let Some(old) = self.store.allocs.get(id) else { continue };
            let mut alloc = (**old).clone();
            let wanted = &mut alloc.desired_transition;
            let merge = |old: &mut Option<bool>, new: Option<bool>| *old = new.or(*old);
            merge(&mut wanted.migrate, transition.migrate);
            merge(&mut wanted.reschedule, transition.reschedule);
            merge(&mut wanted.force_reschedule, transition.force_reschedule);
            merge(&mut wanted.no_shutdown_delay, transition.no_shutdown_delay);
            alloc.modify_index = self.index;
            alloc.alloc_modify_index = self.index;
            alloc.modify_time = time;
            self.put_alloc(alloc);
        }
        self.upsert_evals(evals, time)
    }

    /// Health is reported once per deployment.
    pub(super) fn take_health(&self, alloc: &mut Allocation, healthy: Option<bool>, timestamp: Time) {
        let before = alloc.deployment_status.as_ref().and_then(|status| status.healthy);
        if healthy.is_none() || before == healthy {
            return;
        }
        let canary = alloc.is_canary();
        alloc.deployment_status = Some(AllocDeploymentStatus { healthy, timestamp, canary, modify_index: self.index });
    }

    /// Keeps the counts of deployments to what their allocations are.
    fn count_health(&mut self, old: Option<&Allocation>, new: &Allocation) {
        let group = &new.task_group;
        let before = old.and_then(counted_health);
        let now = counted_health(new);
        match old.filter(|old| old.deployment_id != new.deployment_id) {
            Some(old) => {
                self.move_health(old.deployment_id, group, before, None, new.modify_time);
                self.move_health(new.deployment_id, group, None, now, new.modify_time);
            }
            None => self.move_health(new.deployment_id, group, before, now, new.modify_time),
        }
    }

    fn move_health(&mut self, id: DeploymentId, group: &str, before: Option<bool>, now: Option<bool>, time: i64) {
        if before == now {
            return;
        }
        let Some(deployment) = self.store.deployments.get(&id) else { return };
        // A region that has completed said so to others: what it loses afterwards is repaired beside the deployment.
        let is_lost_afterwards = now.is_none() && !matches!(deployment.status, DeploymentStatus::Running | DeploymentStatus::Paused);
        if is_lost_afterwards {
            return;
        }
        let is_active = deployment.is_active();
        let mut deployment = (**deployment).clone();
        let Some(state) = deployment.task_groups.get_mut(group) else { return };
        match before {
            Some(true) => state.healthy_allocs = state.healthy_allocs.saturating_sub(1),
            Some(false) => state.unhealthy_allocs = state.unhealthy_allocs.saturating_sub(1),
            None => {}
        }
        match now {
            Some(true) => state.healthy_allocs = state.healthy_allocs.saturating_add(1),
            Some(false) => state.unhealthy_allocs = state.unhealthy_allocs.saturating_add(1),
            None => {}
        }
        // The clock starts again with progress, and when something healthy is lost: whoever takes its place gets the whole time.
        if now != Some(false) && state.progress_deadline > 0 && is_active {
            state.require_progress_by = Time(time.saturating_add(state.progress_deadline));
        }
        self.put_deployment(deployment, time);
    }

    /// Writes an allocation that has its job inside, with all that follows: indexes, counts, watches.
    pub(super) fn put_alloc(&mut self, alloc: Allocation) {
        let key = alloc.job_key();
        let id = alloc.id;
        let old = self.store.allocs.get(&id).cloned();
        let was_live = old.as_ref().is_some_and(|old| !old.is_terminal());
        self.tally(&key, i64::from(!alloc.is_terminal()) - i64::from(was_live), 0);
        self.load_nodes(old.as_deref(), &alloc);
        let counted = |alloc: &Allocation| (alloc.client_status, alloc.server_terminal());
        if old.as_deref().map(counted) != Some(counted(&alloc)) {
            self.count(&alloc, |summary| {
                if let Some(old) = &old {
                    add(summary, old, -1);
                }
                add(summary, &alloc, 1);
            });
        }
        self.count_health(old.as_deref(), &alloc);
        if let Some(old) = &old {
            if old.eval_id != alloc.eval_id {
                self.touch(Watch::EvalAllocs(old.eval_id));
            }
            if old.deployment_id != alloc.deployment_id {
                self.store.allocs_by_deployment.remove(&(old.deployment_id, id));
                self.touch(Watch::DeploymentAllocs(old.deployment_id));
            }
        }
        if old.is_none() {
            self.store.allocs_by_job.insert((key.clone(), id));
        }
        let by_node = |alloc: &Allocation| (alloc.node_id, alloc.alloc_modify_index, alloc.id);
        if old.as_deref().map(by_node) != Some(by_node(&alloc)) {
            if let Some(old) = &old {
                self.store.allocs_by_node.remove(&by_node(old));
            }
            self.store.allocs_by_node.insert(by_node(&alloc));
        }
        if !alloc.deployment_id.is_nil() {
            self.store.allocs_by_deployment.insert((alloc.deployment_id, id));
            self.touch(Watch::DeploymentAllocs(alloc.deployment_id));
        }
        self.touch(Watch::Table(Table::Allocs));
        self.touch(Watch::Alloc(id));
        self.touch(Watch::JobAllocs(key));
        self.touch(Watch::NodeAllocs(alloc.node_id));
        if alloc.alloc_modify_index == self.index {
            self.touch(Watch::NodeWork(alloc.node_id));
        }
        self.touch(Watch::EvalAllocs(alloc.eval_id));
        self.store.allocs.insert(id, Arc::new(alloc));
    }

    /// Keeps what the nodes carry to what lives on them.
    fn load_nodes(&mut self, old: Option<&Allocation>, new: &Allocation) {
        let old = old.filter(|old| !old.is_terminal());
        let new = (!new.is_terminal()).then_some(new);
        let same = |old: &Allocation, new: &Allocation| match (&old.allocated_resources, &new.allocated_resources) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if old.zip(new).is_some_and(|(old, new)| old.node_id == new.node_id && same(old, new)) {
            return;
        }
        if let Some(old) = old {
            self.store.load_node(old, false);
        }
        if let Some(new) = new {
            self.store.load_node(new, true);
        }
    }

    /// The summary goes on counting it: it says what became of all allocations of the job, as long as nobody asks to count anew.
    pub(super) fn remove_alloc(&mut self, id: AllocId) {
        let Some(alloc) = self.store.allocs.remove(&id) else { return };
        let key = alloc.job_key();
        if !alloc.is_terminal() {
            self.store.load_node(&alloc, false);
        }
        self.tally(&key, -i64::from(!alloc.is_terminal()), 0);
        self.store.allocs_by_job.remove(&(key.clone(), id));
        self.store.allocs_by_node.remove(&(alloc.node_id, alloc.alloc_modify_index, id));
        self.store.allocs_by_deployment.remove(&(alloc.deployment_id, id));
        self.touch(Watch::Table(Table::Allocs));
        self.touch(Watch::Alloc(id));
        self.touch(Watch::JobAllocs(key));
        self.touch(Watch::NodeAllocs(alloc.node_id));
        self.touch(Watch::NodeWork(alloc.node_id));
        self.touch(Watch::NodeLosses(alloc.node_id));
        self.touch(Watch::EvalAllocs(alloc.eval_id));
        if !alloc.deployment_id.is_nil() {
            self.touch(Watch::DeploymentAllocs(alloc.deployment_id));
        }
    }
}

/// How an allocation counts in its deployment. What has ended is not healthy, whatever it was; what was unhealthy stays so.
fn counted_health(alloc: &Allocation) -> Option<bool> {
    let healthy = alloc.deployment_status.as_ref()?.healthy?;
    (!healthy || !alloc.is_terminal()).then_some(healthy)
}

/// Adds `n` times the allocation to the counts of its group.
pub(super) fn add(summary: &mut TaskGroupSummary, alloc: &Allocation, n: i64) {
    match alloc.client_status {
        // What never started and is no longer wanted is not starting.
        ClientStatus::Pending if alloc.server_terminal() => {}
        ClientStatus::Pending => bump(&mut summary.starting, n),
        ClientStatus::Running => bump(&mut summary.running, n),
        ClientStatus::Complete => bump(&mut summary.complete, n),
        ClientStatus::Failed => bump(&mut summary.failed, n),
        ClientStatus::Lost => bump(&mut summary.lost, n),
        ClientStatus::Unknown => bump(&mut summary.unknown, n),
    }
}

/// Counts come from snapshots, too, in which anything may stand.
pub(super) fn bump(count: &mut i64, n: i64) {
    *count = count.saturating_add(n);
}
