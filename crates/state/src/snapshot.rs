//! A store as a stream of records, and back. Each record is a versioned envelope, so that one table can change its shape alone.

use std::collections::HashMap;
use std::sync::Arc;

use imbl::{OrdSet, Vector};
use model::{
    AllocId, Allocation, AutopilotConfig, Deployment, DeploymentId, Evaluation, Job, JobKey, JobSubmission, JobSummary, NamespaceSpec,
    Node, NodeId, NodePool, RegionName, Rollout, RolloutId, ScalingEvents, SchedulerConfiguration, Uuid, codec,
};
use serde::{Deserialize, Serialize};

use crate::store::{Identity, Restoration, Store};
use crate::watch::{Table, Watch};

/// Version of the bytes of a record.
pub const RECORD_VERSION: u16 = codec::SHAPES;

/// Append-only.
#[derive(Serialize, Deserialize)]
enum Record {
    /// Always the first.
    Head {
        index: u64,
        identity: Identity,
    },
    Job(Arc<Job>),
    /// A version that is not the present one, or the present one again.
    JobVersion(Arc<Job>),
    VersionFloor(JobKey, u64),
    Submission(Arc<JobSubmission>),
    Summary(Arc<JobSummary>),
    Eval(Arc<Evaluation>),
    Node(Arc<Node>),
    Deployment(Arc<Deployment>),
    /// A job as it was when something was placed, for the allocations that follow: the first one is number 0.
    AllocJob(Arc<Job>),
    /// Without its job, but with its number.
    Alloc {
        alloc: Arc<Allocation>,
        job: Option<u64>,
    },
    Rollout(Arc<Rollout>),
    RolloutHead(JobKey, RolloutId),
    RolloutStaged(JobKey, RolloutId),
    TableIndex(Table, u64),
    GroupIndex(Watch, u64),
    Scaling(JobKey, Arc<ScalingEvents>),
    /// A restore has begun.
    Restoring(Uuid),
    /// The next part of it.
    RestoringPart(Arc<Vec<Vec<u8>>>),
    Fenced,
    Heeded(RegionName, u64),
    Autopilot(Arc<AutopilotConfig>),
    Namespace(Arc<NamespaceSpec>),
    NodePool(Arc<NodePool>),
    Scheduler(Arc<SchedulerConfiguration>),
    Launch(JobKey, i64),
    TrackedVersions(u64),
    NodeReport(NodeId, u64),
}

impl Record {
    fn kind(&self) -> &'static str {
        match self {
            Self::Head { .. } => "Head",
            Self::Job(_) => "Job",
            Self::JobVersion(_) => "JobVersion",
            Self::VersionFloor(..) => "JobVersionFloor",
            Self::Submission(_) => "JobSubmission",
            Self::Summary(_) => "JobSummary",
            Self::Eval(_) => "Eval",
            Self::Node(_) => "Node",
            Self::Deployment(_) => "Deployment",
            Self::AllocJob(_) => "AllocJob",
            Self::Alloc { .. } => "Alloc",
            Self::Rollout(_) => "Rollout",
            Self::RolloutHead(..) => "RolloutHead",
            Self::RolloutStaged(..) => "RolloutStaged",
            Self::TableIndex(..) => "TableIndex",
            Self::GroupIndex(..) => "GroupIndex",
            Self::Scaling(..) => "ScalingEvents",
            Self::Restoring(_) => "Restore",
            Self::RestoringPart(_) => "RestorePart",
            Self::Fenced => "Fence",
            Self::Heeded(..) => "HeededIncarnation",
            Self::Autopilot(_) => "Autopilot",
            Self::Namespace(_) => "Namespace",
            Self::NodePool(_) => "NodePool",
            Self::Scheduler(_) => "SchedulerConfiguration",
            Self::Launch(..) => "PeriodicLaunch",
            Self::TrackedVersions(_) => "TrackedVersions",
            Self::NodeReport(..) => "NodeReport",
        }
    }
}

/// What kind of thing a record holds, for people. An error when it cannot be read.
pub fn kind_of(bytes: &[u8]) -> Result<&'static str, codec::Error> {
    Ok(codec::decode_shapes::<Record>(codec::Kind::SnapshotRecord, bytes)?.kind())
}

