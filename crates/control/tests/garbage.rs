//! What is collected, and what is not although it looks old.

use std::sync::Arc;

use control::{Thresholds, garbage};
use model::{
    AllocId, Allocation, ClientStatus, DeploymentId, DeploymentStatus, EvalId, EvalStatus, EvalTrigger, Evaluation, Job, NodeStatus, Phase,
    RolloutHeader, RolloutId, RolloutKind, Uuid,
};
use state::{Adoption, Command, PhaseChange, Placement, Plan, Reap};
use testkit::{SECOND, World};

const HOUR: i64 = 3600 * SECOND;

fn collect(world: &World) -> Reap {
    garbage(&world.store, world.now, &Thresholds::default()).unwrap_or_default()
}

fn finish(world: &mut World, id: EvalId) {
    let eval = Evaluation { status: EvalStatus::Complete, ..world.eval(id) };
    world.apply(&Command::UpsertEvals { evals: vec![eval], time: world.now });
}

/// A job with one allocation, placed by an evaluation that is done.
fn placed(world: &mut World, job: Job) -> (EvalId, AllocId) {
    let (id, name) = (job.id.clone(), job.id.to_string());
    let eval = world.register(job);
    let alloc = Allocation {
        id: AllocId(world.new_id()),
        namespace: model::DEFAULT_NAMESPACE.into(),
        job_id: id,
        name: model::alloc_name(&name, "app", 0).into(),
        task_group: "app".into(),
        node_id: testkit::node_id("n1"),
        eval_id: eval.id,
        ..Allocation::default()
    };
    let (alloc_id, job_version) = (alloc.id, world.job(&name).version);
    let plan = Plan { placements: vec![Placement { alloc, job_version }], time: world.now, ..Plan::default() };
    world.apply(&Command::ApplyPlan(Box::new(plan)));
    finish(world, eval.id);
    (eval.id, alloc_id)
}

/// A job that was stopped and is over goes after its time, with everything that belongs to it, and not before.
#[test]
fn stopped_jobs() {
    let mut world = World::with_nodes(&["n1"]);
    let (_, alloc) = placed(&mut world, testkit::job("web").build());
    world.report(&[alloc], ClientStatus::Running);
    let stop = world.stop("web");
    finish(&mut world, stop.id);
    world.wait(5 * 3600);
    assert_eq!(collect(&world).jobs, [], "it still runs");
    world.report(&[alloc], ClientStatus::Complete);
    world.wait(3 * 3600);
    assert_eq!(collect(&world).jobs, [], "not old enough");
    world.wait(3600 + 1);
    let reap = collect(&world);
    assert_eq!((reap.jobs.len(), reap.allocs.as_slice(), reap.evals.len()), (1, &[alloc][..], 2));
    world.apply(&Command::Reap(Box::new(reap)));
    assert_eq!(garbage(&world.store, world.now, &Thresholds::NOW), None, "nothing is left to collect");
    assert_eq!(world.store.jobs().count() + world.store.allocs().count() + world.store.evals().count(), 0);
}

/// A service of which nothing runs and nothing is tried any more goes; a system job that waits for a node stays, and so does what waits for
/// room.
#[test]
fn dead_jobs_that_nobody_stopped() {
    for (what, job, goes) in [
        ("a service", testkit::job("web"), true),
        ("a service of none", testkit::job("web").count(0), true),
        ("a system job", testkit::job("web").system(), false),
    ] {
        let mut world = World::with_nodes(&["n1"]);
        let eval = world.register(job.build());
        world.wait(100 * 3600);
        assert_eq!(collect(&world).jobs, [], "{what}: an evaluation is open");
        finish(&mut world, eval.id);
        assert_eq!(collect(&world).jobs, [], "{what}: not long enough");
        world.wait(4 * 3600);
        assert_eq!(!collect(&world).jobs.is_empty(), goes, "{what}");
    }
}

