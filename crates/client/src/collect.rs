//! Removing what ended: directories of allocations, and allocations that the region forgot.

use std::sync::Arc;

use model::{AllocId, DesiredStatus};
use rpc::message::Failure;
use tracing::{debug, info, warn};

use crate::alloc::{AllocHandle, Command, is_awaited};
use crate::error::chain;
use crate::measured;
use crate::shared::Shared;
use crate::stats::disk_usage;
use crate::store::Life;

/// The region no longer has it: it is stopped, if it still runs, and everything of it is removed.
pub(crate) fn forget(shared: &Arc<Shared>, handle: AllocHandle) {
    if !handle.begin_forgetting() {
        return;
    }
    let work = {
        let shared = shared.clone();
        async move {
            let mut alloc = (*handle.alloc()).clone();
            alloc.desired_status = DesiredStatus::Stop;
            handle.send(Command::Updated(Arc::new(alloc)));
            handle.finished().await;
            // Who copies or takes over its data is let finish.
            let _hold = handle.hold().await;
            handle.set_collected();
            remove_dir(&handle).await;
            if let Err(error) = shared.store.forget(handle.id).await {
                warn!(alloc = %handle.id, error = chain(&error), "allocation could not be forgotten");
            }
            shared.updates.drop(handle.id);
            shared.allocs().remove(&handle.id);
            measured::forgotten(&shared, handle.id);
            info!(alloc = %handle.id, "allocation collected");
        }
    };
    shared.spawn(work);
}

/// Removes the directory of an ended allocation; the region keeps it.
pub(crate) async fn collect(shared: &Shared, handle: &AllocHandle) -> Result<(), Failure> {
    if !handle.is_finished() {
        return Err(Failure::bad_request(format!("allocation \"{}\" has not ended: stop it first", handle.id)));
    }
    if is_awaited(shared, handle.id) {
        return Err(Failure::bad_request(format!("the data of allocation \"{}\" is awaited by the next one", handle.id)));
    }
    let Some(_hold) = handle.try_hold() else {
        return Err(Failure::bad_request(format!("the directory of allocation \"{}\" is in use: its data is being copied", handle.id)));
    };
    handle.set_collected();
    remove_dir(handle).await;
    if let Some(saved) = handle.saved() {
        let life = Life { saved, collected: true };
        if let Err(error) = shared.store.remember_life(handle.id, &life, false).await {
            warn!(alloc = %handle.id, error = chain(&error), "collection could not be remembered");
        }
    }
    Ok(())
}

/// Every ended allocation.
pub(crate) async fn collect_all(shared: &Shared) {
    for handle in ended(shared) {
        if let Err(error) = collect(shared, &handle).await {
            debug!(alloc = %handle.id, %error, "not collected");
        }
    }
}

/// Keeps within the bounds of the configuration.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(shared.config.collection.interval).await;
        for handle in ended(&shared) {
            let Some(reason) = excess(&shared) else { break };
            let id: AllocId = handle.id;
            match collect(&shared, &handle).await {
                Ok(()) => info!(alloc = %id, reason, "directory of an ended allocation removed"),
                Err(error) => debug!(alloc = %id, %error, "not collected"),
            }
        }
    }
}

/// Why something should go.
fn excess(shared: &Shared) -> Option<&'static str> {
    let bounds = &shared.config.collection;
    let with_directory = shared.allocs().values().filter(|handle| !handle.is_collected()).count();
    if with_directory > bounds.max_allocs {
        return Some("more allocations than gc_max_allocs");
    }
    let usage = disk_usage(&shared.config.alloc_dir)?;
    if usage.used_percent > bounds.disk_usage_threshold {
        return Some("disk fuller than gc_disk_usage_threshold");
    }
    (usage.inodes_used_percent > bounds.inode_usage_threshold).then_some("more inodes in use than gc_inode_usage_threshold")
}

/// Ended allocations that still have a directory, those first that ended first.
fn ended(shared: &Shared) -> Vec<AllocHandle> {
    let mut ended: Vec<AllocHandle> =
        shared.allocs().values().filter(|handle| handle.is_finished() && !handle.is_collected()).cloned().collect();
    ended.sort_by_key(AllocHandle::finished_at);
    ended
}

async fn remove_dir(handle: &AllocHandle) {
    let dir = handle.dir.clone();
    match tokio::task::spawn_blocking(move || dir.remove()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(alloc = %handle.id, %error, "directory could not be removed"),
        Err(error) => warn!(alloc = %handle.id, %error, "removing a directory was interrupted"),
    }
}
