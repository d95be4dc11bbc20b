//! A network of [`Gossip`] machines with virtual time, loss, delay, partitions and crashes. Everything follows from the seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::Duration;

use gossip::{Config, Gossip, Input, MemberMeta, Memory, Output, Record, ServerIdentity, Status, SyncRequest, SyncResponse};
use model::{RegionId, Uuid};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// A reliable connection that cannot be made fails after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Datagrams above this would be fragmented.
const LARGEST_DATAGRAM: usize = 1400;

pub const SECOND: Duration = Duration::from_secs(1);

/// How many seeds a test tries: a few, or as many as GOSSIP_SEEDS says.
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    0..std::env::var("GOSSIP_SEEDS").ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}

pub fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// One server: its machine while it runs, and what the outside has seen of it.
pub struct Server {
    pub gossip: Option<Gossip>,
    pub name: String,
    pub region: String,
    pub address: SocketAddr,
    pub node: Uuid,
    pub cluster: Uuid,
    pub build: String,
    pub config: Config,
    pub memory: Memory,
    pub paused: bool,
    pub left: bool,
    /// (time, name of a member, its status) as told by MemberChanged.
    pub seen: Vec<(Duration, String, Status)>,
    /// Mirror of the members, kept from outputs only.
    pub mirror: BTreeMap<Uuid, (String, Status)>,
    /// Mirror of the records, kept from outputs only.
    pub records: BTreeMap<(RegionId, Vec<u8>), Record>,
    pub joined: Vec<(SocketAddr, Result<String, String>)>,
    pub refused: Vec<String>,
    pub notices: Vec<String>,
    pub bytes_sent: usize,
    pub syncs: usize,
}

enum Event {
    Datagram { from: usize, to: SocketAddr, bytes: Vec<u8> },
    Request { from: usize, to: SocketAddr, bytes: Vec<u8> },
    Response { from: usize, peer: SocketAddr, bytes: Vec<u8> },
    Failed { from: usize, peer: SocketAddr },
}

/// Encoded messages.
pub type Captured = Vec<Vec<u8>>;

pub struct Network {
    pub now: Duration,
    pub servers: Vec<Server>,
    pub loss: f64,
    /// Pairs of servers that cannot reach each other.
    pub cut: Box<dyn Fn(usize, usize) -> bool>,
    /// Collects datagrams, if set.
    pub tap: Option<Captured>,
    /// Collects requests and responses, if set.
    pub sync_tap: Option<(Captured, Captured)>,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    events: BTreeMap<u64, Event>,
    sequence: u64,
    drains: u64,
    rng: SmallRng,
}

