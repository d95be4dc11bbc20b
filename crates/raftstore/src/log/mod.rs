//! The log on disk as openraft sees it: appends return at once and are acknowledged together, votes are awaited, reads come from memory
//! or from the database on a blocking thread.
//!
//! [`LogStore`] is the handle; [`writer`] is the thread behind it, [`segments`] the trees, [`recent`] what is in memory.

mod keys;
mod recent;
mod segments;
mod witness;
mod writer;

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{OptionalSend, RaftTypeConfig};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use self::recent::Recent;
use self::segments::{Encoded, Segments};
use self::witness::{Seen, Witness};
use self::writer::{Counters, Done, Shared, Write, Writer};
use crate::engine::Engine;
use crate::error::Error;
use crate::format;
use crate::instruments::Instruments;
use crate::room::Known;
use crate::task::blocking;
use crate::types::{Entry, LogId, Types, Vote};
use crate::value::Pair;

/// Sizes that a server may want to change, and what measures the writing.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Bytes of newest entries that are kept in memory, besides those that are not written yet.
    pub cache_bytes: usize,
    /// Bytes of entries that may wait to be written; beyond it appending waits.
    pub unwritten_bytes_max: usize,
    /// Bytes of database pages in memory.
    pub page_cache_bytes: u64,
    /// Bytes of entries in one message to a follower.
    pub message_bytes_max: usize,
    pub instruments: Instruments,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            cache_bytes: 16 << 20,
            unwritten_bytes_max: 16 << 20,
            page_cache_bytes: 48 << 20,
            message_bytes_max: 4 << 20,
            instruments: Instruments::default(),
        }
    }
}

/// Figures about the log since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Entries appended.
    pub n_entries: u64,
    /// Their bytes as stored.
    pub n_bytes: u64,
    /// Barriers (one fsync each) that made them durable; entries per batch show the group commit at work.
    pub n_batches: u64,
    /// Time spent in barriers.
    pub barrier_total: Duration,
    /// The longest of them.
    pub barrier_max: Duration,
    /// Bytes of the database on disk.
    pub size_on_disk: u64,
}

/// The handle of the log. Clones share it; it closes with the last one, or by [`LogStore::close`].
#[derive(Clone)]
pub struct LogStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    shared: Arc<Shared>,
    queue: Mutex<Sender<Write>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Permits of a KiB each: see `LogOptions::unwritten_bytes_max`.
    room: Arc<Semaphore>,
    room_max: u32,
    message_bytes_max: usize,
}

impl LogStore {
    /// Opens or creates the log in `path`, which nothing else may use, and finishes what a crash interrupted.
    ///
    /// # Errors
    ///
    /// The directory cannot be used, or what is in it is damaged: a hole, a checksum, a database that does not open.
    pub fn open(path: impl AsRef<Path>, options: &LogOptions) -> Result<LogStore, Error> {
        let path = path.as_ref().to_path_buf();
        let segments = Segments::open(Engine::open(&path, options.page_cache_bytes)?)?;
        let recent = recover(&segments, options).inspect_err(|_| segments.engine().give_up())?;
        let (witness, seen) = Witness::open(&path)?;
        let present = testify(&recent, seen, &path)?;
        let shared = Arc::new(Shared {
            segments: RwLock::new(Some(segments)),
            recent: RwLock::new(recent),
            failure: OnceLock::new(),
            counters: Counters::default(),
            instruments: options.instruments.clone(),
            room: Arc::default(),
        });
        let (queue, writes) = mpsc::channel();
        let for_writer = Writer::new(shared.clone(), witness, present);
        let writer = start(for_writer, writes, &path)?;
        let room_max = kibibytes(options.unwritten_bytes_max).max(1);
        Ok(LogStore {
            inner: Arc::new(Inner {
                path,
                shared,
                queue: Mutex::new(queue),
                writer: Mutex::new(writer),
                room: Arc::new(Semaphore::new(room_max as usize)),
                room_max,
                message_bytes_max: options.message_bytes_max,
            }),
        })
    }

    /// Where the log lies.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Figures about the writing.
    pub fn stats(&self) -> LogStats {
        let counters = &self.inner.shared.counters;
        LogStats {
            n_entries: counters.n_entries.load(Ordering::Relaxed),
            n_bytes: counters.n_bytes.load(Ordering::Relaxed),
            n_batches: counters.n_batches.load(Ordering::Relaxed),
            barrier_total: Duration::from_nanos(counters.barrier_nanoseconds.load(Ordering::Relaxed)),
            barrier_max: Duration::from_nanos(counters.barrier_nanoseconds_max.load(Ordering::Relaxed)),
            size_on_disk: self.inner.shared.with_segments(|segments| segments.engine().size_on_disk()).unwrap_or_default(),
        }
    }

