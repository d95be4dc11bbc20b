//! Whole lives of allocations, told as stories in invented time.
//!
//! A story is a text. Lines that begin with `>` say what happens, the lines below what the machine does about it:
//! `start web/1`, `stop web/1 SIGINT 5s`, `recover web/1`, `dirs`, `save` (only when durable), and `= …` when what is reported changes:
//! client status, `healthy` or `unhealthy`, and per task its phase (`!` when failed) with its restarts when there are some.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use model::*;
use runner::{Ended, Input, Machine, Output, Recovered, Settings, StartFailure};

const SECOND: i64 = 1_000_000_000;
const BIRTH: i64 = 1_700_000_000 * SECOND;

struct World {
    machine: Machine,
    now: i64,
    shown: String,
    told: String,
}

fn settings() -> Settings {
    Settings { max_kill_timeout: 30 * SECOND, seed: 7 }
}

fn task(name: &str) -> Task {
    Task { name: name.to_owned(), driver: "mock_driver".to_owned(), kill_timeout: 5 * SECOND, ..Task::default() }
}

fn hooked(name: &str, hook: LifecycleHook, sidecar: bool) -> Task {
    Task { lifecycle: Some(TaskLifecycle { hook, sidecar }), ..task(name) }
}

/// Two attempts a minute apart at most, ten seconds delay; healthy after 10 s, within 30 s.
fn group(tasks: Vec<Task>) -> TaskGroup {
    let (min_healthy_time, healthy_deadline) = (10 * SECOND, 30 * SECOND);
    TaskGroup {
        name: "g".to_owned(),
        tasks,
        restart_policy: Some(RestartPolicy {
            attempts: 2,
            interval: 60 * SECOND,
            delay: 10 * SECOND,
            mode: RestartMode::Fail,
            render_templates: false,
        }),
        update: Some(UpdateStrategy { min_healthy_time, healthy_deadline, health_check: HealthCheck::Checks, ..Default::default() }),
        migrate: Some(MigrateStrategy { min_healthy_time, healthy_deadline, ..Default::default() }),
        ..TaskGroup::default()
    }
}

fn alloc(kind: JobType, group: TaskGroup) -> Allocation {
    let job = Job { id: "j".into(), kind, task_groups: vec![group], ..Job::default() };
    Allocation {
        id: "5456bd7a-9fc0-c0dd-6131-cbee77f57577".parse().unwrap(),
        job_id: "j".into(),
        job: Some(Arc::new(job)),
        task_group: "g".into(),
        ..Allocation::default()
    }
}

fn service(tasks: Vec<Task>) -> Allocation {
    alloc(JobType::Service, group(tasks))
}

fn batch(tasks: Vec<Task>) -> Allocation {
    alloc(JobType::Batch, TaskGroup { update: None, migrate: None, ..group(tasks) })
}

fn deployed(alloc: Allocation, n: u128) -> Allocation {
    Allocation { deployment_id: DeploymentId(Uuid::from_u128(n)), ..alloc }
}

impl World {
    fn new(alloc: Allocation) -> Self {
        let machine = Machine::new(BIRTH, Arc::new(alloc), settings()).unwrap();
        Self { machine, now: BIRTH, shown: String::new(), told: String::new() }
    }

