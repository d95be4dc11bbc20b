//! What nodes ask of their region.

use std::sync::Arc;

use model::{AllocUpdate, Node, NodeEvent, NodeId, NodeStatus, Time, Uuid};
use rpc::message::{Failure, NodeAllocs, NodeReply, NodeRequest};
use state::{Command, View, Watch};

use crate::core::{Core, NO_LEADER, now};
use crate::forward::{done, meant, no_longer_leads, region_servers};

pub async fn answer(core: &Core, request: NodeRequest) -> Result<NodeReply, Failure> {
    match request {
        NodeRequest::Register(node) => register(core, node).await,
        NodeRequest::Heartbeat { node_id, secret } => heartbeat(core, node_id, secret).await,
        NodeRequest::PullAllocs { node_id, secret, min_index, wait } => pull(core, node_id, secret, min_index, wait).await,
        NodeRequest::UpdateAllocs { node_id, secret, updates } => update(core, node_id, secret, updates).await,
        NodeRequest::EmitEvents { node_id, secret, events } => {
            known(&core.view(), node_id, secret)?;
            let applied = core.execute(Command::AddNodeEvents { id: node_id, events }).await?;
            Ok(done(applied.index))
        }
    }
}

/// An event of a node, by the region.
pub fn event(message: &str, time: i64) -> NodeEvent {
    NodeEvent { message: message.to_owned(), subsystem: "Cluster".to_owned(), timestamp: Time(time), ..Default::default() }
}

fn known(view: &View, id: NodeId, secret: Uuid) -> Result<Arc<Node>, Failure> {
    let Some(node) = view.node(id) else { return Err(Failure::not_found("node not found")) };
    if node.secret_id != secret {
        return Err(Failure::new(403, format!("the secret of node {id} does not match")));
    }
    Ok(Arc::clone(node))
}

async fn register(core: &Core, node: Arc<Node>) -> Result<NodeReply, Failure> {
    if node.id.is_nil() || node.secret_id.is_nil() {
        return Err(Failure::bad_request("a node needs an id and a secret"));
    }
    if node.node_pool == model::ALL_NODE_POOL {
        return Err(Failure::bad_request("a node cannot be in the node pool \"all\", which stands for all nodes: choose another name"));
    }
    let problems = model::NodePool { name: node.node_pool.as_str().into(), ..Default::default() }.problems();
    if let Some(problem) = problems.first().filter(|_| !node.node_pool.is_empty()) {
        return Err(Failure::bad_request(format!("node {:?}: {problem}", node.name)));
    }
    let view = core.view();
    let time = now();
    let mut node = (*node).clone();
    let old = view.node(node.id);
    // One that is new becomes ready with its first heartbeat.
    let is_new = old.is_none_or(|old| old.status == NodeStatus::Initializing);
    node.status = if is_new { NodeStatus::Initializing } else { NodeStatus::Ready };
    let unchanged = old.is_some_and(|old| {
        let as_known = Node {
            scheduling_eligibility: old.scheduling_eligibility,
            drain_strategy: old.drain_strategy.clone(),
            last_drain: old.last_drain.clone(),
            events: old.events.clone(),
            computed_class: old.computed_class.clone(),
            status_updated_at: old.status_updated_at,
            create_index: old.create_index,
            modify_index: old.modify_index,
            ..node.clone()
        };
        as_known == **old
    });
    if !unchanged {
        let message = if old.is_some() { "Node re-registered" } else { "Node registered" };
        // A change of its metadata is no return: it would push what happened to the node out of its history.
        let is_change_of_meta = old.is_some_and(|old| old.status == NodeStatus::Ready && old.meta != node.meta);
        let event = (!is_change_of_meta).then(|| event(message, time));
        let evals = if is_new { Vec::new() } else { control::registration_evals(&view, &node, &mut core.ids()) };
        let id = node.id;
        core.execute(Command::RegisterNode { node: Arc::new(node.clone()), event, evals, time }).await?;
        tracing::info!(node = %id, name = %node.name, "{}", message.to_lowercase());
        core.signals.room_came_up();
    }
    Ok(beat(core, node.id))
}

