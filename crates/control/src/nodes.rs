//! Whose work a change of a node or of an allocation concerns.

use std::collections::BTreeMap;

use model::{AllocUpdate, ClientStatus, EvalStatus, EvalTrigger, Evaluation, IdSource, Job, JobKey, NodeId};
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

/// One evaluation for every job that has allocations on the node which have not ended there: also those that are to be stopped, for when the
/// node is down, nobody else says that they are over.
pub fn node_evals(view: &Store, node: NodeId, ids: &mut IdSource) -> Vec<Evaluation> {
    let mut jobs: BTreeMap<JobKey, Evaluation> = BTreeMap::new();
    for alloc in view.node_allocs(node).filter(|alloc| !alloc.client_status.is_terminal()) {
        let Some(job) = view.job(&alloc.job_key()).or(alloc.job.as_ref()) else { continue };
        jobs.entry(alloc.job_key()).or_insert_with(|| Evaluation { node_id: node, ..job_eval(job, EvalTrigger::NodeUpdate, ids) });
    }
    jobs.into_values().collect()
}

/// One evaluation for every job of which an allocation is reported to have failed while it is still wanted.
pub fn failed_alloc_evals(view: &Store, updates: &[AllocUpdate], ids: &mut IdSource) -> Vec<Evaluation> {
    let mut jobs: BTreeMap<JobKey, Evaluation> = BTreeMap::new();
    for update in updates.iter().filter(|update| update.client_status == ClientStatus::Failed) {
        let Some(alloc) = view.alloc(update.id).filter(|alloc| alloc.client_status != ClientStatus::Failed && !alloc.server_terminal())
        else {
            continue;
        };
        let Some(job) = view.job(&alloc.job_key()).filter(|job| !job.stop) else { continue };
        jobs.entry(alloc.job_key()).or_insert_with(|| job_eval(job, EvalTrigger::AllocFailure, ids));
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
