//! One server's replica of its region: log, state and raft put together, with the calls that a server needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ClientWriteError, Fatal, ForwardToLeader, InitializeError, LinearizableReadError, RaftError};
use openraft::{ChangeMembers, Config, ServerState, SnapshotPolicy as BuiltInPolicy};
use state::{Applied, Command, View};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Raft;
use crate::error::Error;
use crate::files;
use crate::instruments::Instruments;
use crate::log::{LogOptions, LogStats, LogStore};
use crate::machine::{Machine, Publisher};
use crate::network::{Network, NetworkOptions, RaftTransport};
use crate::room::Room;
use crate::snapshot::{SnapshotFile, SnapshotPolicy, SnapshotReceiver, SnapshotStats, SnapshotStore};
use crate::task::blocking;
use crate::types::{LogId, Metrics, Outcome, Proposal, ServerNode, SnapshotMeta, Types};
use crate::wire::Handler;

/// Times and limits of a replica. The defaults suit servers of one region, near each other, on machines that are busy with other things.
#[derive(Debug, Clone)]
pub struct ReplicaOptions {
    /// How often the leader shows that it lives.
    pub heartbeat: Duration,
    /// A follower that hears nothing for the longer of these and then for a random time between them asks to be elected; with the default, after
    /// 0.7 to 0.9 s. Who still hears the leader gives no vote, so that one server that is busy replaces nobody.
    pub election_timeout: (Duration, Duration),
    /// How long a follower may take to make entries durable.
    pub append_timeout: Duration,
    /// Bytes of a snapshot in one message.
    pub chunk_bytes: usize,
    /// How long a follower may take for one such message; the transfer then goes on later, where it ended.
    pub chunk_timeout: Duration,
    /// How long a follower may take to check and load a snapshot.
    pub install_timeout: Duration,
    /// When to cut the log.
    pub snapshot: SnapshotPolicy,
    /// How often that is looked at.
    pub snapshot_interval: Duration,
    /// Entries that stay in the log although a snapshot covers them, for followers that are a little behind.
    pub n_entries_kept: u64,
    /// Sizes of the log.
    pub log: LogOptions,
    /// What measures the replica.
    pub instruments: Instruments,
    /// Whether what is published comes with its events.
    pub events: bool,
}

impl Default for ReplicaOptions {
    fn default() -> ReplicaOptions {
        ReplicaOptions {
            heartbeat: Duration::from_millis(100),
            election_timeout: (Duration::from_millis(250), Duration::from_millis(450)),
            append_timeout: Duration::from_secs(3),
            chunk_bytes: 1 << 20,
            chunk_timeout: Duration::from_secs(10),
            install_timeout: Duration::from_secs(120),
            snapshot: SnapshotPolicy::default(),
            snapshot_interval: Duration::from_secs(1),
            n_entries_kept: 10_000,
            log: LogOptions::default(),
            instruments: Instruments::default(),
            events: false,
        }
    }
}

impl ReplicaOptions {
    pub(crate) fn raft_config(&self) -> Result<Config, Error> {
        let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let config = Config {
            cluster_name: "region".to_owned(),
            heartbeat_interval: milliseconds(self.heartbeat),
            election_timeout_min: milliseconds(self.election_timeout.0),
            election_timeout_max: milliseconds(self.election_timeout.1),
            // A server that comes back from a partition must not unseat a leader that works.
            enable_pre_vote: Some(true),
            // A restarted leader is elected again: only then it is known to have applied all that was committed.
            enable_leader_restore: Some(false),
            // A follower whose disk has lied is no reason for its leader to end: it gets again what it has lost.
            allow_log_reversion: Some(true),
            max_payload_entries: 1024,
            snapshot_policy: BuiltInPolicy::Never,
            max_in_snapshot_log_to_keep: self.n_entries_kept,
            purge_batch_size: 1024.min(self.n_entries_kept.max(1)),
            // A follower that a snapshot would not bring forward gets entries.
            replication_lag_threshold: self.snapshot.n_entries_max.saturating_add(self.n_entries_kept).saturating_add(1),
            install_snapshot_timeout: milliseconds(self.install_timeout),
            backoff: "100ms 200ms ...2s".to_owned(),
            ..Config::default()
        };
        config.validate().map_err(|e| Error::Settings(e.to_string()))
    }

