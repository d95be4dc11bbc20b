//! The agents as processes.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::web;
use super::wires::{Wires, address_of};
use super::world::{Clock, Conditions, Life, N_AGENTS, N_SERVERS, REGIONS, is_server, name_of, region_of, servers_of};
use crate::preload;

const HTTP: u16 = 4646;
const RPC: u16 = 4647;
const GOSSIP: u16 = 4648;
const SOON: Duration = Duration::from_secs(2);

/// For all agents to work.
pub const READY: Duration = Duration::from_secs(90);

/// Where the agents are.
enum Ground {
    /// In namespaces of their own.
    Apart(Wires),
    /// On the loopback of this machine: networks between them cannot fail.
    Together,
}

pub struct Fleet {
    ground: Ground,
    program: PathBuf,
    folder: PathBuf,
    /// By which agents have clocks of their own.
    clock: PathBuf,
    agents: Mutex<Vec<Agent>>,
}

#[derive(Default)]
struct Agent {
    process: Option<Child>,
    is_stopped: bool,
    /// It was told to leave, and may still be about it.
    is_leaving: bool,
    /// How often it was started.
    life: u32,
    clock: Clock,
}

/// As `tests/preload/clock.c` reads it.
fn clock_bytes(clock: Clock) -> Vec<u8> {
    let numbers = [clock.minutes * 60_000_000_000, if clock.is_fast { 2 } else { 1 }];
    numbers.iter().flat_map(|number: &i64| number.to_ne_bytes()).collect()
}

impl Fleet {
    /// Nobody runs yet.
    ///
    /// # Errors
    /// Their configuration cannot be written.
    fn new(ground: Ground, program: &Path, folder: &Path) -> io::Result<Fleet> {
        let agents = Mutex::new((0..N_AGENTS).map(|_| Agent::default()).collect());
        let clock = preload::library("clock");
        let fleet = Fleet { ground, program: program.to_owned(), folder: folder.to_owned(), clock, agents };
        for place in 0..N_AGENTS {
            fs::create_dir_all(fleet.home(place))?;
            fs::write(fleet.home(place).join("agent.hcl"), fleet.config(place))?;
            fs::write(fleet.home(place).join("clock"), clock_bytes(Clock::default()))?;
        }
        Ok(fleet)
    }

    /// All of them run and work, in networks of their own if `is_apart`: then this process must be in a network namespace that is nobody else's.
    ///
    /// # Errors
    /// What cannot be set up, or does not come to work.
    pub fn up(is_apart: bool, program: &Path, folder: &Path) -> Result<Fleet, String> {
        let ground = match is_apart {
            true => Ground::Apart(Wires::lay().map_err(|error| format!("no networks: {error}"))?),
            false => Ground::Together,
        };
        let fleet = Fleet::new(ground, program, folder).map_err(|error| error.to_string())?;
        fleet.set(&Conditions::default());
        wait_for(READY, || fleet.not_ready())?;
        Ok(fleet)
    }

    pub fn http(&self, place: usize) -> SocketAddr {
        SocketAddr::new(self.address(place), HTTP)
    }

    /// How often an agent was started, and whether it can answer now.
    pub fn life(&self, place: usize) -> (u32, bool) {
        let agent = &self.agents()[place];
        (agent.life, agent.process.is_some() && !agent.is_stopped && !agent.is_leaving)
    }

    /// Makes processes and networks as they shall be; says what changed. What was killed starts again, what was stopped goes on.
    pub fn set(&self, conditions: &Conditions) -> Vec<String> {
        if let Ground::Apart(wires) = &self.ground {
            wires.set(conditions);
        }
        let mut changes = Vec::new();
        for place in 0..N_AGENTS {
            let mut agents = self.agents();
            let agent = &mut agents[place];
            if agent.clock != conditions.clocks[place] {
                agent.clock = conditions.clocks[place];
                changes.push(format!("the clock of {} is {:?}", name_of(place), agent.clock));
                // Not replaced: its agent has this very file in its memory.
                let written = fs::OpenOptions::new().write(true).open(self.home(place).join("clock"));
                let written = written.and_then(|mut file| file.write_all(&clock_bytes(agent.clock)));
                changes.extend(written.err().map(|error| format!("its clock cannot be set: {error}")));
            }
            changes.extend(self.be(conditions.lives[place], place, agent).map(|what| format!("{} {what}", name_of(place))));
            if agent.process.is_some() && conditions.is_stopped[place] != agent.is_stopped {
                agent.is_stopped = conditions.is_stopped[place];
                agent.signal(if agent.is_stopped { Signal::SIGSTOP } else { Signal::SIGCONT });
                changes.push(format!("{} is {}", name_of(place), if agent.is_stopped { "stopped" } else { "continued" }));
            }
        }
        changes
    }

