//! The data of the allocation before this one, for groups whose ephemeral disk is `sticky` or is to `migrate`: moved when that allocation was on
//! this node, copied from the other one through the servers if the disk is to migrate. It is done as well as it can be: an allocation whose
//! predecessor cannot be reached any more begins with an empty disk, and its tasks' events say why.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use model::{AllocId, Allocation, ClientStatus, EphemeralDisk};
use rpc::message::{Call, Chunk, Failure, Hops, NodeCall, NodeTarget, Read as ReadRequest, ReadOptions, ReadValue, Reply, Request};
use tokio_util::io::{StreamReader, SyncIoBridge};
use tracing::debug;

use super::dirs::{directory, is_plain};
use super::{AllocDir, AllocHandle, SHARED};
use crate::shared::Shared;

/// Where a copy is until it is whole, in the directory that tasks share.
const INCOMING: &str = ".incoming";
/// How long the servers wait with their answer while nothing changes, in nanoseconds.
const WAIT: i64 = 60_000_000_000;
/// Before servers that did not answer are asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// A copy of which nothing came for this time is given up.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What goes over to the next allocation, relative to the directory of the allocation.
pub(crate) fn inheritance(tasks: &[String]) -> Vec<PathBuf> {
    let of_tasks = tasks.iter().filter(|task| is_plain(task)).map(|task| Path::new(task).join("local"));
    [Path::new(SHARED).join("data")].into_iter().chain(of_tasks).collect()
}

/// Brings the data here, before the directories are built; what is there already stays. Returns what there is to say about it.
pub(super) async fn inherit(shared: &Arc<Shared>, handle: &AllocHandle, alloc: &Allocation) -> Option<String> {
    let previous = alloc.previous_allocation;
    let group = alloc.group()?;
    let disk = group.ephemeral_disk.as_ref().filter(|disk| disk.sticky || disk.migrate)?;
    if previous.is_nil() {
        return None;
    }
    let paths = inheritance(&group.tasks.iter().map(|task| task.name.clone()).collect::<Vec<_>>());
    let outcome = match shared.alloc(previous) {
        Some(here) => take_over(&here, handle, paths).await,
        None => fetch(shared, handle, previous, disk, paths).await,
    };
    outcome.unwrap_or_else(|why| Some(format!("The data of allocation {previous} stays behind: {why}")))
}

/// From an allocation of this node, which has ended.
async fn take_over(from: &AllocHandle, to: &AllocHandle, paths: Vec<PathBuf>) -> Result<Option<String>, String> {
    if from.is_collected() {
        return Err("its directory was removed by garbage collection".to_owned());
    }
    let (id, source, target) = (from.id, from.dir.root.clone(), to.dir.clone());
    blocking(move || {
        let moved = place(&source, &target, &paths)?;
        Ok((!moved.is_empty()).then(|| format!("The data of allocation {id} was moved here")))
    })
    .await
}

/// From another node.
async fn fetch(
    shared: &Arc<Shared>,
    handle: &AllocHandle,
    previous: AllocId,
    disk: &EphemeralDisk,
    paths: Vec<PathBuf>,
) -> Result<Option<String>, String> {
    if !disk.migrate {
        return Err("it was on another node, and migrate of ephemeral_disk is false".to_owned());
    }
    let ended = until_ended(shared, handle, previous).await?;
    let Some(ended) = ended else { return Ok(None) };
    let request = Request::OnNode(NodeTarget::Alloc(previous), NodeCall::Snapshot);
    let call = Call { region: shared.config.region.clone(), hops: Hops::default(), request };
    let chunks = shared.link.forward_stream(call).await.map_err(|failure| failure.text)?;
    let owner = handle.clone();
    let over = async move { owner.finished().await };
    let patient = tokio_stream::StreamExt::timeout(chunks, SILENCE_MAX).map(heard).take_until(Box::pin(over));
    let reader = SyncIoBridge::new(StreamReader::new(Box::pin(patient)));
    let (target, handle) = (handle.dir.clone(), handle.clone());
    blocking(move || {
        let incoming = target.shared().join(INCOMING);
        let result = unpack(reader, &target, &incoming).and_then(|()| {
            // The stream may have ended for that reason.
            if handle.is_finished() { Ok(Vec::new()) } else { place(&incoming, &target, &paths) }
        });
        clear(&incoming)?;
        let copied = result?;
        Ok((!copied.is_empty()).then(|| format!("The data of allocation {previous} was copied from node {}", ended.node_id)))
    })
    .await
}

