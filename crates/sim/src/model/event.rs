//! What can happen next, and what it does.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Phase, RegionName, RegionRecord, Rollout, RolloutId, Uuid};
use multiregion::submission::{self, Decision, Verdict, Vote};
use state::{Command, Outcome};

use super::Protocol;
use super::flaw::Flaw;
use super::invariants;
use super::people;
use super::region::{NOW, Open, Region};
use super::restoring;
use super::world::World;

/// Regions by position.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A user submits this specification: its origin asks all regions and decides on their answers.
    Submit {
        spec: usize,
    },
    /// The same, and one region cannot be asked.
    SubmitApart {
        spec: usize,
        away: usize,
    },
    /// The origin commits the proposal to its own log.
    Propose {
        at: usize,
    },
    /// `by` is asked for its vote and answers.
    Vote {
        at: usize,
        by: usize,
    },
    /// The same, and the answer is lost.
    LoseVote {
        at: usize,
        by: usize,
    },
    /// The origin has all votes.
    Decide {
        at: usize,
    },
    /// The origin has waited long enough.
    GiveUp {
        at: usize,
    },
    /// What `of` says about a rollout reaches `at`.
    Hear {
        at: usize,
        of: usize,
        rollout: RolloutId,
    },
    /// What `through` has heard of `of` reaches `at`; it may be old.
    HearFrom {
        at: usize,
        through: usize,
        of: usize,
        rollout: RolloutId,
    },
    /// A rollout that never came here is fetched.
    Fetch {
        at: usize,
        from: usize,
        rollout: RolloutId,
    },
    /// The leader's n-th wish is committed.
    Act {
        at: usize,
        n: usize,
    },
    /// A task turns out well or badly.
    Report {
        at: usize,
        healthy: bool,
    },
    /// The node of a task is lost.
    LoseNode {
        at: usize,
    },
    /// The leader is lost, and with it all that is not in the log.
    Crash {
        at: usize,
    },
    /// The region comes back from an old snapshot.
    Restore {
        at: usize,
    },
    /// The restored region asks another one what it had said.
    Testify {
        at: usize,
        of: usize,
    },
    /// It has asked all of them.
    Lift {
        at: usize,
    },
    Person {
        at: usize,
        does: people::Deed,
    },
}

impl Event {
    /// It comes from outside, and nothing in the protocol waits for it.
    pub fn is_harmful(&self) -> bool {
        match self {
            Self::SubmitApart { .. }
            | Self::LoseVote { .. }
            | Self::GiveUp { .. }
            | Self::HearFrom { .. }
            | Self::LoseNode { .. }
            | Self::Crash { .. }
            | Self::Restore { .. } => true,
            Self::Report { healthy, .. } => !healthy,
            Self::Person { does, .. } => *does != people::Deed::Resume,
            Self::Submit { .. }
            | Self::Propose { .. }
            | Self::Vote { .. }
            | Self::Decide { .. }
            | Self::Hear { .. }
            | Self::Fetch { .. }
            | Self::Testify { .. }
            | Self::Lift { .. }
            | Self::Act { .. } => false,
        }
    }
}

/// Nothing is left to do but what users and faults may bring.
pub fn is_at_rest(protocol: &Protocol, world: &World) -> bool {
    let mut events = Vec::new();
    possible(protocol, world, &mut events);
    events.iter().all(|event| event.is_harmful() || matches!(event, Event::Submit { .. }))
}

pub fn possible(protocol: &Protocol, world: &World, events: &mut Vec<Event>) {
    for (spec, wanted) in protocol.scenario.specs.iter().enumerate() {
        if !world.is_submitted[spec] && world.regions[wanted.origin].open.is_none() {
            events.push(Event::Submit { spec });
            let others = (0..world.regions.len()).filter(|away| *away != wanted.origin && world.left.aways > 0 && wanted.defers);
            events.extend(others.map(|away| Event::SubmitApart { spec, away }));
        }
    }
    for (at, region) in world.regions.iter().enumerate() {
        submitting(world, at, region, events);
        hearing(protocol, world, at, region, events);
        let wishes = region.wishes(protocol.flaw);
        events.extend((0..wishes.len()).map(|n| Event::Act { at, n }));
        if region.without_verdict(&World::key()).is_some() {
            events.push(Event::Report { at, healthy: true });
            if world.left.failures > 0 {
                events.push(Event::Report { at, healthy: false });
            }
        }
        if world.left.losses > 0 && region.live(&World::key()).next().is_some() {
            events.push(Event::LoseNode { at });
        }
        let has_memory = region.open.is_some() || region.copies.all().next().is_some();
        if world.left.crashes > 0 && has_memory {
            events.push(Event::Crash { at });
        }
        if world.left.restores > 0 && region.store.index() > world.old[at].index() {
            events.push(Event::Restore { at });
        }
        if region.store.is_fenced() {
            let to_ask = restoring::to_ask(world, at);
            events.extend(to_ask.iter().map(|of| Event::Testify { at, of: *of }));
            if to_ask.is_empty() {
                events.push(Event::Lift { at });
            }
        }
        people::possible(world, at, region, events);
    }
}

