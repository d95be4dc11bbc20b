use model::{Allocation, ClientStatus, DeploymentStatus, EvalId, EvalStatus, EvalTrigger, Evaluation, NodeStatus};
use state::{AllocStop, Command, DeploymentUpdate, Outcome, Placement, Plan};
use testkit::World;

use crate::kit::*;

fn try_plan(world: &mut World, plan: Plan) -> Outcome {
    world.try_apply(&Command::ApplyPlan(Box::new(plan))).outcome
}

/// A plan that was made on another state is refused as a whole, and the scheduler plans anew.
#[test]
fn stale_plans() {
    let stale = |spoil: &dyn Fn(&mut World), job_version: u64| {
        let mut world = world();
        let (good, bad) = (alloc(&mut world, 0), alloc(&mut world, 1));
        spoil(&mut world);
        let placements = vec![Placement { alloc: good, job_version }, Placement { alloc: bad, job_version }];
        let plan = Plan { placements, ..plan(&world) };
        let outcome = try_plan(&mut world, plan);
        assert_eq!(world.allocs("web").len(), if matches!(outcome, Outcome::Refused(_)) { 0 } else { 2 });
        outcome
    };
    assert_eq!(stale(&|_| (), 0), Outcome::Done);
    for (what, spoil, version) in [
        ("no longer has version 7", &(|_: &mut World| ()) as &dyn Fn(&mut World), 7),
        ("is down", &|world| world.set_node_status("n1", NodeStatus::Down), 0),
        (
            "is gone",
            &|world| _ = world.apply(&Command::Reap(Box::new(state::Reap { nodes: vec![testkit::node_id("n1")], ..Default::default() }))),
            0,
        ),
        (
            "ineligible",
            &|world| {
                let (id, eligibility) = (testkit::node_id("n1"), model::Eligibility::Ineligible);
                world.apply(&Command::SetNodeEligibility { id, eligibility, event: None, evals: Vec::new(), time: 0 });
            },
            0,
        ),
    ] {
        match stale(spoil, version) {
            Outcome::Refused(text) => assert!(text.contains(what), "{text}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// An update in place keeps what the node said, and is one of the new version; it is let through on a node that takes no new work.
#[test]
fn in_place() {
    let mut world = world();
    let one = alloc(&mut world, 0);
    let ids = place(&mut world, std::slice::from_ref(&one));
    world.report(&ids, ClientStatus::Running);
    let before = world.store.alloc(ids[0]).cloned().expect("an allocation");
    register(&mut world, testkit::job("web").count(2).priority(80).build());
    world.set_node_status("n1", NodeStatus::Disconnected);
    place(&mut world, &[Allocation { client_status: ClientStatus::Pending, ..one }]);
    let after = world.store.alloc(ids[0]).cloned().expect("an allocation");
    assert_eq!(after.job.as_ref().map(|job| job.version), Some(1));
    assert_eq!((after.client_status, &after.task_states), (ClientStatus::Running, &before.task_states));
    assert_eq!((after.create_index, after.create_time), (before.create_index, before.create_time));
    assert_eq!(summary(&world), [0, 1, 0, 0, 0, 0]);
}

/// A replacement and what it replaces know each other.
#[test]
fn replacements_are_linked() {
    let mut world = world();
    let one = alloc(&mut world, 0);
    let old = place(&mut world, &[one]);
    let next = alloc(&mut world, 0);
    let new = place(&mut world, &[Allocation { previous_allocation: old[0], ..next }]);
    assert_eq!(world.store.alloc(old[0]).map(|alloc| alloc.next_allocation), Some(new[0]));
}

/// An allocation that waits for something says why and is not stopped; one that is given up is lost.
#[test]
fn stops() {
    let mut world = world();
    let allocs = [alloc(&mut world, 0), alloc(&mut world, 1)];
    let ids = place(&mut world, &allocs);
    let later = EvalId(world.new_id());
    let stop = |id, client_status, followup_eval_id| AllocStop { id, description: "why".to_owned(), client_status, followup_eval_id };
    let stops = vec![stop(ids[0], None, later), stop(ids[1], Some(ClientStatus::Lost), EvalId::NIL)];
    let plan = Plan { stops, ..plan(&world) };
    world.apply(&Command::ApplyPlan(Box::new(plan)));
    let waits = world.store.alloc(ids[0]).cloned().expect("an allocation");
    assert!(is_run(&waits) && waits.followup_eval_id == later && waits.desired_description == "why");
    let lost = world.store.alloc(ids[1]).cloned().expect("an allocation");
    assert!(!is_run(&lost) && lost.client_status == ClientStatus::Lost && lost.desired_description == "why");
}

/// What waits for room is counted, and no longer when the job is stopped.
#[test]
fn queued() {
    let mut world = world();
    let eval = world.new_eval("web", EvalTrigger::JobRegister);
    let done = Evaluation { status: EvalStatus::Complete, queued_allocations: [("app".to_owned(), 2)].into(), ..eval };
    let plan = Plan { evals: vec![done], ..plan(&world) };
    world.apply(&Command::ApplyPlan(Box::new(plan)));
    assert_eq!(summary(&world), [0, 0, 0, 0, 0, 2]);
    world.stop("web");
    assert_eq!(summary(&world), [0; 6]);
}

/// The scheduler says what a deployment shall want; what has happened so far stays, and so does a pause that it did not know of.
#[test]
fn deployments_in_plans() {
    let mut world = world();
    let wanted = deployment(&mut world, 2);
    let id = put_deployment(&mut world, wanted.clone());
    let one = alloc(&mut world, 0);
    let ids = place(&mut world, &[Allocation { deployment_id: id, ..one }]);
    world.report_health(&ids, true);
    set_status(&mut world, id, DeploymentStatus::Paused, "Deployment is paused");
    let mut more = wanted;
    more.task_groups.entry("app".to_owned()).or_default().desired_total = 5;
    let update = DeploymentUpdate { id, status: DeploymentStatus::Running, description: "Deployment is running but".to_owned() };
    let plan = Plan { deployment: Some(more), deployment_updates: vec![update], ..plan(&world) };
    world.apply(&Command::ApplyPlan(Box::new(plan)));
    let group = app(&world, id);
    assert_eq!((group.desired_total, group.placed_allocs, group.healthy_allocs), (5, 1, 1));
    let kept = world.store.deployment(id).cloned().expect("a deployment");
    assert_eq!((kept.status, kept.status_description.as_str()), (DeploymentStatus::Paused, "Deployment is paused"));
}
