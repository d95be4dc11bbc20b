//! The helper's own life, in blocking calls.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, kill, killpg, signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, setgid, setgroups, setsid, setuid};

use super::{Answer, Plan, Started, StateDir};
use crate::logs::RotatingFile;
use crate::process::{self, ProcessId};
use crate::signal::ALL_SIGNALS;
use crate::{Exit, LogFiles};

/// Processes that do not end within this time of being killed hang in the kernel; they are left.
const KILL_PATIENCE: Duration = Duration::from_secs(5);
/// How long output is awaited after all processes of the task have ended.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);
const KILL_POLL: Duration = Duration::from_millis(10);
/// The copying threads need little; many helpers run at once.
const THREAD_STACK: usize = 64 << 10;

/// Runs the helper. `args` are those after the subcommand: the state directory.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    let [state_dir] = args.as_slice() else {
        eprintln!("usage: executor STATE_DIR (started by the agent, not by people)");
        return ExitCode::from(2);
    };
    match run(&PathBuf::from(state_dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.0);
            answer(&Answer::Failed { message: failure.0, recoverable: failure.1 });
            ExitCode::FAILURE
        }
    }
}

/// A message, and whether trying again may help.
struct Failure(String, bool);

fn run(path: &Path) -> Result<(), Failure> {
    let state = StateDir::at(path);
    let plan = state.read_plan().map_err(|error| Failure(format!("reading the plan: {error}"), false))?;
    let plan = plan.ok_or_else(|| Failure(format!("no plan in {}", path.display()), false))?;

    // Grandchildren whose parent ends become children of this process instead of escaping.
    nix::sys::prctl::set_child_subreaper(true).map_err(|error| Failure(format!("becoming the reaper: {error}"), false))?;
    default_signals();
    if let Some(adjustment) = plan.oom_score_adj {
        fs::write("/proc/self/oom_score_adj", adjustment.to_string())
            .map_err(|error| Failure(format!("setting oom_score_adj to {adjustment}: {error}"), false))?;
    }
    let mut outputs = Outputs::open(&plan.logs, &plan.name)
        .map_err(|error| Failure(format!("opening log files in {}: {error}", plan.logs.dir.display()), true))?;

    let mut child = spawn(&plan)?;
    let task = i32::try_from(child.id()).unwrap_or_default();
    ignore_signals();
    let started = begun(&state, task);
    match started {
        Ok(started) => answer(&Answer::Started(started)),
        Err(error) => {
            // Nobody could find this task again.
            end_what_is_left(task);
            return Err(Failure(format!("writing down the task's process id: {error}"), true));
        }
    }
    // The working directory of the agent may be on a filesystem that somebody wants to unmount.
    let _ = std::env::set_current_dir("/");

    let drained = outputs.copy_from(&mut child);
    let exit = wait_for(task);
    end_what_is_left(task);
    drained.wait();
    state.forget_plan();
    state.write_exit(&exit).map_err(|error| Failure(format!("writing down how the task ended: {error}"), false))
}

fn begun(state: &StateDir, task: i32) -> io::Result<Started> {
    let missing = || io::Error::other("no entry in /proc");
    let helper = ProcessId::of(std::process::id().cast_signed()).ok_or_else(missing)?;
    let task = ProcessId::of(task).ok_or_else(missing)?;
    let started = Started { boot_id: process::boot_id()?, helper, task };
    state.write_started(&started)?;
    Ok(started)
}

/// Tells the agent, which may be gone, and lets go of the pipe: its end is part of the answer.
fn answer(answer: &Answer) {
    if let Ok(text) = serde_json::to_vec(answer) {
        let _ = io::stdout().write_all(&text).and_then(|()| io::stdout().flush());
    }
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        let _ = nix::unistd::dup2_stdout(null);
    }
}

/// An agent started from a script may ignore signals; a task shall not inherit that.
fn default_signals() {
    // SIGPIPE stays ignored here; the standard library gives the default back to the child.
    for number in ALL_SIGNALS.into_iter().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP | Signal::SIGPIPE)) {
        // SAFETY: no handler is installed, only the default action is restored.
        let _ = unsafe { signal(number, SigHandler::SigDfl) };
    }
}

/// The helper ends when its task ends and not before. Set after the task was started, which would inherit it.
fn ignore_signals() {
    for number in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2] {
        // SAFETY: no handler is installed, the signal is only ignored.
        let _ = unsafe { signal(number, SigHandler::SigIgn) };
    }
}

