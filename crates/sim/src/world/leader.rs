//! What a leader does for as long as it leads: the loops of the server's reconcilers, in invented time.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{Either, select};
use model::{Phase, RegionName, RegionRecord, RolloutId, RolloutKind};
use state::{Command, Outcome};

use super::Flaw;
use super::call::{Fetched, Reply, Request};
use super::executor::{Owner, Sim};
use super::signal::{Signal, given};
use super::world::{SECOND, World};
use crate::model::Flaw as Broken;

/// Everything is looked at at least this often, in case that a notice was lost.
const SLOW_TICK: Duration = Duration::from_secs(2);
/// Between two looks: many changes that come together are looked at once.
const PAUSE: Duration = Duration::from_millis(10);
const AGAIN_AFTER: Duration = Duration::from_millis(100);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(10);
const COUNTERS_EVERY: Duration = Duration::from_secs(2);
const PUBLISH_TICK: Duration = Duration::from_secs(30);
/// In nanoseconds.
const UNDECIDED_LONG: i64 = 10_000_000_000;
const GARBAGE_TICK: Duration = Duration::from_secs(20);
impl World {
    /// The tasks of a leader.
    pub fn lead(&mut self, at: usize) {
        let Some(sim) = self.sim.get() else { return };
        let owner = Owner::Leader { at, life: self.servers[at].life, term: self.servers[at].raft.term };
        self.spawned.push((owner, Box::pin(reconcile(sim.clone(), at))));
        self.spawned.push((owner, Box::pin(catch_up(sim.clone(), at))));
        self.spawned.push((owner, Box::pin(publish(sim.clone(), at))));
        self.spawned.push((owner, Box::pin(schedule(sim.clone(), at))));
        self.spawned.push((owner, Box::pin(collect_garbage(sim.clone(), at))));
    }

    fn wishes(&mut self, at: usize) -> (Vec<Command>, Option<i64>) {
        let (now, mut ids) = (self.unix(), self.dice.ids());
        let broken = match self.flaw {
            Some(Flaw::Protocol(flaw)) => Some(flaw),
            _ => None,
        };
        let server = &self.servers[at];
        let deployments = deployment::step(&server.store, now, &mut ids);
        let mut commands = deployments.propose;
        commands.extend(multiregion::step_by(Broken::rule(broken), &server.store, &server.records, now, &mut ids).propose);
        if broken != Some(Broken::KeepsWhatIsAbandoned) {
            commands.extend(multiregion::abandoned(&server.store, |id| server.submitting.contains(id), now));
        }
        (commands, deployments.wake_at)
    }
}

/// Waits for a signal, and no longer than `at_most`.
async fn wait(sim: &Sim, at_most: Duration, of: impl Fn(&mut World) -> &mut Signal) {
    sim.sleep(PAUSE).await;
    sim.timeout(at_most, given(sim, of)).await;
}

/// Commands that the state refused, so that they are not proposed again at once and for ever.
#[derive(Default)]
struct Refused(BTreeMap<String, (Duration, Duration)>);

impl Refused {
    /// Takes out what has to wait.
    fn hold_back(&mut self, now: Duration, commands: &mut Vec<Command>) {
        self.0.retain(|_, (_, until)| now < *until + AGAIN_AFTER_MAX);
        commands.retain(|command| self.0.get(&subject(command)).is_none_or(|(_, until)| *until <= now));
    }

    fn refused(&mut self, now: Duration, subject: String) {
        let (pause, until) = self.0.entry(subject).or_insert((AGAIN_AFTER / 2, now));
        *pause = (*pause * 2).min(AGAIN_AFTER_MAX);
        *until = now + *pause;
    }
}

/// What a command of a reconciler is about.
fn subject(command: &Command) -> String {
    let name = command.name();
    match command {
        Command::SetDeploymentStatus(change) => format!("{name} {}", change.update.id),
        Command::AdoptRollout(adoption) => format!("{name} {}", adoption.id),
        Command::SetRolloutPhase(change) => format!("{name} {} {}", change.id, change.to),
        Command::UnstageRollout { id, .. } | Command::OverrideRollout { id, .. } => format!("{name} {id}"),
        Command::StageRollout { header, .. } => format!("{name} {}", header.id),
        _ => name.to_owned(),
    }
}

/// Tells whether something was done.
async fn propose(sim: &Sim, at: usize, mut commands: Vec<Command>, refused: &mut Refused) -> bool {
    refused.hold_back(sim.with(|world| world.now), &mut commands);
    let subjects: Vec<String> = commands.iter().map(subject).collect();
    let mut any = false;
    for (subject, answer) in subjects.into_iter().zip(sim.propose_many(at, commands).await) {
        match answer {
            Ok(Outcome::Refused(_)) | Err(_) => refused.refused(sim.with(|world| world.now), subject),
            Ok(_) => {
                refused.0.remove(&subject);
                any = true;
            }
        }
    }
    any
}

