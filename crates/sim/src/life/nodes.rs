//! The nodes, and what becomes of tasks on them.

use std::collections::HashMap;
use std::sync::Arc;

use model::{
    AllocDeploymentStatus, AllocId, AllocUpdate, Allocation, ClientStatus, DeploymentId, DrainStrategy, JobType, NodeId, NodeStatus,
    TaskPhase, TaskState, Text, Time,
};
use state::{Command, NodeDrain};

use super::region::{Event, Region, SECOND, Turn};

/// A node is missed when it has not been heard of for so long.
const MISSED_AFTER: i64 = 30 * SECOND;
const DRAIN_MAX: i64 = 30 * 60 * SECOND;

/// What is going on for an allocation on its node.
#[derive(Clone, Copy, Default)]
struct Heard {
    /// It was told to start.
    starts: bool,
    /// It was told to stop.
    stops: bool,
    /// Its health is found out for that deployment; nil: for none.
    deployment: DeploymentId,
}

/// What nodes know that servers do not.
#[derive(Default)]
pub(super) struct Nodes {
    pub known: Vec<NodeId>,
    /// Nodes that servers cannot hear, since when.
    away: HashMap<NodeId, i64>,
    /// How often the node lost its tasks: what was to become of them does not come any more.
    lives: HashMap<NodeId, u64>,
    heard: HashMap<AllocId, Heard>,
}

impl Region {
    pub fn build_nodes(&mut self) -> Result<(), String> {
        for number in 0..self.scale.n_nodes {
            let mut node = testkit::node(&format!("n{number}")).build();
            node.datacenter = format!("dc{}", number % 3);
            node.node_class = if number % 4 == 0 { "large" } else { "small" }.to_owned();
            node.meta.insert("rack".to_owned(), format!("r{}", number % 10));
            if number % 8 == 7 {
                node.node_pool = "edge".to_owned();
            }
            let id = node.id;
            self.nodes.known.push(id);
            let time = self.now;
            self.must(&Command::RegisterNode { node: Arc::new(node), event: None, evals: Vec::new(), time })?;
        }
        Ok(())
    }

    fn life(&self, id: NodeId) -> u64 {
        self.nodes.lives.get(&id).copied().unwrap_or_default()
    }

    /// Servers want something of the allocations of a node. One that cannot be reached hears it when it returns.
    pub fn node_hears(&mut self, id: NodeId) {
        if self.nodes.away.contains_key(&id) {
            return;
        }
        let life = self.life(id);
        let allocs: Vec<Arc<Allocation>> = self.store.node_allocs(id).cloned().collect();
        for alloc in allocs {
            if alloc.client_status.is_terminal() {
                continue;
            }
            let heard = self.nodes.heard.get(&alloc.id).copied().unwrap_or_default();
            let mut now = heard;
            if alloc.server_terminal() {
                if heard.stops {
                    continue;
                }
                let delay = if heard.starts { self.dice.between(100, 8_000) * SECOND / 1_000 } else { 0 };
                self.after(delay, Event::Task(alloc.id, Turn::Stopped, life));
                (now.starts, now.stops) = (true, true);
            } else if !heard.starts {
                let delay = self.dice.between(50, 3_000) * SECOND / 1_000;
                self.after(delay, Event::Task(alloc.id, Turn::Starts, life));
                (now.starts, now.deployment) = (true, alloc.deployment_id);
            } else if heard.deployment != alloc.deployment_id {
                // It became part of another deployment while its tasks went on.
                now.deployment = alloc.deployment_id;
                let delay = self.dice.between(10, 25) * SECOND;
                self.after(delay, Event::Task(alloc.id, Turn::IsHealthy, life));
            }
            self.nodes.heard.insert(alloc.id, now);
        }
    }