fn submitting(world: &World, at: usize, region: &Region, events: &mut Vec<Event>) {
    let Some(open) = &region.open else { return };
    if !open.is_staged {
        events.push(Event::Propose { at });
        return;
    }
    let open_votes = voters(world, at, open).into_iter().filter(|by| !open.votes.contains_key(&world.regions[*by].name));
    let open_votes: Vec<usize> = open_votes.collect();
    for by in &open_votes {
        events.push(Event::Vote { at, by: *by });
        if world.left.lost_votes > 0 {
            events.push(Event::LoseVote { at, by: *by });
        }
    }
    if open_votes.is_empty() {
        events.push(Event::Decide { at });
    }
    events.push(Event::GiveUp { at });
}

fn voters(world: &World, at: usize, open: &Open) -> Vec<usize> {
    open.header.participants().filter_map(|name| world.position(name)).filter(|by| *by != at).collect()
}

fn hearing(protocol: &Protocol, world: &World, at: usize, region: &Region, events: &mut Vec<Event>) {
    for (of, author) in world.regions.iter().enumerate().filter(|(of, _)| *of != at) {
        for rollout in author.store.rollouts() {
            let id = &rollout.header.id;
            let copy = region.copies.get(id, &author.name);
            let says = |record: &RegionRecord| (record.phase, record.forced, record.incarnation, record.overrides);
            // Of a rollout without this region it would keep in mind that there is one, and pass it on.
            if !rollout.header.concerns(&region.name) {
                continue;
            }
            // No guard tells a vote from silence.
            let is_news = rollout.phase != Phase::Voted && author.record(id).is_some_and(|record| copy.map(says) != Some(says(&record)));
            if is_news {
                events.push(Event::Hear { at, of, rollout: id.clone() });
            }
            for (through, third) in world.regions.iter().enumerate().filter(|(through, _)| *through != at && *through != of) {
                let Some(told) = third.copies.get(id, &author.name) else { continue };
                let is_taken = region.is_fresher(told) || protocol.flaw == Some(Flaw::CopiesByArrival);
                let is_now = author.record(id).as_ref().map(says) == Some(says(told));
                if is_taken && !is_now && copy.map(says) != Some(says(told)) {
                    events.push(Event::HearFrom { at, through, of, rollout: id.clone() });
                }
            }
        }
    }
    for list in missing(protocol, region) {
        for (rollout, name) in list {
            let Some(from) = world.position(&name) else { break };
            // Fetched again and again; here only when it is of use.
            let command = learn(world, at, from, &rollout);
            let is_taken = |command| region.clone().apply(&command) == Outcome::Done;
            let concerns = |known: &Arc<Rollout>| multiregion::concerns(&region.store, &known.header);
            let counts = world.regions[from].store.rollout(&rollout).is_none_or(concerns);
            if command.is_some_and(is_taken) {
                events.push(Event::Fetch { at, from, rollout });
            }
            if counts {
                break;
            }
        }
    }
}

fn missing(protocol: &Protocol, region: &Region) -> Vec<Vec<(RolloutId, RegionName)>> {
    let looks = protocol.flaw != Some(Flaw::IgnoresStops);
    if looks { multiregion::missing(&region.store, &region.copies) } else { Vec::new() }
}

/// What region `at` does with a rollout that `from` knows.
fn learn(world: &World, at: usize, from: usize, rollout: &RolloutId) -> Option<Command> {
    let known = world.regions[from].store.rollout(rollout)?;
    let region = &world.regions[at];
    multiregion::learn(&region.store, &region.copies, &known.header, known.source.as_ref(), NOW)
}

