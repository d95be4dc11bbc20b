//! What a reader can wait for.

use model::{AllocId, DeploymentId, EvalId, JobKey, Namespace, NodeId, Text};
use serde::{Deserialize, Serialize};

/// The tables whose lists can be watched. Append-only, as [`Watch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Table {
    Jobs,
    JobVersions,
    JobSummaries,
    Evals,
    Allocs,
    Nodes,
    Deployments,
    Rollouts,
    Namespaces,
    NodePools,
    Scheduler,
}

impl Table {
    pub const ALL: [Self; 11] = [
        Self::Jobs,
        Self::JobVersions,
        Self::JobSummaries,
        Self::Evals,
        Self::Allocs,
        Self::Nodes,
        Self::Deployments,
        Self::Rollouts,
        Self::Namespaces,
        Self::NodePools,
        Self::Scheduler,
    ];
}

/// One thing that can change. Append-only: snapshots store a variant's position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Watch {
    Table(Table),
    Job(JobKey),
    /// The versions of a job that are kept.
    JobVersions(JobKey),
    JobSummary(JobKey),
    Alloc(AllocId),
    Node(NodeId),
    Eval(EvalId),
    Deployment(DeploymentId),
    JobAllocs(JobKey),
    JobEvals(JobKey),
    JobDeployments(JobKey),
    NodeAllocs(NodeId),
    EvalAllocs(EvalId),
    DeploymentAllocs(DeploymentId),
    Rollout(JobKey),
    /// A job and its scaling events.
    JobScaling(JobKey),
    /// What servers want of the allocations of a node: not what the node itself reports of them.
    NodeWork(NodeId),
    /// Which allocations of a node are no longer known.
    NodeLosses(NodeId),
    Namespace(Namespace),
    NodePool(Text),
}

/// So many of the last things are compared before another one is noted.
const RECENT: usize = 8;

/// What one command changed; may name a thing more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched(pub Vec<Watch>);

impl Touched {
    pub fn add(&mut self, watch: Watch) {
        // A command touches the same few things over and over, between those that are new.
        if !self.0.iter().rev().take(RECENT).any(|known| *known == watch) {
            self.0.push(watch);
        }
    }

    /// Each thing once.
    pub fn dedup(&mut self) {
        self.0.sort();
        self.0.dedup();
    }
}