/// Old evaluations go with their allocations; allocations that run, that decide about the next attempt, or that have just ended, stay.
#[test]
fn evaluations_and_allocations() {
    // What becomes of the allocation, how long ago, and whether it and its evaluation go.
    let check = |what: &str, end: &dyn Fn(&mut World, AllocId), wait: i64, goes: bool| {
        let mut world = World::with_nodes(&["n1"]);
        let (eval, alloc) = placed(&mut world, testkit::job("web").build());
        world.wait(10 * 3600);
        end(&mut world, alloc);
        world.wait(wait);
        let reap = collect(&world);
        assert_eq!((reap.allocs.contains(&alloc), reap.evals.contains(&eval)), (goes, goes), "{what}");
    };
    let replaced = |world: &mut World, alloc: AllocId| {
        world.report(&[alloc], ClientStatus::Failed);
        let old = world.store.alloc(alloc).cloned().expect("an allocation");
        let next = Allocation {
            id: AllocId(world.new_id()),
            previous_allocation: alloc,
            client_status: ClientStatus::Pending,
            eval_id: EvalId(world.new_id()),
            ..(*old).clone()
        };
        let plan = Plan { placements: vec![Placement { alloc: next, job_version: 0 }], time: world.now, ..Plan::default() };
        world.apply(&Command::ApplyPlan(Box::new(plan)));
    };
    check("running", &|world, alloc| world.report(&[alloc], ClientStatus::Running), 7200, false);
    check("failed, to be tried again", &|world, alloc| world.report(&[alloc], ClientStatus::Failed), 7200, false);
    check("failed and replaced", &replaced, 7200, true);
    check("just replaced", &replaced, 60, false);
    check("stopped by the region, running on the node", &|world, _| _ = world.stop("web"), 7200, false);
    let ended = |world: &mut World, alloc: AllocId| {
        world.stop("web");
        world.report(&[alloc], ClientStatus::Complete);
    };
    check("over", &ended, 7200, true);
}

/// What an evaluation left that somebody deleted goes as if it were there, also when its job is gone.
#[test]
fn allocations_without_evaluation() {
    let mut world = World::with_nodes(&["n1"]);
    let (eval, alloc) = placed(&mut world, testkit::job("web").build());
    world.apply(&Command::Reap(Box::new(Reap { evals: vec![eval], ..Reap::default() })));
    world.report(&[alloc], ClientStatus::Running);
    world.wait(10 * 3600);
    assert!(!collect(&world).allocs.contains(&alloc), "it runs");
    let stop = world.stop("web");
    finish(&mut world, stop.id);
    world.report(&[alloc], ClientStatus::Complete);
    world.wait(60);
    assert!(!collect(&world).allocs.contains(&alloc), "not old enough");
    world.wait(3600);
    assert_eq!(collect(&world).allocs, [alloc]);
    assert_eq!(garbage(&world.store, world.now, &Thresholds::NOW).expect("garbage").allocs, [alloc]);
}

/// What a batch job has done stays as long as the job: it says that it need not run again.
#[test]
fn batch_results_stay() {
    let mut world = World::with_nodes(&["n1"]);
    let (eval, alloc) = placed(&mut world, testkit::job("report").batch().build());
    // Something else of it still runs.
    let eval_2 = world.new_eval("report", EvalTrigger::JobRegister);
    world.report(&[alloc], ClientStatus::Complete);
    world.wait(48 * 3600);
    let reap = collect(&world);
    assert!(!reap.evals.contains(&eval) && !reap.allocs.contains(&alloc));
    finish(&mut world, eval_2.id);
    world.wait(48 * 3600);
    assert_eq!(collect(&world).jobs.len(), 1, "the job is over");
}

/// Of an older version the results say nothing any more.
#[test]
fn batch_results_of_older_versions_go() {
    let mut world = World::with_nodes(&["n1"]);
    let (eval, alloc) = placed(&mut world, testkit::job("report").batch().build());
    world.report(&[alloc], ClientStatus::Complete);
    let (_, running) = placed(&mut world, testkit::job("report").batch().env("RUN", "2").build());
    world.report(&[running], ClientStatus::Running);
    world.wait(23 * 3600);
    assert_eq!(collect(&world).evals, []);
    world.wait(2 * 3600);
    let reap = collect(&world);
    assert!(reap.evals.contains(&eval) && reap.allocs == [alloc], "{reap:?}");
}

