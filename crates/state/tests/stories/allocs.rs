use model::{AllocUpdate, ClientStatus, DesiredTransition};
use state::Command;

use crate::kit::*;

/// The summary of a group follows every step of an allocation: starting, running, complete, failed, lost, queued.
#[test]
fn summaries() {
    let mut world = world();
    let allocs = [alloc(&mut world, 0), alloc(&mut world, 1)];
    let ids = place(&mut world, &allocs);
    assert_eq!(summary(&world), [2, 0, 0, 0, 0, 0]);
    world.report(&ids, ClientStatus::Running);
    assert_eq!(summary(&world), [0, 2, 0, 0, 0, 0]);
    world.report(&ids[..1], ClientStatus::Failed);
    assert_eq!(summary(&world), [0, 1, 0, 1, 0, 0]);
    world.report(&ids[1..], ClientStatus::Complete);
    assert_eq!(summary(&world), [0, 0, 1, 1, 0, 0]);
    let third = alloc(&mut world, 2);
    let third = place(&mut world, &[third]);
    stop(&mut world, third[0]);
    assert_eq!(summary(&world), [0, 0, 1, 1, 0, 0], "what never started and is not wanted is not starting");
    let counted = world.store.job_summary(&world.key("web")).cloned();
    world.apply(&Command::ReconcileSummaries);
    assert_eq!(world.store.job_summary(&world.key("web")).cloned(), counted, "counting anew finds the same");
}

/// Each row: what the region has said, what the node says after it, and what stands.
#[test]
fn reports() {
    use ClientStatus::{Complete, Failed, Lost, Pending, Running, Unknown};
    for (before, report, after) in [
        (Pending, Running, Running),
        (Running, Failed, Failed),
        (Running, Complete, Complete),
        (Unknown, Running, Running),
        // The region has given it up and replaced it; that it still runs somewhere is no news.
        (Lost, Running, Lost),
        (Lost, Complete, Complete),
        (Lost, Failed, Failed),
    ] {
        let mut world = world();
        let one = alloc(&mut world, 0);
        let ids = place(&mut world, &[model::Allocation { client_status: before, ..one }]);
        world.report(&ids, report);
        assert_eq!(world.store.alloc(ids[0]).map(|alloc| alloc.client_status), Some(after), "{before} then {report}");
    }
}

/// When its node was silent and when it was back is kept with the allocation, the newest 20 such changes; nothing else is.
#[test]
fn absences_are_kept() {
    use ClientStatus::{Complete, Running, Unknown};
    let mut world = world();
    let one = alloc(&mut world, 0);
    let ids = place(&mut world, &[one]);
    let states = |world: &testkit::World| -> Vec<(u8, String, i64)> {
        let alloc = world.store.alloc(ids[0]).expect("an allocation");
        let states = alloc.alloc_states.as_deref().into_iter().flatten();
        states.map(|state| (state.field, state.value.clone(), state.time.0)).collect()
    };
    world.report(&ids, Running);
    assert_eq!(states(&world), []);
    let mut expected = Vec::new();
    for _ in 0..12 {
        for status in [Unknown, Running] {
            world.report(&ids, status);
            expected.push((0, status.to_string(), world.store.alloc(ids[0]).expect("an allocation").modify_time));
            world.report(&ids, status);
        }
    }
    world.report(&ids, Complete);
    assert_eq!(states(&world), expected[4..]);
    // an update in place keeps them
    let updated = (**world.store.alloc(ids[0]).expect("an allocation")).clone();
    place(&mut world, &[model::Allocation { alloc_states: None, ..updated }]);
    assert_eq!(states(&world), expected[4..]);
}

/// A node shows when it last reported, whatever the region does with its allocations or the node meanwhile.
#[test]
fn when_a_node_reported() {
    let mut world = world();
    let one = alloc(&mut world, 0);
    let node = one.node_id;
    let shown = |world: &testkit::World| world.store.node_shown(node).map(|node| node.last_alloc_update_index);
    let ids = place(&mut world, &[one]);
    assert_eq!(shown(&world), Some(0), "never");
    world.report(&ids, ClientStatus::Running);
    let index = world.store.index();
    stop(&mut world, ids[0]);
    assert_eq!(shown(&world), Some(index), "the region's own changes are none");
    let records: Vec<Vec<u8>> = world.store.snapshot_records().map(|record| record.expect("bytes")).collect();
    let restored = state::Store::restore(records.iter().map(Vec::as_slice)).expect("restored");
    assert_eq!(restored, world.store);
    world.report(&ids, ClientStatus::Complete);
    assert_eq!(shown(&world), Some(world.store.index()));
    let reap = state::Reap { nodes: vec![node], ..Default::default() };
    world.apply(&Command::Reap(Box::new(reap)));
    assert_eq!(shown(&world), None);
}

/// Reports about what the region does not know are passed over, the others count.
#[test]
fn reports_about_strangers() {
    let mut world = world();
    let one = alloc(&mut world, 0);
    let ids = place(&mut world, &[one]);
    let update = |id| AllocUpdate { id, client_status: ClientStatus::Running, ..AllocUpdate::default() };
    let stranger = model::AllocId(world.new_id());
    world.apply(&Command::UpdateAllocs { updates: vec![update(stranger), update(ids[0])], evals: Vec::new(), time: world.now });
    assert_eq!(world.store.alloc(ids[0]).map(|alloc| alloc.client_status), Some(ClientStatus::Running));
    assert!(world.store.alloc(stranger).is_none());
}

/// What is wanted of an allocation adds up; what is not said stays.
#[test]
fn transitions() {
    let mut world = world();
    let one = alloc(&mut world, 0);
    let ids = place(&mut world, &[one]);
    world.transition(&ids, &DesiredTransition { migrate: Some(true), ..Default::default() });
    world.transition(&ids, &DesiredTransition { force_reschedule: Some(true), ..Default::default() });
    world.transition(&ids, &DesiredTransition { migrate: Some(false), no_shutdown_delay: Some(true), ..Default::default() });
    let wanted = world.store.alloc(ids[0]).map(|alloc| alloc.desired_transition.clone());
    let expected = DesiredTransition {
        migrate: Some(false),
        force_reschedule: Some(true),
        no_shutdown_delay: Some(true),
        ..DesiredTransition::default()
    };
    assert_eq!(wanted, Some(expected));
}

/// A node is told of what the region wants (`AllocModifyIndex`), not of what it said itself.
#[test]
fn indexes_for_nodes() {
    let mut world = world();
    let one = alloc(&mut world, 0);
    let ids = place(&mut world, &[one]);
    let placed = world.store.index();
    world.report(&ids, ClientStatus::Running);
    let alloc = world.store.alloc(ids[0]).cloned().expect("an allocation");
    assert_eq!((alloc.alloc_modify_index, alloc.modify_index), (placed, world.store.index()));
    stop(&mut world, ids[0]);
    let alloc = world.store.alloc(ids[0]).cloned().expect("an allocation");
    assert_eq!(alloc.alloc_modify_index, world.store.index());
}