    fn tell(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Save { durable: false } => {}
                Output::Save { durable: true } => self.told.push_str("save\n"),
                Output::BuildDirs => self.told.push_str("dirs\n"),
                Output::Start { task, attempt } => writeln!(self.told, "start {task}/{attempt}").unwrap(),
                Output::Recover { task, attempt } => writeln!(self.told, "recover {task}/{attempt}").unwrap(),
                Output::Stop { task, attempt, signal, timeout } => {
                    let signal = if signal.is_empty() { "-" } else { &signal };
                    writeln!(self.told, "stop {task}/{attempt} {signal} {}", format_duration(timeout)).unwrap();
                }
                Output::Report(update) => {
                    let line = summary(&update);
                    if line != self.shown {
                        writeln!(self.told, "{line}").unwrap();
                        self.shown = line;
                    }
                }
            }
        }
    }

    fn step(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let start = |name: &str| {
            let (task, attempt) = name.split_once('/').unwrap();
            (task.to_owned(), attempt.parse::<u64>().unwrap())
        };
        let input = match words.as_slice() {
            ["at", seconds] => {
                self.now = BIRTH + parse_duration(&format!("{seconds}s")).unwrap();
                Input::Tick
            }
            ["dirs", "ok"] => Input::DirsBuilt(Ok(None)),
            ["dirs", "fail"] => Input::DirsBuilt(Err("disk full".to_owned())),
            ["started", name] => {
                let (task, attempt) = start(name);
                Input::Started { task, attempt, result: Ok(()) }
            }
            ["refused", name, how] => {
                let (task, attempt) = start(name);
                let failure = StartFailure { message: "no".to_owned(), recoverable: *how == "for-now", in_setup: *how == "in-setup" };
                Input::Started { task, attempt, result: Err(failure) }
            }
            ["ended", name, code] => {
                let (task, attempt) = start(name);
                Input::Ended { task, attempt, ended: Ended { code: code.parse().unwrap(), ..Ended::default() } }
            }
            ["recovered", name, what] => {
                let (task, attempt) = start(name);
                let outcome = match *what {
                    "running" => Recovered::Running,
                    "never" => Recovered::NeverStarted,
                    "lost" => Recovered::Lost("the machine was restarted".to_owned()),
                    code => Recovered::Ended(Ended { code: code.parse().unwrap(), ..Ended::default() }),
                };
                Input::Recovered { task, attempt, outcome }
            }
            ["restart", rest @ ..] => {
                let task = rest.iter().find(|word| **word != "all").map(|word| (*word).to_owned()).unwrap_or_default();
                let all_tasks = rest.contains(&"all");
                if let Some(refusal) = self.machine.restart_refusal(&task, all_tasks) {
                    writeln!(self.told, "refusal: {refusal}").unwrap();
                }
                Input::Restart { task, all_tasks }
            }
            ["signaled", task, signal] => Input::Signaled { task: (*task).to_owned(), signal: (*signal).to_owned() },
            ["stop"] => self.update(|alloc, _| alloc.desired_status = DesiredStatus::Stop),
            ["stop", "now"] => self.update(|alloc, _| {
                alloc.desired_status = DesiredStatus::Stop;
                alloc.desired_transition.no_shutdown_delay = Some(true);
            }),
            ["deployment", n] => {
                let n: u128 = n.parse().unwrap();
                self.update(|alloc, _| alloc.deployment_id = DeploymentId(Uuid::from_u128(n)))
            }
            ["kill_timeout", seconds] => {
                let seconds: i64 = seconds.parse().unwrap();
                self.update(|_, group| group.tasks[0].kill_timeout = seconds * SECOND)
            }
            ["said", healthy] => {
                let healthy = Some(*healthy == "healthy");
                self.update(|alloc, _| alloc.deployment_status = Some(AllocDeploymentStatus { healthy, ..Default::default() }))
            }
            ["cut"] => Input::Cut { reason: "nobody answered".to_owned() },
            ["known", "unknown"] => self.update(|alloc, _| alloc.set_client_status(ClientStatus::Unknown, self.now)),
            ["known", "running"] => self.update(|alloc, _| alloc.set_client_status(ClientStatus::Running, self.now)),
            ["known", "silent", "meanwhile"] => self.update(|alloc, _| {
                alloc.set_client_status(ClientStatus::Unknown, self.now);
                alloc.set_client_status(ClientStatus::Running, self.now);
            }),
            ["agent", "restarts"] => {
                let (saved, alloc) = (self.machine.saved(), self.machine.alloc().clone());
                self.machine = Machine::restore(self.now, alloc, saved, settings()).unwrap();
                return;
            }
            other => panic!("unknown step {other:?}"),
        };
        self.machine.handle(self.now, input);
    }

    fn update(&self, change: impl FnOnce(&mut Allocation, &mut TaskGroup)) -> Input {
        let mut alloc = Allocation::clone(self.machine.alloc());
        let mut job = Job::clone(alloc.job.as_ref().unwrap());
        change(&mut alloc, &mut job.task_groups[0]);
        alloc.job = Some(Arc::new(job));
        Input::Updated(Arc::new(alloc))
    }

    fn events(&self, task: &str) -> Vec<String> {
        let states: BTreeMap<String, TaskState> = self.machine.report().task_states.all();
        states[task].events.iter().map(|event| format!("{}: {}", event.kind, event.display_message)).collect()
    }
}

