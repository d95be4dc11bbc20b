use model::{Allocation, ClientStatus, DeploymentStatus, EvalTrigger, Phase, RolloutHeader};
use state::{Command, Store};
use testkit::World;

use crate::kit::*;

#[track_caller]
fn restored(store: &Store) -> Store {
    let records: Vec<Vec<u8>> = store.snapshot_records().map(|record| record.expect("bytes")).collect();
    Store::restore(records.iter().map(Vec::as_slice)).expect("a store")
}

/// A world with something in every table, also with what is easily lost: jobs of allocations that were since changed, purged or made anew.
pub fn full_world() -> World {
    let mut world = world();
    let wanted = deployment(&mut world, 2);
    let id = put_deployment(&mut world, wanted);
    let allocs = [0, 1].map(|index| Allocation { deployment_id: id, ..alloc(&mut world, index) });
    let ids = place(&mut world, &allocs);
    world.report_health(&ids, true);
    set_status(&mut world, id, DeploymentStatus::Successful, "done");
    register(&mut world, testkit::job("web").count(3).env("A", "b").build());
    let third = alloc(&mut world, 2);
    place(&mut world, &[third]);
    world.new_eval("web", EvalTrigger::NodeUpdate);
    world.apply(&Command::DeregisterJob { key: world.key("web"), purge: true, eval: None, time: world.now });
    register(&mut world, testkit::job("web").count(2).build());
    let fourth = alloc(&mut world, 0);
    let ids = place(&mut world, &[fourth]);
    world.report(&ids, ClientStatus::Running);
    let first = RolloutHeader { job_id: "multi".into(), ..header(1, "east", 0) };
    let second = RolloutHeader { base: Some(first.id.clone()), job_id: "multi".into(), ..header(2, "east", 1) };
    for header in [&first, &second] {
        let source = testkit::job("multi").env("V", &header.job_version.to_string()).arc();
        let stage = Command::StageRollout { header: header.clone().into(), source: Some(source.clone()), submission: None, time: 1 };
        world.apply(&stage);
        if header.id == first.id {
            let adoption = state::Adoption { id: header.id.clone(), job: Some(source), deployment: None, eval: None, time: 1 };
            world.apply(&Command::AdoptRollout(Box::new(adoption)));
            world.apply(&Command::DeregisterJob { key: world.key("multi"), purge: true, eval: None, time: 1 });
        }
    }
    assert_eq!(rollout(&world, &second).phase, Phase::Voted);
    world
}

/// A snapshot restores a store that is equal in everything, shares jobs between allocations as before, and goes on alike.
#[test]
fn equal_and_goes_on_alike() {
    let mut world = full_world();
    let mut twin = world.clone();
    twin.store = restored(&world.store);
    assert!(twin.store == world.store);
    for world in [&mut world, &mut twin] {
        register(world, testkit::job("web").count(9).build());
        let ids: Vec<_> = world.live("web").iter().map(|alloc| alloc.id).collect();
        world.report(&ids, ClientStatus::Complete);
        world.stop("web");
        world.apply(&Command::ReconcileSummaries);
    }
    assert!(twin.store == world.store);
    assert!(restored(&Store::default()) == Store::default());
}

/// Allocations that were placed together share one job in the snapshot and in memory.
#[test]
fn jobs_are_shared() {
    let mut world = world();
    let allocs: Vec<_> = (0..50).map(|index| alloc(&mut world, index)).collect();
    place(&mut world, &allocs);
    let n_bytes: usize = world.store.snapshot_records().map(|record| record.expect("bytes").len()).sum();
    let job = model::codec::to_body(&world.job("web")).expect("bytes").len();
    assert!(n_bytes < 50 * job, "{n_bytes} bytes for 50 allocations of a job of {job}");
    let store = restored(&world.store);
    let mut jobs: Vec<_> = store.allocs().filter_map(|alloc| alloc.job.as_ref()).map(std::sync::Arc::as_ptr).collect();
    jobs.dedup();
    assert_eq!(jobs.len(), 1);
}

/// Damaged and foreign records are an error.
#[test]
fn damage() {
    let world = full_world();
    for record in world.store.snapshot_records() {
        let mut record = record.expect("bytes");
        let last = record.len() - 1;
        record[last] ^= 1;
        assert!(Store::restore([record.as_slice()]).is_err());
        assert!(Store::restore([&record[..last]]).is_err());
    }
}
