//! Children of periodic and parameterized jobs, and names of versions.

use std::sync::Arc;

use model::{EvalId, EvalStatus, Evaluation, Job, JobChildrenSummary, JobStatus, ParameterizedJobConfig, PeriodicConfig};
use state::{Command, LaunchJob, Outcome, RegisterJob, TRACKED_VERSIONS, VersionTag};
use testkit::{SECOND, World};

use crate::kit::finish;

fn periodic(prohibit_overlap: bool) -> Job {
    let config = PeriodicConfig { enabled: true, specs: vec!["* * * * *".to_owned()], prohibit_overlap, ..Default::default() };
    testkit::job("tick").batch().edit(|job| job.periodic = Some(config)).build()
}

fn put(world: &mut World, job: Job) {
    let register = RegisterJob { job: job.into(), submission: None, enforce_index: None, eval: None, time: world.now };
    world.apply(&Command::RegisterJob(Box::new(register)));
}

fn child(parent: &Job, name: &str) -> Job {
    Job {
        id: format!("{}/{name}", parent.id).into(),
        parent_id: parent.id.clone(),
        periodic: None,
        dispatched: parent.parameterized_job.is_some(),
        ..parent.clone()
    }
}

/// Launches `child` with an evaluation.
fn launch(world: &mut World, child: &Job, due: Option<i64>) -> Outcome {
    let eval = Evaluation {
        id: EvalId(world.new_id()),
        namespace: child.namespace.clone(),
        job_id: child.id.clone(),
        kind: child.kind,
        ..Evaluation::default()
    };
    let register = RegisterJob { job: Arc::new(child.clone()), submission: None, enforce_index: None, eval: Some(eval), time: world.now };
    let parent = world.key(&child.parent_id);
    world.try_apply(&Command::LaunchJob(Box::new(LaunchJob { parent, register: Some(register), due }))).outcome
}

/// The child has been looked at, and nothing of it runs any more.
fn end(world: &mut World, child: &str) {
    let open: Vec<EvalId> =
        world.store.job_evals(&world.key(child)).filter(|eval| eval.status == EvalStatus::Pending).map(|eval| eval.id).collect();
    open.into_iter().for_each(|id| finish(world, id));
    assert_eq!(world.job(child).status, JobStatus::Dead);
}

fn children(world: &World, parent: &str) -> (i64, i64, i64) {
    let summary = world.store.job_summary(&world.key(parent)).expect("a summary");
    let JobChildrenSummary { pending, running, dead } = summary.children.clone().expect("children");
    (pending, running, dead)
}

/// A parent runs as long as it is not stopped, and its summary counts its children in every status; a child that goes is not counted.
#[test]
fn parents_and_children() {
    let mut world = World::with_nodes(&["n1"]);
    put(&mut world, periodic(false));
    assert_eq!(world.job("tick").status, JobStatus::Running);
    let first = child(&world.job("tick"), "periodic-1");
    assert_eq!(launch(&mut world, &first, None), Outcome::Launched { id: first.id.clone(), is_new: true });
    assert_eq!((children(&world, "tick"), world.job("tick/periodic-1").status), ((1, 0, 0), JobStatus::Pending));
    end(&mut world, "tick/periodic-1");
    let second = child(&world.job("tick"), "periodic-2");
    launch(&mut world, &second, None);
    assert_eq!(children(&world, "tick"), (1, 0, 1));
    let ids: Vec<String> = world.store.children(&world.key("tick")).map(|job| job.id.to_string()).collect();
    assert_eq!(ids, ["tick/periodic-1", "tick/periodic-2"]);
    // Without its parent a child goes on; the next parent of that name finds it.
    world.apply(&Command::DeregisterJob { key: world.key("tick"), purge: true, eval: None, time: world.now });
    put(&mut world, periodic(true));
    assert_eq!(children(&world, "tick"), (1, 0, 1));
    end(&mut world, "tick/periodic-2");
    assert_eq!(children(&world, "tick"), (0, 0, 2));
    world.apply(&Command::Reap(Box::new(state::Reap { jobs: vec![world.key("tick/periodic-1")], ..Default::default() })));
    assert_eq!(children(&world, "tick"), (0, 0, 1));
    world.stop("tick");
    assert_eq!(world.job("tick").status, JobStatus::Dead);
    let third = child(&world.job("tick"), "periodic-3");
    assert_eq!(launch(&mut world, &third, None), Outcome::Refused("job \"tick\" is not launched any more".to_owned()));
}

