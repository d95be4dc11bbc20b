//! Whole regions in one process: real servers on loopback sockets and temporary directories, and nodes that only pretend to run tasks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::{
    AllocDeploymentStatus, AllocUpdate, Allocation, ClientStatus, DriverInfo, Job, JobKey, LegacyNodeCpuResources, Multiregion,
    MultiregionRegion, MultiregionStrategy, Node, NodeDiskResources, NodeId, NodeMemoryResources, NodeResources, OnFailure,
    ReschedulePolicy, Resources, RestartPolicy, Task, TaskGroup, Time, UpdateStrategy, Uuid,
};
use rand::seq::IndexedRandom;
use rpc::caller::Caller;
use rpc::message::{
    AgentReply, AgentRequest, Call, Chunk, Failure, Hops, NodeReply, NodeRequest, Read, ReadOptions, ReadReply, ReadValue, RegisterJob,
    Reply, Request, Write, WriteReply, WriteValue,
};
use server::{Config, LogLimits, Server};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// One server with its directory, so that it can be started again.
pub struct Member {
    pub server: Option<Server>,
    pub config: Config,
    running: Running,
}

impl Member {
    pub fn caller(&self) -> Arc<dyn Caller> {
        self.server.as_ref().expect("a running server").caller()
    }

    pub fn gossip_address(&self) -> String {
        self.config.gossip_bind.to_string()
    }

    /// Without a word to the others.
    pub async fn stop(&mut self) {
        self.running.lock().expect("unpoisoned").remove(&self.config.name);
        if let Some(server) = self.server.take() {
            server.shutdown().await;
        }
    }

    /// For good.
    pub async fn leave(&mut self) {
        self.server.as_ref().expect("a running server").leave().await;
        self.stop().await;
    }

    /// Starts, again on the same directory and addresses if it ran before.
    pub async fn start(&mut self) {
        let server = Server::start(self.config.clone()).await.expect("the server starts");
        self.config.rpc_bind = server.rpc_address();
        self.config.gossip_bind = server.gossip_address();
        self.running.lock().expect("unpoisoned").insert(self.config.name.clone(), server.caller());
        self.server = Some(server);
    }

    /// The next start is at other addresses.
    pub fn move_away(&mut self) {
        self.config.rpc_bind.set_port(0);
        self.config.gossip_bind.set_port(0);
    }

    /// The next start is with an empty disk.
    pub fn lose_disk(&self) {
        std::fs::remove_dir_all(&self.config.data_dir).expect("removed");
    }
}

type Running = Arc<Mutex<BTreeMap<String, Arc<dyn Caller>>>>;

/// What nodes talk to: any of the region's servers that run.
#[derive(Clone)]
pub struct Switchboard {
    region: String,
    running: Running,
}

#[async_trait::async_trait]
impl Caller for Switchboard {
    fn region(&self) -> model::RegionName {
        self.region.as_str().into()
    }

    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        let running: Vec<Arc<dyn Caller>> = self.running.lock().expect("unpoisoned").values().cloned().collect();
        let any = running.choose(&mut rand::rng()).cloned();
        match any {
            Some(caller) => caller.call(call).await,
            None => Err(Failure::new(503, "no server runs")),
        }
    }

    async fn stream(&self, _call: Call) -> Result<futures::stream::BoxStream<'static, Result<Chunk, Failure>>, Failure> {
        Err(Failure::bad_request("nodes ask for no streams"))
    }
}

/// A region's servers.
pub struct Region {
    pub name: String,
    pub members: Vec<Member>,
    running: Running,
    directory: tempfile::TempDir,
}

/// What a region begins with.
pub struct Setup {
    pub n_servers: usize,
    pub bootstrap_expect: u32,
    pub log: LogLimits,
    pub jobs: server::JobBounds,
}

impl Setup {
    pub fn new(n_servers: usize) -> Self {
        Self { n_servers, bootstrap_expect: n_servers as u32, log: LogLimits::default(), jobs: Default::default() }
    }
}

