//! Rollouts across regions, as this region lives them. The guards stand in `multiregion`; here stands only what must hold whatever they say:
//! a phase changes from what it was thought to be, terminal phases never change, one proposal per job.

use std::sync::Arc;

use model::{
    Deployment, DeploymentId, DeploymentStatus, Job, JobSubmission, Phase, RegionName, Rollout, RolloutHeader, RolloutId, RolloutKind,
};

use super::Change;
use crate::command::{Adoption, Outcome, PhaseChange};
use crate::watch::{Table, Watch};

impl Change<'_> {
    pub(super) fn stage_rollout(
        &mut self,
        header: &Arc<RolloutHeader>,
        source: Option<&Arc<Job>>,
        submission: Option<&JobSubmission>,
        time: i64,
    ) -> Outcome {
        let key = header.job_key();
        self.store.identity.lamport = self.store.identity.lamport.max(header.id.lamport);
        if let Some(known) = self.store.rollouts.get(&header.id) {
            return match known.phase {
                Phase::Withdrawn | Phase::Rejected => Outcome::Refused(format!("rollout {} was {} here", header.id, known.phase)),
                _ => Outcome::Done,
            };
        }
        if let Some(staged) = self.store.rollout_staged.get(&key) {
            return Outcome::Busy { winner: staged.clone() };
        }
        // A region that never had the job, or had an older rollout of it, follows; one that has moved on does not go back.
        let head = self.store.rollout_heads.get(&key);
        if let Some(head) = head.filter(|head| Some(*head) > header.base.as_ref()) {
            return Outcome::Refused(format!("job {key} has moved on here: its rollout is {head}"));
        }
        if let Some(submission) = submission {
            self.put_submission(&key, header.job_version, submission);
        }
        let rollout = Rollout {
            header: Arc::clone(header),
            phase: Phase::Voted,
            resume_to: None,
            cause: String::new(),
            cause_region: RegionName::default(),
            forced: false,
            deployment_id: DeploymentId::NIL,
            source: source.cloned(),
            create_index: self.index,
            modify_index: self.index,
            modify_time: time,
        };
        self.store.rollout_staged.insert(key, header.id.clone());
        self.put_rollout(rollout);
        Outcome::Done
    }

    pub(super) fn unstage_rollout(&mut self, id: &RolloutId, phase: Phase, cause: &str, cause_region: &RegionName, time: i64) -> Outcome {
        let Some(rollout) = self.store.rollouts.get(id).cloned() else {
            return Outcome::Refused(format!("rollout {id} is not known here"));
        };
        if rollout.phase != Phase::Voted {
            return Outcome::Refused(format!("rollout {id} is {} here, it cannot be withdrawn", rollout.phase));
        }
        self.store.rollout_staged.remove(&rollout.header.job_key());
        self.put_rollout_phase(&rollout, phase, cause, cause_region, false, time);
        Outcome::Done
    }

    pub(super) fn adopt_rollout(&mut self, adoption: &Adoption) -> Outcome {
        let Some(rollout) = self.store.rollouts.get(&adoption.id).cloned() else {
            return Outcome::Refused(format!("rollout {} is not known here", adoption.id));
        };
        if rollout.phase != Phase::Voted {
            return Outcome::Refused(format!("rollout {} is already {} here", adoption.id, rollout.phase));
        }
        let key = rollout.header.job_key();
        let time = adoption.time;
        self.supersede(&key, &adoption.id, time);
        let mut adopted = (*rollout).clone();
        adopted.phase = Phase::Adopted;
        if let Some(job) = &adoption.job {
            self.put_job((**job).clone(), rollout.header.job_version, time);
        }
        if let Some(deployment) = &adoption.deployment {
            adopted.deployment_id = deployment.id;
            let (job_modify_index, job_create_index) =
                self.store.jobs.get(&key).map_or((self.index, self.index), |job| (job.job_modify_index, job.create_index));
            let deployment = Deployment {
                job_modify_index,
                job_spec_modify_index: job_modify_index,
                job_create_index,
                create_index: self.index,
                create_time: time,
                ..deployment.clone()
            };
            self.put_deployment(deployment, time);
        }
        if rollout.header.kind == RolloutKind::Stop {
            if let Some(job) = self.store.jobs.get(&key).cloned().filter(|job| !job.stop) {
                self.stop_job(&job, time);
            }
            adopted.phase = Phase::Stopped;
        }
        self.store.rollout_staged.remove(&key);
        self.store.rollout_heads.insert(key.clone(), adoption.id.clone());
        adopted.modify_index = self.index;
        adopted.modify_time = time;
        self.put_rollout(adopted);
        if let Some(eval) = &adoption.eval {
            let job_modify_index = self.store.jobs.get(&key).map_or(self.index, |job| job.job_modify_index);
            self.put_eval_of_job(eval, job_modify_index, time);
        }
        let version = self.store.jobs.get(&key).map_or(0, |job| job.version);
        Outcome::Registered { version, job_modify_index: self.index, changed: true }
    }

    /// A newer rollout takes over: the old one, and whatever deployment is active, end here.
    fn supersede(&mut self, key: &model::JobKey, by: &RolloutId, time: i64) {
        let active: Vec<DeploymentId> =
            self.store.job_deployments(key).filter(|deployment| deployment.is_active()).map(|deployment| deployment.id).collect();
        for id in active {
            self.change_deployment(id, DeploymentStatus::Cancelled, "Cancelled due to newer version of job", time);
        }
        if let Some(head) = self.store.rollout_head(key).cloned()
            && head.header.id != *by
            && !head.phase.is_terminal()
        {
            self.put_rollout_phase(&head, Phase::Cancelled, "Cancelled due to newer version of job", &RegionName::default(), false, time);
        }
    }

    pub(super) fn set_rollout_phase(&mut self, change: &PhaseChange) -> Outcome {
        let Some(rollout) = self.store.rollouts.get(&change.id).cloned() else {
            return Outcome::Refused(format!("rollout {} is not known here", change.id));
        };
        if rollout.phase != change.from || rollout.phase.is_terminal() {
            return Outcome::Refused(format!("rollout {} is {} here, not {}", change.id, rollout.phase, change.from));
        }
        let key = rollout.header.job_key();
        self.put_rollout_phase(&rollout, change.to, &change.cause, &change.cause_region, change.forced, change.time);
        if let Some((status, description)) = shown(change) {
            self.change_deployment(rollout.deployment_id, status, &description, change.time);
        }
        if change.stop_job
            && let Some(job) = self.store.jobs.get(&key).cloned().filter(|job| !job.stop)
        {
            self.stop_job(&job, change.time);
        }
        if let Some(version) = change.revert_to {
            self.revert_job(&key, version, change.time);
        }
        if let Some(eval) = &change.eval {
            let job_modify_index = self.store.jobs.get(&key).map_or(self.index, |job| job.job_modify_index);
            self.put_eval_of_job(eval, job_modify_index, change.time);
        }
        Outcome::Done
    }

    pub(super) fn put_rollout_phase(
        &mut self,
        rollout: &Rollout,
        to: Phase,
        cause: &str,
        cause_region: &RegionName,
        forced: bool,
        time: i64,
    ) {
        let mut next = rollout.clone();
        next.resume_to = (to == Phase::Paused).then_some(rollout.phase);
        next.phase = to;
        cause.clone_into(&mut next.cause);
        next.cause_region = cause_region.clone();
        next.forced = forced;
        next.modify_index = self.index;
        next.modify_time = time;
        self.put_rollout(next);
    }

    fn put_rollout(&mut self, rollout: Rollout) {
        self.touch(Watch::Table(Table::Rollouts));
        self.touch(Watch::Rollout(rollout.header.job_key()));
        self.store.rollouts.insert(rollout.header.id.clone(), Arc::new(rollout));
    }

    pub(super) fn remove_rollout(&mut self, id: &RolloutId) {
        let Some(rollout) = self.store.rollouts.get(id).cloned() else { return };
        let key = rollout.header.job_key();
        // The head of a job and what is not decided stay, whoever asks.
        if self.store.rollout_staged.get(&key) == Some(id)
            || self.store.rollout_heads.get(&key) == Some(id) && self.store.jobs.contains_key(&key)
        {
            return;
        }
        if self.store.rollout_heads.get(&key) == Some(id) {
            self.store.rollout_heads.remove(&key);
        }
        self.store.rollouts.remove(id);
        self.touch(Watch::Table(Table::Rollouts));
        self.touch(Watch::Rollout(key));
    }
}

