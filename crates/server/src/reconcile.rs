//! The leader's reconcilers: deployments, rollouts, and what is published of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Phase, RegionRecord, RolloutId, RolloutKind};
use state::{Command, Outcome};
use tracing::{debug, info, warn};

use crate::core::{Core, now};
use crate::rollout;

/// Everything is looked at at least this often, in case that a notice was lost.
const SLOW_TICK: Duration = Duration::from_secs(2);
/// Counters of a record that are only for display are published at most this often.
const COUNTERS_EVERY: Duration = Duration::from_secs(2);

/// Deployments and rollouts, looked at again on every change, here or published by others.
pub async fn run(core: Arc<Core>) {
    loop {
        let view = core.view();
        let time = now();
        let mut ids = core.ids();
        let deployments = deployment::step(&view, time, &mut ids);
        let rollouts = multiregion::step(&view, &core.pool.records(), time, &mut ids);
        for note in deployments.notes.iter().chain(&rollouts.notes) {
            info!("{note}");
        }
        let mut commands = deployments.propose;
        commands.extend(rollouts.propose);
        commands.extend(abandoned(&core, time));
        let proposed = !commands.is_empty();
        if proposed {
            propose(&core, commands).await;
        }
        if proposed && core.view().index() > view.index() {
            // What was just done may enable more.
            continue;
        }
        let until_deadline = deployments.wake_at.map_or(SLOW_TICK, |at| Duration::from_nanos(at.saturating_sub(now()).max(0) as u64));
        tokio::select! {
            () = core.signals.reconcile.notified() => {}
            () = core.pool.records_changed() => {}
            () = tokio::time::sleep(until_deadline.clamp(Duration::from_millis(10), SLOW_TICK)) => {}
        }
    }
}

/// Fetches rollouts that this region missed while it was away.
pub async fn catch_up(core: Arc<Core>) {
    loop {
        for (id, region) in multiregion::missing(&core.view(), &core.pool.records()) {
            match rollout::fetch(&core, &region, id.clone()).await {
                Ok(Some(header)) => {
                    if let Some(command) = multiregion::learn(&core.view(), &header, now()) {
                        info!(rollout = %id, from = %region, "learned of a rollout that came while this region was away");
                        propose(&core, vec![command]).await;
                    }
                }
                Ok(None) => debug!(rollout = %id, from = %region, "the rollout is no longer known there"),
                Err(problem) => debug!(rollout = %id, from = %region, %problem, "a rollout is not fetched yet"),
            }
        }
        // Nothing is in a hurry here, and notices are for the reconciler.
        tokio::time::sleep(SLOW_TICK).await;
    }
}

async fn propose(core: &Core, commands: Vec<Command>) {
    let names: Vec<&str> = commands.iter().map(Command::name).collect();
    match core.replica.propose_many(commands).await {
        Ok(answers) => {
            for (name, answer) in names.into_iter().zip(answers) {
                match answer.map(|applied| applied.outcome) {
                    Ok(Outcome::Refused(reason)) => debug!(command = name, %reason, "refused, looking again"),
                    Ok(_) => {}
                    Err(error) => {
                        warn!(command = name, %error, "not committed, looking again");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
        Err(error) => {
            warn!(%error, "nothing was committed");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Proposals of this region that nobody here is deciding any more: the leader who did is gone, and so is the user's request.
fn abandoned(core: &Core, time: i64) -> Vec<Command> {
    let view = core.view();
    let submitting = core.submitting();
    view.rollouts()
        // A stop is not withdrawn: it has no barrier.
        .filter(|rollout| rollout.phase == Phase::Voted && rollout.header.kind == RolloutKind::Run)
        .filter(|rollout| rollout.header.id.origin == core.region && !submitting.contains(&rollout.header.id))
        .map(|rollout| Command::UnstageRollout {
            id: rollout.header.id.clone(),
            phase: Phase::Withdrawn,
            cause: "the server that decided it is gone".to_owned(),
            cause_region: core.region.clone(),
            time,
        })
        .collect()
}

/// Says what this region has to say, as soon as it is committed.
pub async fn publish(core: Arc<Core>) {
    let mut said: HashMap<RolloutId, Said> = HashMap::new();
    loop {
        let records = multiregion::own_records(&core.view());
        let mut later = false;
        let mut news = Vec::new();
        for record in records {
            match said.get(&record.rollout) {
                Some(last) if last.is_enough(&record) => {
                    later |= last.seq != record.seq;
                    continue;
                }
                _ => {}
            }
            said.insert(record.rollout.clone(), Said { phase: record.phase, seq: record.seq, at: Instant::now() });
            news.push(record);
        }
        let unsaid = core.pool.publish(news).await;
        for record in &unsaid {
            said.remove(&record.rollout);
        }
        let wait = match (unsaid.is_empty(), later) {
            (false, _) => Duration::from_millis(100),
            (true, true) => COUNTERS_EVERY,
            (true, false) => Duration::from_secs(30),
        };
        tokio::select! {
            () = core.signals.publish.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

struct Said {
    phase: Phase,
    seq: u64,
    at: Instant,
}

impl Said {
    /// Nothing new, or nothing that needs haste.
    fn is_enough(&self, record: &RegionRecord) -> bool {
        self.seq == record.seq || self.phase == record.phase && self.at.elapsed() < COUNTERS_EVERY
    }
}