async fn heartbeat(core: &Core, id: NodeId, secret: Uuid) -> Result<NodeReply, Failure> {
    let view = core.view();
    let node = match known(&view, id, secret) {
        Ok(node) => node,
        Err(failure) if failure.code == 404 => {
            return Ok(NodeReply::Heartbeat { known: false, ttl: 0, servers: region_servers(core), index: view.index() });
        }
        Err(failure) => return Err(failure),
    };
    revive(core, &view, &node).await?;
    Ok(beat(core, id))
}

/// A node that is new, or was given up, is heard of.
async fn revive(core: &Core, view: &View, node: &Node) -> Result<(), Failure> {
    if node.status == NodeStatus::Ready {
        return Ok(());
    }
    let (id, time) = (node.id, now());
    let evals = control::node_evals(view, id, &mut core.ids());
    let is_new = node.status == NodeStatus::Initializing;
    let event = (!is_new).then(|| event("Node reregistered by heartbeat", time));
    core.execute(Command::SetNodeStatus { id, status: NodeStatus::Ready, event, evals, time }).await?;
    tracing::info!(node = %id, name = %node.name, "node is {}", if is_new { "ready" } else { "back" });
    core.signals.room_came_up();
    Ok(())
}

/// Expects the next heartbeat, and says when.
fn beat(core: &Core, id: NodeId) -> NodeReply {
    let timing = &core.config.timing;
    let view = core.view();
    let ttl = timing.ttl(view.n_nodes(), rand::random());
    if let Some(leading) = core.leading().as_mut() {
        leading.heartbeats.expect(id, now().saturating_add(ttl).saturating_add(timing.grace));
    }
    NodeReply::Heartbeat { known: true, ttl, servers: region_servers(core), index: view.index() }
}

async fn pull(core: &Core, id: NodeId, secret: Uuid, min_index: u64, wait: i64) -> Result<NodeReply, Failure> {
    let mut leadership = core.replica.watch_leadership();
    known(&core.view(), id, secret)?;
    let deadline = tokio::time::Instant::now() + meant(wait);
    // What the node itself reports is no news to it.
    let place = core.watches.place(&Watch::NodeWork(id))?;
    loop {
        let woken = place.notify().notified();
        let view = core.view();
        let changed: Vec<_> = view.node_work(id, min_index).cloned().collect();
        let has_waited = tokio::time::Instant::now() >= deadline;
        if min_index == 0 || !changed.is_empty() || has_waited {
            let index = view.watch_index(&Watch::NodeAllocs(id));
            // Who has waited in vain hears everything now and then, so that a gap, from wherever, does not stay.
            let wants_all = has_waited || min_index == 0 || min_index > index || view.watch_index(&Watch::NodeLosses(id)) > min_index;
            let all = || view.node_allocs(id).map(|alloc| (alloc.id, alloc.alloc_modify_index)).collect();
            return Ok(NodeReply::Allocs(NodeAllocs { index, all: wants_all.then(all), changed }));
        }
        drop(view);
        tokio::select! {
            _ = tokio::time::timeout_at(deadline, woken) => {}
            // Work is given by the leader: the node asks that one.
            () = no_longer_leads(core, &mut leadership) => return Err(Failure::internal(NO_LEADER)),
            () = core.shutdown.cancelled() => return Err(Failure::internal(NO_LEADER)),
        }
    }
}

async fn update(core: &Core, id: NodeId, secret: Uuid, updates: Vec<AllocUpdate>) -> Result<NodeReply, Failure> {
    let view = core.view();
    let node = known(&view, id, secret)?;
    if let Some(foreign) = updates.iter().find(|update| view.alloc(update.id).is_some_and(|alloc| alloc.node_id != id)) {
        return Err(Failure::new(403, format!("allocation {} does not belong to node {id}", foreign.id)));
    }
    if node.status == NodeStatus::Disconnected {
        // Who reports is there; otherwise what it reports would be taken for unknown again at once.
        revive(core, &view, &node).await?;
        beat(core, id);
    }
    drop(view);
    let frees = updates.iter().any(|update| update.client_status.is_terminal());
    let index = core.reports.put(updates).await?;
    if frees {
        core.signals.room_came_up();
    }
    Ok(done(index))
}
