//! What only a node can answer: files, logs, statistics, and orders to its tasks.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use model::AllocId;
use rpc::message::{Chunk, Failure, NodeCall, NodeCallReply, NodeTarget};

use crate::alloc::{AllocHandle, Command};
use crate::shared::Shared;
use crate::{collect, files, meta, stats};

/// Pieces of a file as they come; dropping it ends the reading.
pub type ChunkStream = BoxStream<'static, Result<Chunk, Failure>>;

/// Answers a call about this node or one of its allocations.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    target: &NodeTarget,
    call: NodeCall,
) -> Result<(NodeCallReply, Option<ChunkStream>), Failure> {
    let alloc = find(shared, target)?;
    let needs_alloc = || alloc.clone().ok_or_else(|| Failure::bad_request("this is about an allocation, but none was named"));
    let reply = match call {
        NodeCall::HostStats => NodeCallReply::Json(stats::host_stats(shared).await),
        NodeCall::CollectAll => {
            collect::collect_all(shared).await;
            NodeCallReply::Done
        }
        NodeCall::CollectAlloc => {
            collect::collect(shared, &needs_alloc()?).await?;
            NodeCallReply::Done
        }
        NodeCall::AllocStats { task } => {
            let alloc = needs_alloc()?;
            known_task(&alloc, &task)?;
            NodeCallReply::Json(stats::alloc_stats(shared, &alloc, &task).await)
        }
        NodeCall::Restart { task, all_tasks } => {
            let alloc = needs_alloc()?;
            alloc.ask(|answer| Command::Restart { task, all_tasks, answer }).await.map_err(Failure::internal)?;
            NodeCallReply::Done
        }
        NodeCall::Signal { task, signal } => {
            let alloc = needs_alloc()?;
            alloc.ask(|answer| Command::Signal { task, signal, answer }).await.map_err(Failure::internal)?;
            NodeCallReply::Done
        }
        NodeCall::List { path } => NodeCallReply::Files(blocking(needs_alloc()?, move |alloc| files::list(&alloc.dir, &path)).await?),
        NodeCall::Stat { path } => NodeCallReply::File(blocking(needs_alloc()?, move |alloc| files::stat(&alloc.dir, &path)).await?),
        NodeCall::Cat { path } => return streaming(files::read(with_dir(needs_alloc()?)?, path, 0, None).await?),
        NodeCall::ReadAt { path, offset, limit } => {
            let limit = (limit > 0).then_some(limit);
            return streaming(files::read(with_dir(needs_alloc()?)?, path, offset, limit).await?);
        }
        NodeCall::Stream { path, offset, from_end, follow } => {
            return streaming(files::stream(with_dir(needs_alloc()?)?, path, offset, from_end, follow).await?);
        }
        NodeCall::Logs { task, stderr, offset, from_end, follow } => {
            let alloc = with_dir(needs_alloc()?)?;
            if task.is_empty() {
                return Err(Failure::bad_request("task name must be given"));
            }
            known_task(&alloc, &task)?;
            return streaming(files::logs(alloc, &task, stderr, offset, from_end, follow).await?);
        }
        NodeCall::Snapshot => return streaming(files::snapshot(shared, needs_alloc()?).await?),
        NodeCall::ReadMeta => NodeCallReply::Meta(meta::read(shared)),
        NodeCall::ApplyMeta { meta } => NodeCallReply::Meta(meta::apply(shared, meta).await?),
        NodeCall::Monitor(options) => {
            let lines = rpc::monitor::open(&shared.config.monitor, options)?;
            return Ok((NodeCallReply::Streaming, Some(lines)));
        }
    };
    Ok((reply, None))
}

fn streaming(chunks: files::Chunks) -> Result<(NodeCallReply, Option<ChunkStream>), Failure> {
    Ok((NodeCallReply::Streaming, Some(chunks.boxed())))
}

fn find(shared: &Shared, target: &NodeTarget) -> Result<Option<AllocHandle>, Failure> {
    match target {
        NodeTarget::Node(id) if *id == shared.node_id => Ok(None),
        NodeTarget::Node(id) => Err(Failure::not_found(format!("Unknown node \"{id}\""))),
        NodeTarget::Alloc(id) => shared.alloc(*id).map(Some).ok_or_else(|| unknown(*id)),
    }
}

pub(crate) fn unknown(id: AllocId) -> Failure {
    Failure::not_found(format!("Unknown allocation \"{id}\""))
}

pub(crate) fn with_dir(alloc: AllocHandle) -> Result<AllocHandle, Failure> {
    if alloc.is_collected() {
        return Err(Failure::not_found(format!("the directory of allocation \"{}\" was removed by garbage collection", alloc.id)));
    }
    Ok(alloc)
}

fn known_task(alloc: &AllocHandle, task: &str) -> Result<(), Failure> {
    if task.is_empty() || alloc.tasks().iter().any(|name| name == task) {
        return Ok(());
    }
    Err(Failure::bad_request(format!("unknown task name {task:?}")))
}

async fn blocking<T: Send + 'static>(
    alloc: AllocHandle,
    work: impl FnOnce(AllocHandle) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let alloc = with_dir(alloc)?;
    tokio::task::spawn_blocking(move || work(alloc)).await.map_err(|error| Failure::internal(error.to_string()))?
}
