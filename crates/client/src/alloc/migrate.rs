//! The data of the allocation before this one, for groups whose ephemeral disk is `sticky` or is to `migrate`: moved when that allocation was on
//! this node, copied from the other one through the servers if the disk is to migrate. An allocation that never came to have a directory is
//! passed over for the one before it. What cannot be had is left: the allocation begins with an empty disk, and its tasks' events say why.
//!
//! A directory has a lock (`AllocHandle::hold`): it is not removed, taken over or built while somebody else is at it. Who takes over holds his
//! own and then his predecessor's, so nobody waits in a circle.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use model::{AllocId, Allocation, ClientStatus, EphemeralDisk, NodeStatus, TaskPhase};
use rpc::message::{Chunk, Failure, NodeCall, NodeTarget, Read as ReadRequest, ReadOptions, ReadValue, Request};
use tokio_util::io::{StreamReader, SyncIoBridge};
use tracing::{debug, warn};

use super::dirs::{INCOMING, WHOLE, directory, is_plain, make, remove};
use super::{AllocDir, AllocHandle, SHARED};
use crate::shared::Shared;

/// How long the servers wait with their answer while nothing changes, in nanoseconds; the node is looked at as often.
const WAIT: i64 = 5_000_000_000;
/// Before servers that did not answer are asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// A copy of which nothing came for this time has broken off.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often a copy is tried. Each pause is twice as long as the one before, the first is `ASK_AGAIN`.
const TRIES: u32 = 6;
/// Allocations that are passed over because they never ran.
const PASSED_MAX: usize = 32;
/// setuid and setgid: a number is another person on another machine.
const FOREIGN_BITS: u32 = 0o6000;

/// What goes over to the next allocation, relative to the directory of the allocation.
pub(crate) fn inheritance(tasks: &[String]) -> Vec<PathBuf> {
    let of_tasks = tasks.iter().filter(|task| is_plain(task)).map(|task| Path::new(task).join("local"));
    [Path::new(SHARED).join("data")].into_iter().chain(of_tasks).collect()
}

fn disk(alloc: &Allocation) -> Option<&EphemeralDisk> {
    alloc.group()?.ephemeral_disk.as_ref().filter(|disk| disk.sticky || disk.migrate)
}

/// Whether an allocation of this node still waits to take over the directory of this one.
pub(crate) fn is_awaited(shared: &Shared, id: AllocId) -> bool {
    let waits = |other: &AllocHandle| {
        let alloc = other.alloc();
        alloc.previous_allocation == id && !other.is_finished() && !other.is_built() && disk(&alloc).is_some()
    };
    shared.allocs().values().any(waits)
}

/// Whether the data of the allocation is to be copied to another node when it ends.
pub(crate) fn migrates(alloc: &Allocation) -> bool {
    disk(alloc).is_some_and(|disk| disk.migrate)
}

/// Why there is no data, and whether there may be some at the next try.
enum Lacking {
    Now(String),
    ForGood(String),
}

impl From<String> for Lacking {
    fn from(why: String) -> Self {
        Self::Now(why)
    }
}

/// Brings the data here, before the directories are built; what is there already stays. Returns what there is to say about it. The caller holds
/// this allocation's directory.
pub(super) async fn inherit(shared: &Arc<Shared>, handle: &AllocHandle, alloc: &Allocation) -> Option<String> {
    let (disk, group) = (disk(alloc)?, alloc.group()?);
    let paths = inheritance(&group.tasks.iter().map(|task| task.name.clone()).collect::<Vec<_>>());
    let mut previous = alloc.previous_allocation;
    if previous.is_nil() {
        return None;
    }
    // An agent that was killed had copied everything, or a part of it.
    let (target, of_whole) = (handle.dir.clone(), paths.clone());
    match blocking(move || resume(&target, &of_whole)).await {
        Ok(false) => {}
        Ok(true) => return Some(format!("The data of allocation {previous} was copied from its node")),
        Err(why) => return Some(format!("The data of allocation {previous} stays behind: {why}")),
    }
    for _ in 0..PASSED_MAX {
        let found = match shared.alloc(previous) {
            Some(here) => take_over(&here, handle, &paths).await,
            None => fetch(shared, handle, previous, disk, &paths).await,
        };
        match found {
            Ok(Found::Data(said)) => return Some(said),
            Ok(Found::Nothing) => return None,
            Ok(Found::NeverRan { before }) if before.is_nil() => return None,
            Ok(Found::NeverRan { before }) => previous = before,
            Err(why) => return Some(format!("The data of allocation {previous} stays behind: {why}")),
        }
    }
    None
}

enum Found {
    /// It is here, in words.
    Data(String),
    /// There was none, or this allocation has ended meanwhile.
    Nothing,
    NeverRan {
        before: AllocId,
    },
}