fn summary(update: &AllocUpdate) -> String {
    let mut line = format!("= {}", update.client_status);
    match update.deployment_status.as_ref().and_then(|status| status.healthy) {
        Some(true) => line.push_str(" healthy"),
        Some(false) => line.push_str(" unhealthy"),
        None => {}
    }
    for (name, state) in update.task_states.all() {
        write!(line, " {name}={}{}", state.state, if state.failed { "!" } else { "" }).unwrap();
        if state.restarts > 0 {
            write!(line, "x{}", state.restarts).unwrap();
        }
    }
    line
}

/// Runs a story and compares what the machine does with what the story says.
fn tell(alloc: Allocation, story: &str) -> World {
    let mut world = World::new(alloc);
    world.tell();
    let story: Vec<&str> = story.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for line in &story {
        if let Some(step) = line.strip_prefix('>') {
            writeln!(world.told, "{line}").unwrap();
            world.step(step);
            world.tell();
        }
    }
    assert_eq!(world.told.trim_end(), story.join("\n"));
    world
}

/// A task starts, becomes healthy in time, is stopped with its own signal, and says what happened.
#[test]
fn simple_life() {
    let web = Task { kill_signal: "SIGTERM".to_owned(), ..task("web") };
    let world = tell(
        deployed(service(vec![web]), 1),
        "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > at 2
         > started web/1
         = running web=running
         > at 11.9
         > at 12
         = running healthy web=running
         > signaled web SIGHUP
         > at 100
         > stop
         stop web/1 SIGTERM 5s
         > at 101
         > ended web/1 143
         = complete healthy web=dead
         > at 200",
    );
    let want = [
        "Received: Task received by client",
        "Task Setup: Building Task Directory",
        "Started: Task started by client",
        "Signaling: Task being sent signal SIGHUP",
        "Killing: Sent interrupt. Waiting 5s before force killing",
        "Terminated: Exit Code: 143",
        "Killed: Task successfully killed",
    ];
    assert_eq!(world.events("web"), want);
    assert!(world.machine.is_finished());
    let report = world.machine.report();
    let state = &report.task_states.all()["web"];
    assert_eq!(state.started_at, Time(BIRTH + 2 * SECOND));
    assert_eq!(state.finished_at, Time(BIRTH + 101 * SECOND));
    assert_eq!(report.client_description, "All tasks have completed");
    assert_eq!(report.deployment_status.unwrap().timestamp, Time(BIRTH + 12 * SECOND));
    assert_eq!(world.machine.wake_at(), None);
}

