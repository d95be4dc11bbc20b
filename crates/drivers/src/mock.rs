//! `mock_driver`: runs nothing and behaves as its configuration says. For tests of everything around drivers.
//!
//! Its tasks survive the agent as well as real ones: what a task will do follows from its configuration and from when it started, which is
//! written down.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::warn;

use crate::config::Reader;
use crate::files::{read_json, write_json};
use crate::logs::RotatingFile;
use crate::{ConfigError, Error, Exit, Fingerprint, LogFiles, Recovered, StartError, TaskDriver, TaskHandle, TaskSpec, TaskUsage};

/// The keys of a task's `config` block; job files are checked against the same list when they are submitted.
pub(crate) const KNOWN: [&str; 13] = [
    "run_for",
    "exit_code",
    "exit_signal",
    "exit_err_msg",
    "start_error",
    "start_error_recoverable",
    "start_block_for",
    "kill_after",
    "signal_error",
    "stdout_string",
    "stdout_repeat",
    "stdout_repeat_duration",
    "plugin_exit_after",
];

/// A task's `config` block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Behaviour {
    /// How long the task runs; zero: it ends at once.
    run_for: Duration,
    /// How it ends then.
    exit: Exit,
    /// Starting fails with this text, unless empty.
    start_error: String,
    start_error_recoverable: bool,
    /// How long starting takes.
    start_block_for: Duration,
    /// How long the task takes to end when asked to.
    kill_after: Duration,
    /// Signals other than those that stop it fail with this text, unless empty.
    signal_error: String,
    stdout_string: String,
    /// How often the text is written again.
    stdout_repeat: u64,
    stdout_repeat_duration: Duration,
    /// The driver loses sight of the task after this time; zero: never.
    plugin_exit_after: Duration,
}

impl Behaviour {
    fn read(config: &Map<String, Value>) -> Result<Self, ConfigError> {
        let reader = Reader::new("mock_driver", config, &KNOWN)?;
        let small = |key: &str| -> Result<i32, ConfigError> {
            i32::try_from(reader.integer(key)?.unwrap_or(0)).map_err(|_| reader.invalid(key, "is too large"))
        };
        let text = |key: &str| reader.text(key).map(Option::unwrap_or_default);
        let duration = |key: &str| reader.duration(key).map(Option::unwrap_or_default);
        Ok(Self {
            run_for: duration("run_for")?,
            exit: Exit { code: small("exit_code")?, signal: small("exit_signal")?, oom_killed: false, message: text("exit_err_msg")? },
            start_error: text("start_error")?,
            start_error_recoverable: reader.flag("start_error_recoverable")?.unwrap_or(false),
            start_block_for: duration("start_block_for")?,
            kill_after: duration("kill_after")?,
            signal_error: text("signal_error")?,
            stdout_string: text("stdout_string")?,
            stdout_repeat: u64::try_from(reader.integer("stdout_repeat")?.unwrap_or(0))
                .map_err(|_| reader.invalid("stdout_repeat", "cannot be negative"))?,
            stdout_repeat_duration: duration("stdout_repeat_duration")?,
            plugin_exit_after: duration("plugin_exit_after")?,
        })
    }
}

/// What is written down of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    behaviour: Behaviour,
    /// Since 1970.
    started_at: Duration,
    name: String,
    logs: LogFiles,
    exit: Option<Exit>,
}

/// What somebody wants of a running task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Run,
    Stop,
    Kill,
}

struct Running {
    wish: watch::Sender<Wish>,
    exit: watch::Receiver<Option<Exit>>,
    signal_error: String,
}

/// The driver.
#[derive(Default)]
pub struct Mock {
    tasks: Arc<Mutex<HashMap<PathBuf, Running>>>,
}

impl Mock {
    pub fn new() -> Self {
        Self::default()
    }

    fn run(&self, state_dir: &Path, record: Record, elapsed: Duration) {
        let (wish, wished) = watch::channel(Wish::Run);
        let (report, exit) = watch::channel(None);
        let running = Running { wish, exit, signal_error: record.behaviour.signal_error.clone() };
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).insert(state_dir.to_owned(), running);
        let state_dir = state_dir.to_owned();
        let tasks = self.tasks.clone();
        tokio::spawn(async move {
            let exit = live(&record, elapsed, wished).await;
            let record = Record { exit: Some(exit.clone()), ..record };
            if let Err(error) = write_json(&record_path(&state_dir), &record, true) {
                warn!(%error, "end of a mock task could not be written down");
            }
            report.send_replace(Some(exit));
            // From here on the record tells.
            tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(&state_dir);
        });
    }

    fn with<T>(&self, handle: &TaskHandle, look: impl FnOnce(&Running) -> T) -> Result<T, Error> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.get(&handle.state_dir).filter(|task| task.exit.borrow().is_none()).map(look).ok_or(Error::NotRunning)
    }
}