    pub(crate) fn network_options(&self) -> NetworkOptions {
        NetworkOptions {
            append_timeout: self.append_timeout,
            chunk_bytes: self.chunk_bytes.max(1),
            chunk_timeout: self.chunk_timeout,
            install_timeout: self.install_timeout,
        }
    }
}

/// The leader as far as this server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Its raft id.
    pub id: u64,
    /// Where it is.
    pub node: ServerNode,
}

/// Why a command or a membership change was not done.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// Ask the leader; without one, try again after an election.
    #[error("this server is not the leader")]
    NotLeader {
        /// The leader, if one is known.
        leader: Option<Leader>,
    },
    /// Leadership was lost in between: the command may be committed or not.
    #[error("leadership was lost while the command was on its way; it may or may not have taken effect")]
    Unknown,
    /// Not possible as things are.
    #[error("{0}")]
    Refused(String),
    /// Raft stopped; the process must end.
    #[error("raft stopped: {0}")]
    Fatal(String),
}

/// Why a consistent read is not possible here and now.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Ask the leader; without one, try again after an election.
    #[error("this server is not the leader")]
    NotLeader {
        /// The leader, if one is known.
        leader: Option<Leader>,
    },
    /// A majority does not answer.
    #[error("no majority of the region's servers answers")]
    NoQuorum,
    /// The state did not get there in time.
    #[error("the state did not reach index {index} within {timeout:?}")]
    Behind {
        /// What was waited for.
        index: u64,
        /// How long.
        timeout: Duration,
    },
    /// Raft stopped; the process must end.
    #[error("raft stopped: {0}")]
    Fatal(String),
}

/// How a read is made sure to see all that was acknowledged before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// By asking a majority.
    Quorum,
    /// By the time since a majority last answered: no message, but it trusts the servers' clocks to run at about the same speed.
    Lease,
}

/// What this server is in its region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It leads, and has applied everything that was committed before it led.
    Leader,
    /// It was elected, but has not applied everything yet.
    Elected,
    /// It follows and votes.
    Follower,
    /// It wants to lead.
    Candidate,
    /// It gets the log but has no vote.
    Learner,
    /// Raft has stopped.
    Stopped,
}

/// Who leads. Changes of it open and close the leader's scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leadership {
    /// Raft's term.
    pub term: u64,
    /// What this server is.
    pub role: Role,
    /// The leader's raft id, if one is known.
    pub leader: Option<u64>,
}

/// A server of the region's raft group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its raft id.
    pub id: u64,
    /// Where it is.
    pub node: ServerNode,
    /// Whether it votes.
    pub voter: bool,
}

/// Where this replica stands.
#[derive(Debug, Clone)]
pub struct Status {
    /// This server's raft id.
    pub id: u64,
    /// Who leads.
    pub leadership: Leadership,
    /// The last index in the log; 0 if empty.
    pub last_index: u64,
    /// The last index known to be committed.
    pub committed_index: u64,
    /// The last index in the state.
    pub applied_index: u64,
    /// The last index that the newest snapshot covers.
    pub snapshot_index: u64,
    /// The last index that was purged from the log.
    pub purged_index: u64,
    /// All servers of the group.
    pub members: Vec<Member>,
    /// Figures about the log.
    pub log: LogStats,
    /// Figures about snapshots.
    pub snapshots: SnapshotStats,
}

/// One server's replica. Clones share it.
#[derive(Clone)]
pub struct Replica {
    inner: Arc<Inner>,
}

struct Inner {
    id: u64,
    raft: Raft,
    machine: Machine,
    log: LogStore,
    handler: Handler,
    leadership: watch::Receiver<Leadership>,
    /// The term of the election that need not wait; 0: none.
    at_once: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<()>>,
}