/// A service restarts within its policy, also after success, and fails when the attempts are used up; that makes it unhealthy.
#[test]
fn restarts_until_failed() {
    let world = tell(
        deployed(service(vec![task("web")]), 1),
        "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running web=running
         > at 1
         > ended web/1 1
         = pending web=pendingx1
         > at 10.9
         > at 13.5
         save
         start web/2
         > refused web/2 for-now
         = pending web=pendingx2
         > at 26
         save
         start web/3
         > started web/3
         = running web=runningx2
         > ended web/3 0
         = failed unhealthy web=dead!x2
         > ended web/3 0
         > ended web/1 0",
    );
    let events = world.events("web");
    assert_eq!(events.len(), 10, "the last ten are kept: {events:#?}");
    assert!(events[3].starts_with("Restarting: Restart within policy - Task restarting in 1"), "{events:#?}");
    assert_eq!(events[4], "Driver Failure: no");
    assert_eq!(
        events[7..],
        [
            "Terminated: Exit Code: 0",
            "Not Restarting: Exceeded allowed attempts 2 in interval 1m0s and mode is \"fail\"",
            "Alloc Unhealthy: Unhealthy because of failed task",
        ]
    );
    assert_eq!(world.machine.report().client_description, "Failed tasks");
}

/// An error that will not go away fails the task at once; so does a directory that cannot be made.
#[test]
fn hopeless_starts() {
    let world = tell(
        service(vec![task("web")]),
        "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > refused web/1 for-ever
         = failed unhealthy web=dead!",
    );
    assert_eq!(world.events("web")[2..4], ["Driver Failure: no", "Not Restarting: Error was unrecoverable"]);
    let world = tell(
        batch(vec![task("a"), hooked("z", LifecycleHook::Poststop, false)]),
        "save
         dirs
         = pending a=pending z=pending
         > dirs fail
         = failed a=dead! z=dead!",
    );
    assert_eq!(world.events("a")[2], "Setup Failure: disk full");
}

/// A batch task is done when it succeeds, and tried again when it fails.
#[test]
fn batch_life() {
    tell(
        batch(vec![task("b")]),
        "save
         dirs
         = pending b=pending
         > dirs ok
         save
         start b/1
         > started b/1
         = running b=running
         > ended b/1 3
         = pending b=pendingx1
         > at 13
         save
         start b/2
         > started b/2
         = running b=runningx1
         > ended b/2 0
         = complete b=deadx1",
    );
}

/// Prestart before main, poststart after it, poststop at the end; sidecars live and die with the main tasks.
#[test]
fn lifecycle_order() {
    use LifecycleHook::*;
    let tasks = vec![
        task("main"),
        hooked("pre", Prestart, false),
        hooked("side", Prestart, true),
        hooked("post", Poststart, false),
        hooked("zend", Poststop, false),
    ];
    let world = tell(
        deployed(service(tasks), 1),
        "save
         dirs
         = pending main=pending post=pending pre=pending side=pending zend=pending
         > dirs ok
         save
         start pre/1
         start side/1
         > started side/1
         = running main=pending post=pending pre=pending side=running zend=pending
         > started pre/1
         = running main=pending post=pending pre=running side=running zend=pending
         > at 3
         > ended pre/1 0
         save
         start main/1
         = running main=pending post=pending pre=dead side=running zend=pending
         > at 4
         > started main/1
         save
         start post/1
         = running main=running post=pending pre=dead side=running zend=pending
         > started post/1
         = running main=running post=running pre=dead side=running zend=pending
         > at 8
         > ended post/1 0
         = running main=running post=dead pre=dead side=running zend=pending
         > at 17
         > at 18
         = running healthy main=running post=dead pre=dead side=running zend=pending
         > at 20
         > stop
         stop main/1 - 5s
         stop side/1 - 5s
         > ended main/1 130
         save
         start zend/1
         = running healthy main=dead post=dead pre=dead side=running zend=pending
         > started zend/1
         = running healthy main=dead post=dead pre=dead side=running zend=running
         > ended side/1 130
         = running healthy main=dead post=dead pre=dead side=dead zend=running
         > ended zend/1 0
         = complete healthy main=dead post=dead pre=dead side=dead zend=dead",
    );
    assert!(world.machine.is_finished());
}

