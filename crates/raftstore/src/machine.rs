//! The state machine: applies committed entries to the state, publishes each new root, builds and installs snapshots.
//!
//! The state lives in memory. After a restart openraft installs the newest snapshot and applies the log up to the commit mark that the log
//! kept, so that nothing which was seen before is unseen afterwards.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use futures::{Stream, TryStreamExt};
use model::EventBatch;
use openraft::OptionalSend;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use state::snapshot::Restoring;
use state::{Command, Store, Touched, View};

use crate::error::Error;
use crate::instruments::Instruments;
use crate::snapshot::{SnapshotFile, SnapshotStats, SnapshotStore};
use crate::task::blocking;
use crate::types::{LogId, Outcome, Payload, SnapshotMeta, SnapshotWithBody, StoredMembership, Types};

/// Entries that are applied between two publications at most, so that watchers see progress while a server catches up.
const PUBLISH_EVERY: usize = 256;

/// A new state of the region, as it is told to whoever watches.
#[derive(Clone)]
pub struct Published {
    /// The state.
    pub view: View,
    /// The last log index that it contains.
    pub index: u64,
    /// What is new in it.
    pub change: Change,
    /// The events of the entries that are new in it, if they are wanted.
    pub events: Vec<EventBatch>,
}

/// What is new in a published state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Commands were applied; each thing they touched is named once.
    Applied(Touched),
    /// The state was replaced by a snapshot: anything may have changed.
    Restored,
}

/// Told of each new state, in order, from the task that applies: it must return quickly and never wait.
pub type Publisher = Arc<dyn Fn(Published) + Send + Sync>;

/// The handle of the state machine. Clones share it.
#[derive(Clone)]
pub struct Machine {
    shared: Arc<Shared>,
}

struct Shared {
    view: ArcSwap<Store>,
    position: Mutex<Position>,
    snapshots: SnapshotStore,
    publisher: Publisher,
    wants_events: bool,
    instruments: Instruments,
    /// Why a snapshot could not be loaded, if one could not: raft gives it on as mere text.
    damage: Mutex<Option<Error>>,
}

/// What the state contains: written by the task that applies, with the view.
#[derive(Clone, Default)]
struct Position {
    last_applied: Option<LogId>,
    membership: StoredMembership,
}

impl Machine {
    pub(crate) fn new(snapshots: SnapshotStore, publisher: Publisher, wants_events: bool, instruments: Instruments) -> Machine {
        let view = ArcSwap::from_pointee(Store::default());
        let position = Mutex::new(Position::default());
        let shared = Shared { view, position, snapshots, publisher, wants_events, instruments, damage: Mutex::default() };
        Machine { shared: Arc::new(shared) }
    }

    /// The state as of now, which never changes any more.
    pub fn view(&self) -> View {
        self.shared.view.load_full()
    }

    /// The newest snapshot.
    pub fn newest_snapshot(&self) -> Option<(SnapshotMeta, SnapshotFile)> {
        self.shared.snapshots.newest()
    }

    /// The snapshot with this hash, if it is kept.
    pub fn kept_snapshot(&self, blake3: [u8; 32]) -> Option<SnapshotFile> {
        self.shared.snapshots.with_hash(blake3)
    }

    /// The damage that was found while a snapshot was loaded, once.
    pub(crate) fn take_damage(&self) -> Option<Error> {
        self.shared.damage.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Figures about snapshots.
    pub fn snapshot_stats(&self) -> SnapshotStats {
        self.shared.snapshots.stats()
    }
}

impl Shared {
    fn position(&self) -> MutexGuard<'_, Position> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, store: &Store, position: &Position, change: Change, events: Vec<EventBatch>) {
        let began = Instant::now();
        let view = Arc::new(store.clone());
        *self.position() = position.clone();
        self.view.store(view.clone());
        let index = position.last_applied.map_or(0, |id| id.index);
        (self.publisher)(Published { view, index, change, events });
        self.instruments.publish.since(began);
    }