impl Replica {
    /// Opens the replica in `directory`, brings the state to where it was, and starts raft. `id` must belong to the directory's header: see
    /// [`crate::raft_id`].
    ///
    /// # Errors
    ///
    /// The directory cannot be used or is damaged; the options contradict each other.
    pub async fn open<T: RaftTransport>(
        directory: &Path,
        id: u64,
        options: ReplicaOptions,
        transport: Arc<T>,
        publisher: Publisher,
    ) -> Result<Replica, Error> {
        let config = Arc::new(options.raft_config()?);
        let (directory, instruments) = (directory.to_path_buf(), options.instruments.clone());
        let log_options = LogOptions { instruments: instruments.clone(), ..options.log.clone() };
        let (log, snapshots, receiver) = blocking(move || {
            files::create_directory(&directory)?;
            let log = LogStore::open(directory.join("log"), &log_options)?;
            let snapshots = SnapshotStore::open(&directory.join("snapshots"), log.clone())?;
            let covered = snapshots.newest().and_then(|(meta, _)| meta.last_log_id).map_or(0, |id| id.index);
            let purged = log.purged_index();
            if covered < purged {
                let what = format!("the log begins after entry {purged}, and no whole snapshot of the entries up to there is left");
                return Err(Error::corrupt(format!("what {} holds", directory.join("snapshots").display()), what));
            }
            let receiver = SnapshotReceiver::open(directory.join("receiving"))?;
            Ok((log, snapshots, receiver))
        })
        .await?;
        let machine = Machine::new(snapshots, publisher, options.events, instruments);
        let at_once = Arc::new(AtomicU64::new(0));
        let network = Network { id, transport, options: options.network_options(), at_once: at_once.clone() };
        let raft = match Raft::new(id, config, network, log.clone(), machine.clone()).await {
            Ok(raft) => raft,
            Err(error) => {
                close(log).await?;
                return Err(machine.take_damage().unwrap_or_else(|| Error::Fatal(error.to_string())));
            }
        };
        let metrics = raft.metrics();
        let (leadership_tx, leadership) = watch::channel(leadership_of(&metrics.borrow_watched()));
        let tasks = vec![
            tokio::spawn(watch_leadership(raft.clone(), leadership_tx)),
            tokio::spawn(cut_log(raft.clone(), log.clone(), machine.clone(), options.snapshot, options.snapshot_interval)),
        ];
        let handler = Handler::new(raft.clone(), receiver, log.room());
        let replica = Replica { inner: Arc::new(Inner { id, raft, machine, log, handler, leadership, at_once, tasks }) };
        replica.elect_if_alone().await?;
        Ok(replica)
    }

    /// This server's raft id.
    pub fn id(&self) -> u64 {
        self.inner.id
    }

    /// Whether there is room on the disk for commands. Without, none should be proposed here: what is left is for votes and for what was
    /// promised before.
    pub fn has_room(&self) -> bool {
        self.inner.log.room().get() == Room::Commands
    }

    /// openraft itself, for what has no call here.
    pub fn raft(&self) -> &Raft {
        &self.inner.raft
    }

    /// The state as of now on this server, which may be behind the leader's.
    pub fn view(&self) -> View {
        self.inner.machine.view()
    }

