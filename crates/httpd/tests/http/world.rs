//! An invented region: tables in memory that answer reads, and a record of everything that was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use httpd::{AgentInfo, serve};
use model::*;
use rpc::caller::Caller;
use rpc::message::*;
use rpc::route::no_path;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const ALLOC: &str = "11111111-0000-0000-0000-000000000001";
pub const OLD_ALLOC: &str = "22222222-0000-0000-0000-000000000002";
pub const EVAL: &str = "aaaaaaaa-0000-0000-0000-000000000001";
pub const NEXT_EVAL: &str = "bbbbbbbb-0000-0000-0000-000000000002";
pub const DEPLOYMENT: &str = "dddddddd-0000-0000-0000-000000000001";
pub const NODE: &str = "eeeeeeee-0000-0000-0000-000000000001";
pub const NOWHERE: &str = "99999999-0000-0000-0000-000000000009";

/// What the streams of a test give; dropping the sender ends them.
pub type Feed = mpsc::UnboundedReceiver<Result<Chunk, Failure>>;

pub struct World {
    pub jobs: Vec<Arc<Job>>,
    pub allocs: Vec<Arc<Allocation>>,
    pub evals: Vec<Arc<Evaluation>>,
    pub deployments: Vec<Arc<Deployment>>,
    pub nodes: Vec<Arc<Node>>,
    pub calls: Mutex<Vec<Call>>,
    /// Answers writes instead of the table.
    pub failure: Mutex<Option<Failure>>,
    pub index: Mutex<u64>,
    pub changed: Notify,
    pub feed: Mutex<Option<Feed>>,
    pub healthy: Mutex<bool>,
    /// Reads that are being answered.
    pub n_open: Arc<AtomicUsize>,
}

/// Counts a read until it is answered or given up.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Arc<T> {
    Arc::new(serde_json::from_value(value).unwrap())
}

/// A job as people send it.
pub fn job_json(id: &str) -> Value {
    json!({
        "ID": id, "Name": id, "Type": "service", "Datacenters": ["dc1"],
        "TaskGroups": [{"Name": "app", "Count": 2, "Tasks": [{"Name": "server", "Driver": "raw_exec", "Config": {"command": "/bin/true"}}]}]
    })
}

