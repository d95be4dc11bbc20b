//! A task's output over all its rotated files.

use rpc::message::Failure;

use super::follow::{Chunks, Closed, Outlet, Reader, outlet};
use crate::alloc::AllocHandle;

/// Output from `offset`, counted over all files, back from the end if `from_end`; and on as it grows, until the allocation has ended.
pub(crate) async fn logs(
    alloc: AllocHandle,
    task: &str,
    stderr: bool,
    offset: u64,
    from_end: bool,
    follow: bool,
) -> Result<Chunks, Failure> {
    let stem = format!("{task}.{}", if stderr { "stderr" } else { "stdout" });
    let files = files(&alloc, &stem);
    if files.is_empty() {
        let why = if alloc.running().contains_key(task) { "has written nothing" } else { "not started" };
        return Err(Failure::not_found(format!("task {task:?} {why} yet. No logs available")));
    }
    let total: u64 = files.iter().map(|(_, length)| length).sum();
    let mut skip = if from_end { total.saturating_sub(offset) } else { offset };
    let mut start = files[files.len() - 1].0;
    for (index, length) in &files {
        if skip < *length {
            start = *index;
            break;
        }
        // Beyond the end: what is still to come is waited for in the last file.
        if *index != start {
            skip -= length;
        }
    }
    let (outlet, chunks) = outlet();
    tokio::spawn(async move {
        // Ends when nobody reads.
        let _ = keep_reading(&alloc, &stem, start, skip, &outlet, follow).await;
    });
    Ok(chunks)
}

/// Numbers and lengths of the files of a stream, in order.
fn files(alloc: &AllocHandle, stem: &str) -> Vec<(u64, u64)> {
    let Ok(entries) = std::fs::read_dir(alloc.dir.logs()) else { return Vec::new() };
    let of_entry = |entry: std::fs::DirEntry| {
        let name = entry.file_name();
        let index = name.to_str()?.strip_prefix(stem)?.strip_prefix('.')?.parse::<u64>().ok()?;
        Some((index, entry.metadata().ok()?.len()))
    };
    let mut found: Vec<(u64, u64)> = entries.flatten().filter_map(of_entry).collect();
    found.sort_unstable();
    found
}

async fn keep_reading(alloc: &AllocHandle, stem: &str, start: u64, skip: u64, outlet: &Outlet, follow: bool) -> Result<(), Closed> {
    let open = |index: u64| Reader::open(alloc, &format!("alloc/logs/{stem}.{index}"));
    let mut index = start;
    let mut reader = match open(index) {
        Ok(reader) => reader,
        Err(failure) => {
            outlet.fail(failure).await;
            return Err(Closed);
        }
    };
    reader.offset = skip;
    loop {
        // Asked before reading: what is written before the end is then read.
        let has_ended = alloc.is_finished();
        let next = files(alloc, stem).into_iter().map(|(number, _)| number).find(|number| *number > index);
        reader.drain(outlet, u64::MAX).await?;
        if let Some(next) = next {
            // A file that has a successor does not grow any more. One that was rotated away meanwhile is skipped.
            index = next;
            match open(index) {
                Ok(opened) => reader = opened,
                Err(_) => continue,
            }
            continue;
        }
        if !follow || has_ended {
            return Ok(());
        }
        outlet.pause().await?;
    }
}