/// Deployments and rollouts, looked at again on every change, here or published by others.
async fn reconcile(sim: Sim, at: usize) {
    let mut refused = Refused::default();
    loop {
        let (commands, wake_at) = sim.with(|world| world.wishes(at));
        let wants_more = !commands.is_empty();
        if propose(&sim, at, commands, &mut refused).await {
            continue;
        }
        let mut at_most = if wants_more { AGAIN_AFTER } else { SLOW_TICK };
        if let Some(wake_at) = wake_at {
            let left = wake_at.saturating_sub(sim.with(|world| world.unix())).max(0).unsigned_abs();
            at_most = at_most.min(Duration::from_nanos(left));
        }
        wait(&sim, at_most, |world| &mut world.servers[at].reconcile).await;
    }
}

async fn fetch(sim: &Sim, at: usize, region: &RegionName, id: &RolloutId) -> Result<Option<Fetched>, String> {
    match sim.ask(at, region, Request::Fetch { id: id.clone() }).await? {
        Reply::Fetched(known) => Ok(known),
        other => Err(format!("an answer of another kind: {other:?}")),
    }
}

/// Fetches rollouts that this region missed while it was away, and gives up votes of which nobody else knows any more.
async fn catch_up(sim: Sim, at: usize) {
    let mut refused = Refused::default();
    let mut fetched: BTreeMap<RolloutId, Fetched> = BTreeMap::new();
    loop {
        let mut commands = Vec::new();
        let missing = sim.with(|world| {
            let ignores = world.has(Flaw::Protocol(Broken::IgnoresStops));
            let server = &world.servers[at];
            if ignores { Vec::new() } else { multiregion::missing(&server.store, &server.records) }
        });
        fetched.retain(|id, _| missing.iter().flatten().any(|(missing, _)| missing == id));
        for list in missing {
            for (id, region) in list {
                if !fetched.contains_key(&id)
                    && let Ok(Some(found)) = fetch(&sim, at, &region, &id).await
                {
                    fetched.insert(id.clone(), found);
                }
                let Some((header, source)) = fetched.get(&id) else { break };
                let counts = sim.with(|world| {
                    let (server, now) = (&world.servers[at], world.unix());
                    if let Some(command) = multiregion::learn(&server.store, &server.records, header, source.as_ref(), now) {
                        world.told.learned += 1;
                        commands.push(command);
                    }
                    multiregion::concerns(&world.servers[at].store, header)
                });
                if counts {
                    break;
                }
            }
        }
        commands.extend(forgotten(&sim, at).await);
        propose(&sim, at, commands, &mut refused).await;
        sim.sleep(SLOW_TICK).await;
    }
}

/// Votes for proposals that their origin does not know.
async fn forgotten(sim: &Sim, at: usize) -> Vec<Command> {
    let undecided: Vec<RolloutId> = sim.with(|world| {
        let (server, now) = (&world.servers[at], world.unix());
        let own = &world.group_of(at).name;
        let undecided = server.store.rollouts().filter(|rollout| {
            rollout.phase == Phase::Voted
                && rollout.header.kind == RolloutKind::Run
                && rollout.header.id.origin != *own
                && now.saturating_sub(rollout.modify_time) > UNDECIDED_LONG
        });
        undecided.map(|rollout| rollout.header.id.clone()).collect()
    });
    let mut commands = Vec::new();
    for id in undecided {
        if let Ok(None) = fetch(sim, at, &id.origin, &id).await {
            commands.push(Command::UnstageRollout {
                phase: Phase::Withdrawn,
                cause: "its origin does not know it any more".to_owned(),
                cause_region: id.origin.clone(),
                id,
                time: sim.with(|world| world.unix()),
            });
        }
    }
    commands
}

struct Said {
    phase: Phase,
    seq: u64,
    at: Duration,
}

/// Says what this region has to say, as soon as it is committed.
async fn publish(sim: Sim, at: usize) {
    let mut said: BTreeMap<RolloutId, Said> = BTreeMap::new();
    loop {
        let (urgent, later) = sim.with(|world| news(world, at, &mut said));
        for (region, records) in urgent {
            let task = sim.clone();
            sim.spawn_at(at, async move {
                let _ = task.ask(at, &region, Request::Push { records }).await;
            });
        }
        wait(&sim, if later { COUNTERS_EVERY } else { PUBLISH_TICK }, |world| &mut world.servers[at].publish).await;
    }
}

