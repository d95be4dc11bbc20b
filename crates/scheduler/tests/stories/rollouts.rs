//! Rolling updates, canaries, and deployments that are superseded or fail.

use model::{DeploymentStatus, UpdateStrategy};
use state::Command;
use testkit::job;

use crate::region::{Region, updates, version};

fn v(n: u64) -> testkit::JobBuilder {
    job("web").env("VERSION", &n.to_string())
}

/// One after the other: the next is updated when the one before is healthy, under its name; the old one points to the new one.
#[test]
fn one_by_one() {
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(v(0).count(3).build());
    let first = region.world.live("web")[0].clone();
    let decision = region.register(v(1).count(3).build());
    let counts = updates(&decision, "app");
    assert_eq!((counts.destructive_update, counts.ignore, counts.place), (1, 2, 0));
    assert_eq!((region.indexes("web", 1), region.indexes("web", 0)), (vec![0], vec![1, 2]));
    let replaced = region.world.store.alloc(first.id).unwrap().clone();
    assert_eq!(replaced.desired_description, "alloc is being updated due to job update");
    let replacement = region.world.store.alloc(replaced.next_allocation).unwrap().clone();
    assert_eq!((replacement.previous_allocation, replacement.name.as_str()), (first.id, "web.app[0]"));
    assert!(decision.notes.iter().any(|note| note.contains("2 of 3 allocations wait")), "{:?}", decision.notes);

    region.assert_settled("web");
    let unhealthy = [replacement.id];
    region.world.report_health(&unhealthy, false);
    region.assert_settled("web");
    region.world.report_health(&unhealthy, true);
    region.evaluate("web");
    assert_eq!(region.indexes("web", 1), [0, 1]);
    region.start_all("web");
    region.evaluate("web");
    assert_eq!(region.indexes("web", 1), [0, 1, 2]);
    region.start_all("web");
    region.finish_deployment("web");
    region.assert_settled("web");
    assert!(region.world.job("web").stable);
}

/// max_parallel bounds how many are on their way; without an update block all change at once and nothing is deployed.
#[test]
fn how_many_at_once() {
    for (job, expected) in [
        (v(1).count(5).max_parallel(2), 2),
        (v(1).count(5).max_parallel(10), 5),
        (v(1).count(5).no_update(), 5),
        (v(1).count(5).max_parallel(0), 5),
    ] {
        let mut region = Region::new(&["n1", "n2"]);
        region.roll_out(v(0).count(5).build());
        let is_rolling = job.clone().build().task_groups[0].rolling_update().is_some();
        let decision = region.register(job.build());
        assert_eq!(updates(&decision, "app").destructive_update, expected);
        assert_eq!(region.indexes("web", 1).len() as u64, expected);
        assert_eq!(region.deployment("web").job_version == 1, is_rolling);
    }
}

/// A newer version cancels the deployment of the older one and starts its own.
#[test]
fn superseded() {
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(v(0).count(2).build());
    region.register(v(1).count(2).build());
    let older = region.deployment("web").id;
    region.register(v(2).count(2).build());
    let older = region.world.store.deployment(older).unwrap();
    assert_eq!((older.status, older.status_description.as_str()), (DeploymentStatus::Cancelled, "Cancelled due to newer version of job"));
    assert_eq!(region.deployment("web").job_version, 2);
    assert_eq!((region.indexes("web", 2), region.indexes("web", 0)), (vec![0], vec![1]));
}

/// Canaries run beside the old ones under their names; nothing else changes until they are promoted, then they take over.
#[test]
fn canaries() {
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(v(0).count(3).max_parallel(2).canary(1).build());
    assert_eq!(region.deployment("web").task_groups["app"].desired_canaries, 0, "a first version has nothing to be compared with");

    let decision = region.register(v(1).count(3).max_parallel(2).canary(1).build());
    let counts = updates(&decision, "app");
    assert_eq!((counts.canary, counts.place, counts.destructive_update, counts.ignore), (1, 0, 0, 3));
    assert_eq!((region.indexes("web", 1), region.indexes("web", 0)), (vec![0], vec![0, 1, 2]));
    let deployment = region.deployment("web");
    let state = &deployment.task_groups["app"];
    assert_eq!((state.desired_canaries, state.placed_canaries.len(), state.desired_total), (1, 1, 3));
    assert_eq!(deployment.status_description, "Deployment is running but requires manual promotion");
    region.start_all("web");
    region.assert_settled("web");

    region.world.apply(&Command::PromoteDeployment { id: deployment.id, groups: Vec::new(), eval: None, time: region.world.now });
    let decision = region.evaluate("web");
    let counts = updates(&decision, "app");
    assert_eq!((counts.stop, counts.destructive_update), (1, 2));
    assert_eq!((region.indexes("web", 1), region.indexes("web", 0)), (vec![0, 1, 2], vec![]));
    region.start_all("web");
    region.finish_deployment("web");
    region.assert_settled("web");
}

/// More canaries than the count get names beyond it, and the surplus goes after promotion.
#[test]
fn more_canaries_than_count() {
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(v(0).count(1).build());
    region.register(v(1).count(1).canary(3).auto_promote().build());
    assert_eq!((region.indexes("web", 1), region.indexes("web", 0)), (vec![0, 1, 2], vec![0]));
    let deployment = region.deployment("web");
    assert_eq!(deployment.status_description, "Deployment is running pending automatic promotion");
    region.start_all("web");
    region.world.apply(&Command::PromoteDeployment { id: deployment.id, groups: Vec::new(), eval: None, time: region.world.now });
    region.evaluate("web");
    assert_eq!((region.indexes("web", 1), region.indexes("web", 0)), (vec![0], vec![]));
    region.assert_settled("web");
}

