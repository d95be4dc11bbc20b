//! One allocation on this node: a handle for the others, a loop of its own in `life.rs`.

mod ahead;
mod dirs;
mod env;
mod interpolate;
mod life;
mod migrate;
mod payload;
mod spec;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drivers::{TaskDriver, TaskHandle};
use model::{AllocId, AllocUpdate, Allocation, ClientStatus};
use runner::{Input, Saved};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, mpsc, oneshot, watch};
use tracing::warn;

pub(crate) use dirs::{AllocDir, HIDDEN, SHARED};
pub(crate) use env::{host_env, parent_cgroup};
pub(crate) use migrate::{inheritance, is_awaited, migrates};

use crate::shared::Shared;
use crate::store::Life;

/// What an allocation's loop is told.
pub(crate) enum Command {
    /// The region changed it.
    Updated(Arc<Allocation>),
    /// Something that was begun for it has happened.
    Happened(Input),
    Restart {
        task: String,
        all_tasks: bool,
        answer: oneshot::Sender<Result<(), String>>,
    },
    Signal {
        task: String,
        signal: String,
        answer: oneshot::Sender<Result<(), String>>,
    },
    /// The node itself ends it, for this reason.
    Cut(String),
    /// The region may have forgotten what it was told.
    Report,
    /// The agent goes and takes its tasks with it; nobody is told.
    Halt,
}

/// What others see of an allocation. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AllocHandle {
    pub id: AllocId,
    pub dir: AllocDir,
    inner: Arc<Inner>,
}

struct Inner {
    alloc: Mutex<Arc<Allocation>>,
    commands: mpsc::UnboundedSender<Command>,
    finished: watch::Sender<bool>,
    finished_at: AtomicI64,
    collected: AtomicBool,
    forgetting: AtomicBool,
    cutting: AtomicBool,
    /// Its directory holds something of it.
    built: AtomicBool,
    /// Of its directory: read by who streams it, written by who builds, takes over or removes it.
    turn: Arc<RwLock<()>>,
    view: Mutex<View>,
}

/// What the loop shows of its inside.
#[derive(Default)]
struct View {
    saved: Option<Saved>,
    running: BTreeMap<String, Running>,
}

/// A task that the driver has.
#[derive(Clone)]
pub(crate) struct Running {
    pub driver: Arc<dyn TaskDriver>,
    pub handle: TaskHandle,
}

/// Takes an allocation up, from where an earlier agent left it if there was one.
pub(crate) fn begin(shared: &Arc<Shared>, alloc: Arc<Allocation>, life: Option<Life>) -> AllocHandle {
    let (commands, receiver) = mpsc::unbounded_channel();
    let handle = AllocHandle::new(shared, alloc.clone(), commands);
    handle.inner.collected.store(life.as_ref().is_some_and(|life| life.collected), Ordering::Relaxed);
    handle.inner.built.store(life.as_ref().is_some_and(|life| life.saved.has_dirs()), Ordering::Relaxed);
    let saved = life.map(|life| life.saved);
    match life::Life::new(shared, handle.clone(), alloc, saved, receiver) {
        Ok(life) => shared.spawn(life.run()),
        Err(unusable) => {
            warn!(alloc = %handle.id, error = unusable.0, "allocation cannot be run");
            handle.set_finished();
            shared.updates.push(AllocUpdate {
                id: handle.id,
                client_status: ClientStatus::Failed,
                client_description: unusable.0.into(),
                ..AllocUpdate::default()
            });
        }
    }
    handle
}

impl AllocHandle {
    fn new(shared: &Shared, alloc: Arc<Allocation>, commands: mpsc::UnboundedSender<Command>) -> Self {
        let inner = Inner {
            alloc: Mutex::new(alloc.clone()),
            commands,
            finished: watch::Sender::new(false),
            finished_at: AtomicI64::new(0),
            collected: AtomicBool::new(false),
            forgetting: AtomicBool::new(false),
            cutting: AtomicBool::new(false),
            built: AtomicBool::new(false),
            turn: Arc::default(),
            view: Mutex::default(),
        };
        Self { id: alloc.id, dir: AllocDir::new(&shared.config.alloc_dir, alloc.id), inner: Arc::new(inner) }
    }

