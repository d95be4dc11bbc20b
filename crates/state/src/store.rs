//! The tables. Only `apply` writes them.

use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};
use model::{
    AllocId, Allocation, AutopilotConfig, Deployment, DeploymentId, EvalId, Evaluation, Job, JobKey, JobSubmission, JobSummary, Namespace,
    NamespaceSpec, Node, NodeId, NodePool, RegionName, Rollout, RolloutId, ScalingEvents, SchedulerConfiguration, Text, Usage, Uuid,
};

use crate::command::Plan;
use crate::watch::{Table, Watch};

/// How many versions of a job are kept beside those that allocations still use, as long as nobody has said it.
pub const TRACKED_VERSIONS: u64 = 6;

/// How many scaling events are kept of each group.
pub const KEPT_SCALING_EVENTS: usize = 20;

/// All that a region knows. Cloning is cheap; a clone never changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    /// Index of the last applied log entry.
    pub(crate) index: u64,
    pub(crate) identity: Identity,
    pub(crate) jobs: OrdMap<JobKey, Arc<Job>>,
    /// Also holds the present version.
    pub(crate) job_versions: OrdMap<(JobKey, u64), Arc<Job>>,
    pub(crate) job_submissions: OrdMap<(JobKey, u64), Arc<JobSubmission>>,
    /// The largest version that a removed job had, as long as a rollout of it is known: its numbers are compared between regions, so they
    /// must not begin anew.
    pub(crate) version_floors: OrdMap<JobKey, u64>,
    pub(crate) job_summaries: OrdMap<JobKey, Arc<JobSummary>>,
    /// Only of jobs that are there.
    pub(crate) scaling_events: OrdMap<JobKey, Arc<ScalingEvents>>,
    /// Counts from which a job's status follows.
    pub(crate) job_tallies: HashMap<JobKey, Tally>,
    pub(crate) evals: OrdMap<EvalId, Arc<Evaluation>>,
    pub(crate) open_evals: OrdSet<EvalId>,
    pub(crate) evals_by_job: OrdSet<(JobKey, EvalId)>,
    /// Every allocation has its job inside, shared with `job_versions`.
    pub(crate) allocs: OrdMap<AllocId, Arc<Allocation>>,
    pub(crate) allocs_by_job: OrdSet<(JobKey, AllocId)>,
    /// By what servers want of them, in the order in which they wanted it: `alloc_modify_index` stands between.
    pub(crate) allocs_by_node: OrdSet<(NodeId, u64, AllocId)>,
    /// What the live allocations of each node take; none: no entry.
    pub(crate) node_loads: OrdMap<NodeId, NodeLoad>,
    pub(crate) allocs_by_deployment: OrdSet<(DeploymentId, AllocId)>,
    pub(crate) nodes: OrdMap<NodeId, Arc<Node>>,
    /// When each node last reported of its allocations. Beside the nodes, because it changes far more often.
    pub(crate) node_reports: OrdMap<NodeId, u64>,
    pub(crate) deployments: OrdMap<DeploymentId, Arc<Deployment>>,
    pub(crate) deployments_by_job: OrdSet<(JobKey, DeploymentId)>,
    pub(crate) active_deployments: OrdSet<DeploymentId>,
    pub(crate) rollouts: OrdMap<RolloutId, Arc<Rollout>>,
    pub(crate) rollout_heads: OrdMap<JobKey, RolloutId>,
    pub(crate) rollout_staged: OrdMap<JobKey, RolloutId>,
    pub(crate) table_indexes: OrdMap<Table, u64>,
    /// A snapshot on its way into the state.
    pub(crate) restoring: Option<Restoration>,
    /// The region was restored, and does not know yet what it had told other regions: it takes no part in rollouts.
    pub(crate) is_fenced: bool,
    /// The smallest incarnation of other regions that counts, where they were restored.
    pub(crate) heeded: OrdMap<RegionName, u64>,
    /// As a person set it; none as long as the agents' configuration counts.
    pub(crate) autopilot: Option<Arc<AutopilotConfig>>,
    /// Without those that are always there.
    pub(crate) namespaces: OrdMap<Namespace, Arc<NamespaceSpec>>,
    /// Without those that are always there.
    pub(crate) node_pools: OrdMap<Text, Arc<NodePool>>,
    /// As a person set it; none: the defaults.
    pub(crate) scheduler: Option<Arc<SchedulerConfiguration>>,
    /// As the first leader was configured that differs; none: [`TRACKED_VERSIONS`].
    pub(crate) tracked_versions: Option<u64>,
    /// Up to which point in time (unix nanoseconds) the launches of a periodic job are done.
    pub(crate) launches: OrdMap<JobKey, i64>,
    /// Index of the last change of groups of things (allocations of a job or node, …); single things carry their own.
    pub(crate) group_indexes: HashMap<Watch, u64>,
}

