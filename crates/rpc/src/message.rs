//! The typed messages: what one agent asks another, and what it gets back.
//!
//! A [`Call`] says for which region a [`Request`] is meant and how often it was passed on; [`crate::route`] decides where it goes. Reads name
//! what is wanted, never how it is stored; writes say what a person or a node wants, and become a command only on the leader.
//!
//! Enums are append-only: bincode writes their position.

use std::sync::Arc;

use model::{
    AllocId, AllocUpdate, Allocation, AutopilotConfig, Deployment, DeploymentId, EvalId, Evaluation, EventBatch, EventFilter, Job, JobId,
    JobKey, JobSubmission, JobSummary, JobVersionTag, Namespace, NamespaceSpec, Node, NodeEvent, NodeId, NodePool, Overrides, RegionName,
    RegionRecord, RolloutHeader, RolloutId, ScalingEvents, ScalingPolicy, SchedulerConfiguration, Testimony, Text, Time, Uuid,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use telemetry::LogLevel;

/// A request on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// The region that shall answer.
    pub region: RegionName,
    /// How it got here.
    pub hops: Hops,
    pub request: Request,
}

/// Each kind of hop is taken at most once, so no request goes in a circle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hops {
    /// Passed on to another region.
    pub region: bool,
    /// Passed on to the leader.
    pub leader: bool,
    /// Passed on to a node.
    pub node: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    Read(ReadOptions, Read),
    Write(Write),
    /// From a node agent to its region.
    Node(NodeRequest),
    /// About something that only a node has: files, logs, statistics.
    OnNode(NodeTarget, NodeCall),
    /// Between regions, about a rollout.
    Rollout(RolloutRequest),
    /// About the agent that answers, and the gossip pool as it sees it.
    Agent(AgentRequest),
    /// The whole state of a region, out of it and back into it.
    Snapshot(SnapshotRequest),
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    Read(ReadReply),
    Write(WriteReply),
    Node(NodeReply),
    OnNode(NodeCallReply),
    Rollout(RolloutReply),
    Agent(AgentReply),
    Snapshot(SnapshotReply),
}

/// A "no", in words, with the status code that an HTTP client shall see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    pub code: u16,
    pub text: String,
}

impl Failure {
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// 404
    pub fn not_found(text: impl Into<String>) -> Self {
        Self::new(404, text)
    }

    /// 400
    pub fn bad_request(text: impl Into<String>) -> Self {
        Self::new(400, text)
    }

    /// 500, which the interface uses for nearly everything, validation included.
    pub fn internal(text: impl Into<String>) -> Self {
        Self::new(500, text)
    }
}

// ---- reads

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReadOptions {
    /// Any server may answer from what it has.
    pub stale: bool,
    /// Wait until the index of what is read exceeds this; 0 does not wait.
    pub min_index: u64,
    /// How long to wait at most, in nanoseconds; 0 means the default of 300 s, which is also the maximum.
    pub wait: i64,
}