impl World {
    pub fn new() -> Arc<Self> {
        let canonical = |value: Value| Job { priority: 50, ..jobspec::from_api(&value).unwrap() };
        let web = Job {
            region: "west".into(),
            namespace: "default".into(),
            node_pool: "default".into(),
            version: 1,
            stable: true,
            meta: [("owner".to_owned(), "ann".to_owned())].into(),
            create_index: 10,
            modify_index: 25,
            job_modify_index: 20,
            submit_time: 1_700_000_000_000_000_000,
            status: JobStatus::Running,
            ..canonical(job_json("web"))
        };
        let mut multi = job_json("shop/cart");
        multi["Multiregion"] =
            json!({"Strategy": {"MaxParallel": 1}, "Regions": [{"Name": "west", "Count": 1}, {"Name": "east", "Count": 2}]});
        let multi = Job { namespace: "default".into(), create_index: 12, modify_index: 12, ..canonical(multi) };
        let alloc = json!({
            "ID": ALLOC, "Namespace": "default", "EvalID": EVAL, "Name": "web.app[0]", "NodeID": NODE, "NodeName": "n1", "JobID": "web",
            "TaskGroup": "app", "DesiredStatus": "run", "ClientStatus": "running", "ClientDescription": "Tasks are running",
            "AllocatedResources": {"Tasks": {"server": {"Cpu": {"CpuShares": 100}, "Memory": {"MemoryMB": 300}}}, "Shared": {"DiskMB": 300}},
            "Metrics": {"NodesEvaluated": 1, "ScoreMetaData": [{"NodeID": NODE, "Scores": {"binpack": 0.5}, "NormScore": 0.5}]},
            "TaskStates": {"server": {"State": "running", "StartedAt": "2026-01-02T03:04:05.000000006Z",
                "Events": [{"Type": "Received", "Time": 1}, {"Type": "Started", "Time": 2, "DisplayMessage": "own words"}]}},
            "DeploymentID": DEPLOYMENT, "DeploymentStatus": {"Healthy": true, "Timestamp": "2026-01-02T03:04:05Z", "ModifyIndex": 24},
            "CreateIndex": 22, "ModifyIndex": 24, "AllocModifyIndex": 22, "CreateTime": 5, "ModifyTime": 6
        });
        let mut old = alloc.clone();
        old["ID"] = json!(OLD_ALLOC);
        old["CreateIndex"] = json!(15);
        old["ClientStatus"] = json!("complete");
        old["DesiredStatus"] = json!("stop");
        old["NextAllocation"] = json!(ALLOC);
        let deployment = json!({
            "ID": DEPLOYMENT, "Namespace": "default", "JobID": "web", "JobVersion": 1, "Status": "successful",
            "StatusDescription": "Deployment completed successfully", "CreateIndex": 21, "ModifyIndex": 25,
            "TaskGroups": {"app": {"DesiredTotal": 2, "PlacedAllocs": 2, "HealthyAllocs": 2, "ProgressDeadline": 600_000_000_000_i64}}
        });
        let eval = json!({
            "ID": EVAL, "Namespace": "default", "Priority": 50, "Type": "service", "TriggeredBy": "job-register", "JobID": "web",
            "JobModifyIndex": 20, "Status": "complete", "BlockedEval": NEXT_EVAL, "CreateIndex": 20, "ModifyIndex": 22,
            "FailedTGAllocs": {"app": {"NodesEvaluated": 1, "NodesFiltered": 1, "ConstraintFiltered": {"${attr.kernel.name} = plan9": 1}}}
        });
        let next = json!({
            "ID": NEXT_EVAL, "Namespace": "default", "Priority": 50, "Type": "service", "TriggeredBy": "queued-allocs", "JobID": "web",
            "Status": "blocked", "PreviousEval": EVAL, "CreateIndex": 21, "ModifyIndex": 21
        });
        let node = json!({
            "ID": NODE, "SecretID": "5ec7e700-0000-0000-0000-000000000001", "Datacenter": "dc1", "Name": "n1", "HTTPAddr": "10.0.0.7:4646",
            "Attributes": {"os.name": "debian", "steppe.version": "1.2.3", "unique.steppe.rpc": "10.0.0.7:4647"}, "NodeClass": "big", "NodePool": "default",
            "NodeResources": {"Cpu": {"CpuShares": 4000}, "Memory": {"MemoryMB": 8000}, "Networks": [{"Device": "eth0", "IP": "10.0.0.7"}]},
            "ReservedResources": {}, "Status": "ready", "SchedulingEligibility": "eligible", "CreateIndex": 7, "ModifyIndex": 9,
            "Drivers": {"raw_exec": {"Detected": true, "Healthy": true, "UpdateTime": "2026-01-02T03:04:05Z"}},
            "Events": [{"Message": "Node registered", "Subsystem": "Cluster", "Timestamp": "2026-01-02T03:04:05Z"}]
        });
        Arc::new(Self {
            jobs: vec![Arc::new(web), Arc::new(multi)],
            allocs: vec![read(alloc), read(old)],
            evals: vec![read(eval), read(next)],
            deployments: vec![read(deployment)],
            nodes: vec![read(node)],
            calls: Mutex::default(),
            failure: Mutex::default(),
            index: Mutex::new(30),
            changed: Notify::new(),
            feed: Mutex::default(),
            healthy: Mutex::new(true),
            n_open: Arc::default(),
        })
    }

    /// Something changes: waiting reads answer.
    pub fn change(&self) {
        *self.index.lock().unwrap() += 1;
        self.changed.notify_waiters();
    }