    fn install(&self, meta: &SnapshotMeta, body: &SnapshotFile) -> Result<(), Error> {
        let _running = self.instruments.restore.start();
        let mut restoring = Restoring::default();
        let found = body.read(|record| restoring.add(record).map_err(|e| e.to_string()))?;
        if found.last_log_id != meta.last_log_id {
            return Err(Error::corrupt(
                format!("the snapshot {}", body.path.display()),
                format!("it covers the log up to {:?}, not {:?}", found.last_log_id, meta.last_log_id),
            ));
        }
        self.snapshots.adopt(meta, body)?;
        let position = Position { last_applied: meta.last_log_id, membership: meta.last_membership.clone() };
        self.publish(&restoring.finish(), &position, Change::Restored, Vec::new());
        Ok(())
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        let position = self.shared.position();
        Ok((position.last_applied, position.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        let mut store = (*self.view()).clone();
        let mut position = self.shared.position().clone();
        let mut touched = Touched::default();
        let mut events = Vec::new();
        let mut answers = Vec::new();
        let mut n_pending = 0;
        let mut is_restored = false;
        loop {
            let next = entries.try_next().await?;
            if n_pending > 0 && (next.is_none() || n_pending >= PUBLISH_EVERY) {
                touched.dedup();
                let touched = std::mem::take(&mut touched);
                let change = if std::mem::take(&mut is_restored) { Change::Restored } else { Change::Applied(touched) };
                self.shared.publish(&store, &position, change, std::mem::take(&mut events));
                self.shared.instruments.applied_together.set(n_pending);
                // After publishing: whoever gets an answer finds what it wrote.
                for (responder, outcome) in answers.drain(..) {
                    let responder: openraft::storage::ApplyResponder<Types> = responder;
                    responder.send(outcome);
                }
                n_pending = 0;
            }
            let Some((entry, responder)) = next else { return Ok(()) };
            let index = entry.log_id.index;
            position.last_applied = Some(entry.log_id);
            let outcome = match entry.payload {
                Payload::Normal(proposal) => {
                    let began = Instant::now();
                    let applied = store.apply(index, proposal.command());
                    self.shared.instruments.applied(proposal.command(), began.elapsed());
                    if self.shared.wants_events {
                        let of_entry = store.events(proposal.command(), &applied);
                        events.extend((!of_entry.is_empty()).then_some(EventBatch { index, events: of_entry }));
                    }
                    touched.0.extend(applied.touched.0.iter().cloned());
                    is_restored |= applied.restored;
                    Outcome(Some(applied))
                }
                // The state's index follows the log's also where no command stands.
                Payload::Blank => {
                    store.apply(index, &Command::Noop);
                    Outcome(None)
                }
                Payload::Membership(membership) => {
                    store.apply(index, &Command::Noop);
                    position.membership = StoredMembership::new(Some(entry.log_id), membership);
                    Outcome(None)
                }
            };
            n_pending += 1;
            answers.extend(responder.map(|responder| (responder, outcome)));
        }
    }

    async fn try_create_snapshot_builder(&mut self, _force: bool) -> Option<Builder> {
        Some(self.get_snapshot_builder().await)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let position = self.shared.position().clone();
        let meta = SnapshotMeta { last_log_id: position.last_applied, last_membership: position.membership };
        Builder { view: self.view(), meta, shared: self.shared.clone() }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: SnapshotFile) -> Result<(), io::Error> {
        let (shared, meta) = (self.shared.clone(), meta.clone());
        let installed = blocking(move || shared.install(&meta, &snapshot)).await;
        Ok(installed.inspect_err(|error| {
            if let Error::Corrupt { .. } = error {
                *self.shared.damage.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.again());
            }
        })?)
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotWithBody>, io::Error> {
        Ok(self.shared.snapshots.newest().map(|(meta, snapshot)| SnapshotWithBody { meta, snapshot }))
    }
}

/// Writes one snapshot of a view, beside whatever is applied meanwhile.
pub struct Builder {
    view: View,
    meta: SnapshotMeta,
    shared: Arc<Shared>,
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(&mut self) -> Result<SnapshotWithBody, io::Error> {
        let (view, meta, shared) = (self.view.clone(), self.meta.clone(), self.shared.clone());
        let snapshot = blocking(move || {
            let _running = shared.instruments.persist.start();
            shared.snapshots.build(&meta, view.snapshot_records())
        })
        .await;
        match snapshot {
            Ok(snapshot) => Ok(SnapshotWithBody { meta: self.meta.clone(), snapshot }),
            // A full disk is no reason to end: the one before is as good, and the log goes back to it.
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::StorageFull && self.shared.snapshots.newest().is_some() => {
                tracing::warn!("no room on the disk for a snapshot: the log cannot be cut until there is");
                let newest = self.shared.snapshots.newest();
                newest.map(|(meta, snapshot)| SnapshotWithBody { meta, snapshot }).ok_or(source)
            }
            Err(error) => Err(error.into()),
        }
    }
}
