//! The whole state of the region, to be kept elsewhere, and back.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use raftstore::{SnapshotFile, SnapshotMeta};
use rpc::message::{Failure, SNAPSHOT_PIECE, SnapshotInfo, SnapshotReply, SnapshotRequest};
use state::Command;
use tracing::{info, warn};

use crate::core::{Core, now};
use crate::forward::ensure_consistent;

/// Writing a snapshot takes longer than this only if something is wrong.
const TAKEN_WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

pub async fn answer(core: &Arc<Core>, request: SnapshotRequest) -> Result<SnapshotReply, Failure> {
    match request {
        SnapshotRequest::Take { stale } => take(core, stale).await.map(SnapshotReply::Taken),
        SnapshotRequest::Read { blake3, offset, .. } => piece(core, blake3, offset).await.map(SnapshotReply::Piece),
        SnapshotRequest::Begin { id } => {
            warn!(%id, "a restore of this region from a snapshot begins");
            put(core, Command::BeginRestore { id }).await
        }
        SnapshotRequest::Put { id, position, records } => put(core, Command::AddToRestore { id, position, records }).await,
        SnapshotRequest::Cancel { id } => put(core, Command::CancelRestore { id }).await,
        SnapshotRequest::Finish { id, n_records } => {
            // Larger than any that was lost with the disks: those, too, were once a time.
            let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let done = put(core, Command::FinishRestore { id, n_records, incarnation: seconds, time: now() }).await?;
            warn!(%id, incarnation = core.view().identity().incarnation, "the region was restored from a snapshot");
            Ok(done)
        }
    }
}

async fn put(core: &Core, command: Command) -> Result<SnapshotReply, Failure> {
    Ok(SnapshotReply::Done { index: core.execute(command).await?.index })
}

async fn take(core: &Core, stale: bool) -> Result<SnapshotInfo, Failure> {
    if !stale {
        ensure_consistent(core).await?;
    }
    let wanted = core.view().index();
    let enough = || core.replica.newest_snapshot().filter(|(meta, _)| index(meta) >= wanted);
    let taken = async {
        loop {
            if let Some(taken) = enough() {
                return Ok(taken);
            }
            core.replica.snapshot_now().await.map_err(|error| Failure::internal(error.to_string()))?;
            for _ in 0..100 {
                if let Some(taken) = enough() {
                    return Ok(taken);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    };
    let (meta, file) = match tokio::time::timeout(TAKEN_WITHIN, taken).await {
        Ok(taken) => taken?,
        Err(_) => return Err(Failure::internal(format!("no snapshot was written within {} s", TAKEN_WITHIN.as_secs()))),
    };
    let identity = core.view().identity().clone();
    let term = meta.last_log_id.map_or(0, |id| id.leader_id.term);
    info!(index = index(&meta), bytes = file.length, "a snapshot is handed out");
    Ok(SnapshotInfo {
        blake3: file.blake3,
        length: file.length,
        index: index(&meta),
        term,
        region: identity.region,
        cluster: identity.cluster,
    })
}

fn index(meta: &SnapshotMeta) -> u64 {
    meta.last_log_id.map_or(0, |id| id.index)
}

async fn piece(core: &Core, blake3: [u8; 32], offset: u64) -> Result<Vec<u8>, Failure> {
    let kept: Option<SnapshotFile> = core.replica.kept_snapshot(blake3);
    let Some(file) = kept else {
        return Err(Failure::internal(
            "the snapshot is no longer kept: another server leads, or two newer ones were made; take another one",
        ));
    };
    let read = tokio::task::spawn_blocking(move || file.read_at(offset, SNAPSHOT_PIECE)).await;
    let read = read.map_err(|error| Failure::internal(format!("reading the snapshot: {error}")))?;
    read.map_err(|error| Failure::internal(format!("reading the snapshot: {error}")))
}
