//! Puts together the plan and the evaluations that go with it.

use std::sync::Arc;

use model::{
    AllocDeploymentStatus, AllocId, Allocation, ClientStatus, DeploymentId, DesiredStatus, DesiredTransition, EvalId, EvalStatus,
    EvalTrigger, Evaluation, Job, JobKey, PlanAnnotations, PreemptedAlloc, Text, Time,
};
use state::{AllocStop, Placement, Plan, Preemption, Store};

use crate::Decision;
use crate::dice::Dice;
use crate::explain;
use crate::fleet::Fleet;
use crate::place::{Filled, Filling};
use crate::reconcile::{InPlace, UNKNOWN, Wishes};

const BLOCKED_DESCRIPTION: &str = "created to place remaining allocations";
const FOLLOW_UP_DESCRIPTION: &str = "created for delayed rescheduling";
const ABSENCE_DESCRIPTION: &str = "created for delayed disconnect timeout";
const OBSOLETE_DESCRIPTION: &str = "a later evaluation of the job took over";
/// Failed allocations that are due within this time share a follow-up evaluation.
const FOLLOW_UP_WINDOW: i64 = 5_000_000_000;

pub(crate) struct Assembly<'a> {
    pub view: &'a Store,
    pub eval: &'a Evaluation,
    pub key: JobKey,
    pub now: i64,
    pub dice: Dice,
}

