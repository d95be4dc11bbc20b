//! The guards applied to every rollout that this region takes part in.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    EvalStatus, EvalTrigger, Evaluation, IdSource, Job, JobKey, Overrides, Phase, RegionName, Rollout, RolloutHeader, RolloutId,
    RolloutKind,
};
use state::{Adoption, Command, PhaseChange, Store};

use crate::guard::{self, Local, Move, Phases};
use crate::interpolate::{effective_job, new_deployment};
use crate::record::Records;

/// What the coordinator wants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    pub propose: Vec<Command>,
    /// What happens, in words, for logs and people.
    pub notes: Vec<String>,
}

/// What decides about one rollout: [`guard::next`]. Only who wants to see what another rule would lead to has another one.
pub type Rule = fn(&RolloutHeader, &RegionName, Phase, &Phases, &Overrides, Local) -> Option<Move>;

/// Looks at every rollout that is not at its end here. `now` in unix nanoseconds.
pub fn step(view: &Store, records: &Records, now: i64, ids: &mut IdSource) -> Step {
    step_by(guard::next, view, records, now, ids)
}

/// [`step`] by another rule.
pub fn step_by(rule: Rule, view: &Store, records: &Records, now: i64, ids: &mut IdSource) -> Step {
    let me = view.identity().region.clone();
    let mut step = Step::default();
    if view.is_fenced() {
        return step;
    }
    for rollout in view.rollouts().filter(|rollout| !rollout.phase.is_terminal()) {
        let mut phases = records.phases(view, &rollout.header.id);
        phases.insert(me.clone(), rollout.phase);
        let local = Local {
            complete: is_complete(view, rollout),
            newer_staged: view.rollout_staged(&rollout.header.job_key()).is_some_and(|staged| staged.header.id > rollout.header.id),
            gone: gone(view, rollout),
        };
        let overrides = records.overrides(&rollout.header, &rollout.overrides);
        if overrides != rollout.overrides && rollout.phase.is_adopted() {
            // What was asserted elsewhere is kept here, too: the region that wrote it down may be lost. Not before the rollout is adopted: a leader
            // that then forgets what the others said would know that the origin was excluded, and not that it had committed.
            let id = rollout.header.id.clone();
            step.propose.push(Command::OverrideRollout { id, overrides: overrides.clone(), time: now });
        }
        let Some(next) = rule(&rollout.header, &me, rollout.phase, &phases, &overrides, local) else { continue };
        step.notes.push(format!("rollout {} of {}: {} -> {next:?}", rollout.header.id, rollout.header.job_key(), rollout.phase));
        step.propose.push(command(view, rollout, &me, next, now, ids));
    }
    step
}

/// Rollouts that this region may have to learn of, and a region that can tell: to be fetched there and given to [`learn`], of each list only up to
/// the first that [`concerns`] this region. A list is about one job, newest first. They came while this region was away, and nobody waited for it:
/// stops, which have no barrier, and rollouts that were decided without it because the job said so. Other rollouts need no such care, because
/// nobody commits one without this region's vote.
pub fn missing(view: &Store, records: &Records) -> Vec<Vec<(RolloutId, RegionName)>> {
    let mut missing: BTreeMap<(JobKey, bool), BTreeMap<Reverse<&RolloutId>, &RegionName>> = BTreeMap::new();
    for record in records.all().filter(|record| record.phase == Phase::Stopped || record.has_deferred && record.phase.is_adopted()) {
        let key = JobKey { namespace: record.namespace.clone(), id: record.job_id.clone() };
        let is_stop = record.phase == Phase::Stopped;
        let head = view.rollout_head(&key);
        let is_behind = head.is_none_or(|head| head.header.id < record.rollout);
        // Where the job never was there is nothing to stop, and twice is not needed.
        let is_wanted = !is_stop || head.is_some_and(|head| head.header.kind == RolloutKind::Run);
        if view.rollout(&record.rollout).is_none() && is_behind && is_wanted {
            missing.entry((key, is_stop)).or_default().entry(Reverse(&record.rollout)).or_insert(&record.region.name);
        }
    }
    let places =
        |list: BTreeMap<Reverse<&RolloutId>, &RegionName>| list.into_iter().map(|(id, region)| (id.0.clone(), region.clone())).collect();
    missing.into_values().map(places).collect()
}

