//! What an allocation leaves to the one after it, as a tar archive: `alloc/data` and the `local` of its tasks.

use std::fs::{self, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::follow::{Chunks, Outlet, PIECE, outlet};
use super::open::{failure, open_path};
use crate::alloc::{AllocDir, AllocHandle, inheritance};
use crate::node_call::with_dir;
use crate::shared::Shared;
use rpc::message::{Chunk, Failure};
use tracing::warn;

/// The archive, written while it is read. Links are kept as links; sockets, pipes and devices are left out, and what the agent may not read. The
/// directory stays as long as that takes.
pub(crate) async fn snapshot(shared: &Shared, alloc: AllocHandle) -> Result<Chunks, Failure> {
    let permit = shared.snapshots.clone().acquire_owned().await.map_err(|error| Failure::internal(error.to_string()))?;
    let lease = alloc.lease().await;
    let alloc = with_dir(alloc)?;
    let (outlet, chunks) = outlet();
    let (dir, paths) = (alloc.dir.clone(), inheritance(&alloc.tasks()));
    tokio::task::spawn_blocking(move || {
        let _kept = (permit, lease);
        write(&dir, paths, outlet);
    });
    Ok(chunks)
}

fn write(dir: &AllocDir, paths: Vec<PathBuf>, outlet: Outlet) {
    let mut tar = tar::Builder::new(BufWriter::with_capacity(PIECE, Pieces { to: outlet.clone(), offset: 0 }));
    // One after the other instead of one within the other: a tree may be deeper than the stack.
    let mut left: Vec<PathBuf> = paths.into_iter().rev().collect();
    while let Some(path) = left.pop() {
        match append(&mut tar, dir, &path) {
            Ok(inside) => left.extend(inside.into_iter().rev()),
            Err(failure) => return outlet.fail_now(failure),
        }
    }
    if let Err(error) = tar.into_inner().and_then(|mut rest| rest.flush()) {
        outlet.fail_now(failure("the archive", &error));
    }
}

/// One file, link or directory, and what is in it. What has gone meanwhile is not there.
fn append(tar: &mut tar::Builder<impl Write>, dir: &AllocDir, path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = path.display().to_string();
    let opened = match open_path(dir, path) {
        Ok(opened) => opened,
        Err(failure) if failure.code == 404 => return Ok(Vec::new()),
        Err(failure) => {
            warn!(path = name, %failure, "left out of the copy of an allocation's data");
            return Ok(Vec::new());
        }
    };
    let told = |error: io::Error| failure(&name, &error);
    let metadata = opened.file.metadata().map_err(told)?;
    if metadata.is_file() {
        let size = metadata.len();
        // As much as was announced, also when a task writes to it.
        let content = (&opened.file).take(size).chain(io::repeat(0)).take(size);
        tar.append_data(&mut header(&metadata), path, content).map_err(told)?;
    }
    if !metadata.is_dir() {
        return Ok(Vec::new());
    }
    tar.append_data(&mut header(&metadata), path, io::empty()).map_err(told)?;
    let mut inside = Vec::new();
    for (entry, metadata) in opened.entries().map_err(told)? {
        let below = path.join(entry.file_name());
        if metadata.is_symlink() {
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            tar.append_link(&mut header(&metadata), &below, target).map_err(told)?;
        } else if metadata.is_file() || metadata.is_dir() {
            inside.push(below);
        }
    }
    Ok(inside)
}

fn header(metadata: &Metadata) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_metadata(metadata);
    header
}

/// Writing that sends pieces to who reads.
struct Pieces {
    to: Outlet,
    offset: i64,
}

impl Write for Pieces {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let length = data.len().min(PIECE);
        self.offset = self.offset.saturating_add(length as i64);
        let chunk = Chunk { offset: self.offset, data: data[..length].to_vec(), ..Default::default() };
        self.to.send_now(chunk).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
