//! Deployments: status, promotion, health said by people.

use std::sync::Arc;

use model::{AllocDeploymentStatus, AllocId, Deployment, DeploymentId, DeploymentStatus, Evaluation, Phase, RegionName, Time};

use super::Change;
use super::rollouts::{Why, leads_to};
use crate::command::{DeploymentChange, Outcome};
use crate::watch::{Table, Watch};

impl Change<'_> {
    pub(super) fn set_deployment_status(&mut self, change: &DeploymentChange) -> Outcome {
        let id = change.update.id;
        let Some(old) = self.store.deployments.get(&id).cloned() else {
            return Outcome::Refused("deployment not found".to_owned());
        };
        if old.status != change.from {
            return Outcome::Refused(format!("deployment {id} is {}, not {} any more", old.status, change.from));
        }
        if self.store.rollout_of_deployment(id).is_some_and(|rollout| !rollout.phase.is_terminal())
            && let Some(refusal) = self.fenced()
        {
            return refusal;
        }
        if change.update.status == DeploymentStatus::Failed
            && let Some(rollout) = self.store.rollout_of_deployment(id).filter(|rollout| !rollout.phase.is_terminal())
            && !leads_to(rollout, Phase::Failed, Why::Own)
        {
            return Outcome::Refused(format!("rollout {} is {} here, it does not fail any more", rollout.header.id, rollout.phase));
        }
        self.change_deployment(id, change.update.status, &change.update.description, change.time);
        let key = old.job_key();
        if let Some(version) = change.revert_to {
            self.revert_job(&key, version, change.time);
        }
        if let Some(eval) = &change.eval {
            let job_modify_index = self.store.jobs.get(&key).map_or(self.index, |job| job.job_modify_index);
            self.put_eval_of_job(eval, job_modify_index, change.time);
        }
        Outcome::Done
    }

    /// Changes the status, with what follows: stability of the job version, the phase of the rollout.
    pub(super) fn change_deployment(&mut self, id: DeploymentId, status: DeploymentStatus, description: &str, time: i64) {
        let Some(old) = self.store.deployments.get(&id).cloned() else { return };
        if !old.is_active() || old.status == status && old.status_description == description {
            return;
        }
        let mut deployment = (*old).clone();
        deployment.status = status;
        description.clone_into(&mut deployment.status_description);
        if status == DeploymentStatus::Running && old.status != DeploymentStatus::Running {
            // The clock of progress starts when work may go on.
            for state in deployment.task_groups.values_mut().filter(|state| state.progress_deadline > 0) {
                state.require_progress_by = Time(time.saturating_add(state.progress_deadline));
            }
        }
        self.put_deployment(deployment, time);
        if status == DeploymentStatus::Successful {
            self.set_job_stability(&old.job_key(), old.job_version, true);
        }
        let phase = match status {
            DeploymentStatus::Failed => Phase::Failed,
            DeploymentStatus::Cancelled => Phase::Cancelled,
            _ => return,
        };
        self.follow_deployment(id, phase, description, time);
    }

    /// A rollout whose deployment ended here by a local decision ends here too.
    fn follow_deployment(&mut self, id: DeploymentId, phase: Phase, description: &str, time: i64) {
        let Some(rollout) = self.store.rollout_of_deployment(id).cloned() else { return };
        if !rollout.phase.is_terminal() {
            self.put_rollout_phase(&rollout, phase, description, &RegionName::default(), false, time);
        }
    }

    pub(super) fn promote_deployment(&mut self, id: DeploymentId, groups: &[String], eval: Option<&Evaluation>, time: i64) -> Outcome {
        let Some(old) = self.store.deployments.get(&id).cloned() else {
            return Outcome::Refused("deployment not found".to_owned());
        };
        if !old.is_active() {
            return Outcome::Refused(format!("deployment {id} is {}: only an active deployment can be promoted", old.status));
        }
        if let Some(unknown) = groups.iter().find(|name| !old.task_groups.contains_key(*name)) {
            let known: Vec<&str> = old.task_groups.keys().map(String::as_str).collect();
            return Outcome::Refused(format!("deployment {id} has no group {unknown:?}; it has {}", known.join(", ")));
        }
        let mut deployment = (*old).clone();
        let mut unhealthy = Vec::new();
        let mut promoted: Vec<AllocId> = Vec::new();
        for (name, state) in &mut deployment.task_groups {
            if !groups.is_empty() && !groups.contains(name) || state.desired_canaries == 0 || state.promoted {
                continue;
            }
            let healthy = state
                .placed_canaries
                .iter()
                .filter(|id| self.store.allocs.get(*id).is_some_and(|alloc| alloc.is_healthy() && !alloc.is_terminal()))
                .count() as i64;
            if healthy < state.desired_canaries {
                unhealthy.push(format!("Task group {name:?} has {healthy}/{} healthy allocations", state.desired_canaries));
                continue;
            }
            state.promoted = true;
            if state.progress_deadline > 0 {
                state.require_progress_by = Time(time.saturating_add(state.progress_deadline));
            }
            promoted.extend(&state.placed_canaries);
        }
        if !unhealthy.is_empty() {
            return Outcome::Refused(unhealthy.join("; "));
        }
        if promoted.is_empty() {
            return Outcome::Refused("no canaries to promote".to_owned());
        }
        if deployment.status == DeploymentStatus::Running && !deployment.requires_promotion() {
            "Deployment is running".clone_into(&mut deployment.status_description);
        }
        self.put_deployment(deployment, time);
        for id in promoted {
            let Some(alloc) = self.store.allocs.get(&id) else { continue };
            let mut alloc = (**alloc).clone();
            if let Some(status) = &mut alloc.deployment_status {
                *status = AllocDeploymentStatus { canary: false, modify_index: self.index, ..status.clone() };
            }
            alloc.modify_index = self.index;
            alloc.alloc_modify_index = self.index;
            alloc.modify_time = time;
            self.put_alloc(alloc);
        }
        if let Some(eval) = eval {
            self.put_eval_of_job(eval, old.job_spec_modify_index, time);
        }
        Outcome::Done
    }

    pub(super) fn set_alloc_health(
        &mut self,
        id: DeploymentId,
        healthy: &[AllocId],
        unhealthy: &[AllocId],
        eval: Option<&Evaluation>,
        time: i64,
    ) -> Outcome {
        let Some(deployment) = self.store.deployments.get(&id).cloned() else {
            return Outcome::Refused("deployment not found".to_owned());
        };
        let all = healthy.iter().map(|id| (id, true)).chain(unhealthy.iter().map(|id| (id, false)));
        for (alloc_id, _) in all.clone() {
            if self.store.allocs.get(alloc_id).is_none_or(|alloc| alloc.deployment_id != id) {
                return Outcome::Refused(format!("allocation {alloc_id} is not part of deployment {id}"));
            }
        }
        for (alloc_id, verdict) in all {
            let Some(alloc) = self.store.allocs.get(alloc_id) else { continue };
            let mut alloc = (**alloc).clone();
            self.take_health(&mut alloc, Some(verdict), Time(time));
            alloc.modify_index = self.index;
            alloc.modify_time = time;
            self.put_alloc(alloc);
        }
        if let Some(eval) = eval {
            self.put_eval_of_job(eval, deployment.job_spec_modify_index, time);
        }
        Outcome::Done
    }

    pub(super) fn put_deployment(&mut self, mut deployment: Deployment, time: i64) {
        let key = deployment.job_key();
        if self.store.deployments.get(&deployment.id).is_some_and(|old| old.job_key() != key) {
            self.remove_deployment(deployment.id);
        }
        deployment.modify_index = self.index;
        deployment.modify_time = time;
        if deployment.create_index == 0 {
            deployment.create_index = self.index;
            deployment.create_time = time;
        }
        if deployment.is_active() {
            self.store.active_deployments.insert(deployment.id);
        } else {
            self.store.active_deployments.remove(&deployment.id);
        }
        self.store.deployments_by_job.insert((key.clone(), deployment.id));
        self.jobs.insert(key.clone());
        self.touch(Watch::Table(Table::Deployments));
        self.touch(Watch::Deployment(deployment.id));
        self.touch(Watch::JobDeployments(key));
        self.store.deployments.insert(deployment.id, Arc::new(deployment));
    }

    pub(super) fn remove_deployment(&mut self, id: DeploymentId) {
        let Some(deployment) = self.store.deployments.remove(&id) else { return };
        let key = deployment.job_key();
        self.store.active_deployments.remove(&id);
        self.store.deployments_by_job.remove(&(key.clone(), id));
        self.jobs.insert(key.clone());
        self.touch(Watch::DeploymentAllocs(id));
        self.touch(Watch::Table(Table::Deployments));
        self.touch(Watch::Deployment(id));
        self.touch(Watch::JobDeployments(key));
    }
}
