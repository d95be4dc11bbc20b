//! A small durable map for a node agent's own state: named trees of keys, written by one thread so that writers share an fsync.
//!
//! [`LocalStore`] blocks; [`LocalStore::shared`] gives the handle for asynchronous code, which never touches sled on its own thread.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::engine::{Changes, Engine, Tree, sled_error};
use crate::error::Error;
use crate::task::blocking;
use crate::value;

/// Pages held in memory, bytes. A node agent's state is small.
const CACHE: u64 = 16 << 20;
/// A change that nobody waits for is on disk after this time at the latest.
const LAZY_BARRIER: Duration = Duration::from_millis(500);
/// The most requests that share one barrier; beyond it the first waits too long.
const BATCH_MAX: usize = 1024;
const TREE_PREFIX: &[u8] = b"kv-";
const CHUNK_PREFIX: &[u8] = b"kvchunks-";

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key, any bytes.
    pub key: Vec<u8>,
    /// The new value, or nothing to delete the key.
    pub value: Option<Vec<u8>>,
}

impl Change {
    /// Sets `key` to `value`.
    pub fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Change {
        Change { key: key.into(), value: Some(value.into()) }
    }

    /// Removes `key`.
    pub fn delete(key: impl Into<Vec<u8>>) -> Change {
        Change { key: key.into(), value: None }
    }
}

/// A key and its value.
pub type Pair = value::Pair;

type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

struct Request {
    tree: String,
    changes: Vec<Change>,
    durable: bool,
    done: Done,
}

enum Message {
    Write(Request),
    Stop,
}

struct Inner {
    path: PathBuf,
    /// `None` once closed.
    engine: RwLock<Option<Engine>>,
    queue: Mutex<Sender<Message>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    failure: Arc<OnceLock<String>>,
}

/// The store. Clones share it; it closes with the last one, or by [`LocalStore::close`].
#[derive(Clone)]
pub struct LocalStore {
    inner: Arc<Inner>,
}

impl LocalStore {
    /// Opens or creates the store in `path`, which nothing else may use.
    ///
    /// # Errors
    ///
    /// The directory cannot be used, or what is in it is damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<LocalStore, Error> {
        let path = path.as_ref().to_path_buf();
        let engine = Engine::open(&path, CACHE)?;
        let (queue, requests) = mpsc::channel();
        let inner = Arc::new(Inner {
            path: path.clone(),
            engine: RwLock::new(Some(engine)),
            queue: Mutex::new(queue),
            writer: Mutex::new(None),
            failure: Arc::new(OnceLock::new()),
        });
        let weak = Arc::downgrade(&inner);
        let writer = thread::Builder::new()
            .name("local-store".to_owned())
            .spawn(move || {
                // The writer must not keep the store alive: it holds it only while it works.
                let work = |batch: Vec<Request>, barrier: bool| {
                    if let Some(inner) = weak.upgrade() {
                        inner.work(batch, barrier);
                    }
                };
                run(&requests, work);
            })
            .map_err(|e| Error::io("start a writer for", &path, e))?;
        *inner.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(writer);
        Ok(LocalStore { inner })
    }

    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// The stored bytes are damaged or cannot be read.
    pub fn get(&self, tree: &str, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.inner.with_engine(|engine| {
            let (main, chunks) = trees(engine, tree)?;
            get(&main, &chunks, key)
        })
    }

    /// All keys that begin with `prefix`, in order, with their values.
    ///
    /// # Errors
    ///
    /// The stored bytes are damaged or cannot be read.
    pub fn scan(&self, tree: &str, prefix: &[u8]) -> Result<Vec<Pair>, Error> {
        self.inner.with_engine(|engine| {
            let (main, chunks) = trees(engine, tree)?;
            let mut found = Vec::new();
            for item in main.scan_prefix(prefix) {
                let (key, stored) = item.map_err(|e| sled_error("read a key", e))?;
                let value = decode(&key, &stored, &chunks)?;
                found.push((key.to_vec(), value));
            }
            Ok(found)
        })
    }

    /// Sets a key. It is visible at once and on disk within half a second.
    ///
    /// # Errors
    ///
    /// The change could not be written.
    pub fn put(&self, tree: &str, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.write(tree, vec![Change::put(key, value)], false)
    }

    /// Sets a key; it survives a power cut when this returns.
    ///
    /// # Errors
    ///
    /// The change could not be written or synced; nothing is known about it, and the store refuses further changes.
    pub fn put_durable(&self, tree: &str, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.write(tree, vec![Change::put(key, value)], true)
    }

    /// Removes a key; the removal is on disk within half a second.
    ///
    /// # Errors
    ///
    /// The change could not be written.
    pub fn delete(&self, tree: &str, key: &[u8]) -> Result<(), Error> {
        self.write(tree, vec![Change::delete(key)], false)
    }

    /// Several changes of one tree that happen together, also across a crash, if every value is at most 64 KiB.
    ///
    /// # Errors
    ///
    /// The changes could not be written or, with `durable`, synced.
    pub fn write(&self, tree: &str, changes: Vec<Change>, durable: bool) -> Result<(), Error> {
        let (answer, receive) = mpsc::sync_channel(1);
        self.inner.send(Message::Write(Request {
            tree: tree.to_owned(),
            changes,
            durable,
            done: Box::new(move |result| {
                // Nobody listens any more: the change is made all the same.
                let _ = answer.send(result);
            }),
        }))?;
        receive.recv().map_err(|_| Error::Closed)?
    }

    /// The handle for asynchronous code.
    pub fn shared(&self) -> AsyncStore {
        AsyncStore { store: self.clone() }
    }

    /// How many fsyncs were made since the store was opened.
    pub fn n_barriers(&self) -> u64 {
        self.inner.with_engine(|engine| Ok(engine.n_barriers())).unwrap_or_default()
    }

    /// Writes everything out and lets go of the files; later calls fail with [`Error::Closed`].
    ///
    /// # Errors
    ///
    /// The last changes could not be written out.
    pub fn close(&self) -> Result<(), Error> {
        self.inner.close()
    }
}