/// `namespace` in lists: `None` means all of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Read {
    Jobs {
        namespace: Option<Namespace>,
        prefix: String,
    },
    Job {
        key: JobKey,
    },
    JobVersions {
        key: JobKey,
    },
    JobSubmission {
        key: JobKey,
        version: u64,
    },
    JobSummary {
        key: JobKey,
    },
    /// `all`: also those of an earlier job of the same name.
    JobAllocs {
        key: JobKey,
        all: bool,
    },
    JobEvals {
        key: JobKey,
    },
    JobDeployments {
        key: JobKey,
        all: bool,
    },
    JobLatestDeployment {
        key: JobKey,
    },
    /// `prefix`: leading hex digits of the id. Without one by age, and then perhaps only a part. Answered by `Allocs`, or by `AllocsAndJobs`.
    Allocs {
        namespace: Option<Namespace>,
        prefix: String,
        part: Option<Part>,
        #[serde(with = "model::json::since_3")]
        with_jobs: bool,
    },
    Alloc {
        id: AllocId,
    },
    Evals {
        namespace: Option<Namespace>,
        prefix: String,
    },
    Eval {
        id: EvalId,
    },
    EvalAllocs {
        id: EvalId,
    },
    Deployments {
        namespace: Option<Namespace>,
        prefix: String,
    },
    Deployment {
        id: DeploymentId,
    },
    DeploymentAllocs {
        id: DeploymentId,
    },
    Nodes {
        prefix: String,
    },
    Node {
        id: NodeId,
    },
    NodeAllocs {
        id: NodeId,
    },
    /// Address of the region's leader, `host:port` of rpc; empty when there is none.
    Leader,
    /// Addresses of the region's voters.
    Peers,
    /// The head rollout of a job, seen from this region, with what all regions published.
    Rollout {
        key: JobKey,
    },
    /// What was said about the counts of a job's groups; changes with the job, too.
    JobScaling {
        key: JobKey,
    },
    /// What the log entries after `after` changed, or the newest of them and what comes then; waits for the first that `filter` lets through.
    /// The index of the answer is the last entry that was looked at. What the server no longer has is skipped, or with `gapless` refused.
    Events {
        after: Option<u64>,
        filter: EventFilter,
        gapless: bool,
    },
    /// Who belongs to the region's raft group.
    RaftGroup,
    /// How the region looks after its servers.
    Autopilot,
    /// How its servers are; of the leader alone.
    AutopilotHealth,
    /// Of jobs that are not stopped. `prefix`: of the policies' ids; empty `job` and `kind`: of all.
    ScalingPolicies {
        namespace: Option<Namespace>,
        prefix: String,
        job: String,
        kind: String,
    },
    ScalingPolicy {
        id: String,
    },
    Namespaces {
        prefix: String,
    },
    Namespace {
        name: Namespace,
    },
    NodePools {
        prefix: String,
    },
    NodePool {
        name: Text,
    },
    /// How the region schedules.
    Scheduler,
    /// What keeps a namespace or a node pool from being deleted here; empty when nothing, or when the region does not follow `authority`.
    UsersOf {
        place: Place,
        authority: RegionName,
    },
    /// What can be found by the beginning of its id, or `fuzzy` by a part of its name.
    Search {
        context: SearchContext,
        text: String,
        fuzzy: bool,
        namespace: Option<Namespace>,
    },
    /// What the region would say of the job if it were registered.
    CheckJob {
        job: Arc<Job>,
    },
}

/// What jobs or nodes are sorted into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    Namespace(Namespace),
    NodePool(Text),
}

/// Where is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SearchContext {
    Allocs,
    Deployments,
    Evals,
    Jobs,
    Namespaces,
    NodePools,
    Nodes,
    ScalingPolicies,
    /// Those that follow are parts of jobs, and found by `fuzzy` alone.
    Groups,
    Tasks,
    Images,
    Commands,
    Classes,
}

/// Of one context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The best first, no more than people look through.
    pub matches: Vec<FoundOne>,
    /// There are more.
    pub truncated: bool,
}