impl Region {
    pub async fn start(name: &str, n_servers: usize) -> Self {
        Self::start_with(name, Setup::new(n_servers)).await
    }

    pub async fn start_with(name: &str, setup: Setup) -> Self {
        let mut region = Self::apart(name);
        for _ in 0..setup.n_servers {
            region.add(&setup).start().await;
        }
        region.await_leader().await;
        region
    }

    /// Without servers yet.
    pub fn apart(name: &str) -> Self {
        // Shown when a test fails.
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_ansi(false)
            .with_max_level(tracing::Level::DEBUG)
            .with_env_filter("warn,openraft=error,server=debug")
            .try_init();
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { name: name.to_owned(), members: Vec::new(), running: Running::default(), directory }
    }

    /// Another server, which joins those before it when it is started.
    pub fn add(&mut self, setup: &Setup) -> &mut Member {
        let number = self.members.len() + 1;
        let name = &self.name;
        let any = || "127.0.0.1:0".parse().expect("an address");
        let config = Config {
            name: format!("{name}-{number}"),
            region: name.clone(),
            datacenter: format!("{name}-1"),
            data_dir: self.directory.path().join(format!("server-{number}")),
            rpc_bind: any(),
            rpc_advertise: None,
            gossip_bind: any(),
            gossip_advertise: None,
            http_advertise: "127.0.0.1:1".parse::<SocketAddr>().expect("an address"),
            bootstrap_expect: setup.bootstrap_expect,
            start_join: Vec::new(),
            retry_join: self.members.iter().map(Member::gossip_address).collect(),
            retry_interval: Duration::from_millis(200),
            retry_max: 0,
            timing: control::Timing { min_ttl: 2_000_000_000, grace: 1_000_000_000, failover_ttl: 3_000_000_000, ..Default::default() },
            gc: Default::default(),
            gc_interval: Duration::from_secs(300),
            log: setup.log,
            rpc: Default::default(),
            bounds: server::Bounds { jobs: setup.jobs, ..Default::default() },
            worker: Default::default(),
            event_buffer: 100,
            autopilot: model::AutopilotConfig { server_stabilization_time: 100_000_000, ..Default::default() },
            scheduler: Default::default(),
            authoritative_region: String::new(),
            build: "0.0.0-test".to_owned(),
            telemetry: Default::default(),
            monitor: Default::default(),
        };
        self.members.push(Member { server: None, config, running: Arc::clone(&self.running) });
        self.members.last_mut().expect("just added")
    }

    /// What nodes talk to.
    pub fn switchboard(&self) -> Arc<dyn Caller> {
        Arc::new(Switchboard { region: self.name.clone(), running: Arc::clone(&self.running) })
    }

    /// Stops all servers, and starts them all again.
    pub async fn restart(&mut self) {
        self.stop_all().await;
        self.start_all().await;
    }

    pub async fn stop_all(&mut self) {
        futures::future::join_all(self.members.iter_mut().map(Member::stop)).await;
    }

    pub async fn start_all(&mut self) {
        for member in self.members.iter_mut().filter(|member| member.server.is_none()) {
            member.start().await;
        }
    }

    /// Waits until the raft group has exactly these many voters, as every running server knows it, and returns their addresses.
    pub async fn await_voters(&self, n_voters: usize) -> Vec<String> {
        let mut all = Vec::new();
        for member in self.members.iter().filter(|member| member.server.is_some()) {
            let caller = member.caller();
            all = until(&format!("{n_voters} voters"), async || {
                let options = ReadOptions { stale: true, ..Default::default() };
                match call(&caller, &self.name, Request::Read(options, Read::Peers)).await {
                    Ok(Reply::Read(ReadReply { value: ReadValue::Texts(peers), .. })) if peers.len() == n_voters => Some(peers),
                    _ => None,
                }
            })
            .await;
        }
        all
    }

