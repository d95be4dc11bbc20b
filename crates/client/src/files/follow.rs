//! Reading a file piece by piece, and going on as it grows.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::time::Duration;

use rpc::message::{Chunk, Failure};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::open::{failure, open};
use crate::alloc::AllocHandle;

/// Bytes of a piece.
pub(super) const PIECE: usize = 64 << 10;
/// How often a followed file is looked at.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// A reader that takes nothing for this time is not waited for where a thread waits.
const STALL_MAX: Duration = Duration::from_secs(60);
/// Pieces that may wait for a slow reader.
const QUEUE: usize = 4;

/// Pieces as they come.
pub(crate) type Chunks = ReceiverStream<Result<Chunk, Failure>>;

/// Where pieces go; an error means that nobody reads any more.
#[derive(Clone)]
pub(super) struct Outlet {
    sender: mpsc::Sender<Result<Chunk, Failure>>,
}

/// Nobody reads any more.
pub(super) struct Closed;

pub(super) fn outlet() -> (Outlet, Chunks) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Outlet { sender }, ReceiverStream::new(receiver))
}

impl Outlet {
    pub async fn send(&self, chunk: Chunk) -> Result<(), Closed> {
        self.sender.send(Ok(chunk)).await.map_err(|_| Closed)
    }

    /// From a thread that may wait, but not for ever.
    pub fn send_now(&self, chunk: Chunk) -> Result<(), Closed> {
        let sent = self.sender.send_timeout(Ok(chunk), STALL_MAX);
        tokio::runtime::Handle::current().block_on(sent).map_err(|_| Closed)
    }

    /// The same.
    pub fn fail_now(&self, failure: Failure) {
        // The reader may have gone for the same reason.
        let _ = self.sender.try_send(Err(failure));
    }

    pub async fn fail(&self, failure: Failure) {
        // The reader may have gone for the same reason.
        let _ = self.sender.send(Err(failure)).await;
    }

    /// Waits a moment, unless the reader goes.
    pub async fn pause(&self) -> Result<(), Closed> {
        tokio::select! {
            () = self.sender.closed() => Err(Closed),
            () = tokio::time::sleep(LOOK_AGAIN) => Ok(()),
        }
    }
}

/// One file and how far it was read.
pub(super) struct Reader {
    file: Arc<File>,
    /// Name that pieces bear.
    pub name: String,
    pub offset: u64,
}

impl Reader {
    pub fn open(alloc: &AllocHandle, path: &str) -> Result<Self, Failure> {
        let opened = open(&alloc.dir, path)?;
        let metadata = opened.file.metadata().map_err(|error| failure(path, &error))?;
        if metadata.is_dir() {
            return Err(Failure::bad_request(format!("{path} is a directory")));
        }
        if !metadata.is_file() {
            return Err(Failure::bad_request(format!("{path} is not a regular file")));
        }
        Ok(Self { file: Arc::new(opened.file), name: opened.path.display().to_string(), offset: 0 })
    }

    pub fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    /// The next piece of at most `limit` bytes; empty at the end.
    async fn piece(&mut self, limit: u64) -> Result<Chunk, Failure> {
        let (file, offset) = (self.file.clone(), self.offset);
        let size = usize::try_from(limit).unwrap_or(PIECE).min(PIECE);
        let read = move || {
            let mut data = vec![0; size];
            file.read_at(&mut data, offset).map(|length| {
                data.truncate(length);
                data
            })
        };
        let data = tokio::task::spawn_blocking(read).await.map_err(|error| Failure::internal(error.to_string()))?;
        let data = data.map_err(|error| failure(&self.name, &error))?;
        self.offset += data.len() as u64;
        Ok(Chunk { offset: i64::try_from(self.offset).unwrap_or(i64::MAX), data, file: self.name.clone(), file_event: String::new() })
    }

    /// Sends everything up to the end of the file, or `limit` bytes; whether anything was sent.
    pub async fn drain(&mut self, outlet: &Outlet, mut limit: u64) -> Result<bool, Closed> {
        let mut sent = false;
        while limit > 0 {
            let chunk = match self.piece(limit).await {
                Ok(chunk) if chunk.data.is_empty() => break,
                Ok(chunk) => chunk,
                Err(failure) => {
                    outlet.fail(failure).await;
                    return Err(Closed);
                }
            };
            limit -= chunk.data.len() as u64;
            outlet.send(chunk).await?;
            sent = true;
        }
        Ok(sent)
    }

    /// The same file is no longer under its name.
    fn is_gone(&self, alloc: &AllocHandle, path: &str) -> bool {
        let same = |other: &File| match (other.metadata(), self.file.metadata()) {
            (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
            _ => false,
        };
        !open(&alloc.dir, path).is_ok_and(|opened| same(&opened.file))
    }

    pub fn event(&self, event: &str) -> Chunk {
        let offset = i64::try_from(self.offset).unwrap_or(i64::MAX);
        Chunk { offset, data: Vec::new(), file: self.name.clone(), file_event: event.to_owned() }
    }
}

/// A file from `offset`, `limit` bytes or to its end.
pub(crate) async fn read(alloc: AllocHandle, path: String, offset: u64, limit: Option<u64>) -> Result<Chunks, Failure> {
    let mut reader = Reader::open(&alloc, &path)?;
    reader.offset = offset;
    let (outlet, chunks) = outlet();
    tokio::spawn(async move {
        // Ends early when nobody reads.
        let _ = reader.drain(&outlet, limit.unwrap_or(u64::MAX)).await;
    });
    Ok(chunks)
}

/// A file from `offset`, counted back from its end if `from_end`, and on as it grows.
pub(crate) async fn stream(alloc: AllocHandle, path: String, offset: u64, from_end: bool, follow: bool) -> Result<Chunks, Failure> {
    let mut reader = Reader::open(&alloc, &path)?;
    reader.offset = if from_end { reader.length().saturating_sub(offset) } else { offset };
    let (outlet, chunks) = outlet();
    tokio::spawn(async move {
        // Ends when nobody reads.
        let _ = keep_reading(&alloc, &path, reader, &outlet, follow).await;
    });
    Ok(chunks)
}

async fn keep_reading(alloc: &AllocHandle, path: &str, mut reader: Reader, outlet: &Outlet, follow: bool) -> Result<(), Closed> {
    loop {
        reader.drain(outlet, u64::MAX).await?;
        if !follow {
            return Ok(());
        }
        outlet.pause().await?;
        if reader.length() < reader.offset {
            reader.offset = 0;
            outlet.send(reader.event("file truncated")).await?;
        } else if reader.length() == reader.offset && reader.is_gone(alloc, path) {
            return outlet.send(reader.event("file deleted")).await;
        }
    }
}
