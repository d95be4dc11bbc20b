//! Launching children because somebody asks for it: dispatches, and periodic jobs by hand.

use std::sync::Arc;

use control::Dispatch;
use model::{EvalTrigger, Evaluation, IdSource, Job, JobId, JobKey};
use rpc::message::{DispatchJob, Failure, WriteReply, WriteValue};
use state::{Applied, Command, LaunchJob, Outcome, RegisterJob, Store};

use crate::core::{Core, now};
use crate::{scheduler_config, transitions};

/// The evaluation that goes with a change of a job; of a parent nothing is placed but its children.
pub fn eval_of(job: &Job, trigger: EvalTrigger, ids: &mut IdSource) -> Option<Evaluation> {
    (!job.is_parent()).then(|| control::job_eval(job, trigger, ids))
}

pub async fn dispatch(core: &Core, dispatch: DispatchJob) -> Result<WriteReply, Failure> {
    let view = core.view();
    scheduler_config::admits(&view)?;
    let parent = parent(&view, &dispatch.key, "dispatched")?;
    let refused = transitions::too_important("the priority of a dispatch", core.config.bounds.jobs.priority_max, dispatch.priority);
    if let Some(text) = refused.filter(|_| dispatch.priority != 0) {
        return Err(Failure::bad_request(text));
    }
    let DispatchJob { key, payload, meta, idempotency_token, id_prefix, priority } = dispatch;
    let wanted = Dispatch { payload, meta, id_prefix, idempotency_token, priority };
    let mut ids = core.ids();
    let child = control::dispatched_child(&parent, &wanted, now(), &mut ids).map_err(Failure::internal)?;
    let (applied, id) = launch(core, key, child, EvalTrigger::JobRegister, &mut ids).await?;
    let (job_create_index, first) = launched(core, &parent, &id);
    let value = WriteValue::Dispatched {
        id,
        job_create_index,
        eval_id: first.as_ref().map(|eval| eval.id).unwrap_or_default(),
        eval_create_index: first.as_ref().map_or(0, |eval| eval.create_index),
    };
    Ok(WriteReply { index: applied.index, value })
}

/// Launches a periodic job now, whatever its schedule says, whether it is enabled, and whether an earlier child still runs.
pub async fn force(core: &Core, key: JobKey) -> Result<WriteReply, Failure> {
    let view = core.view();
    let parent = parent(&view, &key, "launched")?;
    if !parent.is_periodic() {
        return Err(Failure::internal(format!(
            "job {:?} is not periodic: only jobs with a periodic block are launched so",
            key.id.as_str()
        )));
    }
    let child = control::periodic_child(&parent, now());
    let (applied, id) = launch(core, key, child, EvalTrigger::PeriodicJob, &mut core.ids()).await?;
    let (job_modify_index, first) = launched(core, &parent, &id);
    let eval_id = first.map(|eval| eval.id).unwrap_or_default();
    let value = WriteValue::Job { eval_id, job_modify_index, warnings: String::new(), unreached: Vec::new() };
    Ok(WriteReply { index: applied.index, value })
}

fn parent(view: &Store, key: &JobKey, act: &str) -> Result<Arc<Job>, Failure> {
    let parent = view.job(key).ok_or_else(|| Failure::not_found("job not found"))?;
    if parent.stop {
        return Err(Failure::internal(format!("job {:?} is stopped and cannot be {act}: start it first", key.id.as_str())));
    }
    Ok(Arc::clone(parent))
}

/// Returns the id of the child, made now or known already.
async fn launch(core: &Core, parent: JobKey, child: Job, trigger: EvalTrigger, ids: &mut IdSource) -> Result<(Applied, JobId), Failure> {
    let mut id = child.id.clone();
    let command = LaunchJob { parent, register: Some(register(child, trigger, now(), ids)), due: None };
    let applied = core.execute(Command::LaunchJob(Box::new(command))).await?;
    if let Outcome::Launched { id: known, .. } = &applied.outcome {
        id = known.clone();
    }
    Ok((applied, id))
}

fn register(child: Job, trigger: EvalTrigger, time: i64, ids: &mut IdSource) -> RegisterJob {
    let eval = control::job_eval(&child, trigger, ids);
    RegisterJob { job: Arc::new(child), submission: None, enforce_index: None, eval: Some(eval), time }
}

/// When a child was made, and its first evaluation.
fn launched(core: &Core, parent: &Job, id: &JobId) -> (u64, Option<Arc<Evaluation>>) {
    let view = core.view();
    let key = JobKey { namespace: parent.namespace.clone(), id: id.clone() };
    let created = view.job(&key).map_or(0, |job| job.create_index);
    let since = view.job_evals(&key).filter(|eval| eval.create_index >= created);
    (created, since.min_by_key(|eval| (eval.create_index, eval.id)).cloned())
}

/// For a dry run: launches a child of `parent` in `trial`, and returns its evaluation.
pub fn try_launch(trial: &mut Store, parent: &Job, time: i64, ids: &mut IdSource) -> Evaluation {
    let child = Job { dispatched: parent.is_parameterized(), ..control::periodic_child(parent, time) };
    let register = register(child, EvalTrigger::PeriodicJob, time, ids);
    let eval = register.eval.clone().unwrap_or_default();
    let launch = LaunchJob { parent: parent.key(), register: Some(register), due: None };
    trial.apply(trial.index() + 1, &Command::LaunchJob(Box::new(launch)));
    eval
}
