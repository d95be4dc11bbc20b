//! `raw_exec`: a program on the node itself, without isolation.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::{Map, Value};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tracing::warn;

use crate::config::Reader;
use crate::executor::{Answer, Plan, Started, StateDir};
use crate::process::{self, ProcessStat};
use crate::user::{Identity, Ranges, identity};
use crate::{ConfigError, Error, ExecutorCommand, Exit, Fingerprint, Recovered, StartError, TaskDriver, TaskHandle, TaskSpec, TaskUsage};

/// A helper that says nothing for so long is stuck (a dead network filesystem, a machine out of memory).
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How long an agent waits for a helper that its predecessor started just before it died.
const RECOVER_PATIENCE: Duration = Duration::from_secs(10);
const RECOVER_POLL: Duration = Duration::from_millis(20);
/// More is not an answer of the helper.
const ANSWER_MAX: u64 = 64 << 10;

/// The keys of a task's `config` block; job files are checked against the same list when they are submitted.
pub(crate) const KNOWN: [&str; 7] =
    ["command", "args", "work_dir", "denied_envvars", "oom_score_adj", "cgroup_v1_override", "cgroup_v2_override"];

/// What the agent's configuration says about the driver.
#[derive(Clone, Debug, Default)]
pub struct RawExecSettings {
    pub enabled: bool,
    /// Removed from every task's environment; `*` stands for any characters at an end.
    pub denied_envvars: Vec<String>,
    denied_uids: Ranges,
    denied_gids: Ranges,
}

impl RawExecSettings {
    pub(crate) fn read(of: &str, config: &Map<String, Value>) -> Result<Self, ConfigError> {
        let reader = Reader::new(of, config, &["enabled", "denied_envvars", "denied_host_uids", "denied_host_gids"])?;
        let ranges = |key: &str| -> Result<Ranges, ConfigError> {
            let text = reader.text(key)?.unwrap_or_default();
            Ranges::parse(&text).map_err(|problem| reader.invalid(key, problem))
        };
        Ok(Self {
            enabled: reader.flag("enabled")?.unwrap_or(false),
            denied_envvars: reader.texts("denied_envvars")?,
            denied_uids: ranges("denied_host_uids")?,
            denied_gids: ranges("denied_host_gids")?,
        })
    }
}

/// The driver.
pub struct RawExec {
    settings: RawExecSettings,
    executor: ExecutorCommand,
}

/// A task's `config` block.
struct TaskConfig {
    command: String,
    args: Vec<String>,
    work_dir: Option<String>,
    denied_envvars: Vec<String>,
    oom_score_adj: Option<i64>,
}

impl TaskConfig {
    fn read(config: &Map<String, Value>) -> Result<Self, ConfigError> {
        let reader = Reader::new("raw_exec", config, &KNOWN)?;
        reader.unsupported("cgroup_v1_override")?;
        reader.unsupported("cgroup_v2_override")?;
        let oom_score_adj = reader.integer("oom_score_adj")?.filter(|adjustment| *adjustment != 0);
        if oom_score_adj.is_some_and(|adjustment| !(-1000..=1000).contains(&adjustment)) {
            return Err(reader.invalid("oom_score_adj", "must be from -1000 to 1000"));
        }
        let work_dir = reader.text("work_dir")?.filter(|path| !path.is_empty());
        if work_dir.as_ref().is_some_and(|path| !Path::new(path).is_absolute()) {
            return Err(reader.invalid("work_dir", "must be an absolute path"));
        }
        Ok(Self {
            command: reader.required_text("command")?,
            args: reader.texts("args")?,
            work_dir,
            denied_envvars: reader.texts("denied_envvars")?,
            oom_score_adj,
        })
    }
}

impl RawExec {
    pub fn new(settings: RawExecSettings, executor: ExecutorCommand) -> Self {
        Self { settings, executor }
    }

