//! Reports to the region: batched, only the newest per allocation, repeated until acknowledged.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{AllocId, AllocUpdate};
use rpc::message::{NodeReply, NodeRequest};
use tokio::sync::Notify;
use tracing::{debug, warn};

use crate::link::{LinkError, PATIENCE};
use crate::shared::{Backoff, Shared};

/// What happens within this time goes out together.
const BATCH: Duration = Duration::from_millis(200);
/// Updates in one request; a message has bounds.
const BATCH_MAX: usize = 1000;
const RETRY_MAX: Duration = Duration::from_secs(15);

/// What the region was not told yet.
#[derive(Default)]
pub(crate) struct Updates {
    pending: Mutex<BTreeMap<AllocId, AllocUpdate>>,
    news: Notify,
}

impl Updates {
    pub fn push(&self, update: AllocUpdate) {
        self.pending().insert(update.id, update);
        self.news.notify_one();
    }

    /// The allocation is gone from the region.
    pub fn drop(&self, id: AllocId) {
        self.pending().remove(&id);
    }

    pub fn is_empty(&self) -> bool {
        self.pending().is_empty()
    }

    fn take(&self) -> Vec<AllocUpdate> {
        let mut pending = self.pending();
        let mut batch = Vec::new();
        while batch.len() < BATCH_MAX
            && let Some((_, update)) = pending.pop_first()
        {
            batch.push(update);
        }
        batch
    }

    /// Undelivered ones come back, unless there is something newer.
    fn give_back(&self, batch: Vec<AllocUpdate>) {
        let mut pending = self.pending();
        for update in batch {
            if let Entry::Vacant(entry) = pending.entry(update.id) {
                entry.insert(update);
            }
        }
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, BTreeMap<AllocId, AllocUpdate>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut registered = shared.registered.subscribe();
    let mut backoff = Backoff::new(RETRY_MAX);
    loop {
        while shared.updates.is_empty() {
            shared.updates.news.notified().await;
        }
        tokio::time::sleep(BATCH).await;
        if registered.wait_for(|registered| *registered).await.is_err() {
            return;
        }
        if send(&shared).await {
            backoff.reset();
        } else {
            tokio::time::sleep(backoff.pause()).await;
        }
    }
}

/// Sends one batch; whether it was acknowledged.
pub(crate) async fn send(shared: &Shared) -> bool {
    let batch = shared.updates.take();
    if batch.is_empty() {
        return true;
    }
    let request = NodeRequest::UpdateAllocs { node_id: shared.node_id, secret: shared.secret, updates: batch.clone() };
    match shared.link.node(request, PATIENCE).await {
        Ok(NodeReply::Done { .. }) => {
            debug!(updates = batch.len(), "reported");
            return true;
        }
        Ok(other) => warn!(?other, "a server answered a report with something else"),
        Err(LinkError::Refused(failure)) => {
            warn!(error = %failure, "the region refuses a report");
            shared.doubt.notify_one();
        }
        Err(error) => debug!(%error, "report could not be delivered"),
    }
    shared.updates.give_back(batch);
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ClientStatus, Uuid};

    fn update(n: u128, client_status: ClientStatus) -> AllocUpdate {
        AllocUpdate { id: AllocId(Uuid::from_u128(n)), client_status, ..AllocUpdate::default() }
    }

    /// Only the newest per allocation is kept, also when an older one comes back undelivered.
    #[test]
    fn newest_wins() {
        let updates = Updates::default();
        updates.push(update(1, ClientStatus::Pending));
        updates.push(update(2, ClientStatus::Pending));
        updates.push(update(1, ClientStatus::Running));
        let batch = updates.take();
        assert_eq!(batch, [update(1, ClientStatus::Running), update(2, ClientStatus::Pending)]);
        assert!(updates.is_empty());
        updates.push(update(2, ClientStatus::Complete));
        updates.give_back(batch);
        assert_eq!(updates.take(), [update(1, ClientStatus::Running), update(2, ClientStatus::Complete)]);
    }
}
