//! The leader's reconcilers: deployments, rollouts, and what is published of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Phase, RegionName, RegionRecord, RolloutId, RolloutKind};
use state::{Command, Outcome};
use tracing::{debug, info, warn};

use crate::core::{Core, now};
use crate::rollout::{self, Fetched};

/// Everything is looked at at least this often, in case that a notice was lost.
const SLOW_TICK: Duration = Duration::from_secs(2);
/// Between two looks: many changes that come together are looked at once.
const PAUSE: Duration = Duration::from_millis(10);
/// What was refused, or not committed, is proposed again after this time; twice that the next time, and so on up to the longest.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(10);
/// Counters of a record that are only for display are published at most this often.
const COUNTERS_EVERY: Duration = Duration::from_secs(2);
/// Own records are looked through at least this often.
const PUBLISH_TICK: Duration = Duration::from_secs(30);
/// A vote that its origin has not decided for so long is asked about there, in nanoseconds.
const UNDECIDED_LONG: i64 = 10_000_000_000;

/// Deployments and rollouts, looked at again on every change, here or published by others.
pub async fn run(core: Arc<Core>) {
    let mut refused = Refused::default();
    loop {
        let (submitting, view) = {
            let submitting = core.submitting();
            // While nobody begins: what is staged in the view is being decided, or not.
            (submitting.clone(), core.view())
        };
        let time = now();
        let began = Instant::now();
        let mut ids = core.ids();
        let deployments = deployment::step(&view, time, &mut ids);
        let rollouts = multiregion::step(&view, &core.pool.records(), time, &mut ids);
        let mut commands = deployments.propose;
        commands.extend(rollouts.propose);
        commands.extend(multiregion::abandoned(&view, |id| submitting.contains(id), time));
        let wake_refused = refused.hold_back(&mut commands);
        core.instruments.reconcile_deployments.since(began);
        let mut wait = SLOW_TICK.min(wake_refused);
        if !commands.is_empty() {
            for note in deployments.notes.iter().chain(&rollouts.notes) {
                info!("{note}");
            }
            if propose(&core, commands, &mut refused).await {
                // What was just done may enable more.
                continue;
            }
            wait = wait.min(AGAIN_AFTER);
        }
        if let Some(at) = deployments.wake_at {
            wait = wait.min(Duration::from_nanos(at.saturating_sub(now()).max(0).unsigned_abs()));
        }
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            () = core.signals.reconcile.notified() => {}
            () = core.pool.records_changed() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Commands that the state refused, so that they are not proposed again at once and for ever: each costs a log entry.
#[derive(Default)]
pub struct Refused(HashMap<String, Refusal>);

struct Refusal {
    pause: Duration,
    until: Instant,
}

impl Refused {
    /// Takes out what has to wait; returns how long the first of it still waits.
    pub fn hold_back(&mut self, commands: &mut Vec<Command>) -> Duration {
        let now = Instant::now();
        self.0.retain(|_, refusal| now < refusal.until + AGAIN_AFTER_MAX);
        let mut first = Duration::MAX;
        commands.retain(|command| match self.0.get(&subject(command)) {
            Some(refusal) if now < refusal.until => {
                first = first.min(refusal.until - now);
                false
            }
            _ => true,
        });
        first
    }

    fn refused(&mut self, subject: String) {
        let now = Instant::now();
        let refusal = self.0.entry(subject).or_insert(Refusal { pause: AGAIN_AFTER / 2, until: now });
        refusal.pause = (refusal.pause * 2).min(AGAIN_AFTER_MAX);
        refusal.until = now + refusal.pause;
    }

    fn done(&mut self, subject: &str) {
        self.0.remove(subject);
    }
}

/// What a command of a reconciler is about.
fn subject(command: &Command) -> String {
    let name = command.name();
    match command {
        Command::SetDeploymentStatus(change) => format!("{name} {}", change.update.id),
        Command::PromoteDeployment { id, .. } => format!("{name} {id}"),
        Command::UpsertEvals { evals, .. } => format!("{name} {}", evals.first().map(|eval| eval.deployment_id).unwrap_or_default()),
        Command::AdoptRollout(adoption) => format!("{name} {}", adoption.id),
        Command::SetRolloutPhase(change) => format!("{name} {} {}", change.id, change.to),
        Command::UnstageRollout { id, .. } | Command::OverrideRollout { id, .. } => format!("{name} {id}"),
        Command::LaunchJob(launch) => format!("{name} {}", launch.parent),
        Command::StageRollout { header, .. } => format!("{name} {}", header.id),
        _ => name.to_owned(),
    }
}

/// Tells whether something was done.
pub async fn propose(core: &Core, commands: Vec<Command>, refused: &mut Refused) -> bool {
    let subjects: Vec<String> = commands.iter().map(subject).collect();
    let answers = match core.propose_many(commands).await {
        Ok(answers) => answers,
        Err(problem) => {
            warn!(%problem, "nothing was committed, looking again");
            subjects.into_iter().for_each(|subject| refused.refused(subject));
            return false;
        }
    };
    let mut any = false;
    for (subject, answer) in subjects.into_iter().zip(answers) {
        match answer.map(|applied| applied.outcome) {
            Ok(Outcome::Refused(reason)) => {
                debug!(%subject, %reason, "refused, looking again");
                refused.refused(subject);
            }
            Ok(_) => {
                refused.done(&subject);
                any = true;
            }
            Err(problem) => {
                warn!(%subject, %problem, "not committed, looking again");
                refused.refused(subject);
            }
        }
    }
    any
}

/// Fetches rollouts that this region missed while it was away, and gives up votes of which nobody else knows any more.
pub async fn catch_up(core: Arc<Core>) {
    let mut refused = Refused::default();
    // Some do not concern this region, and the time of others has not come: none is fetched twice.
    let mut fetched: HashMap<RolloutId, Fetched> = HashMap::new();
    loop {
        if core.view().is_fenced() {
            tokio::time::sleep(SLOW_TICK).await;
            continue;
        }
        let mut commands = Vec::new();
        let missing = multiregion::missing(&core.view(), &core.pool.records());
        fetched.retain(|id, _| missing.iter().flatten().any(|(missing, _)| missing == id));
        for list in missing {
            for (id, region) in list {
                if !fetched.contains_key(&id) {
                    match rollout::fetch(&core, &region, id.clone()).await {
                        Ok(Some(found)) => _ = fetched.insert(id.clone(), found),
                        Ok(None) => debug!(rollout = %id, from = %region, "the rollout is no longer known there"),
                        Err(problem) => debug!(rollout = %id, from = %region, %problem, "a rollout is not fetched yet"),
                    }
                }
                // One that is not known may be the one that counts.
                let Some((header, source)) = fetched.get(&id) else { break };
                if let Some(command) = multiregion::learn(&core.view(), &core.pool.records(), header, source.as_ref(), now()) {
                    info!(rollout = %id, from = %region, "learned of a rollout that came while this region was away");
                    commands.push(command);
                }
                if multiregion::concerns(&core.view(), header) {
                    break;
                }
            }
        }
        commands.extend(forgotten(&core).await);
        refused.hold_back(&mut commands);
        if !commands.is_empty() {
            propose(&core, commands, &mut refused).await;
        }
        // Nothing is in a hurry here, and notices are for the reconciler.
        tokio::time::sleep(SLOW_TICK).await;
    }
}

/// Votes for proposals that their origin does not know: it lost its state, or has thrown away what it withdrew long ago. It stages what it
/// proposes before it asks for votes, so it can neither commit them any more.
async fn forgotten(core: &Arc<Core>) -> Vec<Command> {
    let (view, time) = (core.view(), now());
    let undecided = view.rollouts().filter(|rollout| {
        rollout.phase == Phase::Voted
            && rollout.header.kind == RolloutKind::Run
            && rollout.header.id.origin != core.region
            && time.saturating_sub(rollout.modify_time) > UNDECIDED_LONG
    });
    let mut commands = Vec::new();
    for rollout in undecided {
        let id = &rollout.header.id;
        match rollout::fetch(core, &id.origin, id.clone()).await {
            Ok(Some(_)) => {}
            Ok(None) => {
                info!(rollout = %id, "its origin knows nothing of it, the vote is given up");
                commands.push(Command::UnstageRollout {
                    id: id.clone(),
                    phase: Phase::Withdrawn,
                    cause: "its origin does not know it any more".to_owned(),
                    cause_region: id.origin.clone(),
                    time,
                });
            }
            Err(problem) => debug!(rollout = %id, %problem, "the origin of an undecided rollout cannot be asked"),
        }
    }
    commands
}

/// Says what this region has to say, as soon as it is committed.
pub async fn publish(core: Arc<Core>) {
    let mut said: HashMap<RolloutId, Said> = HashMap::new();
    loop {
        let view = core.view();
        said.retain(|id, _| view.rollout(id).is_some());
        let mut later = false;
        let mut news = Vec::new();
        let mut urgent: BTreeMap<RegionName, Vec<RegionRecord>> = BTreeMap::new();
        // A region that was restored says nothing before it knows what it had said.
        for rollout in view.rollouts().filter(|_| !view.is_fenced()) {
            let seq = multiregion::own_seq(&view, rollout);
            if let Some(last) = said.get(&rollout.header.id)
                && last.is_enough(seq, rollout.phase)
            {
                later |= last.seq != seq;
                continue;
            }
            let record = multiregion::own_record(&view, rollout);
            let last = said.insert(rollout.header.id.clone(), Said { phase: rollout.phase, seq, at: Instant::now() });
            // A new leader says everything again: that can take the slower way.
            let is_urgent = last.map_or(!rollout.phase.is_terminal(), |last| last.phase != rollout.phase || !rollout.overrides.is_empty());
            for region in rollout.header.everybody().filter(|region| is_urgent && **region != core.region) {
                urgent.entry(region.clone()).or_default().push(record.clone());
            }
            news.push(record);
        }
        drop(view);
        push(&core, urgent);
        let unsaid = core.pool.publish(news).await;
        for record in &unsaid {
            said.remove(&record.rollout);
        }
        let wait = match (unsaid.is_empty(), later) {
            (false, _) => AGAIN_AFTER,
            (true, true) => COUNTERS_EVERY,
            (true, false) => PUBLISH_TICK,
        };
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            () = core.signals.publish.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Gossip gets everywhere, but from server to server, in rounds. Who is waiting for a turn is told at once.
fn push(core: &Arc<Core>, urgent: BTreeMap<RegionName, Vec<RegionRecord>>) {
    for (region, records) in urgent {
        let task = Arc::clone(core);
        core.tasks.spawn(async move {
            tokio::select! {
                pushed = rollout::push(&task, &region, records) => if let Err(problem) = pushed {
                    debug!(%region, %problem, "news not pushed, gossip has them");
                },
                () = task.shutdown.cancelled() => {}
            }
        });
    }
}

struct Said {
    phase: Phase,
    seq: u64,
    at: Instant,
}

impl Said {
    /// Nothing new, or nothing that needs haste.
    fn is_enough(&self, seq: u64, phase: Phase) -> bool {
        self.seq == seq || self.phase == phase && self.at.elapsed() < COUNTERS_EVERY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was refused waits, longer every time; other things do not; what was done is forgotten.
    #[test]
    fn refusals() {
        let unstage = |lamport| Command::UnstageRollout {
            id: RolloutId { lamport, origin: "west".into(), uuid: model::Uuid::nil() },
            phase: Phase::Withdrawn,
            cause: String::new(),
            cause_region: "west".into(),
            time: 0,
        };
        let mut refused = Refused::default();
        let held = |refused: &mut Refused| {
            let mut commands = vec![unstage(1), unstage(2)];
            let wait = refused.hold_back(&mut commands);
            (commands.len(), wait)
        };
        assert_eq!(held(&mut refused), (2, Duration::MAX));
        refused.refused(subject(&unstage(1)));
        let (n_left, wait) = held(&mut refused);
        assert!(n_left == 1 && wait <= AGAIN_AFTER, "{n_left} {wait:?}");
        (0..20).for_each(|_| refused.refused(subject(&unstage(1))));
        let (_, wait) = held(&mut refused);
        assert!(wait > AGAIN_AFTER_MAX / 2 && wait <= AGAIN_AFTER_MAX, "{wait:?}");
        refused.done(&subject(&unstage(1)));
        assert_eq!(held(&mut refused), (2, Duration::MAX));
    }
}
