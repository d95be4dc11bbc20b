//! The scheduling loop: evaluations out of the broker, plans into the log.
//!
//! Several evaluations are planned in a row, each against the view plus what the plans before it place, and then go into the log together:
//! many plans share one write. The log may refuse one of them, because a node or a job has changed meanwhile. None relies on that not
//! happening: the room that an earlier plan of the row frees is not used by a later one, so what is refused takes nothing away from others.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use control::Broker;
use model::{AllocMetric, EvalId, EvalStatus, EvalTrigger, Evaluation, JobType, Time};
use raftstore::contain;
use rpc::message::Failure;
use state::{Command, Outcome, PackedPlan, Placement, Plan, Store};
use tokio::sync::mpsc;
use tracing::{debug, error, warn};

use crate::core::{Core, now};
use crate::instruments::Instruments;
use crate::leader::panic_text;
use crate::worker::Doing;

/// Evaluations planned before they are committed together.
const TOGETHER: usize = 64;
/// The first of them wait no longer than about this for the last.
const TOGETHER_TIME: Duration = Duration::from_millis(50);
/// A refused plan is made anew after this time, in nanoseconds.
const RETRY_AFTER: i64 = 100_000_000;
/// Plans of one evaluation that may be refused before its job waits for something to change.
const REFUSALS_MAX_SERVICE: u32 = 5;
const REFUSALS_MAX_BATCH: u32 = 2;
/// How often the scheduler may break on one evaluation, and how long the next tries wait, in nanoseconds.
const DELIVERIES_MAX: u32 = 3;
const DELIVER_AGAIN_AFTER: i64 = SECOND;
const DELIVER_LAST_AFTER: i64 = 20 * SECOND;
/// A job on whose evaluation the scheduler broke is looked at again after this time and up to five times as much.
const FOLLOW_UP_AFTER: i64 = 60 * SECOND;
const SECOND: i64 = 1_000_000_000;
/// Planning that takes longer than this is complained about.
const PLANNING_TIME_LONG: Duration = Duration::from_secs(60);

pub async fn run(core: Arc<Core>) {
    let (changed, mut changes) = mpsc::unbounded_channel();
    *core.signals.evals.lock().unwrap_or_else(PoisonError::into_inner) = Some(changed);
    let mut queue = Queue { instruments: Arc::clone(&core.instruments), ..Queue::default() };
    queue.broker.sync(&core.view());
    let _working = core.worker.begin();
    let mut idle_since = Instant::now();
    loop {
        let mut changed = Vec::new();
        while let Ok(id) = changes.try_recv() {
            changed.push(id);
        }
        let n_rooms = core.signals.n_rooms();
        // After the notices, so that it contains what they tell of.
        let view = core.view();
        changed.into_iter().for_each(|id| queue.observe(&view, id));
        // Paused, evaluations come in and stay pending.
        let choice = core.worker.choice();
        let is_paused = view.scheduler().pause_eval_broker || !choice.is_on;
        let batch = if is_paused { Vec::new() } else { queue.take(&view, &choice.kinds) };
        queue.instruments.broker.show(&queue.broker.counts());
        if batch.is_empty() {
            core.worker.says(if is_paused { Doing::Paused } else { Doing::Waiting });
            let wake_at = queue.broker.wake_at().filter(|_| !is_paused);
            let wake = wake_at.map_or(Duration::from_secs(3600), |at| Duration::from_nanos(at.saturating_sub(now()).max(0).unsigned_abs()));
            tokio::select! {
                Some(id) = changes.recv() => queue.observe(&core.view(), id),
                () = core.signals.scheduler.notified() => {}
                () = tokio::time::sleep(wake) => {}
            }
            continue;
        }
        core.worker.says(Doing::Scheduling);
        core.instruments.worker.dequeue_eval.since(idle_since);
        let ids: Vec<EvalId> = batch.iter().map(|work| work.eval.id).collect();
        if let Err(problem) = process(&core, &view, batch, &mut queue, n_rooms).await {
            warn!(%problem, "plans were not committed, trying again");
            let at = now() + RETRY_AFTER;
            ids.into_iter().for_each(|id| queue.broker.retry(id, at));
        }
        idle_since = Instant::now();
    }
}