    /// Any running server.
    pub fn caller(&self) -> Arc<dyn Caller> {
        self.members.iter().find(|member| member.server.is_some()).expect("a running server").caller()
    }

    pub async fn await_leader(&self) {
        let caller = self.caller();
        until("a leader", async || {
            let text = read(&caller, &self.name, Read::Leader).await.ok()?;
            match text {
                ReadValue::Text(address) if !address.is_empty() => Some(()),
                _ => None,
            }
        })
        .await;
    }

    /// Position of the server that leads.
    pub async fn leader(&self) -> usize {
        let ReadValue::Text(address) = read(&self.caller(), &self.name, Read::Leader).await.expect("a leader") else { panic!("no text") };
        self.members
            .iter()
            .position(|member| member.server.as_ref().is_some_and(|server| server.rpc_address().to_string() == address))
            .expect("the leader is one of ours")
    }

    pub async fn join(&self, other: &Region) {
        let address = other.members[0].gossip_address();
        let reply = call(&self.caller(), &self.name, Request::Agent(AgentRequest::Join { addresses: vec![address] })).await;
        assert!(matches!(reply, Ok(Reply::Agent(AgentReply::Joined { count: 1, .. }))), "{reply:?}");
        for region in [self, other] {
            for member in &region.members {
                let caller = member.caller();
                until("both regions known", async || {
                    let reply = call(&caller, &region.name, Request::Agent(AgentRequest::Regions)).await.ok()?;
                    matches!(reply, Reply::Agent(AgentReply::Regions(regions)) if regions.len() >= 2).then_some(())
                })
                .await;
            }
        }
    }

    pub async fn stop(mut self) {
        self.stop_all().await;
    }
}

/// Asks until there is an answer; fails with what was waited for.
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn call(caller: &Arc<dyn Caller>, region: &str, request: Request) -> Result<Reply, Failure> {
    caller.call(Call { region: region.into(), hops: Hops::default(), request }).await
}

pub async fn read(caller: &Arc<dyn Caller>, region: &str, what: Read) -> Result<ReadValue, Failure> {
    match call(caller, region, Request::Read(ReadOptions::default(), what)).await? {
        Reply::Read(reply) => Ok(reply.value),
        other => panic!("not a read: {other:?}"),
    }
}

pub async fn write(caller: &Arc<dyn Caller>, region: &str, what: Write) -> Result<WriteReply, Failure> {
    match call(caller, region, Request::Write(what)).await? {
        Reply::Write(reply) => Ok(reply),
        other => panic!("not a write: {other:?}"),
    }
}

pub async fn register(caller: &Arc<dyn Caller>, region: &str, job: &Job) -> Result<model::EvalId, Failure> {
    let register = RegisterJob {
        job: Arc::new(job.clone()),
        submission: None,
        enforce_index: None,
        preserve_counts: false,
        preserve_resources: false,
        eval_priority: 0,
    };
    let reply = write(caller, region, Write::RegisterJob(Box::new(register))).await?;
    match reply.value {
        WriteValue::Job { eval_id, .. } => Ok(eval_id),
        other => panic!("not a job: {other:?}"),
    }
}

pub async fn allocs(caller: &Arc<dyn Caller>, region: &str, job: &str) -> Vec<(Arc<Allocation>, u64)> {
    match read(caller, region, Read::JobAllocs { key: JobKey::new("default", job), all: true }).await {
        Ok(ReadValue::Allocs(allocs)) => allocs.into_iter().map(|listed| (listed.alloc, listed.job_version)).collect(),
        _ => Vec::new(),
    }
}

/// Versions of the running allocations.
pub async fn running(caller: &Arc<dyn Caller>, region: &str, job: &str) -> Vec<u64> {
    allocs(caller, region, job)
        .await
        .into_iter()
        .filter(|(alloc, _)| alloc.client_status == ClientStatus::Running && !alloc.server_terminal())
        .map(|(_, version)| version)
        .collect()
}