/// For each point in time a job is launched once, whoever says so again, and also when the child is gone meanwhile.
#[test]
fn once_for_each_time() {
    let mut world = World::new();
    put(&mut world, periodic(false));
    let (tick, due) = (world.key("tick"), world.now + 60 * SECOND);
    assert_eq!(world.store.launched_until(&tick), Some(world.now));
    let first = child(&world.job("tick"), "periodic-60");
    assert!(matches!(launch(&mut world, &first, Some(due)), Outcome::Launched { is_new: true, .. }));
    assert_eq!(world.store.launched_until(&tick), Some(due));
    assert_eq!(launch(&mut world, &first, Some(due)), Outcome::Done);
    end(&mut world, &first.id);
    world.apply(&Command::Reap(Box::new(state::Reap { jobs: vec![first.key()], ..Default::default() })));
    assert_eq!(launch(&mut world, &first, Some(due)), Outcome::Done, "it was there");
    assert_eq!(launch(&mut world, &first, Some(due - SECOND)), Outcome::Done, "the clock went back");
    assert_eq!(world.store.children(&tick).count(), 0);
    // By hand at any time.
    assert!(matches!(launch(&mut world, &first, None), Outcome::Launched { is_new: true, .. }));
    assert!(matches!(launch(&mut world, &first, None), Outcome::Launched { is_new: false, .. }));
}

/// Where overlaps are prohibited, nothing is launched while a child is not over, and what was due then counts as done. A person may.
#[test]
fn overlaps() {
    let mut world = World::new();
    put(&mut world, periodic(true));
    let (tick, due) = (world.key("tick"), world.now + 60 * SECOND);
    let name = |n: i64| child(&periodic(true), &format!("periodic-{n}"));
    launch(&mut world, &name(1), Some(due));
    assert_eq!(launch(&mut world, &name(2), Some(2 * due)), Outcome::Done);
    assert_eq!((world.store.children(&tick).count(), world.store.launched_until(&tick)), (1, Some(2 * due)));
    let passed_over = LaunchJob { parent: tick.clone(), register: None, due: Some(2 * due + 1) };
    assert_eq!(world.try_apply(&Command::LaunchJob(Box::new(passed_over))).outcome, Outcome::Done);
    assert_eq!(world.store.launched_until(&tick), Some(2 * due + 1));
    assert!(matches!(launch(&mut world, &name(3), None), Outcome::Launched { is_new: true, .. }));
    [1, 3].into_iter().for_each(|n| end(&mut world, &format!("tick/periodic-{n}")));
    assert!(matches!(launch(&mut world, &name(4), Some(3 * due)), Outcome::Launched { is_new: true, .. }));
}