impl Assembly<'_> {
    pub(crate) fn decide(mut self, mut wishes: Wishes, filling: Filling, fleet: &Fleet) -> Decision {
        let deployment_id = self.name_deployment(&mut wishes);
        let mut plan = Plan {
            eval_id: self.eval.id,
            deployment: wishes.deployment.take().filter(|_| wishes.deployment_changed),
            deployment_updates: std::mem::take(&mut wishes.deployment_updates),
            stops: std::mem::take(&mut wishes.stops),
            time: self.now,
            ..Plan::default()
        };
        for in_place in &wishes.in_place {
            plan.placements.push(self.update_in_place(in_place, deployment_id));
        }
        let mut pushed_aside: Vec<&Arc<Allocation>> = Vec::new();
        let Filling { filled, failed, queued, class_eligibility, escaped_computed_class } = filling;
        for filled in filled {
            if let (Some(previous), Some(description)) = (filled.slot.previous, filled.slot.stops_previous) {
                plan.stops.push(AllocStop {
                    id: previous.id,
                    description: description.to_owned(),
                    client_status: None,
                    followup_eval_id: EvalId::NIL,
                });
            }
            let preempted = filled.preempted.clone();
            let group = filled.slot.group.clone();
            let placement = self.place(filled, fleet, deployment_id);
            if !preempted.is_empty() {
                let counts = wishes.desired.entry(group.as_str().to_owned()).or_default();
                counts.preemptions = counts.preemptions.saturating_add(preempted.len() as u64);
            }
            plan.preemptions.extend(preempted.iter().map(|alloc| Preemption { id: alloc.id, by: placement.alloc.id }));
            pushed_aside.extend(preempted);
            plan.placements.push(placement);
        }
        self.follow_up(&mut wishes, &mut plan);
        self.look_after(&pushed_aside, &mut plan);

        let job = self.view.job(&self.key).cloned();
        let mut notes = std::mem::take(&mut wishes.notes);
        notes.extend(failed.iter().map(|(group, metric)| explain::unplaced(group, metric)));
        let mut all_queued = queued.clone();
        for group in job.iter().flat_map(|job| &job.task_groups) {
            all_queued.entry(group.name.clone()).or_default();
        }
        let mut done = Evaluation {
            status: EvalStatus::Complete,
            status_description: String::new(),
            deployment_id,
            failed_tg_allocs: failed.clone(),
            queued_allocations: all_queued.clone(),
            blocked_eval: EvalId::NIL,
            snapshot_index: self.view.index(),
            plan_annotations: (self.eval.annotate_plan || wishes.desired.values().any(|updates| !updates.is_nothing())).then(|| {
                PlanAnnotations {
                    desired_tg_updates: wishes.desired.clone(),
                    preempted_allocs: pushed_aside.iter().map(|alloc| PreemptedAlloc::new(alloc)).collect(),
                }
            }),
            ..self.eval.clone()
        };
        let blocked = (!failed.is_empty()).then(|| self.block(job.as_ref()));
        if let Some(mut blocked) = blocked {
            blocked.failed_tg_allocs = failed.clone();
            blocked.class_eligibility = class_eligibility;
            blocked.escaped_computed_class = escaped_computed_class;
            if blocked.id == self.eval.id {
                done = Evaluation {
                    queued_allocations: all_queued.clone(),
                    deployment_id,
                    plan_annotations: done.plan_annotations,
                    ..blocked
                };
            } else {
                done.blocked_eval = blocked.id;
                plan.evals.push(blocked);
            }
        }
        let still_blocked = if done.status == EvalStatus::Blocked { done.id } else { done.blocked_eval };
        plan.evals.extend(self.obsolete_blocked(still_blocked));
        plan.evals.extend(self.obsolete_absences(&plan));
        plan.evals.push(done);
        Decision { plan, desired_updates: wishes.desired, failed_tg_allocs: failed, queued: all_queued, notes }
    }

    /// A new deployment gets its id; returns the id of the present one.
    fn name_deployment(&mut self, wishes: &mut Wishes) -> DeploymentId {
        let Some(deployment) = &mut wishes.deployment else { return DeploymentId::NIL };
        if deployment.id.is_nil() {
            deployment.id = DeploymentId(self.dice.uuid());
        }
        deployment.id
    }

    fn place(&mut self, filled: Filled, fleet: &Fleet, deployment_id: DeploymentId) -> Placement {
        let Filled { slot, node, resources, metric, preempted } = filled;
        let node = fleet.nodes[node as usize];
        let deployment_id = if slot.in_deployment { deployment_id } else { DeploymentId::NIL };
        let alloc = Allocation {
            id: AllocId(self.dice.uuid()),
            namespace: slot.job.namespace.clone(),
            eval_id: self.eval.id,
            name: slot.name,
            node_id: node.id,
            node_name: Text::from(&node.name),
            job_id: slot.job.id.clone(),
            task_group: slot.group,
            allocated_resources: Some(resources),
            metrics: Some(metric),
            desired_status: DesiredStatus::Run,
            client_status: ClientStatus::Pending,
            previous_allocation: slot.previous.map(|previous| previous.id).unwrap_or_default(),
            deployment_id,
            deployment_status: slot.is_canary.then(|| AllocDeploymentStatus { canary: true, ..AllocDeploymentStatus::default() }),
            reschedule_tracker: slot.tracker,
            preempted_allocations: preempted.iter().map(|alloc| alloc.id).collect(),
            ..Allocation::default()
        };
        Placement { alloc, job_version: slot.job.version }
    }

    fn update_in_place(&self, in_place: &InPlace, deployment_id: DeploymentId) -> Placement {
        let alloc = Allocation {
            eval_id: self.eval.id,
            job: None,
            deployment_id: if in_place.in_deployment { deployment_id } else { DeploymentId::NIL },
            desired_transition: DesiredTransition::default(),
            followup_eval_id: EvalId::NIL,
            ..(**in_place.alloc).clone()
        };
        let job_version = self.view.job(&self.key).map_or(0, |job| job.version);
        Placement { alloc, job_version }
    }

    /// An evaluation for each job of which something was pushed aside.
    fn look_after(&mut self, pushed_aside: &[&Arc<Allocation>], plan: &mut Plan) {
        let mut keys: Vec<JobKey> = pushed_aside.iter().map(|alloc| alloc.job_key()).collect();
        keys.sort_unstable();
        keys.dedup();
        for job in keys.iter().filter_map(|key| self.view.job(key)).filter(|job| !job.is_parent()) {
            plan.evals.push(Evaluation {
                id: EvalId(self.dice.uuid()),
                namespace: job.namespace.clone(),
                priority: job.priority,
                kind: job.kind,
                triggered_by: EvalTrigger::Preemption,
                job_id: job.id.clone(),
                job_modify_index: job.job_modify_index,
                status: EvalStatus::Pending,
                ..Evaluation::default()
            });
        }
    }

    /// Evaluations for failed allocations whose next attempt is due later, and for unknown ones that are given up then.
    fn follow_up(&mut self, wishes: &mut Wishes, plan: &mut Plan) {
        for (time, allocs) in together(std::mem::take(&mut wishes.later)) {
            let id = self.evaluate_at(time, EvalTrigger::AllocFailure, FOLLOW_UP_DESCRIPTION, plan);
            wishes.notes.push(format!("failed allocations are placed anew at {}", Time(time)));
            let stop = |alloc: AllocId| AllocStop { id: alloc, description: String::new(), client_status: None, followup_eval_id: id };
            plan.stops.extend(allocs.into_iter().map(stop));
        }
        let leaving = std::mem::take(&mut wishes.leaving);
        // Nothing follows for those: this very evaluation tells the state that they are not stopped.
        plan.stops.extend(leaving.iter().filter(|(_, until)| until.is_none()).map(|(alloc, _)| unknown(alloc.id, self.eval.id)));
        for (time, allocs) in together(leaving.into_iter().filter_map(|(alloc, until)| Some((alloc, until?))).collect()) {
            let id = self.evaluate_at(time, EvalTrigger::MaxDisconnectTimeout, ABSENCE_DESCRIPTION, plan);
            wishes.notes.push(format!("allocations whose node is not heard of are given up at {}", Time(time)));
            plan.stops.extend(allocs.into_iter().map(|alloc| unknown(alloc, id)));
        }
    }

    fn evaluate_at(&mut self, time: i64, trigger: EvalTrigger, description: &str, plan: &mut Plan) -> EvalId {
        let id = EvalId(self.dice.uuid());
        plan.evals.push(Evaluation {
            id,
            triggered_by: trigger,
            status: EvalStatus::Pending,
            status_description: description.to_owned(),
            wait_until: Time(time),
            ..self.next_eval()
        });
        id
    }

    /// An evaluation of the same job that follows this one.
    fn next_eval(&self) -> Evaluation {
        Evaluation {
            namespace: self.eval.namespace.clone(),
            priority: self.eval.priority,
            kind: self.eval.kind,
            job_id: self.eval.job_id.clone(),
            job_modify_index: self.eval.job_modify_index,
            previous_eval: self.eval.id,
            ..Evaluation::default()
        }
    }

    /// The job's one evaluation that waits for room: this one if it already did, else the one there is, else a new one.
    fn block(&mut self, job: Option<&Arc<Job>>) -> Evaluation {
        let waits_already = is_waiting_kind(self.eval);
        let known = if waits_already { Some(self.eval.clone()) } else { self.blocked_evals().first().map(|eval| (*eval).clone()) };
        let id = known.as_ref().map_or_else(|| EvalId(self.dice.uuid()), |known| known.id);
        let mut blocked = Evaluation {
            id,
            triggered_by: EvalTrigger::QueuedAllocs,
            status: EvalStatus::Blocked,
            status_description: BLOCKED_DESCRIPTION.to_owned(),
            snapshot_index: self.view.index(),
            ..known.unwrap_or_else(|| self.next_eval())
        };
        blocked.wait_until = Time::NEVER;
        blocked.blocked_eval = EvalId::NIL;
        blocked.queued_allocations.clear();
        if !waits_already {
            blocked.previous_eval = self.eval.id;
        }
        if let Some(job) = job {
            blocked.priority = job.priority;
            blocked.job_modify_index = job.job_modify_index;
        }
        blocked
    }

    /// Other evaluations of the job that wait for room.
    fn blocked_evals(&self) -> Vec<&Evaluation> {
        let evals = self.view.job_evals(&self.key).map(Arc::as_ref);
        evals.filter(|eval| eval.status == EvalStatus::Blocked && eval.id != self.eval.id).collect()
    }

    /// Evaluations for the end of absences that are over: nothing is unknown any more that waits for them.
    fn obsolete_absences(&self, plan: &Plan) -> Vec<Evaluation> {
        let is_given_up = |id: AllocId| plan.stops.iter().any(|stop| stop.id == id && stop.client_status == Some(ClientStatus::Lost));
        let is_about_absence =
            |eval: &Evaluation| eval.triggered_by == EvalTrigger::MaxDisconnectTimeout && eval.status == EvalStatus::Pending;
        let open = self.view.job_evals(&self.key).filter(|eval| eval.id != self.eval.id && is_about_absence(eval));
        let is_awaited = |eval: &Evaluation| {
            let mut unknown = self.view.job_allocs(&self.key).filter(|alloc| alloc.client_status == ClientStatus::Unknown);
            unknown.any(|alloc| alloc.followup_eval_id == eval.id && !is_given_up(alloc.id))
        };
        open.filter(|eval| !is_awaited(eval)).map(|eval| canceled(eval)).collect()
    }

    /// Waiting evaluations of the job for which there is no need any more.
    fn obsolete_blocked(&self, keep: EvalId) -> Vec<Evaluation> {
        self.blocked_evals().into_iter().filter(|eval| eval.id != keep).map(canceled).collect()
    }
}