    /// What is done, if anything, for an agent to be as it shall be.
    fn be(&self, life: Life, place: usize, agent: &mut Agent) -> Option<String> {
        let is_there = agent.process.is_some() && !agent.is_leaving;
        match life {
            Life::There if is_there => None,
            Life::There => {
                agent.kill();
                Some(self.start(place, agent).map_or_else(|error| format!("cannot be started: {error}"), |()| "is started".to_owned()))
            }
            Life::Left => is_there.then(|| {
                agent.signal(Signal::SIGTERM);
                agent.is_leaving = true;
                "leaves".to_owned()
            }),
            Life::Dead => agent.kill().then(|| "is killed".to_owned()),
            Life::Wiped => {
                let data = self.home(place).join("data");
                (agent.kill() | data.exists()).then(|| {
                    fs::remove_dir_all(&data)
                        .map_or_else(|error| format!("cannot be wiped: {error}"), |()| "is killed and its disk lost".to_owned())
                })
            }
        }
    }

    /// Asks a server's region to let it lead; what was said to that.
    pub fn move_leader(&self, to: usize) -> String {
        let path = format!("/v1/operator/raft/transfer-leadership?address={}", SocketAddr::new(self.address(to), RPC));
        let asked = servers_of(region_of(to)).filter(|server| self.life(*server).1);
        let mut answers = asked.filter_map(|server| web::ask("PUT", self.http(server), &path, None, SOON));
        answers.next().map_or("nobody answers".to_owned(), |(status, body)| format!("{status} {body}"))
    }

    /// Agents that ended although nobody killed them.
    pub fn ended(&self) -> Vec<String> {
        let mut agents = self.agents();
        let mut ended = Vec::new();
        for (place, agent) in agents.iter_mut().enumerate() {
            if !agent.is_leaving
                && let Some(Ok(Some(status))) = agent.process.as_mut().map(Child::try_wait)
            {
                ended.push(format!("{} ended with {status}", name_of(place)));
                agent.process = None;
            }
        }
        ended
    }

    /// The server that leads a region, by the word of any that answers.
    pub fn leader(&self, region: usize) -> Option<usize> {
        servers_of(region).find_map(|server| {
            if !self.life(server).1 {
                return None;
            }
            let (_, leader) = web::ask("GET", self.http(server), "/v1/status/leader?stale", None, Duration::from_millis(300))?;
            let address: SocketAddr = leader.as_str()?.parse().ok()?;
            servers_of(region).find(|place| self.address(*place) == address.ip())
        })
    }

    /// Why the agents do not work yet, all of them; `None` when they do.
    pub fn not_ready(&self) -> Option<String> {
        let get = |place, path: &str| web::ask("GET", self.http(place), path, None, SOON).map(|(_, body)| body);
        for server in 0..N_SERVERS {
            let known = get(server, "/v1/regions");
            if known.as_ref().and_then(Value::as_array).map(Vec::len) != Some(REGIONS.len()) {
                return Some(format!("{} knows the regions {known:?}", name_of(server)));
            }
        }
        for (region, name) in REGIONS.iter().enumerate() {
            let nodes = get(servers_of(region).start, "/v1/nodes");
            let all = nodes.as_ref().and_then(Value::as_array);
            if !all.is_some_and(|nodes| nodes.len() == 1 && nodes.iter().all(|node| node["Status"] == "ready")) {
                return Some(format!("the node of {name} is not ready"));
            }
            let peers = get(servers_of(region).start, "/v1/status/peers");
            if peers.as_ref().and_then(Value::as_array).map(Vec::len) != Some(servers_of(region).len()) {
                return Some(format!("{name} has the peers {peers:?}"));
            }
        }
        None
    }

