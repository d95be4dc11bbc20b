//! A day in the life of one region: two hundred nodes and jobs of all types, people who change them, nodes that go silent and return, tasks
//! that fail; in invented time, with the real scheduler, broker, deployment watcher, garbage collection and state.
//!
//! It knows no servers, no log and no network between them: what is proposed is committed. A seed is a day: the same one ends the same.

mod invariants;
mod people;

use std::collections::{BTreeMap, BTreeSet};

use control::{Broker, Thresholds};
use model::{AllocId, AllocUpdate, ClientStatus, EvalStatus, EvalTrigger, Evaluation, IdSource, NodeId, NodeStatus};
use state::{Command, Outcome};
use testkit::World;

use crate::life::people::JOBS;

/// Steps of a day, five minutes each.
pub const DAY: usize = 288;
const STEP_MAX: u64 = 600;
pub const N_NODES: usize = 200;
/// Time stands still meanwhile: without an end in sight after so many rounds, something goes round in circles.
const ROUNDS_MAX: usize = 400;

/// What happened in a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How often, by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// Of the log.
    pub index: u64,
}

/// A day with this seed.
///
/// # Errors
///
/// An invariant was violated; in words.
pub fn day(seed: u64, n_nodes: usize, n_steps: usize) -> Result<Told, String> {
    let mut life = Life::new(seed, n_nodes);
    for step in 0..n_steps {
        let at = |problem: String| format!("step {step}: {problem}");
        life.disturb();
        life.live().map_err(at)?;
        life.check().map_err(at)?;
        if step % 12 == 11 {
            life.collect();
        }
    }
    life.calm().map_err(|problem| format!("in the evening: {problem}"))?;
    Ok(Told { counts: life.counts, index: life.world.store.index() })
}

/// A small stream of numbers (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

struct Life {
    world: World,
    broker: Broker,
    numbers: Numbers,
    ids: IdSource,
    /// Nodes that cannot reach servers; they go on.
    silent: BTreeSet<NodeId>,
    /// Room may have come up after this index was looked at.
    seen_capacity: u64,
    /// How well the nodes do their work: in the evening nothing fails any more.
    is_calm: bool,
    counts: BTreeMap<&'static str, u64>,
}

impl Life {
    fn new(seed: u64, n_nodes: usize) -> Self {
        let mut life = Self {
            world: World::new(),
            broker: Broker::new(),
            numbers: Numbers(seed),
            ids: IdSource::new(seed),
            silent: BTreeSet::new(),
            seen_capacity: 0,
            is_calm: false,
            counts: BTreeMap::new(),
        };
        for i in 0..n_nodes {
            life.join(i);
        }
        life
    }

    fn count(&mut self, what: &'static str, n: u64) {
        *self.counts.entry(what).or_default() += n;
    }

    fn apply(&mut self, command: &Command) -> bool {
        !matches!(self.world.try_apply(command).outcome, Outcome::Refused(_))
    }

    /// Everything that is due happens, until nothing is left to do.
    fn live(&mut self) -> Result<(), String> {
        self.world.wait(self.numbers.below(STEP_MAX) as i64);
        for _ in 0..ROUNDS_MAX {
            let before = self.world.store.index();
            self.nodes_work();
            self.schedule();
            self.watch();
            self.unblock();
            if self.world.store.index() == before {
                return Ok(());
            }
        }
        Err("nothing comes to rest".to_owned())
    }

    /// Nodes start what they are given, and report.
    fn nodes_work(&mut self) {
        let mut reports: BTreeMap<(ClientStatus, Option<bool>), Vec<AllocId>> = BTreeMap::new();
        let store = &self.world.store;
        for alloc in store.allocs().filter(|alloc| !alloc.client_status.is_terminal() && !self.silent.contains(&alloc.node_id)) {
            if store.node(alloc.node_id).is_none_or(|node| node.status != NodeStatus::Ready) {
                continue;
            }
            if alloc.server_terminal() {
                reports.entry((ClientStatus::Complete, None)).or_default().push(alloc.id);
                continue;
            }
            let is_bad = alloc.job.as_ref().is_some_and(|job| job.meta.contains_key("bad")) && !self.is_calm;
            let needs_verdict = !alloc.deployment_id.is_nil() && !alloc.is_healthy();
            let report = match alloc.client_status {
                _ if is_bad && self.numbers.one_in(2) => (ClientStatus::Failed, Some(false).filter(|_| needs_verdict)),
                ClientStatus::Pending | ClientStatus::Unknown => (ClientStatus::Running, Some(true).filter(|_| needs_verdict)),
                _ if needs_verdict => (ClientStatus::Running, Some(true)),
                _ => continue,
            };
            reports.entry(report).or_default().push(alloc.id);
        }
        for ((status, healthy), ids) in reports {
            self.report(&ids, status, healthy);
        }
    }

    fn report(&mut self, ids: &[AllocId], client_status: ClientStatus, healthy: Option<bool>) {
        let updates: Vec<AllocUpdate> = ids.iter().map(|id| AllocUpdate { id: *id, client_status, ..AllocUpdate::default() }).collect();
        let evals = control::report_evals(&self.world.store, &updates, &mut self.ids);
        self.count("reports", ids.len() as u64);
        match healthy {
            Some(healthy) if client_status == ClientStatus::Running => self.world.report_health(ids, healthy),
            _ => self.world.report(ids, client_status),
        }
        self.propose_evals(evals);
    }