fn spawn(plan: &Plan) -> Result<Child, Failure> {
    let output = || if plan.logs.disabled { Stdio::null() } else { Stdio::piped() };
    let mut command = Command::new(&plan.program);
    command.args(&plan.args).env_clear().envs(&plan.env).current_dir(&plan.work_dir);
    command.stdin(Stdio::null()).stdout(output()).stderr(output());
    let identity = plan.identity.clone();
    let groups: Vec<Gid> = identity.iter().flat_map(|identity| &identity.groups).map(|gid| Gid::from_raw(*gid)).collect();
    let become_task = move || {
        setsid()?;
        if let Some(identity) = &identity {
            setgroups(&groups)?;
            setgid(Gid::from_raw(identity.gid))?;
            setuid(Uid::from_raw(identity.uid))?;
        }
        Ok(())
    };
    // SAFETY: only system calls, no allocation; and this process has a single thread at this point.
    unsafe { command.pre_exec(become_task) };
    command.spawn().map_err(|error| {
        // Not enough processes or memory, or a program file that is still being written.
        let errno = error.raw_os_error().map(Errno::from_raw);
        let recoverable = matches!(errno, Some(Errno::EAGAIN | Errno::ENOMEM | Errno::ETXTBSY | Errno::EMFILE | Errno::ENFILE));
        Failure(format!("starting {:?} in {:?}: {error}", plan.program, plan.work_dir), recoverable)
    })
}

/// Collects every child until the task itself has ended.
fn wait_for(task: i32) -> Exit {
    loop {
        match waitpid(Pid::from_raw(-1), None) {
            Ok(WaitStatus::Exited(pid, code)) if pid.as_raw() == task => return Exit { code, ..Exit::default() },
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid.as_raw() == task => {
                let signal = signal as i32;
                return Exit { code: 128 + signal, signal, ..Exit::default() };
            }
            Ok(_) | Err(Errno::EINTR) => {}
            // A real-time signal, which the library does not name, ended some child: was it the task?
            Err(_) if process::read_stat(task).is_none() => {
                return Exit { message: "ended in a way that has no name here".to_owned(), ..Exit::default() };
            }
            Err(_) => thread::sleep(KILL_POLL),
        }
    }
}

/// Ends all processes that descend from this one.
fn end_what_is_left(task: i32) {
    // The group may be empty by now.
    let _ = killpg(Pid::from_raw(task), Signal::SIGKILL);
    let deadline = Instant::now() + KILL_PATIENCE;
    loop {
        loop {
            match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
                Err(Errno::ECHILD) => return,
                Ok(WaitStatus::StillAlive) => break,
                _ => {}
            }
        }
        if Instant::now() > deadline {
            return;
        }
        for left in process::descendants(std::process::id().cast_signed(), &process::all()) {
            let _ = kill(Pid::from_raw(left.pid), Signal::SIGKILL);
        }
        thread::sleep(KILL_POLL);
    }
}

/// The log files of both streams, unless output is thrown away.
struct Outputs {
    files: Option<(RotatingFile, RotatingFile)>,
}

/// The copying threads.
struct Copying {
    done: mpsc::Receiver<()>,
}

impl Outputs {
    fn open(logs: &LogFiles, name: &str) -> io::Result<Self> {
        if logs.disabled {
            return Ok(Self { files: None });
        }
        let open = |stream: &str| RotatingFile::open(&logs.dir, &format!("{name}.{stream}"), logs.max_files, logs.max_file_size);
        Ok(Self { files: Some((open("stdout")?, open("stderr")?)) })
    }

    fn copy_from(&mut self, child: &mut Child) -> Copying {
        let (sender, done) = mpsc::channel();
        if let Some((stdout, stderr)) = self.files.take() {
            if let Some(from) = child.stdout.take() {
                copy(from, stdout, sender.clone());
            }
            if let Some(from) = child.stderr.take() {
                copy(from, stderr, sender);
            }
        }
        Copying { done }
    }
}

fn copy(mut from: impl Read + Send + 'static, mut to: RotatingFile, done: mpsc::Sender<()>) {
    let work = move || {
        let mut buffer = [0; 16 << 10];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                // A full disk must not stop the task: what cannot be written is lost.
                Ok(length) => drop(to.write_all(&buffer[..length])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        drop(done);
    };
    if let Err(error) = thread::Builder::new().stack_size(THREAD_STACK).spawn(work) {
        eprintln!("output is lost: starting a thread: {error}");
    }
}

impl Copying {
    /// Waits until everything is copied, but not for ever: a process that cannot be killed keeps its pipe.
    fn wait(self) {
        let _ = self.done.recv_timeout(DRAIN_PATIENCE);
    }
}
