//! Everything that can change a region. Append-only: the log stores a command's position.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AllocId, AllocUpdate, Allocation, AutopilotConfig, ClientStatus, Deployment, DeploymentId, DeploymentStatus, DesiredTransition,
    DrainStrategy, Eligibility, EvalId, Evaluation, EventSubject, Job, JobId, JobKey, JobSubmission, Namespace, NamespaceSpec, Node,
    NodeEvent, NodeId, NodePool, NodeStatus, Overrides, Phase, RegionName, RolloutHeader, RolloutId, ScalingEvent, SchedulerConfiguration,
    Text, Uuid, codec,
};
use serde::{Deserialize, Serialize};

use crate::Touched;
use crate::packed::PackedPlan;

/// Version of the bytes of a command.
pub const COMMAND_VERSION: u16 = codec::SHAPES;

/// A change of the region. `time` is always in unix nanoseconds, taken by the leader when it admitted the command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Proves that the log moves.
    Noop,
    /// Gives the region its identity; only the first one counts.
    Bootstrap {
        region: RegionName,
        cluster: Uuid,
    },
    RegisterJob(Box<RegisterJob>),
    /// Stops a job, or removes it with all its versions when `purge`.
    DeregisterJob {
        key: JobKey,
        purge: bool,
        eval: Option<Box<Evaluation>>,
        time: i64,
    },
    SetJobStability {
        key: JobKey,
        version: u64,
        stable: bool,
    },
    UpsertEvals {
        evals: Vec<Evaluation>,
        time: i64,
    },
    ApplyPlan(Box<Plan>),
    /// What nodes report.
    UpdateAllocs {
        updates: Vec<AllocUpdate>,
        evals: Vec<Evaluation>,
        time: i64,
    },
    /// What operators and reconcilers want of running allocations.
    SetTransitions {
        transitions: Vec<(AllocId, DesiredTransition)>,
        evals: Vec<Evaluation>,
        time: i64,
    },
    RegisterNode {
        node: Arc<Node>,
        event: Option<NodeEvent>,
        evals: Vec<Evaluation>,
        time: i64,
    },
    SetNodeStatus {
        id: NodeId,
        status: NodeStatus,
        event: Option<NodeEvent>,
        evals: Vec<Evaluation>,
        time: i64,
    },
    SetNodeEligibility {
        id: NodeId,
        eligibility: Eligibility,
        event: Option<NodeEvent>,
        evals: Vec<Evaluation>,
        time: i64,
    },
    AddNodeEvents {
        id: NodeId,
        events: Vec<NodeEvent>,
    },
    SetDeploymentStatus(Box<DeploymentChange>),
    /// Empty `groups`: all.
    PromoteDeployment {
        id: DeploymentId,
        groups: Vec<String>,
        eval: Option<Box<Evaluation>>,
        time: i64,
    },
    SetAllocHealth {
        id: DeploymentId,
        healthy: Vec<AllocId>,
        unhealthy: Vec<AllocId>,
        eval: Option<Box<Evaluation>>,
        time: i64,
    },
    /// Casts this region's vote for a proposed rollout (at the origin: records the proposal).
    StageRollout {
        header: Arc<RolloutHeader>,
        source: Option<Arc<Job>>,
        submission: Option<JobSubmission>,
        time: i64,
    },
    /// The staged rollout will not be. `phase`: withdrawn or rejected.
    UnstageRollout {
        id: RolloutId,
        phase: Phase,
        cause: String,
        cause_region: RegionName,
        time: i64,
    },
    /// Takes the staged rollout as head of its job.
    AdoptRollout(Box<Adoption>),
    SetRolloutPhase(Box<PhaseChange>),
    /// Removes what is no longer needed.
    Reap(Box<Reap>),
    /// Counts the summaries anew.
    ReconcileSummaries,
    ScaleJob(Box<ScaleJob>),
    /// What people asserted about a rollout, here or in another region.
    OverrideRollout {
        id: RolloutId,
        overrides: Overrides,
        time: i64,
    },
    /// The region shall become what a snapshot holds, which comes in parts. Takes the place of a restore that has not ended.
    BeginRestore {
        id: Uuid,
    },
    /// Records of the snapshot; `position` counts the parts from 0.
    AddToRestore {
        id: Uuid,
        position: u64,
        records: Vec<Vec<u8>>,
    },
    /// All parts are there: the state is replaced. `incarnation` is the smallest that the region may have from now on.
    FinishRestore {
        id: Uuid,
        n_records: u64,
        incarnation: u64,
        time: i64,
    },
    CancelRestore {
        id: Uuid,
    },
    /// What a region said in earlier incarnations counts no more: it was restored.
    HeedRegion {
        region: RegionName,
        incarnation: u64,
    },
    /// The restored region knows what it had said last, and takes part again.
    LiftFence(Box<LiftFence>),
    /// As [`Command::ApplyPlan`], in fewer bytes.
    ApplyPackedPlan(Box<PackedPlan>),
    /// How the region looks after its servers; `cas`: only if the present settings have this modify index.
    SetAutopilot {
        config: AutopilotConfig,
        cas: Option<u64>,
    },
    UpsertNamespaces {
        namespaces: Vec<NamespaceSpec>,
    },
    /// Refused while one of them is in use.
    DeleteNamespaces {
        names: Vec<Namespace>,
    },
    UpsertNodePools {
        pools: Vec<NodePool>,
    },
    /// Refused while one of them is in use.
    DeleteNodePools {
        names: Vec<Text>,
    },
    /// How the region schedules; `cas` as above.
    SetScheduler {
        config: SchedulerConfiguration,
        cas: Option<u64>,
    },
    LaunchJob(Box<LaunchJob>),
    /// Names a version of a job, or takes the name away.
    TagJobVersion {
        key: JobKey,
        name: String,
        tag: Option<VersionTag>,
    },
    SetNodeDrain(Box<NodeDrain>),
    /// Of whatever status.
    DeleteEvals {
        ids: Vec<EvalId>,
    },
    /// Removes nodes that are down and have no work, as far as they still are so.
    ReapNodes {
        ids: Vec<NodeId>,
    },
    /// How many versions of each job are kept from now on; none is removed before its job changes.
    TrackVersions {
        n: u64,
    },
}

