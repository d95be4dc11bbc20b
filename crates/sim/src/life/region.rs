//! The region: its state, its leader's loops, and the time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use control::Broker;
use model::{AllocId, EvalStatus, Evaluation, JobKey, NodeId};
use state::{Applied, Command, Outcome, Store, Watch};

use super::dice::Dice;
use super::nodes::Nodes;
use super::{Scale, invariants};

pub(super) const SECOND: i64 = 1_000_000_000;
pub(super) const HOUR: i64 = 3_600 * SECOND;
/// When the day begins, in unix nanoseconds.
const MORNING: i64 = 1_800_000_000 * SECOND;
/// In the evening everything comes to rest within this time: progress deadlines, delays between attempts and drains are shorter.
const EVENING: i64 = 8 * HOUR;
/// Rounds of the leader's loops at one moment; more than that is no coming to rest.
const ROUNDS_MAX: usize = 2_000;
/// So many events pass between two looks at everything.
const LOOK_EVERY: u64 = 64;
/// A refused plan is made anew at most so often.
const REFUSALS_MAX: usize = 5;

/// Something that happens at a certain time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The leader has something to do that waited for its time.
    Wake,
    PersonActs,
    NodeFails,
    /// Its heartbeat is overdue.
    NodeMissed(NodeId),
    NodeReturns(NodeId),
    DrainEnds(NodeId),
    /// The tasks of an allocation have got so far. The number says in which life of the node.
    Task(AllocId, Turn, u64),
}

/// What becomes of an allocation on its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    Starts,
    IsHealthy,
    IsUnhealthy,
    Completes,
    Fails,
    /// It was told to, and has stopped.
    Stopped,
}

pub(super) struct Region {
    pub store: Store,
    pub now: i64,
    pub dice: Dice,
    pub scale: Scale,
    pub nodes: Nodes,
    /// Nobody changes anything any more.
    pub is_evening: bool,
    broker: Broker,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    n_events: u64,
    /// When the leader wakes; what several things wait for is one event.
    wakes: BTreeSet<i64>,
    /// Index up to which it was looked for room.
    room_seen: u64,
    told: BTreeMap<&'static str, u64>,
    tells: bool,
}

impl Region {
    pub fn new(dice: Dice, scale: Scale, tells: bool) -> Self {
        Self {
            store: Store::default(),
            now: MORNING,
            dice,
            scale,
            nodes: Nodes::default(),
            is_evening: false,
            broker: Broker::new(),
            events: BinaryHeap::new(),
            n_events: 0,
            wakes: BTreeSet::new(),
            room_seen: 0,
            told: BTreeMap::new(),
            tells,
        }
    }

