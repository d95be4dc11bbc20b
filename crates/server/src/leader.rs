//! The scope of leadership: what runs while this server leads, and only then.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use model::{EvalTrigger, NodeStatus, Uuid};
use raftstore::Role;
use state::Command;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::core::{Core, Leading, done, now};
use crate::{drain, fence, follow, members, node, periodic, reconcile, room, schedule, scheduler_config};

/// How often deadlines of nodes are looked at.
const HEARTBEAT_TICK: Duration = Duration::from_millis(500);
/// A node that could not be marked is marked again after this time, in nanoseconds.
const MARK_AGAIN_AFTER: i64 = 1_000_000_000;
/// Many nodes report at once; one look at the blocked evaluations serves them all.
const CAPACITY_PAUSE: Duration = Duration::from_millis(100);
/// The more of them there are, the less often: looking at each of them costs about this much.
const CAPACITY_PAUSE_PER_EVAL: Duration = Duration::from_millis(1);
/// Jobs whose plans were refused too often are looked at again after this time.
const REFUSED_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Between two looks for what is no longer needed, if jobs are not looked at more often.
const GARBAGE_EVERY: Duration = Duration::from_secs(300);
/// How long handing over leadership may take.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the scope when leadership is gained, closes it when it is lost; ends with `shutdown`.
pub async fn run(core: Arc<Core>, shutdown: CancellationToken) {
    let mut leadership = core.replica.watch_leadership();
    loop {
        let term = leadership.borrow_and_update().clone();
        if term.role == Role::Candidate {
            core.instruments.heartbeat_timeout.increment();
        }
        if term.role == Role::Leader {
            // What was replaced before is what the tasks begin with.
            let _ = core.signals.restored.notified().now_or_never();
            let scope = shutdown.child_token();
            let tasks = TaskTracker::new();
            open(&core, &scope, &tasks);
            info!(term = term.term, "leading region {}", core.region);
            loop {
                tokio::select! {
                    () = scope.cancelled() => break,
                    // What the tasks know beside the state is of another state.
                    () = core.signals.restored.notified() => break,
                    changed = leadership.changed() => if changed.is_err() { break },
                }
                let present = leadership.borrow_and_update().clone();
                if present.role != Role::Leader || present.term != term.term {
                    // Who is told of another leader has not lost the majority by itself.
                    if present.term == term.term {
                        core.instruments.leader_lease_timeout.increment();
                    }
                    break;
                }
            }
            let broken = scope.is_cancelled() && !shutdown.is_cancelled();
            scope.cancel();
            tasks.close();
            tasks.wait().await;
            *core.leading() = None;
            core.instruments.broker.show(&control::Counts::default());
            info!(term = term.term, "no longer leading");
            if broken {
                // A leader that does only a part of its work is worse than none. The process is told to end, see [`Core::fail`].
                hand_over(&core, |_| true).await;
                shutdown.cancelled().await;
            }
            if shutdown.is_cancelled() {
                return;
            }
            continue;
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = leadership.changed() => if changed.is_err() { return },
        }
    }
}

/// Lets another server lead, if this one does and there is another that may.
pub async fn hand_over(core: &Core, may: impl Fn(u64) -> bool) {
    if !core.is_leader() {
        return;
    }
    let pool = core.pool.members();
    let is_alive = |id: u64| pool.iter().any(|member| member.meta.server_id == id && member.status == gossip::Status::Alive);
    let own = core.replica.id();
    let heirs = core
        .replica
        .status()
        .members
        .into_iter()
        .filter(|member| member.voter && member.id != own && is_alive(member.id) && may(member.id));
    // Whoever has most of the log takes over soonest.
    let Some(heir) = heirs.min_by_key(|member| core.replica.lag_of(member.id).unwrap_or(u64::MAX)) else { return };
    match core.replica.transfer_leadership(heir.id, HAND_OVER_TIMEOUT).await {
        Ok(()) => info!(to = %heir.node.name, "leadership handed over"),
        Err(error) => warn!(to = %heir.node.name, %error, "leadership was not handed over"),
    }
}