/// A child of a periodic or parameterized job; all or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaunchJob {
    pub parent: JobKey,
    /// The child, which names its parent. One that is there already is not launched again, nor is one with the idempotency token of a live
    /// sibling: [`Outcome::Launched`] names that one. `None`: what is due is passed over, because an earlier child still runs.
    pub register: Option<RegisterJob>,
    /// For which point in time (unix nanoseconds) a periodic job is launched; `None`: somebody asked for it. Each is launched at most once, and
    /// not at all while an earlier child runs if the parent does not want that: [`Outcome::Done`].
    pub due: Option<i64>,
}

/// Which version a tag names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionTag {
    pub version: u64,
    pub description: String,
    /// Unix nanoseconds.
    pub time: i64,
}

/// A drain begins, changes or ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeDrain {
    pub id: NodeId,
    /// `None`: it ends.
    pub strategy: Option<DrainStrategy>,
    /// It ends because all work has left; otherwise somebody ends it.
    pub is_complete: bool,
    /// Whether the node takes work again at the end.
    pub mark_eligible: bool,
    /// What somebody said about it.
    pub meta: BTreeMap<String, String>,
    pub event: Option<NodeEvent>,
    pub evals: Vec<Evaluation>,
    pub time: i64,
}

/// What a region that was restored had said last, oldest rollout first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiftFence {
    pub rollouts: Vec<Recovery>,
    /// The largest rollout number that any region has seen.
    pub lamport: u64,
    pub time: i64,
}

