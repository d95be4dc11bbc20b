//! One region's deployments: when they fail, are promoted, succeed, want the scheduler to look, and when all is said.

use deployment::{Step, revert, step};
use model::{
    AllocDeploymentStatus, AllocId, Allocation, ClientStatus, Deployment, DeploymentId, DeploymentState, DeploymentStatus, EvalStatus,
    Evaluation, HealthCheck, IdSource, Phase, ReschedulePolicy,
};
use state::{Command, Outcome, Placement, Plan};
use testkit::{SECOND, START, World};

const MINUTE: i64 = 60 * SECOND;

/// What a story needs: a world, its deployment of `web`, and the allocations in it.
struct Story {
    world: World,
    id: DeploymentId,
    allocs: Vec<AllocId>,
}

impl Story {
    /// `desired` allocations wanted, all of them placed.
    fn new(job: testkit::JobBuilder, state: DeploymentState) -> Self {
        let mut world = World::with_nodes(&["n1"]);
        let eval = world.register(job.build());
        let job = world.job("web");
        let id = DeploymentId(world.new_id());
        let n = state.desired_total.max(state.desired_canaries);
        let is_canary = state.desired_canaries > 0;
        let deployment = Deployment {
            id,
            namespace: job.namespace.clone(),
            job_id: job.id.clone(),
            job_version: job.version,
            job_create_index: job.create_index,
            task_groups: [("app".to_owned(), state)].into(),
            status: DeploymentStatus::Running,
            ..Deployment::default()
        };
        let mut allocs = Vec::new();
        let mut placements = Vec::new();
        for index in 0..n as u64 {
            let alloc = Allocation {
                id: AllocId(world.new_id()),
                namespace: job.namespace.clone(),
                job_id: job.id.clone(),
                name: model::alloc_name("web", "app", index).into(),
                task_group: "app".into(),
                node_id: testkit::node_id("n1"),
                deployment_id: id,
                deployment_status: is_canary.then(|| AllocDeploymentStatus { canary: true, ..Default::default() }),
                ..Allocation::default()
            };
            allocs.push(alloc.id);
            placements.push(Placement { alloc, job_version: job.version });
        }
        let evals = vec![Evaluation { status: EvalStatus::Complete, ..eval }];
        let plan = Plan { placements, deployment: Some(deployment), evals, time: world.now, ..Plan::default() };
        world.apply(&Command::ApplyPlan(Box::new(plan)));
        Self { world, id, allocs }
    }

    fn step(&self) -> Step {
        step(&self.world.store, self.world.now, &mut IdSource::new(7))
    }

    /// Steps, as a leader does, until there is nothing more to propose; answers with what was proposed. What is proposed must take effect, or
    /// it would be proposed for ever.
    #[track_caller]
    fn settle(&mut self) -> Vec<String> {
        let mut proposed = Vec::new();
        for _ in 0..10 {
            let step = self.step();
            if step.propose.is_empty() {
                return proposed;
            }
            for command in step.propose {
                proposed.push(command.to_string());
                let outcome = self.world.try_apply(&command).outcome;
                assert!(!matches!(outcome, Outcome::Refused(_)), "{command}: {outcome:?}");
                self.finish_evals();
            }
        }
        panic!("never content: {proposed:?}");
    }

    /// The scheduler has looked, and had nothing to do.
    fn finish_evals(&mut self) {
        let open: Vec<Evaluation> =
            self.world.store.open_evals().map(|eval| Evaluation { status: EvalStatus::Complete, ..(**eval).clone() }).collect();
        if !open.is_empty() {
            self.world.apply(&Command::UpsertEvals { evals: open, time: self.world.now });
        }
    }

    fn shown(&self) -> (DeploymentStatus, String) {
        let deployment = self.world.store.deployment(self.id).expect("a deployment");
        (deployment.status, deployment.status_description.clone())
    }

    fn fail(&mut self, at: usize) {
        let id = self.allocs[at];
        self.world.report_health(&[id], false);
        self.world.report(&[id], ClientStatus::Failed);
    }
}

fn wants(desired_total: i64) -> DeploymentState {
    DeploymentState { desired_total, progress_deadline: 10 * MINUTE, ..DeploymentState::default() }
}

/// A deployment is through when all it wants is healthy, and its version is stable then.
#[test]
fn success() {
    let mut story = Story::new(testkit::job("web").count(2), wants(2));
    assert_eq!(story.settle(), [""; 0]);
    story.world.report_health(&story.allocs[..1], true);
    assert_eq!(story.settle(), ["upsert evaluations"], "one is healthy: the next may go");
    assert_eq!(story.settle(), [""; 0], "and nothing more until something happens");
    story.world.report_health(&story.allocs[1..], true);
    assert_eq!(story.settle(), ["set deployment status"]);
    assert_eq!(story.shown(), (DeploymentStatus::Successful, "Deployment completed successfully".to_owned()));
    assert!(story.world.job("web").stable);
}

