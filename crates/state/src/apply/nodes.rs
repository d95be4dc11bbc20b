//! Nodes.

use std::sync::Arc;

use model::{
    Allocation, DrainMetadata, DrainStatus, DrainStrategy, Eligibility, Evaluation, EventSubject, Node, NodeEvent, NodeId, NodeStatus, Time,
};

use super::Change;
use crate::command::{NodeDrain, Outcome};
use crate::watch::{Table, Watch};

/// Node events kept.
const EVENTS_MAX: usize = 10;

impl Change<'_> {
    pub(super) fn register_node(&mut self, node: &Arc<Node>, event: Option<&NodeEvent>, evals: &[Evaluation], time: i64) -> Outcome {
        let mut node = (**node).clone();
        match self.store.nodes.get(&node.id) {
            Some(old) if old.secret_id != node.secret_id => {
                return Outcome::Refused(format!("node secret ID does not match. Not registering node {}.", node.id));
            }
            Some(old) => {
                node.create_index = old.create_index;
                node.scheduling_eligibility = old.scheduling_eligibility;
                node.drain_strategy.clone_from(&old.drain_strategy);
                node.last_drain.clone_from(&old.last_drain);
                node.events.clone_from(&old.events);
            }
            None => {
                node.create_index = self.index;
                self.touch(Watch::NodeLosses(node.id));
            }
        }
        node.computed_class = node.class_hash();
        node.status_updated_at = time / 1_000_000_000;
        self.ensure_node_pool(&node.node_pool);
        self.put_node(node, event);
        self.upsert_evals(evals, time)
    }

    pub(super) fn set_node_status(
        &mut self,
        id: NodeId,
        status: NodeStatus,
        event: Option<&NodeEvent>,
        evals: &[Evaluation],
        time: i64,
    ) -> Outcome {
        let Some(old) = self.store.nodes.get(&id) else { return Outcome::Refused("node not found".to_owned()) };
        let mut node = (**old).clone();
        if node.status != status {
            node.status = status;
            node.status_updated_at = time / 1_000_000_000;
            node.last_missed_heartbeat_index = match status {
                NodeStatus::Down | NodeStatus::Disconnected => self.index,
                NodeStatus::Initializing | NodeStatus::Ready => 0,
            };
        }
        self.put_node(node, event);
        self.upsert_evals(evals, time)
    }

    pub(super) fn set_node_eligibility(
        &mut self,
        id: NodeId,
        eligibility: Eligibility,
        event: Option<&NodeEvent>,
        evals: &[Evaluation],
        time: i64,
    ) -> Outcome {
        let Some(old) = self.store.nodes.get(&id) else { return Outcome::Refused("node not found".to_owned()) };
        let mut node = (**old).clone();
        node.scheduling_eligibility = eligibility;
        self.put_node(node, event);
        self.upsert_evals(evals, time)
    }

    /// A draining node takes no work; whether it does afterwards is said by whoever ends the drain.
    pub(super) fn set_node_drain(&mut self, drain: &NodeDrain) -> Outcome {
        let NodeDrain { id, strategy, is_complete, mark_eligible, meta, event, evals, time } = drain;
        let Some(old) = self.store.nodes.get(id) else { return Outcome::Refused("node not found".to_owned()) };
        let mut node = (**old).clone();
        if strategy.is_none() && node.drain_strategy.is_none() && *is_complete {
            return Outcome::Refused(format!("node {id} is not draining any more"));
        }
        let now = Time(*time);
        let started_at = node.drain_strategy.as_ref().map_or(now, |present| present.started_at);
        let status = match (strategy, is_complete) {
            (Some(_), _) => DrainStatus::Draining,
            (None, true) => DrainStatus::Complete,
            (None, false) => DrainStatus::Canceled,
        };
        if strategy.is_some() || node.drain_strategy.is_some() {
            let kept = node.last_drain.take().filter(|last| last.status == DrainStatus::Draining).unwrap_or_default();
            let meta = if meta.is_empty() { kept.meta } else { meta.clone() };
            node.last_drain = Some(DrainMetadata { started_at, updated_at: now, status, accessor_id: kept.accessor_id, meta });
        }
        let was_draining = node.drain_strategy.is_some();
        node.drain_strategy = strategy.as_ref().map(|strategy| DrainStrategy { started_at, ..strategy.clone() });
        if strategy.is_some() {
            node.scheduling_eligibility = Eligibility::Ineligible;
        } else if *mark_eligible {
            node.scheduling_eligibility = Eligibility::Eligible;
        }
        self.put_node(node, event.as_ref());
        if was_draining && status == DrainStatus::Canceled {
            self.keep_allocs(*id, *time);
        }
        self.upsert_evals(evals, *time)
    }

    /// What was told to leave the node, and has not left it, may stay.
    fn keep_allocs(&mut self, id: NodeId, time: i64) {
        let leaves = |alloc: &&Arc<Allocation>| !alloc.is_terminal() && alloc.desired_transition.migrate == Some(true);
        let leaving: Vec<Arc<Allocation>> = self.store.node_allocs(id).filter(leaves).cloned().collect();
        for old in leaving {
            let mut alloc = (*old).clone();
            alloc.desired_transition.migrate = None;
            (alloc.modify_index, alloc.alloc_modify_index, alloc.modify_time) = (self.index, self.index, time);
            self.put_alloc(alloc);
        }
    }

    pub(super) fn add_node_events(&mut self, id: NodeId, events: &[NodeEvent]) -> Outcome {
        let Some(old) = self.store.nodes.get(&id) else { return Outcome::Refused("node not found".to_owned()) };
        let mut node = (**old).clone();
        for event in events {
            self.push_event(&mut node, event);
        }
        self.put_node(node, None);
        Outcome::Done
    }

    fn push_event(&self, node: &mut Node, event: &NodeEvent) {
        node.events.push(NodeEvent { create_index: self.index, ..event.clone() });
        let surplus = node.events.len().saturating_sub(EVENTS_MAX);
        node.events.drain(..surplus);
    }

    fn put_node(&mut self, mut node: Node, event: Option<&NodeEvent>) {
        if let Some(event) = event {
            self.push_event(&mut node, event);
        }
        node.modify_index = self.index;
        self.touch(Watch::Table(Table::Nodes));
        self.touch(Watch::Node(node.id));
        self.store.nodes.insert(node.id, Arc::new(node));
    }

    pub(super) fn remove_node(&mut self, id: NodeId) {
        self.store.node_reports.remove(&id);
        if let Some(node) = self.store.nodes.remove(&id) {
            self.noted.push(EventSubject::Node(node));
            self.touch(Watch::Table(Table::Nodes));
            self.touch(Watch::Node(id));
            self.touch(Watch::NodeAllocs(id));
            self.touch(Watch::NodeWork(id));
            self.touch(Watch::NodeLosses(id));
        }
    }
}
