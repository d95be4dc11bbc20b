//! Consensus inside a region: invented, and honest.
//!
//! A leader appends; an entry is committed when a majority has *written* an entry of the leader's own term, and with it all before it. A server
//! that crashes loses what it had not written, never more. Who is elected has a log that is not behind those of the majority that elects, so
//! what was never committed can be lost or survive. A leader that nobody follows any more does not know it until it hears of the next.
//! How votes and messages achieve that is not simulated: that is openraft's affair.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use model::{Phase, RegionName, RolloutKind};
use state::{Command, Outcome, Store};

use super::Flaw;
use super::call::NO_LEADER;
use super::executor::Sim;
use super::trace::Trace;
use super::world::{Event, SECOND, World};

/// Signs of life of a leader, and looks whether there was one.
const HEARTBEAT: Duration = SECOND;
/// A leader that was not heard of for so long, and up to as much again, is replaced.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// What is appended in this time travels together.
const TOGETHER: Duration = Duration::from_micros(200);
/// A snapshot is taken after so many entries.
const SNAPSHOT_EVERY: usize = 40;
/// A command that is not committed by then is given up.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(20);

/// Of a log. The first entry of a leader has no command.
pub struct Entry {
    pub term: u64,
    pub command: Option<Command>,
    bytes: Vec<u8>,
}

impl Entry {
    fn new(term: u64, command: Option<Command>) -> Arc<Self> {
        let bytes = command.as_ref().map(|command| command.encode().expect("commands can be written")).unwrap_or_default();
        Arc::new(Self { term, command, bytes })
    }
}

type Answer = Result<Outcome, String>;

/// A server's part in its region's group. Log indexes count from 1; positions in `log` are one less.
#[derive(Default)]
pub struct Raft {
    pub term: u64,
    pub log: Vec<Arc<Entry>>,
    /// On disk.
    pub n_written: usize,
    /// Grows when a part of the log is replaced: a write that was under way then is none.
    writes: u64,
    is_writing: bool,
    pub is_elected: bool,
    /// Elected, and has applied all that was committed before.
    pub is_leader: bool,
    pub leader: Option<usize>,
    pub leader_heard: Duration,
    pub commit: usize,
    pub applied: usize,
    /// How much of the log is known to be the leader's.
    agreed: usize,
    // Of a leader only: how much the others have written,
    matched: BTreeMap<usize, usize>,
    /// who waits for an entry,
    waiting: BTreeMap<usize, oneshot::Sender<Answer>>,
    is_replicating: bool,
}

impl Raft {
    /// A log that everybody has and that is committed.
    pub fn founded(commands: &[Command]) -> Self {
        let log: Vec<_> = commands.iter().map(|command| Entry::new(0, Some(command.clone()))).collect();
        Self { n_written: log.len(), log, ..Self::default() }
    }

    /// The state after all of it, and the terms.
    pub fn all(&self) -> (Store, Vec<u64>) {
        (self.ahead(&Store::default()), self.log.iter().map(|entry| entry.term).collect())
    }

    pub fn restart(&mut self, index: usize) {
        let log = std::mem::take(&mut self.log);
        *self =
            Self { term: self.term, n_written: log.len(), writes: self.writes + 1, commit: index, applied: index, log, ..Self::default() };
    }

    /// How many entries were lost.
    pub fn lose_unwritten(&mut self, and_more: bool) -> usize {
        let n_left = if and_more { self.n_written.saturating_sub(2) } else { self.n_written };
        let n_lost = self.log.len() - n_left;
        self.log.truncate(n_left);
        self.n_written = n_left;
        (self.is_elected, self.is_leader) = (false, false);
        self.waiting.clear();
        n_lost
    }

    /// What elections compare.
    fn freshness(&self) -> (u64, usize) {
        (self.log.last().map_or(0, |entry| entry.term), self.log.len())
    }

    /// A state as if all of the log were committed.
    pub fn ahead(&self, store: &Store) -> Store {
        let mut store = store.clone();
        for (position, entry) in self.log.iter().enumerate().skip(self.applied) {
            if let Some(command) = &entry.command {
                store.apply(position as u64 + 1, command);
            }
        }
        store
    }