    fn plan(&self, spec: &TaskSpec) -> Result<Plan, StartError> {
        let config = TaskConfig::read(&spec.config)?;
        let identity = identity(&spec.user).map_err(StartError::fatal)?;
        self.allowed(identity.as_ref())?;
        let denied = |name: &str| self.settings.denied_envvars.iter().chain(&config.denied_envvars).any(|pattern| matches(pattern, name));
        let env: BTreeMap<String, String> =
            spec.env.iter().filter(|(name, _)| !denied(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        let search = env.get("PATH").cloned().unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let program = find_program(&config.command, &spec.task_dir, &search).map_err(StartError::fatal)?;
        Ok(Plan {
            name: spec.name.clone(),
            program,
            args: config.args,
            env,
            work_dir: config.work_dir.map_or_else(|| spec.task_dir.clone(), PathBuf::from),
            identity,
            logs: spec.logs.clone(),
            oom_score_adj: config.oom_score_adj,
        })
    }

    fn allowed(&self, identity: Option<&Identity>) -> Result<(), StartError> {
        let (uid, gid) = match identity {
            Some(identity) => (identity.uid, identity.gid),
            None => (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()),
        };
        if self.settings.denied_uids.contains(uid) {
            return Err(StartError::fatal(format!("raw_exec: running as user id {uid} is denied by denied_host_uids of this node")));
        }
        if self.settings.denied_gids.contains(gid) {
            return Err(StartError::fatal(format!("raw_exec: running as group id {gid} is denied by denied_host_gids of this node")));
        }
        Ok(())
    }

    /// Starts the helper and returns what it says.
    async fn launch(&self, state: &StateDir) -> Result<Answer, StartError> {
        let failed = |what: &str, error: std::io::Error| StartError::recoverable(format!("raw_exec: {what}: {error}"));
        let lock = state.try_lock().map_err(|error| failed("locking the task's state directory", error))?;
        let lock = lock.ok_or_else(|| StartError::recoverable("raw_exec: the task's state directory is in use"))?;
        let log = state.log_file().map_err(|error| failed("opening the executor's log", error))?;
        let mut command = Command::new(&self.executor.program);
        command.args(&self.executor.args).arg(state.path());
        command.env_clear().stdin(lock).stdout(Stdio::piped()).stderr(log).kill_on_drop(false);
        // SAFETY: setsid is a bare system call.
        unsafe {
            command.pre_exec(|| {
                // Neither a closed terminal nor Ctrl-C may reach it.
                nix::unistd::setsid()?;
                Ok(())
            })
        };
        let mut child = command.spawn().map_err(|error| failed(&format!("starting {:?}", self.executor.program), error))?;
        // The command holds the locked file.
        drop(command);
        let mut text = Vec::new();
        let Some(stdout) = child.stdout.take() else { return Err(StartError::recoverable("raw_exec: no pipe to the executor")) };
        let mut stdout = stdout.take(ANSWER_MAX);
        let read = tokio::time::timeout(START_PATIENCE, stdout.read_to_end(&mut text)).await;
        match read {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(failed("reading the executor's answer", error)),
            Err(_) => {
                if let Err(error) = child.start_kill() {
                    warn!(%error, "executor could not be killed");
                }
                return Err(StartError::recoverable(format!("raw_exec: the executor did not answer within {START_PATIENCE:?}")));
            }
        }
        serde_json::from_slice(&text).map_err(|error| {
            let said = std::fs::read_to_string(state.path().join("executor.log")).unwrap_or_default();
            StartError::recoverable(format!("raw_exec: the executor gave no answer ({error}); it wrote: {:?}", said.trim()))
        })
    }
}

#[async_trait]
impl TaskDriver for RawExec {
    fn name(&self) -> &'static str {
        "raw_exec"
    }

    fn fingerprint(&self) -> Fingerprint {
        let attributes = BTreeMap::from([("driver.raw_exec".to_owned(), "1".to_owned())]);
        Fingerprint { attributes, detected: true, healthy: true, description: "Healthy".to_owned() }
    }

    async fn start(&self, handle: &TaskHandle, spec: &TaskSpec) -> Result<(), StartError> {
        let plan = self.plan(spec)?;
        let state = StateDir::create(&handle.state_dir)
            .and_then(|state| state.write_plan(&plan).map(|()| state))
            .map_err(|error| StartError::recoverable(format!("raw_exec: preparing {}: {error}", handle.state_dir.display())))?;
        match self.launch(&state).await? {
            Answer::Started(_) => Ok(()),
            Answer::Failed { message, recoverable } => Err(StartError { message: format!("raw_exec: {message}"), recoverable }),
        }
    }

    async fn recover(&self, handle: &TaskHandle) -> Recovered {
        let state = StateDir::at(&handle.state_dir);
        let deadline = tokio::time::Instant::now() + RECOVER_PATIENCE;
        loop {
            match look(&state) {
                Ok(Some(found)) => return found,
                Ok(None) if tokio::time::Instant::now() < deadline => tokio::time::sleep(RECOVER_POLL).await,
                Ok(None) => return Recovered::Lost(format!("its executor did not start it within {RECOVER_PATIENCE:?}")),
                Err(error) => return Recovered::Lost(format!("reading {}: {error}", state.path().display())),
            }
        }
    }

    async fn wait(&self, handle: &TaskHandle) -> Exit {
        let state = StateDir::at(&handle.state_dir);
        let started = match running(&state) {
            Ok(started) => started,
            Err(error) => return lost(&error.to_string()),
        };
        if let Some(started) = &started {
            started.helper.ended().await;
        }
        match state.exit() {
            Ok(Some(exit)) => exit,
            Ok(None) => {
                if let Some(started) = &started {
                    end_orphans(started);
                }
                lost("the executor process of the task ended, so the task was ended too")
            }
            Err(error) => lost(&format!("how the task ended cannot be read: {error}")),
        }
    }

    async fn signal(&self, handle: &TaskHandle, signal: Signal) -> Result<(), Error> {
        let started = alive(handle)?;
        sent(signal, kill(Pid::from_raw(started.task.pid), signal))
    }

    async fn signal_all(&self, handle: &TaskHandle, signal: Signal) -> Result<(), Error> {
        // The executor ends what is in other groups once the task itself has ended.
        let started = alive(handle)?;
        sent(signal, killpg(Pid::from_raw(started.task.pid), signal))
    }

    async fn stats(&self, handle: &TaskHandle) -> Result<TaskUsage, Error> {
        let started = alive(handle)?;
        let processes = process::descendants(started.helper.pid, &process::all());
        Ok(TaskUsage { processes: processes.iter().filter(|p| p.is_alive()).map(|p| (p.pid, p.usage())).collect() })
    }
}

/// `None`: the helper lives but has not said yet whom it started.
fn look(state: &StateDir) -> std::io::Result<Option<Recovered>> {
    if !state.exists() {
        return Ok(Some(Recovered::NeverStarted));
    }
    if let Some(exit) = state.exit()? {
        return Ok(Some(Recovered::Exited(exit)));
    }
    let started = state.started()?;
    if let Some(started) = &started
        && started.boot_id != process::boot_id()?
    {
        return Ok(Some(Recovered::Lost("the machine was restarted".to_owned())));
    }
    // Free: no helper lives.
    if let Some(_lock) = state.try_lock()? {
        if let Some(exit) = state.exit()? {
            return Ok(Some(Recovered::Exited(exit)));
        }
        let Some(started) = state.started()? else { return Ok(Some(Recovered::NeverStarted)) };
        end_orphans(&started);
        return Ok(Some(Recovered::Lost("its executor process ended".to_owned())));
    }
    Ok(started.map(|_| Recovered::Running))
}

/// `None` when the task was never started or belongs to another start of the machine.
fn running(state: &StateDir) -> std::io::Result<Option<Started>> {
    let boot_id = process::boot_id()?;
    Ok(state.started()?.filter(|started| started.boot_id == boot_id))
}

fn alive(handle: &TaskHandle) -> Result<Started, Error> {
    let started = running(&StateDir::at(&handle.state_dir)).map_err(Error::State)?;
    started.filter(|started| started.task.is_alive()).ok_or(Error::NotRunning)
}

fn sent(signal: Signal, result: nix::Result<()>) -> Result<(), Error> {
    match result {
        Ok(()) => Ok(()),
        Err(nix::Error::ESRCH) => Err(Error::NotRunning),
        Err(source) => Err(Error::Signal { signal, source }),
    }
}

/// Ends the processes of a task whose helper is gone. Its session is known by the task's process id, which the kernel does not give out again
/// while the session has members.
fn end_orphans(started: &Started) {
    let processes = process::all();
    let is_other = |p: &ProcessStat| p.pid == started.task.pid && p.start_time != started.task.start_time;
    if processes.iter().any(is_other) {
        return;
    }
    for orphan in processes.iter().filter(|p| p.session == started.task.pid && p.is_alive()) {
        if let Err(error) = kill(Pid::from_raw(orphan.pid), Signal::SIGKILL) {
            warn!(pid = orphan.pid, %error, "process of a lost task could not be killed");
        }
    }
}

fn lost(reason: &str) -> Exit {
    Exit { message: reason.to_owned(), ..Exit::default() }
}

/// `PATH*`, `*_TOKEN`, `*SECRET*` or a whole name.
fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => pattern.len() < 2 || name.contains(&pattern[1..pattern.len() - 1]),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}

