//! A region of three servers, each on a disk of its own.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use serde_json::Value;

use super::cut::{Cut, Victims};
use super::disk::Disk;
use super::ledger::{Jobs, listed};
use crate::bad_disk::{self, Fault};
use crate::chaos::{Dice, web};
use crate::log::tail;
use crate::{Agent, PATIENCE};

pub const N_SERVERS: usize = 3;
const HTTP: u16 = 4646;
const SOON: Duration = Duration::from_secs(3);
const PACE: Duration = Duration::from_millis(30);

/// Servers and disks end with it.
pub struct Region {
    /// In this order when dropped: servers, then their disks.
    servers: [Option<Agent>; N_SERVERS],
    homes: Vec<Home>,
    /// Disks lie as long as this file is there, if they are to.
    lies: Option<PathBuf>,
}

struct Home {
    name: String,
    folder: PathBuf,
    disk: Disk,
    /// Before the program.
    words: Vec<String>,
    /// The server's id, once it is known.
    id: Option<String>,
}

impl Region {
    /// Nobody runs yet. With `is_lying`, disks can be told to [lie](Region::lie).
    ///
    /// # Errors
    /// What is missing.
    pub fn new(folder: &Path, is_lying: bool) -> Result<Region, String> {
        let lies = is_lying.then(|| folder.join("lies"));
        let home = |place: usize| {
            let (name, folder) = (name(place), folder.join(name(place)));
            let (disk, words) = (Disk::new(&folder)?, words(&folder, lies.as_deref()));
            Ok::<Home, String>(Home { name, folder, disk, words, id: None })
        };
        let homes = (0..N_SERVERS).map(home).collect::<Result<_, String>>()?;
        Ok(Region { servers: Default::default(), homes, lies })
    }

    /// From now on, disks that can forget also what they are told to sync.
    pub fn lie(&self) {
        self.lies.iter().for_each(|file| fs::write(file, "").expect("a file"));
    }

    /// Where servers answer, also those that do not run.
    pub fn addresses() -> [SocketAddr; N_SERVERS] {
        std::array::from_fn(|place| SocketAddr::new(host(place).into(), HTTP))
    }

    /// Starts whoever does not run; goes on while they start.
    pub fn begin_to_start(&mut self) {
        for (place, (server, home)) in self.servers.iter_mut().zip(&self.homes).enumerate() {
            if server.is_none() {
                // what it said in its last life explains what it says in this one
                let _ = fs::rename(home.folder.join("agent.log"), home.folder.join("agent.log.before"));
                *server = Some(Agent::spawn(&home.words, &home.folder, &config(place), &[]));
            }
        }
    }

    pub fn kill(&mut self, places: &[usize]) {
        for place in places {
            self.servers[*place] = None;
        }
    }

    /// The server that leads, by the word of any that answers.
    pub fn leader(&self) -> Option<usize> {
        let leader = Region::addresses().into_iter().find_map(|server| ask(server, "/v1/status/leader?stale"))?;
        let leader: SocketAddr = leader.as_str()?.parse().ok()?;
        (0..N_SERVERS).find(|place| leader.ip() == host(*place))
    }

    pub fn places(&self, victims: Victims) -> Vec<usize> {
        match victims {
            Victims::All => (0..N_SERVERS).collect(),
            // without one, the first
            Victims::Leader => vec![self.leader().unwrap_or_default()],
            Victims::One(place) => vec![place],
        }
    }

