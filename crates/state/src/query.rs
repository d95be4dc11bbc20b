//! What readers ask of a view.

use std::sync::{Arc, LazyLock};

use model::{
    ALL_NODE_POOL, AllocId, Allocation, AutopilotConfig, DEFAULT_NAMESPACE, DEFAULT_NODE_POOL, Deployment, DeploymentId, EvalId,
    Evaluation, Job, JobKey, JobSubmission, JobSummary, Namespace, NamespaceSpec, Node, NodeId, NodePool, RegionName, Rollout, RolloutId,
    RolloutKind, ScalingEvents, SchedulerConfiguration, Uuid,
};

use crate::store::{Identity, NodeLoad, Store, TRACKED_VERSIONS};
use crate::watch::{Table, Watch};

/// What is always there.
struct BuiltIn {
    namespace: Arc<NamespaceSpec>,
    node_pools: [Arc<NodePool>; 2],
    scheduler: SchedulerConfiguration,
}

static BUILT_IN: LazyLock<BuiltIn> = LazyLock::new(|| {
    let pool = |name: &str, description: &str| {
        Arc::new(NodePool {
            name: name.into(),
            description: description.to_owned(),
            create_index: 1,
            modify_index: 1,
            ..NodePool::default()
        })
    };
    BuiltIn {
        namespace: Arc::new(NamespaceSpec {
            name: DEFAULT_NAMESPACE.into(),
            description: "Default shared namespace".to_owned(),
            create_index: 1,
            modify_index: 1,
            ..NamespaceSpec::default()
        }),
        node_pools: [pool(ALL_NODE_POOL, "Node pool with all nodes in the cluster."), pool(DEFAULT_NODE_POOL, "Default node pool.")],
        scheduler: SchedulerConfiguration::default(),
    }
});

