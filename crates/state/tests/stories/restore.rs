//! A region becomes what a snapshot holds, and keeps quiet about rollouts until it knows what it had said.

use model::{JobStatus, Phase, RolloutHeader, Uuid};
use state::{Command, LiftFence, Outcome, Recovery, Store, Table, Watch};
use testkit::World;

use crate::kit::*;

const RESTORE: Uuid = Uuid::from_u128(77);

fn records(store: &Store) -> Vec<Vec<u8>> {
    store.snapshot_records().map(|record| record.expect("bytes")).collect()
}

fn refused(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused(text) => text,
        other => panic!("not refused: {other:?}"),
    }
}

/// In two parts.
fn try_restore(world: &mut World, records: &[Vec<u8>], incarnation: u64) -> state::Applied {
    world.apply(&Command::BeginRestore { id: RESTORE });
    for (position, part) in records.chunks(records.len() / 2 + 1).enumerate() {
        world.apply(&Command::AddToRestore { id: RESTORE, position: position as u64, records: part.to_vec() });
    }
    world.try_apply(&Command::FinishRestore { id: RESTORE, n_records: records.len() as u64, incarnation, time: world.now })
}

#[track_caller]
fn restore(world: &mut World, records: &[Vec<u8>]) {
    let applied = try_restore(world, records, 0);
    assert!(applied.outcome == Outcome::Done && applied.restored, "{:?}", applied.outcome);
}

/// What came after the snapshot is gone; everything that is there changed with the restore, and what the region has counted only grows.
#[test]
fn back_to_a_snapshot() {
    let mut world = world();
    let live = alloc(&mut world, 0);
    let [id] = place(&mut world, &[live])[..] else { panic!("one allocation") };
    let saved = records(&world.store);
    register(&mut world, testkit::job("late").build());
    stage(&mut world, &header(9, "east", 1));
    stop(&mut world, id);
    restore(&mut world, &saved);
    let store = &world.store;
    let index = store.index();
    assert!(store.job(&world.key("late")).is_none() && store.rollouts().next().is_none());
    assert!(is_run(store.alloc(id).expect("an allocation")) && store.job_allocs(&world.key("web")).count() == 1);
    let (job, alloc) = (store.job(&world.key("web")).expect("a job"), store.alloc(id).expect("an allocation"));
    assert_eq!((job.modify_index, alloc.modify_index, alloc.alloc_modify_index, job.status), (index, index, index, JobStatus::Running));
    assert!(job.create_index < job.job_modify_index + 1 && job.job_modify_index < index, "the specification did not change");
    for watch in [Watch::Table(Table::Jobs), Watch::JobAllocs(world.key("web")), Watch::Job(world.key("late"))] {
        assert_eq!(store.watch_index(&watch), index, "{watch:?}: whoever waits looks again");
    }
    let identity = store.identity();
    assert_eq!((identity.incarnation, identity.lamport), (2, 9));
    // The next one begins where this one ends, whatever its snapshot says; and not below what is asked for.
    restore(&mut world, &saved);
    assert_eq!(world.store.identity().incarnation, 3);
    assert_eq!(try_restore(&mut world, &saved, 1000).outcome, Outcome::Done);
    assert_eq!(world.store.identity().incarnation, 1000);
    // It goes on as any other region.
    world.apply(&Command::LiftFence(Box::new(LiftFence { rollouts: Vec::new(), lamport: 12, time: world.now })));
    assert_eq!(world.store.identity().lamport, 12);
    register(&mut world, testkit::job("later").build());
    assert_eq!(Store::restore(records(&world.store).iter().map(Vec::as_slice)).expect("a store"), world.store);
}

