//! Short words for stories.

use std::sync::Arc;

use model::{
    AllocDeploymentStatus, AllocId, Allocation, Deployment, DeploymentId, DeploymentState, DeploymentStatus, DesiredStatus, EvalId, Job,
    Phase, RegionName, Rollout, RolloutHeader, RolloutId, RolloutKind, Uuid,
};
use state::{Adoption, AllocStop, Command, DeploymentChange, DeploymentUpdate, Outcome, PhaseChange, Placement, Plan};
use testkit::{SECOND, World};

pub const MINUTE: i64 = 60 * SECOND;

/// A world with one node and the job `web`, 2 of group `app`, which was looked at.
pub fn world() -> World {
    let mut world = World::with_nodes(&["n1"]);
    register(&mut world, testkit::job("web").count(2).build());
    world
}

/// Registers a job; its evaluation is done at once.
pub fn register(world: &mut World, job: Job) {
    let eval = world.register(job);
    finish(world, eval.id);
}

pub fn finish(world: &mut World, id: EvalId) {
    let eval = model::Evaluation { status: model::EvalStatus::Complete, ..world.eval(id) };
    world.apply(&Command::UpsertEvals { evals: vec![eval], time: world.now });
}

/// An allocation of `web.app` to be placed on n1.
pub fn alloc(world: &mut World, index: u64) -> Allocation {
    Allocation {
        id: AllocId(world.new_id()),
        namespace: model::DEFAULT_NAMESPACE.into(),
        job_id: "web".into(),
        name: model::alloc_name("web", "app", index).into(),
        task_group: "app".into(),
        node_id: testkit::node_id("n1"),
        node_name: "n1".into(),
        ..Allocation::default()
    }
}

pub fn plan(world: &World) -> Plan {
    Plan { time: world.now, ..Plan::default() }
}

/// Places the allocations with the present version of their job.
#[track_caller]
pub fn place(world: &mut World, allocs: &[Allocation]) -> Vec<AllocId> {
    let placements = allocs.iter().map(|alloc| Placement { job_version: world.job(&alloc.job_id).version, alloc: alloc.clone() }).collect();
    let plan = Plan { placements, ..plan(world) };
    world.apply(&Command::ApplyPlan(Box::new(plan)));
    allocs.iter().map(|alloc| alloc.id).collect()
}

#[track_caller]
pub fn stop(world: &mut World, id: AllocId) {
    let stop = AllocStop { id, description: "not needed".to_owned(), client_status: None, followup_eval_id: EvalId::NIL };
    let plan = Plan { stops: vec![stop], ..plan(world) };
    world.apply(&Command::ApplyPlan(Box::new(plan)));
}

/// A running deployment of the present version of `web`, which wants `n` of group `app`.
pub fn deployment(world: &mut World, n: i64) -> Deployment {
    let job = world.job("web");
    let group = DeploymentState { desired_total: n, progress_deadline: 10 * MINUTE, ..DeploymentState::default() };
    Deployment {
        id: DeploymentId(world.new_id()),
        namespace: job.namespace.clone(),
        job_id: job.id.clone(),
        job_version: job.version,
        job_create_index: job.create_index,
        task_groups: [("app".to_owned(), group)].into(),
        status: DeploymentStatus::Running,
        status_description: "Deployment is running".to_owned(),
        ..Deployment::default()
    }
}

#[track_caller]
pub fn put_deployment(world: &mut World, deployment: Deployment) -> DeploymentId {
    let id = deployment.id;
    let plan = Plan { deployment: Some(deployment), ..plan(world) };
    world.apply(&Command::ApplyPlan(Box::new(plan)));
    id
}

pub fn set_status(world: &mut World, id: DeploymentId, status: DeploymentStatus, description: &str) -> Outcome {
    let from = world.store.deployment(id).map(|deployment| deployment.status).unwrap_or_default();
    let change = DeploymentChange {
        update: DeploymentUpdate { id, status, description: description.to_owned() },
        from,
        revert_to: None,
        eval: None,
        time: world.now,
    };
    world.try_apply(&Command::SetDeploymentStatus(Box::new(change))).outcome
}

/// Group `app` of a deployment.
#[track_caller]
pub fn app(world: &World, id: DeploymentId) -> DeploymentState {
    world.store.deployment(id).expect("a deployment").task_groups["app"].clone()
}

