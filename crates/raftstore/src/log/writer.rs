//! The one thread that writes: log, vote and marks go through one queue in order, and all that waits shares one barrier.
//!
//! The order matters: a vote must not be on disk later than an entry that was appended after it, or a restart could forget a promise.
//! sled recovers a prefix of what was written to it, so a crash between two barriers keeps that order too.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::keys;
use super::recent::Recent;
use super::segments::{Encoded, Segments};
use super::witness::{Seen, Witness};
use crate::contain;
use crate::error::Error;
use crate::instruments::Instruments;
use crate::room::Known;

/// Called once, from the writer's thread, when the write is durable or can never be.
pub(super) type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// A write, in the order in which it was asked for.
pub(super) enum Write {
    /// Entries with rising, contiguous indexes. The permit bounds what waits in memory.
    Append { entries: Vec<Encoded>, permit: Option<tokio::sync::OwnedSemaphorePermit>, done: Done },
    /// A value of the meta tree that must be durable: the vote, a snapshot's record.
    Mark { key: Vec<u8>, value: Option<Vec<u8>>, done: Done },
    /// The commit mark: it is enough that it becomes durable with a later write, and only the newest counts.
    Committed { value: Vec<u8> },
    /// Removes the entries from that index on.
    Truncate { from: u64, done: Done },
    /// Removes the entries up to that index, after the mark that says so is durable.
    Purge { upto: u64, mark: Vec<u8> },
    /// Looks once more whether there is room on the disk.
    Look,
    /// The writer's end.
    Stop { done: Done },
}

/// Batches stop growing here, so that the first waiter does not wait for ever: bytes of entries.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// The same in number of writes.
const BATCH_WRITES_MAX: usize = 4096;

/// Figures about the log's writing, since it was opened.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub n_entries: AtomicU64,
    pub n_bytes: AtomicU64,
    pub n_batches: AtomicU64,
    pub barrier_nanoseconds: AtomicU64,
    pub barrier_nanoseconds_max: AtomicU64,
}

/// What the writer shares with the log's handles.
pub(super) struct Shared {
    /// `None` once closed.
    pub segments: RwLock<Option<Segments>>,
    pub recent: RwLock<Recent>,
    /// The first failure; once it is set nothing is written or acknowledged any more.
    pub failure: OnceLock<String>,
    pub counters: Counters,
    pub instruments: Instruments,
    pub room: Arc<Known>,
}

impl Shared {
    /// Reserves room for what comes next.
    fn look_for_room(&self) {
        if let Ok(room) = self.with_segments(|segments| Ok(segments.engine().reserve())) {
            self.room.set(room);
        }
    }

    pub(super) fn with_segments<T>(&self, work: impl FnOnce(&Segments) -> Result<T, Error>) -> Result<T, Error> {
        match self.segments.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(segments) => work(segments),
            None => Err(Error::Closed),
        }
    }
}

/// What the thread owns.
pub(super) struct Writer {
    shared: Arc<Shared>,
    witness: Witness,
    /// As the witness was told.
    durable: Seen,
    /// As it will be after the next barrier.
    written: Seen,
    /// The newest commit mark, if it is not written yet.
    committed: Option<Vec<u8>>,
}

impl Writer {
    /// `present`: what is in the log.
    pub(super) fn new(shared: Arc<Shared>, witness: Witness, present: Seen) -> Writer {
        Writer { shared, witness, durable: present.clone(), written: present, committed: None }
    }

    /// The thread's body: returns at `Stop` or when all handles are gone.
    pub(super) fn run(&mut self, queue: &Receiver<Write>) {
        while let Ok(first) = queue.recv() {
            let batch = collect(first, queue);
            if let Some(stopped) = self.commit(batch) {
                // Closing waits for this answer before it lets go of the database.
                stopped(Ok(()));
                return;
            }
        }
    }

    /// Writes what waits now. Returns how many writes that were.
    #[cfg(test)]
    pub(super) fn catch_up(&mut self, queue: &Receiver<Write>) -> usize {
        let mut n_writes = 0;
        while let Ok(first) = queue.try_recv() {
            let batch = collect(first, queue);
            n_writes += batch.len();
            if let Some(stopped) = self.commit(batch) {
                stopped(Ok(()));
            }
        }
        n_writes
    }