    fn step_down(&mut self) {
        (self.is_elected, self.is_leader) = (false, false);
        for (_, waiter) in std::mem::take(&mut self.waiting) {
            let _ = waiter.send(Err("the leader changed before it was committed; it may still take effect".to_owned()));
        }
    }
}

pub enum RaftMessage {
    /// Entries after the first `base`, and how much is committed.
    Append { term: u64, base: usize, entries: Vec<Arc<Entry>>, commit: usize },
    /// How much of the leader's log is written.
    Appended { term: u64, written: usize },
    /// There is a newer leader.
    Superseded { term: u64 },
}

impl RaftMessage {
    pub fn trace(&self, trace: &mut Trace) {
        match self {
            Self::Append { term, base, entries, commit } => {
                [0, *term, *base as u64, entries.len() as u64, *commit as u64].into_iter().for_each(|number| trace.number(number));
            }
            Self::Appended { term, written } => [1, *term, *written as u64].into_iter().for_each(|number| trace.number(number)),
            Self::Superseded { term } => [2, *term].into_iter().for_each(|number| trace.number(number)),
        }
    }
}

/// A region: its servers, and what its log has committed, as nobody in it knows it.
pub struct Group {
    pub name: RegionName,
    pub servers: Vec<usize>,
    /// The state after all that is committed and was applied somewhere.
    pub truth: Store,
    /// Terms of those entries.
    pub committed: Vec<u64>,
}