/// What waits to be scheduled.
#[derive(Default)]
struct Queue {
    broker: Broker,
    /// What happened to evaluations that had to be tried again.
    troubles: HashMap<EvalId, Troubles>,
    /// Found no room beside the plans of a row.
    put_off: HashSet<EvalId>,
    /// Since when evaluations that are out were due, and since when they are out; unix nanoseconds.
    taken: HashMap<EvalId, (i64, i64)>,
    instruments: Arc<Instruments>,
}

#[derive(Clone, Copy, Default)]
struct Troubles {
    n_refused: u32,
    n_broken: u32,
}

/// One evaluation to plan for.
struct Work {
    eval: Evaluation,
    /// Others of the job, which this one makes needless.
    superseded: Vec<Evaluation>,
    /// It was put off before: now it gets its answer, whatever it is.
    was_put_off: bool,
}

impl Queue {
    fn observe(&mut self, view: &Store, id: EvalId) {
        match view.eval(id) {
            Some(eval) if eval.status == EvalStatus::Pending => self.broker.observe(eval),
            _ => self.done(id),
        }
    }

    fn done(&mut self, id: EvalId) {
        self.broker.done(id);
        self.troubles.remove(&id);
        self.put_off.remove(&id);
        if let Some((due, taken)) = self.taken.remove(&id) {
            let (broker, time) = (&self.instruments.broker, now());
            broker.process_time.record(between(taken, time));
            broker.response_time.record(between(due, time));
        }
    }

    /// The next evaluations of jobs of these types, each with those it makes needless.
    fn take(&mut self, view: &Store, kinds: &[JobType]) -> Vec<Work> {
        let time = now();
        let mut batch = Vec::new();
        while batch.len() < TOGETHER {
            let Some(id) = self.broker.next_of(time, kinds) else { break };
            let Some(eval) = view.eval(id).filter(|eval| eval.status == EvalStatus::Pending) else {
                self.done(id);
                continue;
            };
            let superseded = self
                .broker
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
            let due = eval.create_time.max(eval.wait_until.0);
            self.instruments.broker.wait_time.record(between(due, time));
            self.taken.insert(id, (due, time));
            batch.push(Work { eval: (**eval).clone(), superseded, was_put_off: self.put_off.remove(&id) });
        }
        batch
    }
}

/// From one moment to another, in unix nanoseconds; nothing when the clocks of two servers disagree about which is first.
fn between(from: i64, to: i64) -> Duration {
    Duration::from_nanos(to.saturating_sub(from).max(0).unsigned_abs())
}

/// What came out of one evaluation.
enum Planned {
    Plan(Box<Plan>),
    /// To be planned when what is before it is committed.
    Later,
    /// The same, because there is no room beside what is before it.
    PutOff,
    /// The scheduler broke on it.
    Broken(String),
}

