//! Whose work a change of a node or of an allocation concerns.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    ALL_NODE_POOL, AllocUpdate, ClientStatus, DEFAULT_NODE_POOL, EvalStatus, EvalTrigger, Evaluation, IdSource, Job, JobKey, JobType, Node,
    NodeId, matches_glob,
};
use state::{Store, Table};

/// A pending evaluation of a job.
pub fn job_eval(job: &Job, trigger: EvalTrigger, ids: &mut IdSource) -> Evaluation {
    Evaluation {
        id: ids.next_uuid().into(),
        namespace: job.namespace.clone(),
        priority: job.priority,
        kind: job.kind,
        triggered_by: trigger,
        job_id: job.id.clone(),
        job_modify_index: job.job_modify_index,
        status: EvalStatus::Pending,
        ..Default::default()
    }
}

/// One evaluation for every job that a change of the node concerns: those that have allocations there which have not ended (also when they are
/// to be stopped, for when the node is down, nobody else says that they are over), and those that run on every node and could run there.
pub fn node_evals(view: &Store, node: NodeId, ids: &mut IdSource) -> Vec<Evaluation> {
    evals_of(view, node, view.node(node).map(Arc::as_ref).into_iter(), ids)
}

/// The same for a node that the state does not know yet, or knows otherwise: as it was, and as it is going to be.
pub fn registration_evals(view: &Store, node: &Node, ids: &mut IdSource) -> Vec<Evaluation> {
    evals_of(view, node.id, view.node(node.id).map(Arc::as_ref).into_iter().chain([node]), ids)
}

fn evals_of<'a>(view: &'a Store, id: NodeId, nodes: impl Iterator<Item = &'a Node>, ids: &mut IdSource) -> Vec<Evaluation> {
    let mut jobs: BTreeMap<JobKey, &Job> = BTreeMap::new();
    for alloc in view.node_allocs(id).filter(|alloc| !alloc.client_status.is_terminal()) {
        let Some(job) = view.job(&alloc.job_key()).or(alloc.job.as_ref()) else { continue };
        jobs.insert(alloc.job_key(), job);
    }
    for node in nodes {
        jobs.extend(jobs_for_every_node(view, node).map(|job| (job.key(), job)));
    }
    let node_modify_index = view.node(id).map_or(0, |node| node.modify_index);
    let eval = |job| Evaluation { node_id: id, node_modify_index, ..job_eval(job, EvalTrigger::NodeUpdate, ids) };
    jobs.into_values().map(eval).collect()
}

/// System and sysbatch jobs of the node's datacenter and pool. Whether it meets their constraints is the scheduler's business.
fn jobs_for_every_node<'a>(view: &'a Store, node: &Node) -> impl Iterator<Item = &'a Job> {
    let pool = if node.node_pool.is_empty() { DEFAULT_NODE_POOL } else { &node.node_pool };
    let may_run = move |job: &&Job| {
        job.kind.is_on_every_node()
            && !job.stop
            && !job.is_parent()
            && (job.node_pool == pool || job.node_pool == ALL_NODE_POOL || job.node_pool.is_empty() && pool == DEFAULT_NODE_POOL)
            && (job.datacenters.is_empty() || job.datacenters.iter().any(|pattern| matches_glob(pattern, &node.datacenter)))
    };
    view.jobs().map(Arc::as_ref).filter(may_run)
}

/// One evaluation for every job whose allocations say something that concerns it: one that is wanted has failed (jobs that run on every node
/// are not told: their failures are for the restarts of the node), one was stopped by its node because no server answered, or one is heard of
/// again after its node was away.
pub fn report_evals(view: &Store, updates: &[AllocUpdate], ids: &mut IdSource) -> Vec<Evaluation> {
    let mut jobs: BTreeMap<JobKey, Evaluation> = BTreeMap::new();
    for update in updates {
        let Some(alloc) = view.alloc(update.id).filter(|alloc| !alloc.server_terminal()) else { continue };
        let has_returned = alloc.client_status == ClientStatus::Unknown && update.client_status != ClientStatus::Unknown;
        let has_failed = alloc.client_status != ClientStatus::Failed && update.client_status == ClientStatus::Failed;
        let Some(job) = view.job(&alloc.job_key()).filter(|job| !job.stop) else { continue };
        let is_retried = matches!(job.kind, JobType::Service | JobType::Batch);
        let has_ended = !alloc.client_status.is_terminal() && update.client_status == ClientStatus::Complete;
        let was_cut = has_ended && alloc.disconnect().is_some_and(|disconnect| disconnect.stop_on_client_after.is_some());
        let trigger = match (has_returned, has_failed && is_retried) {
            (true, _) => EvalTrigger::Reconnect,
            (false, true) => EvalTrigger::AllocFailure,
            // Servers may have been away for less time than it takes to miss the node: nobody else would ask for a successor.
            (false, false) if was_cut && matches!(job.kind, JobType::Service | JobType::System) => EvalTrigger::AllocStop,
            (false, false) => continue,
        };
        let eval = jobs.entry(alloc.job_key()).or_insert_with(|| job_eval(job, trigger, ids));
        if trigger == EvalTrigger::Reconnect {
            eval.triggered_by = trigger;
        }
    }
    jobs.into_values().collect()
}

/// The latest moment at which room may have come up: a node changed, or an allocation did.
pub fn capacity_index(view: &Store) -> u64 {
    view.table_index(Table::Nodes).max(view.table_index(Table::Allocs))
}

/// Blocked evaluations that were last looked at before the state changed in a way that may let them fit; they become pending.
/// `changed`: the node that came or changed (its class decides), or `None` when allocations freed room somewhere.
pub fn unblock(view: &Store, changed: Option<NodeId>) -> Vec<Evaluation> {
    let class = changed.and_then(|id| view.node(id)).map(|node| node.computed_class.clone());
    view.open_evals()
        .filter(|eval| eval.status == EvalStatus::Blocked)
        .filter(|eval| match &class {
            None => true,
            Some(class) => eval.escaped_computed_class || eval.class_eligibility.get(class).copied().unwrap_or(true),
        })
        .map(|eval| Evaluation { status: EvalStatus::Pending, status_description: String::new(), ..(**eval).clone() })
        .collect()
}