/// Each row: what happens to the job a minute later, and whether what was due before counts as done from then on.
#[test]
fn what_was_due_before() {
    let other = |job: &mut Job| job.periodic.as_mut().expect("periodic").specs = vec!["0 3 * * *".to_owned()];
    type Change<'a> = &'a dyn Fn(&mut World);
    let rows: [(&str, Change<'_>, bool); 4] = [
        ("a change of something else", &|world| put(world, Job { priority: 70, ..periodic(false) }), false),
        ("another schedule", &|world| put(world, testkit::job("tick").edit(|job| *job = periodic(false)).edit(other).build()), true),
        ("a stop", &|world| _ = world.stop("tick"), false),
        (
            "a start",
            &|world| {
                world.stop("tick");
                put(world, periodic(false));
            },
            true,
        ),
    ];
    for (what, change, is_done) in rows {
        let mut world = World::new();
        put(&mut world, periodic(false));
        let began = world.now;
        world.wait(60);
        change(&mut world);
        let expected = if is_done { world.now } else { began };
        assert_eq!(world.store.launched_until(&world.key("tick")), Some(expected), "{what}");
    }
    let mut world = World::new();
    put(&mut world, periodic(false));
    world.stop("tick");
    put(&mut world, testkit::job("tick").batch().build());
    assert_eq!((world.store.launched_until(&world.key("tick")), world.store.periodic_jobs().count()), (None, 0), "not periodic any more");
}

/// A token names a live child: the same one again gives that child, after its end a new one.
#[test]
fn idempotency_tokens() {
    let mut world = World::new();
    let config = ParameterizedJobConfig::default();
    put(&mut world, testkit::job("work").batch().edit(|job| job.parameterized_job = Some(config)).build());
    let parent = world.job("work");
    let with_token = |name: &str, token: &str| Job { dispatch_idempotency_token: token.to_owned(), ..child(&parent, name) };
    let rows = [
        ("dispatch-1", "a", Ok("work/dispatch-1")),
        ("dispatch-2", "a", Err("work/dispatch-1")),
        ("dispatch-3", "b", Ok("work/dispatch-3")),
        ("dispatch-4", "", Ok("work/dispatch-4")),
        ("dispatch-5", "", Ok("work/dispatch-5")),
    ];
    let check = |world: &mut World, name: &str, token: &str, expected: Result<&str, &str>| {
        let (Ok(id) | Err(id)) = expected;
        let outcome = launch(world, &with_token(name, token), None);
        assert_eq!(outcome, Outcome::Launched { id: id.into(), is_new: expected.is_ok() }, "{name} {token:?}");
    };
    rows.into_iter().for_each(|(name, token, expected)| check(&mut world, name, token, expected));
    end(&mut world, "work/dispatch-1");
    check(&mut world, "dispatch-6", "a", Ok("work/dispatch-6"));
    let foreign = Job { parent_id: "other".into(), ..with_token("dispatch-7", "") };
    let register = RegisterJob { job: Arc::new(foreign), submission: None, enforce_index: None, eval: None, time: world.now };
    let launch = LaunchJob { parent: world.key("work"), register: Some(register), due: None };
    let outcome = world.try_apply(&Command::LaunchJob(Box::new(launch))).outcome;
    assert_eq!(outcome, Outcome::Refused("job \"work/dispatch-7\" is no child of \"work\"".to_owned()));
}

fn tag(world: &mut World, name: &str, version: Option<u64>) -> Outcome {
    let tag = version.map(|version| VersionTag { version, description: format!("about {version}"), time: world.now });
    let command = Command::TagJobVersion { key: world.key("web"), name: name.to_owned(), tag };
    world.try_apply(&command).outcome
}

/// A name belongs to one version, which is kept as long as it has one, beside the newest ones.
#[test]
fn tags() {
    let mut world = World::new();
    for count in 0..3 {
        put(&mut world, testkit::job("web").count(count).build());
    }
    let refused = |text: &str| Outcome::Refused(text.to_owned());
    assert_eq!(tag(&mut world, "gold", Some(1)), Outcome::Done);
    assert_eq!(tag(&mut world, "gold", Some(1)), Outcome::Done, "said again");
    assert_eq!(tag(&mut world, "gold", Some(2)), refused("tag \"gold\" already exists on a different version of job \"web\""));
    assert_eq!(tag(&mut world, "new", Some(9)), refused("job \"web\" version 9 not found"));
    assert_eq!(tag(&mut world, "nosuch", None), refused("tag \"nosuch\" not found on job \"web\""));
    assert_eq!(tag(&mut world, "last", Some(2)), Outcome::Done);
    assert_eq!(world.job("web").version_tag.as_ref().map(|tag| tag.name.as_str()), Some("last"), "the present version shows it, too");
    for count in 10..20 {
        put(&mut world, testkit::job("web").count(count).build());
    }
    assert_eq!(world.job("web").version_tag, None, "a new version has no name");
    let kept = |world: &World| -> Vec<u64> { world.store.job_versions(&world.key("web")).iter().map(|job| job.version).collect() };
    let newest: Vec<u64> = (0..TRACKED_VERSIONS).map(|n| 12 - n).collect();
    assert_eq!(kept(&world), [newest.clone(), vec![2, 1]].concat());
    assert_eq!(tag(&mut world, "gold", None), Outcome::Done);
    assert_eq!(kept(&world), [newest, vec![2]].concat(), "without its name it is one too many");
}