    /// Writes a batch, makes it durable, then answers all of it in order. Returns the answer to a stop, if one was in it.
    fn commit(&mut self, batch: Vec<Write>) -> Option<Done> {
        let Writer { shared, witness, durable, written, committed } = self;
        let mut waiting: Vec<Done> = Vec::new();
        let mut permits = Vec::new();
        let mut stop = None;
        let mut purge_upto = None;
        let mut needs_barrier = false;
        let mut n_entries = 0;
        let begin_append = Instant::now();
        shared.look_for_room();
        for write in batch {
            match write {
                Write::Append { entries, permit, done } => {
                    attempt(shared, |segments| segments.append(&entries));
                    if let (Some(last), None) = (entries.last(), shared.failure.get()) {
                        shared.recent.write().unwrap_or_else(PoisonError::into_inner).mark_stored(last.index);
                        shared.counters.n_entries.fetch_add(entries.len() as u64, Ordering::Relaxed);
                        written.last = last.index;
                        n_entries += entries.len();
                        let n_bytes: usize = entries.iter().map(|entry| entry.bytes.len()).sum();
                        shared.counters.n_bytes.fetch_add(n_bytes as u64, Ordering::Relaxed);
                    }
                    permits.push(permit);
                    waiting.push(done);
                    needs_barrier = true;
                }
                Write::Mark { key, value, done } => {
                    attempt(shared, |segments| segments.set_meta(&key, value.as_deref()));
                    if key == keys::VOTE {
                        written.vote = value.unwrap_or_default();
                    }
                    waiting.push(done);
                    needs_barrier = true;
                }
                Write::Look => {}
                Write::Committed { value } => *committed = Some(value),
                Write::Truncate { from, done } => {
                    written.last = written.last.min(from.saturating_sub(1));
                    if durable.last > written.last {
                        durable.last = written.last;
                        attempt(shared, |_| witness.tell_durably(durable));
                    }
                    attempt(shared, |segments| segments.truncate(from));
                    waiting.push(done);
                    needs_barrier = true;
                }
                Write::Purge { upto, mark } => {
                    attempt(shared, |segments| segments.set_meta(keys::PURGED, Some(&mark)));
                    written.last = written.last.max(upto);
                    purge_upto = purge_upto.max(Some(upto));
                    needs_barrier = true;
                }
                Write::Stop { done } => {
                    stop = Some(done);
                    needs_barrier = true;
                }
            }
        }
        if needs_barrier {
            // Alone it would cost as much as an entry.
            if let Some(value) = committed.take() {
                attempt(shared, |segments| segments.set_meta(keys::COMMITTED, Some(&value)));
            }
            let begin = Instant::now();
            attempt(shared, |segments| segments.engine().barrier());
            let took = begin.elapsed();
            count_barrier(&shared.counters, took);
            let instruments = &shared.instruments;
            instruments.log_fsync.record(took);
            if n_entries > 0 {
                instruments.log_append.record(begin - begin_append);
                instruments.log_batch.record(n_entries);
            }
            if durable != written {
                attempt(shared, |_| witness.tell(written));
                durable.clone_from(written);
            }
        }
        drop(permits);
        for done in waiting {
            done(match shared.failure.get() {
                None => Ok(()),
                Some(reason) => Err(Error::Poisoned(reason.clone())),
            });
        }
        // Nobody waits for space; the mark that is durable now makes a restart finish what a crash cuts short here.
        if let Some(upto) = purge_upto {
            attempt(shared, |segments| segments.purge(upto));
        }
        stop
    }
}

/// All that waits behind the first and shares its barrier.
fn collect(first: Write, queue: &Receiver<Write>) -> Vec<Write> {
    let mut batch = vec![first];
    let mut n_bytes = batch.iter().map(size).sum::<usize>();
    while n_bytes < BATCH_BYTES_MAX && batch.len() < BATCH_WRITES_MAX && !matches!(batch.last(), Some(Write::Stop { .. })) {
        match queue.try_recv() {
            Ok(next) => {
                n_bytes += size(&next);
                batch.push(next);
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    batch
}

fn size(write: &Write) -> usize {
    match write {
        Write::Append { entries, .. } => entries.iter().map(|entry| entry.bytes.len()).sum(),
        _ => 0,
    }
}

/// Does one step unless an earlier one failed. A failure, or a panic inside sled, is kept and ends all writing.
fn attempt(shared: &Shared, step: impl FnOnce(&Segments) -> Result<(), Error>) {
    if shared.failure.get().is_some() {
        return;
    }
    let result = contain::panics(AssertUnwindSafe(|| shared.with_segments(step)));
    let error = match result {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            format!("the database panicked: {}", words.unwrap_or_default())
        }
    };
    let _ = shared.with_segments(|segments| {
        segments.engine().give_up();
        Ok(())
    });
    tracing::error!(%error, "the raft log can no longer be written; this server must stop");
    // Another failure was first: it is the cause.
    let _ = shared.failure.set(error);
}

fn count_barrier(counters: &Counters, elapsed: Duration) {
    let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
    counters.n_batches.fetch_add(1, Ordering::Relaxed);
    counters.barrier_nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    counters.barrier_nanoseconds_max.fetch_max(nanoseconds, Ordering::Relaxed);
}