pub fn canary() -> Option<AllocDeploymentStatus> {
    Some(AllocDeploymentStatus { canary: true, ..AllocDeploymentStatus::default() })
}

/// `starting running complete failed lost queued` of group `app`.
#[track_caller]
pub fn summary(world: &World) -> [i64; 6] {
    let summary = world.store.job_summary(&world.key("web")).expect("a summary").summary["app"].clone();
    [summary.starting, summary.running, summary.complete, summary.failed, summary.lost, summary.queued]
}

pub fn is_run(alloc: &Allocation) -> bool {
    alloc.desired_status == DesiredStatus::Run
}

// ---- rollouts, seen by region `west`

/// Number `lamport`, proposed by `origin`, over west and east.
pub fn header(lamport: u64, origin: &str, version: u64) -> RolloutHeader {
    RolloutHeader {
        id: RolloutId { lamport, origin: origin.into(), uuid: Uuid::from_u128(u128::from(lamport)) },
        namespace: model::DEFAULT_NAMESPACE.into(),
        job_id: "web".into(),
        base: None,
        kind: RolloutKind::Run,
        job_version: version,
        spec_hash: format!("hash of {version}"),
        regions: vec!["west".into(), "east".into()],
        dropped: Vec::new(),
        deferred: Vec::new(),
        strategy: Default::default(),
        author: String::new(),
        submit_time: 0,
    }
}

pub fn spec(what: &str) -> Arc<Job> {
    testkit::job("web").env("WHAT", what).arc()
}

pub fn try_stage(world: &mut World, header: &RolloutHeader) -> Outcome {
    let source = (header.kind == RolloutKind::Run).then(|| spec(&header.spec_hash));
    let header = Arc::new(header.clone());
    world.try_apply(&Command::StageRollout { header, source, submission: None, time: world.now }).outcome
}

#[track_caller]
pub fn stage(world: &mut World, header: &RolloutHeader) {
    assert_eq!(try_stage(world, header), Outcome::Done);
}

/// With a deployment that waits for its turn, and wants nothing but that.
pub fn try_adopt(world: &mut World, header: &RolloutHeader) -> Outcome {
    let is_run = header.kind == RolloutKind::Run && header.regions.contains(&RegionName::from("west"));
    let group = DeploymentState { progress_deadline: MINUTE, ..DeploymentState::default() };
    let deployment = is_run.then(|| Deployment {
        id: DeploymentId(world.new_id()),
        namespace: header.namespace.clone(),
        job_id: header.job_id.clone(),
        job_version: header.job_version,
        is_multiregion: true,
        status: DeploymentStatus::Pending,
        task_groups: [("app".to_owned(), group)].into(),
        ..Deployment::default()
    });
    let job = is_run.then(|| spec(&header.spec_hash));
    let adoption = Adoption { id: header.id.clone(), job, deployment, eval: None, time: world.now };
    world.try_apply(&Command::AdoptRollout(Box::new(adoption))).outcome
}

#[track_caller]
pub fn adopt(world: &mut World, header: &RolloutHeader) {
    stage(world, header);
    let outcome = try_adopt(world, header);
    assert!(matches!(outcome, Outcome::Registered { .. }), "{outcome:?}");
}

#[track_caller]
pub fn rollout(world: &World, header: &RolloutHeader) -> Rollout {
    (**world.store.rollout(&header.id).expect("a rollout")).clone()
}

/// A step that the region takes by itself.
pub fn change(world: &World, header: &RolloutHeader, to: Phase) -> PhaseChange {
    PhaseChange {
        id: header.id.clone(),
        from: rollout(world, header).phase,
        to,
        cause: String::new(),
        cause_region: RegionName::default(),
        forced: false,
        revert_to: None,
        stop_job: false,
        eval: None,
        time: world.now,
    }
}

pub fn go(world: &mut World, header: &RolloutHeader, to: Phase) -> Outcome {
    let change = change(world, header, to);
    world.try_apply(&Command::SetRolloutPhase(Box::new(change))).outcome
}

#[track_caller]
pub fn walk(world: &mut World, header: &RolloutHeader, phases: &[Phase]) {
    for phase in phases {
        assert_eq!(go(world, header, *phase), Outcome::Done, "to {phase}");
    }
}
