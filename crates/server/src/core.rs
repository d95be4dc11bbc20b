//! What all parts of a server share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::{AutopilotConfig, EvalId, IdSource, RegionName, RolloutId};
use multiregion::submission;
use raftstore::{Leadership, ProposeError, Replica, Role};
use rpc::message::Failure;
use rpc::transport::{Identity, Pool};
use state::{Applied, Command, Outcome, View};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, debug_span, error};

pub use crate::clock::now;
use crate::events::Events;
use crate::founding::Founding;
use crate::instruments::Instruments;
use crate::pool::PoolHandle;
use crate::reports::Reports;
use crate::room;
use crate::start::Config;
use crate::succession::Succession;
use crate::watches::Watches;
use crate::worker::Worker;

/// How long a request waits for a leader before it gives up.
pub const LEADER_HOLD: Duration = Duration::from_secs(5);
/// The answer when there is none. Whoever gives it has done nothing of what was asked, so that it can be asked again.
pub const NO_LEADER: &str = "No cluster leader";
/// A leader that has not been heard of for this long is none: longer than the longest election timeout.
const LEADER_SILENCE: Duration = Duration::from_secs(5);
/// Enough for a commit to serve some together, few enough for others to come between.
const EVALUATING_AT_A_TIME: usize = 2;
/// A command that is not committed by then is given up. Shorter than what callers wait for.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(20);

pub struct Core {
    pub config: Config,
    pub region: RegionName,
    pub identity: Identity,
    pub replica: Replica,
    pub rpc: Pool,
    pub pool: PoolHandle,
    pub watches: Arc<Watches>,
    pub signals: Arc<Signals>,
    /// Who schedules here while this server leads.
    pub worker: Arc<Worker>,
    pub events: Arc<Events>,
    pub reports: Reports,
    /// Places for writes of clients.
    pub writes: Semaphore,
    /// Turns for clients that want jobs evaluated.
    pub evaluating: Semaphore,
    pub instruments: Arc<Instruments>,
    /// Proposals that this server is deciding as their origin.
    pub submitting: Mutex<BTreeSet<RolloutId>>,
    /// What the leader knows beside the state; `None` while this server does not lead.
    pub leading: Mutex<Option<Leading>>,
    pub founding: Arc<Founding>,
    pub succession: Succession,
    /// Everything ends with it.
    pub shutdown: CancellationToken,
    /// What must have ended when the server has.
    pub tasks: TaskTracker,
    leadership: watch::Receiver<Leadership>,
    /// When the leader was last heard of.
    leader_heard: Mutex<Instant>,
    /// Why this server cannot go on; empty as long as it can.
    failure: watch::Sender<String>,
    seeds: AtomicU64,
    /// Calls are numbered, so that lines of the log about one of them are found.
    n_calls: AtomicU64,
}

/// What tasks of the leader are told; all of it can be lost, because each of them looks at the whole view anyway.
#[derive(Default)]
pub struct Signals {
    /// Deployments, jobs, evaluations or rollouts changed.
    pub reconcile: Notify,
    /// Rollouts or deployments changed: there may be something to publish.
    pub publish: Notify,
    /// How the region schedules was changed.
    pub scheduler: Notify,
    /// The state was replaced.
    pub restored: Notify,
    /// Room may have come up; see [`Signals::room_came_up`].
    pub capacity: Notify,
    n_rooms: AtomicU64,
    /// Evaluations that changed, for the broker.
    pub evals: Mutex<Option<mpsc::UnboundedSender<EvalId>>>,
}

/// The leader's memory; gone with leadership.
pub struct Leading {
    pub heartbeats: control::Heartbeats,
    /// How each server of the raft group is, and since when.
    pub stability: BTreeMap<u64, Stability>,
    /// The servers without room on their disk, in words, if the others are no majority.
    pub without_room: Option<String>,
}

