//! What must hold, always and when everything has come to rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{Allocation, ClientStatus, EvalStatus, Evaluation, JobType, Node, NodeStatus, Usage};
use scheduler::Decision;
use state::Store;

use super::region::Region;

/// At every moment.
pub(super) fn always(store: &Store) -> Result<(), String> {
    for node in store.nodes() {
        room(store, node)?;
    }
    names(store)?;
    for eval in store.open_evals().filter(|eval| eval.status == EvalStatus::Blocked) {
        let others = store.job_evals(&eval.job_key()).filter(|other| other.status == EvalStatus::Blocked).count();
        if others > 1 {
            return Err(format!("{} has {others} blocked evaluations", eval.job_key()));
        }
    }
    Ok(())
}

/// No node is asked for more than it has, and no port is given twice.
fn room(store: &Store, node: &Node) -> Result<(), String> {
    let (mut used, mut ports) = (Usage::default(), BTreeSet::new());
    for alloc in store.node_allocs(node.id).filter(|alloc| !alloc.is_terminal()) {
        let Some(resources) = &alloc.allocated_resources else { continue };
        used = used.plus(Usage::of_alloc(resources));
        for port in &resources.shared.ports {
            if !ports.insert((port.host_ip.clone(), port.value)) {
                return Err(format!("port {} of node {} is given twice", port.value, node.name));
            }
        }
    }
    let has = Usage::of_node(node);
    if used.cpu > has.cpu || used.memory > has.memory || used.disk > has.disk {
        return Err(format!("node {} is overcommitted: {used:?} of {has:?}", node.name));
    }
    if store.node_load(node.id).used != used {
        return Err(format!("the load of node {} is noted as {:?} and is {used:?}", node.name, store.node_load(node.id).used));
    }
    Ok(())
}

/// At most one live allocation for each name. Canaries live beside those that they may replace, and what is unknown may have its successor.
fn names(store: &Store) -> Result<(), String> {
    let mut live: HashMap<(model::JobKey, &str, model::NodeId), &Allocation> = HashMap::new();
    for alloc in store.allocs().filter(|alloc| !alloc.is_terminal() && !alloc.is_canary() && alloc.client_status != ClientStatus::Unknown) {
        let kind = alloc.job.as_ref().map_or(JobType::Service, |job| job.kind);
        // System jobs have one on each node.
        let node = if kind.is_on_every_node() { alloc.node_id } else { model::NodeId::NIL };
        if let Some(other) = live.insert((alloc.job_key(), alloc.name.as_str(), node), alloc) {
            return Err(format!("{} lives twice: {} and {}", alloc.name, other.id, alloc.id));
        }
    }
    Ok(())
}

/// A decision is complete, or says what is missing; what it places fits where it goes.
pub(super) fn decision(store: &Store, eval: &Evaluation, decision: &Decision) -> Result<(), String> {
    let key = eval.job_key();
    let queued: i64 = decision.queued.values().sum();
    if queued > 0 {
        if decision.failed_tg_allocs.is_empty() {
            return Err(format!("{key}: {queued} found no node, and nothing says why"));
        }
        if !decision.plan.evals.iter().any(|eval| eval.status == EvalStatus::Blocked) {
            return Err(format!("{key}: {queued} found no node, and nothing waits for one"));
        }
    }
    for placement in &decision.plan.placements {
        let alloc = &placement.alloc;
        if store.alloc(alloc.id).is_some() {
            continue;
        }
        let Some(node) = store.node(alloc.node_id) else { return Err(format!("{} goes to a node that is not there", alloc.name)) };
        if !node.is_schedulable() {
            return Err(format!("{} goes to node {}, which takes no work", alloc.name, node.name));
        }
        let Some(job) = store.job_version(&key, placement.job_version) else { continue };
        if job.node_pool != model::ALL_NODE_POOL && job.node_pool != node.node_pool {
            return Err(format!("{} of pool {} goes to pool {}", alloc.name, job.node_pool, node.node_pool));
        }
        let wants_large = job.constraints.iter().any(|constraint| constraint.r_target == "large");
        if wants_large && node.node_class != "large" {
            return Err(format!("{} goes to node {} of class {:?}", alloc.name, node.name, node.node_class));
        }
    }
    Ok(())
}