/// The scheduler is not asked while it is about to look anyway; an evaluation that waits for later does not count as that.
#[test]
fn no_needless_evaluations() {
    for (status, wait_until, want) in [
        (EvalStatus::Pending, 0, 0),
        (EvalStatus::Pending, START + 1000 * SECOND, 1),
        (EvalStatus::Blocked, 0, 1),
        (EvalStatus::Complete, 0, 1),
    ] {
        let mut story = Story::new(testkit::job("web").count(2), wants(2));
        let eval = story.world.new_eval("web", model::EvalTrigger::NodeUpdate);
        let eval = Evaluation { status, wait_until: model::Time(wait_until), ..eval };
        story.world.apply(&Command::UpsertEvals { evals: vec![eval], time: 0 });
        story.world.report_health(&story.allocs[..1], true);
        assert_eq!(story.step().propose.len(), want, "{status} {wait_until}");
    }
}

/// When an unhealthy allocation ends its deployment: with no attempts left, or with no time for progress; not when it is tried again.
#[test]
fn unhealthy() {
    let attempts = |attempts| ReschedulePolicy { attempts, interval: 60 * MINUTE, ..ReschedulePolicy::default() };
    let unlimited = ReschedulePolicy { unlimited: true, ..ReschedulePolicy::default() };
    for (what, policy, progress_deadline, fails) in [
        ("no attempts", attempts(0), 10 * MINUTE, true),
        ("one attempt left", attempts(1), 10 * MINUTE, false),
        ("as many as it takes", unlimited.clone(), 10 * MINUTE, false),
        ("no time for progress", unlimited, 0, true),
    ] {
        let job = testkit::job("web").count(2).reschedule(policy);
        let mut story = Story::new(job, DeploymentState { progress_deadline, ..wants(2) });
        story.fail(0);
        story.settle();
        let failed = (DeploymentStatus::Failed, "Failed due to unhealthy allocations".to_owned());
        assert_eq!(story.shown() == failed, fails, "{what}: {:?}", story.shown());
    }
}

/// A person's "unhealthy" ends the deployment at once, although nothing failed and could be tried again; a "healthy" does not.
#[test]
fn unhealthy_by_person() {
    for (health_check, healthy, fails) in
        [(HealthCheck::Manual, false, true), (HealthCheck::Manual, true, false), (HealthCheck::Checks, false, false)]
    {
        let unlimited = ReschedulePolicy { unlimited: true, ..ReschedulePolicy::default() };
        let job = testkit::job("web").count(2).reschedule(unlimited).edit_update(|update| update.health_check = health_check);
        let mut story = Story::new(job, wants(2));
        story.world.report(&story.allocs, ClientStatus::Running);
        let (good, bad) = story.allocs[..1].iter().copied().partition(|_| healthy);
        story.world.apply(&Command::SetAllocHealth { id: story.id, healthy: good, unhealthy: bad, eval: None, time: story.world.now });
        story.settle();
        assert_eq!(story.shown().0 == DeploymentStatus::Failed, fails, "{health_check} {healthy}: {:?}", story.shown());
    }
}

/// The clock of progress: it is told when to look again, starts anew with every healthy allocation, and ends the deployment.
#[test]
fn progress_deadline() {
    let mut story = Story::new(testkit::job("web").count(2), wants(2));
    let placed = story.world.now;
    assert_eq!(story.step().wake_at, Some(placed + 10 * MINUTE));
    story.world.wait(9 * 60);
    story.world.report_health(&story.allocs[..1], true);
    story.settle();
    assert_eq!(story.step().wake_at, Some(placed + 19 * MINUTE));
    story.world.wait(10 * 60 - 1);
    assert_eq!(story.settle(), [""; 0]);
    story.world.wait(1);
    assert_eq!(story.settle(), ["set deployment status"]);
    assert_eq!(story.shown(), (DeploymentStatus::Failed, "Failed due to progress deadline".to_owned()));
    assert_eq!(story.step().wake_at, None);
}

/// Canaries: promoted by themselves when all are healthy; a person is waited for without a clock.
#[test]
fn promotion() {
    for (auto_promote, promoted) in [(true, true), (false, false)] {
        let state = DeploymentState { desired_canaries: 1, auto_promote, ..wants(1) };
        let mut story = Story::new(testkit::job("web").canary(1), state);
        assert!(story.step().wake_at.is_some(), "the canary has to become healthy in time");
        story.world.report_health(&story.allocs, true);
        let proposed = story.settle();
        let state = story.world.store.deployment(story.id).expect("a deployment").task_groups["app"].clone();
        assert_eq!((state.promoted, proposed.contains(&"promote deployment".to_owned())), (promoted, promoted));
        if !promoted {
            assert_eq!(story.step().wake_at, None, "people may take their time");
            story.world.wait(1_000_000);
            assert_eq!(story.settle(), [""; 0]);
        }
    }
}

