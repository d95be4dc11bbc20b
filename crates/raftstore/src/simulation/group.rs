//! The servers of a run, what is done to them, and what is expected of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{EvalId, Evaluation, Uuid};
use openraft::async_runtime::WatchReceiver;
use openraft::{ChangeMembers, ReadPolicy};
use state::{Command, View};

use super::disk::{Disk, Kind, Opened};
use super::lock;
use super::network::{End, Hub};
use super::world::{below, calm, milliseconds, note, percent, violated, violation};
use crate::Raft;
use crate::machine::{Machine, Published};
use crate::network::Network;
use crate::replica::ReplicaOptions;
use crate::snapshot::{SnapshotPolicy, SnapshotReceiver, SnapshotStore};
use crate::types::{Metrics, Proposal, ServerNode};
use crate::wire::Handler;

const N_SERVERS: u64 = 4;
/// The others learn or vote when somebody says so.
const N_FOUNDERS: u64 = 3;
const N_STEPS: usize = 80;
/// Far more than an election and a round need once the faults have stopped.
const REST_MAX: Duration = Duration::from_secs(120);

/// How often things happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub n_acknowledged: u64,
    pub n_reads: u64,
    pub n_changes: u64,
    pub n_built: u64,
    pub n_received: u64,
    pub n_crashes: u64,
}

impl Tally {
    fn counts(&mut self) -> [&mut u64; 6] {
        let Self { n_acknowledged, n_reads, n_changes, n_built, n_received, n_crashes } = self;
        [n_acknowledged, n_reads, n_changes, n_built, n_received, n_crashes]
    }

    pub(super) fn add(&mut self, mut other: Tally) {
        self.counts().into_iter().zip(other.counts()).for_each(|(count, more)| *count += *more);
    }

    /// Whether each happened so often in each of so many runs, on average.
    pub(super) fn is_at_least(mut self, mut least: Tally, n_runs: u64) -> bool {
        self.counts().into_iter().zip(least.counts()).all(|(count, least)| *count >= *least * n_runs)
    }
}

/// What was said and seen, on all servers together.
#[derive(Default)]
struct Seen {
    acknowledged: BTreeSet<u64>,
    /// By the index up to which the log is in them.
    states: BTreeMap<u64, View>,
    tally: Tally,
}

/// All servers go through the same states.
fn compare(seen: &Mutex<Seen>, server: u64, published: Published) {
    note(server, format_args!("applied up to {}", published.index));
    let view = Arc::clone(&published.view);
    if *lock(seen).states.entry(published.index).or_insert(view) != published.view {
        violated(format!("server {server} has another state at {} than an earlier one", published.index));
    }
}

/// A server that runs.
#[derive(Clone)]
struct Running {
    server: u64,
    raft: Raft,
    machine: Machine,
    disk: Disk,
    seen: Arc<Mutex<Seen>>,
}

impl Running {
    /// Taken if this one leads.
    async fn write(self, n: u64) {
        if self.raft.client_write(Proposal::new(marker(n))).await.is_ok() && !self.disk.is_dead() {
            note(self.server, format_args!("acknowledges the write {n}"));
            lock(&self.seen).acknowledged.insert(n);
        }
    }

    /// All that was acknowledged before is read, if anything is.
    async fn read(self, policy: ReadPolicy) {
        let before = lock(&self.seen).acknowledged.clone();
        if self.raft.ensure_linearizable(policy.clone()).await.is_err() || self.disk.is_dead() {
            return;
        }
        note(self.server, "reads");
        lock(&self.seen).tally.n_reads += 1;
        if let Some(missed) = before.iter().find(|n| !has(&self.machine, **n)) {
            violated(format!("a read on server {} ({policy:?}) misses the write {missed}, acknowledged before", self.server));
        }
    }

    fn voters(&self) -> Vec<u64> {
        self.raft.metrics().borrow_watched().membership_config.voter_ids().collect()
    }

