//! Simulated nodes: they register, heartbeat, pull what they shall run and report it as running, over the real rpc, and run nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use client::Pacer;
use model::{AllocId, AllocUpdate, Allocation, ClientStatus, Node, NodeId, RegionName, TaskEvent, TaskPhase, TaskState, Time, Uuid};
use rpc::message::{Call, Hops, NodeAllocs, NodeReply, NodeRequest, Reply, Request};
use rpc::transport::{Identity, Limits, Pool};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use crate::wait::until_within;

/// A node's changes within this time go out together, as a node agent does it.
const REPORT_AFTER: Duration = Duration::from_millis(200);
const PULL_WAIT: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);
/// Nodes that register at once.
const REGISTERING_MAX: usize = 256;
/// Longer than any region needs to take over what a swarm brings.
const STUCK: Duration = Duration::from_secs(120);

/// What a swarm has seen so far, all nodes together.
#[derive(Debug, Default)]
pub struct Seen {
    pub n_registered: AtomicU64,
    /// Allocations that nodes were given to run.
    pub n_pulled: AtomicU64,
    /// Allocations of which the region has taken over that they run.
    pub n_running: AtomicU64,
    /// Allocations that were to be stopped, and are.
    pub n_stopped: AtomicU64,
    pub n_heartbeats: AtomicU64,
    pub n_failures: AtomicU64,
    /// The longest time to live that a node was given, in nanoseconds.
    pub ttl_max: AtomicI64,
}

/// Simulated nodes; they end when this is dropped.
pub struct Swarm {
    pub seen: Arc<Seen>,
    nodes: HashMap<NodeId, AbortHandle>,
    _tasks: JoinSet<()>,
}

impl Swarm {
    /// `servers`: rpc addresses; nodes are spread over as many connections to each as `connections` says.
    pub fn start(region: &str, servers: &[String], nodes: Vec<Node>, connections: usize) -> Self {
        let seen = Arc::new(Seen::default());
        let limits = Limits { open_requests_max: 1 << 20, ..Limits::default() };
        let pool = || Pool::new(Identity::new(Uuid::new_v4(), RegionName::from(region), 1), limits.clone());
        let pools: Vec<Pool> = (0..connections.max(1)).map(|_| pool()).collect();
        let gate = Arc::new(Semaphore::new(REGISTERING_MAX));
        let mut tasks = JoinSet::new();
        let mut handles = HashMap::new();
        for (position, node) in nodes.into_iter().enumerate() {
            let (id, secret) = (node.id, node.secret_id);
            let agent = Agent {
                region: RegionName::from(region),
                pool: pools[position % pools.len()].clone(),
                servers: servers.to_vec(),
                position,
                id,
                secret,
                seen: Arc::clone(&seen),
            };
            handles.insert(id, tasks.spawn(live(agent, Arc::new(node), Arc::clone(&gate))));
        }
        Self { seen, nodes: handles, _tasks: tasks }
    }

    /// Returns when all nodes have registered. Not to be called where the nodes live.
    ///
    /// # Panics
    /// They do not get so far.
    pub fn await_registered(&self) {
        until_within(STUCK, "all nodes have registered", || {
            (self.seen.n_registered.load(Ordering::Relaxed) as usize == self.nodes.len()).then_some(())
        });
    }

    /// Returns when nodes have reported so many allocations as running. Not to be called where the nodes live.
    ///
    /// # Panics
    /// They do not get so far.
    pub fn await_running(&self, n: u64) {
        until_within(STUCK, "all allocations run", || (self.seen.n_running.load(Ordering::Relaxed) >= n).then_some(()));
    }

    /// Nothing is heard of these nodes any more.
    pub fn silence<'a>(&self, nodes: impl IntoIterator<Item = &'a NodeId>) {
        nodes.into_iter().filter_map(|node| self.nodes.get(node)).for_each(AbortHandle::abort);
    }
}

struct Agent {
    region: RegionName,
    pool: Pool,
    servers: Vec<String>,
    position: usize,
    id: NodeId,
    secret: Uuid,
    seen: Arc<Seen>,
}