/// From an allocation of this node.
async fn take_over(from: &AllocHandle, to: &AllocHandle, paths: &[PathBuf]) -> Result<Found, String> {
    tokio::select! {
        () = from.finished() => {}
        () = to.finished() => return Ok(Found::Nothing),
    }
    let hold = from.hold().await;
    if from.is_collected() {
        return Err("its directory was removed by garbage collection".to_owned());
    }
    // Data may have come there before an agent was killed that could not say so any more.
    if !from.is_built() && !paths.iter().any(|path| from.dir.root.join(path).is_dir()) {
        return Ok(Found::NeverRan { before: from.alloc().previous_allocation });
    }
    let (id, source, target, paths) = (from.id, from.dir.root.clone(), to.dir.clone(), paths.to_vec());
    let to = to.clone();
    blocking(move || {
        let _hold = hold;
        let moved = place(&source, &target, &paths)?;
        to.set_built();
        Ok(if moved { Found::Data(format!("The data of allocation {id} was moved here")) } else { Found::Nothing })
    })
    .await
}

/// From another node.
async fn fetch(
    shared: &Arc<Shared>,
    handle: &AllocHandle,
    previous: AllocId,
    disk: &EphemeralDisk,
    paths: &[PathBuf],
) -> Result<Found, String> {
    if !disk.migrate {
        return Err("it is not on this node, and migrate of ephemeral_disk is false".to_owned());
    }
    let mut pause = ASK_AGAIN;
    let mut n_tries = 0;
    loop {
        let Some(ended) = until_ended(shared, handle, previous).await? else { return Ok(Found::Nothing) };
        let never_ran = ended.task_states.all().values().all(|state| state.started_at.is_never());
        if never_ran {
            return Ok(Found::NeverRan { before: ended.previous_allocation });
        }
        n_tries += 1;
        match copy(shared, handle, previous, paths).await {
            Ok(true) => return Ok(Found::Data(format!("The data of allocation {previous} was copied from node {}", ended.node_id))),
            Ok(false) => return Ok(Found::Nothing),
            Err(Lacking::ForGood(why)) => return Err(why),
            Err(Lacking::Now(why)) if n_tries == TRIES => return Err(why),
            Err(Lacking::Now(why)) => {
                warn!(alloc = %handle.id, %previous, why, "the data of the allocation before could not be copied, trying again");
                tokio::select! {
                    () = tokio::time::sleep(pause) => pause *= 2,
                    () = handle.finished() => return Ok(Found::Nothing),
                }
            }
        }
    }
}

/// Whether there was anything to copy.
async fn copy(shared: &Arc<Shared>, handle: &AllocHandle, previous: AllocId, paths: &[PathBuf]) -> Result<bool, Lacking> {
    let request = Request::OnNode(NodeTarget::Alloc(previous), NodeCall::Snapshot);
    let call = shared.call(request);
    let permit = tokio::select! {
        permit = shared.copies.clone().acquire_owned() => permit.map_err(|error| Lacking::Now(error.to_string()))?,
        () = handle.finished() => return Ok(false),
    };
    let opened = tokio::select! {
        opened = shared.link.forward_stream(call) => opened,
        () = handle.finished() => return Ok(false),
    };
    let chunks = opened.map_err(|failure| {
        let is_final = matches!(failure.code, 400..500);
        if is_final { Lacking::ForGood(failure.text) } else { Lacking::Now(failure.text) }
    })?;
    let owner = handle.clone();
    let over = async move { owner.finished().await };
    let patient = tokio_stream::StreamExt::timeout(chunks, SILENCE_MAX).map(heard).take_until(Box::pin(over));
    let reader = SyncIoBridge::new(StreamReader::new(Box::pin(patient)));
    let (handle, paths) = (handle.clone(), paths.to_vec());
    let copied = blocking(move || {
        let _permit = permit;
        let target = &handle.dir;
        unpack(reader, target)?;
        // The stream may have ended for that reason.
        if handle.is_finished() {
            clear(&target.root.join(INCOMING));
            return Ok(false);
        }
        let (incoming, whole) = (target.root.join(INCOMING), target.root.join(WHOLE));
        fs::rename(&incoming, &whole).map_err(|error| format!("{}: {error}", whole.display()))?;
        handle.set_built();
        let placed = place(&whole, target, &paths)?;
        clear(&whole);
        Ok(placed)
    });
    Ok(copied.await?)
}

fn heard(piece: Result<Result<Chunk, Failure>, tokio_stream::Elapsed>) -> io::Result<bytes::Bytes> {
    match piece {
        Ok(Ok(chunk)) => Ok(chunk.data.into()),
        Ok(Err(failure)) => Err(io::Error::other(failure.text)),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "its node fell silent")),
    }
}

/// Asks the servers, as long as they do not answer. `None`: the allocation has ended before.
async fn ask(shared: &Shared, handle: &AllocHandle, options: ReadOptions, read: ReadRequest) -> Option<(u64, ReadValue)> {
    while !handle.is_finished() {
        let answer = tokio::select! {
            answer = shared.read(options.clone(), read.clone()) => answer,
            () = handle.finished() => return None,
        };
        match answer {
            Ok(reply) => return Some((reply.index, reply.value)),
            Err(failure) => debug!(alloc = %handle.id, error = failure.text, "the servers do not say how the allocation before stands"),
        }
        tokio::select! {
            () = tokio::time::sleep(ASK_AGAIN) => {}
            () = handle.finished() => return None,
        }
    }
    None
}

