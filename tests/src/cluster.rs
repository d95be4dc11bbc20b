//! Clusters of real agents, by `scripts/cluster`.

use std::fs;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use api::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Following, Output, steppe_at};
use crate::guardian::Guardian;
use crate::log::{Complaints, tail};
use crate::program::{root, steppe};
use crate::turn::Turn;

/// What a cluster shall be like.
#[derive(Clone, Debug)]
pub struct Plan {
    regions: Vec<String>,
    servers: usize,
    clients: usize,
    joined: bool,
    server_config: String,
    client_config: String,
    log_level: &'static str,
    allowed: Vec<String>,
    in_turn: bool,
}

impl Plan {
    /// Regions that have not joined each other.
    pub fn apart(mut self) -> Plan {
        self.joined = false;
        self
    }

    /// Further configuration of the servers.
    pub fn server_config(mut self, text: &str) -> Plan {
        text.clone_into(&mut self.server_config);
        self
    }

    /// Further configuration of the clients.
    pub fn client_config(mut self, text: &str) -> Plan {
        text.clone_into(&mut self.client_config);
        self
    }

    /// Instead of INFO.
    pub fn log_level(mut self, level: &'static str) -> Plan {
        self.log_level = level;
        self
    }

    /// Lines of WARN and ERROR that contain one of these words are no failure of the test.
    pub fn allow(mut self, words: &[&str]) -> Plan {
        self.allowed.extend(words.iter().map(|words| (*words).to_owned()));
        self
    }

    /// At the same time as another cluster of the same test.
    pub fn beside(mut self, _other: &Cluster) -> Plan {
        self.in_turn = false;
        self
    }

    /// Starts it; returns when every region has a leader and its clients are ready.
    ///
    /// # Panics
    /// It does not get so far.
    pub fn up(self) -> Cluster {
        let turn = self.in_turn.then(Turn::take);
        let folder = TempDir::with_prefix("steppe-").expect("a folder");
        let path = folder.path().display().to_string();
        let guardian = Guardian::of(folder.path());
        let (servers, clients) = (folder.path().join("servers.hcl"), folder.path().join("clients.hcl"));
        fs::write(&servers, &self.server_config).expect("written");
        fs::write(&clients, &self.client_config).expect("written");
        let (n_servers, n_clients) = (self.servers.to_string(), self.clients.to_string());
        let mut arguments = vec!["up", "--regions"];
        let regions = self.regions.join(",");
        arguments.extend([&regions, "--servers", &n_servers, "--clients", &n_clients, "--log-level", self.log_level]);
        let files = [servers.display().to_string(), clients.display().to_string()];
        arguments.extend(["--server-config", &files[0], "--client-config", &files[1]]);
        if self.joined {
            arguments.push("--joined");
        }
        script(&path, &arguments);
        let members = read(folder.path());
        Cluster {
            members: Mutex::new(members),
            complaints: Mutex::default(),
            allowed: self.allowed,
            _guardian: guardian,
            folder,
            _turn: turn,
        }
    }
}

/// One agent of a cluster.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    pub region: String,
    pub is_server: bool,
    /// `http://host:port`
    pub http: String,
    /// `host:port`
    pub rpc: String,
    /// `host:port`; empty for a client.
    pub gossip: String,
    pub data_dir: String,
    pub config: String,
    pub log: String,
    /// Of the process that was started last.
    pub pid: i32,
}

/// Servers and clients as processes. Dropping it ends them and their tasks, removes their files, and fails the test when they complained
/// about something that the test does not allow.
pub struct Cluster {
    members: Mutex<Vec<Member>>,
    complaints: Mutex<Complaints>,
    allowed: Vec<String>,
    // in this order when dropped: processes, then files, then the next one's turn
    _guardian: Guardian,
    folder: TempDir,
    _turn: Option<Turn>,
}

impl Cluster {
    /// Regions with this many servers and clients each; several regions join each other.
    pub fn plan(regions: &[&str], servers: usize, clients: usize) -> Plan {
        Plan {
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
            servers,
            clients,
            joined: regions.len() > 1,
            server_config: String::new(),
            client_config: String::new(),
            log_level: "INFO",
            allowed: Vec::new(),
            in_turn: true,
        }
    }

    /// As [`Cluster::plan`], started.
    pub fn up(regions: &[&str], servers: usize, clients: usize) -> Cluster {
        Cluster::plan(regions, servers, clients).up()
    }

    /// Everything that belongs to it is in here.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn members(&self) -> Vec<Member> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// # Panics
    /// There is no such agent.
    pub fn member(&self, name: &str) -> Member {
        self.members().into_iter().find(|member| member.name == name).unwrap_or_else(|| panic!("no agent is called {name}"))
    }