    /// The last thing asked, as text.
    pub fn last_call(&self) -> String {
        self.calls.lock().unwrap().last().map(|call| format!("{} {:?}", call.region, call.request)).unwrap_or_default()
    }

    pub fn last_write(&self) -> Write {
        match self.calls.lock().unwrap().last().map(|call| call.request.clone()) {
            Some(Request::Write(write)) => write,
            other => panic!("the last call is no write: {other:?}"),
        }
    }

    fn job(&self, key: &JobKey) -> Option<Arc<Job>> {
        self.jobs.iter().find(|job| job.key() == *key).cloned()
    }

    fn listed(&self, keep: impl Fn(&Allocation) -> bool) -> ReadValue {
        let listed = |alloc: &Arc<Allocation>| ListedAlloc { alloc: alloc.clone(), job_type: JobType::Service, job_version: 1 };
        ReadValue::Allocs(self.allocs.iter().filter(|alloc| keep(alloc)).map(listed).collect())
    }

    fn read(&self, read: Read) -> ReadValue {
        let summary = |job: &Job| {
            let groups = [("app".to_owned(), TaskGroupSummary { running: 2, ..Default::default() })].into();
            Arc::new(JobSummary { job_id: job.id.clone(), namespace: job.namespace.clone(), summary: groups, ..Default::default() })
        };
        let starts = |id: String, prefix: &str| id.starts_with(prefix);
        match read {
            Read::Jobs { namespace, prefix } => {
                let jobs =
                    self.jobs.iter().filter(|job| job.id.starts_with(&prefix) && namespace.as_ref().is_none_or(|n| job.namespace == **n));
                ReadValue::Jobs(jobs.map(|job| (job.clone(), summary(job))).collect())
            }
            Read::Job { key } => ReadValue::Job(self.job(&key)),
            Read::JobVersions { key } => ReadValue::JobVersions(self.job(&key).map_or(Vec::new(), |job| {
                let mut first = Job { version: 0, ..(*job).clone() };
                first.task_groups[0].count = 1;
                first.version_tag = Some(JobVersionTag { name: "gold".to_owned(), ..Default::default() });
                vec![job, Arc::new(first)]
            })),
            Read::JobSubmission { key, version } => {
                ReadValue::JobSubmission(self.job(&key).filter(|job| job.version == version).map(|job| {
                    Arc::new(JobSubmission {
                        source: "job \"web\" {}".into(),
                        format: "hcl2".into(),
                        job_id: job.id.clone(),
                        version,
                        ..Default::default()
                    })
                }))
            }
            Read::JobScaling { key } => {
                let event = ScalingEvent {
                    time: 7,
                    count: Some(2),
                    previous_count: 1,
                    message: "more".to_owned(),
                    meta: "{\"by\":{\"cpu\":0.9}}".to_owned(),
                    eval_id: EVAL.parse().unwrap(),
                    create_index: 20,
                    ..Default::default()
                };
                let events = self.job(&key).map(|_| ("app".to_owned(), vec![event, ScalingEvent::default()]));
                ReadValue::JobScaling(Arc::new(events.into_iter().collect()))
            }
            Read::ScalingPolicies { prefix, job, kind, .. } => {
                let is_wanted =
                    |policy: &ScalingPolicy| policy.id.starts_with(&prefix) && (kind.is_empty() || kind == policy.kind.as_str());
                let is_of = |policy: &ScalingPolicy| job.is_empty() || policy.target["Job"] == job;
                ReadValue::ScalingPolicies(Some(policy()).filter(is_wanted).filter(is_of).into_iter().collect())
            }
            Read::ScalingPolicy { id } => ReadValue::ScalingPolicy(Some(policy()).filter(|policy| policy.id == id).map(Box::new)),
            Read::JobSummary { key } => ReadValue::JobSummary(self.job(&key).map(|job| summary(&job))),
            Read::JobAllocs { key, .. } => self.listed(|alloc| alloc.job_key() == key),
            Read::JobEvals { key } => ReadValue::Evals(self.evals.iter().filter(|eval| eval.job_key() == key).cloned().collect()),
            Read::JobDeployments { key, .. } => {
                ReadValue::Deployments(self.deployments.iter().filter(|d| d.job_key() == key).cloned().collect())
            }
            Read::JobLatestDeployment { key } => ReadValue::Deployment(self.deployments.iter().find(|d| d.job_key() == key).cloned()),
            Read::Allocs { prefix, with_jobs, .. } => match self.listed(|alloc| starts(alloc.id.to_string(), &prefix)) {
                ReadValue::Allocs(allocs) if with_jobs => {
                    let job_of = vec![0; allocs.len()];
                    ReadValue::AllocsAndJobs { allocs, jobs: vec![Arc::clone(&self.jobs[0])], job_of }
                }
                without => without,
            },
            Read::Alloc { id } => ReadValue::Alloc(
                self.allocs
                    .iter()
                    .find(|alloc| alloc.id == id)
                    .map(|alloc| Arc::new(Allocation { job: Some(self.jobs[0].clone()), ..(**alloc).clone() })),
            ),
            Read::Evals { prefix, .. } => {
                ReadValue::Evals(self.evals.iter().filter(|eval| starts(eval.id.to_string(), &prefix)).cloned().collect())
            }
            Read::Eval { id } => ReadValue::Eval(self.evals.iter().find(|eval| eval.id == id).cloned()),
            Read::EvalAllocs { id } => self.listed(|alloc| alloc.eval_id == id),
            Read::Deployments { prefix, .. } => {
                ReadValue::Deployments(self.deployments.iter().filter(|d| starts(d.id.to_string(), &prefix)).cloned().collect())
            }
            Read::Deployment { id } => ReadValue::Deployment(self.deployments.iter().find(|d| d.id == id).cloned()),
            Read::DeploymentAllocs { id } => self.listed(|alloc| alloc.deployment_id == id),
            Read::Nodes { prefix } => {
                ReadValue::Nodes(self.nodes.iter().filter(|node| starts(node.id.to_string(), &prefix)).cloned().collect())
            }
            Read::Node { id } => ReadValue::Node(self.nodes.iter().find(|node| node.id == id).cloned()),
            Read::NodeAllocs { id } => self.listed(|alloc| alloc.node_id == id),
            Read::Leader => ReadValue::Text("10.0.0.1:4647".into()),
            Read::Peers => ReadValue::Texts(vec!["10.0.0.1:4647".into()]),
            Read::Events { .. } => ReadValue::Events(Vec::new()),
            Read::Autopilot => ReadValue::Autopilot(AutopilotConfig::default()),
            Read::AutopilotHealth => ReadValue::AutopilotHealth(Vec::new()),
            Read::RaftGroup => ReadValue::RaftGroup(vec![RaftMember {
                server_id: Uuid::from_u128(7),
                name: "s1".into(),
                address: "10.0.0.1:4647".into(),
                leader: true,
                voter: true,
            }]),
            Read::Namespaces { prefix } => {
                ReadValue::Namespaces(namespaces().into_iter().filter(|namespace| namespace.name.starts_with(&prefix)).collect())
            }
            Read::Namespace { name } => ReadValue::Namespace(namespaces().into_iter().find(|namespace| namespace.name == name)),
            Read::NodePools { prefix } => {
                ReadValue::NodePools(node_pools().into_iter().filter(|pool| pool.name.starts_with(&prefix)).collect())
            }
            Read::NodePool { name } => ReadValue::NodePool(node_pools().into_iter().find(|pool| pool.name == name)),
            Read::Scheduler => ReadValue::Scheduler(SchedulerConfiguration { modify_index: 9, ..Default::default() }),
            Read::UsersOf { .. } => ReadValue::Texts(Vec::new()),
            Read::Search { context, text, .. } => {
                let ids: Vec<String> = match context {
                    SearchContext::Jobs => self.jobs.iter().map(|job| job.id.to_string()).collect(),
                    SearchContext::Nodes => self.nodes.iter().map(|node| node.id.to_string()).collect(),
                    SearchContext::Groups => vec!["web-group".to_owned()],
                    _ => Vec::new(),
                };
                let found = ids.into_iter().filter(|id| id.starts_with(&text));
                let matches = found.map(|id| FoundOne { id, scope: vec!["default".to_owned()] }).collect();
                ReadValue::Found(Found { matches, truncated: context == SearchContext::Groups })
            }
            Read::CheckJob { job } => ReadValue::Findings(rpc::message::Findings {
                errors: if job.id == "unwanted" { vec!["nobody wants it".to_owned()] } else { Vec::new() },
                warnings: vec!["mind the gap".to_owned()],
            }),
            Read::Rollout { key } => ReadValue::Rollout(self.job(&key).filter(|job| job.is_multiregion()).map(|job| rollout(&job))),
        }
    }

