//! What the agent and the helper process tell each other, in files.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{read_json, write_json};
use crate::process::ProcessId;
use crate::user::Identity;
use crate::{Exit, LogFiles};

/// What the helper shall run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Name of the task, for its log files.
    pub name: String,
    pub program: PathBuf,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub work_dir: PathBuf,
    pub identity: Option<Identity>,
    pub logs: LogFiles,
    pub oom_score_adj: Option<i64>,
}

/// Who runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Started {
    /// Processes of another start of the machine are gone.
    pub boot_id: String,
    pub helper: ProcessId,
    pub task: ProcessId,
}

/// What the helper says on its standard output, once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Started(Started),
    Failed { message: String, recoverable: bool },
}

/// The private directory of one start of one task.
pub(crate) struct StateDir {
    path: PathBuf,
}

impl StateDir {
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Makes the directory, which must not exist.
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        DirBuilder::new().mode(0o700).create(path)?;
        Ok(Self::at(path))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    pub fn write_plan(&self, plan: &Plan) -> io::Result<()> {
        write_json(&self.path.join("plan.json"), plan, false)
    }

    pub fn read_plan(&self) -> io::Result<Option<Plan>> {
        read_json(&self.path.join("plan.json"))
    }

    pub fn write_started(&self, started: &Started) -> io::Result<()> {
        write_json(&self.path.join("started.json"), started, false)
    }

    pub fn started(&self) -> io::Result<Option<Started>> {
        read_json(&self.path.join("started.json"))
    }

    /// Survives a power cut.
    pub fn write_exit(&self, exit: &Exit) -> io::Result<()> {
        write_json(&self.path.join("exit.json"), exit, true)
    }

    pub fn exit(&self) -> io::Result<Option<Exit>> {
        read_json(&self.path.join("exit.json"))
    }

    pub fn log_file(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(self.path.join("executor.log"))
    }

    /// The lock, if no helper holds it. It stays held until every process that got the file has closed it or ended.
    pub fn try_lock(&self) -> io::Result<Option<File>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.path.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Nothing but an `exit.json` is needed once the task has ended; the plan contains the environment.
    pub fn forget_plan(&self) {
        // It is removed with the allocation at the latest.
        let _ = fs::remove_file(self.path.join("plan.json"));
    }
}