impl Store {
    /// The whole store, record by record.
    pub fn snapshot_records(&self) -> impl Iterator<Item = Result<Vec<u8>, codec::Error>> + '_ {
        let head = std::iter::once_with(|| Record::Head { index: self.index, identity: self.identity.clone() });
        let jobs = self.jobs.values().map(|job| Record::Job(Arc::clone(job)));
        let versions = self.job_versions.values().map(|job| Record::JobVersion(Arc::clone(job)));
        let floors = self.version_floors.iter().map(|(key, version)| Record::VersionFloor(key.clone(), *version));
        let submissions = self.job_submissions.values().map(|submission| Record::Submission(Arc::clone(submission)));
        let summaries = self.job_summaries.values().map(|summary| Record::Summary(Arc::clone(summary)));
        let evals = self.evals.values().map(|eval| Record::Eval(Arc::clone(eval)));
        let nodes = self.nodes.values().map(|node| Record::Node(Arc::clone(node)));
        let deployments = self.deployments.values().map(|deployment| Record::Deployment(Arc::clone(deployment)));
        let rollouts = self.rollouts.values().map(|rollout| Record::Rollout(Arc::clone(rollout)));
        let heads = self.rollout_heads.iter().map(|(key, id)| Record::RolloutHead(key.clone(), id.clone()));
        let staged = self.rollout_staged.iter().map(|(key, id)| Record::RolloutStaged(key.clone(), id.clone()));
        let tables = self.table_indexes.iter().map(|(table, index)| Record::TableIndex(*table, *index));
        let groups = self.group_indexes.iter().map(|(watch, index)| Record::GroupIndex(watch.clone(), *index));
        let scaling = self.scaling_events.iter().map(|(key, events)| Record::Scaling(key.clone(), Arc::clone(events)));
        let restoring = self.restoring.iter().flat_map(|restoring| {
            let parts = restoring.parts.iter().map(|part| Record::RestoringPart(Arc::clone(part)));
            std::iter::once(Record::Restoring(restoring.id)).chain(parts)
        });
        let fenced = self.is_fenced.then_some(Record::Fenced);
        let heeded = self.heeded.iter().map(|(region, incarnation)| Record::Heeded(region.clone(), *incarnation));
        head.chain(jobs)
            .chain(versions)
            .chain(floors)
            .chain(submissions)
            .chain(summaries)
            .chain(evals)
            .chain(nodes)
            .chain(deployments)
            .chain(self.alloc_records())
            .chain(rollouts)
            .chain(heads)
            .chain(staged)
            .chain(tables)
            .chain(groups)
            .chain(scaling)
            .chain(restoring)
            .chain(fenced)
            .chain(heeded)
            .chain(self.autopilot.iter().map(|config| Record::Autopilot(Arc::clone(config))))
            .chain(self.namespaces.values().map(|namespace| Record::Namespace(Arc::clone(namespace))))
            .chain(self.node_pools.values().map(|pool| Record::NodePool(Arc::clone(pool))))
            .chain(self.scheduler.iter().map(|config| Record::Scheduler(Arc::clone(config))))
            .chain(self.launches.iter().map(|(key, time)| Record::Launch(key.clone(), *time)))
            .chain(self.tracked_versions.map(Record::TrackedVersions))
            .chain(self.node_reports.iter().map(|(id, index)| Record::NodeReport(*id, *index)))
            .map(|record| codec::encode(codec::Kind::SnapshotRecord, RECORD_VERSION, &record))
    }

    /// Allocations that were placed together share one job in memory, and share it here.
    fn alloc_records(&self) -> impl Iterator<Item = Record> + '_ {
        let mut numbers: HashMap<*const Job, u64> = HashMap::new();
        self.allocs.values().flat_map(move |alloc| {
            let mut bare = (**alloc).clone();
            let mut first_of_job = None;
            let job = bare.job.take().map(|job| {
                let next = numbers.len() as u64;
                *numbers.entry(Arc::as_ptr(&job)).or_insert_with(|| {
                    first_of_job = Some(Record::AllocJob(job));
                    next
                })
            });
            first_of_job.into_iter().chain(std::iter::once(Record::Alloc { alloc: Arc::new(bare), job }))
        })
    }

    /// Rebuilds a store from the records of [`Store::snapshot_records`], in their order. The result is equal to the original.
    pub fn restore<'a>(records: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, codec::Error> {
        let mut restoring = Restoring::default();
        for bytes in records {
            restoring.add(bytes)?;
        }
        Ok(restoring.finish())
    }
}

/// A store that is being rebuilt record by record.
#[derive(Default)]
pub struct Restoring {
    store: Store,
    alloc_jobs: Vec<Arc<Job>>,
    by_job: Vec<(JobKey, AllocId)>,
    by_node: Vec<(NodeId, u64, AllocId)>,
    by_deployment: Vec<(DeploymentId, AllocId)>,
}