fn canceled(eval: &Evaluation) -> Evaluation {
    Evaluation { status: EvalStatus::Canceled, status_description: OBSOLETE_DESCRIPTION.to_owned(), ..eval.clone() }
}

/// Its node is not heard of; the evaluation is the one that looks at it again.
fn unknown(alloc: AllocId, followup_eval_id: EvalId) -> AllocStop {
    AllocStop { id: alloc, description: UNKNOWN.to_owned(), client_status: Some(ClientStatus::Unknown), followup_eval_id }
}

/// Those that are due within a short time share the time of the first.
fn together(mut due: Vec<(&Arc<Allocation>, i64)>) -> Vec<(i64, Vec<AllocId>)> {
    due.sort_by_key(|(alloc, at)| (*at, alloc.id));
    let mut lots: Vec<(i64, Vec<AllocId>)> = Vec::new();
    for (alloc, at) in due {
        match lots.last_mut().filter(|(begin, _)| at.saturating_sub(*begin) <= FOLLOW_UP_WINDOW) {
            Some((_, allocs)) => allocs.push(alloc.id),
            None => lots.push((at, vec![alloc.id])),
        }
    }
    lots
}

/// Made to wait for room, and running again because there may be some.
fn is_waiting_kind(eval: &Evaluation) -> bool {
    eval.status == EvalStatus::Blocked || matches!(eval.triggered_by, EvalTrigger::QueuedAllocs | EvalTrigger::MaxPlanAttempts)
}
