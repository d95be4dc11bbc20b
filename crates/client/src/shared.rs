//! What all loops of one agent share.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use drivers::Drivers;
use model::{AllocId, Node, NodeId, Uuid};
use rand::RngExt;
use rpc::message::{Call, Failure, Hops, Read, ReadOptions, ReadReply, Reply, Request};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alloc::AllocHandle;
use crate::config::Config;
use crate::link::ServerLink;
use crate::meta::Dynamic;
use crate::stats::Samples;
use crate::store::Store;
use crate::updates::Updates;

/// One agent.
pub(crate) struct Shared {
    pub config: Config,
    pub node_id: NodeId,
    /// As it was fingerprinted, with the metadata in effect.
    pub node: Mutex<Arc<Node>>,
    pub dynamic_meta: Mutex<Dynamic>,
    /// One change of the metadata at a time.
    pub meta_turn: tokio::sync::Mutex<()>,
    pub secret: Uuid,
    pub drivers: Drivers,
    /// The agent's environment, without what tasks must not see.
    pub host_env: BTreeMap<String, String>,
    pub store: Store,
    pub link: Arc<dyn ServerLink>,
    pub allocs: Mutex<BTreeMap<AllocId, AllocHandle>>,
    pub updates: Updates,
    pub samples: Samples,
    /// How many directories may be sent to other nodes, and copied from them, at one time: each takes a thread.
    pub snapshots: Arc<Semaphore>,
    pub copies: Arc<Semaphore>,
    /// The region knows the node.
    pub registered: watch::Sender<bool>,
    /// The region may not know the node any more.
    pub doubt: Notify,
    /// Unix nanoseconds of the last answered heartbeat.
    pub last_heartbeat: AtomicI64,
    pub heartbeat_ttl: AtomicI64,
    /// Ends all loops.
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
}

impl Shared {
    /// As it is registered, or will be in a moment.
    pub fn node(&self) -> Arc<Node> {
        self.node.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_node(&self, node: Node) {
        *self.node.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(node);
    }

    pub fn dynamic_meta(&self) -> MutexGuard<'_, Dynamic> {
        self.dynamic_meta.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn allocs(&self) -> MutexGuard<'_, BTreeMap<AllocId, AllocHandle>> {
        self.allocs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn alloc(&self, id: AllocId) -> Option<AllocHandle> {
        self.allocs().get(&id).cloned()
    }

    /// For the servers of the node's region.
    pub fn call(&self, request: Request) -> Call {
        Call { region: self.config.region.clone(), hops: Hops::default(), request }
    }

    /// Asks the servers.
    pub async fn read(&self, options: ReadOptions, read: Read) -> Result<ReadReply, Failure> {
        match self.link.forward(self.call(Request::Read(options, read))).await? {
            Reply::Read(reply) => Ok(reply),
            _ => Err(Failure::internal("the servers gave another answer than was asked for")),
        }
    }

    /// Runs until it is done or the agent stops.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }
}

/// Growing pauses between attempts, spread so that many nodes do not come at once.
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub fn new(max: Duration) -> Self {
        Self { next: Self::FIRST, max }
    }

    const FIRST: Duration = Duration::from_millis(250);

    pub fn reset(&mut self) {
        self.next = Self::FIRST;
    }

    pub fn pause(&mut self) -> Duration {
        let pause = spread(self.next, 0.5, 1.0);
        self.next = (self.next * 2).min(self.max);
        pause
    }
}

/// A random share of `duration`.
pub(crate) fn spread(duration: Duration, from: f64, to: f64) -> Duration {
    duration.mul_f64(rand::rng().random_range(from..to))
}