/// A prestart task that fails for good takes the others down before they began; there is nothing to clean up by poststop but what ran.
#[test]
fn prestart_fails() {
    use LifecycleHook::*;
    let mut pre = hooked("pre", Prestart, false);
    pre.restart_policy = Some(RestartPolicy::default());
    let world = tell(
        service(vec![pre, task("web")]),
        "save
         dirs
         = pending pre=pending web=pending
         > dirs ok
         save
         start pre/1
         > started pre/1
         = running pre=running web=pending
         > ended pre/1 1
         = failed unhealthy pre=dead! web=dead",
    );
    assert_eq!(world.events("web")[2], "Sibling Task Failed: Task's sibling \"pre\" failed");
    assert!(world.events("pre").contains(&"Not Restarting: Policy allows no restarts".to_owned()));
}

/// When the main tasks of a batch are done, the sidecar is stopped, and the allocation is complete when it is gone.
#[test]
fn sidecar_ends_with_mains() {
    use LifecycleHook::*;
    let world = tell(
        batch(vec![task("main"), hooked("side", Poststart, true)]),
        "save
         dirs
         = pending main=pending side=pending
         > dirs ok
         save
         start main/1
         > started main/1
         save
         start side/1
         = running main=running side=pending
         > started side/1
         = running main=running side=running
         > ended side/1 0
         = running main=running side=pendingx1
         > at 13
         save
         start side/2
         > started side/2
         = running main=running side=runningx1
         > ended main/1 0
         stop side/2 - 5s
         = running main=dead side=runningx1
         > ended side/2 130
         = complete main=dead side=deadx1",
    );
    assert!(world.events("side").contains(&"Main Tasks Dead: Main tasks in the group died".to_owned()));
}

/// A failed main task takes its siblings down, once it will not be restarted, also one that waits for its restart or is just starting.
#[test]
fn siblings() {
    let lone = |name: &str| Task { restart_policy: Some(RestartPolicy::default()), ..task(name) };
    let world = tell(
        batch(vec![lone("a"), task("b"), task("c"), task("d")]),
        "save
         dirs
         = pending a=pending b=pending c=pending d=pending
         > dirs ok
         save
         start a/1
         start b/1
         start c/1
         start d/1
         > started a/1
         = running a=running b=pending c=pending d=pending
         > started b/1
         = running a=running b=running c=pending d=pending
         > started c/1
         = running a=running b=running c=running d=pending
         > ended c/1 1
         = running a=running b=running c=pendingx1 d=pending
         > ended a/1 1
         stop b/1 - 5s
         = failed a=dead! b=running c=deadx1 d=pending
         > started d/1
         stop d/1 - 5s
         = failed a=dead! b=running c=deadx1 d=running
         > ended b/1 130
         = failed a=dead! b=dead c=deadx1 d=running
         > ended d/1 130
         = failed a=dead! b=dead c=deadx1 d=dead",
    );
    assert!(world.events("d").contains(&"Sibling Task Failed: Task's sibling \"a\" failed".to_owned()));
}

/// The leader is stopped first; when it ends by itself, the others follow.
#[test]
fn leader() {
    let leader = || Task { leader: true, ..task("lead") };
    let begin = "save
         dirs
         = pending lead=pending log=pending
         > dirs ok
         save
         start log/1
         start lead/1
         > started log/1
         = running lead=pending log=running
         > started lead/1
         = running lead=running log=running\n";
    tell(
        batch(vec![task("log"), leader()]),
        &format!(
            "{begin}
         > stop
         stop lead/1 - 5s
         > ended lead/1 130
         stop log/1 - 5s
         = running lead=dead log=running
         > ended log/1 130
         = complete lead=dead log=dead"
        ),
    );
    let world = tell(
        batch(vec![task("log"), leader()]),
        &format!(
            "{begin}
         > ended lead/1 0
         stop log/1 - 5s
         = running lead=dead log=running
         > ended log/1 0
         = complete lead=dead log=dead"
        ),
    );
    assert!(world.events("log").contains(&"Leader Task Dead: Leader Task in Group dead".to_owned()));
}