/// Something that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FoundOne {
    pub id: String,
    /// Where it is: namespace, job, group, task, as far as they apply.
    pub scope: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadReply {
    /// Index of what was read: give it back as `min_index` to wait for the next change. Never below 1.
    pub index: u64,
    /// Since this server last heard of its leader, in milliseconds; 0 on the leader.
    pub last_contact: u64,
    pub known_leader: bool,
    pub value: ReadValue,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ReadValue {
    Jobs(Vec<(Arc<Job>, Arc<JobSummary>)>),
    Job(Option<Arc<Job>>),
    /// Newest first; empty when there is no such job.
    JobVersions(Vec<Arc<Job>>),
    JobSubmission(Option<Arc<JobSubmission>>),
    JobSummary(Option<Arc<JobSummary>>),
    /// In lists each allocation comes without its job; `job_version`, `job_type` beside it.
    Allocs(Vec<ListedAlloc>),
    /// With its job inside.
    Alloc(Option<Arc<Allocation>>),
    Evals(Vec<Arc<Evaluation>>),
    Eval(Option<Arc<Evaluation>>),
    Deployments(Vec<Arc<Deployment>>),
    Deployment(Option<Arc<Deployment>>),
    Nodes(Vec<Arc<Node>>),
    Node(Option<Arc<Node>>),
    Text(String),
    Texts(Vec<String>),
    Rollout(Option<RolloutView>),
    /// Empty also when there is no such job.
    JobScaling(Arc<ScalingEvents>),
    /// In the order of the log; allocations without their jobs, rollouts without their specifications.
    Events(Vec<EventBatch>),
    RaftGroup(Vec<RaftMember>),
    Autopilot(AutopilotConfig),
    AutopilotHealth(Vec<ServerHealth>),
    /// In order of namespace, job and group.
    ScalingPolicies(Vec<ScalingPolicy>),
    ScalingPolicy(Option<Box<ScalingPolicy>>),
    Namespaces(Vec<Arc<NamespaceSpec>>),
    Namespace(Option<Arc<NamespaceSpec>>),
    NodePools(Vec<Arc<NodePool>>),
    NodePool(Option<Arc<NodePool>>),
    Scheduler(SchedulerConfiguration),
    Found(Found),
    Findings(Findings),
    /// `jobs`: the versions that the allocations are of, each once; `job_of`: the place of each allocation's.
    AllocsAndJobs {
        allocs: Vec<ListedAlloc>,
        jobs: Vec<Arc<Job>>,
        job_of: Vec<u32>,
    },
}

/// What a region has against a job, and what it points out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

impl Findings {
    /// All errors in the form of the interface; empty when there are none.
    pub fn error_text(&self) -> String {
        model::lists::errors(&self.errors)
    }

    /// All warnings in the form of the interface; empty when there are none.
    pub fn warning_text(&self) -> String {
        model::lists::warnings(&self.warnings)
    }
}

/// A server of a region's raft group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaftMember {
    pub server_id: Uuid,
    /// Without the region's name.
    pub name: String,
    /// rpc address, `host:port`.
    pub address: String,
    pub leader: bool,
    pub voter: bool,
}

/// How one of a region's servers is, by the word of its leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerHealth {
    pub member: RaftMember,
    /// In the gossip pool; `none` for one that is no member of it.
    pub status: String,
    /// The version of its program.
    pub build: String,
    /// Nanoseconds since the leader last heard of it; negative when it never did.
    pub last_contact: i64,
    /// Of the last entry in its log that is known.
    pub last_term: u64,
    pub last_index: u64,
    pub healthy: bool,
    /// Unix nanoseconds since when it is as healthy or not as now; 0 when it was only seen now.
    pub stable_since: i64,
}

/// A part of a list that is ordered by create index and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Create index and id where it begins; the beginning of the list if none.
    pub from: Option<(u64, u128)>,
    pub n: u64,
    pub newest_first: bool,
}

/// An allocation of a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListedAlloc {
    /// Its job stays where it is: it would be sent with each.
    #[serde(serialize_with = "without_job")]
    pub alloc: Arc<Allocation>,
    pub job_type: model::JobType,
    pub job_version: u64,
}

fn without_job<S: serde::Serializer>(alloc: &Allocation, serializer: S) -> Result<S::Ok, S::Error> {
    match alloc.job {
        Some(_) => Allocation { job: None, ..alloc.clone() }.serialize(serializer),
        None => alloc.serialize(serializer),
    }
}

/// A rollout as one region sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RolloutView {
    pub header: Arc<RolloutHeader>,
    /// What people asserted, wherever.
    pub overrides: Overrides,
    pub regions: Vec<RolloutRegionView>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RolloutRegionView {
    pub region: RegionName,
    /// `None`: nothing heard yet.
    pub record: Option<RegionRecord>,
    /// Nanoseconds since the record was received; 0 for the own one.
    pub age: i64,
    /// What it waits for, in words; empty when nothing.
    pub waiting_for: String,
}