fn open(core: &Arc<Core>, scope: &CancellationToken, tasks: &TaskTracker) {
    let heartbeats = control::Heartbeats::new(&core.view(), &core.config.timing, now());
    *core.leading() = Some(Leading { heartbeats, stability: BTreeMap::new(), without_room: None });
    let spawn = |name: &'static str, future: BoxFuture<'static, ()>| {
        let (core, scope) = (Arc::clone(core), scope.clone());
        tasks.spawn(async move {
            if let Some(how) = supervise(future, &scope).await {
                core.fail(format!("the leader's task {name:?} {how}"));
            }
        });
    };
    spawn("room", Box::pin(room::keep(Arc::clone(core))));
    spawn("identity", Box::pin(identify(Arc::clone(core))));
    spawn("schedule", Box::pin(schedule::run(Arc::clone(core))));
    spawn("reconcile", Box::pin(reconcile::run(Arc::clone(core))));
    spawn("fence", Box::pin(fence::run(Arc::clone(core))));
    spawn("catch up", Box::pin(reconcile::catch_up(Arc::clone(core))));
    spawn("publish", Box::pin(reconcile::publish(Arc::clone(core))));
    spawn("heartbeats", Box::pin(heartbeats_run(Arc::clone(core))));
    spawn("periodic", Box::pin(periodic::run(Arc::clone(core))));
    spawn("capacity", Box::pin(capacity(Arc::clone(core))));
    spawn("drain", Box::pin(drain::run(Arc::clone(core))));
    spawn("garbage", Box::pin(garbage(Arc::clone(core))));
    spawn("follow", Box::pin(follow::run(Arc::clone(core))));
    spawn("members", Box::pin(members::keep(Arc::clone(core))));
}

/// Runs one task of the scope. None of them ends by itself: if one does, or panics, the whole scope ends, and how it happened is returned.
async fn supervise(task: BoxFuture<'static, ()>, scope: &CancellationToken) -> Option<String> {
    let ended = tokio::select! {
        () = scope.cancelled() => return None,
        ended = AssertUnwindSafe(task).catch_unwind() => ended,
    };
    scope.cancel();
    Some(match ended {
        Ok(()) => "ended".to_owned(),
        Err(panic) => format!("panicked: {}", panic_text(&*panic)),
    })
}