/// Shutdown delays of group and task are waited for, unless the region says not to; the node caps the kill timeout.
#[test]
fn shutdown_delay() {
    let slow = Task { shutdown_delay: 3 * SECOND, kill_timeout: 3600 * SECOND, ..task("web") };
    let alloc = alloc(JobType::Batch, TaskGroup { shutdown_delay: Some(4 * SECOND), ..group(vec![slow]) });
    let begin = "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running web=running
         > at 10\n";
    let world = tell(
        alloc.clone(),
        &format!(
            "{begin}
         > stop
         > at 16.9
         > at 17
         stop web/1 - 30s
         > ended web/1 0
         = complete web=dead"
        ),
    );
    assert_eq!(world.events("web")[3], "Waiting for shutdown delay: Waiting for shutdown_delay of 7s before killing the task.");
    tell(
        alloc.clone(),
        &format!(
            "{begin}
         > stop now
         stop web/1 - 30s"
        ),
    );
    // It ends by itself while waiting, or the region changes its mind about waiting.
    tell(
        alloc.clone(),
        &format!(
            "{begin}
         > stop
         > at 12
         > ended web/1 0
         = complete web=dead"
        ),
    );
    tell(
        alloc,
        &format!(
            "{begin}
         > stop
         > at 12
         > stop now
         stop web/1 - 30s"
        ),
    );
}

/// Stopped while it waits for its restart, while it starts, or before anything was done.
#[test]
fn stopped_at_bad_moments() {
    let begin = "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1\n";
    tell(
        batch(vec![task("web")]),
        &format!(
            "{begin}
         > stop
         > started web/1
         stop web/1 - 5s
         = running web=running
         > ended web/1 130
         = complete web=dead"
        ),
    );
    tell(
        batch(vec![task("web")]),
        &format!(
            "{begin}
         > stop
         > refused web/1 for-now
         = complete web=dead"
        ),
    );
    tell(
        batch(vec![task("web")]),
        &format!(
            "{begin}
         > started web/1
         = running web=running
         > ended web/1 1
         = pending web=pendingx1
         > stop
         = complete web=deadx1
         > at 100"
        ),
    );
    tell(
        batch(vec![task("web")]),
        "save
         dirs
         = pending web=pending
         > stop
         = complete web=dead
         > dirs ok",
    );
    tell(Allocation { desired_status: DesiredStatus::Stop, ..batch(vec![task("web")]) }, "= complete web=dead");
}

/// Somebody restarts one task, the running ones, or all of them from the beginning.
#[test]
fn requested_restarts() {
    use LifecycleHook::*;
    let world = tell(
        batch(vec![hooked("pre", Prestart, false), task("web")]),
        "save
         dirs
         = pending pre=pending web=pending
         > dirs ok
         save
         start pre/1
         > restart
         refusal: Task not running
         > started pre/1
         = running pre=running web=pending
         > ended pre/1 0
         save
         start web/1
         = pending pre=dead web=pending
         > started web/1
         = running pre=dead web=running
         > restart pre
         refusal: Task not running
         > restart nosuch
         refusal: Could not find task named: nosuch
         > restart web
         stop web/1 - 5s
         > ended web/1 130
         save
         start web/2
         = pending pre=dead web=pendingx1
         > started web/2
         = running pre=dead web=runningx1
         > restart all
         stop web/2 - 5s
         = running pre=pendingx1 web=runningx1
         > ended web/2 130
         save
         start pre/2
         = pending pre=pendingx1 web=pendingx2
         > started pre/2
         = running pre=runningx1 web=pendingx2
         > ended pre/2 0
         save
         start web/3
         = pending pre=deadx1 web=pendingx2
         > started web/3
         = running pre=deadx1 web=runningx2
         > restart web
         stop web/3 - 5s
         > stop
         > ended web/3 130
         = complete pre=deadx1 web=deadx2
         > restart all
         refusal: restart of an alloc that should not run",
    );
    let events = world.events("web");
    assert!(events.iter().any(|event| event == "Restart Signaled: User requested all tasks to restart"), "{events:#?}");
    assert!(!events.iter().any(|event| event.contains("policy")), "not counted: {events:#?}");
}