/// Status of the newest multi-region deployment.
pub async fn rollout_status(caller: &Arc<dyn Caller>, region: &str, job: &str) -> String {
    let all = read(caller, region, Read::JobDeployments { key: JobKey::new("default", job), all: true }).await;
    let Ok(ReadValue::Deployments(deployments)) = all else { return String::new() };
    let newest = deployments.iter().filter(|deployment| deployment.is_multiregion).max_by_key(|deployment| deployment.create_index);
    newest.map(|deployment| deployment.status.to_string()).unwrap_or_default()
}

const SECOND: i64 = 1_000_000_000;

/// A service of one group without restarts or reschedules.
pub fn job(id: &str, count: i64) -> Job {
    let update = UpdateStrategy {
        max_parallel: 1,
        min_healthy_time: SECOND,
        healthy_deadline: 20 * SECOND,
        progress_deadline: 30 * SECOND,
        auto_revert: true,
        ..Default::default()
    };
    let task = Task {
        name: "main".into(),
        driver: "raw_exec".into(),
        resources: Some(Resources { cpu: 50, memory_mb: 32, ..Default::default() }),
        ..Default::default()
    };
    let group = TaskGroup {
        name: "group".into(),
        count,
        update: Some(update),
        restart_policy: Some(RestartPolicy::default()),
        reschedule_policy: Some(ReschedulePolicy::default()),
        ephemeral_disk: Some(Default::default()),
        tasks: vec![task],
        ..Default::default()
    };
    Job {
        id: id.into(),
        name: id.into(),
        namespace: "default".into(),
        region: "global".into(),
        priority: 50,
        datacenters: vec!["*".into()],
        node_pool: "default".into(),
        task_groups: vec![group],
        ..Default::default()
    }
}

/// The same over regions, one at a time; nodes run it well unless `version` is in their list of broken ones.
pub fn multi(id: &str, version: &str, on_failure: OnFailure, regions: &[(&str, i64)]) -> Job {
    let mut job = job(id, 0);
    job.meta.insert("version".into(), version.into());
    job.task_groups[0].tasks[0].env.insert("VERSION".into(), version.into());
    let region = |(name, count): &(&str, i64)| MultiregionRegion { name: (*name).into(), count: *count, ..Default::default() };
    job.multiregion = Some(Multiregion {
        strategy: Some(MultiregionStrategy { max_parallel: 1, on_failure, ..Default::default() }),
        regions: regions.iter().map(region).collect(),
    });
    job
}