/// A region that was founded anew has a short log: nothing in it may claim to be younger than its newest entry.
#[test]
fn into_a_region_that_was_founded_anew() {
    let mut old = world();
    for n in 0..50 {
        register(&mut old, testkit::job("web").env("N", &n.to_string()).build());
    }
    let live = alloc(&mut old, 0);
    place(&mut old, &[live]);
    let mut young = World::new();
    restore(&mut young, &records(&old.store));
    let (store, index) = (&young.store, young.store.index());
    assert!(index < 10 && old.store.index() > 50);
    let job = store.job(&young.key("web")).expect("a job");
    assert_eq!((job.version, job.create_index, job.job_modify_index), (50, index.min(3), index));
    let alloc = store.job_allocs(&young.key("web")).next().expect("an allocation");
    let of_alloc = alloc.job.as_ref().expect("its job");
    assert!(alloc.create_index <= index && std::sync::Arc::ptr_eq(of_alloc, job) || of_alloc.job_modify_index == job.job_modify_index);
    assert!(store.nodes().all(|node| node.create_index <= index && node.modify_index == index));
}

/// Parts come in order, each once, and of one restore; nothing happens before all are there and can be read.
#[test]
fn parts() {
    let mut world = world();
    let saved = records(&world.store);
    let before = world.store.clone();
    let add = |world: &mut World, id, position, records: &[Vec<u8>]| {
        world.try_apply(&Command::AddToRestore { id, position, records: records.to_vec() }).outcome
    };
    let finish = |world: &mut World, n_records| {
        world.try_apply(&Command::FinishRestore { id: RESTORE, n_records, incarnation: 0, time: world.now }).outcome
    };
    assert!(refused(add(&mut world, RESTORE, 0, &saved)).contains("not under way"));
    world.apply(&Command::BeginRestore { id: RESTORE });
    assert!(refused(add(&mut world, Uuid::from_u128(78), 0, &saved)).contains("not under way"));
    assert!(refused(add(&mut world, RESTORE, 1, &saved)).contains("part 0 was missed"));
    assert_eq!(add(&mut world, RESTORE, 0, &saved), Outcome::Done);
    assert_eq!(add(&mut world, RESTORE, 0, &saved), Outcome::Done, "its answer was lost");
    let n = saved.len() as u64;
    assert!(refused(finish(&mut world, n + 1)).contains(&format!("{n} of the snapshot's {} records", n + 1)));
    // A server that joins meanwhile gets the parts with its snapshot.
    let twin = Store::restore(records(&world.store).iter().map(Vec::as_slice)).expect("a store");
    assert!(twin == world.store && twin.restoring() == Some((RESTORE, 1)));
    assert_eq!(add(&mut world, RESTORE, 1, &[vec![1, 2, 3]]), Outcome::Done);
    assert!(refused(finish(&mut world, n + 1)).contains("cannot be read"));
    assert!(world.store.job(&world.key("web")) == before.job(&world.key("web")) && !world.store.is_fenced());
    world.apply(&Command::CancelRestore { id: RESTORE });
    assert_eq!(world.store.restoring(), None);
    assert!(refused(finish(&mut world, n)).contains("not under way"));
    // Of another region.
    let mut east = World::new();
    east.store = Store::default();
    east.apply(&Command::Bootstrap { region: "east".into(), cluster: Uuid::from_u128(5) });
    let outcome = try_restore(&mut east, &saved, 0).outcome;
    assert_eq!(refused(outcome), "the snapshot is of region \"west\", this one is \"east\"");
}