    /// An allocation that ended before this agent knew of it.
    pub fn ended(shared: &Shared, alloc: Arc<Allocation>) -> Self {
        let (commands, _) = mpsc::unbounded_channel();
        let handle = Self::new(shared, alloc, commands);
        handle.set_finished();
        handle.set_collected();
        handle
    }

    pub fn alloc(&self) -> Arc<Allocation> {
        lock(&self.inner.alloc).clone()
    }

    pub fn set_alloc(&self, alloc: Arc<Allocation>) {
        *lock(&self.inner.alloc) = alloc;
    }

    /// A loop that has ended needs no commands.
    pub fn send(&self, command: Command) {
        let _ = self.inner.commands.send(command);
    }

    /// All tasks have ended.
    pub fn is_finished(&self) -> bool {
        *self.inner.finished.borrow()
    }

    pub async fn finished(&self) {
        // The sender lives as long as this handle.
        let _ = self.inner.finished.subscribe().wait_for(|finished| *finished).await;
    }

    fn set_finished(&self) {
        if !self.inner.finished.send_replace(true) {
            self.inner.finished_at.store(crate::time::now(), Ordering::Relaxed);
        }
    }

    /// Unix nanoseconds.
    pub fn finished_at(&self) -> i64 {
        self.inner.finished_at.load(Ordering::Relaxed)
    }

    /// Its directory was built, or has got data of another one.
    pub fn is_built(&self) -> bool {
        self.inner.built.load(Ordering::Relaxed)
    }

    pub fn set_built(&self) {
        self.inner.built.store(true, Ordering::Relaxed);
    }

    /// Nobody else reads, builds, takes over or removes its directory while this is kept.
    pub async fn hold(&self) -> OwnedRwLockWriteGuard<()> {
        self.inner.turn.clone().write_owned().await
    }

    /// The same, if nobody is at it.
    pub fn try_hold(&self) -> Option<OwnedRwLockWriteGuard<()>> {
        self.inner.turn.clone().try_write_owned().ok()
    }

    /// Others may read as well, but nobody changes its directory.
    pub async fn lease(&self) -> OwnedRwLockReadGuard<()> {
        self.inner.turn.clone().read_owned().await
    }

    /// Its directory was removed.
    pub fn is_collected(&self) -> bool {
        self.inner.collected.load(Ordering::Relaxed)
    }

    pub fn set_collected(&self) {
        self.inner.collected.store(true, Ordering::Relaxed);
    }

    /// Whether the caller is the first.
    pub fn begin_forgetting(&self) -> bool {
        !self.inner.forgetting.swap(true, Ordering::Relaxed)
    }

    /// Whether the caller is the first that ends it by the node's own decision.
    pub fn begin_cutting(&self) -> bool {
        !self.inner.cutting.swap(true, Ordering::Relaxed)
    }

    pub fn saved(&self) -> Option<Saved> {
        lock(&self.inner.view).saved.clone()
    }

    /// Tasks that run now.
    pub fn running(&self) -> BTreeMap<String, Running> {
        lock(&self.inner.view).running.clone()
    }

    /// Names of its tasks.
    pub fn tasks(&self) -> Vec<String> {
        let alloc = self.alloc();
        alloc.group().map(|group| group.tasks.iter().map(|task| task.name.clone()).collect()).unwrap_or_default()
    }

    /// Sends a command that has an answer.
    pub async fn ask(&self, command: impl FnOnce(oneshot::Sender<Result<(), String>>) -> Command) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer));
        answered.await.unwrap_or_else(|_| Err("the allocation has ended".to_owned()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