/// Each row: what keeps the allocation from becoming healthy, and which event says so.
#[test]
fn unhealthy() {
    let begin = "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1\n";
    for (story, event) in [
        (
            "> at 29.9
             > at 30
             = pending unhealthy web=pending
             > started web/1
             = running unhealthy web=running
             > at 60",
            "Alloc Unhealthy: Task not running by healthy_deadline of 30s",
        ),
        (
            "> at 25
             > started web/1
             = running web=running
             > at 30
             = running unhealthy web=running
             > at 60",
            "Alloc Unhealthy: Task not running for min_healthy_time of 10s by healthy_deadline of 30s",
        ),
        (
            "> started web/1
             = running web=running
             > at 9
             > ended web/1 1
             = pending web=pendingx1
             > at 21
             save
             start web/2
             > started web/2
             = running web=runningx1
             > at 30
             = running unhealthy web=runningx1",
            "Alloc Unhealthy: Task not running for min_healthy_time of 10s by healthy_deadline of 30s",
        ),
    ] {
        let world = tell(deployed(service(vec![task("web")]), 1), &format!("{begin}{story}"));
        assert!(world.events("web").contains(&event.to_owned()), "{:#?}", world.events("web"));
    }
}

/// Not healthy twice: once judged it stays, but a new version in place is judged anew, with the tasks going on, and its settings hold at once.
#[test]
fn in_place_update() {
    tell(
        deployed(service(vec![task("web")]), 1),
        "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running web=running
         > at 10
         = running healthy web=running
         > at 500
         > deployment 2
         = running web=running
         > at 509
         > at 510
         = running healthy web=running
         > kill_timeout 9
         > stop
         stop web/1 - 9s",
    );
}

/// Nobody judges where a person shall, nor batch work; the person's word is kept.
#[test]
fn manual_health() {
    let mut by_hand = group(vec![task("web")]);
    by_hand.update.as_mut().unwrap().health_check = HealthCheck::Manual;
    let begin = "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running web=running
         > at 1000\n";
    tell(deployed(alloc(JobType::Service, by_hand), 1), begin);
    tell(batch(vec![task("web")]), begin);
    // Said before the node could find out.
    tell(
        deployed(service(vec![task("web")]), 1),
        "save
         dirs
         = pending web=pending
         > said unhealthy
         = pending unhealthy web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running unhealthy web=running
         > at 100",
    );
}

/// The agent goes and comes back: running tasks are found again with their numbers, delays and judgements go on.
#[test]
fn agent_restarts() {
    tell(
        deployed(service(vec![task("web")]), 1),
        "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running web=running
         > at 8
         > agent restarts
         recover web/1
         > at 11
         > recovered web/1 running
         = running healthy web=running
         > agent restarts
         recover web/1
         > recovered web/1 1
         = pending healthy web=pendingx1
         > at 12
         > agent restarts
         > at 24
         save
         start web/2
         > agent restarts
         recover web/2
         > recovered web/2 never
         save
         start web/3
         > started web/3
         = running healthy web=runningx1
         > agent restarts
         recover web/3
         > recovered web/3 lost
         = pending healthy web=pendingx2",
    );
    // Stopped while the agent was away; started just before it went.
    tell(
        batch(vec![task("web")]),
        "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > agent restarts
         recover web/1
         > stop
         > recovered web/1 running
         stop web/1 - 5s
         = running web=running
         > agent restarts
         recover web/1
         > recovered web/1 0
         = complete web=dead
         > agent restarts",
    );
    // Before the directories were there.
    tell(
        batch(vec![task("web")]),
        "save
         dirs
         = pending web=pending
         > agent restarts
         save
         dirs
         > dirs ok
         save
         start web/1",
    );
}