    fn write(&self, write: &Write) -> WriteValue {
        let eval_id: EvalId = EVAL.parse().unwrap();
        match write {
            Write::PlanJob { job, .. } => {
                let old = self.job(&job.key());
                let place = DesiredUpdates { place: 2, ..Default::default() };
                WriteValue::Plan(Box::new(JobPlan {
                    job_modify_index: old.as_ref().map_or(0, |old| old.job_modify_index),
                    old,
                    new: job.clone(),
                    desired_updates: [("app".to_owned(), place)].into(),
                    failed_tg_allocs: BTreeMap::new(),
                    created_evals: Vec::new(),
                    warnings: String::new(),
                    preempted: Vec::new(),
                }))
            }
            Write::DispatchJob(dispatch) => WriteValue::Dispatched {
                id: format!("{}/dispatch-7-{}{}", dispatch.key.id, dispatch.idempotency_token, dispatch.payload.len()).into(),
                job_create_index: 29,
                eval_id,
                eval_create_index: 30,
            },
            Write::TagJobVersion { name, tag, .. } => WriteValue::Tagged(tag.clone().map(|tag| JobVersionTag {
                name: format!("{name} of {:?}", tag.version),
                description: tag.description,
                tagged_time: 7,
            })),
            Write::StopAlloc { .. } => WriteValue::Evals(vec![eval_id]),
            Write::FailDeployment { .. } => WriteValue::Deployment { eval_id, deployment_modify_index: 31, reverted_job_version: Some(0) },
            Write::PauseDeployment { .. }
            | Write::PromoteDeployment { .. }
            | Write::SetAllocHealth { .. }
            | Write::UnblockDeployment { .. } => {
                WriteValue::Deployment { eval_id, deployment_modify_index: 31, reverted_job_version: None }
            }
            Write::SetNodeEligibility { .. } | Write::EvaluateNode { .. } | Write::PurgeNode { .. } | Write::DrainNode { .. } => {
                WriteValue::Node { eval_ids: vec![eval_id], node_modify_index: 31 }
            }
            Write::SetScheduler { cas, .. } => WriteValue::Changed(cas.is_none_or(|index| index == 9)),
            Write::Places { .. } | Write::DeleteEvals { .. } => WriteValue::Done,
            Write::CollectGarbage | Write::ReconcileSummaries | Write::SetJobStability { .. } | Write::OverrideRollout { .. } => {
                WriteValue::Done
            }
            Write::DeregisterJob { global: true, .. } => {
                WriteValue::Job { eval_id, job_modify_index: 31, warnings: String::new(), unreached: vec!["east".into()] }
            }
            _ => WriteValue::Job { eval_id, job_modify_index: 31, warnings: "mind the gap".into(), unreached: Vec::new() },
        }
    }