/// Much that may not go yet does not keep what may go from going.
#[test]
fn young_things_do_not_hide_old_ones() {
    let mut world = World::with_nodes(&["n1"]);
    world.register(testkit::job("web").build());
    let evals = |world: &mut World, n: usize| -> Vec<Evaluation> {
        let make = |_| Evaluation {
            id: EvalId(world.new_id()),
            namespace: "default".into(),
            job_id: "web".into(),
            status: EvalStatus::Complete,
            ..Default::default()
        };
        (0..n).map(make).collect()
    };
    let old = evals(&mut world, 3);
    // Ids decide about the order of looking; the young ones come first.
    let old: Vec<Evaluation> =
        old.into_iter().map(|eval| Evaluation { id: EvalId(Uuid::from_u128(u128::MAX - eval.id.0.as_u128() % 1000)), ..eval }).collect();
    world.apply(&Command::UpsertEvals { evals: old.clone(), time: world.now });
    world.wait(7200);
    let young = evals(&mut world, 5_000);
    world.apply(&Command::UpsertEvals { evals: young, time: world.now });
    let reap = collect(&world);
    assert!(old.iter().all(|eval| reap.evals.contains(&eval.id)), "{} of 3", reap.evals.len());
}

/// Nodes go when they are down for long and nothing runs there.
#[test]
fn nodes() {
    let mut world = World::with_nodes(&["n1", "n2"]);
    let (_, alloc) = placed(&mut world, testkit::job("web").build());
    world.set_node_status("n1", NodeStatus::Down);
    world.set_node_status("n2", NodeStatus::Down);
    world.wait(23 * 3600);
    assert_eq!(collect(&world).nodes, []);
    world.wait(2 * 3600);
    assert_eq!(collect(&world).nodes, [testkit::node_id("n2")]);
    world.report(&[alloc], ClientStatus::Lost);
    assert_eq!(collect(&world).nodes.len(), 2);
}

// ---- rollouts

fn header(lamport: u64, origin: &str, base: Option<u64>, regions: &[&str]) -> RolloutHeader {
    let id = |lamport: u64| RolloutId { lamport, origin: "west".into(), uuid: Uuid::from_u128(u128::from(lamport)) };
    RolloutHeader {
        id: RolloutId { origin: origin.into(), ..id(lamport) },
        namespace: model::DEFAULT_NAMESPACE.into(),
        job_id: "web".into(),
        base: base.map(id),
        kind: RolloutKind::Run,
        job_version: lamport,
        spec_hash: String::new(),
        regions: regions.iter().map(|name| (*name).into()).collect(),
        dropped: Vec::new(),
        deferred: Vec::new(),
        strategy: Default::default(),
        author: String::new(),
        submit_time: 0,
    }
}

fn stage(world: &mut World, header: &RolloutHeader) {
    let source = (header.kind == RolloutKind::Run).then(|| spec(header));
    world.apply(&Command::StageRollout { header: Arc::new(header.clone()), source, submission: None, time: world.now });
}

fn spec(header: &RolloutHeader) -> Arc<Job> {
    testkit::job("web").env("V", &header.job_version.to_string()).arc()
}

fn adopt(world: &mut World, header: &RolloutHeader) {
    stage(world, header);
    let deployment = model::Deployment {
        id: DeploymentId(world.new_id()),
        namespace: header.namespace.clone(),
        job_id: header.job_id.clone(),
        job_version: header.job_version,
        status: DeploymentStatus::Pending,
        ..Default::default()
    };
    let is_run = header.kind == RolloutKind::Run;
    let adoption = Adoption {
        id: header.id.clone(),
        job: is_run.then(|| spec(header)),
        deployment: is_run.then_some(deployment),
        eval: None,
        time: world.now,
    };
    world.apply(&Command::AdoptRollout(Box::new(adoption)));
}

fn withdraw(world: &mut World, header: &RolloutHeader) {
    let (id, cause_region) = (header.id.clone(), header.id.origin.clone());
    world.apply(&Command::UnstageRollout { id, phase: Phase::Withdrawn, cause: String::new(), cause_region, time: world.now });
}