async fn process(core: &Core, view: &Arc<Store>, batch: Vec<Work>, queue: &mut Queue, n_rooms: u64) -> Result<(), Failure> {
    let evals: Vec<Evaluation> = batch.iter().map(|work| work.eval.clone()).collect();
    let seed = core.ids().next_u64();
    let (of_thread, measured) = (Arc::clone(view), Arc::clone(&core.instruments));
    let planned = finish(tokio::task::spawn_blocking(move || plan_in_a_row(&of_thread, batch, seed, &measured))).await?;
    let (mut commands, mut offered) = (Vec::new(), Vec::new());
    let (mut frees_room, mut blocks) = (false, false);
    for (eval, planned) in evals.into_iter().zip(planned) {
        match planned {
            Planned::Plan(plan) => {
                frees_room |= !plan.stops.is_empty() || !plan.preemptions.is_empty();
                blocks |= plan.evals.iter().any(|eval| eval.status == EvalStatus::Blocked);
                commands.push(Command::ApplyPackedPlan(Box::new(PackedPlan(*plan))));
                offered.push(eval);
            }
            Planned::Later => queue.broker.retry(eval.id, now()),
            Planned::PutOff => {
                queue.put_off.insert(eval.id);
                queue.broker.retry(eval.id, now());
            }
            Planned::Broken(problem) => broken(core, eval, &problem, queue).await?,
        }
    }
    let plans = &core.instruments.plans;
    plans.queue_depth.set(commands.len());
    core.worker.says(Doing::Submitting);
    let began = Instant::now();
    let answers = core.propose_many(commands).await;
    plans.queue_depth.set(0);
    let answers = answers?;
    let took = began.elapsed();
    if !answers.is_empty() {
        plans.apply.record(took);
    }
    for _ in &answers {
        plans.submit.record(took);
        core.instruments.worker.submit_plan.record(took);
    }
    let mut failed = None;
    for (eval, answer) in offered.into_iter().zip(answers) {
        match answer.map(|applied| applied.outcome) {
            Ok(Outcome::Refused(reason)) => refused(core, eval, &reason, queue).await?,
            Ok(_) => queue.done(eval.id),
            Err(failure) => {
                queue.broker.retry(eval.id, now() + RETRY_AFTER);
                failed = Some(failure);
            }
        }
    }
    if frees_room {
        core.signals.room_came_up();
    } else if blocks && core.signals.n_rooms() != n_rooms {
        // The room came up after the view was taken, and nobody was waiting for it yet.
        core.signals.capacity.notify_one();
    }
    failed.map_or(Ok(()), Err)
}

/// Waits for the planning thread, and complains if it takes too long: it cannot be stopped.
async fn finish(mut planning: tokio::task::JoinHandle<Vec<Planned>>) -> Result<Vec<Planned>, Failure> {
    let began = Instant::now();
    loop {
        match tokio::time::timeout(PLANNING_TIME_LONG, &mut planning).await {
            Ok(planned) => return planned.map_err(|error| Failure::internal(format!("the scheduler failed: {error}"))),
            Err(_) => error!(seconds = began.elapsed().as_secs(), "the scheduler is still at the same evaluations, nothing else is placed"),
        }
    }
}

/// One command per evaluation: its plan, with the needless evaluations canceled in the same entry.
fn plan_in_a_row(view: &Arc<Store>, batch: Vec<Work>, seed: u64, measured: &Instruments) -> Vec<Planned> {
    let began = Instant::now();
    let mut ahead = (**view).clone();
    let mut seeds = model::IdSource::new(seed);
    let mut planned = Vec::with_capacity(batch.len());
    let mut others_stop_something = false;
    for Work { eval, superseded, was_put_off } in batch {
        if !planned.is_empty() && began.elapsed() > TOGETHER_TIME {
            planned.push(Planned::Later);
            continue;
        }
        let (time, seed) = (now(), seeds.next_u64());
        let running = measured.worker.invoke(eval.kind).start();
        let scheduling = Instant::now();
        let decided = contain::panics(AssertUnwindSafe(|| scheduler::schedule(&ahead, &eval, time, seed)));
        drop(running);
        let decision = match decided {
            Ok(decision) => decision,
            Err(panic) => {
                planned.push(Planned::Broken(panic_text(&*panic).to_owned()));
                continue;
            }
        };
        if others_stop_something && !was_put_off && !decision.failed_tg_allocs.is_empty() {
            // There may be room as soon as what the plans before it stop is gone.
            planned.push(Planned::PutOff);
            continue;
        }
        let mut plan = decision.plan;
        plan.time = time;
        tell_time(&mut plan, scheduling.elapsed());
        plan.evals.extend(superseded);
        others_stop_something |= !plan.stops.is_empty() || !plan.preemptions.is_empty();
        // What it places is taken; the room that it frees is not free before it is committed.
        ahead.reserve(&plan);
        planned.push(Planned::Plan(Box::new(plan)));
    }
    planned
}