    fn on_node(&self, target: &NodeTarget, call: &NodeCall) -> Result<NodeCallReply, Failure> {
        match target {
            NodeTarget::Alloc(id) if !self.allocs.iter().any(|alloc| alloc.id == *id) => {
                return Err(Failure::not_found(format!("Unknown allocation \"{id}\"")));
            }
            NodeTarget::Node(id) if !self.nodes.iter().any(|node| node.id == *id) => {
                return Err(Failure::not_found(format!("Unknown node \"{id}\"")));
            }
            _ => {}
        }
        let file = FileInfo {
            name: "alloc".into(),
            is_dir: true,
            size: 4096,
            file_mode: "drwxrwxrwx".into(),
            mod_time: Time(1),
            ..Default::default()
        };
        Ok(match call {
            NodeCall::List { .. } => NodeCallReply::Files(vec![file]),
            NodeCall::Stat { .. } => NodeCallReply::File(file),
            NodeCall::HostStats => NodeCallReply::Json("{\"Uptime\":7}".into()),
            NodeCall::AllocStats { .. } => NodeCallReply::Json("{\"Timestamp\":8}".into()),
            NodeCall::ReadMeta | NodeCall::ApplyMeta { .. } => NodeCallReply::Meta(NodeMeta {
                meta: [("a".to_owned(), "2".to_owned())].into(),
                dynamic: [("a".to_owned(), Some("2".to_owned())), ("b".to_owned(), None)].into(),
                configured: [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "1".to_owned())].into(),
            }),
            call if call.streams() => NodeCallReply::Streaming,
            _ => NodeCallReply::Done,
        })
    }
}

