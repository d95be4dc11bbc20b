//! Rollouts across regions, as this region lives them. The guards stand in `multiregion`; here stands only what must hold whatever they say:
//! a phase changes from what it was thought to be and only along the lines of the protocol, terminal phases never change, one proposal per
//! job, no version number twice.

use std::sync::Arc;

use model::{
    Deployment, DeploymentId, DeploymentStatus, EventSubject, Job, JobKey, JobSubmission, Overrides, Phase, RegionName, Rollout,
    RolloutHeader, RolloutId, RolloutKind,
};

use super::Change;
use crate::command::{Adoption, Outcome, PhaseChange};
use crate::watch::{Table, Watch};

const NEWER_VERSION: &str = "Cancelled due to newer version of job";
const JOB_STOPPED: &str = "Cancelled because job is stopped";

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
        if let Some(refusal) = self.fenced() {
            return refusal;
        }
        if let Some(known) = self.store.rollouts.get(&header.id) {
            return match known.phase {
                Phase::Withdrawn | Phase::Rejected => Outcome::Refused(format!("rollout {} was {} here", header.id, known.phase)),
                _ => Outcome::Done,
            };
        }
        if let Some(outcome) = self.settled_already(header, source.is_some()) {
            return outcome;
        }
        if let Some(staged) = self.store.rollout_staged(&key).cloned() {
            // A stop is decided already where it was asked for, and only waits to be adopted.
            let is_decided = staged.header.kind == RolloutKind::Stop;
            if is_decided || staged.header.id.origin != self.store.identity.region || staged.header.id < header.id {
                return Outcome::Busy { winner: staged.header.id.clone() };
            }
            // The own proposal is not decided, and younger: it gives way, so that of several at once exactly the oldest wins.
            let cause = format!("the older rollout {} of the job came first", header.id);
            self.withdraw(&staged, Phase::Withdrawn, &cause, &header.id.origin, time);
        }
        if let Some(submission) = submission {
            self.put_submission(&key, header.job_version, submission);
        }
        let rollout = Rollout::voted(Arc::clone(header), source.cloned(), self.index, time);
        self.store.rollout_staged.insert(key, header.id.clone());
        self.put_rollout(rollout);
        Outcome::Done
    }

    pub(super) fn unstage_rollout(&mut self, id: &RolloutId, phase: Phase, cause: &str, cause_region: &RegionName, time: i64) -> Outcome {
        let Some(rollout) = self.store.rollouts.get(id).cloned() else {
            return Outcome::Refused(format!("rollout {id} is not known here"));
        };
        if let Some(refusal) = self.fenced() {
            return refusal;
        }
        if rollout.phase != Phase::Voted {
            return Outcome::Refused(format!("rollout {id} is {} here, it cannot be withdrawn", rollout.phase));
        }
        if !matches!(phase, Phase::Withdrawn | Phase::Rejected) {
            return Outcome::Refused(format!("a proposal cannot become {phase} without being adopted"));
        }
        self.withdraw(&rollout, phase, cause, cause_region, time);
        Outcome::Done
    }

    fn withdraw(&mut self, rollout: &Rollout, phase: Phase, cause: &str, cause_region: &RegionName, time: i64) {
        let key = rollout.header.job_key();
        self.store.rollout_staged.remove(&key);
        // The number may be given to another specification now.
        let version = (key, rollout.header.job_version);
        if !self.store.job_versions.contains_key(&version) {
            self.store.job_submissions.remove(&version);
        }
        self.put_rollout_phase(rollout, phase, cause, cause_region, false, time);
    }

    /// The answer to a proposal when it does not depend on what else is proposed: mostly why the region does not vote for it.
    fn settled_already(&self, header: &RolloutHeader, has_source: bool) -> Option<Outcome> {
        let key = header.job_key();
        let me = &self.store.identity.region;
        let is_listed = header.regions.contains(me);
        if !is_listed && !header.dropped.contains(me) {
            return Some(Outcome::Refused(format!("region {:?} is no part of rollout {}", me.as_str(), header.id)));
        }
        // A region that never had the job, or had an older rollout of it, follows; one that has moved on does not go back.
        if let Some(head) = self.store.rollout_head(&key).filter(|head| Some(&head.header.id) > header.base.as_ref()) {
            let stops_twice = header.kind == RolloutKind::Stop && head.header.kind == RolloutKind::Stop;
            if stops_twice {
                return Some(Outcome::Done);
            }
            // Where regions are deferred or excluded, the two sides can both have gone on without the other: the later rollout counts for both.
            // A stop is meant for everything that came before it.
            let was_decided_apart = header.kind == RolloutKind::Stop || header.deferred.contains(me);
            if !was_decided_apart || header.id < head.header.id {
                return Some(Outcome::MovedOn { winner: head.header.id.clone() });
            }
        }
        if header.kind == RolloutKind::Stop || !is_listed {
            return None;
        }
        if !has_source {
            return Some(Outcome::Refused(format!("rollout {} comes without its specification", header.id)));
        }
        let used = self.store.newest_used_version(&key).filter(|used| *used >= header.job_version)?;
        let text = format!("job {key} has got version {used} here meanwhile, the rollout was to be version {}", header.job_version);
        Some(Outcome::Refused(text))
    }

    pub(super) fn adopt_rollout(&mut self, adoption: &Adoption) -> Outcome {
        let Some(rollout) = self.store.rollouts.get(&adoption.id).cloned() else {
            return Outcome::Refused(format!("rollout {} is not known here", adoption.id));
        };
        if let Some(refusal) = self.fenced() {
            return refusal;
        }
        if rollout.phase != Phase::Voted {
            return Outcome::Refused(format!("rollout {} is already {} here", adoption.id, rollout.phase));
        }
        let key = rollout.header.job_key();
        let time = adoption.time;
        if adoption.job.as_ref().is_some_and(|job| job.key() != key) || adoption.deployment.as_ref().is_some_and(|d| d.job_key() != key) {
            return Outcome::Refused(format!("rollout {} is of another job", adoption.id));
        }
        let ended = if rollout.header.kind == RolloutKind::Stop { JOB_STOPPED } else { NEWER_VERSION };
        self.supersede(&key, &adoption.id, ended, time);
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
    fn supersede(&mut self, key: &JobKey, by: &RolloutId, description: &str, time: i64) {
        let active: Vec<DeploymentId> =
            self.store.job_deployments(key).filter(|deployment| deployment.is_active()).map(|deployment| deployment.id).collect();
        for id in active {
            self.change_deployment(id, DeploymentStatus::Cancelled, description, time);
        }
        if let Some(head) = self.store.rollout_head(key).cloned()
            && head.header.id != *by
            && !head.phase.is_terminal()
        {
            self.put_rollout_phase(&head, Phase::Cancelled, description, &RegionName::default(), false, time);
        }
    }

    pub(super) fn set_rollout_phase(&mut self, change: &PhaseChange) -> Outcome {
        if let Some(refusal) = self.fenced() {
            return refusal;
        }
        let Some(rollout) = self.store.rollouts.get(&change.id).cloned() else {
            return Outcome::Refused(format!("rollout {} is not known here", change.id));
        };
        if rollout.phase != change.from || rollout.phase.is_terminal() {
            return Outcome::Refused(format!("rollout {} is {} here, not {}", change.id, rollout.phase, change.from));
        }
        let why = match (change.forced, change.cause_region.is_empty()) {
            (true, _) => Why::Person,
            (false, true) => Why::Own,
            (false, false) => Why::Peer,
        };
        let is_dropped = rollout.header.dropped.contains(&self.store.identity.region);
        // A region that is left out has nothing to run and nothing to fail at.
        let fits = !is_dropped || matches!(change.to, Phase::Dropped | Phase::Cancelled);
        if !fits || !leads_to(&rollout, change.to, why) {
            return Outcome::Refused(format!("rollout {} is {} here, it cannot become {}", change.id, rollout.phase, change.to));
        }
        if (change.from, change.to) == (Phase::Running, Phase::Blocked)
            && self.store.deployments.get(&rollout.deployment_id).is_some_and(|deployment| !deployment.is_complete())
        {
            // Other regions rely on it: one that was lost between decision and commit has to be made up for first.
            return Outcome::Refused(format!("rollout {} is not complete here any more", change.id));
        }
        let key = rollout.header.job_key();
        if (change.from, change.to) == (Phase::Adopted, Phase::Running)
            && let Some(staged) = self.store.rollout_staged(&key).filter(|staged| staged.header.id > change.id)
        {
            // Voted for between decision and commit: from then on nothing of the older one starts.
            return Outcome::Refused(format!("rollout {} does not start any more, {} is being decided", change.id, staged.header.id));
        }
        self.change_phase(&rollout, change);
        Outcome::Done
    }

    /// The phase changes, with what follows: the deployment shows it, the job may stop or be reverted, the region looks at it.
    pub(super) fn change_phase(&mut self, rollout: &Rollout, change: &PhaseChange) {
        let key = &rollout.header.job_key();
        self.put_rollout_phase(rollout, change.to, &change.cause, &change.cause_region, change.forced, change.time);
        if let Some((status, description)) = shown(change) {
            self.change_deployment(rollout.deployment_id, status, &description, change.time);
        }
        if change.stop_job
            && let Some(job) = self.store.jobs.get(key).cloned().filter(|job| !job.stop)
        {
            self.stop_job(&job, change.time);
        }
        if let Some(version) = change.revert_to {
            self.revert_job(key, version, change.time);
        }
        if let Some(eval) = &change.eval {
            let job_modify_index = self.store.jobs.get(key).map_or(self.index, |job| job.job_modify_index);
            self.put_eval_of_job(eval, job_modify_index, change.time);
        }
    }

    /// Also when the rollout has ended here: other regions may still wait.
    pub(super) fn override_rollout(&mut self, id: &RolloutId, overrides: &Overrides, time: i64) -> Outcome {
        let Some(rollout) = self.store.rollouts.get(id).cloned() else {
            return Outcome::Refused(format!("rollout {id} is not known here"));
        };
        let is_foreign = |region: &&RegionName| !rollout.header.concerns(region);
        if let Some(foreign) = overrides.released.iter().chain(&overrides.excluded).find(is_foreign) {
            return Outcome::Refused(format!("region {:?} is no part of rollout {id}", foreign.as_str()));
        }
        let mut next = (*rollout).clone();
        if next.overrides.merge(overrides) {
            next.modify_index = self.index;
            next.modify_time = time;
            self.put_rollout(next);
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

    pub(super) fn put_rollout(&mut self, rollout: Rollout) {
        self.touch(Watch::Table(Table::Rollouts));
        self.touch(Watch::Rollout(rollout.header.job_key()));
        let rollout = Arc::new(rollout);
        self.noted.push(EventSubject::Rollout(Arc::clone(&rollout)));
        self.store.rollouts.insert(rollout.header.id.clone(), rollout);
    }

    pub(super) fn remove_rollout(&mut self, id: &RolloutId) {
        let Some(rollout) = self.store.rollouts.get(id).cloned() else { return };
        let key = rollout.header.job_key();
        // The head of a job and what is not decided stay, whoever asks.
        if self.store.is_fenced
            || self.store.rollout_staged.get(&key) == Some(id)
            || self.store.rollout_heads.get(&key) == Some(id) && self.store.jobs.contains_key(&key)
        {
            return;
        }
        if self.store.rollout_heads.get(&key) == Some(id) {
            self.store.rollout_heads.remove(&key);
            self.store.version_floors.remove(&key);
        }
        self.store.rollouts.remove(id);
        self.touch(Watch::Table(Table::Rollouts));
        self.touch(Watch::Rollout(key));
    }
}

/// What makes a rollout move on here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Own,
    Peer,
    /// Forced.
    Person,
}

/// Whether a phase may follow the present one.
pub(super) fn leads_to(rollout: &Rollout, to: Phase, why: Why) -> bool {
    match (rollout.phase, to) {
        // Adoption and withdrawal have commands of their own.
        (Phase::Voted, _) => false,
        (Phase::Adopted, Phase::Running | Phase::Paused | Phase::Dropped) => true,
        (Phase::Running, Phase::Paused | Phase::Blocked) => true,
        (Phase::Paused, to) if rollout.resume_to == Some(to) => true,
        (Phase::Blocked, Phase::Unblocking) => true,
        (Phase::Blocked | Phase::Unblocking, Phase::Held) => true,
        (Phase::Unblocking, Phase::Successful) => true,
        (Phase::Blocked | Phase::Held, Phase::Successful) => why == Why::Person,
        // It has promised not to fail by itself.
        (Phase::Unblocking, Phase::Failed) => why != Why::Own,
        (Phase::Adopted | Phase::Running | Phase::Paused | Phase::Blocked | Phase::Held, Phase::Failed) => true,
        (from, Phase::Cancelled) => !from.is_terminal(),
        _ => false,
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
        Phase::Cancelled => (DeploymentStatus::Cancelled, NEWER_VERSION),
        Phase::Dropped | Phase::Stopped => (DeploymentStatus::Cancelled, JOB_STOPPED),
        Phase::Voted | Phase::Rejected | Phase::Withdrawn => return None,
    };
    Some((status, if change.cause.is_empty() { text.to_owned() } else { change.cause.clone() }))
}