    /// Answers one message from another server. See [`Handler::handle`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn handle(&self, kind: u8, body: &[u8]) -> Result<bytes::Bytes, Error> {
        self.inner.handler.handle(kind, body).await
    }

    /// Puts a command through the log. It is durable on a majority and applied here when this returns.
    ///
    /// # Errors
    ///
    /// See [`ProposeError`].
    pub async fn propose(&self, command: Command) -> Result<Applied, ProposeError> {
        let written = self.inner.raft.client_write(Proposal::new(command)).await.map_err(write_error)?;
        answer(written.data)
    }

    /// Puts several commands through the log in this order, as one write if they fit, and answers in the same order.
    ///
    /// # Errors
    ///
    /// Raft has stopped; each command's own error is in its place.
    pub async fn propose_many(&self, commands: Vec<Command>) -> Result<Vec<Result<Applied, ProposeError>>, ProposeError> {
        let proposals: Vec<Proposal> = commands.into_iter().map(Proposal::new).collect();
        let mut results = self.inner.raft.client_write_many(proposals).await.map_err(fatal_write)?;
        let mut answers = Vec::new();
        while let Some(result) = results.next().await {
            answers.push(match result.map_err(fatal_write)? {
                Ok(written) => answer(written.response),
                Err(error) => Err(client_error(error)),
            });
        }
        Ok(answers)
    }

    /// Makes sure, on the leader, that the state contains all that was acknowledged before the call, and returns an index from which on any
    /// server's state does. A follower asks the leader for it and then waits with [`Replica::wait_applied`].
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn ensure_linearizable(&self, freshness: Freshness) -> Result<u64, ReadError> {
        let policy = match freshness {
            Freshness::Quorum => openraft::ReadPolicy::ReadIndex,
            Freshness::Lease => openraft::ReadPolicy::LeaseRead,
        };
        match self.inner.raft.ensure_linearizable(policy).await {
            Ok(read) => Ok(read.log_id().index),
            Err(RaftError::Fatal(fatal)) => Err(ReadError::Fatal(fatal.to_string())),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => {
                Err(ReadError::NotLeader { leader: leader_of(forward) })
            }
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => Err(ReadError::NoQuorum),
        }
    }

    /// Waits until this server's state contains the log up to `index`.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub async fn wait_applied(&self, index: u64, timeout: Duration) -> Result<(), ReadError> {
        let waited = self.inner.raft.wait(Some(timeout)).applied_index_at_least(Some(index), "a read").await;
        match waited {
            Ok(_) => Ok(()),
            Err(openraft::metrics::WaitError::Timeout(..)) => Err(ReadError::Behind { index, timeout }),
            Err(stopped) => Err(ReadError::Fatal(stopped.to_string())),
        }
    }

    /// Founds the group: to be called on one server, or on several with the same members. A group that exists stays as it is.
    ///
    /// # Errors
    ///
    /// This server is not among the members, or raft has stopped.
    pub async fn initialize(&self, members: BTreeMap<u64, ServerNode>) -> Result<(), ProposeError> {
        match self.inner.raft.initialize(members).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(RaftError::APIError(refused)) => Err(ProposeError::Refused(refused.to_string())),
            Err(RaftError::Fatal(fatal)) => Err(fatal_write(fatal)),
        }
    }

    /// Whether this server belongs to a group, or has at least voted for one.
    ///
    /// # Errors
    ///
    /// Raft has stopped.
    pub async fn is_initialized(&self) -> Result<bool, ProposeError> {
        self.inner.raft.is_initialized().await.map_err(fatal_write)
    }

    /// Adds a server that gets the log but has no vote; with `wait`, returns when it is nearly up to date.
    ///
    /// # Errors
    ///
    /// See [`ProposeError`].
    pub async fn add_learner(&self, id: u64, node: ServerNode, wait: bool) -> Result<(), ProposeError> {
        self.inner.raft.add_learner(id, node, wait).await.map(|_| ()).map_err(write_error)
    }

    /// Gives votes to learners.
    ///
    /// # Errors
    ///
    /// See [`ProposeError`].
    pub async fn promote(&self, ids: BTreeSet<u64>) -> Result<(), ProposeError> {
        self.change_membership(ChangeMembers::AddVoterIds(ids), true).await
    }

    /// Takes a server out of the group, whether it votes or not.
    ///
    /// # Errors
    ///
    /// See [`ProposeError`].
    pub async fn remove(&self, id: u64) -> Result<(), ProposeError> {
        let members = self.status().members;
        match members.into_iter().find(|member| member.id == id) {
            None => Err(ProposeError::Refused(format!("no server of this region has the raft id {id}"))),
            Some(member) if member.voter => self.change_membership(ChangeMembers::RemoveVoters(BTreeSet::from([id])), false).await,
            Some(_) => self.change_membership(ChangeMembers::RemoveNodes(BTreeSet::from([id])), false).await,
        }
    }

    /// Replaces the name and addresses of a member. It must be the same server, with the same data.
    ///
    /// # Errors
    ///
    /// See [`ProposeError`].
    pub async fn update_address(&self, id: u64, node: ServerNode) -> Result<(), ProposeError> {
        self.change_membership(ChangeMembers::SetNodes(BTreeMap::from([(id, node)])), true).await
    }

    /// Any membership change. With `retain`, voters that are removed stay as learners.
    ///
    /// # Errors
    ///
    /// See [`ProposeError`].
    pub async fn change_membership(&self, change: ChangeMembers<u64, ServerNode>, retain: bool) -> Result<(), ProposeError> {
        self.inner.raft.change_membership(change, retain).await.map(|_| ()).map_err(write_error)
    }

    /// Hands leadership to another voter and returns when this server no longer leads. Its own id changes nothing.
    ///
    /// # Errors
    ///
    /// This server does not lead, the target has no vote, or it did not take over within `timeout`.
    pub async fn transfer_leadership(&self, to: u64, timeout: Duration) -> Result<(), ProposeError> {
        let status = self.status();
        if !matches!(status.leadership.role, Role::Leader | Role::Elected) {
            let leader = status.leadership.leader.and_then(|id| status.members.into_iter().find(|member| member.id == id));
            return Err(ProposeError::NotLeader { leader: leader.map(|member| Leader { id: member.id, node: member.node }) });
        }
        // openraft would take no writes until another leads, which nobody was asked to.
        if to == self.inner.id {
            return Ok(());
        }
        if !status.members.iter().any(|member| member.id == to && member.voter) {
            return Err(ProposeError::Refused(format!("the raft id {to} is no voter of this region")));
        }
        self.inner.raft.trigger().transfer_leader(to).await.map_err(fatal_write)?;
        let another = |metrics: &Metrics| metrics.current_leader.is_some_and(|leader| leader != self.inner.id);
        let moved = self.inner.raft.wait(Some(timeout)).metrics(another, "leadership").await;
        match moved.map(|metrics| metrics.current_leader) {
            Ok(Some(leader)) if leader == to => Ok(()),
            Ok(Some(leader)) => {
                let name = self.node_of(leader).map_or_else(|| leader.to_string(), |node| node.name);
                Err(ProposeError::Refused(format!("{name} was elected instead")))
            }
            _ => Err(ProposeError::Refused(format!("raft id {to} did not take over within {timeout:?}"))),
        }
    }

    /// Asks to be elected without waiting for the time after which a silent leader is missed. To be called when the leader is known to have ended:
    /// the others vote for this server only if they know it as well.
    ///
    /// # Errors
    ///
    /// Raft has stopped.
    pub async fn elect_at_once(&self) -> Result<(), ProposeError> {
        let term = self.inner.raft.metrics().borrow_watched().current_term;
        self.inner.at_once.store(term + 1, Ordering::Relaxed);
        self.inner.raft.trigger().elect(false).await.map_err(fatal_write)
    }

    /// Builds a snapshot now, without waiting for it.
    ///
    /// # Errors
    ///
    /// Raft has stopped.
    pub async fn snapshot_now(&self) -> Result<(), ProposeError> {
        self.inner.raft.trigger().snapshot().await.map_err(fatal_write)
    }

    /// The newest snapshot, to be kept elsewhere.
    pub fn newest_snapshot(&self) -> Option<(SnapshotMeta, SnapshotFile)> {
        self.inner.machine.newest_snapshot()
    }

    /// The snapshot with this hash, if it is one of the newest.
    pub fn kept_snapshot(&self, blake3: [u8; 32]) -> Option<SnapshotFile> {
        self.inner.machine.kept_snapshot(blake3)
    }

    /// Where this replica stands.
    pub fn status(&self) -> Status {
        let metrics = self.inner.raft.metrics().borrow_watched().clone();
        let membership = metrics.membership_config.membership();
        let voters: BTreeSet<u64> = membership.voter_ids().collect();
        let members = membership.nodes().map(|(id, node)| Member { id: *id, node: node.clone(), voter: voters.contains(id) }).collect();
        let index = |id: &Option<LogId>| id.map_or(0, |id| id.index);
        Status {
            id: self.inner.id,
            leadership: leadership_of(&metrics),
            last_index: metrics.last_log_index.unwrap_or(0),
            committed_index: index(&metrics.local_committed),
            applied_index: index(&metrics.last_applied),
            snapshot_index: index(&metrics.snapshot),
            purged_index: index(&metrics.purged),
            members,
            log: self.inner.log.stats(),
            snapshots: self.inner.machine.snapshot_stats(),
        }
    }

    /// Where a server of the group is, as the membership says.
    pub fn node_of(&self, id: u64) -> Option<ServerNode> {
        self.inner.raft.metrics().borrow_watched().membership_config.membership().get_node(&id).cloned()
    }

    /// How many entries of the log a server has not acknowledged yet. `None`: this server does not lead, or has not heard of that one.
    pub fn lag_of(&self, id: u64) -> Option<u64> {
        let metrics = self.inner.raft.metrics();
        let metrics = metrics.borrow_watched();
        let matched = metrics.replication.as_ref()?.get(&id)?.as_ref()?.index;
        Some(metrics.last_log_index.unwrap_or(0).saturating_sub(matched))
    }

    /// The last entry of a server's log that the leader knows of, as term and index, and how long ago it acknowledged anything. `None`: this
    /// server does not lead, or has not heard of that one.
    pub fn heard_of(&self, id: u64) -> Option<(u64, u64, Duration)> {
        let metrics = self.inner.raft.metrics();
        let metrics = metrics.borrow_watched();
        if id == self.inner.id {
            return Some((metrics.current_term, metrics.last_log_index.unwrap_or(0), Duration::ZERO));
        }
        let matched = metrics.replication.as_ref()?.get(&id)?.as_ref()?;
        let acknowledged = metrics.heartbeat.as_ref()?.get(&id)?.as_ref()?;
        Some((matched.leader_id.term, matched.index, openraft::Instant::elapsed(&**acknowledged)))
    }

    /// Who leads, now and from now on.
    pub fn watch_leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// Returns when raft has stopped for a reason other than [`Replica::shutdown`], with the reason. The process must then end: the replica
    /// neither leads nor follows any more, and only a restart brings it back.
    pub async fn watch_fatal(&self) -> String {
        let mut metrics = self.inner.raft.metrics();
        loop {
            let stopped = match &metrics.borrow_watched().running_state {
                Ok(()) => None,
                Err(reason) => Some(reason.to_string()),
            };
            if let Some(reason) = stopped {
                return self.inner.log.failure().unwrap_or(reason);
            }
            if metrics.changed().await.is_err() {
                return self.inner.log.failure().unwrap_or_else(|| "raft's task is gone".to_owned());
            }
        }
    }

    /// Stops raft, writes everything out and lets go of the files.
    ///
    /// # Errors
    ///
    /// The last writes could not be made durable.
    pub async fn shutdown(&self) -> Result<(), Error> {
        for task in &self.inner.tasks {
            task.abort();
        }
        // It may have stopped before, by itself.
        let _ = self.inner.raft.shutdown().await;
        close(self.inner.log.clone()).await
    }

    /// A group of one need not wait for an election timeout.
    async fn elect_if_alone(&self) -> Result<(), Error> {
        let metrics = self.inner.raft.metrics().borrow_watched().clone();
        let voters: Vec<u64> = metrics.membership_config.membership().voter_ids().collect();
        if voters == [self.inner.id] {
            self.inner.raft.trigger().elect(false).await.map_err(|e| Error::Fatal(e.to_string()))?;
        }
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn close(log: LogStore) -> Result<(), Error> {
    blocking(move || log.close()).await
}

fn leadership_of(metrics: &Metrics) -> Leadership {
    let role = match metrics.state {
        _ if metrics.running_state.is_err() => Role::Stopped,
        // Its own first entry comes after everything that earlier leaders committed.
        ServerState::Leader if metrics.last_applied.is_some_and(|id| id.leader_id.term == metrics.current_term) => Role::Leader,
        ServerState::Leader => Role::Elected,
        ServerState::Follower => Role::Follower,
        ServerState::Candidate => Role::Candidate,
        ServerState::Learner => Role::Learner,
        ServerState::Shutdown => Role::Stopped,
    };
    Leadership { term: metrics.current_term, role, leader: metrics.current_leader }
}

async fn watch_leadership(raft: Raft, known: watch::Sender<Leadership>) {
    let mut metrics = raft.metrics();
    drop(raft);
    loop {
        let now = leadership_of(&metrics.borrow_watched());
        known.send_if_modified(|before| {
            let changed = *before != now;
            *before = now;
            changed
        });
        if metrics.changed().await.is_err() {
            known.send_modify(|leadership| leadership.role = Role::Stopped);
            return;
        }
    }
}

/// Looks regularly whether the log has grown enough to be cut.
async fn cut_log(raft: Raft, log: LogStore, machine: Machine, policy: SnapshotPolicy, interval: Duration) {
    let mut bytes_at_snapshot = 0;
    let mut index_at_snapshot = 0;
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        log.look_for_room();
        let n_bytes = log.n_bytes_appended();
        let newest = machine.snapshot_stats().newest_index;
        if newest != index_at_snapshot {
            index_at_snapshot = newest;
            bytes_at_snapshot = n_bytes;
        }
        let applied = raft.metrics().borrow_watched().last_applied.map_or(0, |id| id.index);
        let n_bytes_since = n_bytes.saturating_sub(bytes_at_snapshot);
        let Some(due) = policy.should_snapshot(applied.saturating_sub(newest), n_bytes_since) else { continue };
        // It may be larger than the one before. Without room the log grows, as long as there is room for that.
        if !log.has_room_for(machine.snapshot_stats().newest_bytes.saturating_mul(2)) {
            continue;
        }
        tracing::info!(?due, applied, newest, "cutting the raft log");
        if raft.trigger().snapshot().await.is_err() {
            return;
        }
    }
}

