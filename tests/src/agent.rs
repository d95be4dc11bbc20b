//! One agent as a process.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::guardian::Guardian;
use crate::{steppe, until};

/// A running agent. It and its tasks are killed when this is dropped, or when the process of the tests ends in any way.
pub struct Agent {
    process: Child,
    guardian: Guardian,
    log: PathBuf,
    folder: PathBuf,
    /// Address of the HTTP interface, `host:port`.
    pub http: String,
    /// Address for gossip; none of a client.
    pub gossip: Option<String>,
}

impl Agent {
    /// Starts an agent with further arguments on the configuration `text`, with its data below `folder`, and waits until it has started.
    /// Ports that the configuration does not name are free ones of the loopback.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(folder: &Path, text: &str, arguments: &[&str]) -> Agent {
        Agent::start_by(&[], folder, text, arguments)
    }

    /// As [`Agent::start`], by a program that takes the program and its arguments after its own words.
    ///
    /// # Panics
    /// It does not start.
    pub fn start_by(words: &[String], folder: &Path, text: &str, arguments: &[&str]) -> Agent {
        Agent::try_start_by(words, folder, text, arguments).unwrap_or_else(|(code, log)| panic!("the agent ended with {code:?}:\n{log}"))
    }

    /// As [`Agent::start_by`]; the exit code and all that it printed when it ends instead.
    ///
    /// # Errors
    /// It ended.
    pub fn try_start_by(words: &[String], folder: &Path, text: &str, arguments: &[&str]) -> Result<Agent, (Option<i32>, String)> {
        Agent::spawn(words, folder, text, arguments).started()
    }

    /// Waits until it has started; the exit code and all that it printed when it ends instead.
    pub(crate) fn started(mut self) -> Result<Agent, (Option<i32>, String)> {
        let banner = until("the agent has started, or ended", || match self.process.try_wait() {
            Ok(Some(status)) => Some(Err((status.code(), self.log()))),
            _ => Some(self.log()).filter(|log| log.contains("agent started!")).map(Ok),
        })?;
        let line = banner.lines().find_map(|line| line.trim().strip_prefix("Advertise Addrs: ")).unwrap_or_default();
        let address = |service: &str| line.split("; ").find_map(|part| part.strip_prefix(service)?.strip_prefix(": ")).map(str::to_owned);
        self.http = address("HTTP").expect("an address for HTTP");
        self.gossip = address("Serf");
        Ok(self)
    }

    /// Starts an agent that is expected to end by itself; returns its exit code and all that it printed.
    ///
    /// # Panics
    /// It goes on.
    pub fn refused(folder: &Path, text: &str, arguments: &[&str]) -> (Option<i32>, String) {
        let mut agent = Agent::spawn(&[], folder, text, arguments);
        let status = until("the agent ends", || agent.process.try_wait().ok().flatten());
        (status.code(), agent.log())
    }

    /// Starts an agent and goes on; it must not be asked before it has [started](Agent::started).
    pub(crate) fn spawn(words: &[String], folder: &Path, text: &str, arguments: &[&str]) -> Agent {
        let (base, config) = (folder.join("base.hcl"), folder.join("agent.hcl"));
        fs::create_dir_all(folder).expect("a folder");
        let common = format!(
            "data_dir = \"{}\"\nbind_addr = \"127.0.0.1\"\nports {{\n  http = 0\n  rpc = 0\n  serf = 0\n}}\n",
            folder.join("data").display()
        );
        fs::write(&base, common).expect("written");
        fs::write(&config, text).expect("written");
        let log = folder.join("agent.log");
        let output = fs::File::create(&log).expect("a log");
        let both: [&OsStr; 5] = [OsStr::new("agent"), OsStr::new("-config"), base.as_os_str(), OsStr::new("-config"), config.as_os_str()];
        let program = steppe();
        let mut line: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        line.push(program.as_os_str());
        let process = Command::new(line[0])
            .args(&line[1..])
            .args(both)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a log"))
            .stderr(output)
            .spawn()
            .expect("the program starts");
        let guardian = Guardian::of_agent(process.id(), folder);
        Agent { process, guardian, log, folder: folder.to_owned(), http: String::new(), gossip: None }
    }

    /// Where this agent's configuration is, to be changed while it runs.
    pub fn config(&self) -> PathBuf {
        self.folder.join("agent.hcl")
    }

    /// All that it printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// # Panics
    /// The process is gone.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a process id"));
        kill(pid, signal).expect("the agent runs");
    }

    /// The exit code, if it has ended; none inside when a signal killed it.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        self.process.try_wait().ok().flatten().map(|status| status.code())
    }

    /// Sends a signal that ends the agent; returns its exit code, and none when the signal killed it.
    ///
    /// # Panics
    /// It goes on.
    pub fn end(&mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        until("the agent ends", || self.process.try_wait().ok().flatten()).code()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.guardian.dismiss();
        let mark = format!("NOMAD_ALLOC_DIR={}/", self.folder.display());
        for pid in tasks(&mark) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        if std::thread::panicking() {
            eprintln!("--- the log of the agent in {}\n{}", self.folder.display(), self.log());
        }
    }
}

/// Processes with a variable that begins like this.
fn tasks(mark: &str) -> Vec<i32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let is_task = |pid: &i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(mark.as_bytes())))
    };
    processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_task).collect()
}
