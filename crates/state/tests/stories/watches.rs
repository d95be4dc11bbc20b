use model::{ClientStatus, DeploymentStatus, EvalTrigger};
use state::{Applied, Command, Reap, Table, Touched, Watch};
use testkit::World;

use crate::kit::*;

/// Everything that can be waited for, of the things of this world.
fn watches(world: &World) -> Vec<Watch> {
    let key = world.key("web");
    let mut all: Vec<Watch> = Table::ALL.iter().map(|table| Watch::Table(*table)).collect();
    let of_job: [fn(model::JobKey) -> Watch; 8] = [
        Watch::Job,
        Watch::JobVersions,
        Watch::JobSummary,
        Watch::JobAllocs,
        Watch::JobEvals,
        Watch::JobDeployments,
        Watch::Rollout,
        Watch::JobScaling,
    ];
    all.extend(of_job.map(|watch| watch(key.clone())));
    all.extend(world.store.allocs().map(|alloc| Watch::Alloc(alloc.id)));
    let of_node: [fn(model::NodeId) -> Watch; 4] = [Watch::Node, Watch::NodeAllocs, Watch::NodeWork, Watch::NodeLosses];
    all.extend(world.store.nodes().flat_map(|node| of_node.map(|watch| watch(node.id))));
    all.extend(world.store.evals().flat_map(|eval| [Watch::Eval(eval.id), Watch::EvalAllocs(eval.id)]));
    all.extend(world.store.deployments().flat_map(|deployment| [Watch::Deployment(deployment.id), Watch::DeploymentAllocs(deployment.id)]));
    all
}

/// What a reader of a watch sees.
fn seen(world: &World, watch: &Watch) -> String {
    let store = &world.store;
    fn list<T: std::fmt::Debug>(items: impl Iterator<Item = T>) -> String {
        format!("{:?}", items.collect::<Vec<_>>())
    }
    match watch {
        Watch::Table(Table::Jobs) => list(store.jobs()),
        Watch::Table(Table::JobVersions) => list(store.jobs().flat_map(|job| store.job_versions(&job.key()))),
        Watch::Table(Table::JobSummaries) => list(store.jobs().map(|job| store.job_summary(&job.key()))),
        Watch::Table(Table::Evals) => list(store.evals()),
        Watch::Table(Table::Allocs) => list(store.allocs()),
        Watch::Table(Table::Nodes) => list(store.nodes()),
        Watch::Table(Table::Deployments) => list(store.deployments()),
        Watch::Table(Table::Rollouts) => list(store.rollouts()),
        Watch::Table(Table::Namespaces) => list(store.namespaces().into_iter()),
        Watch::Table(Table::NodePools) => list(store.node_pools().into_iter()),
        Watch::Table(Table::Scheduler) => format!("{:?}", store.scheduler()),
        Watch::Namespace(name) => format!("{:?}", store.namespace(name)),
        Watch::NodePool(name) => format!("{:?}", store.node_pool(name)),
        Watch::Job(key) => format!("{:?}", store.job(key)),
        Watch::JobScaling(key) => format!("{:?} {:?}", store.job(key).map(|job| job.version), store.scaling_events(key)),
        Watch::JobVersions(key) => format!("{:?}", store.job_versions(key)),
        Watch::JobSummary(key) => format!("{:?}", store.job_summary(key)),
        Watch::JobAllocs(key) => list(store.job_allocs(key)),
        Watch::JobEvals(key) => list(store.job_evals(key)),
        Watch::JobDeployments(key) => list(store.job_deployments(key)),
        Watch::Rollout(key) => format!("{:?} {:?}", store.rollout_head(key), store.rollout_staged(key)),
        Watch::Alloc(id) => format!("{:?}", store.alloc(*id)),
        Watch::Node(id) => format!("{:?}", store.node(*id)),
        Watch::NodeAllocs(id) => list(store.node_allocs(*id)),
        Watch::NodeLosses(_) => String::new(),
        Watch::NodeWork(id) => list(store.node_allocs(*id).map(|alloc| (alloc.id, alloc.alloc_modify_index))),
        Watch::Eval(id) => format!("{:?}", store.eval(*id)),
        Watch::EvalAllocs(id) => list(store.eval_allocs(*id)),
        Watch::Deployment(id) => format!("{:?}", store.deployment(*id)),
        Watch::DeploymentAllocs(id) => list(store.deployment_allocs(*id)),
    }
}

/// Applies a change and checks of every watch: who sees something new is woken and finds an index that has grown to the present; indexes
/// never go back.
#[track_caller]
fn check(world: &mut World, what: &str, change: impl FnOnce(&mut World) -> Option<Applied>) {
    let before = world.clone();
    let applied = change(world);
    let mut watches = watches(&before);
    watches.extend(self::watches(world));
    for watch in watches {
        let (was, is) = (before.store.watch_index(&watch), world.store.watch_index(&watch));
        assert!(is >= was, "{what}: the index of {watch:?} went from {was} back to {is}");
        if seen(&before, &watch) != seen(world, &watch) {
            assert!(is > was, "{what}: {watch:?} shows something new under the old index {was}");
            if let Some(Applied { touched: Touched(touched), .. }) = &applied {
                assert!(touched.contains(&watch), "{what}: who waits for {watch:?} is not woken");
            }
        }
    }
}

