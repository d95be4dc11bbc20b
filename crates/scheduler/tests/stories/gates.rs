//! Deployments that wait, are paused or failed: nothing of their version starts, and what runs is repaired.

use model::{ClientStatus, Deployment, DeploymentId, DeploymentStatus, DesiredTransition, NodeStatus};
use state::{Command, Plan};
use testkit::job;

use crate::region::{Region, version};

fn v(n: u64) -> testkit::JobBuilder {
    job("web").count(2).env("VERSION", &n.to_string()).reschedule_after(0)
}

/// As the adoption of a rollout does: the version is there, with its deployment in `status`.
fn adopt(region: &mut Region, job: model::Job, status: DeploymentStatus) -> model::Evaluation {
    let eval = region.world.register(job);
    let job = region.world.job("web");
    let deployment = Deployment {
        id: DeploymentId(region.world.new_id()),
        namespace: job.namespace.clone(),
        job_id: job.id.clone(),
        job_version: job.version,
        job_create_index: job.create_index,
        is_multiregion: true,
        status,
        status_description: "Deployment is pending, waiting for peer region".to_owned(),
        ..Deployment::default()
    };
    let plan = Plan { deployment: Some(deployment), time: region.world.now, ..Plan::default() };
    region.world.apply(&Command::ApplyPlan(Box::new(plan)));
    eval
}

/// While a rollout waits for its turn nothing of it is placed, and no count changes; when its turn comes it rolls in that deployment.
#[test]
fn waits_for_its_turn() {
    for status in [DeploymentStatus::Initializing, DeploymentStatus::Pending] {
        let mut region = Region::new(&["n1", "n2"]);
        region.roll_out(v(0).build());
        let eval = adopt(&mut region, v(1).count(4).build(), status);
        let deployment = region.deployment("web").id;
        let decision = region.run(&eval);
        assert!(decision.plan.is_noop(), "{status}");
        assert!(decision.notes[0].contains("waiting for peer region"), "{:?}", decision.notes);
        assert_eq!((region.indexes("web", 0), region.indexes("web", 1)), (vec![0, 1], vec![]));

        region.set_deployment("web", DeploymentStatus::Running);
        region.evaluate("web");
        assert_eq!((region.indexes("web", 0), region.indexes("web", 1)), (vec![0, 1], vec![2, 3]), "what is missing comes first");
        let stored = region.deployment("web");
        assert_eq!((stored.id, stored.task_groups["app"].desired_total, stored.is_multiregion), (deployment, 4, true));
        for _ in 0..3 {
            region.start_all("web");
            region.evaluate("web");
        }
        assert_eq!(region.indexes("web", 1), [0, 1, 2, 3]);
        region.finish_deployment("web");
        region.assert_settled("web");
    }
}

/// A first version that waits places nothing at all.
#[test]
fn first_version_waits() {
    let mut region = Region::new(&["n1"]);
    let eval = adopt(&mut region, v(0).build(), DeploymentStatus::Pending);
    region.run(&eval);
    assert_eq!(region.live("web"), []);
    region.set_deployment("web", DeploymentStatus::Running);
    region.evaluate("web");
    assert_eq!(region.indexes("web", 0), [0, 1]);
}

/// While a newer version waits, is paused or has failed, what is lost, fails or has to move is replaced in the version it had.
#[test]
fn repair_behind_the_gate() {
    type Hurt = fn(&mut Region);
    let lose: Hurt = |region| region.world.set_node_status("n1", NodeStatus::Down);
    let fail: Hurt = |region| {
        let ids = region.live_ids("web");
        region.world.report(&ids, ClientStatus::Failed);
    };
    let drain: Hurt = |region| {
        let ids = region.live_ids("web");
        region.world.transition(&ids, &DesiredTransition { migrate: Some(true), ..Default::default() });
    };
    for status in [DeploymentStatus::Initializing, DeploymentStatus::Pending, DeploymentStatus::Paused, DeploymentStatus::Failed] {
        for (name, hurt) in [("lose", lose), ("fail", fail), ("drain", drain)] {
            let mut region = Region::new(&["n1", "n2", "n3"]);
            region.roll_out(v(0).build());
            let before = region.live_ids("web");
            let eval = adopt(&mut region, v(1).count(5).build(), status);
            region.run(&eval);
            hurt(&mut region);
            region.evaluate("web");
            assert_eq!((region.indexes("web", 0), region.indexes("web", 1)), (vec![0, 1], vec![]), "{status} {name}");
            assert!(region.live_ids("web").iter().any(|id| !before.contains(id)), "{status} {name}: nothing was replaced");
            assert!(region.world.live("web").iter().all(|alloc| alloc.deployment_id.is_nil() || before.contains(&alloc.id)));
            region.assert_settled("web");
        }
    }
}

