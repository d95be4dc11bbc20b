//! A store as a stream of records, and back. Each record is a versioned envelope, so that one table can change its shape alone.

use std::sync::Arc;

use model::{Allocation, Deployment, Evaluation, Job, JobKey, JobSubmission, JobSummary, Node, Rollout, RolloutId, codec};
use serde::{Deserialize, Serialize};

use crate::store::{Identity, Store};
use crate::watch::Table;

/// Version of the bytes of a record.
pub const RECORD_VERSION: u16 = 1;

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
    Submission(Arc<JobSubmission>),
    Summary(Arc<JobSummary>),
    Eval(Arc<Evaluation>),
    /// Without its job; its version, or the job itself when no version of the table is equal to it.
    Alloc {
        alloc: Arc<Allocation>,
        job: AllocJob,
    },
    Node(Arc<Node>),
    Deployment(Arc<Deployment>),
    Rollout(Arc<Rollout>),
    RolloutHead(JobKey, RolloutId),
    RolloutStaged(JobKey, RolloutId),
    TableIndex(u8, u64),
}

#[derive(Serialize, Deserialize)]
enum AllocJob {
    Version(u64),
    Whole(Arc<Job>),
}

impl Store {
    /// The whole store, record by record.
    pub fn snapshot_records(&self) -> impl Iterator<Item = Result<Vec<u8>, codec::Error>> + '_ {
        let head = std::iter::once_with(|| Record::Head { index: self.index, identity: self.identity.clone() });
        let jobs = self.jobs.values().map(|job| Record::Job(Arc::clone(job)));
        let versions = self.job_versions.values().map(|job| Record::JobVersion(Arc::clone(job)));
        let submissions = self.job_submissions.values().map(|submission| Record::Submission(Arc::clone(submission)));
        let summaries = self.job_summaries.values().map(|summary| Record::Summary(Arc::clone(summary)));
        let evals = self.evals.values().map(|eval| Record::Eval(Arc::clone(eval)));
        let nodes = self.nodes.values().map(|node| Record::Node(Arc::clone(node)));
        let deployments = self.deployments.values().map(|deployment| Record::Deployment(Arc::clone(deployment)));
        let allocs = self.allocs.values().map(|alloc| self.alloc_record(alloc));
        let rollouts = self.rollouts.values().map(|rollout| Record::Rollout(Arc::clone(rollout)));
        let heads = self.rollout_heads.iter().map(|(key, id)| Record::RolloutHead(key.clone(), id.clone()));
        let staged = self.rollout_staged.iter().map(|(key, id)| Record::RolloutStaged(key.clone(), id.clone()));
        let indexes = self.table_indexes.iter().map(|(table, index)| Record::TableIndex(*table as u8, *index));
        head.chain(jobs)
            .chain(versions)
            .chain(submissions)
            .chain(summaries)
            .chain(evals)
            .chain(nodes)
            .chain(deployments)
            .chain(allocs)
            .chain(rollouts)
            .chain(heads)
            .chain(staged)
            .chain(indexes)
            .map(|record| codec::encode(codec::Kind::SnapshotRecord, RECORD_VERSION, &record))
    }

    fn alloc_record(&self, alloc: &Arc<Allocation>) -> Record {
        let mut bare = (**alloc).clone();
        let job = bare.job.take().unwrap_or_default();
        let version = self.job_versions.get(&(alloc.job_key(), job.version));
        let job = match version {
            Some(known) if known.same_specification(&job) => AllocJob::Version(job.version),
            _ => AllocJob::Whole(job),
        };
        Record::Alloc { alloc: Arc::new(bare), job }
    }

    /// Rebuilds a store from the records of [`Store::snapshot_records`], in their order.
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
pub struct Restoring(Store);

impl Restoring {
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), codec::Error> {
        let store = &mut self.0;
        match codec::decode::<Record>(codec::Kind::SnapshotRecord, RECORD_VERSION, bytes)? {
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
            Record::Alloc { mut alloc, job } => {
                let job = match job {
                    AllocJob::Version(version) => store.job_versions.get(&(alloc.job_key(), version)).cloned(),
                    AllocJob::Whole(job) => Some(job),
                };
                Arc::make_mut(&mut alloc).job = job;
                if !alloc.is_terminal() {
                    store.job_tallies.entry(alloc.job_key()).or_default().live_allocs += 1;
                }
                store.allocs_by_job.insert((alloc.job_key(), alloc.id));
                store.allocs_by_node.insert((alloc.node_id, alloc.id));
                store.allocs_by_eval.insert((alloc.eval_id, alloc.id));
                if !alloc.deployment_id.is_nil() {
                    store.allocs_by_deployment.insert((alloc.deployment_id, alloc.id));
                }
                store.allocs.insert(alloc.id, alloc);
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
                if let Some(table) = Table::ALL.get(usize::from(table)) {
                    store.table_indexes.insert(*table, index);
                }
            }
        }
        Ok(())
    }

    pub fn finish(self) -> Store {
        self.0
    }
}
