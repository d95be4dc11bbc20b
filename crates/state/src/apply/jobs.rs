//! Jobs, their versions, submissions and summaries.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{
    Allocation, Evaluation, EventSubject, Job, JobChildrenSummary, JobKey, JobStatus, JobSubmission, JobSummary, JobVersionTag,
    ScalingEvent, ScalingEvents, TaskGroupSummary,
};

use super::Change;
use crate::command::{Outcome, RegisterJob, ScaleJob, VersionTag};
use crate::store::KEPT_SCALING_EVENTS;
use crate::watch::{Table, Watch};

impl Change<'_> {
    pub(super) fn register_job(&mut self, register: &RegisterJob) -> Outcome {
        let key = register.job.key();
        let old = self.store.jobs.get(&key).cloned();
        if let Some(wanted) = register.enforce_index
            && let Some(refusal) = index_refusal(wanted, old.as_deref())
        {
            return Outcome::Refused(refusal);
        }
        let unchanged = old.as_ref().is_some_and(|old| old.same_specification(&register.job));
        let (version, job_modify_index) = match (&old, unchanged) {
            (Some(old), true) => (old.version, old.job_modify_index),
            _ => (self.put_job((*register.job).clone(), self.next_version(&key), register.time), self.index),
        };
        if !unchanged && let Some(submission) = &register.submission {
            self.put_submission(&key, version, submission);
        }
        if let Some(eval) = &register.eval {
            self.put_eval_of_job(eval, job_modify_index, register.time);
        }
        Outcome::Registered { version, job_modify_index, changed: !unchanged }
    }

    pub(super) fn deregister_job(&mut self, key: &JobKey, purge: bool, eval: Option<&Evaluation>, time: i64) -> Outcome {
        let Some(old) = self.store.jobs.get(key).cloned() else {
            return Outcome::Refused("job not found".to_owned());
        };
        if purge {
            self.remove_job(key);
        } else if !old.stop {
            self.stop_job(&old, time);
        }
        if let Some(eval) = eval {
            self.put_eval_of_job(eval, self.index, time);
        }
        Outcome::Registered { version: old.version, job_modify_index: self.index, changed: true }
    }

    /// Stopping is a change of the specification, hence a new version.
    pub(super) fn stop_job(&mut self, old: &Arc<Job>, time: i64) {
        let key = old.key();
        let stopped = Job { stop: true, ..(**old).clone() };
        self.put_job(stopped, self.next_version(&key), time);
        // What waits for room is not waited for any more.
        for group in &old.task_groups {
            self.count_queued(&key, &group.name, 0);
        }
    }

    /// Numbers of versions are never given twice, also not those that a rollout of other regions is about to bring.
    fn next_version(&self, key: &JobKey) -> u64 {
        self.store.newest_version(key).map_or(0, |newest| newest.saturating_add(1))
    }

    pub(super) fn scale_job(&mut self, scale: &ScaleJob) -> Outcome {
        let key = &scale.key;
        let Some(present) = self.store.jobs.get(key) else {
            return Outcome::Refused("job not found".to_owned());
        };
        if present.group(&scale.group).is_none() {
            return Outcome::Refused(format!("job {key} has no group {:?}", scale.group));
        }
        let outcome = match &scale.register {
            Some(register) if register.job.key() != *key => Outcome::Refused(format!("the job to register is not {key}")),
            Some(register) => self.register_job(register),
            None => Outcome::Done,
        };
        if let Outcome::Refused(_) | Outcome::Busy { .. } | Outcome::MovedOn { .. } = outcome {
            return outcome;
        }
        let mut events = self.store.scaling_events.get(key).map_or_else(ScalingEvents::new, |events| (**events).clone());
        let of_group = events.entry(scale.group.clone()).or_default();
        of_group.insert(0, ScalingEvent { create_index: self.index, ..scale.event.clone() });
        of_group.truncate(KEPT_SCALING_EVENTS);
        self.store.scaling_events.insert(key.clone(), Arc::new(events));
        self.touch(Watch::JobScaling(key.clone()));
        outcome
    }

    pub(super) fn set_job_stability(&mut self, key: &JobKey, version: u64, stable: bool) -> Outcome {
        let Some(job) = self.store.job_versions.get(&(key.clone(), version)) else {
            return Outcome::Refused(format!("job {key} has no version {version}"));
        };
        if job.stable == stable {
            return Outcome::Done;
        }
        let mut job = Arc::clone(job);
        let changed = Arc::make_mut(&mut job);
        changed.stable = stable;
        changed.modify_index = self.index;
        self.store.job_versions.insert((key.clone(), version), Arc::clone(&job));
        if self.store.jobs.get(key).is_some_and(|present| present.version == version) {
            self.store.jobs.insert(key.clone(), job);
            self.touch(Watch::Table(Table::Jobs));
            self.touch(Watch::Job(key.clone()));
        }
        self.touch(Watch::Table(Table::JobVersions));
        self.touch(Watch::JobVersions(key.clone()));
        Outcome::Done
    }

    /// Makes `job` the present version and returns its number.
    pub(super) fn put_job(&mut self, mut job: Job, version: u64, time: i64) -> u64 {
        let key = job.key();
        let old = self.store.jobs.get(&key).cloned();
        job.version = version;
        job.stable = false;
        job.create_index = old.as_ref().map_or(self.index, |old| old.create_index);
        job.modify_index = self.index;
        job.job_modify_index = self.index;
        job.submit_time = time;
        job.status = old.as_ref().map_or(JobStatus::Pending, |old| old.status);
        job.status_description = String::new();
        job.version_tag = None;
        if old.is_none() {
            self.count_child(&job, None, Some(job.status));
        }
        if !job.is_periodic() {
            self.store.launches.remove(&key);
        } else if !self.store.launches.contains_key(&key) || old.as_ref().is_none_or(|old| old.stop || old.periodic != job.periodic) {
            // What was due before it had this schedule, or while it was stopped, is not missed.
            self.store.launches.insert(key.clone(), time);
        }
        self.ensure_summary(&job);
        let job = Arc::new(job);
        self.store.job_versions.insert((key.clone(), version), Arc::clone(&job));
        self.store.jobs.insert(key.clone(), job);
        self.prune_versions(&key);
        self.jobs.insert(key.clone());
        self.touch(Watch::Table(Table::Jobs));
        self.touch(Watch::Table(Table::JobVersions));
        self.touch(Watch::JobVersions(key.clone()));
        self.touch(Watch::JobScaling(key.clone()));
        self.touch(Watch::Job(key));
        version
    }

    /// Registers an earlier version again; returns the new version. `None` when there is nothing to return to.
    pub(super) fn revert_job(&mut self, key: &JobKey, version: u64, time: i64) -> Option<u64> {
        let present = self.store.jobs.get(key).cloned()?;
        let earlier = self.store.job_versions.get(&(key.clone(), version)).cloned()?;
        let earlier = Job { stop: false, ..(*earlier).clone() };
        if earlier.same_specification(&present) {
            return None;
        }
        // What ran well once is taken to be stable again when its deployment succeeds, not before.
        let reverted = self.put_job(earlier, self.next_version(key), time);
        if let Some(submission) = self.store.job_submissions.get(&(key.clone(), version)).cloned() {
            self.put_submission(key, reverted, &submission);
        }
        Some(reverted)
    }

    pub(super) fn put_submission(&mut self, key: &JobKey, version: u64, submission: &JobSubmission) {
        let submission = JobSubmission {
            namespace: key.namespace.clone(),
            job_id: key.id.clone(),
            version,
            job_modify_index: self.index,
            ..submission.clone()
        };
        self.store.job_submissions.insert((key.clone(), version), Arc::new(submission));
    }

    pub(super) fn put_eval_of_job(&mut self, eval: &Evaluation, job_modify_index: u64, time: i64) {
        let eval = Evaluation { job_modify_index, ..eval.clone() };
        self.put_eval(&eval, time);
    }

    /// Keeps the newest versions, the newest stable one, those that have a name, and those that allocations still use.
    fn prune_versions(&mut self, key: &JobKey) {
        let versions: Vec<u64> = self
            .store
            .job_versions
            .range((key.clone(), 0)..=(key.clone(), u64::MAX))
            .filter(|(_, job)| job.version_tag.is_none())
            .map(|((_, version), _)| *version)
            .collect();
        let surplus = versions.len().saturating_sub(self.store.tracked_versions());
        if surplus == 0 {
            return;
        }
        let stable = versions
            .iter()
            .rev()
            .copied()
            .find(|version| self.store.job_versions.get(&(key.clone(), *version)).is_some_and(|job| job.stable));
        let used: BTreeSet<u64> = self
            .store
            .job_allocs(key)
            .filter(|alloc| !alloc.is_terminal())
            .filter_map(|alloc| alloc.job.as_ref())
            .map(|job| job.version)
            .collect();
        let present = self.store.jobs.get(key).map(|job| job.version);
        for version in versions.into_iter().take(surplus) {
            if !used.contains(&version) && stable != Some(version) && present != Some(version) {
                self.store.job_versions.remove(&(key.clone(), version));
                self.store.job_submissions.remove(&(key.clone(), version));
            }
        }
    }

    pub(super) fn remove_job(&mut self, key: &JobKey) {
        let Some(job) = self.store.jobs.get(key).cloned() else { return };
        self.count_child(&job, Some(job.status), None);
        self.store.launches.remove(key);
        self.noted.push(EventSubject::Job(job));
        if self.store.rollout_heads.contains_key(key)
            && let Some(newest) = self.store.newest_version(key)
        {
            self.store.version_floors.insert(key.clone(), newest);
        }
        self.store.jobs.remove(key);
        let versions: Vec<u64> =
            self.store.job_versions.range((key.clone(), 0)..=(key.clone(), u64::MAX)).map(|((_, version), _)| *version).collect();
        for version in versions {
            self.store.job_versions.remove(&(key.clone(), version));
            self.store.job_submissions.remove(&(key.clone(), version));
        }
        self.store.job_summaries.remove(key);
        self.store.scaling_events.remove(key);
        self.touch(Watch::Table(Table::Jobs));
        self.touch(Watch::Table(Table::JobVersions));
        self.touch(Watch::Table(Table::JobSummaries));
        self.touch(Watch::JobSummary(key.clone()));
        self.touch(Watch::Job(key.clone()));
        // Nothing is a member of these groups any more, or has an index for them.
        self.touch(Watch::JobVersions(key.clone()));
        self.touch(Watch::JobAllocs(key.clone()));
        self.touch(Watch::JobEvals(key.clone()));
        self.touch(Watch::JobDeployments(key.clone()));
        self.touch(Watch::JobScaling(key.clone()));
    }

    /// Names a version, or takes the name away.
    pub(super) fn tag_job_version(&mut self, key: &JobKey, name: &str, tag: Option<&VersionTag>) -> Outcome {
        if !self.store.jobs.contains_key(key) {
            return Outcome::Refused("job not found".to_owned());
        }
        let named = self.store.job_versions(key).into_iter().find(|job| job.has_tag(name)).map(|job| job.version);
        let (version, tag) = match (tag, named) {
            (Some(tag), Some(version)) if version != tag.version => {
                return Outcome::Refused(format!("tag {name:?} already exists on a different version of job {:?}", key.id.as_str()));
            }
            (Some(tag), _) => {
                let description = tag.description.clone();
                (tag.version, Some(JobVersionTag { name: name.to_owned(), description, tagged_time: tag.time }))
            }
            (None, Some(version)) => (version, None),
            (None, None) => return Outcome::Refused(format!("tag {name:?} not found on job {:?}", key.id.as_str())),
        };
        let Some(job) = self.store.job_versions.get(&(key.clone(), version)) else {
            return Outcome::Refused(format!("job {:?} version {version} not found", key.id.as_str()));
        };
        let job = Arc::new(Job { version_tag: tag, modify_index: self.index, ..(**job).clone() });
        self.store.job_versions.insert((key.clone(), version), Arc::clone(&job));
        if self.store.jobs.get(key).is_some_and(|present| present.version == version) {
            self.store.jobs.insert(key.clone(), job);
            self.touch(Watch::Table(Table::Jobs));
            self.touch(Watch::Job(key.clone()));
        }
        self.touch(Watch::Table(Table::JobVersions));
        self.touch(Watch::JobVersions(key.clone()));
        // One that lost its name may be one too many now.
        self.prune_versions(key);
        Outcome::Done
    }

    // ---- summaries

    /// A child of a job came, changed its status, or went.
    pub(super) fn count_child(&mut self, child: &Job, old: Option<JobStatus>, new: Option<JobStatus>) {
        if child.parent_id.is_empty() {
            return;
        }
        let parent = JobKey { namespace: child.namespace.clone(), id: child.parent_id.clone() };
        let Some(summary) = self.store.job_summaries.get(&parent) else { return };
        let mut summary = (**summary).clone();
        let children = summary.children.get_or_insert_default();
        let mut add = |status: Option<JobStatus>, n: i64| match status {
            Some(JobStatus::Pending) => super::allocs::bump(&mut children.pending, n),
            Some(JobStatus::Running) => super::allocs::bump(&mut children.running, n),
            Some(JobStatus::Dead) => super::allocs::bump(&mut children.dead, n),
            None => {}
        };
        add(old, -1);
        add(new, 1);
        summary.modify_index = self.index;
        self.put_summary(parent, summary);
    }

    fn count_children(&self, parent: &JobKey) -> JobChildrenSummary {
        let mut counts = JobChildrenSummary::default();
        for child in self.store.children(parent) {
            match child.status {
                JobStatus::Pending => counts.pending += 1,
                JobStatus::Running => counts.running += 1,
                JobStatus::Dead => counts.dead += 1,
            }
        }
        counts
    }

    fn ensure_summary(&mut self, job: &Job) {
        let key = job.key();
        let mut summary = match self.store.job_summaries.get(&key) {
            Some(summary) => (**summary).clone(),
            None => JobSummary {
                job_id: key.id.clone(),
                namespace: key.namespace.clone(),
                create_index: self.index,
                // Those of an earlier job of this name go on.
                children: Some(self.count_children(&key)),
                ..Default::default()
            },
        };
        for group in &job.task_groups {
            summary.summary.entry(group.name.clone()).or_default();
        }
        summary.modify_index = self.index;
        self.put_summary(key, summary);
    }

    fn put_summary(&mut self, key: JobKey, summary: JobSummary) {
        self.touch(Watch::Table(Table::JobSummaries));
        self.touch(Watch::JobSummary(key.clone()));
        self.store.job_summaries.insert(key, Arc::new(summary));
    }

    /// Counts an allocation of `alloc.task_group` differently. One of an earlier job of the same name does not count.
    pub(super) fn count(&mut self, alloc: &Allocation, change: impl FnOnce(&mut TaskGroupSummary)) {
        let key = alloc.job_key();
        let Some(summary) = self.store.job_summaries.get_mut(&key) else { return };
        if !is_counted(alloc, summary) {
            return;
        }
        let summary = Arc::make_mut(summary);
        match summary.summary.get_mut(alloc.task_group.as_str()) {
            Some(counts) => change(counts),
            None => change(summary.summary.entry(alloc.task_group.as_str().to_owned()).or_default()),
        }
        summary.modify_index = self.index;
        self.touch(Watch::Table(Table::JobSummaries));
        self.touch(Watch::JobSummary(key));
    }

    /// How many allocations of a group wait for room.
    pub(super) fn count_queued(&mut self, key: &JobKey, group: &str, queued: i64) {
        let Some(summary) = self.store.job_summaries.get(key) else { return };
        if summary.summary.get(group).is_none_or(|counts| counts.queued == queued) {
            return;
        }
        let mut summary = (**summary).clone();
        if let Some(counts) = summary.summary.get_mut(group) {
            counts.queued = queued;
        }
        summary.modify_index = self.index;
        self.put_summary(key.clone(), summary);
    }

    pub(super) fn reconcile_summaries(&mut self) -> Outcome {
        let keys: Vec<JobKey> = self.store.jobs.keys().cloned().collect();
        for key in keys {
            let Some(summary) = self.store.job_summaries.get(&key) else { continue };
            let mut fresh = JobSummary { modify_index: self.index, children: Some(self.count_children(&key)), ..(**summary).clone() };
            for group in fresh.summary.values_mut() {
                *group = TaskGroupSummary { queued: group.queued, ..Default::default() };
            }
            for alloc in self.store.job_allocs(&key).filter(|alloc| is_counted(alloc, summary)) {
                super::allocs::add(fresh.summary.entry(alloc.task_group.as_str().to_owned()).or_default(), alloc, 1);
            }
            if fresh.summary != summary.summary || fresh.children != summary.children {
                self.put_summary(key, fresh);
            }
        }
        Outcome::Done
    }
}

/// Of this job, not of one that had its name before.
fn is_counted(alloc: &Allocation, summary: &JobSummary) -> bool {
    alloc.job.as_ref().is_none_or(|job| job.create_index == summary.create_index)
}

/// Why a registration that enforces the job's index is refused; `None` when it is not.
fn index_refusal(wanted: u64, old: Option<&Job>) -> Option<String> {
    match (wanted, old) {
        (0, None) => None,
        (0, Some(_)) => Some("Enforcing job modify index 0: job already exists".to_owned()),
        (_, None) => Some(format!("Enforcing job modify index {wanted}: job does not exist")),
        (_, Some(old)) if old.job_modify_index == wanted => None,
        (_, Some(old)) => {
            Some(format!("Enforcing job modify index {wanted}: job exists with conflicting job modify index: {}", old.job_modify_index))
        }
    }
}
