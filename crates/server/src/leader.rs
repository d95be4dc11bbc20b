//! The scope of leadership: what runs while this server leads, and only then.

use std::sync::Arc;
use std::time::Duration;

use model::{NodeStatus, Uuid};
use raftstore::Role;
use state::Command;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::core::{Core, Leading, now};
use crate::{members, node, reconcile, schedule};

/// Opens the scope when leadership is gained, closes it when it is lost; ends with `shutdown`.
pub async fn run(core: Arc<Core>, shutdown: CancellationToken) {
    let mut leadership = core.replica.watch_leadership();
    loop {
        let term = leadership.borrow_and_update().clone();
        if term.role == Role::Leader {
            let scope = shutdown.child_token();
            let tasks = TaskTracker::new();
            open(&core, &scope, &tasks);
            info!(term = term.term, "leading region {}", core.region);
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    changed = leadership.changed() => if changed.is_err() { break },
                }
                let present = leadership.borrow_and_update().clone();
                if present.role != Role::Leader || present.term != term.term {
                    break;
                }
            }
            scope.cancel();
            tasks.close();
            tasks.wait().await;
            *core.leading() = None;
            info!(term = term.term, "no longer leading");
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

fn open(core: &Arc<Core>, scope: &CancellationToken, tasks: &TaskTracker) {
    let heartbeats = control::Heartbeats::new(&core.view(), &core.config.timing, now());
    *core.leading() = Some(Leading { heartbeats });
    let spawn = |name: &'static str, future: futures::future::BoxFuture<'static, ()>| {
        let scope = scope.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = scope.cancelled() => {}
                () = future => warn!(task = name, "a task of the leader ended early"),
            }
        });
    };
    spawn("identity", Box::pin(identify(Arc::clone(core))));
    spawn("schedule", Box::pin(schedule::run(Arc::clone(core))));
    spawn("reconcile", Box::pin(reconcile::run(Arc::clone(core))));
    spawn("catch up", Box::pin(reconcile::catch_up(Arc::clone(core))));
    spawn("publish", Box::pin(reconcile::publish(Arc::clone(core))));
    spawn("heartbeats", Box::pin(heartbeats_run(Arc::clone(core))));
    spawn("capacity", Box::pin(capacity(Arc::clone(core))));
    spawn("garbage", Box::pin(garbage(Arc::clone(core))));
    spawn("members", Box::pin(members::keep(Arc::clone(core))));
}

/// Gives a region that was just founded its uuid.
async fn identify(core: Arc<Core>) {
    loop {
        if core.view().identity().cluster.is_nil() {
            let command = Command::Bootstrap { region: core.region.clone(), cluster: Uuid::new_v4() };
            if let Err(failure) = core.propose(command).await {
                warn!(%failure, "bootstrap");
            }
        }
        tokio::time::sleep(Duration::from_secs(if core.view().identity().cluster.is_nil() { 1 } else { 3600 })).await;
    }
}

/// Takes nodes for down that have not reported in time.
async fn heartbeats_run(core: Arc<Core>) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let expired = core.leading().as_mut().map(|leading| leading.heartbeats.expired(now())).unwrap_or_default();
        for id in expired {
            let view = core.view();
            let Some(known) = view.node(id).filter(|node| node.status != NodeStatus::Down) else { continue };
            warn!(node = %id, name = %known.name, "node missed its heartbeat, taking it for down");
            let time = now();
            let evals = control::node_evals(&view, id, &mut core.ids());
            let event = Some(node::event("Node heartbeat missed", time));
            let command = Command::SetNodeStatus { id, status: NodeStatus::Down, event, evals, time };
            if let Err(failure) = core.execute(command).await {
                warn!(node = %id, %failure, "node not marked down, trying again");
                if let Some(leading) = core.leading().as_mut() {
                    leading.heartbeats.expect(id, now() + 1_000_000_000);
                }
            }
        }
    }
}

/// Gives blocked evaluations another look when room may have come up.
async fn capacity(core: Arc<Core>) {
    loop {
        let view = core.view();
        let evals = control::unblock(&view, None);
        if !evals.is_empty()
            && let Err(failure) = core.propose(Command::UpsertEvals { evals, time: now() }).await
        {
            warn!(%failure, "blocked evaluations were not looked at again");
        }
        core.signals.capacity.notified().await;
        // Many nodes report at once; one look serves them all.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn garbage(core: Arc<Core>) {
    loop {
        tokio::time::sleep(core.config.gc_interval).await;
        if let Err(failure) = collect(&core, &core.config.gc).await {
            warn!(%failure, "garbage collection");
        }
    }
}

/// Removes what is not needed, a bounded piece at a time.
pub async fn collect(core: &Core, thresholds: &control::Thresholds) -> Result<(), rpc::message::Failure> {
    for _ in 0..1_000 {
        let Some(reap) = control::garbage(&core.view(), now(), thresholds) else { break };
        core.execute(Command::Reap(Box::new(reap))).await?;
    }
    Ok(())
}