/// Each placement of a plan took, or took in vain, as much time as any other. What is told of many at once stays one thing in memory.
pub(crate) fn tell_time(plan: &mut Plan, elapsed: Duration) {
    let is_new = |placement: &&mut Placement| placement.alloc.create_index == 0;
    let n_failed = plan.evals.iter().map(|eval| eval.failed_tg_allocs.len()).max().unwrap_or_default();
    let n = plan.placements.iter_mut().filter(is_new).count() + n_failed;
    let share = i64::try_from(elapsed.as_nanos() / n.max(1) as u128).unwrap_or(i64::MAX).max(1);
    let mut last: Option<[Arc<AllocMetric>; 2]> = None;
    for metrics in plan.placements.iter_mut().filter(is_new).filter_map(|placement| placement.alloc.metrics.as_mut()) {
        if let Some(only) = Arc::get_mut(metrics) {
            only.allocation_time = share;
            continue;
        }
        let timed = match last.take() {
            Some(last) if Arc::ptr_eq(&last[0], metrics) => last,
            _ => [Arc::clone(metrics), Arc::new(AllocMetric { allocation_time: share, ..(**metrics).clone() })],
        };
        *metrics = Arc::clone(&timed[1]);
        last = Some(timed);
    }
    let failed = plan.evals.iter_mut().flat_map(|eval| eval.failed_tg_allocs.values_mut());
    failed.for_each(|metrics| metrics.allocation_time = share);
}

/// The state has moved on under a plan. Another one is made, but not without end: then the job waits for room like one that found none.
async fn refused(core: &Core, eval: Evaluation, reason: &str, queue: &mut Queue) -> Result<(), Failure> {
    core.instruments.plans.node_rejected.increment();
    let troubles = queue.troubles.entry(eval.id).or_default();
    troubles.n_refused += 1;
    let n_max = if matches!(eval.kind, JobType::Batch | JobType::Sysbatch) { REFUSALS_MAX_BATCH } else { REFUSALS_MAX_SERVICE };
    if troubles.n_refused < n_max {
        debug!(eval = %eval.id, %reason, "plan refused, planning anew");
        queue.broker.retry(eval.id, now() + RETRY_AFTER);
        return Ok(());
    }
    warn!(eval = %eval.id, job = %eval.job_key(), %reason, "plans were refused {n_max} times");
    let evals = given_up(eval, n_max, core.ids().next_uuid().into());
    settle(core, evals, queue).await
}

/// An evaluation whose plans were refused too often, and the one that takes over when something has changed.
fn given_up(eval: Evaluation, n_refused: u32, id: EvalId) -> [Evaluation; 2] {
    let blocked = Evaluation {
        id,
        status: EvalStatus::Blocked,
        status_description: "created due to placement conflicts".to_owned(),
        triggered_by: EvalTrigger::MaxPlanAttempts,
        previous_eval: eval.id,
        // Whatever changes may help.
        escaped_computed_class: true,
        ..follow_up(&eval)
    };
    let failed = Evaluation {
        status: EvalStatus::Failed,
        status_description: format!("maximum attempts reached ({n_refused})"),
        blocked_eval: blocked.id,
        ..eval
    };
    [failed, blocked]
}