/// How the deployment shows the phase; `None` leaves it as it is.
fn shown(change: &PhaseChange) -> Option<(DeploymentStatus, String)> {
    let (status, text) = match change.to {
        Phase::Adopted => (DeploymentStatus::Pending, "Deployment is pending, waiting for peer region"),
        Phase::Running => (DeploymentStatus::Running, "Deployment is running"),
        Phase::Paused => (DeploymentStatus::Paused, "Deployment is paused"),
        Phase::Blocked | Phase::Held => (DeploymentStatus::Blocked, "Deployment is complete but waiting for peer region"),
        Phase::Unblocking => (DeploymentStatus::Unblocking, "Deployment is unblocking remaining regions"),
        Phase::Successful => (DeploymentStatus::Successful, "Deployment completed successfully"),
        Phase::Failed => (DeploymentStatus::Failed, "Deployment marked as failed"),
        Phase::Cancelled => (DeploymentStatus::Cancelled, "Cancelled due to newer version of job"),
        Phase::Dropped | Phase::Stopped => (DeploymentStatus::Cancelled, "Cancelled because job is stopped"),
        Phase::Voted | Phase::Rejected | Phase::Withdrawn => return None,
    };
    Some((status, if change.cause.is_empty() { text.to_owned() } else { change.cause.clone() }))
}