// ---- writes

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Write {
    RegisterJob(Box<RegisterJob>),
    /// A dry run: nothing changes.
    PlanJob {
        job: Arc<Job>,
        diff: bool,
    },
    DeregisterJob {
        key: JobKey,
        purge: bool,
        global: bool,
        eval_priority: i64,
        no_shutdown_delay: bool,
    },
    EvaluateJob {
        key: JobKey,
        force_reschedule: bool,
    },
    RevertJob {
        key: JobKey,
        version: u64,
        enforce_prior_version: Option<u64>,
    },
    SetJobStability {
        key: JobKey,
        version: u64,
        stable: bool,
    },
    /// `count: None` records the event only.
    ScaleJob {
        key: JobKey,
        group: String,
        count: Option<i64>,
        message: String,
        /// The event tells of an error.
        error: bool,
        /// JSON text of an object; empty when there is none.
        meta: String,
        /// Only if the job's `JobModifyIndex` is this.
        #[serde(with = "model::json::since_2")]
        enforce_index: Option<u64>,
    },
    /// `reschedule`: what replaces it is placed as after a failure, on another node if there is one.
    StopAlloc {
        id: AllocId,
        no_shutdown_delay: bool,
        reschedule: bool,
    },
    FailDeployment {
        id: DeploymentId,
    },
    PauseDeployment {
        id: DeploymentId,
        pause: bool,
    },
    /// Empty `groups`: all.
    PromoteDeployment {
        id: DeploymentId,
        groups: Vec<String>,
    },
    SetAllocHealth {
        id: DeploymentId,
        healthy: Vec<AllocId>,
        unhealthy: Vec<AllocId>,
    },
    UnblockDeployment {
        id: DeploymentId,
    },
    SetNodeEligibility {
        id: NodeId,
        eligible: bool,
    },
    EvaluateNode {
        id: NodeId,
    },
    PurgeNode {
        id: NodeId,
    },
    CollectGarbage,
    ReconcileSummaries,
    /// Asserts something about the present rollout of a job.
    OverrideRollout {
        key: JobKey,
        overrides: Overrides,
    },
    /// Takes a server out of the raft group; `server`: its id, or its rpc address.
    RemovePeer {
        server: String,
    },
    /// Lets another server lead; answered when it does. `server` as above.
    TransferLeadership {
        server: String,
    },
    /// Answered by [`WriteValue::Changed`]. `cas`: only if the present settings have this modify index.
    SetAutopilot {
        config: AutopilotConfig,
        cas: Option<u64>,
    },
    /// `drain: None` ends it; `mark_eligible`: and the node takes work again.
    DrainNode {
        id: NodeId,
        drain: Option<Drain>,
        mark_eligible: bool,
        /// What somebody says about it.
        meta: BTreeMap<String, String>,
    },
    /// Answered by [`WriteValue::Dispatched`].
    DispatchJob(Box<DispatchJob>),
    /// Launches a periodic job now.
    ForceLaunch {
        key: JobKey,
    },
    /// Answered by [`WriteValue::Tagged`]. `tag: None` takes the name away.
    TagJobVersion {
        key: JobKey,
        name: String,
        tag: Option<TagVersion>,
    },
    /// Namespaces and node pools are written in the authoritative region alone. `passed_on_by`: another region that takes this one for it.
    Places {
        change: PlacesChange,
        passed_on_by: Option<RegionName>,
    },
    /// Answered by [`WriteValue::Changed`]. `cas`: only if the present settings have this modify index.
    SetScheduler {
        config: SchedulerConfiguration,
        cas: Option<u64>,
    },
    DeleteEvals {
        ids: Vec<EvalId>,
    },
}

/// How a node shall be drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// Nanoseconds from now; 0: none; negative: at once.
    pub deadline: i64,
    pub ignore_system_jobs: bool,
}

/// A child of a parameterized job is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DispatchJob {
    pub key: JobKey,
    pub payload: Vec<u8>,
    pub meta: BTreeMap<String, String>,
    /// A live child with the same one is given instead; empty: none is.
    pub idempotency_token: String,
    /// Goes into the child's id.
    pub id_prefix: String,
    /// 0: that of the parent.
    pub priority: i64,
}

