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