fn namespaces() -> Vec<Arc<NamespaceSpec>> {
    let named = |name: &str| Arc::new(NamespaceSpec { name: name.into(), create_index: 1, modify_index: 1, ..Default::default() });
    vec![named("default"), named("dev"), named("prod")]
}

fn node_pools() -> Vec<Arc<NodePool>> {
    ["all", "default", "gpu"].map(|name| Arc::new(NodePool { name: name.into(), ..Default::default() })).to_vec()
}

/// The only one that there is.
pub fn policy() -> ScalingPolicy {
    let group = TaskGroup { name: "app".to_owned(), scaling: Some(Default::default()), ..Default::default() };
    let mut job = Job { namespace: "default".into(), id: "web".into(), task_groups: vec![group], ..Default::default() };
    job.identify_policies();
    job.scaling_policies().next().unwrap()
}

fn rollout(job: &Job) -> RolloutView {
    let id = RolloutId { lamport: 4, origin: "west".into(), uuid: Uuid::nil() };
    let header = RolloutHeader {
        id: id.clone(),
        namespace: job.namespace.clone(),
        job_id: job.id.clone(),
        base: None,
        kind: RolloutKind::Run,
        job_version: 3,
        spec_hash: "abc".into(),
        regions: vec!["west".into(), "east".into()],
        dropped: Vec::new(),
        deferred: Vec::new(),
        strategy: MultiregionStrategy { max_parallel: 1, on_failure: OnFailure::FailAll, ..Default::default() },
        author: "ann".into(),
        submit_time: 9,
    };
    let record = RegionRecord {
        rollout: id,
        namespace: job.namespace.clone(),
        job_id: job.id.clone(),
        region: RegionId { name: "west".into(), cluster: Uuid::nil() },
        phase: Phase::Held,
        cause: "another region failed".into(),
        cause_region: "east".into(),
        forced: false,
        overrides: Default::default(),
        has_deferred: false,
        deployment_id: DEPLOYMENT.parse().unwrap(),
        job_version: 3,
        incarnation: 1,
        seq: 9,
        desired: 1,
        placed: 1,
        healthy: 1,
    };
    let unknown = RolloutRegionView { region: "east".into(), record: None, age: 0, waiting_for: "west".into() };
    let known = RolloutRegionView { region: "west".into(), record: Some(record), age: 5, waiting_for: String::new() };
    RolloutView { header: Arc::new(header), overrides: Default::default(), regions: vec![known, unknown] }
}

