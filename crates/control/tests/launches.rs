//! What is launched by the clock, and what a dispatch makes.

use std::collections::BTreeMap;

use control::{Dispatch, PAYLOAD_MAX, Step, dispatched_child, garbage, periodic, periodic_child};
use model::{EvalTrigger, IdSource, Job, JobStatus, ParameterizedJobConfig, PayloadRule, PeriodicConfig};
use state::{Command, RegisterJob};
use testkit::{SECOND, World};

/// 2026-03-28T00:00:00Z, the day before the clocks of Berlin go from two to three.
const DAY: i64 = 1_774_656_000;

fn job(edit: impl FnOnce(&mut PeriodicConfig)) -> Job {
    let mut config = PeriodicConfig { enabled: true, specs: vec!["0 * * * *".to_owned()], ..Default::default() };
    edit(&mut config);
    testkit::job("tick").batch().edit(|job| job.periodic = Some(config)).build()
}

fn put(world: &mut World, job: Job) {
    let register = RegisterJob { job: job.into(), submission: None, enforce_index: None, eval: None, time: world.now };
    world.apply(&Command::RegisterJob(Box::new(register)));
}

fn look(world: &World) -> Step {
    periodic(&world.store, world.now, &mut IdSource::new(1))
}

/// Looks, and does what is proposed.
fn step(world: &mut World) {
    for command in look(world).propose {
        world.apply(&command);
    }
}

/// Seconds since `DAY` for which the job was launched.
fn launched(world: &World) -> Vec<i64> {
    let second = |job: &std::sync::Arc<Job>| job.id.rsplit_once('-').and_then(|(_, second)| second.parse::<i64>().ok());
    world.store.children(&world.key("tick")).filter_map(second).map(|second| second - DAY).collect()
}

fn clock(text: &str) -> i64 {
    text.split(':').fold(0, |total, part| total * 60 + part.parse::<i64>().expect("a number")) * 60
}

/// Each row: a schedule, when it was registered, when the leader looks (hours and minutes), and for which times the job was launched.
/// A leader that looks late, because there was none or the clock jumped, makes up for the last missed launch only; when the clock goes back
/// nothing is launched twice.
#[test]
fn when_it_is_launched() {
    type Edit = fn(&mut PeriodicConfig);
    type Times = &'static [&'static str];
    let hourly: Edit = |_| {};
    let rows: [(&str, Edit, &str, Times, Times); 9] = [
        ("each in its time", hourly, "0:30", &["0:45", "1:00", "1:01", "1:59", "2:00"], &["1:00", "2:00"]),
        ("not what was before", hourly, "1:00", &["1:01", "1:59"], &[]),
        ("after a long silence", hourly, "0:30", &["1:00", "7:20", "7:21", "8:00"], &["1:00", "7:00", "8:00"]),
        ("the clock goes back", hourly, "0:30", &["3:00", "1:00", "2:00", "3:00", "3:30", "4:00"], &["3:00", "4:00"]),
        ("disabled", |config| config.enabled = false, "0:30", &["1:00", "7:20"], &[]),
        (
            "several expressions",
            |config| config.specs = vec!["0 2 * * *".to_owned(), "30 1 * * *".to_owned()],
            "0:30",
            &["1:30", "1:59", "2:00", "27:00"],
            &["1:30", "2:00", "26:00"],
        ),
        ("never again", |config| config.specs = vec!["0 0 1 1 * 2020".to_owned()], "0:30", &["1:30", "47:59"], &[]),
        (
            "in its zone",
            |config| (config.specs, config.time_zone) = (vec!["0 3 * * *".to_owned()], "America/New_York".to_owned()),
            "0:30",
            &["3:00", "7:00", "8:00"],
            &["7:00"],
        ),
        // At half past two the clocks of Berlin go from two to three: the day has no such time, and its launch comes when the clocks are put.
        (
            "a day without that time",
            |config| (config.specs, config.time_zone) = (vec!["30 2 * * *".to_owned()], "Europe/Berlin".to_owned()),
            "0:30",
            &["1:30", "24:59", "25:00", "25:30", "48:30"],
            &["1:30", "25:00", "48:30"],
        ),
    ];
    for (what, edit, registered, looks, expected) in rows {
        let mut world = World::new();
        let set = |world: &mut World, at: &str| world.now = (DAY + clock(at)) * SECOND;
        set(&mut world, registered);
        put(&mut world, job(edit));
        for at in looks {
            set(&mut world, at);
            step(&mut world);
        }
        let expected: Vec<i64> = expected.iter().map(|at| clock(at)).collect();
        assert_eq!(launched(&world), expected, "{what}");
    }
}