    pub fn servers(&self, region: &str) -> Vec<Member> {
        self.members().into_iter().filter(|member| member.is_server && member.region == region).collect()
    }

    /// The typed client of an agent.
    ///
    /// # Panics
    /// There is no such agent.
    pub fn api(&self, name: &str) -> Client {
        Client::new(&self.member(name).http).expect("an address")
    }

    /// Runs `steppe` against an agent.
    pub fn steppe(&self, name: &str, arguments: &[&str]) -> Output {
        steppe_at(&self.member(name).http, arguments, "")
    }

    /// Runs `steppe` against an agent, with something on its standard input.
    pub fn steppe_with(&self, name: &str, arguments: &[&str], input: &str) -> Output {
        steppe_at(&self.member(name).http, arguments, input)
    }

    /// Runs `steppe` against an agent and goes on while it prints.
    pub fn follow(&self, name: &str, arguments: &[&str]) -> Following {
        Following::start(&self.member(name).http, arguments)
    }

    /// Kills agents with SIGKILL; names as `scripts/cluster` takes them.
    pub fn kill(&self, names: &[&str]) {
        self.disturb("kill", &[], names);
    }

    /// Kills one agent with SIGKILL, now: without the time that a script takes.
    ///
    /// # Panics
    /// It is gone already.
    pub fn kill_now(&self, name: &str) {
        kill(Pid::from_raw(self.member(name).pid), Signal::SIGKILL).expect("it runs");
        // and is gone when this returns, so that it can be started again
        self.kill(&[name]);
    }

    /// Asks agents to end, and waits until they have.
    pub fn terminate(&self, names: &[&str]) {
        self.disturb("kill", &["--signal", "TERM"], names);
    }

    /// Stops the clocks of agents: they do nothing, and their connections stay open.
    pub fn pause(&self, names: &[&str]) {
        self.disturb("pause", &[], names);
    }

    pub fn resume(&self, names: &[&str]) {
        self.disturb("resume", &[], names);
    }

    /// Starts agents that have ended; returns when they answer.
    pub fn start(&self, names: &[&str]) {
        self.disturb("start", &["--timeout", "30"], names);
        *self.members.lock().unwrap_or_else(PoisonError::into_inner) = read(self.folder());
    }

    fn disturb(&self, command: &str, options: &[&str], names: &[&str]) {
        let folder = self.folder().display().to_string();
        script(&folder, &[&[command], options, names].concat());
    }

    /// Lines of WARN and ERROR since the last time, but for allowed ones.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |member: Member| {
            let lines = complaints.of(Path::new(&member.log), &self.allowed);
            lines.into_iter().map(move |line| format!("{}: {line}", member.name)).collect::<Vec<String>>()
        };
        self.members().into_iter().flat_map(of).collect()
    }

    /// All that an agent wrote so far.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.member(name).log).unwrap_or_default()
    }

    fn say_goodbye(&self) {
        if std::thread::panicking() {
            for member in self.members() {
                eprintln!("--- the end of the log of {}\n{}", member.name, tail(Path::new(&member.log)));
            }
            if let Some(kept) = std::env::var_os("STEPPE_TEST_KEEP") {
                let _ = Command::new("cp").arg("-a").arg(self.folder()).arg(kept).status();
            }
            return;
        }
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "agents complained:\n{}", complaints.join("\n"));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}

/// A test's use of a cluster that all tests of a program share: it looks at the complaints when the test ends.
pub struct Guest(pub &'static Cluster);

impl Deref for Guest {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        self.0
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.say_goodbye();
    }
}

/// Runs `scripts/cluster`.
fn script(folder: &str, arguments: &[&str]) {
    let run = Command::new(root().join("scripts/cluster"))
        .arg(arguments[0])
        .args(["--dir", folder])
        .args(&arguments[1..])
        .env("STEPPE_BIN", steppe())
        .output()
        .expect("python3 runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(run.status.success(), "scripts/cluster {}\n{}{}", arguments.join(" "), text(&run.stdout), text(&run.stderr));
}

fn read(folder: &Path) -> Vec<Member> {
    let path = folder.join("cluster.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let member = |agent: &Value| {
        let text = |key: &str| agent[key].as_str().unwrap_or_default().to_owned();
        Member {
            name: text("name"),
            region: text("region"),
            is_server: agent["role"] == "server",
            http: text("http"),
            rpc: text("rpc"),
            gossip: text("gossip"),
            data_dir: text("data_dir"),
            config: text("config"),
            log: text("log"),
            pid: agent["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).expect("a process id"),
        }
    };
    all["agents"].as_array().expect("agents").iter().map(member).collect()
}