/// How a server is.
#[derive(Clone, Copy, Debug)]
pub struct Stability {
    pub is_healthy: bool,
    /// As healthy or not as now: by a clock for decisions, and in unix nanoseconds.
    pub since: Instant,
    pub time: i64,
    /// Neither the pool nor raft has heard of it since; `None` as long as one of them does.
    pub gone_since: Option<Instant>,
}

impl Signals {
    /// To be called when what brought the room is committed.
    pub fn room_came_up(&self) {
        self.n_rooms.fetch_add(1, Ordering::SeqCst);
        self.capacity.notify_one();
    }

    /// Changes when room came up. Whoever found none on a view that was taken after this may have missed what came since.
    pub fn n_rooms(&self) -> u64 {
        self.n_rooms.load(Ordering::SeqCst)
    }
}

impl Core {
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        config: Config,
        identity: Identity,
        replica: Replica,
        rpc: Pool,
        pool: PoolHandle,
        founding: Arc<Founding>,
        watches: Arc<Watches>,
        signals: Arc<Signals>,
        events: Arc<Events>,
        instruments: Arc<Instruments>,
        shutdown: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        let region = RegionName::from(config.region.as_str());
        let id = IdSource::new(rand::random()).next_uuid();
        let worker = Arc::new(Worker::new(id, config.worker.clone(), Arc::clone(&signals)));
        let writes = Semaphore::new(config.bounds.pending_writes);
        Self {
            config,
            region,
            identity,
            leadership: replica.watch_leadership(),
            replica,
            rpc,
            pool,
            watches,
            signals,
            worker,
            events,
            reports: Reports::default(),
            writes,
            evaluating: Semaphore::new(EVALUATING_AT_A_TIME),
            instruments,
            submitting: Mutex::default(),
            leading: Mutex::default(),
            founding,
            shutdown,
            tasks,
            succession: Succession::default(),
            leader_heard: Mutex::new(Instant::now()),
            failure: watch::Sender::new(String::new()),
            seeds: AtomicU64::new(rand::random()),
            n_calls: AtomicU64::new(0),
        }
    }

    pub fn view(&self) -> View {
        self.replica.view()
    }

    /// How the region looks after its servers: as a person said, or as this agent is configured.
    pub fn autopilot(&self) -> AutopilotConfig {
        self.view().autopilot().map_or_else(|| self.config.autopilot.clone(), |config| (**config).clone())
    }

    /// A source of ids for one decision.
    pub fn ids(&self) -> IdSource {
        IdSource::new(self.seeds.fetch_add(0x2545_f491_4f6c_dd1d, Ordering::Relaxed) ^ rand::random::<u64>())
    }

    /// The number of the next call.
    pub fn next_call(&self) -> u64 {
        self.n_calls.fetch_add(1, Ordering::Relaxed)
    }

    pub fn is_leader(&self) -> bool {
        self.leadership.borrow().role == Role::Leader && !self.shutdown.is_cancelled()
    }

    /// Raft id of the leader as raft knows it: it may be gone.
    pub fn leader_id(&self) -> Option<u64> {
        self.leadership.borrow().leader
    }

    /// rpc address of the leader, if there is one: raft's word alone lasts until the next election, so one that is silent does not count.
    pub fn leader_address(&self) -> Option<String> {
        let leader = self.leader_id()?;
        let is_there = if leader == self.replica.id() { self.is_leader() } else { self.leader_silence() < LEADER_SILENCE };
        if is_there { self.address_of(leader) } else { None }
    }

    /// rpc address of a server of the raft group.
    pub fn address_of(&self, raft_id: u64) -> Option<String> {
        let told = self.pool.address_of(raft_id).map(|address| address.to_string());
        told.or_else(|| self.replica.node_of(raft_id).map(|node| node.rpc_addr))
    }

    /// The leader was heard of.
    pub fn heard_leader(&self) {
        let now = Instant::now();
        let before = std::mem::replace(&mut *self.leader_heard.lock().unwrap_or_else(PoisonError::into_inner), now);
        self.instruments.last_contact.record(now - before);
    }

    /// How long ago that was, or since the start of this server; nothing on the leader itself.
    pub fn leader_silence(&self) -> Duration {
        if self.is_leader() {
            return Duration::ZERO;
        }
        self.leader_heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// This server cannot go on: says so, and ends [`crate::Server::fatal`].
    pub fn fail(&self, reason: String) {
        error!(%reason, "the server cannot go on");
        self.failure.send_if_modified(|known| {
            let is_first = known.is_empty();
            if is_first {
                *known = reason;
            }
            is_first
        });
    }

    /// Returns when the server cannot go on, with the reason.
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.subscribe();
        let failed = async {
            match failure.wait_for(|reason| !reason.is_empty()).await {
                Ok(reason) => reason.clone(),
                Err(_) => "the server is gone".to_owned(),
            }
        };
        tokio::select! {
            reason = failed => reason,
            reason = self.replica.watch_fatal() => reason,
        }
    }

    pub fn leading(&self) -> MutexGuard<'_, Option<Leading>> {
        self.leading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn submitting(&self) -> MutexGuard<'_, BTreeSet<RolloutId>> {
        self.submitting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a command through the log. It is durable on a majority and applied here when this returns.
    pub async fn propose(&self, command: Command) -> Result<Applied, Failure> {
        room::refuse(self)?;
        let span = debug_span!("propose", command = command.name());
        async {
            let began = Instant::now();
            self.instruments.raft_apply.increment();
            match tokio::time::timeout(COMMIT_TIMEOUT, self.replica.propose(command)).await {
                Ok(answer) => {
                    let applied = answer.map_err(failure)?;
                    self.instruments.commit_time.since(began);
                    debug!(index = applied.index, "applied");
                    Ok(applied)
                }
                Err(_) => Err(not_committed()),
            }
        }
        .instrument(span)
        .await
    }

    /// Puts several commands through the log, as one write; each has its answer.
    pub async fn propose_many(&self, commands: Vec<Command>) -> Result<Vec<Result<Applied, Failure>>, Failure> {
        room::refuse(self)?;
        let (began, n_commands) = (Instant::now(), commands.len());
        self.instruments.raft_apply.add(n_commands as u64);
        match tokio::time::timeout(COMMIT_TIMEOUT, self.replica.propose_many(commands)).await {
            Ok(answers) => {
                let answers = answers.map_err(failure)?;
                if n_commands > 0 {
                    self.instruments.commit_time.since(began);
                    debug!(n_commands, "applied together");
                }
                Ok(answers.into_iter().map(|answer| answer.map_err(failure)).collect())
            }
            Err(_) => Err(not_committed()),
        }
    }

    /// As [`Core::propose`]; a refusal is a failure with its text.
    pub async fn execute(&self, command: Command) -> Result<Applied, Failure> {
        done(self.propose(command).await?)
    }
}

/// What was applied; a failure if it was refused.
pub fn done(applied: Applied) -> Result<Applied, Failure> {
    match &applied.outcome {
        Outcome::Refused(text) => Err(refusal(text)),
        Outcome::Busy { winner } => Err(Failure::new(409, submission::busy(winner))),
        Outcome::MovedOn { winner } => Err(Failure::new(409, submission::moved_on(winner))),
        Outcome::Done | Outcome::Registered { .. } | Outcome::Launched { .. } => Ok(applied),
    }
}

/// A refusal by the state, with the code of the interface.
pub fn refusal(text: &str) -> Failure {
    let code = if text.ends_with("not found") { 404 } else { 500 };
    Failure::new(code, text)
}

fn not_committed() -> Failure {
    let seconds = COMMIT_TIMEOUT.as_secs();
    Failure::internal(format!(
        "not committed within {seconds} s, a majority of the region's servers does not answer; it may still take effect"
    ))
}

fn failure(error: ProposeError) -> Failure {
    match error {
        ProposeError::NotLeader { .. } => Failure::internal(NO_LEADER),
        other => Failure::internal(other.to_string()),
    }
}
