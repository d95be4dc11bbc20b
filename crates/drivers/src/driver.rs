//! What every driver can do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// Everything needed to start a task once. All texts are final: nothing is interpolated any more.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// Name of the task, used for its log files.
    pub name: String,
    /// The task's `config` block.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// The whole environment; nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Runs as this user; empty: as the agent's user.
    pub user: String,
    /// Working directory of the task.
    pub task_dir: PathBuf,
    pub logs: LogFiles,
}

/// Where output goes: `<dir>/<task>.stdout.<n>` and `<dir>/<task>.stderr.<n>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogFiles {
    pub dir: PathBuf,
    /// How many files of each stream are kept.
    pub max_files: u64,
    /// Bytes after which the next file begins.
    pub max_file_size: u64,
    /// Output is thrown away.
    pub disabled: bool,
}

/// Names one start of one task, also for a later agent: the directory that is the driver's alone for this start.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskHandle {
    pub state_dir: PathBuf,
}

/// How a task ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 128 + signal when a signal ended it.
    pub code: i32,
    /// 0: none.
    pub signal: i32,
    pub oom_killed: bool,
    /// Why nothing better is known; empty when the task ended by itself or by a signal.
    pub message: String,
}

impl Exit {
    pub fn success(&self) -> bool {
        self.code == 0 && self.signal == 0 && self.message.is_empty()
    }
}

/// A start that did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    pub message: String,
    /// Trying again may help.
    pub recoverable: bool,
}

impl StartError {
    pub fn fatal(message: impl Into<String>) -> Self {
        Self { message: message.into(), recoverable: false }
    }

    pub fn recoverable(message: impl Into<String>) -> Self {
        Self { message: message.into(), recoverable: true }
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::fatal(error.to_string())
    }
}

/// What became of a task while no agent looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// It runs: the same process as before.
    Running,
    /// The agent ended before the driver did anything: starting it is not a restart.
    NeverStarted,
    Exited(Exit),
    /// It no longer runs and nobody knows how it ended.
    Lost(String),
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the task is not running")]
    NotRunning,
    #[error("sending {signal} to the task's processes failed")]
    Signal { signal: Signal, source: nix::Error },
    #[error("reading the task's state failed")]
    State(#[source] std::io::Error),
    #[error("{0}")]
    Refused(String),
}

/// What a driver found out about this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Attributes of the node, such as `driver.raw_exec` = `1`.
    pub attributes: BTreeMap<String, String>,
    pub detected: bool,
    pub healthy: bool,
    pub description: String,
}

/// Counters of a task's processes, since each process began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskUsage {
    pub processes: BTreeMap<i32, ProcessUsage>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Bytes.
    pub rss: u64,
    /// Bytes.
    pub swap: u64,
    /// Clock ticks, see [`crate::ticks_per_second`].
    pub user_ticks: u64,
    pub system_ticks: u64,
}

/// A way to run tasks. Every call may come from an agent that did not start the task, so a driver keeps what it needs under the handle.
#[async_trait]
pub trait TaskDriver: Send + Sync {
    fn name(&self) -> &'static str;

    fn fingerprint(&self) -> Fingerprint;

    /// Sent first when a task is to stop and names no signal of its own.
    fn default_stop_signal(&self) -> Signal {
        Signal::SIGINT
    }

    /// Starts the task; the directory of the handle is made here and must not exist.
    async fn start(&self, handle: &TaskHandle, spec: &TaskSpec) -> Result<(), StartError>;

    /// Finds out what became of a task that an earlier agent started, and takes it over if it runs.
    async fn recover(&self, handle: &TaskHandle) -> Recovered;

    /// Waits until the task ended. Safe to cancel and to call again, also after the end.
    async fn wait(&self, handle: &TaskHandle) -> Exit;

    /// Sends a signal to the task's main process.
    async fn signal(&self, handle: &TaskHandle, signal: Signal) -> Result<(), Error>;

    /// Sends a signal to all processes of the task.
    async fn signal_all(&self, handle: &TaskHandle, signal: Signal) -> Result<(), Error>;

    /// Ends all processes of the task at once.
    async fn kill(&self, handle: &TaskHandle) -> Result<(), Error> {
        self.signal_all(handle, Signal::SIGKILL).await
    }

    /// Asks all processes of the task to end, and ends them when they are still there after `timeout`.
    async fn stop(&self, handle: &TaskHandle, signal: Option<Signal>, timeout: Duration) -> Result<(), Error> {
        match self.signal_all(handle, signal.unwrap_or(self.default_stop_signal())).await {
            Err(Error::NotRunning) => return Ok(()),
            other => other?,
        }
        if tokio::time::timeout(timeout, self.wait(handle)).await.is_ok() {
            return Ok(());
        }
        match self.kill(handle).await {
            Ok(()) | Err(Error::NotRunning) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn stats(&self, handle: &TaskHandle) -> Result<TaskUsage, Error>;
}
