//! A region's state with an index and a clock.

use std::sync::Arc;

use model::{
    AllocDeploymentStatus, AllocId, AllocUpdate, Allocation, ClientStatus, Deployment, DesiredTransition, EvalId, EvalTrigger, Evaluation,
    Job, JobId, JobKey, Node, NodeId, NodeStatus, TaskPhase, TaskState, Text, Time, Uuid,
};
use state::{Applied, Command, Outcome, RegisterJob, Store};

/// Nanoseconds.
pub const SECOND: i64 = 1_000_000_000;
/// When worlds begin, in unix nanoseconds.
pub const START: i64 = 1_800_000_000 * SECOND;

/// Changes go through commands, as in a real region; a refused command fails the test.
#[derive(Clone)]
pub struct World {
    pub store: Store,
    /// Unix nanoseconds.
    pub now: i64,
    next_id: u64,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// The bootstrapped region `west`, without nodes and jobs.
    pub fn new() -> Self {
        let mut world = Self { store: Store::default(), now: START, next_id: 0 };
        world.apply(&Command::Bootstrap { region: "west".into(), cluster: Uuid::new_v5(&Uuid::NAMESPACE_OID, b"west") });
        world
    }

    /// With nodes of these names.
    pub fn with_nodes(names: &[&str]) -> Self {
        let mut world = Self::new();
        for name in names {
            world.add_node(crate::node(name).build());
        }
        world
    }

    /// An id that this world has not given before.
    pub fn new_id(&mut self) -> Uuid {
        self.next_id += 1;
        Uuid::from_u64_pair(0x0000_0000_0000_4000, 0x8000_0000_0000_0000 | self.next_id)
    }

    pub fn wait(&mut self, seconds: i64) {
        self.now += seconds * SECOND;
    }

    /// Panics when the command is refused.
    #[track_caller]
    pub fn apply(&mut self, command: &Command) -> Applied {
        let applied = self.try_apply(command);
        if let Outcome::Refused(reason) = &applied.outcome {
            panic!("{command} was refused: {reason}");
        }
        applied
    }

    pub fn try_apply(&mut self, command: &Command) -> Applied {
        let index = self.store.index() + 1;
        self.store.apply(index, command)
    }

    // ---- nodes

    pub fn add_node(&mut self, node: Node) -> NodeId {
        let id = node.id;
        self.apply(&Command::RegisterNode { node: Arc::new(node), event: None, evals: Vec::new(), time: self.now });
        id
    }

    pub fn set_node_status(&mut self, name: &str, status: NodeStatus) {
        let id = crate::node_id(name);
        self.apply(&Command::SetNodeStatus { id, status, event: None, evals: Vec::new(), time: self.now });
    }

    // ---- jobs

    /// Registers the job and returns the evaluation that goes with it.
    #[track_caller]
    pub fn register(&mut self, job: impl Into<Arc<Job>>) -> Evaluation {
        let job = job.into();
        let eval = self.eval_of(&job, EvalTrigger::JobRegister);
        let id = eval.id;
        let time = self.now;
        self.apply(&Command::RegisterJob(Box::new(RegisterJob { job, submission: None, enforce_index: None, eval: Some(eval), time })));
        self.eval(id)
    }

    /// Stops the job and returns the evaluation that goes with it.
    #[track_caller]
    pub fn stop(&mut self, id: &str) -> Evaluation {
        let job = self.job(id);
        let eval = self.eval_of(&job, EvalTrigger::JobDeregister);
        let eval_id = eval.id;
        self.apply(&Command::DeregisterJob { key: job.key(), purge: false, eval: Some(Box::new(eval)), time: self.now });
        self.eval(eval_id)
    }

    /// A new pending evaluation of a job that exists.
    #[track_caller]
    pub fn new_eval(&mut self, id: &str, trigger: EvalTrigger) -> Evaluation {
        let job = self.job(id);
        let eval = self.eval_of(&job, trigger);
        let eval_id = eval.id;
        self.apply(&Command::UpsertEvals { evals: vec![eval], time: self.now });
        self.eval(eval_id)
    }

