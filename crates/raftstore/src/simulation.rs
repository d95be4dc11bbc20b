//! Groups of openraft with this crate's glue, a seed each: in invented time, on a network that loses, delays and cuts, and on a log that forgets
//! what it had not written when its server crashes.
//!
//! Real: openraft, the messages and their handler, the client, the state machine. Invented: time, the network, and the log's disk: what is
//! appended is in memory until a write that takes its time is done. That the real log keeps what its barrier covered is for `tests/power.rs`.
//! The seed decides what goes wrong; openraft rolls dice of its own for its elections.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use model::{EvalId, Evaluation, IdSource, Uuid};
use openraft::async_runtime::WatchReceiver;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{Config, OptionalSend, SnapshotPolicy};
use state::Command;
use tokio::sync::{mpsc, oneshot};

use crate::Raft;
use crate::log::{LogOptions, LogStore};
use crate::machine::Machine;
use crate::network::{Call, Network, NetworkOptions, RaftTransport, TransportError};
use crate::snapshot::{SnapshotReceiver, SnapshotStore};
use crate::types::{Entry, LogId, Proposal, ServerNode, Types, Vote};
use crate::wire::Handler;

const SEEDS: u64 = 24;
const N_SERVERS: u64 = 3;
const N_STEPS: usize = 80;
/// Far more than an election and a round need once the faults have stopped.
const REST_MAX: Duration = Duration::from_secs(120);

/// Whatever crashes and is cut off: what was acknowledged is in every replica in the end, all replicas are equal, and no vote goes back.
#[test]
fn no_seed_loses_what_was_acknowledged() {
    let halves = [0, 1].map(|first| std::thread::spawn(move || (first..SEEDS).step_by(2).map(play_honestly).sum::<usize>()));
    let n_acknowledged: usize = halves.into_iter().map(|half| half.join().expect("no violation")).sum();
    assert!(n_acknowledged > 20 * SEEDS as usize, "only {n_acknowledged} writes were acknowledged: hardly anything happened");
}

fn play_honestly(seed: u64) -> usize {
    play(seed, Disk::Honest).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"))
}

/// A disk that says that it has written what it has not loses what was acknowledged: the check above can fail.
#[test]
fn a_disk_that_lies_is_noticed() {
    assert!((0..SEEDS).any(|seed| play(seed, Disk::Lies).is_err()), "{SEEDS} seeds with a lying disk, and nothing was lost");
}

#[derive(Clone, Copy, PartialEq)]
enum Disk {
    Honest,
    /// Acknowledges at once and writes seconds later.
    Lies,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All chance of a run but openraft's own.
struct Dice(Mutex<IdSource>);

impl Dice {
    fn below(&self, n: u64) -> u64 {
        lock(&self.0).next_u64() % n.max(1)
    }

    fn percent(&self, n: u64) -> bool {
        self.below(100) < n
    }

    fn milliseconds(&self, at_most: u64) -> Duration {
        Duration::from_micros(self.below(at_most * 1_000))
    }
}

// ---- the log

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

/// What is left of a server when it crashes.
#[derive(Default)]
struct Platter {
    known: Known,
    /// Grows with each crash: writes of an earlier life do not arrive any more.
    life: u64,
    violation: Option<String>,
}

enum Write {
    Append(Vec<Entry>, Option<IOFlushed<Types>>),
    Vote(Vote, oneshot::Sender<()>),
    Truncate(Option<LogId>, oneshot::Sender<()>),
    Purge(LogId),
    Committed(Option<LogId>),
}

/// One life of a log.
#[derive(Clone)]
struct Log {
    known: Arc<Mutex<Known>>,
    writes: mpsc::UnboundedSender<Write>,
    disk: Disk,
}

impl Log {
    fn open(platter: &Arc<Mutex<Platter>>, dice: &Arc<Dice>, disk: Disk) -> Self {
        let (writes, asked) = mpsc::unbounded_channel();
        let (known, life) = {
            let platter = lock(platter);
            (platter.known.clone(), platter.life)
        };
        tokio::spawn(write(Arc::clone(platter), life, Arc::clone(dice), disk, asked));
        Self { known: Arc::new(Mutex::new(known)), writes, disk }
    }

