//! The one place that opens sled, and the barrier that makes what was written to it survive a power cut.
//!
//! sled 0.34 writes its file `db` with `pwrite` and `sync_file_range`; the latter neither empties the drive's cache nor commits the file's
//! length, so `flush` alone loses acknowledged data when the power fails. An fsync covers an inode whoever opened it: the engine keeps a
//! handle of its own on `db` and calls `fdatasync` after each `flush`. sled moves large pages to files that it never syncs, so a value
//! above [`CHUNK`] is cut into pieces that keep every page far below that size.
//!
//! What this cannot give: between two barriers sled reuses segments of its file without one of its own, so a disk that reorders writes may
//! in a rare power cut leave a file that does not open or has a bad checksum. That is noticed, never served: the server's directory is set
//! aside and it joins again under a new id, with the state from its peers.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sled::IVec;

use crate::contain;
use crate::error::Error;
use crate::files;
use crate::room::{self, Reserve, Room};

/// The largest piece of a value that is stored in one place, bytes. A leaf page holds up to 17 of them, about 1.1 MiB, and pages up to a
/// quarter of a segment stay in the main file.
pub(crate) const CHUNK: usize = 64 << 10;

/// sled's unit of allocation, bytes; fixed when the directory is created. sled's own default would put pages above 128 KiB into files
/// that are never synced.
const SEGMENT: usize = 8 << 20;

/// How long to wait for this process's own previous instance to let go of the file: sled frees it in the background after a close.
const REOPEN_PATIENCE: Duration = Duration::from_secs(5);

/// A tree of sorted keys.
pub(crate) type Tree = sled::Tree;
/// Changes of one tree, in order.
#[derive(Default)]
pub(crate) struct Changes(Vec<(IVec, Option<IVec>)>);

impl Changes {
    pub(crate) fn insert(&mut self, key: impl Into<IVec>, value: impl Into<IVec>) {
        self.0.push((key.into(), Some(value.into())));
    }

    pub(crate) fn remove(&mut self, key: impl Into<IVec>) {
        self.0.push((key.into(), None));
    }

    /// Makes them all visible together, also after a crash. sled begins a batch with a write of its own that costs as much as all the rest, so
    /// none is made without need.
    pub(crate) fn apply_at_once(self, tree: &Tree) -> sled::Result<()> {
        if self.0.len() < 2 {
            return self.apply_in_order(tree);
        }
        let mut batch = sled::Batch::default();
        for (key, value) in self.0 {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        tree.apply_batch(batch)
    }

    /// Makes one after the other: after a crash there are some of the first ones.
    pub(crate) fn apply_in_order(self, tree: &Tree) -> sled::Result<()> {
        for (key, value) in self.0 {
            match value {
                Some(value) => tree.insert(key, value)?,
                None => tree.remove(key)?,
            };
        }
        Ok(())
    }
}

/// Stands in a directory whose database was not created to its end: nothing that is in it was ever relied on.
const CREATING: &str = "creating";

/// An open sled database with a barrier that holds.
pub(crate) struct Engine {
    db: sled::Db,
    data: File,
    n_barriers: AtomicU64,
}

impl Engine {
    /// Opens or creates the database in `directory`, caching up to `cache` bytes of pages.
    pub(crate) fn open(directory: &Path, cache: u64) -> Result<Engine, Error> {
        files::create_directory(directory)?;
        let creating = directory.join(CREATING);
        begin_creation(directory, &creating)?;
        // sled writes a file of its own before it is open, also where the disk is full.
        let reserve = Reserve::at(directory.join("reserve"));
        reserve.give_up()?;
        let db = open_sled(directory, cache)?;
        reserve.take();
        Self::settle(db.clone(), directory, &creating).inspect_err(|_| never_close(&db))
    }

    /// Makes durable what a creation leaves, and what was written before a crash.
    fn settle(db: sled::Db, directory: &Path, creating: &Path) -> Result<Engine, Error> {
        let path = directory.join("db");
        let data = OpenOptions::new().read(true).write(true).open(&path).map_err(|e| Error::io("open", &path, e))?;
        // sled syncs none of what it creates next to `db`: its settings (`conf`) and the names of all its files.
        let settings = directory.join("conf");
        File::open(&settings).and_then(|file| file.sync_all()).map_err(|e| Error::io("sync", &settings, e))?;
        let engine = Engine { db, data, n_barriers: AtomicU64::new(0) };
        engine.barrier()?;
        files::sync_directory(&directory.join("blobs"))?;
        files::remove(creating)?;
        files::sync_directory(directory)?;
        Ok(engine)
    }