    fn eval_of(&mut self, job: &Job, trigger: EvalTrigger) -> Evaluation {
        Evaluation {
            id: EvalId(self.new_id()),
            namespace: job.namespace.clone(),
            priority: job.priority,
            kind: job.kind,
            triggered_by: trigger,
            job_id: job.id.clone(),
            job_modify_index: job.job_modify_index,
            ..Evaluation::default()
        }
    }

    /// Panics when there is none.
    #[track_caller]
    pub fn eval(&self, id: EvalId) -> Evaluation {
        match self.store.eval(id) {
            Some(eval) => (**eval).clone(),
            None => panic!("there is no evaluation {id}"),
        }
    }

    pub fn key(&self, id: &str) -> JobKey {
        JobKey::new(model::DEFAULT_NAMESPACE, JobId::from(id))
    }

    /// The present version; panics when there is none.
    #[track_caller]
    pub fn job(&self, id: &str) -> Arc<Job> {
        match self.store.job(&self.key(id)) {
            Some(job) => Arc::clone(job),
            None => panic!("there is no job {id}"),
        }
    }

    /// All allocations of the job, by name and age.
    pub fn allocs(&self, id: &str) -> Vec<Arc<Allocation>> {
        let mut allocs: Vec<Arc<Allocation>> = self.store.job_allocs(&self.key(id)).cloned().collect();
        allocs.sort_by(|a, b| (&a.task_group, a.index(), a.create_index, a.id).cmp(&(&b.task_group, b.index(), b.create_index, b.id)));
        allocs
    }

    /// Those that run or shall run.
    pub fn live(&self, id: &str) -> Vec<Arc<Allocation>> {
        self.allocs(id).into_iter().filter(|alloc| !alloc.is_terminal()).collect()
    }

    pub fn latest_deployment(&self, id: &str) -> Option<Arc<Deployment>> {
        self.store.latest_deployment(&self.key(id)).cloned()
    }

    // ---- what nodes report

    /// The node says of the allocations that their tasks are so.
    pub fn report(&mut self, ids: &[AllocId], status: ClientStatus) {
        self.report_with(ids, status, None);
    }

    /// Running, with a verdict about their health.
    pub fn report_health(&mut self, ids: &[AllocId], healthy: bool) {
        self.report_with(ids, ClientStatus::Running, Some(healthy));
    }

    fn report_with(&mut self, ids: &[AllocId], status: ClientStatus, healthy: Option<bool>) {
        let now = Time(self.now);
        let is_over = status.is_terminal();
        let task = TaskState {
            state: if is_over {
                TaskPhase::Dead
            } else if status == ClientStatus::Pending {
                TaskPhase::Pending
            } else {
                TaskPhase::Running
            },
            failed: status == ClientStatus::Failed,
            started_at: now,
            finished_at: if is_over { now } else { Time::NEVER },
            ..TaskState::default()
        };
        let update = |id: &AllocId| AllocUpdate {
            id: *id,
            client_status: status,
            client_description: Text::default(),
            task_states: [("server".to_owned(), task.clone())].into_iter().collect(),
            deployment_id: self.store.alloc(*id).map(|alloc| alloc.deployment_id).unwrap_or_default(),
            deployment_status: healthy.map(|healthy| AllocDeploymentStatus {
                healthy: Some(healthy),
                timestamp: now,
                ..AllocDeploymentStatus::default()
            }),
            network_status: None,
        };
        let updates = ids.iter().map(update).collect();
        self.apply(&Command::UpdateAllocs { updates, evals: Vec::new(), time: self.now });
    }

    /// What an operator or reconciler wants of allocations.
    pub fn transition(&mut self, ids: &[AllocId], transition: &DesiredTransition) {
        let transitions = ids.iter().map(|id| (*id, transition.clone())).collect();
        self.apply(&Command::SetTransitions { transitions, evals: Vec::new(), time: self.now });
    }
}
