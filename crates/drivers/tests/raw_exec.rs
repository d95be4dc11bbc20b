//! `raw_exec` with real processes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use drivers::{ExecutorCommand, Exit, LogFiles, RawExec, RawExecSettings, Recovered, StartError, TaskDriver, TaskHandle, TaskSpec};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const HELPER: &str = env!("CARGO_BIN_EXE_drivers-test-executor");

fn driver() -> RawExec {
    let executor = ExecutorCommand { program: HELPER.into(), args: vec!["executor".into()] };
    RawExec::new(RawExecSettings::default(), executor)
}

/// A task's directory, and what is in it.
struct Place {
    dir: testkit::Folder,
}

impl Place {
    fn new() -> Self {
        Self { dir: testkit::Folder::new() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn handle(&self, attempt: u32) -> TaskHandle {
        TaskHandle { state_dir: self.path().join(format!("private/{attempt}")) }
    }

    fn spec(&self, config: Value) -> TaskSpec {
        TaskSpec {
            name: "web".to_owned(),
            config: config.as_object().cloned().unwrap(),
            env: [("PATH".to_owned(), "/bin:/usr/bin".to_owned()), ("GREETING".to_owned(), "hello".to_owned())].into(),
            user: String::new(),
            task_dir: self.path().to_owned(),
            logs: LogFiles { dir: self.path().to_owned(), max_files: 2, max_file_size: 1 << 20, disabled: false },
        }
    }

    fn shell(&self, script: &str) -> TaskSpec {
        self.spec(json!({"command": "/bin/sh", "args": ["-c", script]}))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    async fn run(&self, spec: &TaskSpec) -> Exit {
        let handle = self.handle(1);
        driver().start(&handle, spec).await.unwrap();
        driver().wait(&handle).await
    }

    /// Waits until the task wrote a whole line and returns it.
    async fn line(&self, name: &str) -> String {
        let text = until(|| Some(self.read(name)).filter(|text| text.ends_with('\n'))).await;
        text.trim().to_owned()
    }

    async fn pid(&self, name: &str) -> i32 {
        self.line(name).await.parse().unwrap()
    }
}

async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "did not happen in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn runs(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim().starts_with('Z'))
}

/// Each row: a script, how it ends, what it writes.
#[tokio::test]
async fn ends_and_outputs() {
    let exit = |code: i32, signal: i32| Exit { code, signal, ..Exit::default() };
    for (script, end, stdout, stderr) in [
        ("echo $GREETING; echo warn >&2", exit(0, 0), "hello\n", "warn\n"),
        ("exit 7", exit(7, 0), "", ""),
        ("kill -TERM $$", exit(143, 15), "", ""),
        ("pwd -P | sed 's,.*/,,' >/dev/null; env | sort | grep -c -v -e ^PWD= -e ^SHLVL= -e ^_=", exit(0, 0), "2\n", ""),
        ("cat; echo end of input", exit(0, 0), "end of input\n", ""),
    ] {
        let place = Place::new();
        assert_eq!(place.run(&place.shell(script)).await, end, "{script}");
        assert_eq!(place.read("web.stdout.0"), stdout, "{script}");
        assert_eq!(place.read("web.stderr.0"), stderr, "{script}");
    }
}

/// Each row: a configuration that cannot start, why not, and whether trying again may help.
#[tokio::test]
async fn refused_starts() {
    for (config, want) in [
        (json!({"command": "/no/such/program"}), "raw_exec: command \"/no/such/program\": no such file on this node"),
        (json!({"command": "sh", "work_dir": "/no/such/dir"}), "raw_exec: starting \"/bin/sh\" in \"/no/such/dir\": No such file"),
        (json!({"command": "sh", "argz": []}), "raw_exec: unknown key \"argz\" in config, did you mean \"args\"?"),
        (json!({"command": "sh", "cgroup_v2_override": "x"}), "raw_exec: \"cgroup_v2_override\" in config is not supported yet"),
    ] {
        let place = Place::new();
        let StartError { message, recoverable } = driver().start(&place.handle(1), &place.spec(config)).await.unwrap_err();
        assert!(message.starts_with(want), "{message}");
        assert!(!recoverable);
    }
    let place = Place::new();
    let spec = TaskSpec { user: "nobody-of-that-name".to_owned(), ..place.shell("true") };
    let error = driver().start(&place.handle(1), &spec).await.unwrap_err();
    assert_eq!(error, StartError { message: "no user \"nobody-of-that-name\" on this node".to_owned(), recoverable: false });
}

/// Output goes over to the next file at the limit, the oldest goes away, and a second start goes on where the first left off.
#[tokio::test]
async fn rotation() {
    let place = Place::new();
    let spec = TaskSpec { logs: LogFiles { max_file_size: 1000, ..place.spec(json!({})).logs }, ..place.shell("seq 1 1000") };
    for attempt in [1, 2] {
        driver().start(&place.handle(attempt), &spec).await.unwrap();
        assert!(driver().wait(&place.handle(attempt)).await.success());
    }
    let mut names: Vec<String> = fs::read_dir(place.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.contains("stdout"))
        .collect();
    names.sort();
    // Twice 3,893 bytes in files of 1,000, of which two are kept.
    assert_eq!(names, ["web.stdout.6", "web.stdout.7"]);
    assert!(place.read("web.stdout.7").ends_with("999\n1000\n"));
}

/// Disabled logs leave no files.
#[tokio::test]
async fn disabled_logs() {
    let place = Place::new();
    let spec = TaskSpec { logs: LogFiles { disabled: true, ..place.spec(json!({})).logs }, ..place.shell("echo x") };
    assert!(place.run(&spec).await.success());
    assert!(!place.path().join("web.stdout.0").exists());
}

/// A task that obeys its signal ends by it, in time, and says so; its child gets the signal too.
#[tokio::test]
async fn stop_is_graceful_first() {
    let place = Place::new();
    let script = "trap 'echo bye; exit 3' USR1; (trap 'echo child; exit' USR1; echo $$ >ready; while :; do sleep 0.01; done) & wait; wait";
    driver().start(&place.handle(1), &place.shell(script)).await.unwrap();
    place.line("ready").await;
    let began = Instant::now();
    driver().stop(&place.handle(1), Some(Signal::SIGUSR1), Duration::from_secs(20)).await.unwrap();
    assert_eq!(driver().wait(&place.handle(1)).await, Exit { code: 3, ..Exit::default() });
    assert!(began.elapsed() < Duration::from_secs(15));
    assert!(place.read("web.stdout.0").contains("bye\n"));
}

/// A task that ignores its signal is killed after the timeout, and everything it started with it, even what made a session of its own.
#[tokio::test]
async fn stop_kills_the_whole_family() {
    let place = Place::new();
    let script = "trap '' INT; sh -c 'trap \"\" INT; echo $$ >child; exec sleep 1000' & \
                  setsid sh -c 'trap \"\" INT; echo $$ >escaped; exec sleep 1000' & wait; wait; sleep 1000";
    driver().start(&place.handle(1), &place.shell(script)).await.unwrap();
    let (child, escaped) = (place.pid("child").await, place.pid("escaped").await);
    assert!(runs(child) && runs(escaped));
    assert!(driver().stats(&place.handle(1)).await.unwrap().processes.contains_key(&escaped));
    driver().stop(&place.handle(1), None, Duration::from_millis(50)).await.unwrap();
    assert_eq!(driver().wait(&place.handle(1)).await, Exit { code: 137, signal: 9, ..Exit::default() });
    assert!(!runs(child) && !runs(escaped));
    assert!(matches!(driver().signal(&place.handle(1), Signal::SIGHUP).await, Err(drivers::Error::NotRunning)));
    driver().stop(&place.handle(1), None, Duration::ZERO).await.unwrap();
}

/// What a task leaves behind when it ends by itself ends with it.
#[tokio::test]
async fn leftovers_end() {
    let place = Place::new();
    let exit = place.run(&place.shell("sleep 1000 & echo $! >child")).await;
    assert!(exit.success());
    assert!(!runs(place.pid("child").await));
}

/// A signal for one process reaches it; statistics count its memory and name it.
#[tokio::test]
async fn signals_and_statistics() {
    let place = Place::new();
    driver().start(&place.handle(1), &place.shell("trap 'echo got it' HUP; echo $$ >pid; while :; do sleep 0.01; done")).await.unwrap();
    let pid = place.pid("pid").await;
    driver().signal(&place.handle(1), Signal::SIGHUP).await.unwrap();
    assert_eq!(place.line("web.stdout.0").await, "got it");
    let usage = driver().stats(&place.handle(1)).await.unwrap();
    assert!(usage.processes[&pid].rss > 10_000, "{usage:?}");
    driver().kill(&place.handle(1)).await.unwrap();
    assert_eq!(driver().wait(&place.handle(1)).await.signal, 9);
}

/// An agent process that started one task and was killed without warning.
fn killed_agent(place: &Place, script: &str) -> TaskHandle {
    let mut agent = Command::new(HELPER).arg("agent").arg(place.path()).arg(script).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(agent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "started\n");
    agent.kill().unwrap();
    agent.wait().unwrap();
    TaskHandle { state_dir: place.path().join("state") }
}

/// A task outlives its agent: a new one finds the same process, gets its later output, ends it and learns how it ended.
#[tokio::test]
async fn recover_running() {
    let place = Place::new();
    let handle = killed_agent(&place, "trap 'exit 5' INT; echo $$ >pid; while :; do [ -e go ] && echo later && rm go; sleep 0.01; done");
    let pid = place.pid("pid").await;
    assert_eq!(driver().recover(&handle).await, Recovered::Running);
    assert!(runs(pid));
    fs::write(place.path().join("go"), "").unwrap();
    assert_eq!(place.line("web.stdout.0").await, "later");
    driver().stop(&handle, None, Duration::from_secs(20)).await.unwrap();
    assert_eq!(driver().wait(&handle).await, Exit { code: 5, ..Exit::default() });
    assert!(!runs(pid));
}

/// A task that ended while no agent was there: how it ended is known.
#[tokio::test]
async fn recover_ended() {
    let place = Place::new();
    let handle = killed_agent(&place, "while [ ! -e go ]; do sleep 0.01; done; exit 9");
    fs::write(place.path().join("go"), "").unwrap();
    until(|| handle.state_dir.join("exit.json").exists().then_some(())).await;
    let exit = Exit { code: 9, ..Exit::default() };
    assert_eq!(driver().recover(&handle).await, Recovered::Exited(exit.clone()));
    assert_eq!(driver().wait(&handle).await, exit);
}

fn helper_pid(handle: &TaskHandle) -> Pid {
    let started: Value = serde_json::from_slice(&fs::read(handle.state_dir.join("started.json")).unwrap()).unwrap();
    Pid::from_raw(started["helper"]["pid"].as_i64().unwrap() as i32)
}

/// The helper was killed while no agent was there: the task is lost and its processes end, so that it can be started again.
#[tokio::test]
async fn recover_without_helper() {
    let place = Place::new();
    let handle = killed_agent(&place, "echo $$ >pid; sleep 1000; sleep 1000");
    let pid = place.pid("pid").await;
    kill(helper_pid(&handle), Signal::SIGKILL).unwrap();
    let lost = Recovered::Lost("its executor process ended".to_owned());
    let found = loop {
        // The lock is free as soon as the kernel has taken the helper down.
        match driver().recover(&handle).await {
            Recovered::Running => tokio::time::sleep(Duration::from_millis(5)).await,
            other => break other,
        }
    };
    assert_eq!(found, lost);
    until(|| (!runs(pid)).then_some(())).await;
}

/// The helper is killed while the agent waits: the wait ends and says why, and the task's processes end.
#[tokio::test]
async fn helper_killed() {
    let place = Place::new();
    driver().start(&place.handle(1), &place.shell("echo $$ >pid; sleep 1000; sleep 1000")).await.unwrap();
    let pid = place.pid("pid").await;
    kill(helper_pid(&place.handle(1)), Signal::SIGKILL).unwrap();
    let exit = driver().wait(&place.handle(1)).await;
    assert!(!exit.success() && exit.message.contains("executor process"), "{exit:?}");
    until(|| (!runs(pid)).then_some(())).await;
}

/// Another start of the machine, or an agent that died before it did anything.
#[tokio::test]
async fn recover_nothing() {
    let place = Place::new();
    assert_eq!(driver().recover(&place.handle(1)).await, Recovered::NeverStarted);
    let handle = killed_agent(&place, "exec sleep 1000");
    let path: PathBuf = handle.state_dir.join("started.json");
    let mut started: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let before = started["boot_id"].take();
    started["boot_id"] = json!("an earlier one");
    fs::write(&path, started.to_string()).unwrap();
    assert_eq!(driver().recover(&handle).await, Recovered::Lost("the machine was restarted".to_owned()));
    started["boot_id"] = before;
    fs::write(&path, started.to_string()).unwrap();
    driver().kill(&handle).await.unwrap();
    driver().wait(&handle).await;
}

/// A process id that now belongs to another process is not touched.
#[tokio::test]
async fn reused_process_id() {
    let place = Place::new();
    let mut other = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
    let handle = place.handle(1);
    driver().start(&handle, &place.shell("true")).await.unwrap();
    driver().wait(&handle).await;
    let path = handle.state_dir.join("started.json");
    let mut started: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    started["task"]["pid"] = json!(other.id());
    fs::write(&path, started.to_string()).unwrap();
    assert!(driver().kill(&handle).await.is_err());
    fs::remove_file(handle.state_dir.join("exit.json")).unwrap();
    assert_eq!(driver().recover(&handle).await, Recovered::Lost("its executor process ended".to_owned()));
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}