/// The next look is when something is due next, at once when more is due than goes into one step, and never when nothing is.
#[test]
fn when_to_look_again() {
    let mut world = World::new();
    assert_eq!(look(&world), Step::default());
    world.now = (DAY + 1_800) * SECOND;
    put(&mut world, job(|_| {}));
    assert_eq!(look(&world).wake_at, Some((DAY + 3_600) * SECOND));
    put(&mut world, Job { id: "tock".into(), ..job(|config| config.specs = vec!["* * * * *".to_owned()]) });
    assert_eq!(look(&world).wake_at, Some((DAY + 1_860) * SECOND));
    world.stop("tock");
    assert_eq!(look(&world).wake_at, Some((DAY + 3_600) * SECOND), "a stopped one is not waited for");
    for n in 0..300 {
        put(&mut world, Job { id: format!("many-{n}").into(), ..job(|_| {}) });
    }
    world.now = (DAY + 3_600) * SECOND;
    let first = look(&world);
    assert_eq!((first.propose.len(), first.wake_at), (256, Some(world.now)));
    (0..3).for_each(|_| step(&mut world));
    assert_eq!(look(&world).propose, [], "all of them are launched");
    assert_eq!(world.store.jobs().filter(|job| !job.parent_id.is_empty()).count(), 301);
}

/// Two leaders that decide on the same view launch once: the second proposal finds the first one done.
#[test]
fn a_change_of_leaders() {
    let mut world = World::new();
    world.now = (DAY + 1_800) * SECOND;
    put(&mut world, job(|_| {}));
    world.now = (DAY + 3_601) * SECOND;
    let (one, other) = (look(&world), periodic(&world.store, world.now + SECOND, &mut IdSource::new(2)));
    for command in one.propose.iter().chain(&other.propose) {
        world.apply(command);
    }
    assert_eq!(launched(&world), [3_600]);
    assert_eq!(world.store.job_evals(&world.key(&format!("tick/periodic-{}", DAY + 3_600))).count(), 1);
}

/// Where overlaps are prohibited, a launch that falls into an earlier one is passed over and not made up for.
#[test]
fn overlaps() {
    let mut world = World::new();
    let at = |world: &mut World, time: &str| world.now = (DAY + clock(time)) * SECOND;
    at(&mut world, "0:30");
    put(&mut world, job(|config| config.prohibit_overlap = true));
    at(&mut world, "1:00");
    step(&mut world);
    at(&mut world, "2:00");
    let step_2 = look(&world);
    assert_eq!(step_2.notes.len(), 1, "{:?}", step_2.notes);
    step(&mut world);
    let first = world.key(&format!("tick/periodic-{}", DAY + 3_600));
    let evals: Vec<_> =
        world.store.job_evals(&first).map(|eval| model::Evaluation { status: model::EvalStatus::Complete, ..(**eval).clone() }).collect();
    world.apply(&Command::UpsertEvals { evals, time: world.now });
    at(&mut world, "2:59");
    step(&mut world);
    assert_eq!(launched(&world), [3_600]);
    at(&mut world, "3:00");
    step(&mut world);
    assert_eq!(launched(&world), [3_600, 3 * 3_600]);
}

/// The child of a periodic job is a job of its own: named after its time, with an evaluation, in one region, and not periodic.
#[test]
fn periodic_children() {
    let mut world = World::new();
    world.now = (DAY + 1_800) * SECOND;
    let parent = testkit::job("tick").edit(|known| *known = job(|_| {})).meta("a", "b").multiregion(Default::default(), &["west", "east"]);
    put(&mut world, parent.edit_group(|group| group.scaling = Some(Default::default())).build());
    world.now = (DAY + 3_600) * SECOND;
    step(&mut world);
    let id = format!("tick/periodic-{}", DAY + 3_600);
    let child = world.job(&id);
    assert_eq!((child.name.as_str(), child.parent_id.as_str(), child.meta["a"].as_str()), (id.as_str(), "tick", "b"));
    assert_eq!((&child.periodic, &child.multiregion, child.version, child.status), (&None, &None, 0, JobStatus::Pending));
    let policy = child.scaling_policies().next().expect("a policy");
    assert_eq!(policy.target["Job"], id);
    let evals: Vec<_> = world.store.job_evals(&child.key()).map(|eval| eval.triggered_by).collect();
    assert_eq!(evals, [EvalTrigger::PeriodicJob]);
    assert_eq!(*periodic_child(&world.job("tick"), -1).id, *"tick/periodic--1", "also before there was a clock");
}

fn worker(edit: impl FnOnce(&mut ParameterizedJobConfig)) -> Job {
    let mut config = ParameterizedJobConfig {
        payload: PayloadRule::Optional,
        meta_required: vec!["who".to_owned()],
        meta_optional: vec!["why".to_owned()],
    };
    edit(&mut config);
    testkit::job("work").batch().meta("why", "nobody knows").edit(|job| job.parameterized_job = Some(config)).build()
}

