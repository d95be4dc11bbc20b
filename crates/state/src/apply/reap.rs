//! Garbage: what `control` found to be no longer needed.

use super::Change;
use crate::command::{Outcome, Reap};

impl Change<'_> {
    pub(super) fn reap(&mut self, reap: &Reap) -> Outcome {
        for id in &reap.evals {
            self.remove_eval(*id);
        }
        for id in &reap.allocs {
            self.remove_alloc(*id);
        }
        for id in &reap.deployments {
            self.remove_deployment(*id);
        }
        for key in &reap.jobs {
            self.remove_job(key);
        }
        for id in &reap.nodes {
            self.remove_node(*id);
        }
        for id in &reap.rollouts {
            self.remove_rollout(id);
        }
        Outcome::Done
    }
}