fn heard(piece: Result<Result<Chunk, Failure>, tokio_stream::Elapsed>) -> io::Result<bytes::Bytes> {
    match piece {
        Ok(Ok(chunk)) => Ok(chunk.data.into()),
        Ok(Err(failure)) => Err(io::Error::other(failure.text)),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "its node fell silent")),
    }
}

/// Waits until the allocation writes no more. `None`: this one has ended before.
async fn until_ended(shared: &Shared, handle: &AllocHandle, previous: AllocId) -> Result<Option<Arc<Allocation>>, String> {
    let mut min_index = 0;
    while !handle.is_finished() {
        let options = ReadOptions { stale: false, min_index, wait: WAIT };
        let request = Request::Read(options, ReadRequest::Alloc { id: previous });
        let call = Call { region: shared.config.region.clone(), hops: Hops::default(), request };
        let answer = tokio::select! {
            answer = shared.link.forward(call) => answer,
            () = handle.finished() => return Ok(None),
        };
        match answer {
            Ok(Reply::Read(reply)) => {
                let ReadValue::Alloc(found) = reply.value else {
                    return Err("the servers gave another answer than was asked for".to_owned());
                };
                let found = found.ok_or("the region does not know it any more")?;
                match found.client_status {
                    ClientStatus::Complete | ClientStatus::Failed => return Ok(Some(found)),
                    ClientStatus::Lost | ClientStatus::Unknown => return Err(format!("its node is away, it is {}", found.client_status)),
                    ClientStatus::Pending | ClientStatus::Running => min_index = reply.index,
                }
            }
            Ok(_) => return Err("the servers gave another answer than was asked for".to_owned()),
            Err(failure) => {
                debug!(alloc = %handle.id, error = failure.text, "the servers do not say whether the allocation before has ended");
                tokio::select! {
                    () = tokio::time::sleep(ASK_AGAIN) => {}
                    () = handle.finished() => return Ok(None),
                }
            }
        }
    }
    Ok(None)
}

/// Moves each of the paths that is a directory below `source`, unless there is something in its place; which were moved.
fn place(source: &Path, target: &AllocDir, paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let told = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    make_shared(target)?;
    let mut moved = Vec::new();
    for path in paths {
        let (from, to) = (source.join(path), target.root.join(path));
        // Only directories: what a task put in the place of one is not followed.
        if !fs::symlink_metadata(&from).is_ok_and(|metadata| metadata.is_dir()) {
            continue;
        }
        if let Some(parent) = to.parent() {
            directory(parent, 0o777).map_err(|error| told(path, error))?;
        }
        match fs::rename(&from, &to) {
            Ok(()) => moved.push(path.clone()),
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {}
            Err(error) => return Err(told(path, error)),
        }
    }
    Ok(moved)
}

fn make_shared(target: &AllocDir) -> Result<(), String> {
    for (path, mode) in [(target.root.clone(), 0o755), (target.shared(), 0o777)] {
        directory(&path, mode).map_err(|error| format!("failed to make directory {}: {error}", path.display()))?;
    }
    Ok(())
}

/// Unpacks files, directories and links below `incoming`, which is emptied before.
fn unpack(from: impl Read, target: &AllocDir, incoming: &Path) -> Result<(), String> {
    make_shared(target)?;
    clear(incoming)?;
    directory(incoming, 0o700).map_err(|error| format!("failed to make directory {}: {error}", incoming.display()))?;
    let told = |error: io::Error| format!("the copy broke off: {error}");
    let mut archive = tar::Archive::new(from);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(nix::unistd::geteuid().is_root());
    let mut directories = Vec::new();
    for entry in archive.entries().map_err(told)? {
        let mut entry = entry.map_err(told)?;
        match entry.header().entry_type() {
            // Their modes may forbid to put something into them.
            tar::EntryType::Directory => directories.push(entry),
            tar::EntryType::Regular | tar::EntryType::Symlink => {
                entry.unpack_in(incoming).map_err(told)?;
            }
            other => return Err(format!("the copy has an entry of kind {other:?}")),
        }
    }
    // What is inside first.
    for directory in directories.iter_mut().rev() {
        directory.unpack_in(incoming).map_err(told)?;
    }
    Ok(())
}

fn clear(incoming: &Path) -> Result<(), String> {
    match fs::remove_dir_all(incoming) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!("{}: {error}", incoming.display())),
        _ => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
}
