use model::{DeploymentStatus, JobStatus, JobSubmission};
use state::{Command, KEPT_SCALING_EVENTS, Outcome, RegisterJob, ScaleJob, TRACKED_VERSIONS};
use testkit::World;

use crate::kit::*;

fn try_register(world: &mut World, job: model::Job, enforce_index: Option<u64>) -> Outcome {
    let register = RegisterJob { job: job.into(), submission: None, enforce_index, eval: None, time: world.now };
    world.try_apply(&Command::RegisterJob(Box::new(register))).outcome
}

/// A specification gets a version once: the same again changes nothing, a change counts up, a stop is a change.
#[test]
fn versions() {
    let mut world = world();
    let first = world.job("web");
    assert_eq!((first.version, first.create_index, first.stable), (0, first.job_modify_index, false));
    let again = try_register(&mut world, testkit::job("web").count(2).build(), None);
    assert_eq!(again, Outcome::Registered { version: 0, job_modify_index: first.job_modify_index, changed: false });
    let next = try_register(&mut world, testkit::job("web").count(3).build(), None);
    assert_eq!(next, Outcome::Registered { version: 1, job_modify_index: world.store.index(), changed: true });
    world.stop("web");
    let stopped = world.job("web");
    assert_eq!((stopped.version, stopped.stop, stopped.create_index), (2, true, first.create_index));
    let versions: Vec<u64> = world.store.job_versions(&world.key("web")).iter().map(|job| job.version).collect();
    assert_eq!(versions, [2, 1, 0]);
}

/// Each row: the index that is enforced on a job that exists and on one that does not, and whether it is let through.
#[test]
fn enforced_indexes() {
    let mut world = world();
    let present = world.job("web").job_modify_index;
    for (id, index, want) in [
        ("web", present, ""),
        ("web", 0, "Enforcing job modify index 0: job already exists"),
        ("web", 999, "Enforcing job modify index 999: job exists with conflicting job modify index"),
        ("new", 7, "Enforcing job modify index 7: job does not exist"),
        ("new", 0, ""),
    ] {
        let before = world.store.clone();
        match try_register(&mut world, testkit::job(id).count(9).build(), Some(index)) {
            Outcome::Refused(text) => assert!(!want.is_empty() && text.starts_with(want), "{id} {index}: {text}"),
            other => assert_eq!((want, matches!(other, Outcome::Registered { changed: true, .. })), ("", true), "{id} {index}: {other:?}"),
        }
        if !want.is_empty() {
            assert_eq!(world.job("web"), before.job(&world.key("web")).cloned().expect("web"), "a refusal changes nothing");
        }
    }
}

/// The status follows from what the job has: an evaluation, a deployment that waits, something that runs, nothing.
#[test]
fn status() {
    let mut world = World::with_nodes(&["n1"]);
    let eval = world.register(testkit::job("web").build());
    assert_eq!(world.job("web").status, JobStatus::Pending, "to be looked at");
    finish(&mut world, eval.id);
    assert_eq!(world.job("web").status, JobStatus::Dead, "looked at, and nothing came of it");
    let waiting = model::Deployment { status: DeploymentStatus::Pending, ..deployment(&mut world, 1) };
    let waiting = put_deployment(&mut world, waiting);
    assert_eq!(world.job("web").status, JobStatus::Pending, "waits for its turn");
    set_status(&mut world, waiting, DeploymentStatus::Cancelled, "over");
    assert_eq!(world.job("web").status, JobStatus::Dead, "waits for nothing");
    let one = alloc(&mut world, 0);
    let placed = place(&mut world, &[one]);
    assert_eq!(world.job("web").status, JobStatus::Running, "placed");
    world.report(&placed, model::ClientStatus::Complete);
    assert_eq!(world.job("web").status, JobStatus::Dead, "all over");
    assert_eq!(world.store.job_version(&world.key("web"), 0), Some(&world.job("web")), "the version shows the same status");
}

/// The newest versions are kept, with the newest stable one and those that still run.
#[test]
fn pruning() {
    let mut world = world();
    world.apply(&Command::SetJobStability { key: world.key("web"), version: 0, stable: true });
    register(&mut world, testkit::job("web").count(100).build());
    let one = alloc(&mut world, 0);
    place(&mut world, &[one]);
    for count in 101..110 {
        register(&mut world, testkit::job("web").count(count).build());
    }
    let versions: Vec<u64> = world.store.job_versions(&world.key("web")).iter().map(|job| job.version).collect();
    let newest = (10 - TRACKED_VERSIONS + 1..=10).rev();
    assert_eq!(versions, newest.chain([1, 0]).collect::<Vec<_>>());
    assert_eq!(world.store.latest_stable_job(&world.key("web"), 10).map(|job| job.version), Some(0));

    world.apply(&Command::TrackVersions { n: 2 });
    register(&mut world, testkit::job("web").count(110).build());
    let versions: Vec<u64> = world.store.job_versions(&world.key("web")).iter().map(|job| job.version).collect();
    assert_eq!(versions, [11, 10, 1, 0], "fewer were asked for");
}

/// A version that was stopped is nothing to return to, also if somebody says that it is stable.
#[test]
fn stopped_versions_are_not_returned_to() {
    let mut world = world();
    world.stop("web");
    world.apply(&Command::SetJobStability { key: world.key("web"), version: 1, stable: true });
    assert_eq!(world.store.latest_stable_job(&world.key("web"), 9).map(|job| job.version), None);
}