fn limited(mut alloc: Allocation, seconds: i64) -> Allocation {
    let mut job = Job::clone(alloc.job.as_ref().unwrap());
    job.task_groups[0].max_run_duration = Some(seconds * SECOND);
    alloc.job = Some(Arc::new(job));
    // It was made a while before the node heard of it.
    Allocation { create_time: BIRTH - 5 * SECOND, ..alloc }
}

/// An allocation that has run for as long as it may is ended, in order, also by an agent that starts later; the time counts from its creation.
#[test]
fn max_run_duration() {
    let world = tell(
        limited(batch(vec![task("web")]), 30),
        "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running web=running
         > at 24
         > at 25
         stop web/1 - 5s
         > ended web/1 130
         = complete web=dead",
    );
    let reason = "Allocation ran for its max_run_duration of 30s";
    assert_eq!(world.machine.report().client_description, reason);
    assert!(world.events("web").contains(&format!("Killing: {reason}")), "{:?}", world.events("web"));
    assert_eq!(world.machine.wake_at(), None);
    // While no agent ran, and one that restarts afterwards does not begin again.
    tell(
        limited(batch(vec![task("web")]), 30),
        "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running web=running
         > agent restarts
         recover web/1
         > at 60
         > recovered web/1 running
         stop web/1 - 5s
         > agent restarts
         recover web/1
         > recovered web/1 0
         = complete web=dead
         > agent restarts",
    );
    // It ended before; between two attempts; a service has no such limit.
    tell(
        limited(batch(vec![task("web")]), 30),
        "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running web=running
         > ended web/1 1
         = pending web=pendingx1
         > at 25
         = complete web=deadx1
         > at 60",
    );
    let world = tell(limited(service(vec![task("web")]), 30), "save\ndirs\n= pending web=pending\n> at 20");
    assert_eq!(world.machine.report().client_description, "No tasks have started");
}

/// The node may end an allocation by itself; what the region says later changes nothing about it.
#[test]
fn cut() {
    let world = tell(
        service(vec![task("web"), hooked("clean", LifecycleHook::Poststop, false)]),
        "save
         dirs
         = pending clean=pending web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running clean=pending web=running
         > cut
         stop web/1 - 5s
         > cut
         > ended web/1 130
         save
         start clean/1
         = pending clean=pending web=dead
         > started clean/1
         = running clean=running web=dead
         > ended clean/1 0
         = complete clean=dead web=dead
         > agent restarts
         > known unknown
         > at 600",
    );
    assert_eq!(world.machine.report().client_description, "nobody answered");
}

/// A region that took it for unknown is told that it runs, in the words of the interface.
#[test]
fn reconnected() {
    for (known, n_times) in [
        ("> known unknown", 1),
        ("> known unknown\n > known unknown\n > known running", 1),
        ("> known silent meanwhile", 1),
        ("> known unknown\n > at 600\n > known running\n > known unknown", 2),
        ("> known running", 0),
        ("> agent restarts\n recover web/1\n > known silent meanwhile\n > recovered web/1 running", 1),
    ] {
        let story = "save
         dirs
         = pending web=pending
         > dirs ok
         save
         start web/1
         > started web/1
         = running web=running";
        let world = tell(batch(vec![task("web")]), &format!("{story}\n{known}"));
        let events = world.events("web");
        assert_eq!(events.iter().filter(|event| *event == "Reconnected: Client reconnected").count(), n_times, "{known}");
    }
}

/// An allocation that came without what it needs is refused in words.
#[test]
fn unusable() {
    let new = |alloc: Allocation| Machine::new(BIRTH, Arc::new(alloc), settings()).err().map(|error| error.0);
    assert_eq!(new(Allocation::default()).unwrap(), "the allocation came without its job");
    let other = Allocation { task_group: "other".into(), ..batch(vec![]) };
    assert_eq!(new(other).unwrap(), "job \"j\" has no group \"other\"");
}
