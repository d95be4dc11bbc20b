use model::{AllocDeploymentStatus, AllocUpdate, Allocation, ClientStatus, DeploymentStatus, EvalId, Time};
use state::{AllocStop, Command, DeploymentChange, DeploymentUpdate, Outcome, Plan};
use testkit::{SECOND, World};

use crate::kit::*;

/// A deployment of `n`, with as many allocations placed in it.
fn deployed(world: &mut World, n: i64) -> (model::DeploymentId, Vec<model::AllocId>) {
    let wanted = deployment(world, n);
    let id = put_deployment(world, wanted);
    let allocs: Vec<Allocation> = (0..n as u64).map(|index| Allocation { deployment_id: id, ..alloc(world, index) }).collect();
    (id, place(world, &allocs))
}

/// Placed, healthy and unhealthy are counted once each; a changed verdict moves; the clock of progress starts with the first placement and
/// again with every healthy one.
#[test]
fn counters() {
    let mut world = world();
    let wanted = deployment(&mut world, 2);
    let id = put_deployment(&mut world, wanted);
    assert!(app(&world, id).require_progress_by.is_never(), "nothing is placed yet");
    let begun = world.now;
    let allocs: Vec<Allocation> = (0..2).map(|index| Allocation { deployment_id: id, ..alloc(&mut world, index) }).collect();
    let ids = place(&mut world, &allocs);
    assert_eq!(app(&world, id).require_progress_by, Time(begun + 10 * MINUTE));
    let counts = |world: &World| {
        let group = app(world, id);
        (group.placed_allocs, group.healthy_allocs, group.unhealthy_allocs)
    };
    assert_eq!(counts(&world), (2, 0, 0));
    world.wait(30);
    world.report_health(&ids[..1], true);
    world.report_health(&ids[..1], true);
    assert_eq!(counts(&world), (2, 1, 0), "said twice, counted once");
    assert_eq!(app(&world, id).require_progress_by, Time(world.now + 10 * MINUTE));
    world.wait(30);
    world.report_health(&ids[1..], false);
    assert_eq!(counts(&world), (2, 1, 1));
    assert_eq!(app(&world, id).require_progress_by, Time(world.now - 30 * SECOND + 10 * MINUTE), "no progress");
    world.report_health(&ids[1..], true);
    assert_eq!(counts(&world), (2, 2, 0), "changed its mind");
    assert!(world.store.deployment(id).is_some_and(|deployment| deployment.is_complete()));
}

/// What says that it is healthy and has ended in the same breath is unhealthy; one that was healthy before is not counted any more.
#[test]
fn verdicts_of_what_has_ended() {
    for (was_healthy, status, expected) in [
        (false, ClientStatus::Failed, (0, 1)),
        (false, ClientStatus::Complete, (0, 1)),
        (false, ClientStatus::Running, (1, 0)),
        (true, ClientStatus::Failed, (0, 0)),
    ] {
        let mut world = world();
        let (id, ids) = deployed(&mut world, 1);
        if was_healthy {
            world.report_health(&ids, true);
        }
        let update = AllocUpdate {
            id: ids[0],
            client_status: status,
            deployment_id: id,
            deployment_status: Some(AllocDeploymentStatus { healthy: Some(true), ..AllocDeploymentStatus::default() }),
            ..AllocUpdate::default()
        };
        world.apply(&Command::UpdateAllocs { updates: vec![update], evals: Vec::new(), time: world.now });
        let group = app(&world, id);
        assert_eq!((group.healthy_allocs, group.unhealthy_allocs), expected, "{was_healthy} {status}");
        let known = world.store.alloc(ids[0]).expect("an allocation");
        assert_eq!(known.is_unhealthy(), expected.1 == 1, "the allocation says the same: {was_healthy} {status}");
    }
}

