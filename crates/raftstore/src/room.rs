//! Room on the disk for the log: some of it is reserved ahead, so that a disk that runs full is noticed while there is still room for what
//! must be written all the same.
//!
//! sled cannot go on after a write that failed. So the blocks that its file `db` will need next are asked for before they are needed
//! (`fallocate(2)` beyond the end of the file, whose length stays). While they cannot be had, the server takes no commands; it still votes,
//! follows, leads, and answers reads, which takes little. Entries from a leader are taken until only the last part is left, which is for
//! votes and marks. Nobody else can use what is reserved, so a disk that others fill in one go does no harm either.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::fs::{FallocateFlags, fallocate, fstat, fstatvfs};
use rustix::io::Errno;

use crate::error::Error;
use crate::files;

/// Asked for beyond the end of the file: what may wait to be written, and six of sled's segments.
const RESERVE: u64 = 64 << 20;
/// With less, no commands are taken.
const COMMANDS: u64 = 48 << 20;
/// With less, no entries are taken.
const ENTRIES: u64 = 24 << 20;
/// What an opening of the database may take; it is a megabyte for a log of a gigabyte.
const OPENING: u64 = 8 << 20;

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Votes and marks.
    Marks,
    /// And entries of a leader.
    Entries,
    /// And commands.
    Commands,
}

/// What one thread finds out and others ask for.
#[derive(Debug)]
pub(crate) struct Known(AtomicU8);

impl Default for Known {
    fn default() -> Known {
        Known(AtomicU8::new(Room::Commands as u8))
    }
}

impl Known {
    pub(crate) fn get(&self) -> Room {
        match self.0.load(Ordering::Relaxed) {
            0 => Room::Marks,
            1 => Room::Entries,
            _ => Room::Commands,
        }
    }

    pub(crate) fn set(&self, room: Room) {
        let before = self.get();
        self.0.store(room as u8, Ordering::Relaxed);
        match (before, room) {
            (Room::Commands, Room::Commands) => {}
            (_, Room::Commands) => tracing::info!("there is room on the disk of the data directory again"),
            (Room::Commands, _) => tracing::warn!(
                "no room on the disk of the data directory: this server takes no writes until there is; reads go on. Free at least {} MiB",
                RESERVE >> 20
            ),
            _ => {}
        }
    }
}

/// Reserves what is missing beyond the end of `file`, and says what that leaves room for. Costs one system call as long as nothing is missing.
pub(crate) fn reserve(file: &File) -> Room {
    let Ok(stat) = fstat(file) else { return Room::Commands };
    let length = u64::try_from(stat.st_size).unwrap_or_default();
    let reserved = (u64::try_from(stat.st_blocks).unwrap_or_default() * 512).saturating_sub(length);
    if reserved >= COMMANDS {
        return Room::Commands;
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, length + RESERVE) {
        Ok(()) => Room::Commands,
        Err(Errno::NOSPC | Errno::DQUOT) => with(reserved),
        // A file system that cannot reserve anything.
        Err(_) => with(fstatvfs(file).map_or(RESERVE, |free| free.f_bavail.saturating_mul(free.f_frsize))),
    }
}

fn with(bytes: u64) -> Room {
    match bytes {
        COMMANDS.. => Room::Commands,
        ENTRIES.. => Room::Entries,
        _ => Room::Marks,
    }
}

/// A file without content that keeps room for the next opening.
pub(crate) struct Reserve(PathBuf);

impl Reserve {
    pub(crate) fn at(path: PathBuf) -> Reserve {
        Reserve(path)
    }

    /// From now on there is room for others.
    pub(crate) fn give_up(&self) -> Result<(), Error> {
        files::remove(&self.0)
    }

    /// As much as can be had, up to what an opening may take.
    pub(crate) fn take(&self) {
        let Ok(file) = File::create(&self.0) else { return };
        let mut bytes = OPENING;
        while bytes >= 4096 && fallocate(&file, FallocateFlags::KEEP_SIZE, 0, bytes) == Err(Errno::NOSPC) {
            bytes /= 2;
        }
    }
}

/// Whether that many bytes can be written elsewhere on the disk of `file`, beside the reserve.
pub(crate) fn has(file: &File, bytes: u64) -> bool {
    fstatvfs(file).is_ok_and(|free| free.f_bavail.saturating_mul(free.f_frsize) >= bytes)
}
