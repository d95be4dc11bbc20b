//! What must hold: after every step, and when all is quiet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Allocation, ClientStatus, DeploymentStatus, EvalStatus, Job, JobKey, JobType, Node, NodeId, NodeStatus, Usage};

use super::Life;
use super::people::{JOBS, is_everywhere};

impl Life {
    /// Never more on a node than it has; never two of one name, and of system jobs never two on a node.
    pub(super) fn check(&self) -> Result<(), String> {
        let store = &self.world.store;
        let mut used: BTreeMap<NodeId, Usage> = BTreeMap::new();
        for alloc in store.allocs().filter(|alloc| !alloc.is_terminal()) {
            let Some(resources) = &alloc.allocated_resources else { continue };
            let used = used.entry(alloc.node_id).or_default();
            *used = used.plus(Usage::of_alloc(resources));
        }
        for (id, used) in used {
            let total = store.node(id).map(|node| Usage::of_node(node)).unwrap_or_default();
            if used.cpu > total.cpu || used.memory > total.memory || used.disk > total.disk {
                return Err(format!("node {id} carries {used:?} of {total:?}"));
            }
        }
        JOBS.into_iter().try_for_each(|id| self.check_names(id))
    }

    fn check_names(&self, id: &str) -> Result<(), String> {
        let Some(job) = self.world.store.job(&self.world.key(id)) else { return Ok(()) };
        // Promoted canaries take over when their deployment goes on.
        if self.world.latest_deployment(id).is_some_and(|deployment| deployment.has_placed_canaries() && !is_settled(deployment.status)) {
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        for alloc in self.world.live(id) {
            if alloc.client_status == ClientStatus::Unknown || alloc.is_canary() {
                continue;
            }
            let place = if is_everywhere(job.kind) { alloc.node_name.to_string() } else { alloc.name.to_string() };
            if !seen.insert(place.clone()) {
                return Err(format!("{id}: two live allocations of {place}"));
            }
        }
        Ok(())
    }

    pub(super) fn check_quiet(&self) -> Result<(), String> {
        let store = &self.world.store;
        let is_down = |alloc: &Allocation| store.node(alloc.node_id).is_none_or(|node| node.status != NodeStatus::Ready);
        if let Some(left) = store.allocs().find(|alloc| !alloc.client_status.is_terminal() && is_down(alloc) && !is_held(alloc)) {
            return Err(format!("{} is {} on {}, which is not there", left.name, left.client_status, left.node_name));
        }
        if let Some(node) = store.nodes().find(|node| node.status == NodeStatus::Disconnected) {
            return Err(format!("node {} is still disconnected", node.name));
        }
        if let Some(open) = store.deployments().find(|deployment| deployment.is_active()) {
            return Err(format!("deployment of {} is still {}: {:?}", open.job_id, open.status, open.task_groups));
        }
        for id in JOBS {
            let key = self.world.key(id);
            if let Some(job) = store.job(&key) {
                self.check_job(&key, job).map_err(|problem| format!("{id} version {}: {problem}", job.version))?;
            }
        }
        Ok(())
    }

    fn check_job(&self, key: &JobKey, job: &Arc<Job>) -> Result<(), String> {
        let live = self.world.live(key.id.as_str());
        if job.stop {
            return if live.is_empty() { Ok(()) } else { Err(format!("stopped, but {} live on", live.len())) };
        }
        let latest = self.world.latest_deployment(key.id.as_str()).filter(|deployment| deployment.job_version == job.version);
        if latest.is_some_and(|deployment| matches!(deployment.status, DeploymentStatus::Failed | DeploymentStatus::Cancelled)) {
            // What ran before goes on.
            return Ok(());
        }
        let is_blocked = self.world.store.job_evals(key).any(|eval| eval.status == EvalStatus::Blocked);
        // Work that was done counts, and what failed for good.
        let has_ended = |alloc: &Allocation| {
            let counts = matches!(alloc.client_status, ClientStatus::Complete | ClientStatus::Failed) && alloc.next_allocation.is_nil();
            counts && alloc.job.as_ref().is_some_and(|own| own.version == job.version)
        };
        let allocs = self.world.allocs(key.id.as_str());
        if is_everywhere(job.kind) {
            let has_one = |node: &Node| allocs.iter().any(|alloc| alloc.node_id == node.id && (!alloc.is_terminal() || has_ended(alloc)));
            let fitting = |node: &&Arc<Node>| fits(job, node);
            if let Some(bare) = self.world.store.nodes().filter(fitting).find(|node| !has_one(node) && !is_blocked) {
                let there = allocs.iter().filter(|alloc| alloc.node_id == bare.id);
                let there: Vec<String> = there.map(|alloc| alloc_in_words(alloc)).collect();
                return Err(format!("node {} has none, and nobody waits for room; before: {there:?}", bare.name));
            }
            let is_astray = |alloc: &&Arc<Allocation>| self.world.store.node(alloc.node_id).is_none_or(|node| !fits(job, node));
            if let Some(astray) = live.iter().find(is_astray) {
                return Err(format!("{} is not for it", astray.node_name));
            }
        } else {
            let n_wanted: usize = job.task_groups.iter().map(|group| group.count.max(0) as usize).sum();
            let n_ended = if job.kind == JobType::Batch { allocs.iter().filter(|alloc| has_ended(alloc)).count() } else { 0 };
            if live.len() + n_ended < n_wanted && !is_blocked {
                return Err(format!("{} live, {n_ended} ended, {n_wanted} are wanted, and nobody waits for room", live.len()));
            }
            if live.len() > n_wanted {
                return Err(format!("{} live, {n_wanted} are wanted", live.len()));
            }
        }
        if let Some(old) = live.iter().find(|alloc| alloc.job.as_ref().is_some_and(|own| own.version != job.version))
            && !is_blocked
        {
            return Err(format!("{} is still of an older version", old.name));
        }
        Ok(())
    }
}

fn is_settled(status: DeploymentStatus) -> bool {
    status == DeploymentStatus::Successful
}

/// Of a group that is not replaced as long as its node is away.
fn is_held(alloc: &Allocation) -> bool {
    let group = alloc.job.as_ref().and_then(|job| job.group(&alloc.task_group));
    group
        .and_then(|group| group.disconnect.as_ref())
        .is_some_and(|disconnect| disconnect.lost_after == 0 && disconnect.replace == Some(false))
}

fn alloc_in_words(alloc: &Allocation) -> String {
    let version = alloc.job.as_ref().map_or(0, |job| job.version);
    let Allocation { id, desired_status, client_status, next_allocation, desired_description, deployment_id, .. } = alloc;
    format!("{id} of version {version}: {desired_status} {client_status}, next {next_allocation}, {desired_description:?} {deployment_id}")
}

/// As the jobs of the simulation ask.
fn fits(job: &Job, node: &Node) -> bool {
    let rack = job.constraints.iter().find(|constraint| constraint.l_target == "${meta.rack}");
    node.is_schedulable() && rack.is_none_or(|rack| node.meta.get("rack") == Some(&rack.r_target))
}