/// A job whose rollout is under way stays, with its deployment, however long that takes; when the rollout has ended, it goes if it was
/// stopped.
#[test]
fn jobs_of_rollouts() {
    for is_stopped in [true, false] {
        let mut world = World::new();
        let head = header(1, "west", None, &["west", "east"]);
        adopt(&mut world, &head);
        if is_stopped {
            world.stop("web");
        }
        let open: Vec<EvalId> = world.store.open_evals().map(|eval| eval.id).collect();
        open.into_iter().for_each(|eval| finish(&mut world, eval));
        world.wait(1000 * 3600);
        let reap = collect(&world);
        assert!(reap.jobs.is_empty() && reap.deployments.is_empty() && reap.rollouts.is_empty(), "{reap:?}");
        let change = PhaseChange {
            id: head.id.clone(),
            from: Phase::Adopted,
            to: Phase::Cancelled,
            cause: String::new(),
            cause_region: Default::default(),
            forced: false,
            revert_to: None,
            stop_job: false,
            eval: None,
            time: world.now,
        };
        world.apply(&Command::SetRolloutPhase(Box::new(change)));
        let reap = collect(&world);
        assert_eq!(
            (reap.jobs.len(), reap.rollouts.len()),
            (usize::from(is_stopped), 0),
            "the head is told as long as there is anybody who may ask"
        );
    }
}

/// The head's deployment and rollout stay; those that were replaced go when every region that may have to hear of them has voted for a later
/// one.
#[test]
fn replaced_rollouts() {
    // Lists of regions one after the other; which rollouts go in the end. All of them are adopted here.
    for (lists, goes) in [
        (&[&["west", "east"][..], &["west", "east"]][..], &[1][..]),
        (&[&["west", "east"], &["west", "east"], &["west", "east"]], &[1, 2]),
        // East may not have heard of 1 yet: nobody else will tell it.
        (&[&["west", "east"], &["west"]], &[]),
        (&[&["west", "east"], &["west"], &["west", "east"]], &[1, 2]),
    ] {
        let mut world = World::new();
        for (n, list) in (1..).zip(lists.iter()) {
            adopt(&mut world, &header(n, "west", n.checked_sub(1), list));
        }
        world.wait(71 * 3600);
        assert_eq!(collect(&world).rollouts, [], "{lists:?}: too young");
        world.wait(2 * 3600);
        let numbers: Vec<u64> = collect(&world).rollouts.iter().map(|id| id.lamport).collect();
        assert_eq!(numbers, goes, "{lists:?}");
        let deployments = collect(&world).deployments.len();
        assert_eq!(deployments, lists.len() - 1, "{lists:?}: all but the head's");
    }
}

/// What this region withdrew is told until all who may have voted for it have voted for something later; what others withdrew need not be.
#[test]
fn withdrawn_rollouts() {
    for (origin, later, goes) in [("west", false, false), ("west", true, true), ("east", false, true), ("east", true, true)] {
        let mut world = World::new();
        let first = header(1, origin, None, &["west", "east"]);
        stage(&mut world, &first);
        withdraw(&mut world, &first);
        if later {
            adopt(&mut world, &header(2, "west", None, &["east", "west"]));
        }
        world.wait(73 * 3600);
        assert_eq!(!collect(&world).rollouts.is_empty(), goes, "{origin}, later: {later}");
    }
}

/// A stop stays known, because regions that were away have to hear of it; it is no vote, so it does not let anything else go.
#[test]
fn stops_stay() {
    let mut world = World::new();
    adopt(&mut world, &header(1, "west", None, &["west", "east"]));
    adopt(&mut world, &RolloutHeader { kind: RolloutKind::Stop, ..header(2, "west", Some(1), &["west", "east"]) });
    world.wait(1000 * 3600);
    assert_eq!(collect(&world).rollouts, []);
    world.apply(&Command::DeregisterJob { key: world.key("web"), purge: true, eval: None, time: world.now });
    world.wait(1000 * HOUR / SECOND);
    assert_eq!(collect(&world).rollouts, []);
}