pub fn happen(protocol: &Protocol, world: &mut World, event: &Event) {
    match event {
        Event::Submit { spec } => submit(protocol, world, *spec, None),
        Event::SubmitApart { spec, away } => {
            world.left.aways -= 1;
            submit(protocol, world, *spec, Some(*away));
        }
        Event::Propose { at } => propose(world, *at),
        Event::Vote { at, by } => {
            let vote = vote(protocol, world, *at, *by);
            put_vote(world, *at, *by, vote);
        }
        Event::LoseVote { at, by } => {
            world.left.lost_votes -= 1;
            vote(protocol, world, *at, *by);
            put_vote(world, *at, *by, Vote::Silent("no answer".to_owned()));
        }
        Event::Decide { at } => decide(protocol, world, *at, true),
        Event::GiveUp { at } => decide(protocol, world, *at, false),
        Event::Hear { at, of, rollout } => {
            if let Some(record) = world.regions[*of].record(rollout) {
                hear(protocol, world, *at, record);
            }
        }
        Event::HearFrom { at, through, of, rollout } => {
            if let Some(record) = world.regions[*through].copies.get(rollout, &world.regions[*of].name).cloned() {
                hear(protocol, world, *at, record);
            }
        }
        Event::Fetch { at, from, rollout } => {
            if let Some(command) = learn(world, *at, *from, rollout) {
                world.apply(*at, &command);
            }
        }
        Event::Act { at, n } => {
            if let Some(command) = world.regions[*at].wishes(protocol.flaw).into_iter().nth(*n) {
                world.apply(*at, &command);
            }
        }
        Event::Report { at, healthy } => {
            if !healthy {
                world.left.failures -= 1;
            }
            let before = world.regions[*at].store.clone();
            if let Some(alloc) = world.regions[*at].without_verdict(&World::key()).cloned() {
                world.regions[*at].report(&alloc, *healthy);
            }
            world.regions[*at].settle();
            world.look_back(*at, &before);
        }
        Event::LoseNode { at } => {
            world.left.losses -= 1;
            lose_node(protocol, world, *at);
        }
        Event::Crash { at } => {
            world.left.crashes -= 1;
            let region = &mut world.regions[*at];
            (region.copies, region.open, region.heard) = Default::default();
        }
        Event::Restore { at } => {
            world.left.restores -= 1;
            restoring::restore(protocol, world, *at);
        }
        Event::Testify { at, of } => restoring::testify(world, *at, *of),
        Event::Lift { at } => restoring::lift(protocol, world, *at),
        Event::Person { at, does } => people::act(world, *at, *does),
    }
    world.is_at_rest = is_at_rest(protocol, world);
}

// ---- submission, as the origin drives it

fn submit(protocol: &Protocol, world: &mut World, number: usize, away: Option<usize>) {
    world.is_submitted[number] = true;
    let spec = &protocol.scenario.specs[number];
    let job = world.job(spec);
    let mut asked: Vec<RegionName> = submission::listed(&job);
    let mut answers = Vec::new();
    while answers.len() < asked.len() {
        let name = asked[answers.len()].clone();
        let Some(at) = world.position(&name) else { return };
        if Some(at) == away {
            answers.push((name, Err("no answer".to_owned())));
            continue;
        }
        let answer = submission::answer(&world.regions[at].store, &job, String::new());
        let beyond: BTreeSet<RegionName> = answer.head_regions.iter().filter(|name| !asked.contains(name)).cloned().collect();
        asked.extend(beyond);
        answers.push((name, Ok(answer)));
    }
    let (at, uuid) = (spec.origin, Uuid::from_u128(number as u128 + 1));
    if let Decision::Propose(header) = submission::decide(&job, &world.regions[at].name, &answers, uuid, "", NOW) {
        world.regions[at].open = Some(Open { source: job, header: Arc::new(*header), is_staged: false, votes: Default::default() });
    }
}

fn stage(open: &Open) -> Command {
    Command::StageRollout { header: Arc::clone(&open.header), source: Some(Arc::clone(&open.source)), submission: None, time: NOW }
}

fn propose(world: &mut World, at: usize) {
    let Some(mut open) = world.regions[at].open.take() else { return };
    if world.apply(at, &stage(&open)) == Outcome::Done {
        open.is_staged = true;
        world.regions[at].open = Some(open);
    }
}