fn meta(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The child of a dispatch has its payload, its meta over those of the parent, its token and its priority, and a name that says when.
#[test]
fn dispatched_children() {
    let parent = worker(|_| {});
    let dispatch = Dispatch {
        payload: b"bytes".to_vec(),
        meta: meta(&[("who", "me"), ("why", "because")]),
        idempotency_token: "once".to_owned(),
        ..Default::default()
    };
    let make = |dispatch: &Dispatch| dispatched_child(&parent, dispatch, DAY * SECOND, &mut IdSource::new(1)).expect("a child");
    let child = make(&dispatch);
    let unique = child.id.strip_prefix(&format!("work/dispatch-{DAY}-")).expect("the time").to_owned();
    assert!(unique.len() == 8 && unique.bytes().all(|digit| digit.is_ascii_hexdigit()), "{unique}");
    assert_eq!((&*child.payload.0, child.meta["who"].as_str(), child.meta["why"].as_str()), (&b"bytes"[..], "me", "because"));
    assert_eq!((child.dispatched, child.is_parent(), child.parent_id.as_str(), child.priority), (true, false, "work", parent.priority));
    assert_eq!(child.dispatch_idempotency_token, "once");
    let named = make(&Dispatch { id_prefix: "blue".to_owned(), priority: 80, ..dispatch });
    assert_eq!((named.id.strip_suffix(&unique), named.priority), (Some(format!("work/dispatch-blue-{DAY}-").as_str()), 80));
}

/// Each row: what the parent asks for, what a dispatch brings, and why it is refused; nothing when it is not.
#[test]
fn refused_dispatches() {
    let who = || meta(&[("who", "me")]);
    let with = |n: usize| Dispatch { payload: vec![0; n], meta: who(), ..Default::default() };
    let rows: [(&str, Job, Dispatch, &str); 12] = [
        ("no payload is fine", worker(|_| {}), with(0), ""),
        ("the largest", worker(|_| {}), with(PAYLOAD_MAX), ""),
        ("too large", worker(|_| {}), with(PAYLOAD_MAX + 1), "the payload has 16385 bytes, at most 16384 are allowed"),
        ("required", worker(|config| config.payload = PayloadRule::Required), with(0), "job \"work\" requires a payload"),
        ("required and there", worker(|config| config.payload = PayloadRule::Required), with(1), ""),
        ("forbidden", worker(|config| config.payload = PayloadRule::Forbidden), with(1), "job \"work\" forbids a payload"),
        (
            "missing meta",
            worker(|config| config.meta_required.push("where".to_owned())),
            Dispatch { meta: meta(&[("why", "x")]), ..with(0) },
            "job \"work\" requires meta that is not given: who, where",
        ),
        (
            "unknown meta",
            worker(|_| {}),
            Dispatch { meta: meta(&[("who", "me"), ("x", "y")]), ..with(0) },
            "job \"work\" takes no meta of these names: x; it takes who, why",
        ),
        (
            "no meta at all",
            worker(|config| *config = ParameterizedJobConfig::default()),
            with(0),
            "job \"work\" takes no meta of these names: who; it takes none",
        ),
        (
            "prefix",
            worker(|_| {}),
            Dispatch { id_prefix: "a/b".to_owned(), ..with(0) },
            "the id prefix \"a/b\" has the character '/', which ids of children do not have",
        ),
        (
            "another kind of job",
            job(|_| {}),
            with(0),
            "job \"tick\" is not parameterized: only jobs with a parameterized block are dispatched",
        ),
        (
            "a child",
            Job { dispatched: true, ..worker(|_| {}) },
            with(0),
            "job \"work\" is not parameterized: only jobs with a parameterized block are dispatched",
        ),
    ];
    for (what, parent, dispatch, expected) in rows {
        let problem = dispatched_child(&parent, &dispatch, DAY * SECOND, &mut IdSource::new(1)).err().unwrap_or_default();
        assert_eq!(problem, expected, "{what}");
    }
}

/// Children are collected like all jobs; their parent is not, until it is stopped.
#[test]
fn collected_children() {
    let mut world = World::new();
    world.now = (DAY + 1_800) * SECOND;
    put(&mut world, job(|_| {}));
    put(&mut world, worker(|_| {}));
    world.now = (DAY + 3_600) * SECOND;
    step(&mut world);
    let child = world.key(&format!("tick/periodic-{}", DAY + 3_600));
    let evals: Vec<_> =
        world.store.job_evals(&child).map(|eval| model::Evaluation { status: model::EvalStatus::Complete, ..(**eval).clone() }).collect();
    world.apply(&Command::UpsertEvals { evals, time: world.now });
    world.wait(100 * 3_600);
    let collected = |world: &World| garbage(&world.store, world.now, &control::Thresholds::default()).unwrap_or_default().jobs;
    assert_eq!(collected(&world), [child]);
    world.stop("work");
    let open: Vec<_> = world
        .store
        .job_evals(&world.key("work"))
        .map(|eval| model::Evaluation { status: model::EvalStatus::Complete, ..(**eval).clone() })
        .collect();
    world.apply(&Command::UpsertEvals { evals: open, time: world.now });
    world.wait(100 * 3_600);
    assert!(collected(&world).contains(&world.key("work")) && !collected(&world).contains(&world.key("tick")));
}
