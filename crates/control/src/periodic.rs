//! What is launched by the clock.

use std::sync::Arc;

use model::{EvalTrigger, IdSource, Job, JobStatus, Schedule};
use state::{Command, LaunchJob, RegisterJob, Store};

use crate::launch::periodic_child;
use crate::nodes::job_eval;

/// As many launches in one step; the others follow at once.
const AT_ONCE: usize = 256;

/// What a reconciler wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    pub propose: Vec<Command>,
    /// Look again at this time at the latest (unix nanoseconds).
    pub wake_at: Option<i64>,
    /// What was noticed, in words, for logs.
    pub notes: Vec<String>,
}

/// Launches what became due until `now` (unix nanoseconds). Of launches that were missed, while nobody led or the clock jumped, only the last
/// one is made up for. When a clock goes back nothing is launched again: the next launch is the first after the last one.
pub fn periodic(view: &Store, now: i64, ids: &mut IdSource) -> Step {
    let mut step = Step::default();
    for job in view.periodic_jobs() {
        let Some(config) = job.periodic.as_ref().filter(|config| config.enabled && !job.stop) else { continue };
        // Jobs are refused whose schedule cannot be read.
        let Ok(schedule) = Schedule::new(config) else { continue };
        let done = view.launched_until(&job.key()).unwrap_or(now);
        let mut next_after = done;
        if let Some(due) = schedule.last_due(done, now) {
            if step.propose.len() == AT_ONCE {
                step.wake_at = Some(now);
                break;
            }
            launch(view, job, due, now, ids, &mut step);
            next_after = due;
        }
        let next = schedule.next_after(next_after);
        step.wake_at = [step.wake_at, next].into_iter().flatten().min();
    }
    step
}

fn launch(view: &Store, parent: &Arc<Job>, due: i64, now: i64, ids: &mut IdSource, step: &mut Step) {
    let key = parent.key();
    let prohibits = parent.periodic.as_ref().is_some_and(|config| config.prohibit_overlap);
    let running = view.children(&key).find(|child| prohibits && child.status != JobStatus::Dead);
    let register = match running {
        Some(child) => {
            step.notes.push(format!("job {key} is due and passed over: {:?} still runs", child.id.as_str()));
            None
        }
        None => {
            let child = periodic_child(parent, due);
            let eval = job_eval(&child, EvalTrigger::PeriodicJob, ids);
            Some(RegisterJob { job: Arc::new(child), submission: None, enforce_index: None, eval: Some(eval), time: now })
        }
    };
    step.propose.push(Command::LaunchJob(Box::new(LaunchJob { parent: key, register, due: Some(due) })));
}