/// A name for a version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TagVersion {
    /// `None`: the present one.
    pub version: Option<u64>,
    pub description: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PlacesChange {
    UpsertNamespace(Box<NamespaceSpec>),
    DeleteNamespace(Namespace),
    UpsertNodePool(Box<NodePool>),
    DeleteNodePool(Text),
    /// A node names a pool that nobody has described.
    EnsureNodePool(Text),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegisterJob {
    /// Canonical; of a multi-region job the source specification, before anything is put in per region.
    pub job: Arc<Job>,
    pub submission: Option<JobSubmission>,
    /// Register only if the job's `JobModifyIndex` is this; 0: only if it does not exist.
    pub enforce_index: Option<u64>,
    pub preserve_counts: bool,
    pub preserve_resources: bool,
    /// 0: that of the job.
    pub eval_priority: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WriteReply {
    pub index: u64,
    pub value: WriteValue,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum WriteValue {
    Done,
    /// `eval_id` nil when none was made.
    Job {
        eval_id: EvalId,
        job_modify_index: u64,
        warnings: String,
        unreached: Vec<RegionName>,
    },
    Plan(Box<JobPlan>),
    Evals(Vec<EvalId>),
    Deployment {
        eval_id: EvalId,
        deployment_modify_index: u64,
        reverted_job_version: Option<u64>,
    },
    Node {
        eval_ids: Vec<EvalId>,
        node_modify_index: u64,
    },
    /// Who led before, and who leads now.
    Leadership {
        from: RaftMember,
        to: RaftMember,
    },
    /// Whether anything was.
    Changed(bool),
    /// The child, made now or found by its token.
    Dispatched {
        id: JobId,
        job_create_index: u64,
        eval_id: EvalId,
        eval_create_index: u64,
    },
    /// `None`: the name is gone.
    Tagged(Option<JobVersionTag>),
}

/// What registering a job would do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobPlan {
    /// The job as it is now, for the difference.
    pub old: Option<Arc<Job>>,
    /// What would be registered here (a region's effective copy of a multi-region job).
    pub new: Arc<Job>,
    pub desired_updates: BTreeMap<String, model::DesiredUpdates>,
    pub failed_tg_allocs: BTreeMap<String, model::AllocMetric>,
    pub job_modify_index: u64,
    pub created_evals: Vec<Evaluation>,
    pub warnings: String,
    /// What would make room.
    #[serde(with = "model::json::since_2")]
    pub preempted: Vec<model::PreemptedAlloc>,
}

// ---- between a node and its region

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum NodeRequest {
    /// New or changed. Answered by [`NodeReply::Heartbeat`].
    Register(Arc<Node>),
    /// "I am here." Answered by [`NodeReply::Heartbeat`]; `known: false` asks the node to register again.
    Heartbeat {
        node_id: NodeId,
        secret: Uuid,
    },
    /// Waits until something of the node's allocations changes after `min_index`, at most `wait` nanoseconds.
    PullAllocs {
        node_id: NodeId,
        secret: Uuid,
        min_index: u64,
        wait: i64,
    },
    UpdateAllocs {
        node_id: NodeId,
        secret: Uuid,
        updates: Vec<AllocUpdate>,
    },
    EmitEvents {
        node_id: NodeId,
        secret: Uuid,
        events: Vec<NodeEvent>,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum NodeReply {
    Heartbeat {
        known: bool,
        /// Report again within this many nanoseconds.
        ttl: i64,
        /// rpc addresses of the region's servers, to be remembered.
        servers: Vec<String>,
        index: u64,
    },
    Allocs(NodeAllocs),
    Done {
        index: u64,
    },
}

/// A node's share of the state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NodeAllocs {
    /// Give it back as `min_index`.
    pub index: u64,
    /// All allocations of the node that the region still has: those missing here may be collected. `(id, alloc_modify_index)`; `None` when none
    /// went after `min_index`.
    pub all: Option<Vec<(AllocId, u64)>>,
    /// Those that the region changed after `min_index`, with their job inside, oldest change first.
    pub changed: Vec<Arc<Allocation>>,
}

// ---- on a node

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeTarget {
    Node(NodeId),
    /// The node of this allocation.
    Alloc(AllocId),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum NodeCall {
    /// `path` is relative to the allocation's directory.
    List {
        path: String,
    },
    Stat {
        path: String,
    },
    /// Streams [`Chunk`]s.
    Cat {
        path: String,
    },
    /// Streams [`Chunk`]s; `limit` 0: to the end.
    ReadAt {
        path: String,
        offset: u64,
        limit: u64,
    },
    /// Streams [`Chunk`]s.
    Stream {
        path: String,
        offset: u64,
        from_end: bool,
        follow: bool,
    },
    /// Streams [`Chunk`]s over all rotated files. `stderr`: that stream instead of stdout.
    Logs {
        task: String,
        stderr: bool,
        offset: u64,
        from_end: bool,
        follow: bool,
    },
    HostStats,
    /// `task`: only that one, unless empty.
    AllocStats {
        task: String,
    },
    /// Empty `task`: all of them.
    Restart {
        task: String,
        all_tasks: bool,
    },
    Signal {
        task: String,
        signal: String,
    },
    CollectAlloc,
    CollectAll,
    /// Streams [`Chunk`]s: lines of the log of the node's agent, from now on.
    Monitor(MonitorOptions),
    ReadMeta,
    /// Sets keys of the node's metadata; `None` takes one away.
    ApplyMeta {
        meta: BTreeMap<String, Option<String>>,
    },
    /// Streams [`Chunk`]s: a tar archive of what the allocation leaves to the next one, `alloc/data` and the `local` of its tasks.
    Snapshot,
}

impl NodeCall {
    /// Whether the answer is a stream of [`Chunk`]s.
    pub fn streams(&self) -> bool {
        matches!(self, Self::Cat { .. } | Self::ReadAt { .. } | Self::Stream { .. } | Self::Logs { .. } | Self::Monitor(_) | Self::Snapshot)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum NodeCallReply {
    Done,
    Files(Vec<FileInfo>),
    File(FileInfo),
    /// JSON text of the interface's shape: statistics are for display only and take no decision.
    Json(String),
    /// The answer follows as a stream.
    Streaming,
    Meta(NodeMeta),
}

/// A node's metadata, and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeMeta {
    /// What is in effect.
    pub meta: BTreeMap<String, String>,
    /// What was said while the agent ran; `None`: the configured key is taken away.
    pub dynamic: BTreeMap<String, Option<String>>,
    /// What the configuration says.
    pub configured: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FileInfo {
    pub name: String,
    pub is_dir: bool,
    pub size: i64,
    /// `drwxr-xr-x`
    pub file_mode: String,
    pub mod_time: Time,
    pub content_type: String,
}

/// A piece of a streamed file, or a line of a log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// Where the piece ends in the file, in bytes.
    pub offset: i64,
    pub data: Vec<u8>,
    /// Name of the file, relative to the allocation's directory.
    pub file: String,
    /// `file deleted`, `file truncated`, or empty.
    pub file_event: String,
}

// ---- between regions, about a rollout

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RolloutRequest {
    /// Read-only: could this specification be rolled out here?
    Prepare { job: Arc<Job>, listed: bool },
    /// Stage it and vote.
    Propose { header: Arc<RolloutHeader>, job: Option<Arc<Job>>, submission: Option<JobSubmission> },
    /// The origin gave up before its own vote.
    Withdraw { id: RolloutId, key: JobKey, reason: String },
    /// The specification of a rollout that this region voted for or adopted.
    Fetch { id: RolloutId },
    /// Records pushed at once, without waiting for gossip.
    Push { records: Vec<RegionRecord> },
    /// Stop the job here as part of a rollout of kind stop.
    Stop { header: Arc<RolloutHeader>, purge: bool },
    /// `restored` was restored from a snapshot: heed nothing of it that is older than this incarnation, and tell what it had said.
    Testify { restored: RegionName, incarnation: u64 },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum RolloutReply {
    /// With the regions of the head, so that the origin knows whom the new list leaves out.
    Prepared((Prepared, Vec<RegionName>)),
    Voted,
    Rejected {
        reason: String,
    },
    /// Another proposal is older; `winner` names it.
    Busy {
        winner: RolloutId,
    },
    Fetched(Option<(Arc<RolloutHeader>, Option<Arc<Job>>)>),
    Done,
    /// Another rollout of the job was adopted here meanwhile.
    MovedOn {
        winner: RolloutId,
    },
    Testimony(Testimony),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    pub region: String,
    /// The rollout that is the head of the job here.
    pub head: Option<RolloutId>,
    pub head_phase: Option<model::Phase>,
    /// The job's version here, if it exists.
    pub version: Option<u64>,
    /// Hash of the source specification of the head.
    pub spec_hash: String,
    pub lamport: u64,
    /// Why not; empty when it can be rolled out here.
    pub refusal: String,
    /// The job is stopped, or differs from what the head rollout put here.
    pub drifted: bool,
    /// An undecided proposal that this region has voted for.
    pub busy: Option<RolloutId>,
}

// ---- snapshots

/// Both ways go in pieces of at most [`SNAPSHOT_PIECE`] bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum SnapshotRequest {
    /// Make one. `stale`: any server's will do.
    Take { stale: bool },
    /// A piece of the one that was made. `stale` as then.
    Read { stale: bool, blake3: [u8; 32], offset: u64 },
    /// The region's state shall be replaced by records that follow.
    Begin { id: Uuid },
    /// `position` counts the pieces from 0; one that was sent twice counts once.
    Put { id: Uuid, position: u64, records: Vec<Vec<u8>> },
    /// All of them are there.
    Finish { id: Uuid, n_records: u64 },
    /// They will not come.
    Cancel { id: Uuid },
}

/// Bytes of one piece of a snapshot; a single record may be larger.
pub const SNAPSHOT_PIECE: usize = 1 << 20;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum SnapshotReply {
    Taken(SnapshotInfo),
    Piece(Vec<u8>),
    Done { index: u64 },
}

/// A snapshot that a server keeps for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInfo {
    /// Of the whole file.
    pub blake3: [u8; 32],
    /// Bytes.
    pub length: u64,
    /// The last log entry in it.
    pub index: u64,
    pub term: u64,
    pub region: RegionName,
    pub cluster: Uuid,
}

// ---- about the agent

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum AgentRequest {
    Members,
    /// gossip addresses
    Join {
        addresses: Vec<String>,
    },
    ForceLeave {
        name: String,
        prune: bool,
    },
    Regions,
    /// Whether it is ready to serve.
    Health,
    /// Streams [`Chunk`]s: lines of a server's log, from now on. `server`: its name, with or without its region, its id, or `leader`; empty for
    /// the one that answers.
    Monitor {
        server: String,
        options: MonitorOptions,
    },
}

/// What is wanted of an agent's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorOptions {
    /// The least urgent lines, also below what the agent itself writes down.
    pub level: LogLevel,
    /// An object a line instead of text.
    pub json: bool,
    /// With the place in the source.
    pub location: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum AgentReply {
    Members(Members),
    Joined { count: u64, errors: Vec<String> },
    Regions(Vec<String>),
    Health { ok: bool, message: String },
    Done,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Members {
    /// Name of the answering agent, without its region.
    pub server_name: String,
    pub server_region: String,
    pub server_dc: String,
    pub members: Vec<MemberInfo>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MemberInfo {
    /// `server-1.west`
    pub name: String,
    pub addr: String,
    pub port: u16,
    /// region, dc, id, rpc_addr, build, expect, …
    pub tags: BTreeMap<String, String>,
    /// alive, leaving, left, failed
    pub status: String,
}
