//! What keeps a namespace or a node pool from being deleted.

use model::{JobStatus, Namespace};

use crate::store::Store;

impl Store {
    /// Something in the namespace that is not over, in words; `None` when nothing is.
    pub fn user_of_namespace(&self, name: &Namespace) -> Option<String> {
        let job = self.jobs.values().find(|job| job.namespace == *name && job.status != JobStatus::Dead);
        if let Some(job) = job {
            return Some(format!("non-terminal jobs, such as {:?}", job.id.as_str()));
        }
        // One that may still be adopted.
        let rollout = self.rollouts.values().find(|rollout| rollout.header.namespace == *name && !rollout.phase.is_terminal());
        rollout.map(|rollout| format!("a rollout that is not over, of job {:?}", rollout.header.job_id.as_str()))
    }

    /// A node of the pool, or a job in it that is not over, in words; `None` when there is neither.
    pub fn user_of_node_pool(&self, name: &str) -> Option<String> {
        if let Some(node) = self.nodes.values().find(|node| node.node_pool == *name) {
            return Some(format!("nodes, such as {:?}", node.name));
        }
        let job = self.jobs.values().find(|job| job.node_pool == *name && job.status != JobStatus::Dead);
        job.map(|job| format!("non-terminal jobs, such as {:?}", job.id.as_str()))
    }
}
