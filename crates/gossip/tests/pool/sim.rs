//! A network of [`Gossip`] machines with virtual time, loss, delay, partitions, crashes and servers that hardly get to run. Everything follows
//! from the seed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use gossip::{Config, Gossip, Input, MemberMeta, Memory, Output, Record, ServerIdentity, Status, SyncRequest, SyncResponse};
use model::{RegionId, Uuid};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// A reliable connection that cannot be made fails after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// One that is made and then takes longer than this is given up.
const SYNC_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long a lost packet of a reliable connection is sent again, the first time; doubles (RFC 6298). Of a handshake, and later.
const CONNECT_AGAIN: Duration = Duration::from_secs(1);
const SEND_AGAIN: Duration = Duration::from_millis(200);
/// What a datagram costs beside its bytes, and what a reliable exchange does in each direction.
const UDP_OVERHEAD: usize = 28;
const TCP_OVERHEAD: usize = 200;
/// What a packet adds to the largest message that the others would read.
const PACKET: usize = 38;

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
    /// Those of them that went to another region.
    pub far_bytes_sent: usize,
    pub syncs: usize,
    /// How much of the time its process gets to run; all of it if not set.
    pub starved: Option<Starved>,
    /// Everything that arrives is read only after this.
    pub lag: Duration,
    /// When the next wake-up is planned.
    wake: Option<Duration>,
}

/// A process that runs for a while and then stands still until the cycle is over, again and again.
#[derive(Clone, Copy, Debug)]
pub struct Starved {
    pub runs: Duration,
    pub cycle: Duration,
}

impl Starved {
    /// When the process runs again: now if it does.
    fn next_run(&self, now: Duration, index: usize) -> Duration {
        let cycle = self.cycle.as_nanos();
        // Each in a rhythm of its own.
        let phase = (now.as_nanos() + index as u128 * 0x9e37_79b9) % cycle;
        if phase < self.runs.as_nanos() { now } else { now + Duration::from_nanos((cycle - phase) as u64) }
    }
}

/// Microseconds of one way between two servers.
#[derive(Clone, Debug)]
pub struct Delays {
    pub within_region: Range<u64>,
    pub between_regions: Range<u64>,
}

impl Default for Delays {
    fn default() -> Self {
        Self { within_region: 500..40_000, between_regions: 500..40_000 }
    }
}

