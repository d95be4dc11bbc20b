//! Children of periodic and parameterized jobs.

use model::JobStatus;

use super::Change;
use crate::command::{LaunchJob, Outcome};

impl Change<'_> {
    pub(super) fn launch_job(&mut self, launch: &LaunchJob) -> Outcome {
        let LaunchJob { parent: parent_key, register, due } = launch;
        let Some(parent) = self.store.jobs.get(parent_key) else {
            return Outcome::Refused("job not found".to_owned());
        };
        if !parent.is_parent() || parent.stop {
            return Outcome::Refused(format!("job {:?} is not launched any more", parent.id.as_str()));
        }
        let child = &register.job;
        if child.parent_id != parent.id || child.namespace != parent.namespace {
            return Outcome::Refused(format!("job {:?} is no child of {:?}", child.id.as_str(), parent.id.as_str()));
        }
        if let Some(due) = due {
            // Also when the child is there: that launch is done.
            let done = self.store.launches.get(parent_key).copied().unwrap_or_default().max(*due);
            self.store.launches.insert(parent_key.clone(), done);
        }
        let token = &child.dispatch_idempotency_token;
        let same_token =
            |other: &model::Job| !token.is_empty() && other.dispatch_idempotency_token == *token && other.status != JobStatus::Dead;
        let known = self.store.children(parent_key).find(|other| other.id == child.id || same_token(other));
        if let Some(known) = known {
            return Outcome::Launched { id: known.id.clone(), is_new: false };
        }
        match self.register_job(register) {
            Outcome::Registered { .. } => Outcome::Launched { id: child.id.clone(), is_new: true },
            other => other,
        }
    }
}