/// The scheduler broke: a fault of the program. Others are not to suffer from it, so the evaluation is tried again only a few times.
async fn broken(core: &Core, eval: Evaluation, problem: &str, queue: &mut Queue) -> Result<(), Failure> {
    error!(eval = %eval.id, job = %eval.job_key(), %problem, "the scheduler broke on an evaluation");
    let troubles = queue.troubles.entry(eval.id).or_default();
    troubles.n_broken += 1;
    if troubles.n_broken < DELIVERIES_MAX {
        let after = if troubles.n_broken == 1 { DELIVER_AGAIN_AFTER } else { DELIVER_LAST_AFTER };
        queue.broker.retry(eval.id, now() + after);
        return Ok(());
    }
    let wait_until = Time(now() + FOLLOW_UP_AFTER + rand::random_range(0..=5 * FOLLOW_UP_AFTER));
    let evals = undeliverable(eval, problem, wait_until, core.ids().next_uuid().into());
    settle(core, evals, queue).await
}

/// An evaluation on which the scheduler broke too often, and the one that tries once more after a long time.
fn undeliverable(eval: Evaluation, problem: &str, wait_until: Time, id: EvalId) -> [Evaluation; 2] {
    let next = Evaluation {
        id,
        status: EvalStatus::Pending,
        triggered_by: EvalTrigger::FailedFollowUp,
        previous_eval: eval.id,
        wait_until,
        ..follow_up(&eval)
    };
    let failed = Evaluation {
        status: EvalStatus::Failed,
        status_description: format!("evaluation reached delivery limit ({DELIVERIES_MAX}): {problem}"),
        next_eval: next.id,
        ..eval
    };
    [failed, next]
}

/// Another evaluation of the same job.
fn follow_up(eval: &Evaluation) -> Evaluation {
    Evaluation {
        namespace: eval.namespace.clone(),
        priority: eval.priority,
        kind: eval.kind,
        job_id: eval.job_id.clone(),
        job_modify_index: eval.job_modify_index,
        deployment_id: eval.deployment_id,
        ..Default::default()
    }
}

