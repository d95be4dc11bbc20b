use model::{ClientStatus, DeploymentStatus, EvalTrigger, NodeStatus, Phase};
use state::{Command, Reap};
use testkit::World;

use crate::kit::*;

/// What is named goes, with all that leads to it.
#[test]
fn everything_goes() {
    let mut world = world();
    let wanted = deployment(&mut world, 1);
    let deployment = put_deployment(&mut world, wanted);
    let one = alloc(&mut world, 0);
    let allocs = place(&mut world, &[model::Allocation { deployment_id: deployment, ..one }]);
    world.report(&allocs, ClientStatus::Complete);
    let eval = world.stop("web");
    finish(&mut world, eval.id);
    set_status(&mut world, deployment, DeploymentStatus::Cancelled, "over");
    let key = world.key("web");
    let evals = world.store.job_evals(&key).map(|eval| eval.id).collect();
    let reap = Reap {
        evals,
        allocs,
        deployments: vec![deployment],
        jobs: vec![key.clone()],
        nodes: vec![testkit::node_id("n1")],
        ..Default::default()
    };
    world.apply(&Command::Reap(Box::new(reap)));
    let store = &world.store;
    assert!(store.job(&key).is_none() && store.job_versions(&key).is_empty() && store.job_summary(&key).is_none());
    assert_eq!((store.evals().count(), store.job_evals(&key).count(), store.open_evals().count()), (0, 0, 0));
    assert_eq!((store.allocs().count(), store.job_allocs(&key).count(), store.node_allocs(testkit::node_id("n1")).count()), (0, 0, 0));
    assert_eq!((store.deployments().count(), store.job_deployments(&key).count(), store.n_nodes()), (0, 0, 0));
}

/// What came to life again since somebody looked stays.
#[test]
fn what_is_in_use_stays() {
    let mut world = world();
    let open = world.new_eval("web", EvalTrigger::JobRegister);
    let wanted = deployment(&mut world, 1);
    let deployment = put_deployment(&mut world, wanted);
    let one = alloc(&mut world, 0);
    let allocs = place(&mut world, &[one]);
    let key = world.key("web");
    let reap =
        Reap { evals: vec![open.id], allocs: allocs.clone(), deployments: vec![deployment], jobs: vec![key.clone()], ..Default::default() };
    world.apply(&Command::Reap(Box::new(reap)));
    let store = &world.store;
    assert!(store.job(&key).is_some() && store.eval(open.id).is_some() && store.alloc(allocs[0]).is_some());
    assert!(store.deployment(deployment).is_some());
}

/// A node goes when it is down and has no work any more; one that has come back since somebody looked stays.
#[test]
fn nodes_that_are_down() {
    let mut world = world();
    let one = alloc(&mut world, 0);
    let allocs = place(&mut world, &[one]);
    let id = testkit::node_id("n1");
    let reap = Command::ReapNodes { ids: vec![id] };
    let remains = |world: &mut World| {
        world.apply(&reap);
        world.store.node(id).is_some()
    };
    assert!(remains(&mut world), "it is ready");
    world.set_node_status("n1", NodeStatus::Down);
    assert!(remains(&mut world), "it has work");
    world.report(&allocs, ClientStatus::Complete);
    world.set_node_status("n1", NodeStatus::Ready);
    assert!(remains(&mut world), "it came back");
    world.set_node_status("n1", NodeStatus::Down);
    assert!(!remains(&mut world));
}

/// The head of a job and what is not decided stay, whoever asks; so does a job whose rollout goes on.
#[test]
fn rollouts() {
    let mut world = testkit::World::new();
    let first = header(1, "east", 0);
    let second = model::RolloutHeader { base: Some(first.id.clone()), ..header(2, "east", 1) };
    let third = model::RolloutHeader { base: Some(second.id.clone()), ..header(3, "east", 2) };
    adopt(&mut world, &first);
    adopt(&mut world, &second);
    stage(&mut world, &third);
    let reap = |world: &mut testkit::World| {
        let rollouts = [&first, &second, &third].map(|header| header.id.clone()).to_vec();
        world.apply(&Command::Reap(Box::new(Reap { rollouts, jobs: vec![world.key("web")], ..Default::default() })));
        [&first, &second, &third].map(|header| world.store.rollout(&header.id).is_some())
    };
    assert_eq!(reap(&mut world), [false, true, true]);
    assert!(world.store.job(&world.key("web")).is_some(), "its rollout is {}", Phase::Adopted);
}