/// What a panic said.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Gives a region that was just founded its uuid and its settings.
async fn identify(core: Arc<Core>) {
    while core.view().identity().cluster.is_nil() {
        let command = Command::Bootstrap { region: core.region.clone(), cluster: Uuid::new_v4() };
        if let Err(failure) = core.propose(command).await {
            warn!(%failure, "bootstrap");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    while let Some(command) = scheduler_config::first(&core).or_else(|| tracked_versions(&core)) {
        if let Err(failure) = core.propose(command).await {
            warn!(%failure, "settings of the region");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    std::future::pending().await
}

/// The region keeps as many versions of each job as its leader is configured for.
fn tracked_versions(core: &Core) -> Option<Command> {
    let n = core.config.bounds.jobs.tracked_versions;
    let present = core.view().tracked_versions() as u64;
    (n != present).then_some(Command::TrackVersions { n })
}

/// Takes nodes for down, or disconnected, that have not reported in time.
async fn heartbeats_run(core: Arc<Core>) {
    loop {
        tokio::time::sleep(HEARTBEAT_TICK).await;
        let expired = core.leading().as_mut().map(|leading| leading.heartbeats.expired(now())).unwrap_or_default();
        let view = core.view();
        let mut commands = Vec::new();
        let mut nodes = Vec::new();
        for id in expired {
            let is_awaited = |status| matches!(status, NodeStatus::Ready | NodeStatus::Initializing);
            let Some(known) = view.node(id).filter(|node| is_awaited(node.status)) else { continue };
            let status = control::silent_status(&view, id);
            warn!(node = %id, name = %known.name, "node missed its heartbeat, taking it for {status}");
            let time = now();
            let evals = control::node_evals(&view, id, &mut core.ids());
            let event = Some(node::event("Node heartbeat missed", time));
            commands.push(Command::SetNodeStatus { id, status, event, evals, time });
            nodes.push(id);
        }
        for id in control::given_up(&view) {
            warn!(node = %id, "node was disconnected for too long, taking it for down");
            let evals = control::node_evals(&view, id, &mut core.ids());
            commands.push(Command::SetNodeStatus { id, status: NodeStatus::Down, event: None, evals, time: now() });
            nodes.push(id);
        }
        if commands.is_empty() {
            continue;
        }
        let _running = core.instruments.heartbeat_invalidate.start();
        // All of a rack that went dark in one write.
        let answers = match core.propose_many(commands).await {
            Ok(answers) => answers.into_iter().map(|answer| answer.and_then(done)).collect(),
            Err(failure) => vec![Err(failure); nodes.len()],
        };
        for (id, answer) in nodes.into_iter().zip(answers) {
            let Err(failure) = answer else { continue };
            warn!(node = %id, %failure, "node not marked down, trying again");
            if let Some(leading) = core.leading().as_mut() {
                leading.heartbeats.expect(id, now() + MARK_AGAIN_AFTER);
            }
        }
    }
}

/// Gives blocked evaluations another look when room may have come up. Those that wait because their plans were refused get one now and then.
async fn capacity(core: Arc<Core>) {
    let mut has_room = true;
    loop {
        let mut evals = control::unblock(&core.view(), None);
        evals.retain(|eval| has_room || eval.triggered_by == EvalTrigger::MaxPlanAttempts);
        let n_evals = u32::try_from(evals.len()).unwrap_or(u32::MAX);
        if n_evals > 0
            && let Err(failure) = core.propose(Command::UpsertEvals { evals, time: now() }).await
        {
            warn!(%failure, "blocked evaluations were not looked at again");
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        }
        tokio::time::sleep(CAPACITY_PAUSE + CAPACITY_PAUSE_PER_EVAL * n_evals).await;
        has_room = tokio::select! {
            () = core.signals.capacity.notified() => true,
            () = tokio::time::sleep(REFUSED_AGAIN_AFTER) => false,
        };
    }
}

async fn garbage(core: Arc<Core>) {
    let mut jobs_looked_at = tokio::time::Instant::now();
    loop {
        // The interval is that of jobs; everything else is looked at as often as ever, so that a long one keeps nothing but jobs.
        tokio::time::sleep(core.config.gc_interval.min(GARBAGE_EVERY)).await;
        let mut thresholds = core.config.gc;
        if jobs_looked_at.elapsed() < core.config.gc_interval {
            thresholds.job = i64::MAX;
        } else {
            jobs_looked_at = tokio::time::Instant::now();
        }
        if let Err(failure) = collect(&core, &thresholds).await {
            warn!(%failure, "garbage collection");
        }
    }
}

/// Removes what is not needed, a bounded piece at a time.
pub async fn collect(core: &Core, thresholds: &control::Thresholds) -> Result<(), rpc::message::Failure> {
    let thresholds = *thresholds;
    let mut last = None;
    loop {
        let view = core.view();
        let found = tokio::task::spawn_blocking(move || control::garbage(&view, now(), &thresholds)).await;
        let found = found.map_err(|error| rpc::message::Failure::internal(format!("garbage collection: {error}")))?;
        // The same twice: the state keeps it, and knows why.
        let Some(mut reap) = found.filter(|reap| last.as_ref() != Some(reap)) else { return Ok(()) };
        last = Some(reap.clone());
        // One of them may have come back since it was looked at; whom a person removes goes in any case.
        let ids = std::mem::take(&mut reap.nodes);
        if !ids.is_empty() {
            core.execute(Command::ReapNodes { ids }).await?;
        }
        if reap != Default::default() {
            core.execute(Command::Reap(Box::new(reap))).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task that ends or panics ends the scope with it; one that is ended by the scope has nothing to say.
    #[tokio::test]
    async fn supervision() {
        let scope = CancellationToken::new();
        assert_eq!(supervise(Box::pin(async {}), &scope).await.as_deref(), Some("ended"));
        assert!(scope.is_cancelled());
        assert_eq!(supervise(Box::pin(std::future::pending()), &scope).await, None);
        let scope = CancellationToken::new();
        let how = supervise(Box::pin(async { panic!("{}", 7) }), &scope).await;
        assert!(how.as_deref() == Some("panicked: 7") && scope.is_cancelled(), "{how:?}");
    }
}