    fn is_member(&self) -> bool {
        self.raft.metrics().borrow_watched().membership_config.membership().get_node(&self.server).is_some()
    }

    /// Not asked of a leader that was removed and leads a moment longer: openraft asserts, in debug builds, that nobody does.
    async fn change(self, change: ChangeMembers<u64, ServerNode>, retain: bool) {
        if !self.is_member() {
            return;
        }
        let what = format!("{change:?}");
        if self.raft.change_membership(change, retain).await.is_ok() && !self.disk.is_dead() {
            note(self.server, format_args!("has changed the members: {what}"));
            lock(&self.seen).tally.n_changes += 1;
        }
    }

    /// To a voter, as the real thing asks, and not if it could be the last one when the message is there: a leader that hands over takes no
    /// writes and shows no life until another leads, so it would be stuck.
    async fn hand_over(&self, heir: u64) {
        let voters = self.voters();
        if heir != self.server && voters.contains(&heir) && voters.len() > 2 {
            // It may have stopped for want of a disk.
            let _ = self.raft.trigger().transfer_leader(heir).await;
        }
    }

    /// As the real thing looks regularly whether the log has grown enough.
    async fn cut_log(&self, policy: SnapshotPolicy) {
        let applied = self.raft.metrics().borrow_watched().last_applied.map_or(0, |id| id.index);
        let newest = self.machine.snapshot_stats().newest_index;
        if policy.should_snapshot(applied.saturating_sub(newest), 0).is_some() {
            // It may have stopped for want of a disk.
            let _ = self.raft.trigger().snapshot().await;
        }
    }
}

struct Server {
    id: u64,
    disk: Disk,
    running: Option<Running>,
}

/// A command that can be found again.
fn marker(n: u64) -> Command {
    let eval = Evaluation { id: EvalId(Uuid::from_u128(u128::from(n) + 1)), ..Evaluation::default() };
    Command::UpsertEvals { evals: vec![eval], time: n as i64 }
}

fn has(machine: &Machine, n: u64) -> bool {
    machine.view().eval(EvalId(Uuid::from_u128(u128::from(n) + 1))).is_some()
}

pub(super) struct Group {
    servers: Vec<Server>,
    hub: Arc<Hub>,
    seen: Arc<Mutex<Seen>>,
    options: ReplicaOptions,
}

impl Group {
    pub(super) fn new(home: &Path, kind: Kind) -> Self {
        let servers = (1..=N_SERVERS).map(|id| Server { id, disk: Disk::new(home, id, kind), running: None }).collect();
        let options = ReplicaOptions {
            heartbeat: Duration::from_millis(100),
            election_timeout: (Duration::from_millis(400), Duration::from_millis(800)),
            append_timeout: Duration::from_secs(1),
            chunk_bytes: 200 + below(3_000) as usize,
            chunk_timeout: Duration::from_secs(1),
            install_timeout: Duration::from_secs(5),
            snapshot: SnapshotPolicy { n_entries_max: 3 + below(20), n_bytes_max: u64::MAX },
            n_entries_kept: below(10),
            ..ReplicaOptions::default()
        };
        Self { servers, hub: Arc::default(), seen: Arc::default(), options }
    }

    /// Everything, with faults and then without. Returns how often things happened, or what was violated.
    pub(super) async fn live(&mut self) -> Result<Tally, String> {
        for at in 0..self.servers.len() {
            self.start(at).await;
        }
        self.hub.lose([0, 5, 20][below(3) as usize]);
        for n in 0..N_STEPS as u64 {
            self.disturb().await;
            self.ask(n).await;
            tokio::time::sleep(milliseconds(400)).await;
            self.bury();
            if let Some(violation) = violation() {
                return Err(violation);
            }
        }
        calm();
        self.hub.heal();
        self.hub.lose(0);
        let rested = self.rest().await;
        violation().map_or(rested, Err)
    }