/// Publishes what is new; what somebody may be waiting for is returned, to be told at once.
fn news(world: &mut World, at: usize, said: &mut BTreeMap<RolloutId, Said>) -> (BTreeMap<RegionName, Vec<RegionRecord>>, bool) {
    let now = world.now;
    let early = world.has(Flaw::PublishesUncommitted);
    let own = world.group_of(at).name.clone();
    let server = &world.servers[at];
    let view = if early { server.raft.ahead(&server.store) } else { server.store.clone() };
    said.retain(|id, _| view.rollout(id).is_some());
    let mut later = false;
    let mut news = Vec::new();
    let mut urgent: BTreeMap<RegionName, Vec<RegionRecord>> = BTreeMap::new();
    for rollout in view.rollouts() {
        let seq = multiregion::own_seq(&view, rollout);
        if let Some(last) = said.get(&rollout.header.id)
            && (last.seq == seq || last.phase == rollout.phase && now < last.at + COUNTERS_EVERY)
        {
            later |= last.seq != seq;
            continue;
        }
        let record = multiregion::own_record(&view, rollout);
        let last = said.insert(rollout.header.id.clone(), Said { phase: rollout.phase, seq, at: now });
        let is_urgent = last.map_or(!rollout.phase.is_terminal(), |last| last.phase != rollout.phase || !rollout.overrides.is_empty());
        for region in rollout.header.everybody().filter(|region| is_urgent && **region != own) {
            urgent.entry(region.clone()).or_default().push(record.clone());
        }
        news.push(record);
    }
    world.publish(at, &news);
    (urgent, later)
}

/// Evaluations become plans, and plans placements.
async fn schedule(sim: Sim, at: usize) {
    loop {
        let plan = sim.with(|world| {
            let (now, seed) = (world.unix(), world.dice.number());
            let store = &world.servers[at].store;
            let due = crate::region::due_eval(store, now)?;
            Some(scheduler::schedule(store, &due, now, seed).plan)
        });
        match plan {
            Some(plan) => match sim.propose(at, Command::ApplyPlan(Box::new(plan))).await {
                Ok(Outcome::Refused(_)) | Err(_) => sim.sleep(AGAIN_AFTER).await,
                Ok(_) => {}
            },
            None => {
                let (signal, tick) = (given(&sim, |world| &mut world.servers[at].schedule), sim.sleep(SLOW_TICK));
                if let Either::Right(_) = select(Box::pin(signal), Box::pin(tick)).await {
                    // Evaluations wait for their time, too.
                }
            }
        }
    }
}

async fn collect_garbage(sim: Sim, at: usize) {
    let kept = sim.with(|world| world.rollouts_kept);
    let thresholds = control::Thresholds { rollout: kept, ..control::Thresholds::NOW };
    loop {
        sim.sleep(GARBAGE_TICK).await;
        sim.pause(5).await;
        let reap = sim.with(|world| control::garbage(&world.servers[at].store, world.unix(), &thresholds));
        if let Some(reap) = reap {
            let _ = sim.propose(at, Command::Reap(Box::new(reap))).await;
        }
    }
}

impl Sim {
    /// What another region asks of this leader.
    pub async fn answer_region(&self, at: usize, request: Request) -> Result<Reply, String> {
        let now = self.with(|world| world.unix());
        match request {
            Request::Prepare { job } => self.with(|world| {
                let answer = multiregion::submission::answer(&world.servers[at].store, &job, String::new());
                Ok(Reply::Prepared(Box::new(answer)))
            }),
            Request::Propose { header, source } => {
                let command = Command::StageRollout { header, source: Some(source), submission: None, time: now };
                Ok(Reply::Voted(super::submit::as_vote(self.propose(at, command).await?)))
            }
            Request::Withdraw { id } => {
                let command = Command::UnstageRollout {
                    cause_region: id.origin.clone(),
                    id,
                    phase: Phase::Withdrawn,
                    cause: "withdrawn by its origin".to_owned(),
                    time: now,
                };
                self.propose(at, command).await.map(|_| Reply::Done)
            }
            Request::Stop { header } => self.stop_here(at, &header).await.map(|_| Reply::Done),
            Request::Fetch { id } => {
                // One round to a majority.
                self.pause_for_quorum().await;
                self.with(|world| {
                    // Votes are given up when this is not known here.
                    if !world.is_consistent(at) {
                        return Err(super::call::NO_LEADER.to_owned());
                    }
                    let rollout = world.servers[at].store.rollout(&id);
                    Ok(Reply::Fetched(rollout.map(|rollout| (rollout.header.clone(), rollout.source.clone()))))
                })
            }
            Request::Push { records } => {
                self.with(|world| world.take_pushed(at, records));
                Ok(Reply::Done)
            }
            other => Err(format!("not from another region: {other:?}")),
        }
    }

    async fn pause_for_quorum(&self) {
        let time = self.with(|world| world.dice.duration(SECOND / 1_000, SECOND / 50));
        self.sleep(time).await;
    }
}
