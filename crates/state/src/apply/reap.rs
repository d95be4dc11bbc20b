//! Garbage: what `control` found to be no longer needed. The state may have moved on since it looked, so what is in use again stays.

use model::{JobKey, JobStatus, NodeId, NodeStatus};

use super::Change;
use crate::command::{Outcome, Reap};

impl Change<'_> {
    pub(super) fn reap(&mut self, reap: &Reap) -> Outcome {
        for id in &reap.evals {
            if self.store.evals.get(id).is_some_and(|eval| eval.is_terminal()) {
                self.remove_eval(*id);
            }
        }
        for id in &reap.allocs {
            if self.store.allocs.get(id).is_some_and(|alloc| alloc.is_terminal()) {
                self.remove_alloc(*id);
            }
        }
        for id in &reap.deployments {
            if self.store.deployments.get(id).is_some_and(|deployment| !deployment.is_active()) {
                self.remove_deployment(*id);
            }
        }
        for key in &reap.jobs {
            if self.is_dead(key) {
                self.remove_job(key);
            }
        }
        for id in &reap.nodes {
            self.remove_node(*id);
        }
        for id in &reap.rollouts {
            self.remove_rollout(id);
        }
        Outcome::Done
    }

    pub(super) fn reap_nodes(&mut self, ids: &[NodeId]) -> Outcome {
        for id in ids {
            let is_down = self.store.node(*id).is_some_and(|node| node.status == NodeStatus::Down);
            if is_down && self.store.node_allocs(*id).all(|alloc| alloc.is_terminal()) {
                self.remove_node(*id);
            }
        }
        Outcome::Done
    }

    /// Nothing of the job runs, is about to, or is being decided.
    fn is_dead(&self, key: &JobKey) -> bool {
        let rollouts = [self.store.rollout_head(key), self.store.rollout_staged(key)];
        self.store.jobs.get(key).is_some_and(|job| job.status == JobStatus::Dead)
            && self.store.job_tallies.get(key).is_none()
            && rollouts.into_iter().flatten().all(|rollout| rollout.phase.is_terminal())
    }
}
