//! A small region: a world, and the scheduler that serves it.

use model::{AllocId, AllocMetric, ClientStatus, Deployment, DeploymentStatus, DesiredUpdates, EvalStatus, EvalTrigger, Evaluation, Job};
use scheduler::{Decision, schedule};
use state::{Command, DeploymentChange, DeploymentUpdate};
use std::sync::Arc;
use testkit::World;

pub struct Region {
    pub world: World,
    pub seed: u64,
}

impl Region {
    pub fn new(nodes: &[&str]) -> Self {
        Self { world: World::with_nodes(nodes), seed: 1 }
    }

    /// Schedules the evaluation and applies the plan.
    #[track_caller]
    pub fn run(&mut self, eval: &Evaluation) -> Decision {
        let decision = schedule(&self.world.store, eval, self.world.now, self.seed);
        self.world.apply(&Command::ApplyPlan(Box::new(decision.plan.clone())));
        decision
    }

    #[track_caller]
    pub fn register(&mut self, job: Job) -> Decision {
        let eval = self.world.register(job);
        self.run(&eval)
    }

    #[track_caller]
    pub fn stop(&mut self, job: &str) -> Decision {
        let eval = self.world.stop(job);
        self.run(&eval)
    }

    /// A new evaluation of the job, for whatever reason.
    #[track_caller]
    pub fn evaluate(&mut self, job: &str) -> Decision {
        let eval = self.world.new_eval(job, EvalTrigger::NodeUpdate);
        self.run(&eval)
    }

    /// Scheduling again must change nothing.
    #[track_caller]
    pub fn assert_settled(&mut self, job: &str) {
        let eval = self.world.new_eval(job, EvalTrigger::NodeUpdate);
        let decision = schedule(&self.world.store, &eval, self.world.now, self.seed);
        assert!(decision.plan.is_noop(), "not settled: {:#?}", decision.plan);
        self.world.apply(&Command::ApplyPlan(Box::new(decision.plan)));
    }

    /// Names of the live allocations with the job version they run, in order.
    pub fn live(&self, job: &str) -> Vec<(String, u64)> {
        self.world.live(job).iter().map(|alloc| (alloc.name.to_string(), version(alloc))).collect()
    }

    /// Indexes of the live allocations of each version.
    pub fn indexes(&self, job: &str, of_version: u64) -> Vec<u64> {
        self.world.live(job).iter().filter(|alloc| version(alloc) == of_version).filter_map(|alloc| alloc.index()).collect()
    }

    pub fn live_ids(&self, job: &str) -> Vec<AllocId> {
        self.world.live(job).iter().map(|alloc| alloc.id).collect()
    }

    /// Whatever has not started yet starts, and is healthy.
    pub fn start_all(&mut self, job: &str) {
        let ids: Vec<AllocId> = self
            .world
            .live(job)
            .iter()
            .filter(|alloc| alloc.client_status == ClientStatus::Pending || !alloc.deployment_id.is_nil() && !alloc.is_healthy())
            .map(|alloc| alloc.id)
            .collect();
        self.world.report_health(&ids, true);
    }

    #[track_caller]
    pub fn deployment(&self, job: &str) -> Arc<Deployment> {
        self.world.latest_deployment(job).expect("the job has a deployment")
    }

    #[track_caller]
    pub fn set_deployment(&mut self, job: &str, status: DeploymentStatus) {
        let deployment = self.deployment(job);
        let update = DeploymentUpdate { id: deployment.id, status, description: format!("Deployment is {status}") };
        let change = DeploymentChange { update, from: deployment.status, revert_to: None, eval: None, time: self.world.now };
        self.world.apply(&Command::SetDeploymentStatus(Box::new(change)));
    }

    /// What the deployment watcher does when all is well.
    pub fn finish_deployment(&mut self, job: &str) {
        let deployment = self.deployment(job);
        assert!(deployment.is_complete(), "not complete: {deployment:#?}");
        self.set_deployment(job, DeploymentStatus::Successful);
    }

    /// Registers the job and brings it to a successful end of its deployment.
    #[track_caller]
    pub fn roll_out(&mut self, job: Job) {
        let id = job.id.to_string();
        self.register(job);
        for _ in 0..100 {
            self.start_all(&id);
            if self.world.latest_deployment(&id).is_some_and(|deployment| deployment.is_active() && deployment.is_complete()) {
                self.finish_deployment(&id);
            }
            if self.evaluate(&id).plan.is_noop() {
                return;
            }
        }
        panic!("{id} does not settle");
    }

    pub fn blocked(&self, job: &str) -> Vec<Arc<Evaluation>> {
        self.world.store.job_evals(&self.world.key(job)).filter(|eval| eval.status == EvalStatus::Blocked).cloned().collect()
    }

    /// Follow-ups that wait for their time.
    pub fn waiting(&self, job: &str) -> Vec<Arc<Evaluation>> {
        let key = self.world.key(job);
        let evals = self.world.store.job_evals(&key);
        evals.filter(|eval| eval.status == EvalStatus::Pending && !eval.wait_until.is_never()).cloned().collect()
    }
}

pub fn version(alloc: &model::Allocation) -> u64 {
    alloc.job.as_ref().map_or(0, |job| job.version)
}

/// Counts of a group.
#[track_caller]
pub fn updates<'a>(decision: &'a Decision, group: &str) -> &'a DesiredUpdates {
    &decision.desired_updates[group]
}

#[track_caller]
pub fn failure<'a>(decision: &'a Decision, group: &str) -> &'a AllocMetric {
    &decision.failed_tg_allocs[group]
}
