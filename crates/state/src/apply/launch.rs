//! Children of periodic and parameterized jobs.

use std::sync::Arc;

use model::{Job, JobKey, JobStatus};

use super::Change;
use crate::command::{LaunchJob, Outcome, RegisterJob};

impl Change<'_> {
    pub(super) fn launch_job(&mut self, launch: &LaunchJob) -> Outcome {
        let LaunchJob { parent: parent_key, register, due } = launch;
        let Some(parent) = self.store.jobs.get(parent_key).cloned() else {
            return Outcome::Refused("job not found".to_owned());
        };
        if !parent.is_parent() || parent.stop {
            return Outcome::Refused(format!("job {:?} is not launched any more", parent.id.as_str()));
        }
        let child = register.as_ref().map(|register| &register.job);
        if let Some(child) = child.filter(|child| child.parent_id != parent.id || child.namespace != parent.namespace) {
            return Outcome::Refused(format!("job {:?} is no child of {:?}", child.id.as_str(), parent.id.as_str()));
        }
        match due {
            Some(due) => self.launch_due(&parent, parent_key, register.as_ref(), *due),
            None => register.as_ref().map_or(Outcome::Done, |register| self.launch(parent_key, register)),
        }
    }

    fn launch_due(&mut self, parent: &Job, key: &JobKey, register: Option<&RegisterJob>, due: i64) -> Outcome {
        let Some(periodic) = parent.periodic.as_ref().filter(|periodic| periodic.enabled) else {
            return Outcome::Refused(format!("job {:?} is not launched by the clock any more", parent.id.as_str()));
        };
        // Also when its child is gone meanwhile.
        if self.store.launches.get(key).is_some_and(|done| *done >= due) {
            return Outcome::Done;
        }
        self.store.launches.insert(key.clone(), due);
        let overlaps = periodic.prohibit_overlap && self.store.children(key).any(|child| child.status != JobStatus::Dead);
        match register.filter(|_| !overlaps) {
            Some(register) => self.launch(key, register),
            None => Outcome::Done,
        }
    }

    fn launch(&mut self, parent: &JobKey, register: &RegisterJob) -> Outcome {
        let child = &register.job;
        if let Some(known) = self.store.jobs.get(&child.key()).or_else(|| self.same_token(parent, child)) {
            return Outcome::Launched { id: known.id.clone(), is_new: false };
        }
        match self.register_job(register) {
            Outcome::Registered { .. } => Outcome::Launched { id: child.id.clone(), is_new: true },
            other => other,
        }
    }

    /// A live sibling that was dispatched with the same token.
    fn same_token(&self, parent: &JobKey, child: &Job) -> Option<&Arc<Job>> {
        let token = &child.dispatch_idempotency_token;
        let is_same = |other: &&Arc<Job>| other.dispatch_idempotency_token == *token && other.status != JobStatus::Dead;
        if token.is_empty() { None } else { self.store.children(parent).find(is_same) }
    }
}
