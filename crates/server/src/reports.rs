//! What nodes report goes into the log together: while one entry is on its way, the reports that come wait for the next.
//!
//! Thousands of nodes that report at once cost a few entries, and a single report waits for nobody.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use model::{AllocDeploymentStatus, AllocUpdate};
use rpc::message::Failure;
use state::{Command, Store};
use tokio::sync::{mpsc, oneshot};

use crate::core::{Core, now};

/// Updates in one entry.
const TOGETHER: usize = 4_096;

/// Index of the entry.
type Answer = Result<u64, Failure>;

struct Report {
    updates: Vec<AllocUpdate>,
    answer: oneshot::Sender<Answer>,
}

/// Where reports wait.
pub struct Reports {
    sender: mpsc::UnboundedSender<Report>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<Report>>>,
}

impl Default for Reports {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Mutex::new(Some(receiver)) }
    }
}

impl Reports {
    /// Returns when the updates are committed, with others.
    pub async fn put(&self, updates: Vec<AllocUpdate>) -> Answer {
        let (answer, answered) = oneshot::channel();
        let ended = || Failure::internal(crate::core::NO_LEADER);
        self.sender.send(Report { updates, answer }).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

/// A node that registers again says everything again: what the region knows changes nothing, and nobody is to be told of it.
fn only_news(view: &Store, mut updates: Vec<AllocUpdate>) -> Vec<AllocUpdate> {
    let mut changed = HashSet::new();
    // What follows news of the same allocation may take them back.
    updates.retain(|update| {
        let is_told = changed.contains(&update.id) || is_news(view, update);
        if is_told {
            changed.insert(update.id);
        }
        is_told
    });
    updates
}

fn is_news(view: &Store, update: &AllocUpdate) -> bool {
    let Some(alloc) = view.alloc(update.id) else { return false };
    let verdict = |status: &Option<AllocDeploymentStatus>| status.as_ref().and_then(|status| status.healthy);
    let judged = verdict(&update.deployment_status).filter(|_| update.deployment_id == alloc.deployment_id);
    alloc.client_status != update.client_status
        || alloc.client_description != update.client_description
        || alloc.task_states != update.task_states
        || update.network_status.is_some() && alloc.network_status != update.network_status
        || judged.is_some() && judged != verdict(&alloc.deployment_status)
}

/// Commits what is reported; ends with the server.
pub async fn run(core: Arc<Core>) {
    let receiver = core.reports.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut reports) = receiver else { return };
    while let Some(first) = reports.recv().await {
        let (mut updates, mut waiting) = (first.updates, vec![first.answer]);
        while updates.len() < TOGETHER
            && let Ok(report) = reports.try_recv()
        {
            updates.extend(report.updates);
            waiting.push(report.answer);
        }
        let view = core.view();
        let updates = only_news(&view, updates);
        let answer = if updates.is_empty() {
            Ok(view.index())
        } else {
            let evals = control::report_evals(&view, &updates, &mut core.ids());
            let applied = core.execute(Command::UpdateAllocs { updates, evals, time: now() }).await;
            applied.map(|applied| applied.index)
        };
        for waits in waiting {
            // Whoever does not wait any more reports again.
            let _ = waits.send(answer.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AllocId, ClientStatus};
    use testkit::World;

    /// What is known is not said again; what takes news back is said, too.
    #[test]
    fn news() {
        let mut world = World::with_nodes(&["one"]);
        let eval = world.register(testkit::job("a").build());
        let decision = scheduler::schedule(&world.store, &eval, world.now, 1);
        world.apply(&Command::ApplyPlan(Box::new(decision.plan)));
        let id = world.live("a")[0].id;
        let report = |id: AllocId, client_status: ClientStatus| AllocUpdate { id, client_status, ..AllocUpdate::default() };
        let shown = |world: &World, updates: Vec<AllocUpdate>| {
            only_news(&world.store, updates).iter().map(|update| update.client_status.to_string()).collect::<Vec<_>>().join(" ")
        };
        let (pending, running) = (report(id, ClientStatus::Pending), report(id, ClientStatus::Running));
        assert_eq!(shown(&world, vec![pending.clone()]), "");
        assert_eq!(shown(&world, vec![running.clone()]), "running");
        assert_eq!(shown(&world, vec![pending.clone(), running.clone(), pending.clone()]), "running pending");
        assert_eq!(shown(&world, vec![report(AllocId::NIL, ClientStatus::Running)]), "");
        world.apply(&Command::UpdateAllocs { updates: vec![running.clone()], evals: Vec::new(), time: 2 });
        assert_eq!(shown(&world, vec![running, pending]), "pending");
    }
}