/// What was lost behind the gate without room comes back, in its version, when there is room; what a later version gave up does not.
#[test]
fn lost_behind_the_gate_without_room() {
    let mut region = Region::new(&["n1"]);
    region.roll_out(v(0).build());
    let eval = adopt(&mut region, v(1).build(), DeploymentStatus::Pending);
    region.run(&eval);
    region.world.set_node_status("n1", NodeStatus::Down);
    region.evaluate("web");
    assert_eq!(region.live("web"), []);
    region.assert_settled("web");
    region.world.add_node(testkit::node("n2").build());
    region.evaluate("web");
    assert_eq!(region.indexes("web", 0), [0, 1]);
    region.assert_settled("web");
}

/// A paused deployment goes no further; what runs of the new version is repaired in the new version, and counts.
#[test]
fn paused_in_the_middle() {
    let mut region = Region::new(&["n1", "n2", "n3"]);
    region.roll_out(v(0).build());
    region.register(v(1).build());
    region.start_all("web");
    region.set_deployment("web", DeploymentStatus::Paused);
    region.assert_settled("web");
    let new = region.world.live("web").into_iter().find(|alloc| version(alloc) == 1).unwrap();
    region.world.report(&[new.id], ClientStatus::Failed);
    region.evaluate("web");
    assert_eq!((region.indexes("web", 0), region.indexes("web", 1)), (vec![1], vec![0]));
    assert_eq!(region.deployment("web").task_groups["app"].placed_allocs, 2);
    region.set_deployment("web", DeploymentStatus::Running);
    region.start_all("web");
    region.evaluate("web");
    assert_eq!(region.indexes("web", 1), [0, 1]);
}

/// Canaries of a paused deployment stay, and are repaired as canaries.
#[test]
fn paused_canaries() {
    let mut region = Region::new(&["n1", "n2", "n3"]);
    region.roll_out(v(0).build());
    region.register(v(1).canary(1).build());
    region.set_deployment("web", DeploymentStatus::Paused);
    region.assert_settled("web");
    let canary = region.world.live("web").into_iter().find(|alloc| alloc.is_canary()).unwrap();
    region.world.report(&[canary.id], ClientStatus::Failed);
    region.evaluate("web");
    let live = region.world.live("web");
    assert_eq!(live.iter().filter(|alloc| alloc.is_canary() && version(alloc) == 1).count(), 1);
    assert_eq!(region.indexes("web", 0), [0, 1]);
}

/// After a failure: what never ran well is left alone, what ran well comes back.
#[test]
fn after_a_failure() {
    let mut region = Region::new(&["n1", "n2", "n3"]);
    region.register(v(0).build());
    let ids = region.live_ids("web");
    region.world.report_health(&ids[..1], true);
    region.world.report(&ids[1..], ClientStatus::Failed);
    region.set_deployment("web", DeploymentStatus::Failed);
    region.assert_settled("web");
    assert_eq!(region.indexes("web", 0), [0]);
    region.world.report(&ids[..1], ClientStatus::Failed);
    region.evaluate("web");
    assert_eq!(region.indexes("web", 0), [0]);
    assert!(!region.live_ids("web").contains(&ids[0]));
}

/// A region that is done and waits for the others repairs like any other.
#[test]
fn done_and_waiting_for_peers() {
    for status in [DeploymentStatus::Blocked, DeploymentStatus::Unblocking] {
        let mut region = Region::new(&["n1", "n2"]);
        region.register(v(0).build());
        region.start_all("web");
        region.set_deployment("web", status);
        region.assert_settled("web");
        region.world.set_node_status("n1", NodeStatus::Down);
        region.evaluate("web");
        assert_eq!(region.indexes("web", 0), [0, 1], "{status}");
        assert!(region.world.live("web").iter().all(|alloc| alloc.node_name == "n2"));
        region.assert_settled("web");
    }
}

/// What an adopted deployment says of canaries is replaced by what is needed: a first version has none, and a stop is never gated.
#[test]
fn adopted_states_are_corrected() {
    let mut region = Region::new(&["n1"]);
    let eval = adopt(&mut region, v(0).canary(1).build(), DeploymentStatus::Running);
    let mut deployment = (*region.deployment("web")).clone();
    deployment.task_groups.insert(
        "app".to_owned(),
        model::DeploymentState { desired_canaries: 1, desired_total: 7, auto_revert: true, ..Default::default() },
    );
    let plan = Plan { deployment: Some(deployment), time: region.world.now, ..Plan::default() };
    region.world.apply(&Command::ApplyPlan(Box::new(plan)));
    region.run(&eval);
    let state = region.deployment("web").task_groups["app"].clone();
    assert_eq!((state.desired_canaries, state.desired_total, state.placed_allocs, state.auto_revert), (0, 2, 2, false));

    region.set_deployment("web", DeploymentStatus::Paused);
    region.stop("web");
    assert_eq!(region.live("web"), []);
    assert_eq!(region.deployment("web").status, DeploymentStatus::Cancelled);
}