/// Whether a rollout that was decided without this region says what becomes of the job here: then older ones say nothing any more.
pub fn concerns(view: &Store, header: &RolloutHeader) -> bool {
    header.concerns(&view.identity().region)
}

/// What to do with a rollout that was fetched from another region, when it concerns this one and its time has come.
pub fn learn(view: &Store, records: &Records, header: &Arc<RolloutHeader>, source: Option<&Arc<Job>>, now: i64) -> Option<Command> {
    let me = &view.identity().region;
    if view.rollout(&header.id).is_some() {
        return None;
    }
    let is_due = match header.kind {
        RolloutKind::Stop => header.participants().any(|region| region == me),
        RolloutKind::Run => {
            let overrides = records.overrides(header, &Overrides::default());
            // The number of its version may have been given away here meanwhile: then it would be refused again and again.
            let is_used = || view.newest_version(&header.job_key()).is_some_and(|used| used >= header.job_version);
            // A region that is no longer listed is told so by this rollout alone; for others a later one decides.
            let is_last = header.dropped.contains(me) || !records.has_later(header);
            is_last
                && (header.dropped.contains(me) || !is_used())
                && guard::may_join(header, me, &records.phases(view, &header.id), &overrides)
        }
    };
    let source = source.filter(|_| header.kind == RolloutKind::Run).cloned();
    is_due.then(|| Command::StageRollout { header: Arc::clone(header), source, submission: None, time: now })
}

/// Withdraws this region's own proposals that nobody here is deciding any more: the server that did is gone, and so is the user's request.
/// `deciding`: whether somebody is, at the moment of `view`.
pub fn abandoned(view: &Store, deciding: impl Fn(&RolloutId) -> bool, now: i64) -> Vec<Command> {
    let me = &view.identity().region;
    view.rollouts()
        // A stop is not withdrawn: it has no barrier. What a restored region had said is not known yet.
        .filter(|rollout| rollout.phase == Phase::Voted && rollout.header.kind == RolloutKind::Run && !view.is_fenced())
        .filter(|rollout| rollout.header.id.origin == *me && !deciding(&rollout.header.id))
        .map(|rollout| Command::UnstageRollout {
            id: rollout.header.id.clone(),
            phase: Phase::Withdrawn,
            cause: "the server that decided it is gone".to_owned(),
            cause_region: me.clone(),
            time: now,
        })
        .collect()
}

/// Why the job here is no longer what the rollout brought, in the words of a deployment.
fn gone(view: &Store, rollout: &Rollout) -> Option<&'static str> {
    match view.job(&rollout.header.job_key()) {
        Some(job) if !job.stop && job.version == rollout.header.job_version => None,
        Some(job) if !job.stop => Some("Cancelled due to newer version of job"),
        _ => Some("Cancelled because job is stopped"),
    }
}

/// The region's own deployment is done; kinds of jobs without deployments have nothing to wait for.
fn is_complete(view: &Store, rollout: &Rollout) -> bool {
    view.deployment(rollout.deployment_id).is_none_or(|deployment| deployment.is_complete())
}