#[async_trait]
impl Caller for World {
    fn region(&self) -> RegionName {
        "west".into()
    }

    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        self.calls.lock().unwrap().push(call.clone());
        let regions: [RegionName; 2] = ["east".into(), "west".into()];
        if !regions.contains(&call.region) {
            return Err(no_path(&call.region, &regions));
        }
        if let Some(failure) = self.failure.lock().unwrap().clone() {
            return Err(failure);
        }
        Ok(match call.request {
            Request::Read(options, read) => {
                let _open = Open::new(&self.n_open);
                let wait = if options.wait == 0 { Duration::from_secs(300) } else { Duration::from_nanos(options.wait as u64) };
                let _ = tokio::time::timeout(wait, async {
                    loop {
                        let changed = self.changed.notified();
                        if *self.index.lock().unwrap() > options.min_index {
                            return;
                        }
                        changed.await;
                    }
                })
                .await;
                let index = *self.index.lock().unwrap();
                Reply::Read(ReadReply { index, last_contact: 3, known_leader: true, value: self.read(read) })
            }
            Request::Write(write) => Reply::Write(WriteReply { index: 31, value: self.write(&write) }),
            Request::OnNode(target, call) => Reply::OnNode(self.on_node(&target, &call)?),
            Request::Agent(AgentRequest::Members) => {
                let tags = [("id", "s1"), ("rpc_addr", "10.0.0.1"), ("port", "4647"), ("vsn", "1"), ("region", "west")];
                let tags: BTreeMap<String, String> = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
                let member = MemberInfo { name: "server-1.west".into(), addr: "10.0.0.1".into(), port: 4648, tags, status: "alive".into() };
                Reply::Agent(AgentReply::Members(Members {
                    server_name: "server-1".into(),
                    server_region: "west".into(),
                    server_dc: "dc1".into(),
                    members: vec![member],
                }))
            }
            Request::Agent(AgentRequest::Join { addresses }) => {
                let (good, bad): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| !address.starts_with("bad"));
                Reply::Agent(AgentReply::Joined {
                    count: good.len() as u64,
                    errors: bad.iter().map(|a| format!("{a}: no answer")).collect(),
                })
            }
            Request::Agent(AgentRequest::Regions) => Reply::Agent(AgentReply::Regions(vec!["west".into(), "east".into()])),
            Request::Agent(AgentRequest::Health) => {
                let ok = *self.healthy.lock().unwrap();
                Reply::Agent(AgentReply::Health { ok, message: if ok { "ok".into() } else { "no leader".into() } })
            }
            Request::Agent(AgentRequest::ForceLeave { .. }) => Reply::Agent(AgentReply::Done),
            other => panic!("never asked by the interface: {other:?}"),
        })
    }

    async fn stream(&self, call: Call) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Failure> {
        self.calls.lock().unwrap().push(call.clone());
        if let Some(failure) = self.failure.lock().unwrap().clone() {
            return Err(failure);
        }
        let feed = self.feed.lock().unwrap().take().expect("the test gives a feed");
        Ok(futures::stream::unfold(feed, |mut feed| async move { feed.recv().await.map(|item| (item, feed)) }).boxed())
    }
}

/// The interface, served on a free port.
pub struct Server {
    pub world: Arc<World>,
    pub address: SocketAddr,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(AgentInfo::default()).await
    }

    pub async fn start_with(info: AgentInfo) -> Self {
        let world = World::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, world.clone(), info, shutdown.clone()));
        Self { world, address, shutdown, task }
    }

    pub fn client(&self) -> api::Client {
        api::Client::new(&format!("http://{}", self.address)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
