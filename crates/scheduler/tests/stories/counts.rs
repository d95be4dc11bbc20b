//! How many run, under which names, in which version: first placement, counts, in-place updates, stops, batch.

use model::{ClientStatus, DeploymentStatus, EvalStatus, TaskEvent};
use scheduler::schedule;
use testkit::job;

use crate::region::{Region, updates, version};

fn names(count: u64, version: u64) -> Vec<(String, u64)> {
    (0..count).map(|i| (format!("web.app[{i}]"), version)).collect()
}

/// The first version is placed at once, with a deployment, whatever max_parallel says; the evaluation ends complete.
#[test]
fn first_placement() {
    let mut region = Region::new(&["n1", "n2"]);
    let decision = region.register(job("web").count(3).build());
    assert_eq!(region.live("web"), names(3, 0));
    assert_eq!(updates(&decision, "app").place, 3);
    let deployment = region.deployment("web");
    assert_eq!((deployment.status, deployment.status_description.as_str()), (DeploymentStatus::Running, "Deployment is running"));
    let state = &deployment.task_groups["app"];
    assert_eq!((state.desired_total, state.desired_canaries, state.placed_allocs), (3, 0, 3));
    let eval = region.world.eval(decision.plan.eval_id);
    assert_eq!((eval.status, eval.deployment_id, eval.queued_allocations["app"]), (EvalStatus::Complete, deployment.id, 0));
    for alloc in region.world.live("web") {
        assert_eq!((alloc.deployment_id, alloc.eval_id, version(&alloc)), (deployment.id, eval.id, 0));
    }
    region.assert_settled("web");
}

/// More are added under the lowest free names, fewer take the highest away, and those that stay are updated in place.
#[test]
fn count_up_and_down() {
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(job("web").count(3).build());
    let before = region.live_ids("web");

    let decision = region.register(job("web").count(5).build());
    let counts = updates(&decision, "app");
    assert_eq!((counts.place, counts.in_place_update, counts.stop, counts.destructive_update), (2, 3, 0, 0));
    assert_eq!(region.live("web"), names(5, 1));
    assert!(before.iter().all(|id| region.live_ids("web").contains(id)), "those that ran go on under their ids");
    assert_eq!(region.deployment("web").task_groups["app"].desired_total, 5);
    region.start_all("web");
    region.finish_deployment("web");

    let decision = region.register(job("web").count(2).build());
    let counts = updates(&decision, "app");
    assert_eq!((counts.place, counts.in_place_update, counts.stop), (0, 2, 3));
    assert_eq!(region.live("web"), names(2, 2));
    let stopped = region.world.allocs("web").into_iter().find(|alloc| alloc.is_terminal()).unwrap();
    assert_eq!(stopped.desired_description, "alloc not needed due to job update");
    region.start_all("web");
    region.assert_settled("web");
}

/// A count of zero stops all, and makes no deployment that nobody could complete.
#[test]
fn count_zero() {
    let mut region = Region::new(&["n1"]);
    region.roll_out(job("web").count(2).build());
    region.register(job("web").count(0).build());
    assert_eq!(region.live("web"), []);
    assert_eq!(region.deployment("web").job_version, 0);
    region.assert_settled("web");
}

/// A name that came free is used before new ones.
#[test]
fn lowest_free_name() {
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(job("web").count(3).no_reschedule().build());
    let middle = region.world.live("web")[1].id;
    region.world.report(&[middle], ClientStatus::Failed);
    // A new count gives the failed one's place away: failed ones go first.
    region.register(job("web").count(2).no_reschedule().build());
    assert_eq!(region.indexes("web", 1), [0, 2]);
    region.start_all("web");
    region.finish_deployment("web");
    region.register(job("web").count(3).no_reschedule().build());
    assert_eq!(region.indexes("web", 2), [0, 1, 2]);
}

/// A stopped job stops everything and cancels its deployment; a purged one too.
#[test]
fn stop() {
    let mut region = Region::new(&["n1"]);
    region.register(job("web").count(3).build());
    let decision = region.stop("web");
    assert_eq!(updates(&decision, "app").stop, 3);
    assert_eq!(region.live("web"), []);
    let deployment = region.deployment("web");
    assert_eq!(
        (deployment.status, deployment.status_description.as_str()),
        (DeploymentStatus::Cancelled, "Cancelled because job is stopped")
    );
    region.assert_settled("web");

    region.register(job("other").count(2).build());
    let eval = region.world.new_eval("other", model::EvalTrigger::JobDeregister);
    let key = region.world.key("other");
    let time = region.world.now;
    region.world.apply(&state::Command::DeregisterJob { key, purge: true, eval: None, time });
    region.run(&eval);
    assert_eq!(region.live("other"), []);
}