impl Store {
    /// Index of the last applied log entry.
    pub fn index(&self) -> u64 {
        self.index
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The region was restored from a snapshot, and has not heard yet what it had told other regions: it takes no part in rollouts until then.
    pub fn is_fenced(&self) -> bool {
        self.is_fenced
    }

    /// The restore that has not ended, and how many of its parts have come.
    pub fn restoring(&self) -> Option<(Uuid, usize)> {
        self.restoring.as_ref().map(|restoring| (restoring.id, restoring.parts.len()))
    }

    /// Whether what a region says in this incarnation counts: it does not when the region was restored afterwards.
    pub fn heeds(&self, region: &RegionName, incarnation: u64) -> bool {
        self.heeded.get(region).is_none_or(|smallest| incarnation >= *smallest)
    }

    /// Index of the last change of a table; at least 1, as blocking readers expect.
    pub fn table_index(&self, table: Table) -> u64 {
        self.table_indexes.get(&table).copied().unwrap_or(0).max(1)
    }

    /// Index of the last change of what `watch` names; at least 1. A thing that does not exist has the index of its table, so that waiting for
    /// its creation works.
    pub fn watch_index(&self, watch: &Watch) -> u64 {
        let (own, table) = match watch {
            Watch::Table(table) => (None, *table),
            Watch::Job(key) => (self.jobs.get(key).map(|job| job.modify_index), Table::Jobs),
            Watch::JobSummary(key) => (self.job_summaries.get(key).map(|summary| summary.modify_index), Table::JobSummaries),
            Watch::Alloc(id) => (self.allocs.get(id).map(|alloc| alloc.modify_index), Table::Allocs),
            Watch::Node(id) => (self.nodes.get(id).map(|node| node.modify_index), Table::Nodes),
            Watch::Eval(id) => (self.evals.get(id).map(|eval| eval.modify_index), Table::Evals),
            Watch::Deployment(id) => (self.deployments.get(id).map(|deployment| deployment.modify_index), Table::Deployments),
            Watch::JobAllocs(_) | Watch::NodeAllocs(_) | Watch::EvalAllocs(_) | Watch::DeploymentAllocs(_) => {
                (self.group_indexes.get(watch).copied(), Table::Allocs)
            }
            // Each allocation says it.
            Watch::NodeWork(_) => (None, Table::Allocs),
            Watch::NodeLosses(_) => (self.group_indexes.get(watch).copied(), Table::Allocs),
            Watch::JobScaling(_) => (self.group_indexes.get(watch).copied(), Table::Jobs),
            Watch::JobVersions(_) => (self.group_indexes.get(watch).copied(), Table::JobVersions),
            Watch::JobEvals(_) => (self.group_indexes.get(watch).copied(), Table::Evals),
            Watch::JobDeployments(_) => (self.group_indexes.get(watch).copied(), Table::Deployments),
            Watch::Rollout(_) => (self.group_indexes.get(watch).copied(), Table::Rollouts),
            Watch::Namespace(name) => (self.namespaces.get(name).map(|namespace| namespace.modify_index), Table::Namespaces),
            Watch::NodePool(name) => (self.node_pools.get(name).map(|pool| pool.modify_index), Table::NodePools),
        };
        own.unwrap_or_else(|| self.table_index(table)).max(1)
    }

    /// As a person set it; none as long as the agents' configuration counts.
    pub fn autopilot(&self) -> Option<&Arc<AutopilotConfig>> {
        self.autopilot.as_ref()
    }

    // ---- what jobs and nodes are sorted into, and how they are scheduled

    pub fn namespace(&self, name: &Namespace) -> Option<Arc<NamespaceSpec>> {
        let known = self.namespaces.get(name).cloned();
        known.or_else(|| (*name == DEFAULT_NAMESPACE).then(|| Arc::clone(&BUILT_IN.namespace)))
    }

    /// In order of their names.
    pub fn namespaces(&self) -> Vec<Arc<NamespaceSpec>> {
        let built_in = std::iter::once(&BUILT_IN.namespace).filter(|built_in| !self.namespaces.contains_key(&built_in.name));
        let mut all: Vec<_> = self.namespaces.values().chain(built_in).cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    pub fn node_pool(&self, name: &str) -> Option<Arc<NodePool>> {
        let known = self.node_pools.get(name).cloned();
        known.or_else(|| BUILT_IN.node_pools.iter().find(|pool| pool.name == name).cloned())
    }

    /// In order of their names.
    pub fn node_pools(&self) -> Vec<Arc<NodePool>> {
        let built_in = BUILT_IN.node_pools.iter().filter(|built_in| !self.node_pools.contains_key(&built_in.name));
        let mut all: Vec<_> = self.node_pools.values().chain(built_in).cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// As a person set it, or the defaults.
    pub fn scheduler(&self) -> &SchedulerConfiguration {
        self.scheduler.as_deref().unwrap_or(&BUILT_IN.scheduler)
    }

    /// The node with what is kept beside it.
    pub fn node_shown(&self, id: NodeId) -> Option<Arc<Node>> {
        let node = self.node(id)?;
        let Some(index) = self.node_reports.get(&id) else { return Some(Arc::clone(node)) };
        Some(Arc::new(Node { last_alloc_update_index: *index, ..(**node).clone() }))
    }

    /// How many versions of each job are kept.
    pub fn tracked_versions(&self) -> usize {
        usize::try_from(self.tracked_versions.unwrap_or(TRACKED_VERSIONS)).unwrap_or(usize::MAX)
    }

    /// Up to which point in time (unix nanoseconds) the launches of a periodic job are done.
    pub fn launched_until(&self, key: &JobKey) -> Option<i64> {
        self.launches.get(key).copied()
    }

    /// Those that are launched by the clock, in order of namespace and id; also stopped and disabled ones.
    pub fn periodic_jobs(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.launches.keys().filter_map(|key| self.jobs.get(key))
    }

    /// The jobs that were launched for a periodic or parameterized one, in order of their ids.
    pub fn children<'a>(&'a self, parent: &JobKey) -> impl Iterator<Item = &'a Arc<Job>> + use<'a> {
        let parent = parent.clone();
        let first = JobKey { namespace: parent.namespace.clone(), id: format!("{}/", parent.id).into() };
        let range = self.jobs.range(first..).take_while({
            let parent = parent.clone();
            move |(key, _)| {
                key.namespace == parent.namespace && key.id.strip_prefix(parent.id.as_str()).is_some_and(|rest| rest.starts_with('/'))
            }
        });
        range.map(|(_, job)| job).filter(move |job| job.parent_id == parent.id)
    }

    // ---- jobs

    pub fn job(&self, key: &JobKey) -> Option<&Arc<Job>> {
        self.jobs.get(key)
    }

    /// What was said about the counts of a job's groups.
    pub fn scaling_events(&self, key: &JobKey) -> Option<&Arc<ScalingEvents>> {
        self.scaling_events.get(key)
    }

    /// In order of namespace and id.
    pub fn jobs(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs.values()
    }

    pub fn job_version(&self, key: &JobKey, version: u64) -> Option<&Arc<Job>> {
        self.job_versions.get(&(key.clone(), version))
    }

    /// Newest first.
    pub fn job_versions(&self, key: &JobKey) -> Vec<Arc<Job>> {
        let mut versions: Vec<_> =
            self.job_versions.range((key.clone(), 0)..=(key.clone(), u64::MAX)).map(|(_, job)| Arc::clone(job)).collect();
        versions.reverse();
        versions
    }

    /// The newest stable version older than `before` that runs something.
    pub fn latest_stable_job(&self, key: &JobKey, before: u64) -> Option<&Arc<Job>> {
        self.job_versions.range((key.clone(), 0)..(key.clone(), before)).rev().map(|(_, job)| job).find(|job| job.stable && !job.stop)
    }

    /// The largest version that this region ever gave to the job, or promised to a rollout that it voted for. The next one is larger. It can
    /// be larger than the present version, and known for a job that was removed.
    pub fn newest_version(&self, key: &JobKey) -> Option<u64> {
        let promised =
            self.rollout_staged(key).filter(|staged| staged.header.kind == RolloutKind::Run).map(|staged| staged.header.job_version);
        self.newest_used_version(key).max(promised)
    }

    /// As [`Store::newest_version`], without what is only promised.
    pub(crate) fn newest_used_version(&self, key: &JobKey) -> Option<u64> {
        let kept = self.job_versions.range((key.clone(), 0)..=(key.clone(), u64::MAX)).next_back().map(|((_, version), _)| *version);
        kept.max(self.version_floors.get(key).copied())
    }

    pub fn job_submission(&self, key: &JobKey, version: u64) -> Option<&Arc<JobSubmission>> {
        self.job_submissions.get(&(key.clone(), version))
    }

    pub fn job_summary(&self, key: &JobKey) -> Option<&Arc<JobSummary>> {
        self.job_summaries.get(key)
    }

    // ---- evaluations

    pub fn eval(&self, id: EvalId) -> Option<&Arc<Evaluation>> {
        self.evals.get(&id)
    }

    pub fn evals(&self) -> impl Iterator<Item = &Arc<Evaluation>> {
        self.evals.values()
    }

    /// Those that are pending or blocked.
    pub fn open_evals(&self) -> impl Iterator<Item = &Arc<Evaluation>> {
        self.open_evals.iter().filter_map(|id| self.evals.get(id))
    }

    pub fn job_evals<'a>(&'a self, key: &JobKey) -> impl Iterator<Item = &'a Arc<Evaluation>> {
        let (low, high) = ((key.clone(), EvalId(MIN)), (key.clone(), EvalId(MAX)));
        self.evals_by_job.range(low..=high).filter_map(|(_, id)| self.evals.get(id))
    }

