//! The allocations of this node: what the region wants, compared with what is here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AllocId, Allocation};
use rpc::message::NodeAllocs;
use tracing::{info, warn};

use crate::alloc::{self, AllocHandle, Command};
use crate::collect;
use crate::error::chain;
use crate::shared::Shared;
use crate::store::Remembered;

/// Brings the node to what the region says. Whether nothing is missing: an allocation that the region has changed but did not send is a gap.
pub(crate) async fn take(shared: &Arc<Shared>, share: NodeAllocs) -> bool {
    for alloc in &share.changed {
        match shared.alloc(alloc.id) {
            None => begin(shared, alloc.clone()).await,
            Some(handle) if handle.alloc().alloc_modify_index < alloc.alloc_modify_index => {
                remember(shared, alloc).await;
                handle.set_alloc(alloc.clone());
                handle.send(Command::Updated(alloc.clone()));
            }
            Some(_) => {}
        }
    }
    let known: BTreeMap<AllocId, u64> = shared.allocs().iter().map(|(id, handle)| (*id, handle.alloc().alloc_modify_index)).collect();
    // Everything that is known came from the region's index or before it: a server that is behind that cannot say what is gone.
    let newest = known.values().max().copied().unwrap_or(0);
    if share.index < newest {
        warn!(index = share.index, newest, "a server is behind what this node already knows: nothing is given up on its word");
        return false;
    }
    let Some(all) = &share.all else { return true };
    let wanted: BTreeSet<AllocId> = all.iter().map(|(id, _)| *id).collect();
    for id in known.keys().filter(|id| !wanted.contains(id)) {
        if let Some(handle) = shared.alloc(*id) {
            collect::forget(shared, handle);
        }
    }
    all.iter().all(|(id, index)| known.get(id).is_some_and(|known| known >= index))
}

/// A new allocation.
async fn begin(shared: &Arc<Shared>, alloc: Arc<Allocation>) {
    if alloc.client_status.is_terminal() {
        // It ended under an earlier state of this node; there is nothing left to do, and nothing to run again.
        let handle = AllocHandle::ended(shared, alloc);
        shared.allocs().insert(handle.id, handle);
        return;
    }
    info!(alloc = %alloc.id, job = %alloc.job_id, group = alloc.task_group.as_str(), "allocation received");
    remember(shared, &alloc).await;
    let handle = alloc::begin(shared, alloc, None);
    shared.allocs().insert(handle.id, handle);
}

/// Allocations that an earlier agent had: their tasks are found again.
pub(crate) fn restore(shared: &Arc<Shared>, mut remembered: Vec<Remembered>) {
    // Younger ones may have to wait for older ones.
    remembered.sort_by_key(|remembered| remembered.alloc.create_index);
    for Remembered { alloc, life } in remembered {
        info!(alloc = %alloc.id, job = %alloc.job_id, group = alloc.task_group.as_str(), "allocation remembered");
        let handle = alloc::begin(shared, Arc::new(alloc), life);
        shared.allocs().insert(handle.id, handle);
    }
}

async fn remember(shared: &Shared, alloc: &Allocation) {
    if let Err(error) = shared.store.remember_alloc(alloc).await {
        // It will not be started: that needs a durable write of its own.
        warn!(alloc = %alloc.id, error = chain(&error), "allocation could not be remembered");
    }
}