/// A bare name is looked for in the task's `local` and own directory, then in `PATH`; a relative path starts at the task's directory.
fn find_program(command: &str, task_dir: &Path, search: &str) -> Result<PathBuf, String> {
    let given = Path::new(command);
    let candidates: Vec<PathBuf> = if given.is_absolute() {
        vec![given.to_owned()]
    } else if command.contains('/') {
        vec![task_dir.join(given)]
    } else {
        let path = std::env::split_paths(search).map(|dir| dir.join(given));
        [task_dir.join("local").join(given), task_dir.join(given)].into_iter().chain(path).collect()
    };
    let is_executable =
        |path: &PathBuf| path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0);
    if let Some(found) = candidates.iter().find(|path| is_executable(path)) {
        return Ok(found.clone());
    }
    match candidates.iter().find(|path| path.is_file()) {
        Some(found) => Err(format!("raw_exec: command {command:?}: {} is not executable", found.display())),
        None if candidates.len() == 1 => Err(format!("raw_exec: command {command:?}: no such file on this node")),
        None => Err(format!("raw_exec: command {command:?} is neither in the task's directory nor in PATH ({search})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: pattern, name, match.
    #[test]
    fn patterns() {
        for (pattern, name, want) in [
            ("HOME", "HOME", true),
            ("HOME", "HOMER", false),
            ("AWS_*", "AWS_KEY", true),
            ("AWS_*", "XAWS_KEY", false),
            ("*_TOKEN", "VAULT_TOKEN", true),
            ("*SECRET*", "MY_SECRET_KEY", true),
            ("*SECRET*", "PUBLIC", false),
            ("*", "ANY", true),
            ("**", "ANY", true),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} {name}");
        }
    }

    /// Each row: a command, and where it is found or why not.
    #[test]
    fn programs() {
        let dir = tempfile::tempdir().unwrap();
        let task = dir.path();
        std::fs::create_dir(task.join("local")).unwrap();
        for (name, mode) in [("local/run", 0o755), ("run", 0o755), ("own", 0o755), ("plain", 0o644)] {
            std::fs::write(task.join(name), "").unwrap();
            std::fs::set_permissions(task.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let check = |command: &str, want: Result<&Path, &str>| {
            let got = find_program(command, task, "/nowhere:/bin");
            assert_eq!(got.as_deref().map_err(|e| e.strip_prefix("raw_exec: command ").unwrap()), want, "{command}");
        };
        check("run", Ok(&task.join("local/run")));
        check("own", Ok(&task.join("own")));
        check("local/run", Ok(&task.join("local/run")));
        check("sh", Ok(Path::new("/bin/sh")));
        check("/bin/sh", Ok(Path::new("/bin/sh")));
        check("/no/such", Err("\"/no/such\": no such file on this node"));
        check("absent", Err("\"absent\" is neither in the task's directory nor in PATH (/nowhere:/bin)"));
        check("./plain", Err(&format!("\"./plain\": {}/./plain is not executable", task.display())));
    }
}