    /// What was to happen on a node happens, unless its life is another one.
    pub fn task_turns(&mut self, id: AllocId, turn: Turn, life: u64) -> Result<(), String> {
        let Some(alloc) = self.store.alloc(id).cloned() else { return Ok(()) };
        let node = alloc.node_id;
        if self.life(node) != life || alloc.client_status.is_terminal() {
            return Ok(());
        }
        if self.nodes.away.contains_key(&node) {
            // The node goes on; servers hear of it when it is back.
            self.after(10 * SECOND, Event::Task(id, turn, life));
            return Ok(());
        }
        let is_stopping = self.nodes.heard.get(&id).is_some_and(|heard| heard.stops);
        if is_stopping && turn != Turn::Stopped {
            return Ok(());
        }
        match turn {
            Turn::Starts => {
                self.foresee(&alloc, life);
                self.report(&alloc, ClientStatus::Running, None)
            }
            Turn::IsHealthy => self.report(&alloc, ClientStatus::Running, Some(true)),
            Turn::IsUnhealthy => self.report(&alloc, ClientStatus::Running, Some(false)),
            Turn::Completes | Turn::Stopped => self.report(&alloc, ClientStatus::Complete, None),
            Turn::Fails => self.report(&alloc, ClientStatus::Failed, None),
        }
    }

    /// What will become of an allocation that has started.
    fn foresee(&mut self, alloc: &Allocation, life: u64) {
        let is_bad_version = alloc.job.as_ref().is_some_and(|job| job.meta.contains_key("bad"));
        let kind = alloc.job.as_ref().map_or(JobType::Service, |job| job.kind);
        let seconds = |region: &mut Self, low: i64, high: i64| region.dice.between(low, high) * SECOND;
        if matches!(kind, JobType::Batch | JobType::Sysbatch) {
            let (length, turn) = (seconds(self, 5, 3_000), if self.dice.percent(5) { Turn::Fails } else { Turn::Completes });
            self.after(length, Event::Task(alloc.id, turn, life));
            return;
        }
        if is_bad_version && self.dice.percent(60) {
            let delay = seconds(self, 1, 60);
            let turn = if self.dice.percent(50) { Turn::Fails } else { Turn::IsUnhealthy };
            self.after(delay, Event::Task(alloc.id, turn, life));
            return;
        }
        let delay = seconds(self, 10, 25);
        self.after(delay, Event::Task(alloc.id, Turn::IsHealthy, life));
        if self.dice.percent(4) {
            let delay = seconds(self, 60, 20_000);
            self.after(delay, Event::Task(alloc.id, Turn::Fails, life));
        }
    }

    fn report(&mut self, alloc: &Allocation, status: ClientStatus, healthy: Option<bool>) -> Result<(), String> {
        let now = Time(self.now);
        let task = TaskState {
            state: if status.is_terminal() { TaskPhase::Dead } else { TaskPhase::Running },
            failed: status == ClientStatus::Failed,
            started_at: now,
            finished_at: if status.is_terminal() { now } else { Time::NEVER },
            ..TaskState::default()
        };
        let deployment_status =
            healthy.map(|healthy| AllocDeploymentStatus { healthy: Some(healthy), timestamp: now, ..AllocDeploymentStatus::default() });
        let update = AllocUpdate {
            id: alloc.id,
            client_status: status,
            client_description: Text::default(),
            task_states: [("server".to_owned(), task)].into_iter().collect(),
            deployment_id: alloc.deployment_id,
            deployment_status,
            network_status: None,
        };
        let updates = vec![update];
        let evals = control::report_evals(&self.store, &updates, self.dice.ids());
        self.count(match status {
            ClientStatus::Failed => "failed allocations",
            ClientStatus::Complete => "ended allocations",
            _ => "other reports",
        });
        self.must(&Command::UpdateAllocs { updates, evals, time: self.now }).map(|_| ())
    }

    // ---- faults

    pub fn node_fails(&mut self) {
        let Some(&id) = self.dice.pick(&self.nodes.known) else { return };
        if self.nodes.away.contains_key(&id) {
            return;
        }
        self.nodes.away.insert(id, self.now);
        self.tell(|| format!("node {} is away", id.short()));
        self.count("nodes away");
        let loses_tasks = self.dice.percent(50);
        if loses_tasks {
            *self.nodes.lives.entry(id).or_default() += 1;
        }
        self.after(MISSED_AFTER, Event::NodeMissed(id));
        let length = self.dice.between(5, 1_800) * SECOND;
        self.after(length, Event::NodeReturns(id));
    }