async fn settle(core: &Core, evals: [Evaluation; 2], queue: &mut Queue) -> Result<(), Failure> {
    let _running = core.instruments.worker.update_eval.start();
    let done = evals[0].id;
    core.execute(Command::UpsertEvals { evals: evals.to_vec(), time: now() }).await?;
    queue.done(done);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::World;

    fn work(eval: Evaluation) -> Work {
        Work { eval, superseded: Vec::new(), was_put_off: false }
    }

    fn again(eval: Evaluation) -> Work {
        Work { was_put_off: true, ..work(eval) }
    }

    fn plan_of(planned: &Planned) -> Option<&Plan> {
        match planned {
            Planned::Plan(plan) => Some(plan),
            _ => None,
        }
    }

    /// "placements-stops-blocked" of each plan, or that it is put off.
    fn shown(planned: &[Planned]) -> Vec<String> {
        let show = |planned: &Planned| match planned {
            Planned::Plan(plan) => {
                let n_blocked = plan.evals.iter().filter(|eval| eval.status == EvalStatus::Blocked).count();
                format!("{}-{}-{n_blocked}", plan.placements.len(), plan.stops.len())
            }
            Planned::PutOff => "put off".to_owned(),
            Planned::Later => "later".to_owned(),
            Planned::Broken(problem) => panic!("{problem}"),
        };
        planned.iter().map(show).collect()
    }

    fn job(id: &str, memory_mb: i64) -> model::Job {
        testkit::job(id).resources(100, memory_mb).no_update().build()
    }

    fn plan(world: &World, batch: Vec<Work>) -> Vec<Planned> {
        plan_in_a_row(&Arc::new(world.store.clone()), batch, 1, &Instruments::default())
    }

    /// Two that fit one by one but not together: the second sees what the first takes.
    #[test]
    fn what_is_placed_is_taken() {
        let mut world = World::with_nodes(&["one"]);
        let batch = vec![work(world.register(job("a", 5_000))), work(world.register(job("b", 5_000)))];
        assert_eq!(shown(&plan(&world, batch)), ["1-0-0", "0-0-1"]);
    }

    /// The room that a plan frees is not used by the next one before it is committed: if the first were refused, the node would be overfull.
    #[test]
    fn what_is_stopped_is_not_free_yet() {
        let mut world = World::with_nodes(&["one"]);
        let eval = world.register(job("a", 5_000));
        for planned in plan(&world, vec![work(eval)]) {
            world.apply(&Command::ApplyPlan(Box::new(plan_of(&planned).expect("a plan").clone())));
        }
        assert_eq!(world.live("a").len(), 1);
        let (stop, start) = (world.stop("a"), world.register(job("b", 5_000)));
        assert_eq!(shown(&plan(&world, vec![work(stop.clone()), work(start.clone())])), ["0-1-0", "put off"]);
        // It gets its answer the next time, also beside another plan that stops something.
        let planned = plan(&world, vec![work(stop), again(start.clone())]);
        assert_eq!(shown(&planned), ["0-1-0", "0-0-1"]);
        world.apply(&Command::ApplyPlan(Box::new(plan_of(&planned[0]).expect("a plan").clone())));
        assert_eq!(shown(&plan(&world, vec![again(start)])), ["1-0-0"]);
    }

    /// Whoever asks why something was placed, or not, learns how long that took; those that stay keep what they have.
    #[test]
    fn times_of_placements() {
        let mut world = World::with_nodes(&["one"]);
        let evals = [world.register(testkit::job("a").count(3).build()), world.register(job("b", 500_000))];
        let planned = plan(&world, evals.map(work).into());
        let placed = plan_of(&planned[0]).expect("a plan");
        let times: Vec<i64> =
            placed.placements.iter().filter_map(|placement| Some(placement.alloc.metrics.as_ref()?.allocation_time)).collect();
        assert!(times.len() == 3 && times.iter().all(|time| *time > 0), "{times:?}");
        let failed = plan_of(&planned[1]).expect("a plan").evals.iter().flat_map(|eval| eval.failed_tg_allocs.values());
        assert!(failed.clone().count() > 0 && failed.clone().all(|metrics| metrics.allocation_time > 0));

        let mut shared = placed.clone();
        let one = Arc::new(AllocMetric::default());
        shared.placements.iter_mut().for_each(|placement| placement.alloc.metrics = Some(Arc::clone(&one)));
        shared.placements[2].alloc.create_index = 1;
        tell_time(&mut shared, Duration::from_nanos(10));
        let metrics: Vec<&Arc<AllocMetric>> = shared.placements.iter().filter_map(|placement| placement.alloc.metrics.as_ref()).collect();
        assert_eq!(metrics.iter().map(|metrics| metrics.allocation_time).collect::<Vec<_>>(), [5, 5, 0]);
        assert!(Arc::ptr_eq(metrics[0], metrics[1]) && Arc::ptr_eq(metrics[2], &one));
    }

    /// An evaluation that cannot be finished ends as failed, and one that takes over is linked to it: at once, or after a minute at least.
    #[test]
    fn giving_up() {
        let mut world = World::with_nodes(&["one"]);
        let eval = world.register(job("a", 100));
        let id = EvalId(world.new_id());
        let [failed, blocked] = given_up(eval.clone(), 5, id);
        assert_eq!((failed.status, failed.blocked_eval, failed.id), (EvalStatus::Failed, id, eval.id));
        assert_eq!((blocked.status, blocked.previous_eval, blocked.job_key()), (EvalStatus::Blocked, eval.id, eval.job_key()));
        assert_eq!(
            (blocked.triggered_by, blocked.status_description.as_str()),
            (EvalTrigger::MaxPlanAttempts, "created due to placement conflicts")
        );
        let [failed, next] = undeliverable(eval.clone(), "broken", Time(7), id);
        assert_eq!((failed.status, failed.next_eval), (EvalStatus::Failed, id));
        assert!(failed.status_description.contains("delivery limit (3): broken"), "{}", failed.status_description);
        assert_eq!((next.status, next.triggered_by, next.wait_until), (EvalStatus::Pending, EvalTrigger::FailedFollowUp, Time(7)));
    }
}