/// A group that left the job is stopped; one that came is placed.
#[test]
fn groups_come_and_go() {
    let mut region = Region::new(&["n1"]);
    region.roll_out(job("web").count(2).build());
    region.roll_out(job("web").count(2).group("cache").count(1).build());
    assert_eq!(region.live("web"), [("web.app[0]".to_owned(), 1), ("web.app[1]".to_owned(), 1), ("web.cache[0]".to_owned(), 1)]);
    region.roll_out(job("web").edit(|job| job.task_groups[0].name = "cache".to_owned()).count(1).build());
    assert_eq!(region.live("web"), [("web.cache[0]".to_owned(), 2)]);
    region.assert_settled("web");
}

/// A change that tasks do not notice keeps ids and tasks; a constraint that no longer holds moves them.
#[test]
fn in_place_or_moved() {
    let mut region = Region::new(&[]);
    for (name, rack) in [("n1", "a"), ("n2", "b")] {
        region.world.add_node(testkit::node(name).meta("rack", rack).build());
    }
    region.roll_out(job("web").count(2).constraint("${meta.rack}", "=", "a").build());
    let before = region.live_ids("web");
    region.roll_out(job("web").count(2).constraint("${meta.rack}", "regexp", "[ab]").priority(60).build());
    assert_eq!((region.live("web"), region.live_ids("web")), (names(2, 1), before.clone()));
    region.roll_out(job("web").count(2).constraint("${meta.rack}", "=", "b").build());
    assert_eq!(region.live("web"), names(2, 2));
    let after = region.world.live("web");
    assert!(after.iter().all(|alloc| alloc.node_id == testkit::node_id("n2") && !before.contains(&alloc.id)));
}

/// The same view, evaluation, time and seed give the same plan; another seed gives other ids.
#[test]
fn deterministic() {
    let mut region = Region::new(&["n1", "n2", "n3"]);
    let eval = region.world.register(job("web").count(5).dynamic_port("http", 0).build());
    let plan = |seed| schedule(&region.world.store, &eval, region.world.now, seed);
    assert_eq!(plan(7), plan(7));
    assert_ne!(plan(7).plan.placements[0].alloc.id, plan(8).plan.placements[0].alloc.id);
}

/// Batch work that ended well is not done again, failed work as often as the policy says; a new version starts it all anew.
#[test]
fn batch() {
    let mut region = Region::new(&["n1", "n2"]);
    let sum = |env: &str| job("sum").batch().count(3).env("K", env).build();
    region.register(sum("1"));
    assert_eq!(region.indexes("sum", 0), [0, 1, 2]);
    assert!(region.world.latest_deployment("sum").is_none());
    let ids = region.live_ids("sum");
    region.world.report(&ids[..2], ClientStatus::Complete);
    region.assert_settled("sum");
    assert_eq!(region.indexes("sum", 0), [2]);

    region.world.wait(60);
    region.world.report(&ids[2..], ClientStatus::Failed);
    region.world.wait(10);
    let decision = region.evaluate("sum");
    assert_eq!(updates(&decision, "app").reschedule_now, 1);
    let second = region.live_ids("sum");
    assert_eq!(region.indexes("sum", 0), [2]);
    region.world.report(&second, ClientStatus::Failed);
    region.world.wait(3600);
    assert!(region.evaluate("sum").plan.is_noop(), "one attempt more in a day is all it gets");

    region.register(sum("2"));
    assert_eq!(region.indexes("sum", 1), [0, 1, 2]);
    let third = region.live_ids("sum");
    region.world.report(&third, ClientStatus::Complete);
    region.assert_settled("sum");
    assert_eq!(region.world.job("sum").status, model::JobStatus::Dead);
}

/// A batch task that was stopped in the middle of its work has not done it, one that had ended has.
#[test]
fn stopped_batch() {
    for (killed, n_placed) in [(true, 1), (false, 0)] {
        let mut region = Region::new(&["n1", "n2"]);
        region.register(job("sum").batch().build());
        let alloc = region.world.live("sum")[0].clone();
        region.world.report(&[alloc.id], ClientStatus::Complete);
        // As a node reports what it was told to stop.
        let stop = state::AllocStop {
            id: alloc.id,
            description: "stopped by a person".to_owned(),
            client_status: None,
            followup_eval_id: model::EvalId::NIL,
        };
        let plan = state::Plan { stops: vec![stop], time: region.world.now, ..Default::default() };
        region.world.apply(&state::Command::ApplyPlan(Box::new(plan)));
        if killed {
            let mut states = region.world.store.alloc(alloc.id).unwrap().task_states.all();
            states.get_mut("server").unwrap().events.push(TaskEvent { kind: "Killed".to_owned(), ..Default::default() });
            let update = model::AllocUpdate {
                id: alloc.id,
                client_status: ClientStatus::Complete,
                task_states: states.into(),
                ..Default::default()
            };
            let time = region.world.now;
            region.world.apply(&state::Command::UpdateAllocs { updates: vec![update], evals: Vec::new(), time });
        }
        let decision = region.evaluate("sum");
        assert_eq!(updates(&decision, "app").place, n_placed, "killed: {killed}");
    }
}