    pub fn told(&self) -> &BTreeMap<&'static str, u64> {
        &self.told
    }

    /// Nanoseconds.
    pub fn since_morning(&self) -> i64 {
        self.now - MORNING
    }

    pub fn count(&mut self, what: &'static str) {
        *self.told.entry(what).or_default() += 1;
    }

    pub fn tell(&self, text: impl FnOnce() -> String) {
        if self.tells {
            println!("{:>12} {}", model::format_duration(self.since_morning()), text());
        }
    }

    pub fn after(&mut self, delay: i64, event: Event) {
        self.n_events += 1;
        self.events.push(Reverse((self.now.saturating_add(delay.max(0)), self.n_events, event)));
    }

    /// The whole day, and the evening.
    pub fn live(&mut self) -> Result<(), String> {
        self.apply(&Command::Bootstrap { region: "west".into(), cluster: model::Uuid::from_u128(1) })?;
        self.build_nodes()?;
        self.settle()?;
        self.after(SECOND, Event::PersonActs);
        self.after(60 * SECOND, Event::NodeFails);
        let evening = MORNING + self.scale.hours * HOUR;
        let mut n_handled = 0_u64;
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            if !self.is_evening && at >= evening {
                self.now = evening;
                self.begin_evening()?;
                self.settle()?;
            }
            if at > evening + EVENING {
                break;
            }
            self.now = self.now.max(at);
            self.handle(event)?;
            self.settle()?;
            n_handled += 1;
            if n_handled.is_multiple_of(LOOK_EVERY) {
                invariants::always(&self.store)?;
            }
        }
        invariants::always(&self.store)?;
        invariants::at_rest(self)?;
        self.told.insert("events", n_handled);
        self.told.insert("log entries", self.store.index());
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Wake => {
                self.wakes.remove(&self.now);
                Ok(())
            }
            Event::PersonActs if self.is_evening => {
                // A version to which a job was rolled back may ask for that again.
                if self.since_morning() < self.scale.hours * HOUR + EVENING / 2 {
                    self.after(HOUR / 2, Event::PersonActs);
                }
                self.decide_what_waits()
            }
            Event::PersonActs => {
                let pause = self.dice.around(self.scale.person_acts_every) * SECOND;
                self.after(pause, Event::PersonActs);
                self.person_acts()
            }
            Event::NodeFails if self.is_evening => Ok(()),
            Event::NodeFails => {
                let pause = self.dice.around(self.scale.node_fails_every) * SECOND;
                self.after(pause, Event::NodeFails);
                self.node_fails();
                Ok(())
            }
            Event::NodeMissed(id) => self.node_missed(id),
            Event::NodeReturns(id) => self.node_returns(id),
            Event::DrainEnds(id) => self.end_drain(id),
            Event::Task(id, turn, life) => self.task_turns(id, turn, life),
        }
    }

    /// Applies a command as a committed log entry; refusals are answers, too.
    pub fn apply(&mut self, command: &Command) -> Result<Applied, String> {
        let index = self.store.index() + 1;
        let applied = self.store.apply(index, command);
        let mut touched_nodes = Vec::new();
        for watch in &applied.touched.0 {
            match watch {
                Watch::Eval(id) => match self.store.eval(*id) {
                    Some(eval) => self.broker.observe(eval),
                    None => self.broker.forget(*id),
                },
                Watch::NodeWork(id) => touched_nodes.push(*id),
                _ => {}
            }
        }
        for id in touched_nodes {
            self.node_hears(id);
        }
        Ok(applied)
    }

    /// As [`Region::apply`], where a refusal is a mistake.
    pub fn must(&mut self, command: &Command) -> Result<Applied, String> {
        let applied = self.apply(command)?;
        match &applied.outcome {
            Outcome::Refused(reason) => Err(format!("{command} was refused: {reason}")),
            _ => Ok(applied),
        }
    }

    /// The leader's loops, until none of them has anything to do at this moment.
    pub fn settle(&mut self) -> Result<(), String> {
        let mut last = String::new();
        for _ in 0..ROUNDS_MAX {
            let Some(what) = self.round()? else {
                self.sleep();
                return Ok(());
            };
            last = what;
        }
        Err(format!("the region does not come to rest: {last} again and again"))
    }

    /// One thing that one of the loops wants; `None`: nothing.
    fn round(&mut self) -> Result<Option<String>, String> {
        if let Some(id) = self.broker.next(self.now) {
            let Some(eval) = self.store.eval(id).filter(|eval| eval.status == EvalStatus::Pending).map(|eval| (**eval).clone()) else {
                self.broker.done(id);
                return Ok(Some("an evaluation that is gone".to_owned()));
            };
            let what = format!("{} of {}", eval.triggered_by, eval.job_key());
            self.schedule(&eval)?;
            return Ok(Some(what));
        }
        let capacity = control::capacity_index(&self.store);
        if capacity > self.room_seen {
            self.room_seen = capacity;
            let evals = control::unblock(&self.store, None);
            if !evals.is_empty() {
                self.count("looks for room");
                self.must(&Command::UpsertEvals { evals, time: self.now })?;
                // What that itself changed is no new room.
                self.room_seen = self.room_seen.max(control::capacity_index(&self.store));
                return Ok(Some("room".to_owned()));
            }
        }
        let step = deployment::step(&self.store, self.now, self.dice.ids());
        if let Some(command) = step.propose.into_iter().next() {
            let what = command.name();
            for note in step.notes {
                self.tell(|| note);
            }
            self.count(what);
            self.apply(&command)?;
            return Ok(Some(what.to_owned()));
        }
        let drains = control::drain::step(&self.store, self.now, self.dice.ids());
        if let Some(command) = drains.propose.into_iter().next() {
            let what = command.name();
            self.apply(&command)?;
            return Ok(Some(format!("drain: {what}")));
        }
        if self.give_up_node()? {
            return Ok(Some("a node that was waited for in vain".to_owned()));
        }
        for at in [step.wake_at, drains.wake_at].into_iter().flatten() {
            self.wake_at(at);
        }
        Ok(None)
    }

    /// Until the next evaluation is due.
    fn sleep(&mut self) {
        if let Some(at) = self.broker.wake_at() {
            self.wake_at(at);
        }
    }

    /// What is due now is done without being woken.
    fn wake_at(&mut self, at: i64) {
        if at > self.now && self.wakes.insert(at) {
            self.after(at - self.now, Event::Wake);
        }
    }

    fn schedule(&mut self, eval: &Evaluation) -> Result<(), String> {
        self.count("evaluations");
        for attempt in 1..=REFUSALS_MAX {
            let seed = self.dice.seed();
            let decision = scheduler::schedule(&self.store, eval, self.now, seed);
            if scheduler::schedule(&self.store, eval, self.now, seed) != decision {
                return Err(format!("two decisions about evaluation {} of {} differ", eval.id, eval.job_key()));
            }
            invariants::decision(&self.store, eval, &decision)?;
            let superseded: Vec<Evaluation> = self.broker.superseded_by(eval.id).into_iter().filter_map(|id| self.canceled(id)).collect();
            let mut plan = decision.plan;
            plan.evals.extend(superseded);
            let (n_placed, n_stopped) = (plan.placements.len(), plan.stops.len());
            let command = Command::ApplyPackedPlan(Box::new(state::PackedPlan(plan)));
            // As it comes out of the log.
            let bytes = command.encode().map_err(|error| format!("a plan has no bytes: {error}"))?;
            let command = Command::decode(state::COMMAND_VERSION, &bytes).map_err(|error| format!("a plan cannot be read: {error}"))?;
            if let Outcome::Refused(reason) = self.apply(&command)?.outcome {
                if attempt == REFUSALS_MAX {
                    return Err(format!("a plan is refused again and again: {reason}"));
                }
                continue;
            }
            if n_placed + n_stopped > 0 {
                self.tell(|| format!("{}: {n_placed} placed, {n_stopped} stopped ({})", eval.job_key(), eval.triggered_by));
            }
            *self.told.entry("placements").or_default() += n_placed as u64;
            *self.told.entry("stops").or_default() += n_stopped as u64;
            break;
        }
        self.broker.done(eval.id);
        Ok(())
    }

    fn canceled(&self, id: model::EvalId) -> Option<Evaluation> {
        let eval = self.store.eval(id).filter(|eval| eval.status == EvalStatus::Pending && eval.wait_until.is_never())?;
        Some(Evaluation { status: EvalStatus::Canceled, ..(**eval).clone() })
    }

    /// Keys of jobs that are not stopped.
    pub fn running_jobs(&self) -> Vec<JobKey> {
        self.store.jobs().filter(|job| !job.stop).map(|job| job.key()).collect()
    }
}