fn record_path(state_dir: &Path) -> PathBuf {
    state_dir.join("mock.json")
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The task's life from `elapsed` after its start.
async fn live(record: &Record, elapsed: Duration, mut wished: watch::Receiver<Wish>) -> Exit {
    let behaviour = &record.behaviour;
    let after = |duration: Duration| Instant::now() + duration.saturating_sub(elapsed);
    let end = after(behaviour.run_for);
    let plugin_end = after(behaviour.plugin_exit_after);
    let killed = Exit { code: 137, signal: 9, ..Exit::default() };
    tokio::select! {
        biased;
        wish = next_wish(&mut wished, Wish::Run) => {
            if wish == Wish::Kill {
                return killed;
            }
            let graceful = Instant::now() + behaviour.kill_after;
            match timeout_at(graceful, next_wish(&mut wished, Wish::Stop)).await {
                Ok(_) => killed,
                Err(_) => Exit::default(),
            }
        }
        () = sleep_until(plugin_end), if !behaviour.plugin_exit_after.is_zero() => {
            Exit { message: "the driver's plugin exited".to_owned(), ..Exit::default() }
        }
        () = write_and_sleep(record, elapsed, end) => behaviour.exit.clone(),
    }
}

/// Waits until more is wished than `so_far`.
async fn next_wish(wished: &mut watch::Receiver<Wish>, so_far: Wish) -> Wish {
    let wish = wished.wait_for(|wish| *wish != so_far).await.map(|wish| *wish);
    match wish {
        Ok(wish) => wish,
        // The driver is gone, and with it whoever could wish.
        Err(_) => std::future::pending().await,
    }
}

async fn write_and_sleep(record: &Record, elapsed: Duration, end: Instant) {
    let behaviour = &record.behaviour;
    if !behaviour.stdout_string.is_empty() && !record.logs.disabled {
        let stem = format!("{}.stdout", record.name);
        let write = || -> std::io::Result<()> {
            let mut file = RotatingFile::open(&record.logs.dir, &stem, record.logs.max_files, record.logs.max_file_size)?;
            file.write_all(behaviour.stdout_string.as_bytes())
        };
        let begin = Instant::now();
        for turn in 0..=behaviour.stdout_repeat {
            let due = behaviour.stdout_repeat_duration * u32::try_from(turn).unwrap_or(u32::MAX);
            // What was due before the agent came back was written by its predecessor.
            if due < elapsed {
                continue;
            }
            let at = begin + (due - elapsed);
            if at > end {
                break;
            }
            sleep_until(at).await;
            if let Err(error) = write() {
                warn!(%error, "output of a mock task is lost");
            }
        }
    }
    sleep_until(end).await;
}

#[async_trait]
impl TaskDriver for Mock {
    fn name(&self) -> &'static str {
        "mock_driver"
    }

    fn fingerprint(&self) -> Fingerprint {
        let attributes = BTreeMap::from([("driver.mock_driver".to_owned(), "1".to_owned())]);
        Fingerprint { attributes, detected: true, healthy: true, description: "Healthy".to_owned() }
    }

    async fn start(&self, handle: &TaskHandle, spec: &TaskSpec) -> Result<(), StartError> {
        let behaviour = Behaviour::read(&spec.config)?;
        tokio::time::sleep(behaviour.start_block_for).await;
        if !behaviour.start_error.is_empty() {
            return Err(StartError { message: behaviour.start_error, recoverable: behaviour.start_error_recoverable });
        }
        let record = Record { behaviour, started_at: now(), name: spec.name.clone(), logs: spec.logs.clone(), exit: None };
        std::fs::create_dir_all(&handle.state_dir)
            .and_then(|()| write_json(&record_path(&handle.state_dir), &record, true))
            .map_err(|error| StartError::recoverable(format!("mock_driver: preparing {}: {error}", handle.state_dir.display())))?;
        self.run(&handle.state_dir, record, Duration::ZERO);
        Ok(())
    }

    async fn recover(&self, handle: &TaskHandle) -> Recovered {
        match read_json::<Record>(&record_path(&handle.state_dir)) {
            Ok(Some(Record { exit: Some(exit), .. })) => Recovered::Exited(exit),
            Ok(Some(record)) => {
                let elapsed = now().saturating_sub(record.started_at);
                if elapsed >= record.behaviour.run_for {
                    return Recovered::Exited(record.behaviour.exit);
                }
                self.run(&handle.state_dir, record, elapsed);
                Recovered::Running
            }
            Ok(None) => Recovered::NeverStarted,
            Err(error) => Recovered::Lost(format!("reading {}: {error}", handle.state_dir.display())),
        }
    }

    async fn wait(&self, handle: &TaskHandle) -> Exit {
        let exit = {
            let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.get(&handle.state_dir).map(|task| task.exit.clone())
        };
        let ended = match exit {
            Some(mut exit) => exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone()),
            None => read_json::<Record>(&record_path(&handle.state_dir)).ok().flatten().and_then(|record| record.exit),
        };
        ended.unwrap_or_else(|| Exit { message: "the driver does not know the task".to_owned(), ..Exit::default() })
    }

    async fn signal(&self, handle: &TaskHandle, signal: Signal) -> Result<(), Error> {
        let error = self.with(handle, |task| task.signal_error.clone())?;
        if !error.is_empty() {
            return Err(Error::Refused(error));
        }
        match signal {
            Signal::SIGKILL | Signal::SIGINT | Signal::SIGTERM => self.signal_all(handle, signal).await,
            _ => Ok(()),
        }
    }

    async fn signal_all(&self, handle: &TaskHandle, signal: Signal) -> Result<(), Error> {
        let wish = if signal == Signal::SIGKILL { Wish::Kill } else { Wish::Stop };
        self.with(handle, |task| {
            task.wish.send_if_modified(|current| {
                let more = *current != Wish::Kill && *current != wish;
                if more {
                    *current = wish;
                }
                more
            });
        })
    }

    async fn stats(&self, handle: &TaskHandle) -> Result<TaskUsage, Error> {
        self.with(handle, |_| TaskUsage::default())
    }
}