    /// Waits until one of them has something new in its folder of snapshots, or for `patience`.
    pub fn wait_for_snapshot(&self, places: &[usize], patience: Duration) {
        let names = |place: &usize| {
            let folder = self.homes[*place].disk.place().join("server/raft/snapshots");
            let files = fs::read_dir(folder).into_iter().flatten().flatten();
            files.map(|file| file.file_name()).collect::<BTreeSet<_>>()
        };
        let before: Vec<_> = places.iter().map(names).collect();
        let end = Instant::now() + patience;
        while Instant::now() < end && places.iter().zip(&before).all(|(place, before)| names(place).is_subset(before)) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Cuts the power of servers and their disks.
    ///
    /// # Errors
    /// A server had ended by itself; the system does not do it.
    pub fn cut(&mut self, places: &[usize], cut: &Cut, dice: &mut Dice) -> Result<(), String> {
        self.nobody_has_ended()?;
        if cut.writes_some {
            places.iter().for_each(|place| self.homes[*place].disk.write_some(dice));
        }
        let cuts: Vec<_> = places.iter().map(|place| self.homes[*place].disk.cut(cut.loss)).collect();
        self.kill(places);
        cuts.into_iter().collect()
    }

    /// Disks whose power was cut are there again.
    ///
    /// # Errors
    /// One is not what it was.
    pub fn come_back(&mut self, places: &[usize], is_checked: bool) -> Result<(), String> {
        places.iter().try_for_each(|place| self.homes[*place].disk.come_back(is_checked))
    }

    /// Waits until all are members of a region that works, and agree; the jobs that all have. Somebody who is not who it was is a violation.
    ///
    /// # Errors
    /// Somebody does not start; they do not get so far.
    pub fn examine(&mut self, violations: &mut Vec<String>) -> Result<Jobs, String> {
        for (place, server) in self.servers.iter_mut().enumerate() {
            if let Some(agent) = server.take() {
                *server = Some(agent.started().map_err(|(code, _)| self.homes[place].end(code))?);
            }
            violations.extend(self.homes[place].recognise().err());
        }
        let end = Instant::now() + PATIENCE;
        loop {
            let problem = match agreed() {
                Ok(jobs) => return Ok(jobs),
                Err(problem) => problem,
            };
            self.nobody_has_ended()?;
            if Instant::now() > end {
                return Err(problem);
            }
            std::thread::sleep(PACE);
        }
    }

    fn nobody_has_ended(&mut self) -> Result<(), String> {
        for (place, server) in self.servers.iter_mut().enumerate() {
            if let Some(agent) = server
                && let Some(code) = agent.ended()
            {
                return Err(self.homes[place].end(code));
            }
        }
        Ok(())
    }
}

impl Home {
    /// The directory belongs to the server that it belonged to, and none was set aside.
    fn recognise(&mut self) -> Result<(), String> {
        let (data, name) = (self.disk.place(), &self.name);
        let entries = fs::read_dir(data).map_err(|error| format!("{name}: {error}"))?.flatten();
        let mut entries = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        if let Some(aside) = entries.find(|entry| entry.contains(".damaged-")) {
            return Err(format!("{name} set its directory aside: {aside}"));
        }
        let header = fs::read_to_string(data.join("server/header")).map_err(|error| format!("{name} has no header: {error}"))?;
        let id = header.lines().find_map(|line| line.strip_prefix("node: ")).unwrap_or_default();
        let known = self.id.get_or_insert_with(|| id.to_owned());
        if known != id {
            return Err(format!("{name} was {known}, is {id}"));
        }
        Ok(())
    }

    /// How the server ended.
    fn end(&self, code: Option<i32>) -> String {
        format!("{} ended with {code:?}:\n{}", self.name, tail(&self.folder.join("agent.log")))
    }
}

/// The jobs that the region has, when every server has them; why not, when not.
fn agreed() -> Result<Jobs, String> {
    let servers = Region::addresses();
    let leaders = servers.map(|server| ask(server, "/v1/status/leader"));
    if leaders.iter().any(|leader| *leader != leaders[0]) || leaders[0].as_ref().and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(format!("they do not agree on a leader: {leaders:?}"));
    }
    for server in servers {
        let peers = ask(server, "/v1/status/peers");
        if peers.as_ref().and_then(Value::as_array).map(Vec::len) != Some(N_SERVERS) {
            return Err(format!("{server} has the peers {peers:?}"));
        }
    }
    let jobs = ask(servers[0], "/v1/jobs?meta=true").map(|jobs| listed(&jobs)).ok_or("the jobs cannot be read")?;
    for server in servers {
        let own = ask(server, "/v1/jobs?meta=true&stale").map(|jobs| listed(&jobs)).ok_or("the jobs cannot be read")?;
        if own != jobs {
            let differ: Vec<&String> = jobs.keys().chain(own.keys()).filter(|id| jobs.get(*id) != own.get(*id)).collect();
            return Err(format!("{server} does not have the jobs of the region: {differ:?}"));
        }
    }
    Ok(jobs)
}

fn ask(server: SocketAddr, path: &str) -> Option<Value> {
    web::ask("GET", server, path, None, SOON).filter(|(status, _)| *status == 200).map(|(_, body)| body)
}

fn name(place: usize) -> String {
    format!("server-{}", place + 1)
}

/// Several campaigns at once do not meet.
fn host(place: usize) -> Ipv4Addr {
    let id = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 65 + (id[2] & 63), id[3], u8::try_from(place + 1).unwrap_or(u8::MAX))
}

/// Words before the program that give it a disk below `folder` which does nothing and says that all is well: when it is told to sync, as long as
/// the file `lies` is there; without one only when it is asked for less, to which a disk is not bound (sync_file_range).
fn words(folder: &Path, lies: Option<&Path>) -> Vec<String> {
    let call = if lies.is_some() { "sync" } else { "sync_file_range" };
    bad_disk::words(&Fault { call, error: Errno::UnknownErrno, nth: 1 }, folder, lies)
}

fn config(place: usize) -> String {
    let others = (0..N_SERVERS).filter(|other| *other != place).map(|other| format!("\"{}:4648\"", host(other)));
    format!(
        "name = \"{}\"\nregion = \"power\"\nbind_addr = \"{}\"\nports {{\n  http = {HTTP}\n  rpc = 4647\n  serf = 4648\n}}\n\
         server {{\n  enabled = true\n  bootstrap_expect = {N_SERVERS}\n  raft_snapshot_threshold = 100\n  raft_trailing_logs = 20\n  \
         server_join {{\n    retry_join = [{}]\n    retry_interval = \"1s\"\n  }}\n}}\n",
        name(place),
        host(place),
        others.collect::<Vec<_>>().join(", "),
    )
}