/// Where a failed deployment returns to, and what it says about it.
#[test]
fn auto_revert() {
    let failed = |stable: bool, change: fn(testkit::JobBuilder) -> testkit::JobBuilder, auto_revert: bool| {
        let mut story = Story::new(testkit::job("web"), wants(1));
        if stable {
            story.world.report_health(&story.allocs, true);
            story.settle();
        }
        let job = change(testkit::job("web").no_reschedule());
        let second = Story::over(story.world, job, DeploymentState { auto_revert, ..wants(1) });
        let mut story = second;
        story.fail(0);
        story.settle();
        let job = story.world.job("web");
        (story.shown().1, job.version, job.task_groups[0].tasks[0].env.get("V").cloned())
    };
    let other = |job: testkit::JobBuilder| job.env("V", "2");
    let base = "Failed due to unhealthy allocations";
    assert_eq!(failed(true, other, true), (format!("{base} - rolling back to job version 0"), 2, None));
    assert_eq!(failed(true, other, false), (base.to_owned(), 1, Some("2".to_owned())));
    assert_eq!(failed(false, other, true).0, format!("{base} - no stable job version to auto revert to"));
}

impl Story {
    /// The next version of the job in the same world.
    fn over(world: World, job: testkit::JobBuilder, state: DeploymentState) -> Self {
        let fresh = Story::new(job.clone(), state);
        let mut world = world;
        let eval = world.register(job.build());
        let registered = world.job("web");
        let template = fresh.world.store.deployment(fresh.id).expect("a deployment");
        let deployment = Deployment {
            id: DeploymentId(world.new_id()),
            job_version: registered.version,
            job_create_index: registered.create_index,
            task_groups: template
                .task_groups
                .iter()
                .map(|(name, state)| (name.clone(), DeploymentState { placed_allocs: 0, ..state.clone() }))
                .collect(),
            create_index: 0,
            ..(**template).clone()
        };
        let id = deployment.id;
        let alloc = Allocation {
            id: AllocId(world.new_id()),
            namespace: registered.namespace.clone(),
            job_id: registered.id.clone(),
            name: model::alloc_name("web", "app", 0).into(),
            task_group: "app".into(),
            node_id: testkit::node_id("n1"),
            deployment_id: id,
            ..Allocation::default()
        };
        let allocs = vec![alloc.id];
        let placements = vec![Placement { alloc, job_version: registered.version }];
        let evals = vec![Evaluation { status: EvalStatus::Complete, ..eval }];
        let plan = Plan { placements, deployment: Some(deployment), evals, time: world.now, ..Plan::default() };
        world.apply(&Command::ApplyPlan(Box::new(plan)));
        Self { world, id, allocs }
    }
}

/// A version that equals the stable one is nothing to return to: that would go on for ever.
#[test]
fn no_return_to_the_same() {
    let mut story = Story::new(testkit::job("web"), wants(1));
    story.world.report_health(&story.allocs, true);
    story.settle();
    let mut story = Story::over(story.world, testkit::job("web").env("V", "2"), wants(1));
    story.settle();
    let mut story = Story::over(story.world, testkit::job("web"), wants(1));
    let deployment = story.world.store.deployment(story.id).cloned().expect("a deployment");
    let revert = revert(&story.world.store, &deployment, true);
    assert_eq!(revert.version, None);
    assert!(revert.suffix.contains("not rolling back to stable job version 0"), "{}", revert.suffix);
    story.settle();
}

/// Deployments of jobs that were stopped, purged, changed or made anew are cancelled, also when they wait or are paused.
#[test]
fn overtaken() {
    let stopped = "Cancelled because job is stopped";
    let newer = "Cancelled due to newer version of job";
    let purge = |world: &mut World| {
        world.apply(&Command::DeregisterJob { key: world.key("web"), purge: true, eval: None, time: world.now });
    };
    type Case<'a> = (&'a str, &'a dyn Fn(&mut World));
    let cases: [Case<'_>; 4] = [
        (stopped, &|world| _ = world.stop("web")),
        (stopped, &purge),
        (newer, &|world| _ = world.register(testkit::job("web").count(9).build())),
        // The same specification under the same number, and still another job.
        (newer, &|world| {
            purge(world);
            world.register(testkit::job("web").build());
        }),
    ];
    for (description, act) in cases {
        for is_paused in [false, true] {
            let mut story = Story::new(testkit::job("web"), wants(1));
            if is_paused {
                let update = state::DeploymentUpdate { id: story.id, status: DeploymentStatus::Paused, description: String::new() };
                let change = state::DeploymentChange { update, from: DeploymentStatus::Running, revert_to: None, eval: None, time: 0 };
                story.world.apply(&Command::SetDeploymentStatus(Box::new(change)));
            }
            act(&mut story.world);
            assert_eq!(story.settle(), ["set deployment status"]);
            assert_eq!(story.shown(), (DeploymentStatus::Cancelled, description.to_owned()));
        }
    }
}