impl Agent {
    /// Asks until a server answers.
    async fn ask(&self, request: NodeRequest, patience: Duration) -> NodeReply {
        let call = Call { region: self.region.clone(), hops: Hops::default(), request: Request::Node(request) };
        let mut turn = self.position;
        loop {
            let address = &self.servers[turn % self.servers.len()];
            match rpc::typed::call(&self.pool, address, &call, patience).await {
                Ok(Ok(Reply::Node(reply))) => return reply,
                _ => {
                    self.seen.n_failures.fetch_add(1, Ordering::Relaxed);
                    turn += 1;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn live(agent: Agent, node: Arc<Node>, gate: Arc<Semaphore>) {
    {
        let Ok(_turn) = gate.acquire().await else { return };
        agent.ask(NodeRequest::Register(node), PATIENCE).await;
        agent.ask(NodeRequest::Heartbeat { node_id: agent.id, secret: agent.secret }, PATIENCE).await;
        agent.seen.n_registered.fetch_add(1, Ordering::Relaxed);
    }
    tokio::join!(heartbeats(&agent), work(&agent));
}

async fn heartbeats(agent: &Agent) {
    loop {
        let reply = agent.ask(NodeRequest::Heartbeat { node_id: agent.id, secret: agent.secret }, PATIENCE).await;
        agent.seen.n_heartbeats.fetch_add(1, Ordering::Relaxed);
        let NodeReply::Heartbeat { ttl, .. } = reply else { continue };
        agent.seen.ttl_max.fetch_max(ttl, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_nanos(ttl.unsigned_abs()).mul_f64(0.5).max(Duration::from_secs(1))).await;
    }
}

async fn work(agent: &Agent) {
    let mut index = 0;
    let mut pacer = Pacer::of_pulls();
    // The status of each that was reported.
    let mut known: HashMap<AllocId, ClientStatus> = HashMap::new();
    loop {
        pacer.pause().await;
        let request = NodeRequest::PullAllocs {
            node_id: agent.id,
            secret: agent.secret,
            min_index: index,
            wait: i64::try_from(PULL_WAIT.as_nanos()).unwrap_or(i64::MAX),
        };
        let NodeReply::Allocs(share) = agent.ask(request, PULL_WAIT + PATIENCE).await else { continue };
        index = share.index;
        let updates = updates(agent, share, &mut known);
        if updates.is_empty() {
            continue;
        }
        let is = |status: ClientStatus| updates.iter().filter(|update| update.client_status == status).count() as u64;
        let (n_running, n_stopped) = (is(ClientStatus::Running), is(ClientStatus::Complete));
        agent.seen.n_pulled.fetch_add(n_running, Ordering::Relaxed);
        tokio::time::sleep(REPORT_AFTER).await;
        agent.ask(NodeRequest::UpdateAllocs { node_id: agent.id, secret: agent.secret, updates }, PATIENCE).await;
        agent.seen.n_running.fetch_add(n_running, Ordering::Relaxed);
        agent.seen.n_stopped.fetch_add(n_stopped, Ordering::Relaxed);
    }
}

fn updates(agent: &Agent, share: NodeAllocs, known: &mut HashMap<AllocId, ClientStatus>) -> Vec<AllocUpdate> {
    let mut updates = Vec::new();
    for alloc in share.changed {
        let status = if alloc.server_terminal() { ClientStatus::Complete } else { ClientStatus::Running };
        if alloc.node_id == agent.id && known.insert(alloc.id, status) != Some(status) {
            updates.push(update(&alloc, status));
        }
    }
    updates
}

/// What a node agent says of an allocation with tasks that run, or have ended.
fn update(alloc: &Allocation, status: ClientStatus) -> AllocUpdate {
    let now = Time(alloc.modify_time);
    let event =
        |kind: &str, text: &str| TaskEvent { kind: kind.to_owned(), time: now.0, display_message: text.to_owned(), ..TaskEvent::default() };
    let group = alloc.job.as_ref().and_then(|job| job.group(&alloc.task_group));
    let tasks = group.iter().flat_map(|group| &group.tasks);
    let state = if status == ClientStatus::Running { TaskPhase::Running } else { TaskPhase::Dead };
    let states = tasks.map(|task| {
        let events = vec![
            event("Received", "Task received by client"),
            event("Task Setup", "Building Task Directory"),
            event("Started", "Task started by client"),
        ];
        (task.name.clone(), TaskState { state, started_at: now, events, ..TaskState::default() })
    });
    AllocUpdate {
        id: alloc.id,
        client_status: status,
        task_states: states.collect(),
        deployment_id: alloc.deployment_id,
        ..AllocUpdate::default()
    }
}
