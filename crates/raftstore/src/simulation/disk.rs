//! A server's disk: a log in memory whose writes take their time, and a folder of snapshots. A power cut ends a life of it: what was not
//! written is gone, and the next life begins with what was.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use tokio::sync::{mpsc, oneshot};

use super::lock;
use super::world::{CatchUp, below, fails, milliseconds, note, percent, violated, writer};
use crate::error::Error;
use crate::log::{LogOptions, LogStore};
use crate::snapshot::Records;
use crate::types::{Entry, LogId, Types, Vote};
use crate::value::Pair;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Honest,
    /// Acknowledges at once and writes seconds later.
    Lies,
    /// Holds the real log.
    Real,
}

/// What a log knows.
#[derive(Clone, Default)]
struct Known {
    entries: BTreeMap<u64, Entry>,
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
}

impl Known {
    fn last(&self) -> Option<LogId> {
        self.entries.last_key_value().map(|(_, entry)| entry.log_id).or(self.purged)
    }

    fn truncate(&mut self, last: Option<LogId>) {
        self.entries.split_off(&last.map_or(0, |id| id.index + 1));
    }

    fn purge(&mut self, upto: LogId) {
        self.purged = Some(upto);
        self.entries = self.entries.split_off(&(upto.index + 1));
    }
}

/// What is on a server's disk.
struct Platter {
    known: Known,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// This life's, if it is real.
    real: Option<Real>,
    /// Grows with each power cut.
    life: u64,
}

/// A real log, which writes when it is told.
#[derive(Clone)]
struct Real {
    log: LogStore,
    catch_up: Arc<Mutex<CatchUp>>,
}

/// The log of one life, for openraft.
pub(super) enum Opened {
    Invented(Log),
    Real(LogStore),
}

/// The disk of one server in one of its lives. Nothing that is done to it after the life's end has an effect on the next.
#[derive(Clone)]
pub(super) struct Disk {
    server: u64,
    kind: Kind,
    home: PathBuf,
    life: u64,
    platter: Arc<Mutex<Platter>>,
}

impl Disk {
    pub(super) fn new(home: &Path, server: u64, kind: Kind) -> Self {
        let platter = Platter { known: Known::default(), records: BTreeMap::new(), real: None, life: 0 };
        Self { server, kind, home: home.join(server.to_string()), life: 0, platter: Arc::new(Mutex::new(platter)) }
    }

    /// The same disk in the life that is now.
    pub(super) fn reborn(&self) -> Self {
        Self { life: lock(&self.platter).life, ..self.clone() }
    }

    pub(super) fn is_dead(&self) -> bool {
        lock(&self.platter).life != self.life
    }

    /// The place of this life's files.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.home.join(self.life.to_string()).join(name)
    }

    /// The power fails, if it has not before.
    pub(super) fn cut(&self) {
        let mut platter = lock(&self.platter);
        if platter.life == self.life {
            platter.life += 1;
            note(self.server, "loses power");
            let next = Self { life: platter.life, ..self.clone() };
            for name in ["log", "snapshots", "receiving"] {
                copy_what_remains(&self.folder(name), &next.folder(name)).expect("a copy of the files");
            }
            platter.real = None;
        }
    }

    /// Begins this life's writing.
    pub(super) fn open(&self) -> Opened {
        if self.kind == Kind::Real {
            return Opened::Real(self.open_real());
        }
        let (writes, asked) = mpsc::unbounded_channel();
        tokio::spawn(write(self.clone(), asked));
        Opened::Invented(Log { known: Arc::new(Mutex::new(lock(&self.platter).known.clone())), writes, disk: self.clone() })
    }

    fn open_real(&self) -> LogStore {
        // Little in memory, so that much is read from the database.
        let options = LogOptions { cache_bytes: below(2_000) as usize, ..LogOptions::default() };
        let log = LogStore::open(self.folder("log"), &options).unwrap_or_else(|error| panic!("server {}: {error}", self.server));
        let catch_up = Arc::new(Mutex::new(writer().expect("the log's writer")));
        lock(&self.platter).real = Some(Real { log: log.clone(), catch_up: Arc::clone(&catch_up) });
        tokio::spawn(write_real(self.clone(), catch_up));
        log
    }
}

/// Files that are not finished were not synced: of those any part may remain.
fn copy_what_remains(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    if !from.exists() {
        return Ok(());
    }
    let mut paths = fs::read_dir(from)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let copy = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_what_remains(&path, &copy)?;
        } else if path.extension().is_some_and(|end| end == "tmp" || end == "part") {
            let content = fs::read(&path)?;
            fs::write(copy, &content[..below(content.len() as u64 + 1) as usize])?;
        } else if path.extension().is_some_and(|end| end == "snapshot") {
            fs::hard_link(&path, copy)?;
        } else {
            fs::copy(&path, copy)?;
        }
    }
    Ok(())
}

impl Records for Disk {
    fn all(&self) -> Result<Vec<Pair>, Error> {
        let platter = lock(&self.platter);
        match &platter.real {
            Some(real) => real.log.snapshot_records(),
            None => Ok(platter.records.clone().into_iter().collect()),
        }
    }