    // ---- allocations

    /// With its job inside.
    pub fn alloc(&self, id: AllocId) -> Option<&Arc<Allocation>> {
        self.allocs.get(&id)
    }

    pub fn allocs(&self) -> impl Iterator<Item = &Arc<Allocation>> {
        self.allocs.values()
    }

    pub fn job_allocs<'a>(&'a self, key: &JobKey) -> impl Iterator<Item = &'a Arc<Allocation>> + use<'a> {
        let (low, high) = ((key.clone(), AllocId(MIN)), (key.clone(), AllocId(MAX)));
        self.allocs_by_job.range(low..=high).filter_map(|(_, id)| self.allocs.get(id))
    }

    pub fn node_allocs(&self, id: NodeId) -> impl Iterator<Item = &Arc<Allocation>> {
        self.allocs_by_node.range((id, 0, AllocId(MIN))..=(id, u64::MAX, AllocId(MAX))).filter_map(|(.., id)| self.allocs.get(id))
    }

    /// Those of which servers wanted something new after `index`, in that order. Costs nothing for the others.
    pub fn node_work(&self, id: NodeId, index: u64) -> impl Iterator<Item = &Arc<Allocation>> {
        let from = (id, index.saturating_add(1), AllocId(MIN));
        self.allocs_by_node.range(from..=(id, u64::MAX, AllocId(MAX))).filter_map(|(.., id)| self.allocs.get(id))
    }

    /// Looks through the allocations of the evaluation's job.
    pub fn eval_allocs(&self, id: EvalId) -> impl Iterator<Item = &Arc<Allocation>> {
        let key = self.evals.get(&id).map(|eval| eval.job_key());
        key.into_iter().flat_map(|key| self.job_allocs(&key)).filter(move |alloc| alloc.eval_id == id)
    }

    /// What the live allocations of a node take.
    pub fn node_load(&self, id: NodeId) -> NodeLoad {
        self.node_loads.get(&id).copied().unwrap_or_default()
    }

    pub fn deployment_allocs(&self, id: DeploymentId) -> impl Iterator<Item = &Arc<Allocation>> {
        self.allocs_by_deployment.range((id, AllocId(MIN))..=(id, AllocId(MAX))).filter_map(|(_, id)| self.allocs.get(id))
    }

    // ---- nodes

    pub fn node(&self, id: NodeId) -> Option<&Arc<Node>> {
        self.nodes.get(&id)
    }

    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.values()
    }

    pub fn n_nodes(&self) -> usize {
        self.nodes.len()
    }

    // ---- deployments

    pub fn deployment(&self, id: DeploymentId) -> Option<&Arc<Deployment>> {
        self.deployments.get(&id)
    }

    pub fn deployments(&self) -> impl Iterator<Item = &Arc<Deployment>> {
        self.deployments.values()
    }

    pub fn active_deployments(&self) -> impl Iterator<Item = &Arc<Deployment>> {
        self.active_deployments.iter().filter_map(|id| self.deployments.get(id))
    }

    pub fn job_deployments<'a>(&'a self, key: &JobKey) -> impl Iterator<Item = &'a Arc<Deployment>> {
        let (low, high) = ((key.clone(), DeploymentId(MIN)), (key.clone(), DeploymentId(MAX)));
        self.deployments_by_job.range(low..=high).filter_map(|(_, id)| self.deployments.get(id))
    }

    /// The one that was created last.
    pub fn latest_deployment(&self, key: &JobKey) -> Option<&Arc<Deployment>> {
        self.job_deployments(key).max_by_key(|deployment| deployment.create_index)
    }

    // ---- rollouts

    pub fn rollout(&self, id: &RolloutId) -> Option<&Arc<Rollout>> {
        self.rollouts.get(id)
    }

    pub fn rollouts(&self) -> impl Iterator<Item = &Arc<Rollout>> {
        self.rollouts.values()
    }

    /// The rollout that this region adopted last for the job.
    pub fn rollout_head(&self, key: &JobKey) -> Option<&Arc<Rollout>> {
        self.rollout_heads.get(key).and_then(|id| self.rollouts.get(id))
    }

    /// The proposal that this region voted for and that is not decided yet.
    pub fn rollout_staged(&self, key: &JobKey) -> Option<&Arc<Rollout>> {
        self.rollout_staged.get(key).and_then(|id| self.rollouts.get(id))
    }

    /// The rollout whose deployment in this region this is.
    pub fn rollout_of_deployment(&self, id: DeploymentId) -> Option<&Arc<Rollout>> {
        let deployment = self.deployments.get(&id)?;
        self.rollout_head(&deployment.job_key()).filter(|rollout| rollout.deployment_id == id)
    }
}

/// Whether a thing of `namespace` is in a list of `wanted` (`None`: all namespaces).
pub fn in_namespace(wanted: Option<&Namespace>, namespace: &Namespace) -> bool {
    wanted.is_none_or(|wanted| wanted == namespace)
}

const MIN: model::Uuid = model::Uuid::nil();
const MAX: model::Uuid = model::Uuid::max();