/// While canaries are tried, a lost old one comes back in its old version, and a lost canary as a canary.
#[test]
fn repair_beside_canaries() {
    let mut region = Region::new(&["n1", "n2", "n3"]);
    region.roll_out(v(0).count(2).constraint("${node.unique.name}", "=", "n1").build());
    region.roll_out(v(0).count(2).build());
    region.register(v(2).count(2).canary(1).build());
    region.start_all("web");
    let canary = region.world.live("web").into_iter().find(|alloc| alloc.is_canary()).unwrap();
    region.world.set_node_status("n1", model::NodeStatus::Down);
    region.world.set_node_status(&canary.node_name, model::NodeStatus::Down);
    region.evaluate("web");
    assert_eq!((region.indexes("web", 2), region.indexes("web", 1)), (vec![0], vec![0, 1]));
    let replacement = region.world.live("web").into_iter().find(|alloc| version(alloc) == 2).unwrap();
    assert!(replacement.is_canary());
    assert_eq!(replacement.deployment_id, region.deployment("web").id);
    let state = region.deployment("web").task_groups["app"].clone();
    assert_eq!(state.placed_canaries.len(), 2);
    region.start_all("web");
    region.assert_settled("web");
}

/// Of a failed deployment the canaries go, and the old ones stay.
#[test]
fn failed_canaries() {
    let mut region = Region::new(&["n1"]);
    region.roll_out(v(0).count(2).build());
    region.register(v(1).count(2).canary(1).build());
    region.set_deployment("web", DeploymentStatus::Failed);
    region.evaluate("web");
    assert_eq!((region.indexes("web", 1), region.indexes("web", 0)), (vec![], vec![0, 1]));
    region.assert_settled("web");
}

/// A deployment that failed in the middle leaves both versions as they are.
#[test]
fn failed_half_way() {
    let mut region = Region::new(&["n1"]);
    region.roll_out(v(0).count(3).build());
    region.register(v(1).count(3).build());
    region.start_all("web");
    region.set_deployment("web", DeploymentStatus::Failed);
    region.assert_settled("web");
    assert_eq!((region.indexes("web", 1), region.indexes("web", 0)), (vec![0], vec![1, 2]));
    // The next version takes all with it.
    region.roll_out(v(2).count(3).build());
    assert_eq!(region.indexes("web", 2), [0, 1, 2]);
}

/// Going back to what ran before keeps those that never changed.
#[test]
fn revert() {
    let mut region = Region::new(&["n1"]);
    region.roll_out(v(0).count(3).build());
    let untouched = region.live_ids("web")[1..].to_vec();
    region.register(v(1).count(3).build());
    region.set_deployment("web", DeploymentStatus::Failed);
    let decision = region.register(v(0).count(3).build());
    let counts = updates(&decision, "app");
    // The two count as starting until they are healthy in the new deployment, so the third waits for them.
    assert_eq!((counts.in_place_update, counts.destructive_update), (2, 0));
    region.start_all("web");
    region.evaluate("web");
    assert_eq!(region.indexes("web", 2), [0, 1, 2]);
    assert!(untouched.iter().all(|id| region.live_ids("web").contains(id)));
}

/// Groups roll side by side, each by its own strategy, in one deployment.
#[test]
fn two_groups() {
    let job =
        |n| v(n).count(2).group("cache").edit_task(move |task| _ = task.env.insert("V".to_owned(), n.to_string())).count(3).no_update();
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(job(0).build());
    let decision = region.register(job(1).build());
    assert_eq!((updates(&decision, "app").destructive_update, updates(&decision, "cache").destructive_update), (1, 3));
    let deployment = region.deployment("web");
    assert_eq!(deployment.task_groups.keys().collect::<Vec<_>>(), ["app"]);
    let in_deployment = region.world.live("web").iter().filter(|alloc| alloc.deployment_id == deployment.id).count();
    assert_eq!(in_deployment, 1);
}

/// The stored deployment says what the job's strategy says.
#[test]
fn deployment_states() {
    let mut region = Region::new(&["n1"]);
    let update = |update: &mut UpdateStrategy| {
        update.auto_revert = true;
        update.progress_deadline = 42;
    };
    region.register(v(0).count(2).edit_update(update).build());
    let deployment = region.deployment("web");
    let state = &deployment.task_groups["app"];
    assert_eq!((state.auto_revert, state.auto_promote, state.progress_deadline), (true, false, 42));
    assert_eq!(state.require_progress_by.0, region.world.now + 42);
    let job = region.world.job("web");
    assert_eq!((deployment.job_spec_modify_index, deployment.job_create_index), (job.job_modify_index, job.create_index));
    assert_eq!(deployment.eval_priority, 50);
}

/// A new one that was healthy and has to move counts once: the deployment is complete when no old one is left, not before.
#[test]
fn moved_while_rolling() {
    let mut region = Region::new(&["n1", "n2"]);
    region.roll_out(v(0).count(2).constraint("${node.unique.name}", "=", "n1").build());
    region.register(v(1).count(2).constraint("${node.unique.name}", "=", "n2").build());
    region.start_all("web");
    assert_eq!(region.indexes("web", 1), [0]);
    let moves = region.world.live("web").into_iter().find(|alloc| version(alloc) == 1).unwrap();
    region.world.transition(&[moves.id], &model::DesiredTransition { migrate: Some(true), ..Default::default() });
    region.evaluate("web");
    region.start_all("web");
    assert_eq!((region.indexes("web", 1), region.indexes("web", 0)), (vec![0], vec![1]));
    assert!(!region.deployment("web").is_complete());
    region.evaluate("web");
    region.start_all("web");
    assert_eq!((region.indexes("web", 1), region.indexes("web", 0)), (vec![0, 1], vec![]));
    region.finish_deployment("web");
    region.assert_settled("web");
}