/// A rollout as this region must go on with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    pub header: Arc<RolloutHeader>,
    /// `None` for kind stop.
    pub source: Option<Arc<Job>>,
    pub phase: Phase,
    pub cause: String,
    pub cause_region: RegionName,
    pub forced: bool,
    /// How it becomes the head of its job, if the snapshot does not have it as such.
    pub adoption: Option<Box<Adoption>>,
    /// The rollout ends here, and the job stops.
    pub stop_job: bool,
    /// Registers this version of the job again, as a new version (auto_revert).
    pub revert_to: Option<u64>,
    pub eval: Option<Evaluation>,
}

/// An event about the count of a group, and the job with its new count if it has one; both or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleJob {
    pub key: JobKey,
    pub group: String,
    pub register: Option<RegisterJob>,
    /// Its index is filled in by apply.
    pub event: ScalingEvent,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisterJob {
    /// Canonical. Indexes, version, status and submit time are filled in by apply.
    pub job: Arc<Job>,
    pub submission: Option<JobSubmission>,
    /// Refused unless the job's `job_modify_index` is this; 0: unless it does not exist.
    pub enforce_index: Option<u64>,
    pub eval: Option<Evaluation>,
    pub time: i64,
}

/// What the scheduler decided for one evaluation; everything in one log entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub eval_id: EvalId,
    /// New allocations, and existing ones updated in place (same id; what the node reported is kept).
    pub placements: Vec<Placement>,
    pub stops: Vec<AllocStop>,
    /// Created, or replaced by what the scheduler knows better (desired totals, canaries wanted). Progress counters are kept by apply.
    pub deployment: Option<Deployment>,
    pub deployment_updates: Vec<DeploymentUpdate>,
    /// The evaluation itself in its final status, and what follows: a blocked evaluation, delayed follow-ups.
    pub evals: Vec<Evaluation>,
    pub time: i64,
    /// Allocations of other jobs that make room.
    #[serde(with = "model::json::since_2")]
    pub preemptions: Vec<Preemption>,
}

/// An allocation is pushed aside by one of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preemption {
    pub id: AllocId,
    pub by: AllocId,
}