    fn propose_evals(&mut self, evals: Vec<Evaluation>) {
        if !evals.is_empty() {
            let time = self.world.now;
            self.apply(&Command::UpsertEvals { evals, time });
        }
    }

    fn schedule(&mut self) {
        self.broker.sync(&self.world.store);
        while let Some(id) = self.broker.next(self.world.now) {
            let Some(eval) = self.world.store.eval(id).filter(|eval| eval.status == EvalStatus::Pending).cloned() else {
                self.broker.done(id);
                continue;
            };
            let superseded: Vec<Evaluation> = self
                .broker
                .superseded_by(id)
                .into_iter()
                .filter_map(|other| self.world.store.eval(other))
                .filter(|other| other.wait_until.is_never() && other.status == EvalStatus::Pending)
                .map(|other| Evaluation { status: EvalStatus::Canceled, ..(**other).clone() })
                .collect();
            let seed = self.numbers.next();
            let mut plan = scheduler::schedule(&self.world.store, &eval, self.world.now, seed).plan;
            self.count("plans", 1);
            self.count("placements", plan.placements.len() as u64);
            let n_away = plan.stops.iter().filter(|stop| stop.client_status == Some(ClientStatus::Unknown)).count();
            self.count("unknown", n_away as u64);
            let n_returned = plan.stops.iter().filter(|stop| stop.description.contains("reconnect")).count();
            self.count("losers of a return", n_returned as u64);
            plan.evals.extend(superseded);
            let is_done = self.apply(&Command::ApplyPlan(Box::new(plan)));
            if is_done {
                self.broker.done(id);
            } else {
                self.broker.retry(id, self.world.now);
            }
            self.broker.sync(&self.world.store);
        }
    }

    /// What the leader's reconcilers do.
    fn watch(&mut self) {
        for id in control::given_up(&self.world.store) {
            self.set_node(id, NodeStatus::Down);
            self.count("given up", 1);
        }
        for command in deployment::step(&self.world.store, self.world.now, &mut self.ids).propose {
            self.apply(&command);
            self.count("steps of deployments", 1);
        }
    }

    fn set_node(&mut self, id: NodeId, status: NodeStatus) {
        let evals = control::node_evals(&self.world.store, id, &mut self.ids);
        let time = self.world.now;
        self.apply(&Command::SetNodeStatus { id, status, event: None, evals, time });
    }

    fn unblock(&mut self) {
        let capacity = control::capacity_index(&self.world.store);
        let n_pending =
            self.world.store.open_evals().filter(|eval| eval.status == EvalStatus::Pending && eval.wait_until.is_never()).count();
        // What was looked at last found no room in what there was then.
        if capacity > self.seen_capacity && n_pending == 0 {
            let evals = control::unblock(&self.world.store, None);
            self.count("unblocked", evals.len() as u64);
            self.propose_evals(evals);
            self.schedule();
            self.seen_capacity = control::capacity_index(&self.world.store);
        }
    }

    fn collect(&mut self) {
        if let Some(reap) = control::garbage(&self.world.store, self.world.now, &Thresholds::default()) {
            self.apply(&Command::Reap(Box::new(reap)));
            self.count("collections", 1);
        }
    }

    /// Everybody goes home: what was paused goes on, most nodes are back, nothing fails; and all that was wanted is there.
    fn calm(&mut self) -> Result<(), String> {
        self.is_calm = true;
        let nodes: Vec<NodeId> = self.world.store.nodes().map(|node| node.id).collect();
        for (i, id) in nodes.into_iter().enumerate() {
            if i % 10 == 0 {
                // These never come back.
                self.silent.insert(id);
                self.miss(id);
            } else {
                self.end_drain(id);
                self.bring_back(id);
            }
        }
        for id in JOBS {
            self.resume(id);
        }
        for _ in 0..40 {
            self.live()?;
            self.world.wait(1800);
            for id in JOBS {
                self.promote(id);
            }
        }
        self.live()?;
        self.check()?;
        self.check_quiet()
    }

    fn miss(&mut self, id: NodeId) {
        if self.world.store.node(id).is_some_and(|node| node.status == NodeStatus::Ready) {
            let status = control::silent_status(&self.world.store, id);
            self.set_node(id, status);
            self.count(if status == NodeStatus::Down { "nodes down" } else { "nodes disconnected" }, 1);
        }
    }

    fn bring_back(&mut self, id: NodeId) {
        self.silent.remove(&id);
        if self.world.store.node(id).is_some_and(|node| node.status != NodeStatus::Ready) {
            self.set_node(id, NodeStatus::Ready);
            self.count("nodes returned", 1);
        }
    }

    fn eval_of(&mut self, job: &str, trigger: EvalTrigger) -> Option<Evaluation> {
        let job = self.world.store.job(&self.world.key(job))?.clone();
        Some(control::job_eval(&job, trigger, &mut self.ids))
    }
}