    /// What became of the packets between them.
    pub fn traffic(&self) -> Option<String> {
        match &self.ground {
            Ground::Apart(wires) => Some(wires.traffic()),
            Ground::Together => None,
        }
    }

    pub fn log(&self, place: usize) -> PathBuf {
        self.home(place).join("agent.log")
    }

    fn agents(&self) -> MutexGuard<'_, Vec<Agent>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn home(&self, place: usize) -> PathBuf {
        self.folder.join(name_of(place))
    }

    fn address(&self, place: usize) -> IpAddr {
        match self.ground {
            Ground::Apart(_) => address_of(place).into(),
            // several campaigns at once do not meet
            Ground::Together => {
                let id = std::process::id().to_be_bytes();
                Ipv4Addr::new(127, 1 + (id[2] & 63), id[3], u8::try_from(place + 1).unwrap_or(u8::MAX)).into()
            }
        }
    }

    fn config(&self, place: usize) -> String {
        let region = region_of(place);
        let all = |places: std::ops::Range<usize>, port: u16| {
            let of = |place: usize| format!("\"{}\"", SocketAddr::new(self.address(place), port));
            places.filter(|other| *other != place).map(of).collect::<Vec<_>>().join(", ")
        };
        let role = if is_server(place) {
            format!(
                "server {{\n  enabled = true\n  bootstrap_expect = {}\n  event_buffer_size = 100000\n  server_join {{\n    retry_join = [{}]\n    retry_interval = \"1s\"\n  }}\n}}\nautopilot {{\n  server_stabilization_time = \"1s\"\n}}\n",
                servers_of(region).len(),
                all(0..N_SERVERS, GOSSIP)
            )
        } else {
            let servers = all(servers_of(region), RPC);
            format!(
                "client {{\n  enabled = true\n  servers = [{servers}]\n}}\nplugin \"raw_exec\" {{\n  config {{\n    enabled = true\n  }}\n}}\n"
            )
        };
        format!(
            "name = \"{}\"\nregion = \"{name}\"\ndatacenter = \"{name}-1\"\ndata_dir = \"{}\"\nbind_addr = \"{}\"\nlog_level = \"INFO\"\nleave_on_terminate = true\n\
             ports {{\n  http = {HTTP}\n  rpc = {RPC}\n  serf = {GOSSIP}\n}}\n{role}",
            name_of(place),
            self.home(place).join("data").display(),
            self.address(place),
            name = REGIONS[region],
        )
    }

    fn start(&self, place: usize, agent: &mut Agent) -> io::Result<()> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log(place))?;
        let mut command = Command::new(&self.program);
        command.arg("agent").arg("-config").arg(self.home(place).join("agent.hcl"));
        command.env("LD_PRELOAD", &self.clock).env("CLOCK_FILE", self.home(place).join("clock"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NOMAD_")) {
            command.env_remove(name);
        }
        if let Ground::Apart(wires) = &self.ground {
            wires.inside(place, &mut command);
        }
        let process = command.spawn()?;
        *agent = Agent { process: Some(process), is_stopped: false, is_leaving: false, life: agent.life + 1, clock: agent.clock };
        Ok(())
    }
}

impl Agent {
    fn signal(&self, signal: Signal) {
        let pid = self.process.as_ref().and_then(|process| i32::try_from(process.id()).ok());
        if let Some(pid) = pid {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Whether there was one.
    fn kill(&mut self) -> bool {
        (self.is_stopped, self.is_leaving) = (false, false);
        let Some(mut process) = self.process.take() else { return false };
        let _ = process.kill();
        let _ = process.wait();
        true
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for agent in self.agents().iter_mut() {
            agent.kill();
        }
    }
}

/// Asks again and again, with a bound.
pub fn wait_for(patience: Duration, mut problem: impl FnMut() -> Option<String>) -> Result<(), String> {
    let end = Instant::now() + patience;
    while let Some(problem) = problem() {
        if Instant::now() > end {
            return Err(problem);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
