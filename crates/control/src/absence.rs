//! Nodes that are not heard of: which of them are down, and which are only disconnected.

use model::{Allocation, ClientStatus, NodeId, NodeStatus};
use state::Store;

/// What a node becomes that has missed its heartbeat: disconnected if the group of something that runs there asks to wait for it, else down.
pub fn silent_status(view: &Store, node: NodeId) -> NodeStatus {
    let waits = view.node_allocs(node).any(|alloc| !alloc.is_terminal() && lost_after(alloc) > 0);
    if waits { NodeStatus::Disconnected } else { NodeStatus::Down }
}

/// Disconnected nodes for which nobody waits any more: they are down.
pub fn given_up(view: &Store) -> Vec<NodeId> {
    let disconnected = view.nodes().filter(|node| node.status == NodeStatus::Disconnected);
    disconnected.filter(|node| !view.node_allocs(node.id).any(|alloc| is_awaited(view, alloc))).map(|node| node.id).collect()
}

/// The scheduler has still to call it unknown, or the evaluation at the end of its time has still to run.
fn is_awaited(view: &Store, alloc: &Allocation) -> bool {
    if alloc.is_terminal() || lost_after(alloc) <= 0 {
        return false;
    }
    alloc.client_status != ClientStatus::Unknown || view.eval(alloc.followup_eval_id).is_some_and(|eval| !eval.is_terminal())
}

fn lost_after(alloc: &Allocation) -> i64 {
    alloc.disconnect().map_or(0, |disconnect| disconnect.lost_after)
}