fn leader_of(forward: ForwardToLeader<Types>) -> Option<Leader> {
    Some(Leader { id: forward.leader_id?, node: forward.leader_node? })
}

fn answer(outcome: Outcome) -> Result<Applied, ProposeError> {
    outcome.0.ok_or_else(|| ProposeError::Fatal("a command was answered like an entry without one".to_owned()))
}

fn write_error(error: RaftError<Types, ClientWriteError<Types>>) -> ProposeError {
    match error {
        RaftError::APIError(error) => client_error(error),
        RaftError::Fatal(fatal) => fatal_write(fatal),
    }
}

fn client_error(error: ClientWriteError<Types>) -> ProposeError {
    match error {
        ClientWriteError::ForwardToLeader(forward) => ProposeError::NotLeader { leader: leader_of(forward) },
        ClientWriteError::LogEntryDiscarded(_) => ProposeError::Unknown,
        ClientWriteError::ChangeMembershipError(refused) => ProposeError::Refused(refused.to_string()),
        ClientWriteError::PreconditionFailed(refused) => ProposeError::Refused(refused.to_string()),
    }
}

fn fatal_write(fatal: Fatal<Types>) -> ProposeError {
    ProposeError::Fatal(fatal.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Call, TransportError};

    struct Nowhere;

    impl RaftTransport for Nowhere {
        async fn call(&self, _call: Call) -> Result<bytes::Bytes, TransportError> {
            Err(TransportError::Unreachable("there is nobody".to_owned()))
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_replica_that_cannot_write_says_so_and_acknowledges_nothing() {
        // The log fails under a leader: the pending command fails, the watch says why, and the role shows it.
        let home = tempfile::tempdir().expect("temporary directory");
        let options = ReplicaOptions {
            heartbeat: Duration::from_millis(50),
            election_timeout: (Duration::from_millis(100), Duration::from_millis(200)),
            ..ReplicaOptions::default()
        };
        let opened = Replica::open(home.path(), 1, options, Arc::new(Nowhere), Arc::new(|_| ())).await;
        let replica = opened.expect("replica");
        replica.initialize(BTreeMap::from([(1, ServerNode::default())])).await.expect("founded");
        let mut leadership = replica.watch_leadership();
        leadership.wait_for(|now| now.role == Role::Leader).await.expect("a leader");
        replica.propose(Command::Noop).await.expect("written");
        let before = replica.view().index();
        replica.inner.log.close().expect("closed");
        let refused = replica.propose(Command::Noop).await;
        assert!(matches!(refused, Err(ProposeError::Fatal(_))), "{refused:?}");
        let reason = tokio::time::timeout(Duration::from_secs(10), replica.watch_fatal()).await.expect("noticed");
        assert!(reason.contains("closed"), "{reason}");
        leadership.wait_for(|now| now.role == Role::Stopped).await.expect("the role shows it");
        assert_eq!(replica.view().index(), before);
    }
}