/// A fenced region votes for nothing and changes no phase; what people assert is written down.
#[test]
fn fenced() {
    let mut world = World::new();
    let (rolling, staged) = (header(1, "east", 0), header(2, "east", 1));
    adopt(&mut world, &rolling);
    walk(&mut world, &rolling, &[Phase::Running]);
    let staged = RolloutHeader { base: Some(rolling.id.clone()), ..staged };
    stage(&mut world, &staged);
    let saved = records(&world.store);
    restore(&mut world, &saved);
    assert!(world.store.is_fenced());
    let withdraw = Command::UnstageRollout {
        id: staged.id.clone(),
        phase: Phase::Withdrawn,
        cause: String::new(),
        cause_region: "east".into(),
        time: 0,
    };
    let outcomes = [
        try_stage(&mut world, &header(7, "east", 9)),
        try_adopt(&mut world, &staged),
        go(&mut world, &rolling, Phase::Blocked),
        world.try_apply(&withdraw).outcome,
    ];
    for outcome in outcomes {
        assert_eq!(refused(outcome), state::FENCED);
    }
    let overrides = model::Overrides { excluded: ["east".into()].into(), ..Default::default() };
    let exclude = Command::OverrideRollout { id: rolling.id.clone(), overrides, time: 0 };
    assert_eq!(world.try_apply(&exclude).outcome, Outcome::Done);
    assert_eq!(rollout(&world, &rolling).phase, Phase::Running);
}

/// With the fence goes what the region had said last: voted again, ended, or where it was.
#[test]
fn lifting_the_fence() {
    let mut world = World::new();
    let rolling = header(1, "east", 0);
    adopt(&mut world, &rolling);
    walk(&mut world, &rolling, &[Phase::Running]);
    let saved = records(&world.store);
    restore(&mut world, &saved);
    let recovery = |header: &RolloutHeader, phase| Recovery {
        header: header.clone().into(),
        source: Some(spec(&header.spec_hash)),
        phase,
        cause: "restored".to_owned(),
        cause_region: Default::default(),
        forced: false,
        adoption: None,
        stop_job: false,
        revert_to: None,
        eval: None,
    };
    let lost = RolloutHeader { base: Some(rolling.id.clone()), ..header(4, "east", 3) };
    let voted = RolloutHeader { base: Some(lost.id.clone()), ..header(6, "east", 5) };
    let rollouts = vec![recovery(&rolling, Phase::Failed), recovery(&lost, Phase::Cancelled), recovery(&voted, Phase::Voted)];
    world.apply(&Command::LiftFence(Box::new(LiftFence { rollouts, lamport: 6, time: world.now })));
    assert!(!world.store.is_fenced());
    let phases: Vec<Phase> = world.store.rollouts().map(|rollout| rollout.phase).collect();
    assert_eq!(phases, [Phase::Failed, Phase::Cancelled, Phase::Voted]);
    let key = world.key("web");
    assert_eq!(world.store.rollout_head(&key).map(|head| head.header.id.clone()), Some(lost.id));
    assert_eq!(world.store.rollout_staged(&key).map(|staged| staged.header.id.clone()), Some(voted.id));
    let deployment = world.store.latest_deployment(&key).expect("a deployment");
    assert_eq!((deployment.status, deployment.status_description.as_str()), (model::DeploymentStatus::Failed, "restored"));
    // Version 3 was given to the lost one, 5 is promised: neither comes again.
    let mut job = (*spec("new")).clone();
    job.id = "web".into();
    register(&mut world, job);
    assert_eq!(world.job("web").version, 6);
    let again = world.try_apply(&Command::LiftFence(Box::new(LiftFence { rollouts: Vec::new(), lamport: 0, time: 0 })));
    assert_eq!(refused(again.outcome), "the region is not fenced");
}

/// What a region said before it was restored counts no more, from a point on that never goes back.
#[test]
fn heeding() {
    let mut world = World::new();
    let east = "east".into();
    assert!(world.store.heeds(&east, 0));
    for (told, counts, not) in [(5, 5, 4), (3, 5, 4), (8, 8, 7)] {
        world.apply(&Command::HeedRegion { region: east.clone(), incarnation: told });
        assert!(world.store.heeds(&east, counts) && !world.store.heeds(&east, not), "{told}");
    }
    assert!(world.store.heeds(&"north".into(), 0));
    let saved = records(&world.store);
    world.apply(&Command::HeedRegion { region: east.clone(), incarnation: 20 });
    restore(&mut world, &saved);
    assert!(!world.store.heeds(&east, 19), "not forgotten with a restore of its own");
}