/// What was submitted is kept by version, and goes with it.
#[test]
fn submissions() {
    let mut world = world();
    let submission = |source: &str| Some(JobSubmission { source: source.to_owned(), ..JobSubmission::default() });
    for count in 10..30 {
        let job = testkit::job("web").count(count).arc();
        let register =
            RegisterJob { job, submission: submission(&format!("count {count}")), enforce_index: None, eval: None, time: world.now };
        world.apply(&Command::RegisterJob(Box::new(register)));
    }
    let key = world.key("web");
    let kept = world.store.job_submission(&key, 20).expect("the newest");
    assert_eq!((kept.source.as_str(), kept.version, kept.job_id.as_str()), ("count 29", 20, "web"));
    assert!(world.store.job_submission(&key, 1).is_none(), "gone with its version");
    world.apply(&Command::DeregisterJob { key: key.clone(), purge: true, eval: None, time: world.now });
    assert!(world.store.job_submission(&key, 20).is_none(), "gone with its job");
}

/// A purged job is gone with its versions and its summary; one of the same name begins anew, and what is left of the first counts for nothing.
#[test]
fn purge_and_begin_anew() {
    let mut world = world();
    let one = alloc(&mut world, 0);
    let old = place(&mut world, &[one]);
    world.report(&old, model::ClientStatus::Running);
    let key = world.key("web");
    world.apply(&Command::DeregisterJob { key: key.clone(), purge: true, eval: None, time: world.now });
    assert!(world.store.job(&key).is_none() && world.store.job_versions(&key).is_empty() && world.store.job_summary(&key).is_none());
    assert!(world.store.alloc(old[0]).is_some(), "what runs is stopped by the scheduler");
    register(&mut world, testkit::job("web").build());
    assert_eq!(world.job("web").version, 0);
    world.report(&old, model::ClientStatus::Complete);
    assert_eq!(summary(&world), [0; 6], "the end of an earlier job's allocation");
    world.apply(&Command::ReconcileSummaries);
    assert_eq!(summary(&world), [0; 6]);
}

/// What is not there cannot be stopped.
#[test]
fn unknown_jobs() {
    let mut world = World::new();
    let key = world.key("nope");
    let stop = world.try_apply(&Command::DeregisterJob { key: key.clone(), purge: false, eval: None, time: 0 });
    assert_eq!(stop.outcome, Outcome::Refused("job not found".to_owned()));
    let stable = world.try_apply(&Command::SetJobStability { key, version: 3, stable: true });
    assert!(matches!(stable.outcome, Outcome::Refused(_)));
}

/// What is said about a count is kept with the job, newest first and not for ever; a new count and its event come together or not at all.
#[test]
fn scaling() {
    let mut world = world();
    let key = world.key("web");
    let scale = |world: &World, group: &str, count: Option<i64>, enforce_index: u64| {
        let register = count.map(|count| RegisterJob {
            job: testkit::job("web").count(count).arc(),
            submission: None,
            enforce_index: Some(enforce_index),
            eval: None,
            time: world.now,
        });
        let event = model::ScalingEvent { count, message: format!("{count:?}"), ..Default::default() };
        Command::ScaleJob(Box::new(ScaleJob { key: key.clone(), group: group.to_owned(), register, event }))
    };
    let kept = |world: &World| -> Vec<String> {
        let events = world.store.scaling_events(&key).into_iter().flat_map(|events| events.get("app").into_iter().flatten());
        events.map(|event| format!("{} at {}", event.message, event.create_index)).collect()
    };
    let index = world.job("web").job_modify_index;
    for refused in [scale(&world, "nope", None, 0), scale(&world, "app", Some(5), index + 1)] {
        assert!(matches!(world.try_apply(&refused).outcome, Outcome::Refused(_)));
        assert_eq!((kept(&world), world.job("web").version), (Vec::new(), 0), "nothing changed");
    }
    let command = scale(&world, "app", Some(5), index);
    let applied = world.apply(&command);
    assert_eq!(applied.outcome, Outcome::Registered { version: 1, job_modify_index: applied.index, changed: true });
    assert_eq!(kept(&world), [format!("Some(5) at {}", applied.index)]);
    let command = scale(&world, "app", None, 0);
    let noted = world.apply(&command);
    assert_eq!((noted.outcome, world.job("web").version), (Outcome::Done, 1));
    assert_eq!(kept(&world), [format!("None at {}", noted.index), format!("Some(5) at {}", applied.index)]);
    for _ in 0..KEPT_SCALING_EVENTS {
        world.apply(&scale(&world, "app", None, 0));
    }
    assert_eq!(kept(&world).len(), KEPT_SCALING_EVENTS);
    world.apply(&Command::DeregisterJob { key: key.clone(), purge: true, eval: None, time: world.now });
    assert_eq!(world.store.scaling_events(&key), None);
    let register = RegisterJob { job: testkit::job("web").arc(), submission: None, enforce_index: None, eval: None, time: world.now };
    world.apply(&Command::RegisterJob(Box::new(register)));
    assert_eq!(kept(&world), [""; 0], "a job of the same name begins anew");
}