/// Through the life of a job and of a rollout, nobody who waits for something sleeps through its change.
#[test]
fn everybody_is_woken() {
    let mut world = World::with_nodes(&["n1"]);
    let world = &mut world;
    check(world, "register", |world| {
        world.register(testkit::job("web").count(2).build());
        None
    });
    let eval = world.store.open_evals().next().map(|eval| (**eval).clone()).expect("an evaluation");
    let wanted = deployment(world, 2);
    let allocs: Vec<_> =
        (0..2).map(|index| model::Allocation { deployment_id: wanted.id, eval_id: eval.id, ..alloc(world, index) }).collect();
    let placements = allocs.iter().map(|alloc| state::Placement { alloc: alloc.clone(), job_version: 0 }).collect();
    let done =
        model::Evaluation { status: model::EvalStatus::Complete, queued_allocations: [("app".to_owned(), 1)].into(), ..eval.clone() };
    let first_plan = state::Plan { placements, deployment: Some(wanted.clone()), evals: vec![done], ..plan(world) };
    check(world, "plan", |world| Some(world.apply(&Command::ApplyPlan(Box::new(first_plan)))));
    let ids: Vec<_> = allocs.iter().map(|alloc| alloc.id).collect();
    check(world, "health", |world| {
        world.report_health(&ids, true);
        None
    });
    let key = world.key("web");
    check(world, "a new version", |world| {
        register(world, testkit::job("web").count(3).build());
        None
    });
    check(world, "stability of an old version", |world| {
        Some(world.apply(&Command::SetJobStability { key: key.clone(), version: 0, stable: true }))
    });
    check(world, "a note about its count", |world| {
        let event = model::ScalingEvent { message: "enough".to_owned(), ..Default::default() };
        let scale = state::ScaleJob { key: key.clone(), group: "app".to_owned(), register: None, event };
        Some(world.apply(&Command::ScaleJob(Box::new(scale))))
    });
    check(world, "success", |world| {
        set_status(world, wanted.id, DeploymentStatus::Successful, "done");
        None
    });
    let again = world.new_eval("web", EvalTrigger::NodeUpdate);
    check(world, "in place, by another evaluation", |world| {
        let moved = model::Allocation { eval_id: again.id, deployment_id: model::DeploymentId::NIL, ..allocs[0].clone() };
        let plan = state::Plan { placements: vec![state::Placement { alloc: moved, job_version: 1 }], ..plan(world) };
        Some(world.apply(&Command::ApplyPlan(Box::new(plan))))
    });
    check(world, "node down", |world| {
        world.set_node_status("n1", model::NodeStatus::Down);
        None
    });
    check(world, "stop", |world| {
        world.stop("web");
        None
    });
    check(world, "end of the allocations", |world| {
        world.report(&ids, ClientStatus::Complete);
        None
    });
    let evals: Vec<_> = world.store.evals().map(|eval| (**eval).clone()).collect();
    check(world, "end of the evaluations", |world| {
        let evals = evals.iter().map(|eval| model::Evaluation { status: model::EvalStatus::Complete, ..eval.clone() }).collect();
        Some(world.apply(&Command::UpsertEvals { evals, time: 0 }))
    });
    let reap = Reap {
        evals: evals.iter().map(|eval| eval.id).collect(),
        allocs: ids,
        deployments: vec![wanted.id],
        jobs: vec![key],
        nodes: vec![testkit::node_id("n1")],
        ..Reap::default()
    };
    check(world, "reap", |world| Some(world.apply(&Command::Reap(Box::new(reap)))));
    assert_eq!(world.store.jobs().count() + world.store.allocs().count() + world.store.evals().count(), 0);
    let first = header(1, "east", 0);
    check(world, "vote", |world| {
        stage(world, &first);
        None
    });
    check(world, "adoption", |world| {
        try_adopt(world, &first);
        None
    });
    check(world, "turn", |world| {
        go(world, &first, model::Phase::Running);
        None
    });
    check(world, "failure", |world| {
        go(world, &first, model::Phase::Failed);
        None
    });
    check(world, "purge", |world| Some(world.apply(&Command::DeregisterJob { key: world.key("web"), purge: true, eval: None, time: 0 })));
}

/// What is gone leaves no index behind.
#[test]
fn nothing_is_left_behind() {
    let mut world = world();
    let one = alloc(&mut world, 0);
    let eval = world.new_eval("web", EvalTrigger::JobRegister);
    let ids = place(&mut world, &[model::Allocation { eval_id: eval.id, ..one }]);
    world.report(&ids, ClientStatus::Complete);
    let stop = world.stop("web");
    finish(&mut world, eval.id);
    finish(&mut world, stop.id);
    let evals = world.store.evals().map(|eval| eval.id).collect();
    let reap = Reap { evals, allocs: ids, jobs: vec![world.key("web")], nodes: vec![testkit::node_id("n1")], ..Reap::default() };
    world.apply(&Command::Reap(Box::new(reap)));
    let records: Vec<_> = world.store.snapshot_records().collect();
    // The head of the snapshot, and an index for each of six tables that were in use.
    assert_eq!(records.len(), 7, "of a world in which nothing is left");
}