    /// The last entry that was cut off at the beginning; 0 if none was.
    pub(crate) fn purged_index(&self) -> u64 {
        self.inner.recent().purged.map_or(0, |id| id.index)
    }

    /// Bytes of entries appended since the log was opened.
    pub fn n_bytes_appended(&self) -> u64 {
        self.inner.shared.counters.n_bytes.load(Ordering::Relaxed)
    }

    /// What there is room for on the disk.
    pub(crate) fn room(&self) -> Arc<Known> {
        self.inner.shared.room.clone()
    }

    /// Looks for it, soon.
    pub(crate) fn look_for_room(&self) {
        // A log that is closed needs none.
        let _ = self.inner.send(Write::Look);
    }

    /// Whether that many bytes can be written beside the database.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        self.inner.shared.with_segments(|segments| Ok(segments.engine().has_room_for(bytes))).unwrap_or_default()
    }

    /// Why the log can no longer be written, if so. The server must then stop.
    pub fn failure(&self) -> Option<String> {
        self.inner.shared.failure.get().cloned()
    }

    /// Writes everything out and lets go of the files; later calls fail with [`Error::Closed`]. Blocks.
    ///
    /// # Errors
    ///
    /// The last writes could not be made durable.
    pub fn close(&self) -> Result<(), Error> {
        self.inner.close()
    }

    /// The records of snapshots, by key.
    pub(crate) fn snapshot_records(&self) -> Result<Vec<Pair>, Error> {
        let strip = |(key, value): Pair| (key.get(keys::SNAPSHOT_PREFIX.len()..).unwrap_or_default().to_vec(), value);
        let records = self.inner.shared.with_segments(|segments| segments.scan_meta(keys::SNAPSHOT_PREFIX))?;
        Ok(records.into_iter().map(strip).collect())
    }

    /// Sets or removes the record of a snapshot; durable when this returns. Blocks.
    pub(crate) fn set_snapshot_record(&self, key: &[u8], value: Option<Vec<u8>>) -> Result<(), Error> {
        self.begin_snapshot_record(key, value)?.recv().map_err(|_| Error::Closed)?
    }

    /// The same; durable when the answer comes.
    pub(crate) fn begin_snapshot_record(&self, key: &[u8], value: Option<Vec<u8>>) -> Result<mpsc::Receiver<Result<(), Error>>, Error> {
        let (answer, receive) = mpsc::sync_channel(1);
        let done: Done = Box::new(move |result| {
            // Whoever waits has the other end.
            let _ = answer.send(result);
        });
        self.inner.send(Write::Mark { key: [keys::SNAPSHOT_PREFIX, key].concat(), value, done })?;
        Ok(receive)
    }

    /// Entries `first..end` as far as the log has them, until they reach `bytes_max`.
    ///
    /// Entries may be missing only where the log does not contain them: at the beginning when they are purged, at the end when they are
    /// not there yet or not any more. A hole is an error.
    async fn read(&self, first: u64, end: u64, bytes_max: usize) -> Result<Vec<Entry>, Error> {
        loop {
            let (from, database_end, in_memory, cuts) = {
                let recent = self.inner.recent();
                let from = first.max(recent.first());
                let end = end.min(recent.last.map_or(0, |id| id.index + 1));
                let (database_end, entries) = recent.get(from, end, bytes_max);
                (from, database_end, entries, recent.cuts())
            };
            if from >= database_end {
                return Ok(in_memory);
            }
            let (mut entries, n_bytes) = self.read_database(from, database_end, bytes_max).await?;
            let begins = entries.first().map(|entry| entry.log_id.index);
            let contiguous = entries.windows(2).all(|pair| matches!(pair, [a, b] if a.log_id.index + 1 == b.log_id.index));
            let complete = entries.last().is_some_and(|entry| entry.log_id.index + 1 == database_end);
            let cut_short = n_bytes >= bytes_max;
            if begins == Some(from) && contiguous && (complete || cut_short) {
                if complete && !cut_short {
                    entries.extend(in_memory);
                }
                return Ok(entries);
            }
            // Entries that were purged or truncated meanwhile are no hole: look again at what the log contains now.
            if self.inner.recent().cuts() == cuts {
                return Err(Error::corrupt(
                    format!("the log in {}", self.inner.path.display()),
                    format!("of the entries {from} to {} some are missing", database_end - 1),
                ));
            }
        }
    }

    /// The entries `first..end` that are in the database, and their stored bytes. With `bytes_max` bytes or more it stopped there.
    async fn read_database(&self, first: u64, end: u64, bytes_max: usize) -> Result<(Vec<Entry>, usize), Error> {
        let inner = self.inner.clone();
        blocking(move || {
            let stored = inner.shared.with_segments(|segments| segments.read(first, end, bytes_max))?;
            let n_bytes = stored.iter().map(|entry| entry.bytes.len()).sum();
            let entries = stored.iter().map(|entry| decode(entry, &inner.path)).collect::<Result<Vec<Entry>, Error>>()?;
            Ok((entries, n_bytes))
        })
        .await
    }

    async fn write_and_wait(&self, write: impl FnOnce(Done) -> Write) -> Result<(), Error> {
        let (answer, receive) = oneshot::channel();
        self.inner.send(write(Box::new(move |result| {
            // openraft dropped the call: the write is made all the same.
            let _ = answer.send(result);
        })))?;
        receive.await.map_err(|_| Error::Closed)?
    }

    async fn room_for(&self, n_bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let n_permits = kibibytes(n_bytes).clamp(1, self.inner.room_max);
        self.inner.room.clone().acquire_many_owned(n_permits).await.map_err(|_| Error::Closed)
    }
}

