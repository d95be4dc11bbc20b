//! What all parts of a server share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::EvalId;
use model::{IdSource, RegionName, RolloutId};
use raftstore::{ProposeError, Replica, Role};
use rpc::message::Failure;
use rpc::transport::{Identity, Pool};
use state::{Applied, Command, Outcome, View};
use tokio::sync::{Notify, mpsc};

use crate::pool::PoolHandle;
use crate::start::Config;
use crate::watches::Watches;

/// How long a request waits for a leader before it gives up.
pub const LEADER_HOLD: Duration = Duration::from_secs(5);
/// The answer when there is none.
pub const NO_LEADER: &str = "No cluster leader";

pub struct Core {
    pub config: Config,
    pub region: RegionName,
    pub identity: Identity,
    pub replica: Replica,
    pub rpc: Pool,
    pub pool: PoolHandle,
    pub watches: Arc<Watches>,
    pub signals: Arc<Signals>,
    /// Proposals that this server is deciding as their origin.
    pub submitting: Mutex<BTreeSet<RolloutId>>,
    /// What the leader knows beside the state; `None` while this server does not lead.
    pub leading: Mutex<Option<Leading>>,
    /// Who asked this server to join the founding of the raft group.
    pub promised: Mutex<Option<u64>>,
    seeds: AtomicU64,
}

/// What tasks of the leader are told; all of it can be lost, because each of them looks at the whole view anyway.
#[derive(Default)]
pub struct Signals {
    /// Deployments, jobs, evaluations or rollouts changed.
    pub reconcile: Notify,
    /// Rollouts or deployments changed: there may be something to publish.
    pub publish: Notify,
    /// Room may have come up.
    pub capacity: Notify,
    /// Evaluations that changed, for the broker.
    pub evals: Mutex<Option<mpsc::UnboundedSender<EvalId>>>,
}

/// The leader's memory; gone with leadership.
pub struct Leading {
    pub heartbeats: control::Heartbeats,
}

impl Core {
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        config: Config,
        identity: Identity,
        replica: Replica,
        rpc: Pool,
        pool: PoolHandle,
        watches: Arc<Watches>,
        signals: Arc<Signals>,
    ) -> Self {
        let region = RegionName::from(config.region.as_str());
        Self {
            config,
            region,
            identity,
            replica,
            rpc,
            pool,
            watches,
            signals,
            submitting: Mutex::default(),
            leading: Mutex::default(),
            promised: Mutex::default(),
            seeds: AtomicU64::new(rand::random()),
        }
    }

    pub fn view(&self) -> View {
        self.replica.view()
    }

    /// A source of ids for one decision.
    pub fn ids(&self) -> IdSource {
        IdSource::new(self.seeds.fetch_add(0x2545_f491_4f6c_dd1d, Ordering::Relaxed) ^ rand::random::<u64>())
    }

    pub fn is_leader(&self) -> bool {
        self.replica.watch_leadership().borrow().role == Role::Leader
    }

    /// rpc address of the leader, if one is known.
    pub fn leader_address(&self) -> Option<String> {
        let status = self.replica.status();
        let leader = status.leadership.leader?;
        status.members.into_iter().find(|member| member.id == leader).map(|member| member.node.rpc_addr)
    }

    pub fn leading(&self) -> MutexGuard<'_, Option<Leading>> {
        self.leading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn submitting(&self) -> MutexGuard<'_, BTreeSet<RolloutId>> {
        self.submitting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a command through the log. It is durable on a majority and applied here when this returns.
    pub async fn propose(&self, command: Command) -> Result<Applied, Failure> {
        self.replica.propose(command).await.map_err(failure)
    }

    /// As [`Core::propose`]; a refusal is a failure with its text.
    pub async fn execute(&self, command: Command) -> Result<Applied, Failure> {
        let applied = self.propose(command).await?;
        match &applied.outcome {
            Outcome::Refused(text) => Err(refusal(text)),
            Outcome::Busy { winner } => Err(Failure::new(409, format!("another rollout of the job is being decided: {winner}"))),
            Outcome::Done | Outcome::Registered { .. } => Ok(applied),
        }
    }
}

/// A refusal by the state, with the code of the interface.
pub fn refusal(text: &str) -> Failure {
    let code = if text.ends_with("not found") { 404 } else { 500 };
    Failure::new(code, text)
}

fn failure(error: ProposeError) -> Failure {
    match error {
        ProposeError::NotLeader { .. } => Failure::internal(NO_LEADER),
        other => Failure::internal(other.to_string()),
    }
}

/// Unix nanoseconds. Taken once per decision and handed down; never used to enable a step of a rollout.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