fn command(view: &Store, rollout: &Rollout, me: &RegionName, next: Move, now: i64, ids: &mut IdSource) -> Command {
    let mut change = PhaseChange {
        id: rollout.header.id.clone(),
        from: rollout.phase,
        to: rollout.phase,
        cause: String::new(),
        cause_region: RegionName::default(),
        forced: false,
        revert_to: None,
        stop_job: false,
        eval: None,
        time: now,
    };
    match next {
        Move::Adopt => return adopt(view, rollout, me, now, ids),
        Move::Withdraw => {
            return Command::UnstageRollout {
                id: rollout.header.id.clone(),
                phase: Phase::Withdrawn,
                cause: "given up by its origin, or by a person".to_owned(),
                cause_region: rollout.header.id.origin.clone(),
                time: now,
            };
        }
        Move::Start => {
            change.to = Phase::Running;
            change.eval = Some(rollout_eval(view, rollout, EvalTrigger::DeploymentWatcher, ids));
        }
        Move::Complete => change.to = Phase::Blocked,
        Move::Vote => change.to = Phase::Unblocking,
        Move::Finish => change.to = Phase::Successful,
        Move::Hold(cause) => {
            change.to = Phase::Held;
            change.cause = format!("Deployment is complete, but region {cause:?} failed: unblock it or run a new version");
            change.cause_region = cause;
        }
        Move::FailByPerson(why) => {
            let revert = own_revert(view, rollout);
            change.to = Phase::Failed;
            change.cause = format!("Failed because {why}{}", revert.suffix);
            change.forced = true;
            change.revert_to = revert.version;
            change.eval = Some(rollout_eval(view, rollout, EvalTrigger::DeploymentWatcher, ids));
        }
        Move::FailWithPeer(cause) => {
            let revert = own_revert(view, rollout);
            change.to = Phase::Failed;
            change.cause = format!("Failed because of an error in peer region{}", revert.suffix);
            change.cause_region = cause;
            change.revert_to = revert.version;
            change.eval = Some(rollout_eval(view, rollout, EvalTrigger::DeploymentWatcher, ids));
        }
        Move::Cancel(why) => {
            change.to = Phase::Cancelled;
            change.cause = why.to_owned();
        }
        Move::Drop => {
            change.to = Phase::Dropped;
            change.cause = "the region is no longer in the job's list".to_owned();
            change.stop_job = true;
            change.eval = Some(rollout_eval(view, rollout, EvalTrigger::JobDeregister, ids));
        }
    }
    Command::SetRolloutPhase(Box::new(change))
}

/// What `auto_revert` asks for when this region fails.
pub(crate) fn own_revert(view: &Store, rollout: &Rollout) -> deployment::Revert {
    let Some(deployment) = view.deployment(rollout.deployment_id) else {
        return deployment::Revert { version: None, suffix: String::new() };
    };
    let wanted = deployment.task_groups.values().any(|state| state.auto_revert);
    deployment::revert(view, deployment, wanted)
}

/// The entry that takes a staged rollout as head. Also the origin's own vote, which is the decision.
pub fn adopt(view: &Store, rollout: &Rollout, me: &RegionName, now: i64, ids: &mut IdSource) -> Command {
    let header = &rollout.header;
    let effective: Option<Job> = match (header.kind, &rollout.source) {
        (RolloutKind::Run, Some(source)) => effective_job(source, me),
        _ => None,
    };
    let deployment = effective.as_ref().and_then(|job| new_deployment(job, header.job_version, ids.next_uuid().into()));
    let trigger = if header.kind == RolloutKind::Stop { EvalTrigger::JobDeregister } else { EvalTrigger::JobRegister };
    let dropped = header.kind == RolloutKind::Run && effective.is_none();
    let mut eval = rollout_eval(view, rollout, trigger, ids);
    let is_parent = effective.as_ref().is_some_and(Job::is_parent);
    if let Some(deployment) = &deployment {
        eval.deployment_id = deployment.id;
    }
    if let Some(job) = &effective {
        eval.priority = job.priority;
        eval.kind = job.kind;
    }
    Command::AdoptRollout(Box::new(Adoption {
        id: header.id.clone(),
        job: effective.map(Arc::new),
        deployment,
        // A dropped region has nothing to place; it stops the job when everybody has adopted. Of a parent only its children are placed.
        eval: (!dropped && !is_parent).then_some(eval),
        time: now,
    }))
}

pub(crate) fn rollout_eval(view: &Store, rollout: &Rollout, trigger: EvalTrigger, ids: &mut IdSource) -> Evaluation {
    let job = view.job(&rollout.header.job_key());
    Evaluation {
        id: ids.next_uuid().into(),
        namespace: rollout.header.namespace.clone(),
        job_id: rollout.header.job_id.clone(),
        priority: job.map_or(50, |job| job.priority),
        kind: job.map(|job| job.kind).unwrap_or_default(),
        triggered_by: trigger,
        deployment_id: rollout.deployment_id,
        status: EvalStatus::Pending,
        ..Default::default()
    }
}