    fn send(&self, write: Write) -> Result<(), io::Error> {
        self.writes.send(write).map_err(|_| io::Error::other("the disk is gone"))
    }
}

/// Writes what was asked for together, after a while, and says so then.
async fn write(platter: Arc<Mutex<Platter>>, life: u64, dice: Arc<Dice>, disk: Disk, mut asked: mpsc::UnboundedReceiver<Write>) {
    while let Some(first) = asked.recv().await {
        let mut together = vec![first];
        while let Ok(next) = asked.try_recv() {
            together.push(next);
        }
        let at_most = match disk {
            Disk::Honest if dice.percent(5) => 400,
            Disk::Honest => 10,
            // Votes are waited for all the same.
            Disk::Lies if together.iter().any(|write| matches!(write, Write::Vote(..))) => 10,
            Disk::Lies => 5_000,
        };
        tokio::time::sleep(dice.milliseconds(at_most)).await;
        let mut platter = lock(&platter);
        if platter.life != life {
            return;
        }
        for write in together {
            let Platter { known, violation, .. } = &mut *platter;
            match write {
                Write::Append(entries, flushed) => {
                    known.entries.extend(entries.into_iter().map(|entry| (entry.log_id.index, entry)));
                    if let Some(flushed) = flushed {
                        flushed.io_completed(Ok(()));
                    }
                }
                Write::Vote(vote, done) => {
                    if known.vote.is_some_and(|before| before.partial_cmp(&vote).is_none_or(std::cmp::Ordering::is_gt)) {
                        *violation = Some(format!("the vote {:?} was followed by {vote:?}", known.vote));
                    }
                    known.vote = Some(vote);
                    let _ = done.send(());
                }
                Write::Truncate(last, done) => {
                    known.truncate(last);
                    let _ = done.send(());
                }
                Write::Purge(upto) => known.purge(upto),
                Write::Committed(committed) => known.committed = committed,
            }
        }
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
        if self.disk == Disk::Lies {
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

// ---- the network

#[derive(Default)]
struct Links {
    handlers: BTreeMap<u64, Arc<Handler>>,
    /// Nothing gets from the first to the second.
    cuts: BTreeSet<(u64, u64)>,
    lost: u64,
}

struct Hub {
    links: Mutex<Links>,
    dice: Arc<Dice>,
}

impl Hub {
    fn is_lost(&self, from: u64, to: u64) -> bool {
        let (is_cut, lost) = {
            let links = lock(&self.links);
            (links.cuts.contains(&(from, to)), links.lost)
        };
        is_cut || self.dice.percent(lost)
    }

    async fn delay(&self) {
        let late = self.dice.percent(5);
        tokio::time::sleep(self.dice.milliseconds(if late { 300 } else { 10 })).await;
    }
}

struct End {
    from: u64,
    hub: Arc<Hub>,
}

impl RaftTransport for End {
    async fn call(&self, call: Call) -> Result<Bytes, TransportError> {
        let (from, to) = (self.from, call.target);
        let answered = async {
            if self.hub.is_lost(from, to) {
                std::future::pending::<()>().await;
            }
            self.hub.delay().await;
            let handler = lock(&self.hub.links).handlers.get(&to).cloned();
            let handler = handler.ok_or_else(|| TransportError::Unreachable("not running".to_owned()))?;
            // It is done also when nobody waits for it any more.
            let answer = tokio::spawn(async move { handler.handle(call.kind, &call.body).await }).await;
            if self.hub.is_lost(to, from) {
                std::future::pending::<()>().await;
            }
            self.hub.delay().await;
            let answer = answer.map_err(|error| TransportError::Unreachable(error.to_string()))?;
            answer.map_err(|error| TransportError::Unreachable(error.to_string()))
        };
        tokio::time::timeout(call.timeout, answered).await.unwrap_or(Err(TransportError::Timeout))
    }
}

// ---- the group

struct Server {
    id: u64,
    platter: Arc<Mutex<Platter>>,
    /// For what the state machine needs beside the log; no snapshots are taken here.
    scratch: LogStore,
    home: std::path::PathBuf,
    running: Option<(Raft, Machine)>,
}

impl Server {
    fn new(home: &std::path::Path, id: u64) -> Self {
        let home = home.join(id.to_string());
        let scratch = LogStore::open(home.join("log"), &LogOptions::default()).expect("a log");
        Self { id, platter: Arc::default(), scratch, home, running: None }
    }

    async fn start(&mut self, hub: &Arc<Hub>, disk: Disk) {
        let config = Config {
            cluster_name: "region".to_owned(),
            heartbeat_interval: 100,
            election_timeout_min: 400,
            election_timeout_max: 800,
            enable_pre_vote: Some(true),
            enable_leader_restore: Some(false),
            snapshot_policy: SnapshotPolicy::Never,
            ..Config::default()
        };
        let options = NetworkOptions {
            append_timeout: Duration::from_secs(1),
            chunk_bytes: 1 << 20,
            chunk_timeout: Duration::from_secs(1),
            install_timeout: Duration::from_secs(5),
        };
        let log = Log::open(&self.platter, &hub.dice, disk);
        let snapshots = SnapshotStore::open(&self.home.join("snapshots"), self.scratch.clone()).expect("snapshots");
        let machine = Machine::new(snapshots, Arc::new(|_| ()));
        let transport = Arc::new(End { from: self.id, hub: Arc::clone(hub) });
        let network = Network { id: self.id, transport, options };
        let config = Arc::new(config.validate().expect("a configuration"));
        let raft = Raft::new(self.id, config, network, log, machine.clone()).await.expect("raft");
        let receiver = SnapshotReceiver::open(self.home.join("receiving")).expect("a receiver");
        if self.id == 1 {
            // Again with every start: that it is founded is on disk a little after openraft says so. One that is founded stays as it is.
            let members: BTreeMap<u64, ServerNode> = (1..=N_SERVERS).map(|id| (id, ServerNode::default())).collect();
            let _ = raft.initialize(members).await;
        }
        lock(&hub.links).handlers.insert(self.id, Arc::new(Handler::new(raft.clone(), receiver)));
        self.running = Some((raft, machine));
    }

    /// What is not written is gone.
    async fn crash(&mut self, hub: &Hub) {
        lock(&hub.links).handlers.remove(&self.id);
        lock(&self.platter).life += 1;
        if let Some((raft, _)) = self.running.take() {
            let _ = raft.shutdown().await;
        }
    }
}

/// A command that can be found again.
fn marker(n: u64) -> Command {
    let eval = Evaluation { id: EvalId(Uuid::from_u128(u128::from(n) + 1)), ..Evaluation::default() };
    Command::UpsertEvals { evals: vec![eval], time: n as i64 }
}

fn has(machine: &Machine, n: u64) -> bool {
    machine.view().eval(EvalId(Uuid::from_u128(u128::from(n) + 1))).is_some()
}

/// Returns how many writes were acknowledged, or what was violated.
fn play(seed: u64, disk: Disk) -> Result<usize, String> {
    let home = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let mut servers: Vec<Server> = (1..=N_SERVERS).map(|id| Server::new(home.path(), id)).collect();
    let played = runtime.block_on(live(seed, disk, &mut servers));
    servers.iter_mut().for_each(|server| server.running = None);
    drop(runtime);
    servers.iter().for_each(|server| server.scratch.close().expect("a clean end"));
    played
}

async fn live(seed: u64, disk: Disk, servers: &mut [Server]) -> Result<usize, String> {
    let dice = Arc::new(Dice(Mutex::new(IdSource::new(seed))));
    let hub = Arc::new(Hub { links: Mutex::default(), dice: Arc::clone(&dice) });
    for server in servers.iter_mut() {
        server.start(&hub, disk).await;
    }
    let acknowledged: Arc<Mutex<BTreeSet<u64>>> = Arc::default();
    lock(&hub.links).lost = [0, 5, 20][dice.below(3) as usize];
    for n in 0..N_STEPS as u64 {
        let at = dice.below(N_SERVERS) as usize;
        match dice.below(20) {
            0 => servers[at].crash(&hub).await,
            1 if dice.percent(20) => {
                for server in servers.iter_mut() {
                    server.crash(&hub).await;
                }
            }
            2..5 if servers[at].running.is_none() => servers[at].start(&hub, disk).await,
            5 => _ = lock(&hub.links).cuts.insert((servers[at].id, 1 + dice.below(N_SERVERS))),
            6 => {
                let id = servers[at].id;
                let others = (1..=N_SERVERS).filter(|other| *other != id);
                lock(&hub.links).cuts.extend(others.flat_map(|other| [(id, other), (other, id)]));
            }
            7..9 => lock(&hub.links).cuts.clear(),
            _ => {}
        }
        // Whoever leads takes it.
        for (raft, _) in servers.iter().filter_map(|server| server.running.as_ref()) {
            let (raft, acknowledged) = (raft.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                if raft.client_write(Proposal(Arc::new(marker(n)))).await.is_ok() {
                    lock(&acknowledged).insert(n);
                }
            });
        }
        tokio::time::sleep(dice.milliseconds(400)).await;
    }
    rest(&hub, disk, servers, &acknowledged).await
}

/// The faults stop; then everything is looked at.
async fn rest(hub: &Arc<Hub>, disk: Disk, servers: &mut [Server], acknowledged: &Mutex<BTreeSet<u64>>) -> Result<usize, String> {
    {
        let mut links = lock(&hub.links);
        links.cuts.clear();
        links.lost = 0;
    }
    for server in servers.iter_mut() {
        if server.running.is_none() {
            server.start(hub, disk).await;
        }
    }
    let rafts: Vec<(Raft, Machine)> = servers.iter().filter_map(|server| server.running.clone()).collect();
    let last = async {
        loop {
            for (raft, _) in &rafts {
                let asked = raft.client_write(Proposal(Arc::new(marker(u64::MAX))));
                if let Ok(Ok(written)) = tokio::time::timeout(Duration::from_secs(5), asked).await {
                    return written.log_id.index;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let stands = |(raft, _): &(Raft, Machine)| format!("{}", *raft.metrics().borrow_watched());
    let last = tokio::time::timeout(REST_MAX, last).await;
    let last = last.map_err(|_| format!("no leader in the end: {:#?}", rafts.iter().map(stands).collect::<Vec<_>>()))?;
    for (raft, _) in &rafts {
        let applied = raft.wait(Some(REST_MAX)).applied_index_at_least(Some(last), "the last write").await;
        applied.map_err(|error| format!("a replica does not come along: {error}"))?;
    }
    let acknowledged = lock(acknowledged).clone();
    for (server, (_, machine)) in servers.iter().zip(&rafts) {
        if let Some(violation) = lock(&server.platter).violation.take() {
            return Err(format!("server {}: {violation}", server.id));
        }
        if let Some(lost) = acknowledged.iter().find(|n| !has(machine, **n)) {
            return Err(format!("server {} has lost the write {lost} of {} that were acknowledged", server.id, acknowledged.len()));
        }
        if *machine.view() != *rafts[0].1.view() {
            return Err(format!("servers {} and {} have different states", servers[0].id, server.id));
        }
    }
    for (raft, _) in rafts {
        let _ = raft.shutdown().await;
    }
    Ok(acknowledged.len())
}