impl World {
    /// Puts a command into the leader's log; the receiver hears how it was applied.
    fn append(&mut self, at: usize, command: Command) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let raft = &mut self.servers[at].raft;
        if !raft.is_leader {
            let _ = answer.send(Err(NO_LEADER.to_owned()));
            return answered;
        }
        raft.log.push(Entry::new(raft.term, Some(command)));
        raft.waiting.insert(raft.log.len(), answer);
        raft.agreed = raft.log.len();
        self.write(at);
        self.replicate_soon(at);
        answered
    }

    fn replicate_soon(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if !std::mem::replace(&mut server.raft.is_replicating, true) {
            let life = server.life;
            self.plan(TOGETHER, Event::Replicate { at, life });
        }
    }

    pub fn replicate(&mut self, at: usize, life: u32) {
        let server = &mut self.servers[at];
        if server.life != life {
            return;
        }
        server.raft.is_replicating = false;
        if !server.raft.is_elected {
            return;
        }
        let peers = self.group_of(at).servers.clone();
        for peer in peers.into_iter().filter(|peer| *peer != at) {
            let raft = &self.servers[at].raft;
            let base = raft.matched.get(&peer).copied().unwrap_or_default();
            let message = RaftMessage::Append {
                term: raft.term,
                base,
                entries: raft.log.get(base..).unwrap_or_default().to_vec(),
                commit: raft.commit,
            };
            self.send_raft(at, peer, message);
        }
    }

    fn send_raft(&mut self, from: usize, to: usize, message: RaftMessage) {
        if self.network.is_cut(from, to, self.now) {
            return;
        }
        let delay = self.network.connection_delay(&mut self.dice);
        self.plan(delay, Event::Raft { from, to, message });
    }

    fn write(&mut self, at: usize) {
        let server = &mut self.servers[at];
        let raft = &mut server.raft;
        if raft.is_writing || raft.n_written == raft.log.len() {
            return;
        }
        raft.is_writing = true;
        let (life, writes, upto) = (server.life, raft.writes, raft.log.len());
        let delay = self.dice.duration(Duration::from_micros(100), server.disk_delay_max);
        self.plan(delay, Event::Written { at, life, writes, upto });
    }

    pub fn written(&mut self, at: usize, life: u32, writes: u64, upto: usize) {
        let server = &mut self.servers[at];
        if server.life != life {
            return;
        }
        let raft = &mut server.raft;
        raft.is_writing = false;
        if raft.writes == writes {
            raft.n_written = raft.n_written.max(upto);
        }
        self.write(at);
        // The disk has done its part; saying so takes somebody who runs.
        if !self.servers[at].is_stopped {
            self.say_written(at);
            self.commit(at);
        }
    }

    fn say_written(&mut self, at: usize) {
        let raft = &self.servers[at].raft;
        if let (false, Some(leader)) = (raft.is_elected, raft.leader) {
            let message = RaftMessage::Appended { term: raft.term, written: raft.n_written.min(raft.agreed) };
            self.send_raft(at, leader, message);
        }
    }

    pub fn raft(&mut self, from: usize, to: usize, message: RaftMessage) {
        if !self.servers[to].is_up {
            return;
        }
        match message {
            RaftMessage::Append { term, base, entries, commit } => self.take(from, to, term, base, &entries, commit),
            RaftMessage::Appended { term, written } => {
                let raft = &mut self.servers[to].raft;
                if raft.is_elected && raft.term == term {
                    let matched = raft.matched.entry(from).or_default();
                    *matched = written.max(*matched);
                    self.commit(to);
                }
            }
            RaftMessage::Superseded { term } => self.superseded(to, term),
        }
    }

    fn superseded(&mut self, at: usize, term: u64) {
        let raft = &mut self.servers[at].raft;
        if raft.term >= term {
            return;
        }
        raft.term = term;
        raft.leader = None;
        raft.agreed = raft.commit;
        if raft.is_elected {
            raft.step_down();
            self.has_ended = true;
            self.tell(|| format!("{}: leads no longer", self.servers[at].name));
        }
    }

    /// Another server's log becomes the leader's.
    fn take(&mut self, from: usize, at: usize, term: u64, base: usize, entries: &[Arc<Entry>], commit: usize) {
        if self.servers[at].raft.term > term {
            let term = self.servers[at].raft.term;
            return self.send_raft(at, from, RaftMessage::Superseded { term });
        }
        self.superseded(at, term);
        let now = self.now;
        let raft = &mut self.servers[at].raft;
        raft.leader = Some(from);
        raft.leader_heard = now;
        if base > raft.log.len() {
            // Of a server that lost what it had acknowledged: only one that is broken on purpose does.
            return;
        }
        for (n, entry) in entries.iter().enumerate() {
            let position = base + n;
            if raft.log.get(position).is_some_and(|known| known.term != entry.term) {
                raft.log.truncate(position);
                raft.n_written = raft.n_written.min(position);
                raft.writes += 1;
            }
            if position == raft.log.len() {
                raft.log.push(Arc::clone(entry));
            }
        }
        raft.agreed = raft.agreed.max(base + entries.len());
        raft.commit = raft.commit.max(commit.min(raft.agreed));
        self.apply(at);
        self.write(at);
        self.say_written(at);
    }

    /// What a majority has written.
    fn commit(&mut self, at: usize) {
        let n_voters = self.group_of(at).servers.len();
        let early = self.has(Flaw::CommitsUnwritten);
        let raft = &mut self.servers[at].raft;
        if !raft.is_elected {
            return;
        }
        let own = if early { raft.log.len() } else { raft.n_written };
        let mut written: Vec<usize> = raft.matched.values().copied().chain([own]).collect();
        written.resize(n_voters, 0);
        written.sort_unstable_by(|a, b| b.cmp(a));
        let by_majority = if early { own } else { written[n_voters / 2] };
        // Of an earlier term it may still be replaced.
        if by_majority > raft.commit && raft.log[by_majority - 1].term == raft.term {
            raft.commit = by_majority;
            self.apply(at);
            self.replicate_soon(at);
            if !std::mem::replace(&mut self.servers[at].raft.is_leader, true) {
                self.tell(|| format!("{}: leads", self.servers[at].name));
                self.lead(at);
            }
        }
    }

    /// What is committed, in the server's own state. Whoever does it first for its region shows what is true there.
    fn apply(&mut self, at: usize) {
        let region = self.servers[at].region;
        let through_bytes = at % 2 == 1;
        while self.servers[at].raft.applied < self.servers[at].raft.commit {
            let server = &mut self.servers[at];
            server.raft.applied += 1;
            let index = server.raft.applied;
            let entry = Arc::clone(&server.raft.log[index - 1]);
            let outcome = match &entry.command {
                Some(_) if through_bytes => {
                    let command = Command::decode(state::COMMAND_VERSION, &entry.bytes).expect("commands can be read");
                    Some(server.store.apply(index as u64, &command).outcome)
                }
                Some(command) => Some(server.store.apply(index as u64, command).outcome),
                None => None,
            };
            if index.is_multiple_of(SNAPSHOT_EVERY) && index <= server.raft.n_written {
                server.snapshot = (index, server.store.clone());
            }
            let waiter = server.raft.waiting.remove(&index);
            let group = &mut self.groups[region];
            match group.committed.get(index - 1) {
                Some(term) => assert_eq!(*term, entry.term, "{}: what was committed at {index} is another thing now", group.name),
                None => {
                    group.committed.push(entry.term);
                    let before = std::mem::replace(&mut group.truth, self.servers[at].store.clone());
                    if let (Some(command), Some(outcome)) = (&entry.command, &outcome) {
                        self.trace.bytes(&entry.bytes);
                        self.committed(region, &before, command, outcome);
                    }
                }
            }
            if let (Some(waiter), Some(outcome)) = (waiter, outcome) {
                let _ = waiter.send(Ok(outcome));
            }
        }
        let server = &mut self.servers[at];
        if server.raft.is_leader {
            server.reconcile.give();
            server.publish.give();
            server.schedule.give();
        }
    }

    /// Something is true in a region that was not before.
    fn committed(&mut self, region: usize, before: &Store, command: &Command, outcome: &Outcome) {
        let name = &self.groups[region].name;
        self.tell(|| match command {
            Command::SetRolloutPhase(change) => {
                format!("{name}: {} {} -> {} {}: {outcome:?}", change.id.lamport, change.from, change.to, change.cause)
            }
            Command::StageRollout { header, .. } => {
                let header =
                    format!("{}.{} {} v{} {:?}", header.id.lamport, header.id.origin, header.kind, header.job_version, header.regions);
                format!("{name}: stage {header}: {outcome:?}")
            }
            Command::AdoptRollout(adoption) => format!("{name}: adopt {}: {outcome:?}", adoption.id.lamport),
            Command::UnstageRollout { id, cause, .. } => format!("{name}: unstage {} ({cause}): {outcome:?}", id.lamport),
            other => format!("{name}: {other}: {outcome:?}"),
        });
        let truth = &self.groups[region].truth;
        let n_withdrawn = |store: &Store| store.rollouts().filter(|rollout| rollout.phase == Phase::Withdrawn).count();
        match command {
            Command::StageRollout { .. } if n_withdrawn(truth) > n_withdrawn(before) => self.told.wounded += 1,
            Command::UnstageRollout { id, .. } if *outcome == Outcome::Done && id.origin == *name => self.told.withdrawn += 1,
            Command::AdoptRollout(adoption) => {
                let is_run = truth.rollout(&adoption.id).is_some_and(|rollout| rollout.header.kind == RolloutKind::Run);
                let is_decision = adoption.id.origin == *name && matches!(outcome, Outcome::Registered { .. });
                self.told.committed += u64::from(is_run && is_decision);
                self.told.stopped += u64::from(!is_run && adoption.id.origin == *name);
            }
            Command::OverrideRollout { id, overrides, .. } => {
                self.told.overridden += 1;
                self.history.people_asserted(id, overrides);
            }
            Command::DeregisterJob { .. } | Command::RegisterJob(_) => self.history.people_were_here(truth),
            _ => {}
        }
        self.history.look(&self.groups);
    }

    // ---- elections

    pub fn watch(&mut self, at: usize, life: u32) {
        if self.servers[at].life != life {
            return;
        }
        self.plan(HEARTBEAT, Event::Watch { at, life });
        if self.servers[at].raft.is_elected {
            self.replicate_soon(at);
            return self.commit(at);
        }
        let patience = self.dice.duration(ELECTION_TIMEOUT, 2 * ELECTION_TIMEOUT);
        let is_alone = self.group_of(at).servers.len() == 1;
        if is_alone || self.servers[at].raft.leader_heard + patience < self.now {
            self.elect(at, false);
        }
    }

    /// `at` becomes leader if a majority can be asked and lets it. `forced`: also those that have a leader.
    pub fn elect(&mut self, at: usize, forced: bool) {
        if !self.servers[at].runs() {
            return;
        }
        let group = self.group_of(at);
        let freshness = self.servers[at].raft.freshness();
        let grants = |peer: &usize| {
            let other = &self.servers[*peer];
            let has_leader = other.raft.is_elected || other.raft.leader_heard + ELECTION_TIMEOUT > self.now;
            let may = other.runs() && self.network.is_connected(at, *peer, self.now) && other.raft.freshness() <= freshness;
            *peer == at || may && (forced || !has_leader)
        };
        let voters: Vec<usize> = group.servers.iter().copied().filter(grants).collect();
        if 2 * voters.len() <= group.servers.len() {
            return;
        }
        let term = 1 + voters.iter().map(|voter| self.servers[*voter].raft.term).max().unwrap_or_default();
        let peers = group.servers.clone();
        for voter in voters {
            self.superseded(voter, term);
            self.servers[voter].raft.leader = Some(at);
            self.servers[voter].raft.leader_heard = self.now;
        }
        self.begin_to_lead(at, term, &peers);
    }

    fn begin_to_lead(&mut self, at: usize, term: u64, peers: &[usize]) {
        self.told.elections += 1;
        self.tell(|| format!("{}: elected, term {term}", self.servers[at].name));
        let group = self.group_of(at);
        let has_all = |raft: &Raft| {
            group.committed.len() <= raft.log.len() && group.committed.iter().zip(&raft.log).all(|(term, entry)| *term == entry.term)
        };
        assert!(has_all(&self.servers[at].raft), "{}: what was committed is not in the log of the new leader", group.name);
        let others = peers.iter().filter(|peer| **peer != at);
        // What is committed there is the same everywhere.
        let matched = others.map(|peer| (*peer, self.servers[*peer].raft.commit.min(self.servers[*peer].raft.n_written))).collect();
        let raft = &mut self.servers[at].raft;
        raft.is_elected = true;
        raft.matched = matched;
        raft.waiting.clear();
        raft.log.push(Entry::new(term, None));
        raft.agreed = raft.log.len();
        self.write(at);
        self.replicate_soon(at);
    }

    /// Whether what is read at `at` now contains all that was acknowledged before: it asks a majority whether it still leads.
    pub fn is_consistent(&self, at: usize) -> bool {
        let raft = &self.servers[at].raft;
        let group = self.group_of(at);
        let follows = |peer: &usize| {
            let other = &self.servers[*peer];
            *peer == at || other.runs() && self.network.is_connected(at, *peer, self.now) && other.raft.term <= raft.term
        };
        let n_following = group.servers.iter().filter(|peer| follows(peer)).count();
        raft.is_leader && 2 * n_following > group.servers.len()
    }
}

impl Sim {
    /// Puts commands through the log; each has its answer when it is applied here, or when that is not known.
    pub async fn propose_many(&self, at: usize, commands: Vec<Command>) -> Vec<Answer> {
        let answers: Vec<_> = self.with(|world| commands.into_iter().map(|command| world.append(at, command)).collect());
        let all = futures::future::join_all(answers.into_iter().map(|answer| async {
            let given = self.timeout(COMMIT_TIMEOUT, answer).await;
            given
                .map_or_else(|| Err("not committed in time; it may still take effect".to_owned()), |given| given.unwrap_or_else(|_| lost()))
        }));
        all.await
    }

    pub async fn propose(&self, at: usize, command: Command) -> Answer {
        self.propose_many(at, vec![command]).await.pop().unwrap_or_else(lost)
    }
}

fn lost() -> Answer {
    Err("the server is gone".to_owned())
}