/// Waits until the allocation writes no more. `None`: this one has ended before.
async fn until_ended(shared: &Shared, handle: &AllocHandle, previous: AllocId) -> Result<Option<Arc<Allocation>>, String> {
    let mut min_index = 0;
    loop {
        let options = ReadOptions { stale: false, min_index, wait: WAIT };
        let Some((index, value)) = ask(shared, handle, options, ReadRequest::Alloc { id: previous }).await else { return Ok(None) };
        let ReadValue::Alloc(found) = value else { return Err("the servers gave another answer than was asked for".to_owned()) };
        let found = found.ok_or("the region does not know it any more")?;
        if matches!(found.client_status, ClientStatus::Lost | ClientStatus::Unknown) {
            return Err(format!("its node is away, it is {}", found.client_status));
        }
        // One task may have failed while others still end.
        let is_over = found.task_states.all().values().all(|state| state.state == TaskPhase::Dead);
        if found.client_status.is_terminal() && is_over {
            return Ok(Some(found));
        }
        let read = ReadRequest::Node { id: found.node_id };
        let Some((_, node)) = ask(shared, handle, ReadOptions::default(), read).await else { return Ok(None) };
        let status = if let ReadValue::Node(node) = node { node.map_or(NodeStatus::Down, |node| node.status) } else { NodeStatus::Down };
        if matches!(status, NodeStatus::Down | NodeStatus::Disconnected) {
            return Err(format!("its node is {status}"));
        }
        min_index = index;
    }
}

/// Moves each of the paths that is a directory below `source`, unless there is something in its place; whether any was.
fn place(source: &Path, target: &AllocDir, paths: &[PathBuf]) -> Result<bool, String> {
    let mut moved: Vec<String> = Vec::new();
    for path in paths {
        let (from, to) = (source.join(path), target.root.join(path));
        // Only directories: what a task put in the place of one is not followed.
        if !fs::symlink_metadata(&from).is_ok_and(|metadata| metadata.is_dir()) {
            continue;
        }
        let shown = path.display().to_string();
        let told = |error: io::Error| match moved.is_empty() {
            true => format!("{shown}: {error}"),
            false => format!("{shown}: {error}; what was moved before that is here: {}", moved.join(", ")),
        };
        make(&target.root, 0o755)?;
        if let Some(parent) = to.parent() {
            directory(parent, 0o700).map_err(told)?;
        }
        match fs::rename(&from, &to) {
            Ok(()) => moved.push(shown),
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {}
            Err(error) => return Err(told(error)),
        }
    }
    Ok(!moved.is_empty())
}

/// Goes on where an agent was killed: what was copied as a whole is put in its place, a part of a copy is thrown away. Whether there was something.
fn resume(target: &AllocDir, paths: &[PathBuf]) -> Result<bool, String> {
    clear(&target.root.join(INCOMING));
    let whole = target.root.join(WHOLE);
    if !whole.is_dir() {
        return Ok(false);
    }
    place(&whole, target, paths)?;
    clear(&whole);
    Ok(true)
}

/// Unpacks files, directories and links into a directory that only the agent can enter.
fn unpack(from: impl Read, target: &AllocDir) -> Result<(), String> {
    make(&target.root, 0o755)?;
    let incoming = target.root.join(INCOMING);
    clear(&incoming);
    make(&incoming, 0o700)?;
    let told = |error: io::Error| format!("the copy broke off: {error}");
    let mut archive = tar::Archive::new(from);
    archive.set_preserve_permissions(true);
    archive.set_mask(FOREIGN_BITS);
    archive.set_preserve_ownerships(nix::unistd::geteuid().is_root());
    // Directories into which nothing may be put, also not by the agent: they get their modes at the end.
    let mut closed: Vec<(PathBuf, u32)> = Vec::new();
    for entry in archive.entries().map_err(told)? {
        let mut entry = entry.map_err(told)?;
        let kind = entry.header().entry_type();
        if !matches!(kind, tar::EntryType::Directory | tar::EntryType::Regular | tar::EntryType::Symlink) {
            return Err(format!("the copy has an entry of kind {kind:?}"));
        }
        let is_inside = entry.unpack_in(&incoming).map_err(told)?;
        let mode = entry.header().mode().map_err(told)? & 0o7777 & !FOREIGN_BITS;
        if is_inside && kind == tar::EntryType::Directory && mode & 0o700 != 0o700 {
            let path = incoming.join(entry.path().map_err(told)?);
            fs::set_permissions(&path, Permissions::from_mode(mode | 0o700)).map_err(told)?;
            closed.push((path, mode));
        }
    }
    for (path, mode) in closed.iter().rev() {
        fs::set_permissions(path, Permissions::from_mode(*mode)).map_err(told)?;
    }
    Ok(())
}

/// What cannot be removed is left to garbage collection.
fn clear(folder: &Path) {
    if let Err(error) = remove(folder) {
        warn!(folder = %folder.display(), %error, "a copy could not be removed");
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
}
