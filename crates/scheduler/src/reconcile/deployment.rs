//! The deployment of the present version: when it is made, and what it wants of each group.

use model::{Deployment, DeploymentId, DeploymentState, DeploymentStatus, Job, UpdateStrategy};
use state::DeploymentUpdate;

use super::{Reconciler, Stage};

pub(super) const CANCELLED_STOPPED: &str = "Cancelled because job is stopped";
pub(super) const CANCELLED_NEWER: &str = "Cancelled due to newer version of job";
const RUNNING: &str = "Deployment is running";
const NEEDS_PROMOTION: &str = "Deployment is running but requires manual promotion";
const PROMOTES_ITSELF: &str = "Deployment is running pending automatic promotion";

/// Of this version of this very job, not of one that had its name before.
pub(super) fn is_of(deployment: &Deployment, job: &Job) -> bool {
    deployment.job_version == job.version && deployment.job_create_index == job.create_index
}

pub(super) fn cancel(deployment: &Deployment, description: &str) -> DeploymentUpdate {
    DeploymentUpdate { id: deployment.id, status: DeploymentStatus::Cancelled, description: description.to_owned() }
}

impl Reconciler<'_> {
    /// What is stored of the group in the running deployment.
    pub(super) fn group_state(&self, group: &str) -> Option<&DeploymentState> {
        match self.stage {
            Stage::Rolling(deployment) => deployment.task_groups.get(group),
            _ => None,
        }
    }

    /// Whether allocations of the group count in the deployment.
    pub(super) fn is_deployed(&self, group: &str) -> bool {
        matches!(self.stage, Stage::Open | Stage::Rolling(_))
            && self.out.deployment.as_ref().is_some_and(|deployment| deployment.task_groups.contains_key(group))
    }

    /// Puts into the deployment, which is made if there is none, what it shall wait for in a group.
    pub(super) fn deploy(&mut self, group: &str, update: &UpdateStrategy, count: i64, canaries: i64) {
        let job = self.job;
        let mut deployment = self.out.deployment.take().unwrap_or_else(|| Deployment {
            id: DeploymentId::NIL,
            namespace: job.namespace.clone(),
            job_id: job.id.clone(),
            job_version: job.version,
            job_modify_index: job.modify_index,
            job_spec_modify_index: job.job_modify_index,
            job_create_index: job.create_index,
            status: DeploymentStatus::Running,
            status_description: RUNNING.to_owned(),
            eval_priority: job.priority,
            ..Deployment::default()
        });
        let state = deployment.task_groups.entry(group.to_owned()).or_default();
        let wanted = DeploymentState {
            auto_revert: update.auto_revert,
            auto_promote: update.auto_promote,
            progress_deadline: update.progress_deadline,
            desired_canaries: canaries,
            desired_total: count,
            ..state.clone()
        };
        if *state != wanted || deployment.id.is_nil() {
            *state = wanted;
            self.describe(&mut deployment);
            self.out.deployment_changed = true;
        }
        self.out.deployment = Some(deployment);
    }

    /// Says whether somebody has to promote it.
    fn describe(&mut self, deployment: &mut Deployment) {
        let mut waiting = deployment.task_groups.values().filter(|state| state.desired_canaries > 0 && !state.promoted);
        let description = match waiting.next() {
            None => RUNNING,
            Some(first) if first.auto_promote && waiting.all(|state| state.auto_promote) => PROMOTES_ITSELF,
            Some(_) => NEEDS_PROMOTION,
        };
        if deployment.status_description == description {
            return;
        }
        description.clone_into(&mut deployment.status_description);
        if !deployment.id.is_nil() {
            // What is stored keeps its words unless they are changed expressly.
            self.out.deployment_updates.retain(|update| update.id != deployment.id);
            self.out.deployment_updates.push(DeploymentUpdate {
                id: deployment.id,
                status: deployment.status,
                description: description.to_owned(),
            });
        }
    }
}
