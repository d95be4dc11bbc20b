//! Snapshots: bodies are plain files, their records (what they cover, length, hash) lie in the log's database.
//!
//! A body is written under a temporary name, synced, renamed, and only then recorded; a file without a record is left over from a crash
//! and removed. The newest two are kept: one may be on its way to a follower while the next one appears.

pub(crate) mod body;
mod policy;
mod receiver;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

pub use self::policy::{SnapshotDue, SnapshotPolicy};
pub use self::receiver::{Incoming, SnapshotReceiver};
use crate::error::Error;
use crate::files;
use crate::format::{self, MetaV1};
use crate::log::LogStore;
use crate::types::SnapshotMeta;
use crate::value::Pair;

/// How many snapshots stay on disk.
const KEEP: usize = 2;
const SUFFIX: &str = "snapshot";

/// A snapshot's body on disk. Clones share the open file, so that it can be read even after a newer one replaced it.
#[derive(Debug, Clone)]
pub struct SnapshotFile {
    /// Where it is, or was when it was opened.
    pub path: PathBuf,
    /// Bytes.
    pub length: u64,
    /// Hash of the whole file, and the snapshot's identity while it is sent.
    pub blake3: [u8; 32],
    file: Arc<File>,
}

impl SnapshotFile {
    /// Reads up to `length` bytes at `offset`. Blocks.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(left)];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// What it covers, and its records one by one. Checks everything but the hash. Blocks.
    ///
    /// # Errors
    ///
    /// The file is damaged, cannot be read, or `on_record` refuses a record.
    pub fn read(&self, on_record: impl FnMut(&[u8]) -> Result<(), String>) -> Result<SnapshotMeta, Error> {
        body::read(self.reader(), &self.path, on_record)
    }

    fn reader(&self) -> Reader<'_> {
        Reader { file: &self.file, offset: 0 }
    }
}

/// Reads the shared file at a position of its own.
struct Reader<'a> {
    file: &'a File,
    offset: u64,
}

impl io::Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

/// Writing a snapshot failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the state cannot be written: {0}")]
    Content(String),
}

/// Figures about snapshots since the store was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotStats {
    /// Built here.
    pub n_built: u64,
    /// Received from a leader and installed.
    pub n_installed: u64,
    /// Bytes of the newest one.
    pub newest_bytes: u64,
    /// The last log index that the newest one covers; 0 without one.
    pub newest_index: u64,
}

/// A snapshot's record in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RecordV1 {
    name: String,
    length: u64,
    blake3: [u8; 32],
    meta: MetaV1,
}

/// Where the records of snapshots lie. Blocks.
pub(crate) trait Records: Send + Sync + 'static {
    /// All of them, by key.
    fn all(&self) -> Result<Vec<Pair>, Error>;
    /// Sets or removes one; durable when this returns.
    fn set(&self, key: &[u8], value: Option<Vec<u8>>) -> Result<(), Error>;
}

impl Records for LogStore {
    fn all(&self) -> Result<Vec<Pair>, Error> {
        self.snapshot_records()
    }

    fn set(&self, key: &[u8], value: Option<Vec<u8>>) -> Result<(), Error> {
        self.set_snapshot_record(key, value)
    }
}

/// The snapshots of one replica.
pub(crate) struct SnapshotStore {
    directory: PathBuf,
    records: Box<dyn Records>,
    /// Newest last.
    kept: Mutex<Vec<(SnapshotMeta, SnapshotFile)>>,
    n_built: AtomicU64,
    n_installed: AtomicU64,
    n_temporary: AtomicU64,
}

