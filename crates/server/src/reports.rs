//! What nodes report goes into the log together: while one entry is on its way, the reports that come wait for the next.
//!
//! Thousands of nodes that report at once cost a few entries, and a single report waits for nobody.

use std::sync::{Arc, Mutex, PoisonError};

use model::AllocUpdate;
use rpc::message::Failure;
use state::Command;
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
        let evals = control::report_evals(&core.view(), &updates, &mut core.ids());
        let applied = core.execute(Command::UpdateAllocs { updates, evals, time: now() }).await;
        let answer = applied.map(|applied| applied.index);
        for waits in waiting {
            // Whoever does not wait any more reports again.
            let _ = waits.send(answer.clone());
        }
    }
}