impl Inner {
    fn recent(&self) -> std::sync::RwLockReadGuard<'_, Recent> {
        self.shared.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent_mut(&self) -> std::sync::RwLockWriteGuard<'_, Recent> {
        self.shared.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, write: Write) -> Result<(), Error> {
        if let Some(reason) = self.shared.failure.get() {
            return Err(Error::Poisoned(reason.clone()));
        }
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).send(write).map_err(|_| Error::Closed)
    }

    fn close(&self) -> Result<(), Error> {
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        let stop = Write::Stop { done: Box::new(|_| ()) };
        // A queue that nobody reads means that the writer is gone already.
        let _ = self.queue.lock().unwrap_or_else(PoisonError::into_inner).send(stop);
        let joined = writer.join();
        drop(self.shared.segments.write().unwrap_or_else(PoisonError::into_inner).take());
        match (joined, self.shared.failure.get()) {
            (Ok(()), None) => Ok(()),
            (_, Some(reason)) => Err(Error::Poisoned(reason.clone())),
            (Err(_), None) => Err(Error::Poisoned("the writer's thread panicked".to_owned())),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(path = %self.path.display(), %error, "the log was not written out at the end");
        }
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        let (first, end) = bounds(&range);
        Ok(self.read(first, end, usize::MAX).await?)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, io::Error> {
        Ok(self.read(start, end, self.inner.message_bytes_max).await?)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.inner.recent().vote)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let recent = self.inner.recent();
        Ok(LogState { last_purged_log_id: recent.purged, last_log_id: recent.last })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let value = format::encode_vote(vote).map_err(io::Error::other)?;
        self.write_and_wait(|done| Write::Mark { key: keys::VOTE.to_vec(), value: Some(value), done }).await?;
        self.inner.recent_mut().vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        let value = format::encode_mark(committed).map_err(io::Error::other)?;
        self.inner.send(Write::Committed { value })?;
        self.inner.recent_mut().committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.inner.recent().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = <Types as RaftTypeConfig>::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut n_bytes = 0;
        let mut fresh = Vec::new();
        let mut encoded = Vec::new();
        for entry in entries {
            let bytes = format::encode_entry(&entry).map_err(io::Error::other)?;
            n_bytes += bytes.len();
            encoded.push(Encoded { index: entry.log_id.index, bytes });
            fresh.push(entry);
        }
        let permit = self.room_for(n_bytes).await?;
        {
            let mut recent = self.inner.recent_mut();
            for (entry, stored) in fresh.into_iter().zip(&encoded) {
                let (index, expected) = (entry.log_id.index, recent.next_index());
                if expected.is_some_and(|expected| expected != index) {
                    return Err(io::Error::other(format!("entry {index} would leave a hole in the log, which goes on at {expected:?}")));
                }
                recent.push(entry, stored.bytes.len());
            }
        }
        let done: Done = Box::new(move |result| callback.io_completed(result.map_err(io::Error::from)));
        Ok(self.inner.send(Write::Append { entries: encoded, permit: Some(permit), done })?)
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> Result<(), io::Error> {
        let from = last_log_id.map_or(0, |id| id.index + 1);
        self.inner.recent_mut().truncate(last_log_id);
        // Awaited, so that the entries which are appended next are not mistaken for these.
        self.write_and_wait(|done| Write::Truncate { from, done }).await?;
        self.inner.recent_mut().truncate(last_log_id);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), io::Error> {
        let mark = format::encode_mark(Some(log_id)).map_err(io::Error::other)?;
        self.inner.recent_mut().purge(log_id);
        Ok(self.inner.send(Write::Purge { upto: log_id.index, mark })?)
    }
}