impl SnapshotStore {
    /// Opens the folder and removes what a crash left over. Blocks.
    pub(crate) fn open(directory: &Path, records: impl Records) -> Result<SnapshotStore, Error> {
        files::create_directory(directory)?;
        let mut kept = Vec::new();
        for (key, value) in records.all()? {
            let place = || format!("the record of the snapshot {:?}", String::from_utf8_lossy(&key));
            let record: RecordV1 = format::decode_snapshot_meta(&value).map_err(|e| Error::corrupt(place(), e.to_string()))?;
            let meta = SnapshotMeta::try_from(record.meta).map_err(|e| Error::corrupt(place(), e.to_string()))?;
            let path = directory.join(&record.name);
            match open_body(path.clone(), record.length, record.blake3) {
                Ok(body) => kept.push((meta, body)),
                // An older one may be gone: it is removed before its record is. The newest is missed when it is needed.
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a snapshot is recorded but cannot be used");
                }
            }
        }
        kept.sort_by_key(|(meta, _)| meta.last_log_id);
        let store = SnapshotStore {
            directory: directory.to_path_buf(),
            records: Box::new(records),
            kept: Mutex::new(kept),
            n_built: AtomicU64::new(0),
            n_installed: AtomicU64::new(0),
            n_temporary: AtomicU64::new(0),
        };
        store.sweep()?;
        Ok(store)
    }

    /// The newest one.
    pub(crate) fn newest(&self) -> Option<(SnapshotMeta, SnapshotFile)> {
        self.kept().last().cloned()
    }

    pub(crate) fn with_hash(&self, blake3: [u8; 32]) -> Option<SnapshotFile> {
        self.kept().iter().map(|(_, body)| body).find(|body| body.blake3 == blake3).cloned()
    }

    pub(crate) fn stats(&self) -> SnapshotStats {
        let newest = self.newest();
        SnapshotStats {
            n_built: self.n_built.load(Ordering::Relaxed),
            n_installed: self.n_installed.load(Ordering::Relaxed),
            newest_bytes: newest.as_ref().map_or(0, |(_, body)| body.length),
            newest_index: newest.and_then(|(meta, _)| meta.last_log_id).map_or(0, |id| id.index),
        }
    }

    /// Writes a snapshot of the records and keeps it. Blocks; no lock is held while the records are written.
    pub(crate) fn build<E: std::fmt::Display>(
        &self,
        meta: &SnapshotMeta,
        records: impl Iterator<Item = Result<Vec<u8>, E>>,
    ) -> Result<SnapshotFile, Error> {
        let temporary = self.directory.join(format!("{}.tmp", self.n_temporary.fetch_add(1, Ordering::Relaxed)));
        let file = File::create(&temporary).map_err(|e| Error::io("create", &temporary, e))?;
        let written = match body::write(file, meta, records) {
            Ok(written) => written,
            Err(error) => {
                files::remove(&temporary)?;
                return Err(match error {
                    SnapshotError::Io(e) => Error::io("write", &temporary, e),
                    content => Error::Settings(content.to_string()),
                });
            }
        };
        let body = self.keep(meta, &temporary, written.length, written.blake3)?;
        self.n_built.fetch_add(1, Ordering::Relaxed);
        Ok(body)
    }

    /// Takes over a received body, which is synced and verified, and keeps it. Blocks.
    pub(crate) fn adopt(&self, meta: &SnapshotMeta, body: &SnapshotFile) -> Result<SnapshotFile, Error> {
        if body.path.parent() == Some(self.directory.as_path()) {
            // One of our own, loaded at start.
            return Ok(body.clone());
        }
        let adopted = self.keep(meta, &body.path, body.length, body.blake3)?;
        self.n_installed.fetch_add(1, Ordering::Relaxed);
        Ok(adopted)
    }

    fn keep(&self, meta: &SnapshotMeta, from: &Path, length: u64, blake3: [u8; 32]) -> Result<SnapshotFile, Error> {
        let name = file_name(meta, &blake3);
        let path = self.directory.join(&name);
        files::rename(from, &path)?;
        let record = RecordV1 { name: name.clone(), length, blake3, meta: MetaV1::from(meta) };
        let value = format::encode_snapshot_meta(&record).map_err(|e| Error::Settings(e.to_string()))?;
        self.records.set(name.as_bytes(), Some(value))?;
        let body = open_body(path, length, blake3)?;
        let superseded = {
            let mut kept = self.kept();
            kept.retain(|(_, other)| other.path != body.path);
            kept.push((meta.clone(), body.clone()));
            kept.sort_by_key(|(meta, _)| meta.last_log_id);
            let n_superseded = kept.len().saturating_sub(KEEP);
            kept.drain(..n_superseded).collect::<Vec<_>>()
        };
        for (_, old) in superseded {
            files::remove(&old.path)?;
            if let Some(name) = old.path.file_name() {
                self.records.set(name.as_encoded_bytes(), None)?;
            }
        }
        Ok(body)
    }

    /// Removes files that have no record and records that have no file.
    fn sweep(&self) -> Result<(), Error> {
        let kept: Vec<PathBuf> = self.kept().iter().map(|(_, body)| body.path.clone()).collect();
        for (key, _) in self.records.all()? {
            if !kept.iter().any(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes() == key)) {
                self.records.set(&key, None)?;
            }
        }
        for entry in fs::read_dir(&self.directory).map_err(|e| Error::io("read", &self.directory, e))? {
            let path = entry.map_err(|e| Error::io("read", &self.directory, e))?.path();
            if path.is_file() && !kept.contains(&path) {
                files::remove(&path)?;
            }
        }
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Vec<(SnapshotMeta, SnapshotFile)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names sort by what they cover; the hash keeps two snapshots of one index apart.
fn file_name(meta: &SnapshotMeta, blake3: &[u8; 32]) -> String {
    let index = meta.last_log_id.map_or(0, |id| id.index);
    let short: String = blake3.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{index:020}-{short}.{SUFFIX}")
}

fn open_body(path: PathBuf, length: u64, blake3: [u8; 32]) -> Result<SnapshotFile, Error> {
    let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
    let found = file.metadata().map_err(|e| Error::io("read", &path, e))?.len();
    if found != length {
        return Err(Error::corrupt(format!("the snapshot {}", path.display()), format!("it has {found} bytes instead of {length}")));
    }
    Ok(SnapshotFile { path, length, blake3, file: Arc::new(file) })
}
