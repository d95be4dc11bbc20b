use std::sync::Arc;

use model::{ClientStatus, Eligibility, Node, NodeEvent, NodeStatus, Uuid};
use state::{Command, Outcome, Watch};
use testkit::World;

use crate::kit::*;

fn event(message: &str) -> NodeEvent {
    NodeEvent { message: message.to_owned(), ..NodeEvent::default() }
}

fn node(world: &World) -> Node {
    (**world.store.node(testkit::node_id("n1")).expect("a node")).clone()
}

/// A node that registers again keeps what the region decided about it; with another secret it is somebody else.
#[test]
fn registering_again() {
    let mut world = World::with_nodes(&["n1"]);
    let id = testkit::node_id("n1");
    let created = node(&world).create_index;
    let ineligible =
        Command::SetNodeEligibility { id, eligibility: Eligibility::Ineligible, event: Some(event("marked")), evals: Vec::new(), time: 0 };
    world.apply(&ineligible);
    world.wait(5);
    world.add_node(testkit::node("n1").class("large").build());
    let again = node(&world);
    assert_eq!((again.scheduling_eligibility, again.create_index, again.events.len()), (Eligibility::Ineligible, created, 1));
    assert_eq!((again.node_class.as_str(), again.status_updated_at), ("large", world.now / testkit::SECOND));
    assert_eq!(again.computed_class, again.class_hash());
    let thief = Node { secret_id: Uuid::from_u128(1), ..testkit::node("n1").build() };
    let stolen = Command::RegisterNode { node: Arc::new(thief), event: None, evals: Vec::new(), time: 0 };
    assert!(matches!(world.try_apply(&stolen).outcome, Outcome::Refused(text) if text.contains("secret")));
}

/// The time of the last change of status is that of a change; the last ten events are kept.
#[test]
fn status_and_events() {
    let mut world = World::with_nodes(&["n1"]);
    let begun = node(&world).status_updated_at;
    world.wait(60);
    world.set_node_status("n1", NodeStatus::Ready);
    assert_eq!(node(&world).status_updated_at, begun, "it was ready before");
    world.set_node_status("n1", NodeStatus::Down);
    assert_eq!(node(&world).status_updated_at, begun + 60);
    for n in 0..12 {
        world.apply(&Command::AddNodeEvents { id: testkit::node_id("n1"), events: vec![event(&n.to_string())] });
    }
    let messages: Vec<String> = node(&world).events.into_iter().map(|event| event.message).collect();
    assert_eq!(messages, (2..12).map(|n| n.to_string()).collect::<Vec<_>>());
    let unknown = Command::AddNodeEvents { id: testkit::node_id("nope"), events: Vec::new() };
    assert_eq!(world.try_apply(&unknown).outcome, Outcome::Refused("node not found".to_owned()));
}

#[test]
fn work_of_a_node() {
    // placed, reported by the node, stopped by the region, collected: what is work for the node, and when something of it went
    let mut world = world();
    let node = testkit::node_id("n1");
    let losses = |world: &testkit::World| world.store.watch_index(&Watch::NodeLosses(node));
    let registered = losses(&world);
    let (one, two) = (alloc(&mut world, 0), alloc(&mut world, 1));
    let first = place(&mut world, &[one])[0];
    let between = world.store.index();
    let second = place(&mut world, &[two])[0];
    let work = |world: &testkit::World, index| world.store.node_work(node, index).map(|alloc| alloc.id).collect::<Vec<_>>();
    assert_eq!((work(&world, 0), work(&world, between)), (vec![first, second], vec![second]));
    let placed = world.store.index();
    world.report(&[first, second], ClientStatus::Running);
    assert_eq!(work(&world, placed), []);
    stop(&mut world, first);
    assert_eq!((work(&world, placed), work(&world, 0)), (vec![first], vec![second, first]));
    world.report(&[first], ClientStatus::Complete);
    assert_eq!(losses(&world), registered, "nothing went yet");
    world.apply(&Command::Reap(Box::new(state::Reap { allocs: vec![first], ..Default::default() })));
    assert_eq!((losses(&world), work(&world, 0)), (world.store.index(), vec![second]));
}