fn vote(protocol: &Protocol, world: &mut World, at: usize, by: usize) -> Vote {
    let Some(command) = world.regions[at].open.as_ref().map(stage) else { return Vote::Yes };
    let outcome = match protocol.flaw {
        Some(Flaw::StartsBesideTheStaged) => start_and_vote(world, by, &command),
        _ => world.apply(by, &command),
    };
    match outcome {
        Outcome::Busy { winner } => Vote::Busy(winner),
        Outcome::MovedOn { winner } => Vote::MovedOn(winner),
        Outcome::Refused(reason) => Vote::No(reason),
        Outcome::Done | Outcome::Registered { .. } | Outcome::Launched { .. } => Vote::Yes,
    }
}

/// In one step, as if the start had been decided before and came after.
fn start_and_vote(world: &mut World, by: usize, vote: &Command) -> Outcome {
    let before = world.regions[by].store.clone();
    let starts = |command: &Command| matches!(command, Command::SetRolloutPhase(change) if change.to == Phase::Running);
    if let Some(start) = world.regions[by].wishes(None).into_iter().find(starts) {
        world.regions[by].apply(&start);
    }
    let outcome = world.regions[by].apply(vote);
    world.regions[by].settle();
    world.look_back(by, &before);
    outcome
}

fn put_vote(world: &mut World, at: usize, by: usize, vote: Vote) {
    let name = world.regions[by].name.clone();
    if let Some(open) = &mut world.regions[at].open {
        open.votes.insert(name, vote);
    }
}

fn decide(protocol: &Protocol, world: &mut World, at: usize, patient: bool) {
    let Some(mut open) = world.regions[at].open.take() else { return };
    let region = &world.regions[at];
    let is_withdrawn = region.store.rollout(&open.header.id).is_none_or(|rollout| rollout.phase != Phase::Voted);
    if is_withdrawn {
        // An older one came first.
        return;
    }
    let silent = || Vote::Silent("no answer".to_owned());
    let votes: Vec<(RegionName, Vote)> = voters(world, at, &open)
        .into_iter()
        .map(|by| world.regions[by].name.clone())
        .map(|name| (name.clone(), open.votes.get(&name).cloned().unwrap_or_else(silent)))
        .map(|(name, vote)| match vote {
            _ if protocol.flaw == Some(Flaw::TakesNoForYes) => (name, Vote::Yes),
            vote => (name, vote),
        })
        .collect();
    match submission::count(&open.header.id, &votes, patient) {
        Verdict::Commit => {
            let Some(staged) = region.store.rollout(&open.header.id) else { return };
            let command = multiregion::adopt(&region.store, staged, &region.name, NOW, &mut region.ids());
            world.apply(at, &command);
        }
        Verdict::AskAgain(names) => {
            open.votes.retain(|name, _| !names.contains(name));
            world.regions[at].open = Some(open);
        }
        Verdict::Withdraw { reason, .. } => {
            let (id, cause_region) = (open.header.id.clone(), RegionName::default());
            world.apply(at, &Command::UnstageRollout { id, phase: Phase::Withdrawn, cause: reason, cause_region, time: NOW });
        }
    }
}

// ---- news and losses

fn hear(protocol: &Protocol, world: &mut World, at: usize, record: RegionRecord) {
    let copies = &mut world.regions[at].copies;
    let (id, author) = (record.rollout.clone(), record.region.name.clone());
    let before = copies.get(&id, &author).map(RegionRecord::freshness);
    if protocol.flaw == Some(Flaw::CopiesByArrival) {
        let others: Vec<RegionRecord> = copies.of(&id).filter(|copy| copy.region.name != author).cloned().collect();
        copies.forget(&id);
        for copy in others {
            copies.put(copy);
        }
    }
    copies.put(record);
    if copies.get(&id, &author).map(RegionRecord::freshness) < before {
        world.broken.insert(invariants::freshness::INVARIANT.name);
    }
}

fn lose_node(protocol: &Protocol, world: &mut World, at: usize) {
    let key = World::key();
    let before = world.regions[at].store.clone();
    let Some(alloc) = world.regions[at].live(&key).next().cloned() else { return };
    let n_before = world.regions[at].live(&key).count();
    let is_rolling = before.rollout_head(&key).is_some_and(|head| head.phase == Phase::Running);
    if world.regions[at].lose_node_of(&alloc, is_rolling || protocol.flaw != Some(Flaw::RepairWaits)) != n_before {
        world.broken.insert(invariants::repair::INVARIANT.name);
    }
    world.look_back(at, &before);
}