/// What was healthy and is lost, failed or stopped is not healthy any more, whatever it says later; its successor counts in its place, and has
/// the whole time. A deployment that has completed is not counted anew.
#[test]
fn healthy_no_more() {
    type End = fn(&mut World, model::AllocId);
    let lose = |world: &mut World, id: model::AllocId| {
        let lost = AllocStop { id, description: "lost".to_owned(), client_status: Some(ClientStatus::Lost), followup_eval_id: EvalId::NIL };
        let plan = Plan { stops: vec![lost], ..plan(world) };
        world.apply(&Command::ApplyPlan(Box::new(plan)));
    };
    let ends: [End; 3] = [lose, |world, id| world.report(&[id], ClientStatus::Failed), stop];
    for (end, (status, is_taken_back)) in ends.iter().flat_map(|end| {
        [
            (DeploymentStatus::Running, true),
            (DeploymentStatus::Paused, true),
            (DeploymentStatus::Blocked, false),
            (DeploymentStatus::Unblocking, false),
            (DeploymentStatus::Successful, false),
        ]
        .map(|row| (end, row))
    }) {
        let mut world = world();
        let (id, ids) = deployed(&mut world, 2);
        world.report_health(&ids, true);
        set_status(&mut world, id, status, "");
        world.wait(60);
        end(&mut world, ids[0]);
        let healthy = |world: &World| app(world, id).healthy_allocs;
        assert_eq!(healthy(&world), if is_taken_back { 1 } else { 2 }, "{status}");
        if !is_taken_back {
            continue;
        }
        assert!(world.store.deployment(id).is_some_and(|deployment| !deployment.is_complete()));
        assert_eq!(app(&world, id).require_progress_by, Time(world.now + 10 * MINUTE), "{status}");
        // Its node tells of it again, for example because it is back.
        let client_status = match world.store.alloc(ids[0]).expect("an allocation").client_status {
            ClientStatus::Lost => ClientStatus::Running,
            ended => ended,
        };
        let healthy_again = AllocUpdate {
            id: ids[0],
            client_status,
            deployment_id: id,
            deployment_status: Some(AllocDeploymentStatus { healthy: Some(true), ..AllocDeploymentStatus::default() }),
            ..AllocUpdate::default()
        };
        world.apply(&Command::UpdateAllocs { updates: vec![healthy_again], evals: Vec::new(), time: world.now });
        assert_eq!(healthy(&world), 1);
        let next = Allocation { deployment_id: id, ..alloc(&mut world, 0) };
        let next = place(&mut world, &[next]);
        world.report_health(&next, true);
        assert_eq!(healthy(&world), 2);
    }
}

/// A verdict on the version before counts for nothing, also when it arrives after the allocation was taken over by the next one.
#[test]
fn late_verdict() {
    let mut world = world();
    let (first, ids) = deployed(&mut world, 1);
    register(&mut world, testkit::job("web").count(3).build());
    let wanted = deployment(&mut world, 1);
    let second = put_deployment(&mut world, wanted);
    let taken_over = Allocation { deployment_id: second, ..(**world.store.alloc(ids[0]).expect("an allocation")).clone() };
    place(&mut world, &[taken_over]);
    let say = |world: &mut World, deployment_id| {
        let healthy = AllocDeploymentStatus { healthy: Some(true), ..AllocDeploymentStatus::default() };
        let update = AllocUpdate {
            id: ids[0],
            client_status: ClientStatus::Running,
            deployment_id,
            deployment_status: Some(healthy),
            ..AllocUpdate::default()
        };
        world.apply(&Command::UpdateAllocs { updates: vec![update], evals: Vec::new(), time: world.now });
    };
    say(&mut world, first);
    assert_eq!((app(&world, first).healthy_allocs, app(&world, second).healthy_allocs), (0, 0));
    assert!(world.store.alloc(ids[0]).is_some_and(|alloc| alloc.client_status == ClientStatus::Running && !alloc.is_healthy()));
    say(&mut world, second);
    assert_eq!((app(&world, first).healthy_allocs, app(&world, second).healthy_allocs), (0, 1));
}

/// Success makes the version stable; an ended deployment does not change any more.
#[test]
fn the_end() {
    let mut world = world();
    let (id, _) = deployed(&mut world, 1);
    assert!(!world.job("web").stable);
    assert_eq!(set_status(&mut world, id, DeploymentStatus::Successful, "Deployment completed successfully"), Outcome::Done);
    assert!(world.job("web").stable);
    assert!(world.store.job_version(&world.key("web"), 0).is_some_and(|job| job.stable));
    assert_eq!(world.store.active_deployments().count(), 0);
    set_status(&mut world, id, DeploymentStatus::Failed, "too late");
    assert_eq!(world.store.deployment(id).map(|deployment| deployment.status), Some(DeploymentStatus::Successful));
}

/// A change that was decided on another status is refused.
#[test]
fn expected_status() {
    let mut world = world();
    let (id, _) = deployed(&mut world, 1);
    let update = DeploymentUpdate { id, status: DeploymentStatus::Failed, description: String::new() };
    let change = DeploymentChange { update, from: DeploymentStatus::Paused, revert_to: None, eval: None, time: 0 };
    let outcome = world.try_apply(&Command::SetDeploymentStatus(Box::new(change))).outcome;
    assert!(matches!(&outcome, Outcome::Refused(text) if text.contains("is running, not paused any more")), "{outcome:?}");
}

