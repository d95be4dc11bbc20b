use model::{Event, EventTopic, EventType, NodeStatus};
use state::{Command, Reap};
use testkit::World;

use crate::kit::*;

/// Applies it; topic, type and key of each event, gone things marked by `-`.
#[track_caller]
fn told(world: &mut World, command: &Command) -> Vec<String> {
    let applied = world.apply(command);
    let word = |event: &Event| {
        let key = if matches!(event.topic(), EventTopic::Job | EventTopic::Node) { event.key() } else { String::new() };
        format!("{} {} {}{key}", event.topic(), event.kind, if event.deleted { "-" } else { "" })
    };
    world.store.events(command, &applied).iter().map(word).collect()
}

#[test]
fn a_request_tells_of_all_that_it_changed() {
    // evaluations of another request have its type; a job whose status alone changed is not told of; nothing is told of what is no news
    let mut world = world();
    let node = testkit::node_id("n1").to_string();
    let alloc = alloc(&mut world, 0);
    let placement = state::Placement { job_version: 0, alloc: alloc.clone() };
    let placing = state::Plan { placements: vec![placement], ..plan(&world) };
    assert_eq!(told(&mut world, &Command::ApplyPlan(Box::new(placing))), ["Allocation PlanResult "]);
    let eval = world.new_eval("web", model::EvalTrigger::NodeUpdate);
    let down =
        Command::SetNodeStatus { id: testkit::node_id("n1"), status: NodeStatus::Down, event: None, evals: vec![eval], time: world.now };
    let events = told(&mut world, &down);
    assert_eq!(events, [format!("Node {} {node}", EventType::NodeStreamEvent), "Evaluation NodeStreamEvent ".to_owned()]);
    assert!(told(&mut world, &Command::Noop).is_empty());
}

#[test]
fn kinds_are_those_that_the_interface_has_for_the_topic() {
    // health that a node reports, and a promotion, change allocation and deployment
    let mut world = world();
    let alloc = alloc(&mut world, 0);
    let state = model::DeploymentState { desired_canaries: 1, desired_total: 1, ..Default::default() };
    let mut deployment = model::Deployment {
        id: model::DeploymentId(world.new_id()),
        namespace: alloc.namespace.clone(),
        job_id: alloc.job_id.clone(),
        status: model::DeploymentStatus::Running,
        ..Default::default()
    };
    deployment.task_groups.insert(alloc.task_group.as_str().to_owned(), state);
    let status = model::AllocDeploymentStatus { canary: true, ..Default::default() };
    let alloc = model::Allocation { deployment_id: deployment.id, deployment_status: Some(status), ..alloc };
    let placement = state::Placement { job_version: 0, alloc: alloc.clone() };
    let id = deployment.id;
    let placing = state::Plan { placements: vec![placement], deployment: Some(deployment), ..plan(&world) };
    let mut events = told(&mut world, &Command::ApplyPlan(Box::new(placing)));
    events.sort();
    assert_eq!(events, ["Allocation PlanResult ", "Deployment PlanResult "]);
    let health = model::AllocDeploymentStatus { healthy: Some(true), timestamp: model::Time(1), ..Default::default() };
    let update = model::AllocUpdate {
        id: alloc.id,
        client_status: model::ClientStatus::Running,
        deployment_id: id,
        deployment_status: Some(health),
        ..Default::default()
    };
    let mut events = told(&mut world, &Command::UpdateAllocs { updates: vec![update], evals: Vec::new(), time: 2 });
    events.sort();
    assert_eq!(events, ["Allocation AllocationUpdated ", "Deployment DeploymentAllocHealth "]);
    let promotion = Command::PromoteDeployment { id, groups: Vec::new(), eval: None, time: 3 };
    let mut events = told(&mut world, &promotion);
    events.sort();
    assert_eq!(events, ["Allocation AllocationUpdated ", "Deployment DeploymentPromotion "]);
}

#[test]
fn what_is_gone_is_told_as_it_was() {
    // purged by a person, collected as garbage, a node that was taken out; what never was is not told of
    let mut world = world();
    let key = world.key("web");
    let purge = Command::DeregisterJob { key: key.clone(), purge: true, eval: None, time: world.now };
    assert_eq!(told(&mut world, &purge), ["Job JobDeregistered -web"]);
    register(&mut world, testkit::job("web").build());
    let stopping = Command::DeregisterJob { key: key.clone(), purge: false, eval: None, time: world.now };
    assert_eq!(told(&mut world, &stopping), ["Job JobDeregistered web"]);
    let node = testkit::node_id("n1");
    let reap = Command::Reap(Box::new(Reap { jobs: vec![key, world.key("never")], nodes: vec![node], ..Default::default() }));
    assert_eq!(told(&mut world, &reap), ["Job JobBatchDeregistered -web".to_owned(), format!("Node NodeDeregistration -{node}")]);
}