/// A system job is on every node that takes work in its pool and fits its constraints, unless it waits for room there.
fn everywhere(store: &Store, job: &model::Job, live: &[&std::sync::Arc<Allocation>]) -> Result<(), String> {
    let key = job.key();
    let is_waiting = store.job_evals(&key).any(|eval| !eval.is_terminal());
    let has_failed = store.latest_deployment(&key).is_some_and(|deployment| deployment.status == model::DeploymentStatus::Failed);
    if is_waiting || has_failed || job.task_groups.iter().any(|group| group.count == 0) {
        return Ok(());
    }
    let wants_large = job.constraints.iter().any(|constraint| constraint.r_target == "large");
    for node in store.nodes().filter(|node| node.is_schedulable()) {
        let fits =
            (job.node_pool == model::ALL_NODE_POOL || job.node_pool == node.node_pool) && (!wants_large || node.node_class == "large");
        // What failed there is for the node to start again; it does not come back by itself.
        let was_there = || store.job_allocs(&key).any(|alloc| alloc.node_id == node.id && alloc.client_status == ClientStatus::Failed);
        if fits && !live.iter().any(|alloc| alloc.node_id == node.id) && !was_there() {
            return Err(format!("{key} is not on node {}", node.name));
        }
    }
    Ok(())
}

/// In the evening, when nothing happens any more.
pub(super) fn at_rest(region: &Region) -> Result<(), String> {
    let store = &region.store;
    // What finds no room may wait for it without end.
    let is_blocked = |key: &model::JobKey| store.job_evals(key).any(|eval| eval.status == EvalStatus::Blocked);
    if let Some(deployment) = store.active_deployments().find(|deployment| !is_blocked(&deployment.job_key())) {
        return Err(format!("deployment {} of {} never ends: {}", deployment.id, deployment.job_key(), deployment.status_description));
    }
    if let Some(eval) = store.open_evals().find(|eval| eval.status == EvalStatus::Pending && eval.wait_until.0 <= region.now) {
        return Err(format!("evaluation {} of {} is still pending", eval.id, eval.job_key()));
    }
    if let Some(node) = store.nodes().find(|node| node.status != NodeStatus::Ready) {
        return Err(format!("node {} is {}", node.name, node.status));
    }
    for job in store.jobs() {
        let key = job.key();
        let live: Vec<_> = store.job_allocs(&key).filter(|alloc| !alloc.is_terminal()).collect();
        if job.stop {
            if let Some(alloc) = live.first() {
                return Err(format!("{key} is stopped, and {} lives", alloc.name));
            }
            continue;
        }
        if job.kind == JobType::System {
            everywhere(store, job, &live)?;
        }
        if job.kind != JobType::Service {
            continue;
        }
        let is_waiting = store.job_evals(&key).any(|eval| !eval.is_terminal());
        let mut wanted: BTreeMap<&str, i64> = job.task_groups.iter().map(|group| (group.name.as_str(), group.count)).collect();
        for alloc in &live {
            *wanted.entry(alloc.task_group.as_str()).or_default() -= 1;
        }
        // A version that failed and cannot be reverted runs with what it has.
        let has_failed = store.latest_deployment(&key).is_some_and(|deployment| deployment.status == model::DeploymentStatus::Failed);
        if let Some((group, n)) = wanted.iter().find(|(_, n)| **n != 0)
            && !is_waiting
            && !has_failed
        {
            return Err(format!("{key}: group {group} lacks {n}, and nothing waits for that"));
        }
        if let Some(alloc) = live.iter().find(|alloc| alloc.client_status == ClientStatus::Pending) {
            return Err(format!("{} is still pending", alloc.name));
        }
    }
    Ok(())
}