enum Event {
    /// A machine's timer.
    Wake(usize),
    /// Handed to a server that has read it only now.
    Read(usize, Box<Event>),
    Datagram {
        from: usize,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    Request {
        from: usize,
        to: SocketAddr,
        bytes: Vec<u8>,
        begun: Duration,
    },
    Response {
        from: usize,
        peer: SocketAddr,
        bytes: Vec<u8>,
        begun: Duration,
    },
    Failed {
        from: usize,
        peer: SocketAddr,
    },
}

/// An event at its time, in the order they were made.
struct Planned {
    at: Duration,
    number: u64,
    event: Event,
}

impl Ord for Planned {
    /// The earliest is the greatest, for the heap.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Planned {}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

/// Encoded messages.
pub type Captured = Vec<Vec<u8>>;

pub struct Network {
    pub now: Duration,
    pub servers: Vec<Server>,
    pub loss: f64,
    pub delays: Delays,
    /// Pairs of servers that cannot reach each other.
    pub cut: Box<dyn Fn(usize, usize) -> bool>,
    /// Pairs of servers between which datagrams are dropped and connections work.
    pub udp_cut: Box<dyn Fn(usize, usize) -> bool>,
    /// Collects datagrams, if set.
    pub tap: Option<Captured>,
    /// Collects requests and responses, if set.
    pub sync_tap: Option<(Captured, Captured)>,
    queue: BinaryHeap<Planned>,
    /// Wake-ups of servers that were paused when they came.
    parked: Vec<usize>,
    by_address: HashMap<SocketAddr, usize>,
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
            delays: Delays::default(),
            cut: Box::new(|_, _| false),
            udp_cut: Box::new(|_, _| false),
            tap: None,
            sync_tap: None,
            queue: BinaryHeap::new(),
            parked: Vec::new(),
            by_address: HashMap::new(),
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
        let number = u16::try_from(index).unwrap() + 1;
        let [high, low] = number.to_be_bytes();
        let address = SocketAddr::from(([10, 0, high, low], 4648));
        self.by_address.insert(address, index);
        self.servers.push(Server {
            gossip: None,
            name: format!("server-{number}"),
            region: region.to_owned(),
            address,
            node: Uuid::from_u128(0xfeed_0000 + u128::from(number)),
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
            far_bytes_sent: 0,
            syncs: 0,
            starved: None,
            lag: Duration::ZERO,
            wake: None,
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

    /// So many servers in each of so many regions, one region after the other.
    pub fn of_regions(seed: u64, n_regions: usize, n_servers: usize, config: &Config) -> Self {
        let mut network = Self::new(seed);
        for region in 0..n_regions {
            for _ in 0..n_servers {
                network.add(&format!("region-{region}"), 1 + region as u128, config);
            }
        }
        network
    }

    /// Everybody joins the first server, over two seconds, again if it does not work, and has until the end of `within` to know everybody.
    pub fn join_all(&mut self, within: Duration) {
        for index in 1..self.servers.len() {
            self.join(index, 0);
            self.run(Duration::from_millis(2000 / self.servers.len() as u64));
        }
        let end = self.now + within;
        while !self.all_alive() {
            assert!(self.now < end, "not within {within:?}: all know all\n{}", self.views());
            for index in 1..self.servers.len() {
                if self.servers[index].joined.last().is_some_and(|(_, result)| result.is_err()) {
                    self.servers[index].joined.clear();
                    self.join(index, 0);
                }
            }
            self.run(Duration::from_millis(50));
        }
    }

    fn drain(&mut self, index: usize) {
        while let Some(output) = self.servers[index].gossip.as_mut().and_then(Gossip::poll) {
            let now = self.now;
            let server = &mut self.servers[index];
            match output {
                Output::Send { to, bytes } => {
                    assert!(bytes.len() <= server.config.max_datagram + PACKET, "a datagram of {} bytes", bytes.len());
                    if let Some(tap) = &mut self.tap {
                        tap.push(bytes.clone());
                    }
                    self.count(index, to, bytes.len() + UDP_OVERHEAD);
                    let delay = self.delay(index, to);
                    self.push(now + delay, Event::Datagram { from: index, to, bytes });
                }
                Output::Sync { to, request } => {
                    server.syncs += 1;
                    let bytes = request.encode().unwrap();
                    if let Some((requests, _)) = &mut self.sync_tap {
                        requests.push(bytes.clone());
                    }
                    self.count(index, to, bytes.len() + TCP_OVERHEAD);
                    let delay = self.reliable_delay(index, to, CONNECT_AGAIN) + self.reliable_delay(index, to, SEND_AGAIN);
                    self.push(now + delay, Event::Request { from: index, to, bytes, begun: now });
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
        self.plan_wake(index);
        self.drains += 1;
        let server = &self.servers[index];
        let every = 50.max(self.servers.len() as u64 * 5);
        if let Some(gossip) = server.gossip.as_ref().filter(|_| self.drains.is_multiple_of(every)) {
            let told: BTreeMap<Uuid, (String, Status)> =
                gossip.members().into_iter().map(|member| (member.identity.node, (member.full_name(), member.status))).collect();
            assert_eq!(told, server.mirror, "outputs and members() of {} differ", server.name);
        }
    }

    fn count(&mut self, from: usize, to: SocketAddr, bytes: usize) {
        let far = self.is_far(from, to);
        let server = &mut self.servers[from];
        server.bytes_sent += bytes;
        server.far_bytes_sent += if far { bytes } else { 0 };
    }

    fn is_far(&self, from: usize, to: SocketAddr) -> bool {
        self.by_address.get(&to).is_some_and(|to| self.servers[*to].region != self.servers[from].region)
    }

    fn delay(&mut self, from: usize, to: SocketAddr) -> Duration {
        let range = if self.is_far(from, to) { &self.delays.between_regions } else { &self.delays.within_region };
        Duration::from_micros(self.rng.random_range(range.clone()))
    }

    /// Of one packet and its acknowledgement over a link that may lose either.
    fn reliable_delay(&mut self, from: usize, to: SocketAddr, again: Duration) -> Duration {
        let (mut delay, mut again) = (self.delay(from, to), again);
        while again < SYNC_TIMEOUT * 2 && (self.rng.random_bool(self.loss) || self.rng.random_bool(self.loss)) {
            delay += again;
            again *= 2;
        }
        delay
    }

    fn push(&mut self, at: Duration, event: Event) {
        self.sequence += 1;
        self.queue.push(Planned { at, number: self.sequence, event });
    }

    /// After every call of a machine: its next timer may have changed.
    fn plan_wake(&mut self, index: usize) {
        let server = &mut self.servers[index];
        let wake = server.gossip.as_ref().and_then(Gossip::next_timer);
        // One that comes too early asks again.
        if wake.is_some_and(|wake| server.wake.is_none_or(|planned| wake < planned || planned < self.now)) {
            server.wake = wake;
            let at = wake.unwrap_or_default().max(self.now);
            self.push(at, Event::Wake(index));
        }
    }

    fn index_of(&self, address: SocketAddr) -> Option<usize> {
        self.by_address.get(&address).copied().filter(|index| self.servers[*index].gossip.is_some())
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
        while let Some(position) = self.parked.iter().position(|index| !self.servers[*index].paused) {
            let index = self.parked.swap_remove(position);
            self.push(self.now, Event::Wake(index));
        }
        if self.queue.peek().is_none_or(|planned| planned.at > end) {
            return false;
        }
        if let Some(planned) = self.queue.pop() {
            self.now = self.now.max(planned.at);
            self.deliver(planned.event);
        }
        true
    }

    /// A starved server is late for everything, in the order in which it came.
    fn is_put_off(&mut self, index: usize, event: Event) -> Option<Event> {
        let server = &self.servers[index];
        let at = server.starved.map_or(self.now, |starved| starved.next_run(self.now, index));
        if at <= self.now {
            return Some(event);
        }
        self.push(at, event);
        None
    }

    fn deliver(&mut self, event: Event) {
        match event {
            Event::Wake(index) => {
                let Some(Event::Wake(index)) = self.is_put_off(index, Event::Wake(index)) else { return };
                let server = &mut self.servers[index];
                if server.paused {
                    return self.parked.push(index);
                }
                server.wake = None;
                let due = server.gossip.as_ref().and_then(Gossip::next_timer);
                if due.is_some_and(|due| due <= self.now) {
                    self.input(index, Input::Tick);
                } else {
                    self.plan_wake(index);
                }
            }
            Event::Read(index, event) => {
                if let Some(Event::Read(_, event)) = self.is_put_off(index, Event::Read(index, event)) {
                    self.read(index, *event);
                }
            }
            Event::Datagram { from, to, bytes } => {
                let lost = self.rng.random_bool(self.loss);
                if let Some(target) = self.index_of(to)
                    && !lost
                    && !(self.cut)(from, target)
                    && !(self.udp_cut)(from, target)
                    && !self.servers[target].paused
                {
                    self.arrive(target, Event::Datagram { from, to, bytes });
                }
            }
            Event::Request { from, to, bytes, begun } => {
                let reachable = self.index_of(to).filter(|target| !(self.cut)(from, *target) && !self.servers[*target].paused);
                let Some(target) = reachable else {
                    return self.push((begun + CONNECT_TIMEOUT).max(self.now), Event::Failed { from, peer: to });
                };
                if self.now - begun > SYNC_TIMEOUT {
                    return self.arrive(from, Event::Failed { from, peer: to });
                }
                self.arrive(target, Event::Request { from, to, bytes, begun });
            }
            Event::Response { from, peer, bytes, begun } => {
                if self.servers[from].paused {
                    return;
                }
                if self.now - begun > SYNC_TIMEOUT {
                    self.arrive(from, Event::Failed { from, peer });
                } else {
                    self.arrive(from, Event::Response { from, peer, bytes, begun });
                }
            }
            Event::Failed { from, peer } => self.arrive(from, Event::Failed { from, peer }),
        }
    }

    fn arrive(&mut self, index: usize, event: Event) {
        let lag = self.servers[index].lag;
        if lag.is_zero() && self.servers[index].starved.is_none() {
            return self.read(index, event);
        }
        self.push(self.now + lag, Event::Read(index, Box::new(event)));
    }

    fn read(&mut self, index: usize, event: Event) {
        if self.servers[index].gossip.is_none() {
            return;
        }
        match event {
            Event::Datagram { from, bytes, .. } => {
                let from = self.servers[from].address;
                self.input(index, Input::Datagram { from, bytes });
            }
            Event::Request { from, to, bytes, begun } => {
                let now = self.now;
                let response = match SyncRequest::decode(&bytes) {
                    Ok(request) => self.call(index, |gossip, _| gossip.handle_sync_request(now, request)),
                    Err(error) => SyncResponse::refusal(error.to_string()),
                };
                let bytes = response.encode().unwrap();
                if let Some((_, responses)) = &mut self.sync_tap {
                    responses.push(bytes.clone());
                }
                let asker = self.servers[from].address;
                self.count(index, asker, bytes.len() + TCP_OVERHEAD);
                let delay = self.reliable_delay(index, asker, SEND_AGAIN);
                self.push(now + delay, Event::Response { from, peer: to, bytes, begun });
            }
            Event::Response { peer, bytes, .. } => {
                let response = SyncResponse::decode(&bytes).unwrap();
                self.input(index, Input::SyncAnswered { peer, response });
            }
            Event::Failed { peer, .. } => self.input(index, Input::SyncFailed { peer, reason: "connection timed out".to_owned() }),
            Event::Wake(_) | Event::Read(..) => unreachable!("only what others send is read"),
        }
    }

    /// How often a server that runs was shown as failed by another since then, and how many servers that were.
    pub fn false_deaths(&self, since: Duration) -> (usize, BTreeSet<String>) {
        let running: BTreeSet<String> = self.running().map(full_name).collect();
        let wrong = self
            .servers
            .iter()
            .flat_map(|server| &server.seen)
            .filter(|(at, name, status)| *at >= since && *status == Status::Failed && running.contains(name));
        (wrong.clone().count(), wrong.map(|(_, name, _)| name.clone()).collect())
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