/// While a deployment is paused nothing is decided about it.
#[test]
fn paused() {
    let mut story = Story::new(testkit::job("web").no_reschedule(), wants(1));
    let update = state::DeploymentUpdate { id: story.id, status: DeploymentStatus::Paused, description: String::new() };
    let change = state::DeploymentChange { update, from: DeploymentStatus::Running, revert_to: None, eval: None, time: 0 };
    story.world.apply(&Command::SetDeploymentStatus(Box::new(change)));
    story.fail(0);
    story.world.wait(1_000_000);
    assert_eq!((story.settle(), story.step().wake_at), (Vec::new(), None));
}

/// A deployment that is part of a rollout across regions does not succeed by itself; complete and waiting for others, it still fails when its
/// allocations turn out unhealthy, until it has promised not to.
#[test]
fn part_of_a_rollout() {
    for (phase, fails) in [(Phase::Running, true), (Phase::Blocked, true), (Phase::Unblocking, false), (Phase::Held, false)] {
        let mut world = World::with_nodes(&["n1"]);
        let header = model::RolloutHeader {
            id: model::RolloutId { lamport: 1, origin: "west".into(), uuid: model::Uuid::from_u128(1) },
            namespace: "default".into(),
            job_id: "web".into(),
            base: None,
            kind: model::RolloutKind::Run,
            job_version: 0,
            spec_hash: String::new(),
            regions: vec!["west".into()],
            dropped: Vec::new(),
            deferred: Vec::new(),
            strategy: Default::default(),
            author: String::new(),
            submit_time: 0,
        };
        let job = testkit::job("web").no_reschedule().arc();
        world.apply(&Command::StageRollout { header: header.clone().into(), source: Some(job.clone()), submission: None, time: 0 });
        let id = DeploymentId(world.new_id());
        let deployment = Deployment {
            id,
            namespace: "default".into(),
            job_id: "web".into(),
            is_multiregion: true,
            status: DeploymentStatus::Pending,
            task_groups: [("app".to_owned(), wants(1))].into(),
            ..Deployment::default()
        };
        let adoption = state::Adoption { id: header.id.clone(), job: Some(job), deployment: Some(deployment), eval: None, time: 0 };
        world.apply(&Command::AdoptRollout(Box::new(adoption)));
        let walk = |world: &mut World, to: Phase| {
            let from = world.store.rollout(&header.id).expect("a rollout").phase;
            let change = state::PhaseChange {
                id: header.id.clone(),
                from,
                to,
                cause: String::new(),
                cause_region: Default::default(),
                forced: false,
                revert_to: None,
                stop_job: false,
                eval: None,
                time: world.now,
            };
            world.apply(&Command::SetRolloutPhase(Box::new(change)));
        };
        walk(&mut world, Phase::Running);
        let alloc = Allocation {
            id: AllocId(world.new_id()),
            namespace: "default".into(),
            job_id: "web".into(),
            name: "web.app[0]".into(),
            task_group: "app".into(),
            node_id: testkit::node_id("n1"),
            deployment_id: id,
            ..Allocation::default()
        };
        let allocs = vec![alloc.id];
        let plan = Plan { placements: vec![Placement { alloc, job_version: 0 }], time: world.now, ..Plan::default() };
        world.apply(&Command::ApplyPlan(Box::new(plan)));
        world.report_health(&allocs, true);
        let mut story = Story { world, id, allocs };
        assert_eq!(story.settle(), [""; 0], "complete, and left to the others");
        if phase != Phase::Running {
            walk(&mut story.world, Phase::Blocked);
        }
        if !matches!(phase, Phase::Running | Phase::Blocked) {
            walk(&mut story.world, phase);
        }
        story.world.wait(1_000_000);
        assert_eq!(story.settle(), [""; 0], "{phase}: no clock runs any more");
        story.fail(0);
        story.settle();
        let now = story.world.store.rollout(&header.id).expect("a rollout").phase;
        assert_eq!(now, if fails { Phase::Failed } else { phase });
    }
}