impl Plan {
    /// Nothing would change but evaluations.
    pub fn is_noop(&self) -> bool {
        self.placements.is_empty()
            && self.stops.is_empty()
            && self.deployment.is_none()
            && self.deployment_updates.is_empty()
            && self.preemptions.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// With `job: None`; apply puts in the job of this version.
    pub alloc: Allocation,
    pub job_version: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocStop {
    pub id: AllocId,
    pub description: String,
    /// The region knows better than the node: `lost` when the node is down.
    pub client_status: Option<ClientStatus>,
    /// Keeps running until this evaluation; `desired_status` is then left as it is.
    pub followup_eval_id: EvalId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeploymentUpdate {
    pub id: DeploymentId,
    pub status: DeploymentStatus,
    pub description: String,
}

/// A deployment changes its status; a job may be reverted in the same step. The phase of a multi-region rollout follows when it fails or is
/// cancelled; all other steps of a rollout are changes of its phase, which the deployment follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeploymentChange {
    pub update: DeploymentUpdate,
    /// Refused unless the deployment is in this status.
    pub from: DeploymentStatus,
    /// Registers this version of the job again, as a new version.
    pub revert_to: Option<u64>,
    pub eval: Option<Evaluation>,
    pub time: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adoption {
    pub id: RolloutId,
    /// This region's effective copy; `None` in a dropped region and for kind stop.
    pub job: Option<Arc<Job>>,
    pub deployment: Option<Deployment>,
    pub eval: Option<Evaluation>,
    pub time: i64,
}

/// A rollout moves on in this region. The deployment's status follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseChange {
    pub id: RolloutId,
    /// Refused unless this is the present phase.
    pub from: Phase,
    pub to: Phase,
    pub cause: String,
    pub cause_region: RegionName,
    pub forced: bool,
    /// Registers this version of the job again, as a new version (auto_revert).
    pub revert_to: Option<u64>,
    /// Stops the job here (dropped region).
    pub stop_job: bool,
    pub eval: Option<Evaluation>,
    pub time: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reap {
    pub evals: Vec<EvalId>,
    pub allocs: Vec<AllocId>,
    pub deployments: Vec<DeploymentId>,
    pub jobs: Vec<JobKey>,
    pub nodes: Vec<NodeId>,
    pub rollouts: Vec<RolloutId>,
}

/// What applying a command did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Index of the log entry.
    pub index: u64,
    pub outcome: Outcome,
    /// What watchers may wait for.
    pub touched: Touched,
    /// The whole state was replaced: anything may have changed.
    pub restored: bool,
    /// What is not found among the touched things: rollouts that changed, jobs and nodes that are gone.
    pub(crate) noted: Vec<EventSubject>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    #[default]
    Done,
    Registered {
        version: u64,
        job_modify_index: u64,
        changed: bool,
    },
    /// The child is there, made by this command or by an earlier one.
    Launched {
        id: JobId,
        is_new: bool,
    },
    /// Another proposal of the same job is staged here.
    Busy {
        winner: RolloutId,
    },
    /// Another rollout of the job has become its head here.
    MovedOn {
        winner: RolloutId,
    },
    /// A precondition does not hold (any more); nothing was changed.
    Refused(String),
}

impl Command {
    pub fn encode(&self) -> Result<Vec<u8>, codec::Error> {
        codec::to_body(self)
    }

    /// `version`: of the nouns' shapes in the bytes, at most [`COMMAND_VERSION`].
    pub fn decode(version: u16, body: &[u8]) -> Result<Self, codec::Error> {
        codec::from_body_of(version, body)
    }

    /// For logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Bootstrap { .. } => "bootstrap",
            Self::RegisterJob(_) => "register job",
            Self::DeregisterJob { .. } => "deregister job",
            Self::SetJobStability { .. } => "set job stability",
            Self::UpsertEvals { .. } => "upsert evaluations",
            Self::ApplyPlan(_) => "apply plan",
            Self::UpdateAllocs { .. } => "update allocations",
            Self::SetTransitions { .. } => "set transitions",
            Self::RegisterNode { .. } => "register node",
            Self::SetNodeStatus { .. } => "set node status",
            Self::SetNodeEligibility { .. } => "set node eligibility",
            Self::AddNodeEvents { .. } => "add node events",
            Self::SetDeploymentStatus(_) => "set deployment status",
            Self::PromoteDeployment { .. } => "promote deployment",
            Self::SetAllocHealth { .. } => "set allocation health",
            Self::StageRollout { .. } => "stage rollout",
            Self::UnstageRollout { .. } => "unstage rollout",
            Self::AdoptRollout(_) => "adopt rollout",
            Self::SetRolloutPhase(_) => "set rollout phase",
            Self::Reap(_) => "reap",
            Self::ReapNodes { .. } => "reap nodes",
            Self::ReconcileSummaries => "reconcile summaries",
            Self::ScaleJob(_) => "scale job",
            Self::OverrideRollout { .. } => "override rollout",
            Self::BeginRestore { .. } => "begin restore",
            Self::AddToRestore { .. } => "add to restore",
            Self::FinishRestore { .. } => "finish restore",
            Self::CancelRestore { .. } => "cancel restore",
            Self::HeedRegion { .. } => "heed region",
            Self::LiftFence(_) => "lift fence",
            Self::SetAutopilot { .. } => "set autopilot",
            Self::ApplyPackedPlan(_) => "apply packed plan",
            Self::UpsertNamespaces { .. } => "upsert namespaces",
            Self::DeleteNamespaces { .. } => "delete namespaces",
            Self::UpsertNodePools { .. } => "upsert node pools",
            Self::DeleteNodePools { .. } => "delete node pools",
            Self::SetScheduler { .. } => "set scheduler",
            Self::LaunchJob(_) => "launch job",
            Self::TagJobVersion { .. } => "tag job version",
            Self::SetNodeDrain(_) => "set node drain",
            Self::DeleteEvals { .. } => "delete evaluations",
            Self::TrackVersions { .. } => "track versions",
        }
    }
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