    /// Everything that was written before the call is on the medium when it returns.
    ///
    /// After a failure nothing is known about what reached the disk, and trying again may wrongly succeed: the caller must stop writing.
    pub(crate) fn barrier(&self) -> Result<(), Error> {
        let flushed = self.db.flush().map_err(|e| sled_error("flush", e));
        let synced = flushed.and_then(|_| self.data.sync_data().map_err(|e| Error::io("sync", "the log's file `db`", e)));
        self.n_barriers.fetch_add(1, Ordering::Relaxed);
        synced.inspect_err(|_| self.give_up())
    }

    /// Something could not be written: nothing is, from now on.
    pub(crate) fn give_up(&self) {
        never_close(&self.db);
    }

    /// How many barriers were made since the engine was opened.
    pub(crate) fn n_barriers(&self) -> u64 {
        self.n_barriers.load(Ordering::Relaxed)
    }

    /// Reserves room for the next writes, as far as there is any.
    pub(crate) fn reserve(&self) -> Room {
        room::reserve(&self.data)
    }

    /// Whether that many bytes can be written beside the database.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        room::has(&self.data, bytes)
    }

    /// The tree of that name, created if it is missing.
    pub(crate) fn tree(&self, name: &[u8]) -> Result<Tree, Error> {
        self.db.open_tree(name).map_err(|e| sled_error("open a tree", e)).inspect_err(|_| self.give_up())
    }

    /// Removes a tree with all its keys; that there is none is no error.
    pub(crate) fn drop_tree(&self, name: &[u8]) -> Result<(), Error> {
        self.db.drop_tree(name).map(|_| ()).map_err(|e| sled_error("drop a tree", e))
    }

    /// The names of all trees.
    pub(crate) fn tree_names(&self) -> Vec<Vec<u8>> {
        self.db.tree_names().into_iter().map(|name| name.to_vec()).collect()
    }

    /// Bytes of the database on disk.
    pub(crate) fn size_on_disk(&self) -> Result<u64, Error> {
        self.db.size_on_disk().map_err(|e| sled_error("measure the size", e))
    }
}

/// sled writes once more when it is closed, and panics when it cannot. After a failed write it is therefore never closed: its files stay open
/// until the process ends, which it is about to do.
fn never_close(db: &sled::Db) {
    std::mem::forget(db.clone());
}

/// Marks an empty directory, and empties one in which an earlier creation did not come to its end, for example because the disk was full. Any
/// other is left as it is: what lies in it without a database tells that there was one.
fn begin_creation(directory: &Path, creating: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(directory).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>());
    let entries = entries.map_err(|e| Error::io("read", directory, e))?;
    let marks = [creating.to_owned(), creating.with_extension("tmp")];
    if !entries.iter().any(|path| marks.contains(path)) && !entries.is_empty() {
        return Ok(());
    }
    for path in entries.into_iter().filter(|path| path != creating) {
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|e| Error::io("remove", &path, e))?;
    }
    if creating.exists() { Ok(()) } else { files::replace(creating, b"") }
}

fn open_sled(directory: &Path, cache: u64) -> Result<sled::Db, Error> {
    let deadline = Instant::now() + REOPEN_PATIENCE;
    loop {
        // No background flusher: the engine's barrier is the only one. `Mode` makes no measurable difference here.
        let config = sled::Config::new()
            .path(directory)
            .mode(sled::Mode::HighThroughput)
            .cache_capacity(cache)
            .flush_every_ms(None)
            .segment_size(SEGMENT);
        // A damaged file makes sled panic in places where it should return an error.
        let opened = contain::panics(AssertUnwindSafe(|| config.open()));
        match opened {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(sled::Error::Io(e))) if e.to_string().contains("could not acquire lock") && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(20));
            }
            Ok(Err(sled::Error::Io(e))) => return Err(Error::io("open the database in", directory, e)),
            Ok(Err(e)) => return Err(Error::corrupt(format!("the database in {}", directory.display()), e.to_string())),
            Err(_) => return Err(Error::corrupt(format!("the database in {}", directory.display()), "sled panicked while opening it")),
        }
    }
}

/// What sled answers, in our words.
pub(crate) fn sled_error(action: &'static str, error: sled::Error) -> Error {
    match error {
        sled::Error::Io(e) => Error::io(action, "the database", e),
        other => Error::corrupt("the database", format!("cannot {action}: {other}")),
    }
}