/// A node that says of every allocation that it runs and is healthy, or that it failed.
pub struct FakeNode {
    pub id: NodeId,
    silent: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl FakeNode {
    /// `broken`: values of the job's meta `version` that fail here.
    pub fn start(caller: Arc<dyn Caller>, region: &str, broken: &[&str]) -> Self {
        let (id, secret) = (NodeId(Uuid::new_v4()), Uuid::new_v4());
        let silent = Arc::new(AtomicBool::new(false));
        let driver = DriverInfo { detected: true, healthy: true, ..Default::default() };
        let node = Node {
            id,
            secret_id: secret,
            name: format!("{region}-node"),
            datacenter: format!("{region}-1"),
            node_pool: "default".into(),
            attributes: [("kernel.name", "linux"), ("driver.raw_exec", "1")].map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            drivers: BTreeMap::from([("raw_exec".to_owned(), driver)]),
            node_resources: Some(NodeResources {
                cpu: LegacyNodeCpuResources { cpu_shares: 4_000, total_cpu_cores: 2, ..Default::default() },
                memory: NodeMemoryResources { memory_mb: 4_000 },
                disk: NodeDiskResources { disk_mb: 100_000 },
                min_dynamic_port: 20_000,
                max_dynamic_port: 32_000,
                ..Default::default()
            }),
            reserved_resources: Some(Default::default()),
            ..Default::default()
        };
        let broken: Vec<String> = broken.iter().map(|version| (*version).to_owned()).collect();
        let life = live(caller, region.to_owned(), node, secret, broken, Arc::clone(&silent));
        Self { id, silent, task: tokio::spawn(life) }
    }

    /// Neither reports nor listens.
    pub fn silence(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn live(caller: Arc<dyn Caller>, region: String, node: Node, secret: Uuid, broken: Vec<String>, silent: Arc<AtomicBool>) {
    let id = node.id;
    let ask = async |request: NodeRequest| call(&caller, &region, Request::Node(request)).await;
    let mut registered = false;
    let mut index = 0;
    let mut beat: Option<Instant> = None;
    loop {
        if silent.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        if !registered {
            registered = ask(NodeRequest::Register(Arc::new(node.clone()))).await.is_ok();
            if !registered {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        }
        if beat.is_none_or(|beat| beat.elapsed() > Duration::from_millis(500)) {
            beat = Some(Instant::now());
            let _ = ask(NodeRequest::Heartbeat { node_id: id, secret }).await;
        }
        let pulled = ask(NodeRequest::PullAllocs { node_id: id, secret, min_index: index, wait: SECOND / 2 }).await;
        let Ok(Reply::Node(NodeReply::Allocs(pulled))) = pulled else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let updates: Vec<AllocUpdate> = pulled.changed.iter().filter_map(|alloc| report(alloc, &broken)).collect();
        if updates.is_empty() || ask(NodeRequest::UpdateAllocs { node_id: id, secret, updates }).await.is_ok() {
            index = pulled.index;
        } else {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn report(alloc: &Allocation, broken: &[String]) -> Option<AllocUpdate> {
    if alloc.client_status.is_terminal() {
        return None;
    }
    let version = alloc.job.as_ref().and_then(|job| job.meta.get("version")).cloned().unwrap_or_default();
    let fails = broken.contains(&version);
    let client_status = match (alloc.server_terminal(), fails) {
        (true, _) => ClientStatus::Complete,
        (false, true) => ClientStatus::Failed,
        (false, false) => ClientStatus::Running,
    };
    let judged = !alloc.deployment_id.is_nil() && !alloc.server_terminal();
    let deployment_status =
        judged.then(|| AllocDeploymentStatus { healthy: Some(!fails), timestamp: Time(1), canary: alloc.is_canary(), modify_index: 0 });
    Some(AllocUpdate { id: alloc.id, client_status, deployment_id: alloc.deployment_id, deployment_status, ..Default::default() })
}

/// Until this many nodes take work.
pub async fn await_nodes(region: &Region, n: usize) {
    let caller = region.caller();
    until("nodes", async || match read(&caller, &region.name, Read::Nodes { prefix: String::new() }).await {
        Ok(ReadValue::Nodes(nodes)) => (nodes.iter().filter(|node| node.is_schedulable()).count() == n).then_some(()),
        _ => None,
    })
    .await;
}

/// Whether this server, by itself, knows the job.
pub async fn knows_job(caller: &Arc<dyn Caller>, region: &str, job: &str) -> bool {
    let options = ReadOptions { stale: true, ..Default::default() };
    let read = Request::Read(options, Read::Job { key: JobKey::new("default", job) });
    matches!(call(caller, region, read).await, Ok(Reply::Read(ReadReply { value: ReadValue::Job(Some(_)), .. })))
}

/// Status of a member of the pool, as `region`'s servers see it: `west-1.west`.
pub async fn member_status(caller: &Arc<dyn Caller>, region: &str, name: &str) -> String {
    match call(caller, region, Request::Agent(AgentRequest::Members)).await {
        Ok(Reply::Agent(AgentReply::Members(members))) => {
            members.members.into_iter().find(|member| member.name == name).map(|member| member.status).unwrap_or_default()
        }
        other => panic!("no members: {other:?}"),
    }
}