/// Who this region is.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    pub region: RegionName,
    /// Nil until bootstrapped.
    pub cluster: Uuid,
    /// Grows when the region is restored from a snapshot.
    pub incarnation: u64,
    /// The largest rollout number seen for any job.
    pub lamport: u64,
}

/// What the live allocations of a node take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLoad {
    pub used: Usage,
    pub n_allocs: i64,
    /// Those among them that have ports, cores or devices of their own.
    pub n_particular: i64,
    /// All their host ports.
    pub n_ports: i64,
}

impl NodeLoad {
    /// What one allocation is worth.
    pub fn of(alloc: &Allocation) -> Self {
        let Some(resources) = &alloc.allocated_resources else { return Self { n_allocs: 1, ..Self::default() } };
        Self {
            used: Usage::of_alloc(resources),
            n_allocs: 1,
            n_particular: i64::from(resources.has_particulars()),
            n_ports: resources.host_ports().count() as i64,
        }
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            used: self.used.plus(other.used),
            n_allocs: self.n_allocs + other.n_allocs,
            n_particular: self.n_particular + other.n_particular,
            n_ports: self.n_ports + other.n_ports,
        }
    }

    pub fn minus(self, other: Self) -> Self {
        Self {
            used: self.used.minus(other.used),
            n_allocs: self.n_allocs - other.n_allocs,
            n_particular: self.n_particular - other.n_particular,
            n_ports: self.n_ports - other.n_ports,
        }
    }
}

impl Store {
    /// Makes the room that a plan takes look taken, and does nothing else of the plan. For a copy of the state that is thrown away: to go on
    /// planning before the plan is committed.
    pub fn reserve(&mut self, plan: &Plan) {
        for placement in &plan.placements {
            let alloc = &placement.alloc;
            if self.allocs.contains_key(&alloc.id) {
                continue;
            }
            if self.load_node(alloc, true).n_particular > 0 {
                // Whoever wants ports, cores or devices of the node looks at this one's.
                self.allocs_by_node.insert((alloc.node_id, alloc.alloc_modify_index, alloc.id));
                self.allocs.insert(alloc.id, Arc::new(alloc.clone()));
            }
        }
    }

    /// An allocation comes to life, or its life ends. Returns what it is worth.
    pub(crate) fn load_node(&mut self, alloc: &Allocation, comes: bool) -> NodeLoad {
        let load = self.node_loads.entry(alloc.node_id).or_default();
        let of = NodeLoad::of(alloc);
        *load = if comes { load.plus(of) } else { load.minus(of) };
        if *load == NodeLoad::default() {
            self.node_loads.remove(&alloc.node_id);
        }
        of
    }
}

/// The parts of a snapshot that have come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Restoration {
    pub id: Uuid,
    pub parts: imbl::Vector<Arc<Vec<Vec<u8>>>>,
}

/// Live things of one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub live_allocs: i64,
    pub open_evals: i64,
}
