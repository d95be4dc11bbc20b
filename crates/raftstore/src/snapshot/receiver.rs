//! The receiving end of a snapshot: pieces at offsets, into a file that is checked as a whole before anybody uses it.
//!
//! One transfer at a time. A sender that starts again, or another leader that sends the same snapshot, goes on where the file ends; another
//! snapshot replaces it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{SnapshotFile, body, open_body};
use crate::error::Error;
use crate::files;

/// What is to be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incoming {
    /// Hash of the whole, which identifies the transfer.
    pub blake3: [u8; 32],
    /// Bytes of the whole.
    pub length: u64,
}

struct Transfer {
    incoming: Incoming,
    path: PathBuf,
    file: File,
    received: u64,
}

/// Receives one snapshot at a time into a folder of its own. Its methods block.
pub struct SnapshotReceiver {
    directory: PathBuf,
    transfer: Mutex<Option<Transfer>>,
    n_begun: AtomicU64,
}

impl SnapshotReceiver {
    /// Uses `directory`; what a previous process received in part is removed.
    ///
    /// # Errors
    ///
    /// The folder cannot be used.
    pub fn open(directory: impl AsRef<Path>) -> Result<SnapshotReceiver, Error> {
        let directory = directory.as_ref().to_path_buf();
        files::create_directory(&directory)?;
        for entry in std::fs::read_dir(&directory).map_err(|e| Error::io("read", &directory, e))? {
            files::remove(&entry.map_err(|e| Error::io("read", &directory, e))?.path())?;
        }
        Ok(SnapshotReceiver { directory, transfer: Mutex::new(None), n_begun: AtomicU64::new(0) })
    }

    /// Starts or resumes a transfer, and says from which offset to send.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn begin(&self, incoming: Incoming) -> Result<u64, Error> {
        let mut transfer = self.guard();
        if let Some(current) = transfer.as_ref().filter(|current| current.incoming == incoming) {
            return Ok(current.received);
        }
        if let Some(old) = transfer.take() {
            files::remove(&old.path)?;
        }
        // A name of its own: the same snapshot may be on its way again while it is still being installed.
        let path = self.directory.join(format!("{}.part", self.n_begun.fetch_add(1, Ordering::Relaxed)));
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| Error::io("create", &path, e))?;
        *transfer = Some(Transfer { incoming, path, file, received: 0 });
        Ok(0)
    }

    /// Takes a piece, and says from which offset to go on: elsewhere if the piece was not the next one.
    ///
    /// # Errors
    ///
    /// No such transfer was begun, the piece goes beyond the end, or the disk refuses it.
    pub fn chunk(&self, blake3: [u8; 32], offset: u64, bytes: &[u8]) -> Result<u64, Error> {
        let mut transfer = self.guard();
        let Some(current) = transfer.as_mut().filter(|current| current.incoming.blake3 == blake3) else {
            return Err(unknown());
        };
        if offset != current.received {
            return Ok(current.received);
        }
        let end = offset + bytes.len() as u64;
        if end > current.incoming.length {
            return Err(damaged(format!("a piece ends at {end}, the snapshot at {}", current.incoming.length)));
        }
        if let Err(e) = current.file.write_all(bytes) {
            // How much of the piece is in the file is not known: begin again.
            let path = current.path.clone();
            *transfer = None;
            files::remove(&path)?;
            return Err(Error::io("write", path, e));
        }
        current.received = end;
        Ok(end)
    }

    /// Checks the whole and makes it durable. The transfer is over, whatever the answer.
    ///
    /// # Errors
    ///
    /// It is not complete, its hash is another one, or the disk refuses it.
    pub fn finish(&self, blake3: [u8; 32]) -> Result<SnapshotFile, Error> {
        let done = {
            let mut transfer = self.guard();
            match transfer.take() {
                Some(current) if current.incoming.blake3 == blake3 => current,
                other => {
                    *transfer = other;
                    return Err(unknown());
                }
            }
        };
        let result = verify(&done);
        if result.is_err() {
            files::remove(&done.path)?;
        }
        result
    }

    fn guard(&self) -> MutexGuard<'_, Option<Transfer>> {
        self.transfer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn verify(done: &Transfer) -> Result<SnapshotFile, Error> {
    done.file.sync_all().map_err(|e| Error::io("sync", &done.path, e))?;
    let file = File::open(&done.path).map_err(|e| Error::io("open", &done.path, e))?;
    let found = body::hash(&file).map_err(|e| Error::io("read", &done.path, e))?;
    if found.length != done.incoming.length {
        return Err(damaged(format!("it has {} bytes instead of {}", found.length, done.incoming.length)));
    }
    if found.blake3 != done.incoming.blake3 {
        return Err(damaged("its hash is another one".to_owned()));
    }
    open_body(done.path.clone(), found.length, found.blake3)
}

fn unknown() -> Error {
    damaged("no such transfer was begun".to_owned())
}

fn damaged(what: String) -> Error {
    Error::Corrupt { place: "a snapshot on its way here".to_owned(), what, remedy: "it will be sent again" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_arrive_in_any_way_and_only_the_right_whole_is_accepted() {
        // A transfer with a repeated piece, a piece too far ahead, a restart in the middle and another snapshot in between.
        let home = tempfile::tempdir().expect("temporary directory");
        let receiver = SnapshotReceiver::open(home.path()).expect("receiver");
        let content = b"0123456789".repeat(10);
        let incoming = Incoming { blake3: *blake3::hash(&content).as_bytes(), length: 100 };
        assert!(receiver.chunk(incoming.blake3, 0, b"x").is_err(), "not begun");
        assert_eq!(receiver.begin(incoming).expect("begin"), 0);
        assert_eq!(receiver.chunk(incoming.blake3, 0, &content[..30]).expect("first"), 30);
        assert_eq!(receiver.chunk(incoming.blake3, 0, &content[..30]).expect("repeated"), 30);
        assert_eq!(receiver.chunk(incoming.blake3, 60, &content[60..]).expect("ahead"), 30);
        assert_eq!(receiver.begin(incoming).expect("resumed"), 30);
        assert!(receiver.chunk(incoming.blake3, 30, &[0; 71]).is_err(), "beyond the end");
        assert_eq!(receiver.chunk(incoming.blake3, 30, &content[30..]).expect("rest"), 100);
        let body = receiver.finish(incoming.blake3).expect("whole");
        assert_eq!(body.read_at(0, 1000).expect("read"), content);

        assert_eq!(receiver.begin(incoming).expect("again"), 0);
        let other = Incoming { blake3: [1; 32], length: 3 };
        assert_eq!(receiver.begin(other).expect("other"), 0);
        assert!(receiver.chunk(incoming.blake3, 0, &content).is_err(), "replaced");
        assert_eq!(receiver.chunk(other.blake3, 0, b"abc").expect("other"), 3);
        let refused = receiver.finish(other.blake3).expect_err("wrong hash").to_string();
        assert!(refused.contains("hash") && refused.contains("sent again"), "{refused}");
        assert!(receiver.begin(other).is_ok_and(|offset| offset == 0), "a refused one starts from the beginning");
    }
}