/// [`LocalStore`] for asynchronous code: writes go through the writer's queue, reads to a blocking thread.
#[derive(Clone)]
pub struct AsyncStore {
    store: LocalStore,
}

impl AsyncStore {
    /// See [`LocalStore::get`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn get(&self, tree: &'static str, key: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
        let store = self.store.clone();
        blocking(move || store.get(tree, &key)).await
    }

    /// See [`LocalStore::scan`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn scan(&self, tree: &'static str, prefix: Vec<u8>) -> Result<Vec<Pair>, Error> {
        let store = self.store.clone();
        blocking(move || store.scan(tree, &prefix)).await
    }

    /// See [`LocalStore::put_durable`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn put_durable(&self, tree: &str, key: Vec<u8>, value: Vec<u8>) -> Result<(), Error> {
        self.write(tree, vec![Change::put(key, value)], true).await
    }

    /// See [`LocalStore::write`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn write(&self, tree: &str, changes: Vec<Change>, durable: bool) -> Result<(), Error> {
        let (answer, receive) = tokio::sync::oneshot::channel();
        self.store.inner.send(Message::Write(Request {
            tree: tree.to_owned(),
            changes,
            durable,
            done: Box::new(move |result| {
                // The caller gave up waiting: the change is made all the same.
                let _ = answer.send(result);
            }),
        }))?;
        receive.await.map_err(|_| Error::Closed)?
    }
}

impl Inner {
    fn send(&self, message: Message) -> Result<(), Error> {
        if let Some(reason) = self.failure.get() {
            return Err(Error::Poisoned(reason.clone()));
        }
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).send(message).map_err(|_| Error::Closed)
    }

    fn with_engine<T>(&self, work: impl FnOnce(&Engine) -> Result<T, Error>) -> Result<T, Error> {
        match self.engine.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(engine) => work(engine),
            None => Err(Error::Closed),
        }
    }

    /// Writes a batch and answers each request; the first failure ends all writing for good.
    fn work(&self, batch: Vec<Request>, barrier: bool) {
        let poisoned = |reason: &str| Error::Poisoned(reason.to_owned());
        let mut waiting: Vec<Done> = Vec::new();
        for request in batch {
            if let Some(reason) = self.failure.get() {
                (request.done)(Err(poisoned(reason)));
                continue;
            }
            match self.with_engine(|engine| apply(engine, &request.tree, &request.changes)) {
                Ok(()) if request.durable => waiting.push(request.done),
                Ok(()) => (request.done)(Ok(())),
                Err(error) => {
                    // Only the first failure is kept: it is the cause of the others.
                    let _ = self.failure.set(error.to_string());
                    (request.done)(Err(error));
                }
            }
        }
        if (barrier || !waiting.is_empty())
            && self.failure.get().is_none()
            && let Err(error) = self.with_engine(Engine::barrier)
        {
            tracing::error!(path = %self.path.display(), %error, "local state can no longer be written");
            let _ = self.failure.set(error.to_string());
        }
        for done in waiting {
            done(self.failure.get().map_or(Ok(()), |reason| Err(poisoned(reason))));
        }
    }

    fn close(&self) -> Result<(), Error> {
        // A queue that is already gone means that the writer has stopped.
        let _ = self.queue.lock().unwrap_or_else(PoisonError::into_inner).send(Message::Stop);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.thread().id() != thread::current().id()
        {
            // A panic of the writer shows in the failed barrier below or in the requests it dropped.
            let _ = writer.join();
        }
        let engine = self.engine.write().unwrap_or_else(PoisonError::into_inner).take();
        match engine {
            Some(engine) if self.failure.get().is_none() => engine.barrier(),
            _ => Ok(()),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(path = %self.path.display(), %error, "local state was not written out at the end");
        }
    }
}

