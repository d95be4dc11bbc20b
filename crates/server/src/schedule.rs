//! The scheduling loop: evaluations out of the broker, plans into the log.
//!
//! Several evaluations are planned in a row, each against the view plus the plans before it, and then go into the log together: many plans
//! share one write, and no plan conflicts with another.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use control::Broker;
use model::{EvalId, EvalStatus, Evaluation};
use scheduler::Decision;
use state::{Command, Outcome, Store};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::core::{Core, now};

/// Evaluations planned before they are committed together.
const TOGETHER: usize = 64;
/// A refused plan is made anew after this time, in nanoseconds.
const RETRY_AFTER: i64 = 100_000_000;

pub async fn run(core: Arc<Core>) {
    let (changed, mut changes) = mpsc::unbounded_channel();
    *core.signals.evals.lock().unwrap_or_else(PoisonError::into_inner) = Some(changed);
    let mut broker = Broker::new();
    broker.sync(&core.view());
    loop {
        let view = core.view();
        while let Ok(id) = changes.try_recv() {
            observe(&mut broker, &view, id);
        }
        let batch = take(&mut broker, &view);
        if batch.is_empty() {
            let wake =
                broker.wake_at().map_or(Duration::from_secs(3600), |at| Duration::from_nanos(at.saturating_sub(now()).max(0) as u64));
            tokio::select! {
                Some(id) = changes.recv() => observe(&mut broker, &core.view(), id),
                () = tokio::time::sleep(wake) => {}
            }
            continue;
        }
        let ids: Vec<EvalId> = batch.iter().map(|(eval, _)| eval.id).collect();
        if let Err(problem) = process(&core, &view, batch, &mut broker).await {
            warn!(%problem, "plans were not committed, trying again");
            let at = now() + RETRY_AFTER;
            ids.into_iter().for_each(|id| broker.retry(id, at));
        }
    }
}

fn observe(broker: &mut Broker, view: &Store, id: EvalId) {
    match view.eval(id) {
        Some(eval) => broker.observe(eval),
        None => broker.forget(id),
    }
}

/// The next evaluations, each with those it makes needless.
fn take(broker: &mut Broker, view: &Store) -> Vec<(Evaluation, Vec<Evaluation>)> {
    let time = now();
    let mut batch = Vec::new();
    while batch.len() < TOGETHER {
        let Some(id) = broker.next(time) else { break };
        let Some(eval) = view.eval(id).filter(|eval| eval.status == EvalStatus::Pending) else {
            broker.done(id);
            continue;
        };
        let superseded = broker
            .superseded_by(id)
            .into_iter()
            .filter_map(|other| view.eval(other))
            .filter(|other| other.wait_until.is_never() && other.status == EvalStatus::Pending)
            .map(|other| Evaluation {
                status: EvalStatus::Canceled,
                status_description: format!("superseded by evaluation {id}"),
                ..(**other).clone()
            })
            .collect();
        batch.push(((**eval).clone(), superseded));
    }
    batch
}

async fn process(
    core: &Core,
    view: &Arc<Store>,
    batch: Vec<(Evaluation, Vec<Evaluation>)>,
    broker: &mut Broker,
) -> Result<(), rpc::message::Failure> {
    let evals: Vec<EvalId> = batch.iter().map(|(eval, _)| eval.id).collect();
    let seed = core.ids().next_u64();
    let view = Arc::clone(view);
    let planned = tokio::task::spawn_blocking(move || plan_in_a_row(&view, batch, seed)).await;
    let commands = planned.map_err(|error| rpc::message::Failure::internal(format!("the scheduler failed: {error}")))?;
    let frees_room = commands.iter().any(|command| matches!(command, Command::ApplyPlan(plan) if !plan.stops.is_empty()));
    let answers = core.replica.propose_many(commands).await.map_err(|error| rpc::message::Failure::internal(error.to_string()))?;
    let mut failed = None;
    for (id, answer) in evals.into_iter().zip(answers) {
        match answer {
            Ok(applied) => match applied.outcome {
                Outcome::Refused(reason) => {
                    debug!(eval = %id, %reason, "plan refused, planning anew");
                    broker.retry(id, now() + RETRY_AFTER);
                }
                _ => broker.done(id),
            },
            Err(error) => {
                broker.retry(id, now() + RETRY_AFTER);
                failed = Some(rpc::message::Failure::internal(error.to_string()));
            }
        }
    }
    if frees_room {
        core.signals.capacity.notify_one();
    }
    failed.map_or(Ok(()), Err)
}

/// One command per evaluation: its plan, with the needless evaluations canceled in the same entry.
fn plan_in_a_row(view: &Arc<Store>, batch: Vec<(Evaluation, Vec<Evaluation>)>, seed: u64) -> Vec<Command> {
    let mut ahead = (**view).clone();
    let mut seeds = model::IdSource::new(seed);
    let mut commands = Vec::with_capacity(batch.len());
    for (eval, superseded) in batch {
        let time = now();
        let Decision { mut plan, .. } = scheduler::schedule(&ahead, &eval, time, seeds.next_u64());
        plan.time = time;
        plan.evals.extend(superseded);
        let command = Command::ApplyPlan(Box::new(plan));
        ahead.apply(ahead.index() + 1, &command);
        commands.push(command);
    }
    commands
}