/// Starts the thread that writes. In a simulated run nobody else may: the run itself writes what waits, when it is time.
fn start(mut writer: Writer, writes: mpsc::Receiver<Write>, path: &Path) -> Result<Option<JoinHandle<()>>, Error> {
    #[cfg(test)]
    if crate::simulation::is_running() {
        crate::simulation::take_writer(Box::new(move || writer.catch_up(&writes)));
        return Ok(None);
    }
    let started = thread::Builder::new().name("raft-log".to_owned()).spawn(move || writer.run(&writes));
    started.map(Some).map_err(|e| Error::io("start a writer for", path, e))
}

/// Reads bounds and marks, checks them, and drops what a purge left behind that was cut short.
fn recover(segments: &Segments, options: &LogOptions) -> Result<Recent, Error> {
    let mark = |key: &[u8]| match segments.get_meta(key)? {
        Some(bytes) => format::decode_mark(&bytes).map_err(|e| bad_mark(key, &e)),
        None => Ok(None),
    };
    let vote = match segments.get_meta(keys::VOTE)? {
        Some(bytes) => Some(format::decode_vote(&bytes).map_err(|e| bad_mark(keys::VOTE, &e))?),
        None => None,
    };
    let committed = mark(keys::COMMITTED)?;
    let purged = mark(keys::PURGED)?;
    if let Some(purged) = purged {
        segments.purge(purged.index)?;
    }
    let range = segments.check_contiguous(purged.map(|id| id.index))?;
    let last = match range {
        Some((_, last)) => match segments.read(last, last + 1, usize::MAX)?.first() {
            Some(stored) => Some(decode(stored, Path::new("the log"))?.log_id),
            None => None,
        },
        None => purged,
    };
    Ok(Recent::new(vote, committed, purged, range.map(|(first, _)| first), last, options.cache_bytes))
}

/// Refuses a log that has less than it had. Returns what it has now.
fn testify(recent: &Recent, seen: Option<Seen>, path: &Path) -> Result<Seen, Error> {
    let last = recent.last.map_or(0, |id| id.index);
    let encoded = recent.vote.as_ref().map(format::encode_vote).transpose();
    let present = Seen { last, vote: encoded.map_err(|e| bad_mark(keys::VOTE, &e))?.unwrap_or_default() };
    let Some(seen) = seen else { return Ok(present) };
    let damaged = |what: String| Err(Error::corrupt(format!("the log in {}", path.display()), what));
    if last < seen.last {
        return damaged(format!("it ends at entry {last}, but once had entry {}", seen.last));
    }
    if !seen.vote.is_empty() {
        let voted = format::decode_vote(&seen.vote).map_err(|e| bad_mark(keys::VOTE, &e))?;
        if !recent.vote.as_ref().is_some_and(|vote| *vote >= voted) {
            return damaged(format!("the vote {voted} is missing"));
        }
    }
    Ok(present)
}

fn bad_mark(key: &[u8], error: &format::Malformed) -> Error {
    Error::corrupt(format!("the log's mark {:?}", String::from_utf8_lossy(key)), error.to_string())
}

fn decode(stored: &Encoded, path: &Path) -> Result<Entry, Error> {
    let place = || format!("entry {} of the log in {}", stored.index, path.display());
    let entry = format::decode_entry(&stored.bytes).map_err(|e| Error::corrupt(place(), e.to_string()))?;
    if entry.log_id.index != stored.index {
        return Err(Error::corrupt(place(), format!("it says that it is entry {}", entry.log_id.index)));
    }
    Ok(entry)
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let first = match range.start_bound() {
        Bound::Included(first) => *first,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (first, end)
}

fn kibibytes(n_bytes: usize) -> u32 {
    u32::try_from(n_bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}