/// Collects requests into batches: whatever waits when the previous barrier is done shares the next one.
fn run(requests: &Receiver<Message>, work: impl Fn(Vec<Request>, bool)) {
    let mut dirty_since: Option<Instant> = None;
    loop {
        let first = match dirty_since {
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(since) => requests.recv_timeout(LAZY_BARRIER.saturating_sub(since.elapsed())),
        };
        let mut batch = Vec::new();
        let mut stop = false;
        match first {
            Ok(Message::Write(request)) => batch.push(request),
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => stop = true,
            Err(RecvTimeoutError::Timeout) => {}
        }
        while !stop && batch.len() < BATCH_MAX {
            match requests.try_recv() {
                Ok(Message::Write(request)) => batch.push(request),
                Ok(Message::Stop) => stop = true,
                Err(_) => break,
            }
        }
        let durable = batch.iter().any(|request| request.durable);
        let lazy = !batch.is_empty();
        let due = dirty_since.is_some_and(|since| since.elapsed() >= LAZY_BARRIER);
        work(batch, due || stop);
        dirty_since = if durable || due { None } else { dirty_since.or(lazy.then(Instant::now)) };
        if stop {
            return;
        }
    }
}

fn trees(engine: &Engine, name: &str) -> Result<(Tree, Tree), Error> {
    let main = engine.tree(&[TREE_PREFIX, name.as_bytes()].concat())?;
    let chunks = engine.tree(&[CHUNK_PREFIX, name.as_bytes()].concat())?;
    Ok((main, chunks))
}

/// Keys here have any length, so a chunk's key begins with the length of the key it belongs to.
fn chunk_base(key: &[u8]) -> Vec<u8> {
    let mut base = (key.len() as u32).to_be_bytes().to_vec();
    base.extend_from_slice(key);
    base
}

fn apply(engine: &Engine, tree: &str, changes: &[Change]) -> Result<(), Error> {
    let (main, chunks) = trees(engine, tree)?;
    let mut main_changes = Changes::default();
    let mut new_chunks = Changes::default();
    let mut old_chunks = Changes::default();
    for change in changes {
        let base = chunk_base(&change.key);
        let previous = main.get(&change.key).map_err(|e| sled_error("read a key", e))?;
        let old_keys = previous.map(|stored| value::chunk_keys(&stored, &base)).unwrap_or_default();
        let mut unchanged = false;
        match &change.value {
            Some(new) => {
                value::insert(&mut main_changes, &mut new_chunks, &change.key, &base, new);
                // The same large value again has the same chunks: they must not be removed after having been written.
                unchanged = !old_keys.is_empty() && get(&main, &chunks, &change.key)?.as_ref() == Some(new);
            }
            None => main_changes.remove(change.key.as_slice()),
        }
        if !unchanged {
            old_keys.into_iter().for_each(|key| old_chunks.remove(key));
        }
    }
    new_chunks.apply_in_order(&chunks).map_err(|e| sled_error("write", e))?;
    main_changes.apply_at_once(&main).map_err(|e| sled_error("write", e))?;
    old_chunks.apply_in_order(&chunks).map_err(|e| sled_error("write", e))
}

fn get(main: &Tree, chunks: &Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    match main.get(key).map_err(|e| sled_error("read a key", e))? {
        Some(stored) => decode(key, &stored, chunks).map(Some),
        None => Ok(None),
    }
}

fn decode(key: &[u8], stored: &[u8], chunks: &Tree) -> Result<Vec<u8>, Error> {
    value::read(stored, &chunk_base(key), Some(chunks), || format!("the local state under the key {:?}", String::from_utf8_lossy(key)))
}