/// A tree that grows at its end is the fastest to make: each step finds the nodes of the one before in the processor's cache.
fn in_order<K: Ord + Clone>(mut keys: Vec<K>) -> OrdSet<K> {
    keys.sort_unstable();
    keys.into_iter().collect()
}

impl Restoring {
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), codec::Error> {
        let store = &mut self.store;
        match codec::decode_shapes::<Record>(codec::Kind::SnapshotRecord, bytes)? {
            Record::Head { index, identity } => {
                store.index = index;
                store.identity = identity;
            }
            Record::Job(job) => {
                store.jobs.insert(job.key(), job);
            }
            Record::JobVersion(job) => {
                store.job_versions.insert((job.key(), job.version), job);
            }
            Record::VersionFloor(key, version) => {
                store.version_floors.insert(key, version);
            }
            Record::Submission(submission) => {
                let key = JobKey { namespace: submission.namespace.clone(), id: submission.job_id.clone() };
                store.job_submissions.insert((key, submission.version), submission);
            }
            Record::Summary(summary) => {
                let key = JobKey { namespace: summary.namespace.clone(), id: summary.job_id.clone() };
                store.job_summaries.insert(key, summary);
            }
            Record::Eval(eval) => {
                if !eval.is_terminal() {
                    store.open_evals.insert(eval.id);
                    store.job_tallies.entry(eval.job_key()).or_default().open_evals += 1;
                }
                store.evals_by_job.insert((eval.job_key(), eval.id));
                store.evals.insert(eval.id, eval);
            }
            Record::Node(node) => {
                store.nodes.insert(node.id, node);
            }
            Record::Deployment(deployment) => {
                if deployment.is_active() {
                    store.active_deployments.insert(deployment.id);
                }
                store.deployments_by_job.insert((deployment.job_key(), deployment.id));
                store.deployments.insert(deployment.id, deployment);
            }
            Record::AllocJob(job) => self.alloc_jobs.push(job),
            Record::Alloc { mut alloc, job } => {
                let number = job.and_then(|number| usize::try_from(number).ok());
                Arc::make_mut(&mut alloc).job = number.and_then(|number| self.alloc_jobs.get(number)).cloned();
                if !alloc.is_terminal() {
                    store.load_node(&alloc, true);
                    store.job_tallies.entry(alloc.job_key()).or_default().live_allocs += 1;
                }
                self.by_job.push((alloc.job_key(), alloc.id));
                self.by_node.push((alloc.node_id, alloc.alloc_modify_index, alloc.id));
                if !alloc.deployment_id.is_nil() {
                    self.by_deployment.push((alloc.deployment_id, alloc.id));
                }
                store.allocs.insert(alloc.id, alloc);
            }
            Record::Rollout(rollout) => {
                store.rollouts.insert(rollout.header.id.clone(), rollout);
            }
            Record::RolloutHead(key, id) => {
                store.rollout_heads.insert(key, id);
            }
            Record::RolloutStaged(key, id) => {
                store.rollout_staged.insert(key, id);
            }
            Record::TableIndex(table, index) => {
                store.table_indexes.insert(table, index);
            }
            Record::GroupIndex(watch, index) => {
                store.group_indexes.insert(watch, index);
            }
            Record::Scaling(key, events) => {
                store.scaling_events.insert(key, events);
            }
            Record::Restoring(id) => store.restoring = Some(Restoration { id, parts: Vector::new() }),
            Record::RestoringPart(part) => {
                if let Some(restoring) = &mut store.restoring {
                    restoring.parts.push_back(part);
                }
            }
            Record::Fenced => store.is_fenced = true,
            Record::Autopilot(config) => store.autopilot = Some(config),
            Record::Namespace(namespace) => {
                store.namespaces.insert(namespace.name.clone(), namespace);
            }
            Record::NodePool(pool) => {
                store.node_pools.insert(pool.name.clone(), pool);
            }
            Record::Scheduler(config) => store.scheduler = Some(config),
            Record::TrackedVersions(n) => store.tracked_versions = Some(n),
            Record::NodeReport(id, index) => {
                store.node_reports.insert(id, index);
            }
            Record::Launch(key, time) => {
                store.launches.insert(key, time);
            }
            Record::Heeded(region, incarnation) => {
                store.heeded.insert(region, incarnation);
            }
        }
        Ok(())
    }

    pub fn finish(self) -> Store {
        let Self { mut store, by_job, by_node, by_deployment, .. } = self;
        store.allocs_by_job = in_order(by_job);
        store.allocs_by_node = in_order(by_node);
        store.allocs_by_deployment = in_order(by_deployment);
        store
    }
}