    async fn start(&mut self, at: usize) {
        let Self { servers, hub, seen, options } = self;
        let server = &mut servers[at];
        if server.running.is_some() {
            return;
        }
        let (id, disk) = (server.id, server.disk.reborn());
        note(id, "starts");
        let log = disk.open();
        let snapshots = SnapshotStore::open(&disk.folder("snapshots"), disk.clone());
        let receiver = SnapshotReceiver::open(disk.folder("receiving")).expect("a receiver");
        // The power may fail while it looks through its files.
        let Ok(snapshots) = snapshots else { return assert!(disk.is_dead(), "server {id} cannot read its snapshots") };
        let told = Arc::clone(seen);
        let life = disk.clone();
        let publisher = move |published| {
            if !life.is_dead() {
                compare(&told, id, published);
            }
        };
        let machine = Machine::new(snapshots, Arc::new(publisher), false, Default::default());
        let transport = Arc::new(End { server: id, disk: disk.clone(), hub: Arc::clone(hub) });
        let network = Network { id, transport, options: options.network_options(), at_once: Arc::default() };
        let config = Arc::new(options.raft_config().expect("a configuration"));
        let raft = match log {
            Opened::Invented(log) => Raft::new(id, config, network, log, machine.clone()).await,
            Opened::Real(log) => Raft::new(id, config, network, log, machine.clone()).await,
        };
        let raft = raft.expect("raft");
        if id == 1 {
            // Again with every start: that it is founded is on disk a little after openraft says so. One that is founded stays as it is.
            let members: BTreeMap<u64, ServerNode> = (1..=N_FOUNDERS).map(|id| (id, ServerNode::default())).collect();
            let _ = raft.initialize(members).await;
        }
        hub.plug(id, Handler::new(raft.clone(), receiver, Arc::default()));
        server.running = Some(Running { server: id, raft, machine, disk, seen: Arc::clone(seen) });
    }

    /// The power fails.
    fn crash(&mut self, at: usize) {
        if let Some(running) = &self.servers[at].running {
            running.disk.cut();
        }
        self.bury();
    }

    /// Ends what has lost power.
    fn bury(&mut self) {
        for server in &mut self.servers {
            let Some(dead) = server.running.take_if(|running| running.disk.is_dead()) else { continue };
            self.hub.unplug(server.id);
            let stats = dead.machine.snapshot_stats();
            let tally = &mut lock(&self.seen).tally;
            tally.n_crashes += 1;
            tally.n_built += stats.n_built;
            tally.n_received += stats.n_installed;
            tokio::spawn(async move { dead.raft.shutdown().await });
        }
    }

    async fn disturb(&mut self) {
        let at = below(N_SERVERS) as usize;
        match below(20) {
            0 => self.crash(at),
            1 if percent(20) => (0..self.servers.len()).for_each(|at| self.crash(at)),
            2..5 => {
                let at = (at..at + self.servers.len()).map(|at| at % self.servers.len()).find(|at| self.servers[*at].running.is_none());
                if let Some(at) = at {
                    self.start(at).await;
                }
            }
            5 => self.hub.cut(self.servers[at].id, 1 + below(N_SERVERS)),
            6 => self.isolate(self.servers[at].id),
            7..9 => self.hub.heal(),
            _ => {}
        }
    }

    fn isolate(&self, id: u64) {
        for other in (1..=N_SERVERS).filter(|other| *other != id) {
            self.hub.cut(id, other);
            self.hub.cut(other, id);
        }
    }

    /// Everybody is asked; whoever leads does it.
    async fn ask(&self, n: u64) {
        let change = percent(15).then(any_change);
        let heir = percent(3).then(|| 1 + below(N_SERVERS));
        let read = percent(40).then(|| if percent(50) { ReadPolicy::ReadIndex } else { ReadPolicy::LeaseRead });
        for running in self.servers.iter().filter_map(|server| server.running.as_ref()) {
            tokio::spawn(running.clone().write(n));
            if let Some(policy) = read.clone() {
                tokio::spawn(running.clone().read(policy));
            }
            if let Some((change, retain)) = change.clone() {
                tokio::spawn(running.clone().change(change, retain));
            }
            if let Some(heir) = heir {
                running.hand_over(heir).await;
            }
            running.cut_log(self.options.snapshot).await;
        }
    }