/// A pause stops the clock of progress from mattering: it starts again when work goes on.
#[test]
fn pause_and_resume() {
    let mut world = world();
    let (id, _) = deployed(&mut world, 1);
    set_status(&mut world, id, DeploymentStatus::Paused, "Deployment is paused");
    world.wait(3600);
    set_status(&mut world, id, DeploymentStatus::Running, "Deployment is running");
    assert_eq!(app(&world, id).require_progress_by, Time(world.now + 10 * MINUTE));
}

/// A failed deployment registers the version it returns to as a new one, not stable yet, with its submission, in the same step.
#[test]
fn reverts() {
    let mut world = world();
    world.apply(&Command::SetJobStability { key: world.key("web"), version: 0, stable: true });
    register(&mut world, testkit::job("web").count(5).build());
    let (id, _) = deployed(&mut world, 1);
    let update = DeploymentUpdate { id, status: DeploymentStatus::Failed, description: "rolling back".to_owned() };
    let change = DeploymentChange { update, from: DeploymentStatus::Running, revert_to: Some(0), eval: None, time: world.now };
    world.apply(&Command::SetDeploymentStatus(Box::new(change)));
    let job = world.job("web");
    assert_eq!((job.version, job.task_groups[0].count, job.stable, job.job_modify_index), (2, 2, false, world.store.index()));
}

fn with_canaries(world: &mut World) -> (model::DeploymentId, Vec<model::AllocId>) {
    let mut wanted = deployment(world, 2);
    wanted.task_groups.entry("app".to_owned()).or_default().desired_canaries = 2;
    let id = put_deployment(world, wanted);
    let allocs: Vec<Allocation> =
        (0..2).map(|index| Allocation { deployment_id: id, deployment_status: canary(), ..alloc(world, index) }).collect();
    (id, place(world, &allocs))
}

fn promote(world: &mut World, id: model::DeploymentId, groups: &[&str]) -> Outcome {
    let groups = groups.iter().map(|name| (*name).to_owned()).collect();
    world.try_apply(&Command::PromoteDeployment { id, groups, eval: None, time: world.now }).outcome
}

/// Canaries are promoted when all of them are healthy and live; then they are canaries no more, and the clock starts again.
#[test]
fn promotion() {
    let mut world = world();
    let (id, ids) = with_canaries(&mut world);
    assert_eq!(app(&world, id).placed_canaries, ids);
    world.report_health(&ids[..1], true);
    let outcome = promote(&mut world, id, &[]);
    assert!(matches!(&outcome, Outcome::Refused(text) if text.contains("1/2 healthy")), "{outcome:?}");
    world.report_health(&ids, true);
    assert!(matches!(promote(&mut world, id, &["other"]), Outcome::Refused(_)), "no such group");
    world.wait(60);
    assert_eq!(promote(&mut world, id, &["app"]), Outcome::Done);
    let group = app(&world, id);
    assert!(group.promoted && group.require_progress_by == Time(world.now + 10 * MINUTE));
    for id in &ids {
        let alloc = world.store.alloc(*id).expect("an allocation");
        assert!(alloc.is_healthy() && !alloc.is_canary());
    }
    assert!(matches!(promote(&mut world, id, &[]), Outcome::Refused(_)), "once is enough");
}

/// A canary that has died does not count for the promotion.
#[test]
fn dead_canaries() {
    let mut world = world();
    let (id, ids) = with_canaries(&mut world);
    world.report_health(&ids, true);
    world.report(&ids[..1], ClientStatus::Failed);
    assert!(matches!(promote(&mut world, id, &[]), Outcome::Refused(_)));
}

/// People's verdicts count like a node's, for allocations of that deployment only.
#[test]
fn health_by_people() {
    let mut world = world();
    let (id, ids) = deployed(&mut world, 2);
    let stranger = alloc(&mut world, 9);
    let stranger = place(&mut world, &[stranger]);
    let say = |healthy: Vec<_>, unhealthy: Vec<_>| Command::SetAllocHealth { id, healthy, unhealthy, eval: None, time: 1 };
    world.apply(&say(vec![ids[0]], vec![ids[1]]));
    let group = app(&world, id);
    assert_eq!((group.healthy_allocs, group.unhealthy_allocs), (1, 1));
    let before = world.store.clone();
    assert!(matches!(world.try_apply(&say(vec![ids[1], stranger[0]], vec![])).outcome, Outcome::Refused(_)));
    assert_eq!(world.store.deployment(id), before.deployment(id), "not even the one that fits");
}