    fn set(&self, key: &[u8], value: Option<Vec<u8>>) -> Result<(), Error> {
        // Just then: the body is there, its record is not; or a record is there, its body is not any more.
        if fails(4) {
            self.cut();
        }
        let mut platter = lock(&self.platter);
        if platter.life != self.life {
            return Err(Error::Closed);
        }
        if let Some(Real { log, catch_up }) = platter.real.clone() {
            let answer = log.begin_snapshot_record(key, value)?;
            (lock(&catch_up))();
            return answer.recv().map_err(|_| Error::Closed)?;
        }
        match value {
            Some(value) => _ = platter.records.insert(key.to_vec(), value),
            None => _ = platter.records.remove(key),
        }
        Ok(())
    }
}

enum Write {
    Append(Vec<Entry>, Option<IOFlushed<Types>>),
    Vote(Vote, oneshot::Sender<()>),
    Truncate(Option<LogId>, oneshot::Sender<()>),
    Purge(LogId),
    Committed(Option<LogId>),
}

/// How long a write takes at most, milliseconds.
fn a_while() -> u64 {
    if percent(5) { 400 } else { 10 }
}

/// Lets the real log write now and then. What it was not let write when the power fails is in no file yet.
async fn write_real(disk: Disk, catch_up: Arc<Mutex<CatchUp>>) {
    loop {
        tokio::time::sleep(milliseconds(a_while())).await;
        if disk.is_dead() {
            return;
        }
        let n_writes = (lock(&catch_up))();
        if n_writes > 0 {
            note(disk.server, format_args!("has done {n_writes} writes"));
        }
    }
}

/// Writes what was asked for together, after a while, and says so then.
async fn write(disk: Disk, mut asked: mpsc::UnboundedReceiver<Write>) {
    while let Some(first) = asked.recv().await {
        let mut together = vec![first];
        while let Ok(next) = asked.try_recv() {
            together.push(next);
        }
        let at_most = match disk.kind {
            // Votes are waited for all the same.
            Kind::Lies if !together.iter().any(|write| matches!(write, Write::Vote(..))) => 5_000,
            _ => a_while(),
        };
        tokio::time::sleep(milliseconds(at_most)).await;
        let mut platter = lock(&disk.platter);
        if platter.life != disk.life {
            return;
        }
        for write in together {
            commit(disk.server, &mut platter.known, write);
        }
    }
}

fn commit(server: u64, known: &mut Known, write: Write) {
    match write {
        Write::Append(entries, flushed) => {
            let ids: Vec<String> = entries.iter().map(|entry| entry.log_id.to_string()).collect();
            note(server, format_args!("wrote {}", ids.join(" ")));
            known.entries.extend(entries.into_iter().map(|entry| (entry.log_id.index, entry)));
            if let Some(flushed) = flushed {
                flushed.io_completed(Ok(()));
            }
        }
        Write::Vote(vote, done) => {
            note(server, format_args!("votes {vote}"));
            if known.vote.is_some_and(|before| before.partial_cmp(&vote).is_none_or(std::cmp::Ordering::is_gt)) {
                violated(format!("on server {server} the vote {:?} was followed by {vote:?}", known.vote));
            }
            known.vote = Some(vote);
            let _ = done.send(());
        }
        Write::Truncate(last, done) => {
            note(server, format_args!("truncated after {last:?}"));
            if last.map(|id| id.index) < known.committed.map(|id| id.index) {
                violated(format!("server {server} truncated after {last:?} what was committed up to {:?}", known.committed));
            }
            known.truncate(last);
            let _ = done.send(());
        }
        Write::Purge(upto) => {
            note(server, format_args!("purged up to {upto}"));
            known.purge(upto);
        }
        Write::Committed(committed) => known.committed = committed,
    }
}

/// The log of one life.
#[derive(Clone)]
pub(super) struct Log {
    known: Arc<Mutex<Known>>,
    writes: mpsc::UnboundedSender<Write>,
    disk: Disk,
}

impl Log {
    fn send(&self, write: Write) -> Result<(), io::Error> {
        self.writes.send(write).map_err(|_| io::Error::other("the disk is gone"))
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        let bounds: (Bound<u64>, Bound<u64>) = (range.start_bound().cloned(), range.end_bound().cloned());
        Ok(lock(&self.known).entries.range(bounds).map(|(_, entry)| entry.clone()).collect())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(lock(&self.known).vote)
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Log;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let known = lock(&self.known);
        Ok(LogState { last_purged_log_id: known.purged, last_log_id: known.last() })
    }

    async fn get_log_reader(&mut self) -> Log {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let (done, written) = oneshot::channel();
        self.send(Write::Vote(*vote, done))?;
        written.await.map_err(io::Error::other)?;
        lock(&self.known).vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        lock(&self.known).committed = committed;
        self.send(Write::Committed(committed))
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(lock(&self.known).committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        lock(&self.known).entries.extend(entries.iter().map(|entry| (entry.log_id.index, entry.clone())));
        if self.disk.kind == Kind::Lies {
            callback.io_completed(Ok(()));
            return self.send(Write::Append(entries, None));
        }
        self.send(Write::Append(entries, Some(callback)))
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> Result<(), io::Error> {
        lock(&self.known).truncate(last_log_id);
        let (done, written) = oneshot::channel();
        self.send(Write::Truncate(last_log_id, done))?;
        written.await.map_err(io::Error::other)
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), io::Error> {
        lock(&self.known).purge(log_id);
        self.send(Write::Purge(log_id))
    }
}