pub fn region_id(name: &str, cluster: u128) -> RegionId {
    RegionId { name: name.into(), cluster: Uuid::from_u128(cluster) }
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Self {
            now: seconds(1_000),
            servers: Vec::new(),
            loss: 0.0,
            cut: Box::new(|_, _| false),
            tap: None,
            sync_tap: None,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            sequence: 0,
            drains: 0,
            rng: SmallRng::seed_from_u64(seed),
        }
    }

    /// So many servers in regions west, east and north, one after the other. Clusters 1, 2 and 3.
    pub fn of(seed: u64, n_servers: usize, config: &Config) -> Self {
        let mut network = Self::new(seed);
        for index in 0..n_servers {
            let region = index % 3;
            network.add(["west", "east", "north"][region], 1 + region as u128, config);
        }
        network
    }

    /// Adds a running server and returns its index. Cluster 0 is a region that is not bootstrapped.
    pub fn add(&mut self, region: &str, cluster: u128, config: &Config) -> usize {
        let index = self.servers.len();
        let octet = u8::try_from(index).unwrap() + 1;
        self.servers.push(Server {
            gossip: None,
            name: format!("server-{octet}"),
            region: region.to_owned(),
            address: SocketAddr::from(([10, 0, 0, octet], 4648)),
            node: Uuid::from_u128(0xfeed_0000 + u128::from(octet)),
            cluster: Uuid::from_u128(cluster),
            build: "0.1.0".to_owned(),
            config: config.clone(),
            memory: Memory::default(),
            paused: false,
            left: false,
            seen: Vec::new(),
            mirror: BTreeMap::new(),
            records: BTreeMap::new(),
            joined: Vec::new(),
            refused: Vec::new(),
            notices: Vec::new(),
            bytes_sent: 0,
            syncs: 0,
        });
        self.start(index);
        index
    }

    /// Starts a server with what it has on its disk.
    pub fn start(&mut self, index: usize) {
        let millis = 1_700_000_000_000 + self.now.as_millis() as u64;
        let generation = millis.max(self.servers[index].memory.generation + 1);
        self.start_with_generation(index, generation);
    }

    pub fn start_with_generation(&mut self, index: usize, generation: u64) {
        let seed = self.rng.random();
        self.servers[index].memory.generation = self.servers[index].memory.generation.min(generation);
        let server = &mut self.servers[index];
        let identity = ServerIdentity { node: server.node, address: server.address, region: server.region.as_str().into(), generation };
        let gossip = Gossip::new(server.config.clone(), identity, meta(server), seed).unwrap();
        let remembered = server.memory.members.clone();
        server.gossip = Some(gossip);
        server.left = false;
        server.mirror.clear();
        server.records.clear();
        self.input(index, Input::Remembered(remembered));
    }

    pub fn crash(&mut self, index: usize) {
        self.servers[index].gossip = None;
    }

    pub fn input(&mut self, index: usize, input: Input) {
        let now = self.now;
        if let Some(gossip) = &mut self.servers[index].gossip {
            gossip.handle(now, input);
        }
        self.drain(index);
    }

    /// Calls the machine of a running server and carries out what it wants.
    pub fn call<R>(&mut self, index: usize, call: impl FnOnce(&mut Gossip, Duration) -> R) -> R {
        let result = call(self.servers[index].gossip.as_mut().unwrap(), self.now);
        self.drain(index);
        result
    }

    pub fn join(&mut self, index: usize, target: usize) {
        let address = self.servers[target].address;
        self.input(index, Input::Join { addresses: vec![address] });
    }

    /// Everybody joins the first server, over two seconds, and has until the end of `within` to know everybody.
    pub fn join_all(&mut self, within: Duration) {
        for index in 1..self.servers.len() {
            self.join(index, 0);
            self.run(Duration::from_millis(2000 / self.servers.len() as u64));
        }
        self.run_until(within, "all know all", Network::all_alive);
    }

    fn drain(&mut self, index: usize) {
        while let Some(output) = self.servers[index].gossip.as_mut().and_then(Gossip::poll) {
            let now = self.now;
            let server = &mut self.servers[index];
            match output {
                Output::Send { to, bytes } => {
                    assert!(bytes.len() <= LARGEST_DATAGRAM, "a datagram of {} bytes", bytes.len());
                    server.bytes_sent += bytes.len() + 28;
                    if let Some(tap) = &mut self.tap {
                        tap.push(bytes.clone());
                    }
                    let delay = Duration::from_micros(self.rng.random_range(500..40_000));
                    self.push(now + delay, Event::Datagram { from: index, to, bytes });
                }
                Output::Sync { to, request } => {
                    server.syncs += 1;
                    let bytes = request.encode().unwrap();
                    server.bytes_sent += bytes.len() + 200;
                    if let Some((requests, _)) = &mut self.sync_tap {
                        requests.push(bytes.clone());
                    }
                    let delay = Duration::from_micros(self.rng.random_range(1_000..80_000));
                    self.push(now + delay, Event::Request { from: index, to, bytes });
                }
                Output::MemberChanged(member) => {
                    server.seen.push((now, member.full_name(), member.status));
                    server.mirror.insert(member.identity.node, (member.full_name(), member.status));
                }
                Output::MemberRemoved(member) => {
                    assert!(server.mirror.remove(&member.identity.node).is_some(), "removed before it was shown");
                }
                Output::RecordChanged(record) => {
                    let before = server.records.insert((record.author.clone(), record.key.clone()), record.clone());
                    if let Some(before) = before {
                        assert!(before.freshness() < record.freshness(), "a record went back from {before:?} to {record:?}");
                    }
                }
                Output::RecordForgotten { author, key } => {
                    server.records.remove(&(author, key));
                }
                Output::Joined { address, result } => server.joined.push((address, result)),
                Output::Refused { who, reason } => server.refused.push(format!("{who}: {reason}")),
                Output::Notice(words) => server.notices.push(words),
                Output::Remember(memory) => {
                    assert!(memory.generation >= server.memory.generation, "the generation of {} went back", server.name);
                    server.memory = Memory::decode(&memory.encode().unwrap()).unwrap();
                }
                Output::Left => server.left = true,
                Output::Defunct => panic!("{} is defunct", server.name),
            }
        }
        self.drains += 1;
        let server = &self.servers[index];
        if let Some(gossip) = server.gossip.as_ref().filter(|_| self.drains.is_multiple_of(50)) {
            let told: BTreeMap<Uuid, (String, Status)> =
                gossip.members().into_iter().map(|member| (member.identity.node, (member.full_name(), member.status))).collect();
            assert_eq!(told, server.mirror, "outputs and members() of {} differ", server.name);
        }
    }

    fn push(&mut self, at: Duration, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse((at, self.sequence)));
        self.events.insert(self.sequence, event);
    }

    fn index_of(&self, address: SocketAddr) -> Option<usize> {
        self.servers.iter().position(|server| server.address == address && server.gossip.is_some())
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until something is so, and fails if it is not in that time. Returns how long it took.
    pub fn run_until(&mut self, within: Duration, what: &str, reached: impl Fn(&Self) -> bool) -> Duration {
        let begin = self.now;
        while !reached(self) {
            let next = (self.now + Duration::from_millis(50)).min(begin + within);
            if self.now >= begin + within {
                panic!("not within {within:?}: {what}\n{}", self.views());
            }
            while self.step(next) {}
            self.now = next;
        }
        self.now - begin
    }

    fn step(&mut self, end: Duration) -> bool {
        let wake = |server: &Server| server.gossip.as_ref().filter(|_| !server.paused).and_then(Gossip::next_timer);
        let timer = self.servers.iter().enumerate().filter_map(|(index, server)| Some((wake(server)?, index))).min();
        let event = self.queue.peek().map(|Reverse((at, _))| *at);
        match (event, timer) {
            (Some(at), timer) if at <= end && timer.is_none_or(|(due, _)| at <= due) => {
                self.now = self.now.max(at);
                if let Some(event) = self.queue.pop().and_then(|Reverse((_, id))| self.events.remove(&id)) {
                    self.deliver(event);
                }
                true
            }
            (_, Some((due, index))) if due <= end => {
                self.now = self.now.max(due);
                self.input(index, Input::Tick);
                true
            }
            _ => false,
        }
    }

    fn deliver(&mut self, event: Event) {
        match event {
            Event::Datagram { from, to, bytes } => {
                let lost = self.rng.random_bool(self.loss);
                if let Some(target) = self.index_of(to)
                    && !lost
                    && !(self.cut)(from, target)
                    && !self.servers[target].paused
                {
                    let from = self.servers[from].address;
                    self.input(target, Input::Datagram { from, bytes });
                }
            }
            Event::Request { from, to, bytes } => {
                let reachable = self.index_of(to).filter(|target| !(self.cut)(from, *target) && !self.servers[*target].paused);
                let Some(target) = reachable else {
                    return self.push(self.now + CONNECT_TIMEOUT, Event::Failed { from, peer: to });
                };
                let now = self.now;
                let response = match SyncRequest::decode(&bytes) {
                    Ok(request) => self.call(target, |gossip, _| gossip.handle_sync_request(now, request)),
                    Err(error) => SyncResponse::refusal(error.to_string()),
                };
                let bytes = response.encode().unwrap();
                self.servers[target].bytes_sent += bytes.len() + 200;
                if let Some((_, responses)) = &mut self.sync_tap {
                    responses.push(bytes.clone());
                }
                let delay = Duration::from_micros(self.rng.random_range(1_000..80_000));
                self.push(now + delay, Event::Response { from, peer: to, bytes });
            }
            Event::Response { from, peer, bytes } => {
                let response = SyncResponse::decode(&bytes).unwrap();
                if !self.servers[from].paused {
                    self.input(from, Input::SyncAnswered { peer, response });
                }
            }
            Event::Failed { from, peer } => self.input(from, Input::SyncFailed { peer, reason: "connection timed out".to_owned() }),
        }
    }

    pub fn running(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| server.gossip.is_some() && !server.left)
    }

    /// Every running server shows exactly the running servers as alive.
    pub fn all_alive(&self) -> bool {
        let mut expected: Vec<String> = self.running().map(full_name).collect();
        expected.sort();
        self.running().all(|server| {
            let mut alive: Vec<String> =
                server.mirror.values().filter(|(_, status)| *status == Status::Alive).map(|(name, _)| name.clone()).collect();
            alive.sort();
            alive == expected
        })
    }

    /// Every other running server shows this one so; `None` for not at all.
    pub fn all_show(&self, index: usize, status: Option<Status>) -> bool {
        self.all_show_named(&full_name(&self.servers[index]), index, status)
    }

    fn all_show_named(&self, name: &str, except: usize, status: Option<Status>) -> bool {
        let others = self.servers.iter().enumerate().filter(|(index, server)| *index != except && server.gossip.is_some() && !server.left);
        others.into_iter().all(|(_, server)| {
            let shown: Vec<Status> = server.mirror.values().filter(|(shown, _)| shown == name).map(|(_, status)| *status).collect();
            shown == status.into_iter().collect::<Vec<_>>()
        })
    }

    /// Whether all running servers have the same digest and a record for everything in it.
    pub fn all_agree(&self) -> bool {
        let digests: Vec<_> = self.running().map(|server| server.gossip.as_ref().unwrap().digest()).collect();
        digests.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Publishes a record of a server's own region.
    pub fn publish(&mut self, index: usize, key: &str, incarnation: u64, seq: u64) -> Result<bool, gossip::Error> {
        let server = &self.servers[index];
        let author = RegionId { name: server.region.as_str().into(), cluster: server.cluster };
        let body = format!("{key} in {} at {incarnation}.{seq}", server.region).into_bytes();
        self.call(index, |gossip, now| gossip.publish(now, Record { author, key: key.into(), incarnation, seq, body }))
    }

    /// What everybody sees, for a failed test.
    pub fn views(&self) -> String {
        let mut text = format!("at {:?}\n", self.now);
        for server in self.servers.iter() {
            let state = if server.gossip.is_none() { "down" } else { "running" };
            text += &format!("{} ({state}) sees {:?}\n", full_name(server), server.mirror.values().collect::<Vec<_>>());
            text += &format!("  records {} refused {:?} notices {:?}\n", server.records.len(), server.refused, server.notices);
        }
        text
    }
}

pub fn full_name(server: &Server) -> String {
    format!("{}.{}", server.name, server.region)
}

pub fn meta(server: &Server) -> MemberMeta {
    MemberMeta {
        name: server.name.clone(),
        region: server.region.as_str().into(),
        cluster_id: server.cluster,
        datacenter: format!("{}-1", server.region),
        server_id: u64::from(server.address.port()),
        rpc_address: SocketAddr::new(server.address.ip(), 4647),
        http_address: SocketAddr::new(server.address.ip(), 4646),
        gossip_address: server.address,
        bootstrap_expect: 3,
        build: server.build.clone(),
        protocol: 1,
        feature_level: 1,
        tags: BTreeMap::new(),
    }
}