    pub fn node_missed(&mut self, id: NodeId) -> Result<(), String> {
        let is_missed = self.nodes.away.get(&id).is_some_and(|since| self.now - since >= MISSED_AFTER);
        if !is_missed {
            return Ok(());
        }
        let status = control::silent_status(&self.store, id);
        self.set_node_status(id, status)
    }

    fn set_node_status(&mut self, id: NodeId, status: NodeStatus) -> Result<(), String> {
        self.tell(|| format!("node {} is {status}", id.short()));
        self.count(match status {
            NodeStatus::Down => "nodes down",
            NodeStatus::Disconnected => "nodes disconnected",
            NodeStatus::Ready | NodeStatus::Initializing => "nodes back",
        });
        let evals = control::node_evals(&self.store, id, self.dice.ids());
        self.must(&Command::SetNodeStatus { id, status, event: None, evals, time: self.now }).map(|_| ())
    }

    /// A node that was waited for in vain is down.
    pub fn give_up_node(&mut self) -> Result<bool, String> {
        match control::given_up(&self.store).first() {
            Some(id) => self.set_node_status(*id, NodeStatus::Down).map(|()| true),
            None => Ok(false),
        }
    }

    pub fn node_returns(&mut self, id: NodeId) -> Result<(), String> {
        if self.nodes.away.remove(&id).is_none() {
            return Ok(());
        }
        self.tell(|| format!("node {} is back", id.short()));
        if self.store.node(id).is_some_and(|node| node.status != NodeStatus::Ready) {
            self.set_node_status(id, NodeStatus::Ready)?;
        }
        // What it lost has failed; what servers gave up meanwhile is stopped.
        let life = self.life(id);
        let allocs: Vec<Arc<Allocation>> = self.store.node_allocs(id).cloned().collect();
        for alloc in allocs.iter().filter(|alloc| !alloc.client_status.is_terminal() && !alloc.server_terminal()) {
            if alloc.client_status == ClientStatus::Unknown {
                // It runs on, or is started again.
                self.after(SECOND, Event::Task(alloc.id, Turn::Starts, life));
            } else if life > 0
                && alloc.client_status == ClientStatus::Running
                && !self.nodes.heard.get(&alloc.id).is_some_and(|heard| heard.stops)
            {
                // Its tasks are started again by the node.
                self.foresee(alloc, life);
            } else if life > 0 && alloc.client_status == ClientStatus::Pending {
                self.after(SECOND, Event::Task(alloc.id, Turn::Starts, life));
            }
        }
        for alloc in allocs.iter().filter(|alloc| alloc.server_terminal() && !alloc.client_status.is_terminal()) {
            self.nodes.heard.insert(alloc.id, Heard { starts: true, stops: true, ..Heard::default() });
            self.after(SECOND, Event::Task(alloc.id, Turn::Stopped, life));
        }
        self.node_hears(id);
        Ok(())
    }

    // ---- drains

    pub fn begin_drain(&mut self, id: NodeId) -> Result<(), String> {
        let strategy = DrainStrategy {
            deadline: DRAIN_MAX,
            force_deadline: Time(self.now + DRAIN_MAX),
            started_at: Time(self.now),
            ..DrainStrategy::default()
        };
        self.tell(|| format!("node {} is drained", id.short()));
        self.count("drains");
        self.must(&Command::SetNodeDrain(Box::new(NodeDrain {
            id,
            strategy: Some(strategy),
            is_complete: false,
            mark_eligible: false,
            meta: Default::default(),
            event: None,
            evals: Vec::new(),
            time: self.now,
        })))?;
        let length = self.dice.between(600, 5_000) * SECOND;
        self.after(length, Event::DrainEnds(id));
        Ok(())
    }

    /// Somebody takes the node into use again.
    pub fn end_drain(&mut self, id: NodeId) -> Result<(), String> {
        let evals = control::node_evals(&self.store, id, self.dice.ids());
        self.must(&Command::SetNodeDrain(Box::new(NodeDrain {
            id,
            strategy: None,
            is_complete: false,
            mark_eligible: true,
            meta: Default::default(),
            event: None,
            evals,
            time: self.now,
        })))
        .map(|_| ())
    }
}
