//! Plans: what the scheduler decided.

use std::sync::Arc;

use model::{AllocDeploymentStatus, Allocation, ClientStatus, DeploymentStatus, DesiredStatus, Time};

use super::Change;
use crate::command::{AllocStop, DeploymentUpdate, Outcome, Placement, Plan, Preemption};

impl Change<'_> {
    pub(super) fn apply_plan(&mut self, plan: &Plan) -> Outcome {
        if let Some(refusal) = self.plan_refusal(plan) {
            return Outcome::Refused(refusal);
        }
        if let Some(deployment) = &plan.deployment {
            let mut deployment = deployment.clone();
            if let Some(old) = self.store.deployments.get(&deployment.id) {
                // The scheduler says what is wanted; what happened so far stays.
                deployment.create_index = old.create_index;
                deployment.create_time = old.create_time;
                deployment.status = old.status;
                deployment.status_description.clone_from(&old.status_description);
                deployment.is_multiregion = old.is_multiregion;
                for (name, state) in &mut deployment.task_groups {
                    if let Some(before) = old.task_groups.get(name) {
                        state.placed_canaries.clone_from(&before.placed_canaries);
                        state.placed_allocs = before.placed_allocs;
                        state.healthy_allocs = before.healthy_allocs;
                        state.unhealthy_allocs = before.unhealthy_allocs;
                        state.promoted = before.promoted;
                        state.require_progress_by = before.require_progress_by;
                    }
                }
            } else {
                deployment.create_index = self.index;
                deployment.create_time = plan.time;
            }
            self.put_deployment(deployment, plan.time);
        }
        for DeploymentUpdate { id, status, description } in &plan.deployment_updates {
            // The scheduler ends deployments and describes them. One that was paused meanwhile is not to go on by that.
            let is_as_planned = self.store.deployments.get(id).is_some_and(|deployment| deployment.status == *status);
            if *status != DeploymentStatus::Cancelled && !is_as_planned {
                continue;
            }
            self.change_deployment(*id, *status, description, plan.time);
        }
        for stop in &plan.stops {
            self.stop_alloc(stop, plan.time);
        }
        for preemption in &plan.preemptions {
            self.preempt_alloc(preemption, plan.time);
        }
        for placement in &plan.placements {
            self.place(placement, plan.time);
        }
        for eval in &plan.evals {
            if eval.is_terminal() || eval.status == model::EvalStatus::Blocked {
                let key = eval.job_key();
                for (group, queued) in &eval.queued_allocations {
                    self.count_queued(&key, group, *queued);
                }
            }
            self.put_eval(eval, plan.time);
        }
        Outcome::Done
    }

    /// A plan that was made on a state that has moved on: the scheduler plans anew.
    fn plan_refusal(&self, plan: &Plan) -> Option<String> {
        for placement in &plan.placements {
            let alloc = &placement.alloc;
            let key = alloc.job_key();
            if self.store.job_versions.get(&(key.clone(), placement.job_version)).is_none() {
                return Some(format!("plan refused: job {key} no longer has version {}", placement.job_version));
            }
            if let Some(old) = self.store.allocs.get(&alloc.id) {
                if old.job_key() != key || old.node_id != alloc.node_id || old.task_group != alloc.task_group {
                    return Some(format!(
                        "plan refused: allocation {} is one of group {:?} of {}",
                        alloc.id,
                        old.task_group,
                        old.job_key()
                    ));
                }
                continue;
            }
            match self.store.nodes.get(&alloc.node_id) {
                Some(node) if node.is_schedulable() => {}
                Some(node) => {
                    return Some(format!("plan refused: node {} is {} and {}", node.id, node.status, node.scheduling_eligibility));
                }
                None => return Some(format!("plan refused: node {} is gone", alloc.node_id)),
            }
        }
        None
    }

    fn stop_alloc(&mut self, stop: &AllocStop, time: i64) {
        let Some(old) = self.store.allocs.get(&stop.id) else { return };
        if stop.client_status == Some(ClientStatus::Unknown) && old.is_terminal() {
            // It ended after the plan was made: that is known.
            return;
        }
        let mut alloc = (**old).clone();
        if stop.followup_eval_id.is_nil() {
            alloc.desired_status = DesiredStatus::Stop;
            alloc.desired_description = stop.description.as_str().into();
        } else {
            alloc.followup_eval_id = stop.followup_eval_id;
            if !stop.description.is_empty() {
                alloc.desired_description = stop.description.as_str().into();
            }
        }
        if let Some(status) = stop.client_status {
            alloc.set_client_status(status, time);
        }
        alloc.modify_index = self.index;
        alloc.alloc_modify_index = self.index;
        alloc.modify_time = time;
        self.put_alloc(alloc);
    }

    fn preempt_alloc(&mut self, preemption: &Preemption, time: i64) {
        let Some(old) = self.store.allocs.get(&preemption.id).filter(|old| !old.server_terminal()) else { return };
        let mut alloc = (**old).clone();
        alloc.desired_status = DesiredStatus::Evict;
        alloc.desired_description = format!("Preempted by alloc ID {}", preemption.by).into();
        alloc.preempted_by_allocation = preemption.by;
        alloc.modify_index = self.index;
        alloc.alloc_modify_index = self.index;
        alloc.modify_time = time;
        self.put_alloc(alloc);
    }

    fn place(&mut self, placement: &Placement, time: i64) {
        let key = placement.alloc.job_key();
        let Some(job) = self.store.job_versions.get(&(key, placement.job_version)).cloned() else { return };
        let mut alloc = Allocation { job: Some(Arc::clone(&job)), ..placement.alloc.clone() };
        let old = self.store.allocs.get(&alloc.id).cloned();
        let counts_anew = old.as_ref().is_none_or(|old| old.deployment_id != alloc.deployment_id);
        match &old {
            Some(old) => {
                alloc.create_index = old.create_index;
                alloc.create_time = old.create_time;
                alloc.client_status = old.client_status;
                alloc.alloc_states.clone_from(&old.alloc_states);
                alloc.client_description.clone_from(&old.client_description);
                alloc.task_states.clone_from(&old.task_states);
                alloc.network_status.clone_from(&old.network_status);
                alloc.next_allocation = old.next_allocation;
            }
            None => {
                alloc.create_index = self.index;
                alloc.create_time = time;
            }
        }
        alloc.modify_index = self.index;
        alloc.alloc_modify_index = self.index;
        alloc.modify_time = time;
        if counts_anew && !alloc.deployment_id.is_nil() {
            // Only what is placed for it: an update in place brings no canary of another deployment along.
            let canary = old.is_none() && alloc.is_canary();
            alloc.deployment_status = canary.then(|| AllocDeploymentStatus { canary, modify_index: self.index, ..Default::default() });
            self.count_placement(&alloc, canary, time);
        } else if let Some(old) = &old {
            alloc.deployment_status.clone_from(&old.deployment_status);
            if counts_anew && let Some(status) = &mut alloc.deployment_status {
                // It is in no deployment any more.
                status.canary = false;
            }
        }
        if let Some(previous) = self.store.allocs.get(&alloc.previous_allocation)
            && previous.next_allocation != alloc.id
        {
            let mut previous = (**previous).clone();
            previous.next_allocation = alloc.id;
            previous.modify_index = self.index;
            self.put_alloc(previous);
        }
        self.put_alloc(alloc);
    }

    fn count_placement(&mut self, alloc: &Allocation, canary: bool, time: i64) {
        let Some(deployment) = self.store.deployments.get(&alloc.deployment_id) else { return };
        let mut deployment = (**deployment).clone();
        let Some(state) = deployment.task_groups.get_mut(alloc.task_group.as_str()) else { return };
        state.placed_allocs = state.placed_allocs.saturating_add(1);
        if canary && !state.placed_canaries.contains(&alloc.id) {
            state.placed_canaries.push(alloc.id);
        }
        if state.require_progress_by.is_never() && state.progress_deadline > 0 {
            state.require_progress_by = Time(time.saturating_add(state.progress_deadline));
        }
        self.put_deployment(deployment, time);
    }
}