    /// The faults have stopped; all servers become voters again, and then everything is looked at.
    async fn rest(&mut self) -> Result<Tally, String> {
        let settled = tokio::time::timeout(REST_MAX, self.settle()).await;
        let last = settled.map_err(|_| format!("no leader in the end: {:#?}", self.stands()))?;
        for server in &self.servers {
            let Some(running) = &server.running else { continue };
            let applied = running.raft.wait(Some(REST_MAX)).applied_index_at_least(Some(last), "the last write").await;
            applied.map_err(|error| format!("server {} does not come along: {error}", server.id))?;
        }
        let mut tally = lock(&self.seen).tally;
        let seen = lock(&self.seen).acknowledged.clone();
        let running: Vec<&Running> = self.servers.iter().filter_map(|server| server.running.as_ref()).collect();
        for Running { server, machine, .. } in &running {
            if let Some(lost) = seen.iter().find(|n| !has(machine, **n)) {
                return Err(format!("server {server} has lost the write {lost} of {} that were acknowledged", seen.len()));
            }
            if *machine.view() != *running[0].machine.view() {
                return Err(format!("servers {} and {server} have different states", running[0].server));
            }
            tally.n_built += machine.snapshot_stats().n_built;
            tally.n_received += machine.snapshot_stats().n_installed;
        }
        tally.n_acknowledged = seen.len() as u64;
        Ok(tally)
    }

    /// Returns the index of the last write, when all servers run and vote.
    async fn settle(&mut self) -> u64 {
        loop {
            self.bury();
            for at in 0..self.servers.len() {
                self.start(at).await;
            }
            for running in self.servers.iter().filter_map(|server| server.running.as_ref()) {
                if !running.is_member() {
                    continue;
                }
                if let Ok(Some(last)) = tokio::time::timeout(Duration::from_secs(5), complete(&running.raft)).await {
                    return last;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn stands(&self) -> Vec<String> {
        let running = self.servers.iter().filter_map(|server| server.running.as_ref());
        running.map(|running| stand(running.server, &running.raft.metrics().borrow_watched())).collect()
    }
}

fn stand(server: u64, metrics: &Metrics) -> String {
    let Metrics { state, vote, last_log_index, last_applied, membership_config, .. } = metrics;
    let voters: Vec<u64> = membership_config.voter_ids().collect();
    format!("{server}: {state:?} {vote}, log up to {last_log_index:?}, applied {last_applied:?}, voters {voters:?}")
}

async fn complete(raft: &Raft) -> Option<u64> {
    let all = (1..=N_SERVERS).map(|id| (id, ServerNode::default())).collect();
    raft.change_membership(ChangeMembers::AddNodes(all), true).await.ok()?;
    raft.change_membership(ChangeMembers::ReplaceAllVoters((1..=N_SERVERS).collect()), true).await.ok()?;
    let written = raft.client_write(Proposal::new(marker(u64::MAX))).await.ok()?;
    Some(written.log_id.index)
}

/// Any change of one server's part, and whether one without a vote still learns.
fn any_change() -> (ChangeMembers<u64, ServerNode>, bool) {
    let id = 1 + below(N_SERVERS);
    let change = match below(6) {
        0 | 1 => ChangeMembers::AddNodes(BTreeMap::from([(id, ServerNode::default())])),
        2 | 3 => ChangeMembers::AddVoterIds(BTreeSet::from([id])),
        4 => ChangeMembers::RemoveVoters(BTreeSet::from([id])),
        _ => ChangeMembers::RemoveNodes(BTreeSet::from([id])),
    };
    (change, percent(50))
}
