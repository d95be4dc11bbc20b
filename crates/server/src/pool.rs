//! The gossip socket: brings datagrams, syncs and timers to the `gossip` machine and does what it says.
//!
//! Others talk to it through [`PoolHandle`]; what it knows (members, records of other regions) is published and read without asking.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use gossip::{Gossip, Input, Member, MemberMeta, Memory, Output, Record, SyncRequest, SyncResponse};

use model::{RegionName, RegionRecord};
use multiregion::Records;
use raftstore::Replica;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use crate::founding::Founding;
use crate::instruments::Gossip as Figures;
use crate::memo::Memo;

/// A sync that takes longer has failed.
const SYNC_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that was asked to join and neither answers nor refuses is given up after this time.
const JOIN_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a join waits for the uuid of a region that is being founded.
const FOUNDING_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a founding is looked at that has not come to an end.
const FOUNDING_TICK: Duration = Duration::from_millis(20);

/// What the rest of the server knows of the pool, and asks of it.
#[derive(Clone)]
pub struct PoolHandle {
    asks: mpsc::Sender<Ask>,
    shared: Arc<Shared>,
    founding: FoundingGate,
}

/// From the decision to found the region's raft group until its first log entry is known, this server belongs to a cluster whose uuid nobody
/// knows. Who met another one of that region's name in this time would not notice.
///
/// A founder first promises itself and then looks whether the pool shows a cluster; here it is the other way round: first the pool takes in
/// what was said, then the promise is looked at. So one of the two sees the other.
#[derive(Clone)]
struct FoundingGate {
    replica: Replica,
    founding: Arc<Founding>,
    /// Whether the pool was told the uuid.
    is_told: watch::Receiver<bool>,
}

impl FoundingGate {
    /// Asks outside of a founding: not during one, and again if one began meanwhile, since what was said before it was said for no cluster.
    async fn around<A: Future>(&self, ask: impl Fn() -> A) -> A::Output {
        if *self.is_told.borrow() || !self.is_over().await {
            return ask().await;
        }
        let answer = ask().await;
        if !self.is_under_way().await {
            return answer;
        }
        self.is_over().await;
        ask().await
    }

    async fn is_under_way(&self) -> bool {
        let has_begun = self.founding.is_promised(Instant::now()) || self.replica.is_initialized().await.unwrap_or(false);
        has_begun && !*self.is_told.borrow()
    }

    /// Waits while one is under way; `false` if it took too long: without a leader. What is found out then is found out later.
    async fn is_over(&self) -> bool {
        let mut is_told = self.is_told.clone();
        let over = async {
            while self.is_under_way().await {
                let _ = tokio::time::timeout(FOUNDING_TICK, is_told.wait_for(|is_told| *is_told)).await;
            }
        };
        tokio::time::timeout(FOUNDING_TIMEOUT, over).await.is_ok()
    }
}

struct Shared {
    own: RegionName,
    own_address: SocketAddr,
    directory: ArcSwap<Directory>,
    records: Mutex<Heard>,
    members_changed: Notify,
    records_changed: Notify,
}

/// The members, and what every request asks about them, put together once per change.
struct Directory {
    members: Arc<Vec<Member>>,
    /// With a member that takes part; sorted.
    regions: Vec<RegionName>,
    /// rpc addresses of the own region's servers, by raft id: the newest that is known of each, whether it takes part or not.
    addresses: HashMap<u64, SocketAddr>,
}

impl Directory {
    fn new(members: Vec<Member>, own: &RegionName) -> Self {
        let mut regions: Vec<RegionName> =
            members.iter().filter(|member| member.status.is_active()).map(|member| member.meta.region.clone()).collect();
        regions.sort();
        regions.dedup();
        let of_region = members.iter().filter(|member| member.meta.region == *own);
        let addresses = of_region.map(|member| (member.meta.server_id, member.meta.rpc_address)).collect();
        Self { members: Arc::new(members), regions, addresses }
    }
}

impl Shared {
    fn heard(&self, record: RegionRecord) {
        debug!(region = %record.region.name, rollout = %record.rollout, phase = %record.phase, "record");
        let mut heard = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (record.rollout.clone(), record.region.name.clone());
        if Arc::make_mut(&mut heard.records).put(record) {
            heard.at.insert(place, Instant::now());
            drop(heard);
            self.records_changed.notify_waiters();
            self.records_changed.notify_one();
        }
    }
}

/// The records of other regions, and when each arrived.
#[derive(Default)]
struct Heard {
    records: Arc<Records>,
    at: HashMap<(model::RolloutId, RegionName), Instant>,
}

enum Ask {
    /// Answered by those that could not be published, to be tried again.
    Publish {
        records: Vec<RegionRecord>,
        answer: oneshot::Sender<Vec<RegionRecord>>,
    },
    Join {
        addresses: Vec<SocketAddr>,
        answer: oneshot::Sender<Vec<(SocketAddr, Result<String, String>)>>,
    },
    ForceLeave {
        name: String,
        prune: bool,
        answer: oneshot::Sender<Result<(), String>>,
    },
    Describe(Box<MemberMeta>),
    Forget(Vec<model::RolloutId>),
    Leave {
        answer: oneshot::Sender<()>,
    },
}

impl PoolHandle {
    /// Every member that is shown, this server included, by region and name.
    pub fn members(&self) -> Arc<Vec<Member>> {
        Arc::clone(&self.shared.directory.load().members)
    }

    /// Names of the regions with a member that takes part, sorted.
    pub fn regions(&self) -> Vec<RegionName> {
        self.shared.directory.load().regions.clone()
    }

    /// The rpc address that a server of the own region tells now; the raft group's membership may still have an older one.
    pub fn address_of(&self, raft_id: u64) -> Option<SocketAddr> {
        self.shared.directory.load().addresses.get(&raft_id).copied()
    }

    /// rpc addresses of the members of a region that take part.
    pub fn servers_of(&self, region: &RegionName) -> Vec<SocketAddr> {
        self.members()
            .iter()
            .filter(|member| member.status.is_active() && member.meta.region == *region)
            .map(|member| member.meta.rpc_address)
            .collect()
    }

    /// The gossip address that others are told.
    pub fn own_address(&self) -> SocketAddr {
        self.shared.own_address
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.shared.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What other regions published.
    pub fn records(&self) -> Arc<Records> {
        Arc::clone(&self.heard().records)
    }

    /// Nanoseconds since the record arrived here.
    pub fn age(&self, record: &RegionRecord) -> i64 {
        let key = (record.rollout.clone(), record.region.name.clone());
        self.heard().at.get(&key).map_or(0, |at| i64::try_from(at.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }

    /// The next change of members after this call, for any number of waiters.
    pub fn next_members(&self) -> Notified<'_> {
        self.shared.members_changed.notified()
    }

    pub async fn members_changed(&self) {
        self.shared.members_changed.notified().await;
    }

    pub async fn records_changed(&self) {
        self.shared.records_changed.notified().await;
    }

    /// Says what this region has to say; what is known already is not said again. Returns what could not be published, to be tried again.
    pub async fn publish(&self, records: Vec<RegionRecord>) -> Vec<RegionRecord> {
        if records.is_empty() {
            return records;
        }
        let (answer, answered) = oneshot::channel();
        let _ = self.asks.send(Ask::Publish { records, answer }).await;
        answered.await.unwrap_or_default()
    }

    pub async fn join(&self, addresses: Vec<SocketAddr>) -> Vec<(SocketAddr, Result<String, String>)> {
        self.founding.around(|| self.join_now(addresses.clone())).await
    }

    async fn join_now(&self, addresses: Vec<SocketAddr>) -> Vec<(SocketAddr, Result<String, String>)> {
        let (answer, answered) = oneshot::channel();
        let asked = addresses.clone();
        if self.asks.send(Ask::Join { addresses, answer }).await.is_err() {
            return Vec::new();
        }
        match tokio::time::timeout(JOIN_TIMEOUT, answered).await {
            Ok(answer) => answer.unwrap_or_default(),
            Err(_) => {
                let problem = format!("no answer within {} s", JOIN_TIMEOUT.as_secs());
                asked.into_iter().map(|address| (address, Err(problem.clone()))).collect()
            }
        }
    }

    pub async fn force_leave(&self, name: String, prune: bool) -> Result<(), String> {
        let (answer, answered) = oneshot::channel();
        let _ = self.asks.send(Ask::ForceLeave { name, prune, answer }).await;
        answered.await.unwrap_or_else(|_| Err("the server is shutting down".to_owned()))
    }

    /// Takes what another region said by request instead of gossip. What claims to come from a region that is not in the pool is not taken.
    pub fn take(&self, records: Vec<RegionRecord>) {
        let members = self.members();
        let is_known = |record: &RegionRecord| {
            let author = &record.region;
            !author.cluster.is_nil()
                && author.name != self.shared.own
                && members.iter().any(|member| member.meta.region == author.name && member.meta.cluster_id == author.cluster)
        };
        for record in records.into_iter().filter(is_known) {
            self.shared.heard(record);
        }
    }

    /// Drops what is known of these rollouts, whoever said it.
    pub async fn forget(&self, rollouts: Vec<model::RolloutId>) {
        let _ = self.asks.send(Ask::Forget(rollouts)).await;
    }

    /// Says something new about this server.
    pub async fn describe(&self, meta: MemberMeta) {
        let _ = self.asks.send(Ask::Describe(Box::new(meta))).await;
    }

    /// Tells the others that this server goes; returns when they have been told.
    pub async fn leave(&self) {
        let (answer, answered) = oneshot::channel();
        if self.asks.send(Ask::Leave { answer }).await.is_ok() {
            let _ = answered.await;
        }
    }
}

/// Stores what is to be remembered, the newest only: neither is a slow disk waited for nor does it miss the last word.
async fn remember(memo: Memo, mut newest: watch::Receiver<Memory>) {
    let memo = Arc::new(memo);
    while newest.changed().await.is_ok() {
        let memory = newest.borrow_and_update().clone();
        let memo = Arc::clone(&memo);
        let _ = tokio::task::spawn_blocking(move || memo.store(&memory)).await;
    }
}

/// The sockets at the gossip address, UDP and TCP on one port.
pub struct Sockets {
    pub udp: UdpSocket,
    pub tcp: TcpListener,
    /// Syncs answered at once; more are turned away, they are repeated anyway.
    pub n_syncs_max: usize,
}

impl Sockets {
    /// Binds both; port 0 takes one that is free for both.
    pub async fn bind(address: SocketAddr, n_syncs_max: usize) -> io::Result<Self> {
        let mut last = None;
        for _ in 0..32 {
            let tcp = TcpListener::bind(address).await?;
            match UdpSocket::bind(tcp.local_addr()?).await {
                Ok(udp) => return Ok(Self { udp, tcp, n_syncs_max }),
                Err(error) if address.port() == 0 => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("no port is free for both UDP and TCP")))
    }
}

/// Starts the loop; it ends with `shutdown`.
#[allow(clippy::too_many_arguments)]
pub fn start(
    machine: Gossip,
    sockets: Sockets,
    memo: Memo,
    replica: Replica,
    founding: Arc<Founding>,
    figures: Figures,
    shutdown: CancellationToken,
    tasks: &TaskTracker,
) -> PoolHandle {
    let (asks, asked) = mpsc::channel(256);
    let own = machine.meta().region;
    let (uuid_told, is_told) = watch::channel(!machine.meta().cluster_id.is_nil());
    let founding = FoundingGate { replica, founding, is_told };
    let shared = Arc::new(Shared {
        own: own.clone(),
        own_address: machine.identity().address,
        directory: ArcSwap::from_pointee(Directory::new(machine.members(), &own)),
        records: Mutex::default(),
        members_changed: Notify::new(),
        records_changed: Notify::new(),
    });
    let (events, happened) = mpsc::channel(256);
    let shell = Shell {
        own,
        machine,
        udp: Arc::new(sockets.udp),
        events: events.clone(),
        memory: watch::Sender::default(),
        shared: Arc::clone(&shared),
        figures,
        started: Instant::now(),
        joins: Vec::new(),
        leaving: Vec::new(),
        uuid_told,
        tasks: tasks.clone(),
        shutdown: shutdown.clone(),
    };
    tasks.spawn(remember(memo, shell.memory.subscribe()));
    tasks.spawn(shell.run(asked, happened, shutdown.clone()));
    tasks.spawn(answer_syncs(sockets.tcp, sockets.n_syncs_max, events, founding.clone(), shutdown, tasks.clone()));
    PoolHandle { asks, shared, founding }
}

/// What other tasks bring to the loop.
enum Event {
    Asked { request: Box<SyncRequest>, answer: oneshot::Sender<SyncResponse> },
    Answered { peer: SocketAddr, result: Result<Box<SyncResponse>, String> },
}

struct Shell {
    own: RegionName,
    machine: Gossip,
    udp: Arc<UdpSocket>,
    events: mpsc::Sender<Event>,
    memory: watch::Sender<Memory>,
    shared: Arc<Shared>,
    figures: Figures,
    started: Instant,
    joins: Vec<Joining>,
    leaving: Vec<oneshot::Sender<()>>,
    uuid_told: watch::Sender<bool>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

struct Joining {
    open: Vec<SocketAddr>,
    done: Vec<(SocketAddr, Result<String, String>)>,
    answer: oneshot::Sender<Vec<(SocketAddr, Result<String, String>)>>,
}

impl Shell {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    async fn run(mut self, mut asked: mpsc::Receiver<Ask>, mut happened: mpsc::Receiver<Event>, shutdown: CancellationToken) {
        self.drain().await;
        let udp = Arc::clone(&self.udp);
        let mut buffer = vec![0; 65_536];
        loop {
            let timer = self.machine.next_timer().map(|at| self.started + at);
            let sleep = async {
                match timer {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            // No branch comes first: a flood of datagrams must not keep the others waiting.
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = sleep => {
                    let now = self.now();
                    self.machine.handle(now, Input::Tick);
                }
                received = udp.recv_from(&mut buffer) => match received {
                    Ok((length, from)) => {
                        self.figures.received.record(length);
                        let now = self.now();
                        self.machine.handle(now, Input::Datagram { from, bytes: buffer[..length].to_vec() });
                    }
                    // An unreachable peer shows as an error of the next receive; nothing to do.
                    Err(error) => debug!(%error, "gossip socket"),
                },
                Some(event) = happened.recv() => self.event(event).await,
                Some(ask) = asked.recv() => self.ask(ask),
            }
            self.drain().await;
        }
        if let Some(memory) = self.machine.news_to_remember() {
            self.memory.send_replace(memory);
        }
    }

    async fn event(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Asked { request, answer } => {
                let response = self.machine.handle_sync_request(now, *request);
                // Whoever is answered is shown: see [`FoundingGate`].
                self.drain().await;
                let _ = answer.send(response);
            }
            Event::Answered { peer, result: Ok(response) } => self.machine.handle(now, Input::SyncAnswered { peer, response: *response }),
            Event::Answered { peer, result: Err(reason) } => self.machine.handle(now, Input::SyncFailed { peer, reason }),
        }
    }

    fn ask(&mut self, ask: Ask) {
        let now = self.now();
        match ask {
            Ask::Publish { mut records, answer } => {
                records.retain(|record| !self.publish(now, record));
                let _ = answer.send(records);
            }
            Ask::Join { addresses, answer } => {
                if addresses.is_empty() {
                    let _ = answer.send(Vec::new());
                    return;
                }
                self.joins.push(Joining { open: addresses.clone(), done: Vec::new(), answer });
                self.machine.handle(now, Input::Join { addresses });
            }
            Ask::ForceLeave { name, prune, answer } => {
                let _ = answer.send(self.machine.force_leave(now, &name, prune).map_err(|error| error.to_string()));
            }
            Ask::Describe(meta) => {
                let has_uuid = !meta.cluster_id.is_nil();
                if let Err(error) = self.machine.update_meta(now, *meta) {
                    warn!(%error, "this server's description was not published");
                }
                self.uuid_told.send_replace(has_uuid);
            }
            Ask::Forget(rollouts) => {
                let mut heard = self.shared.records.lock().unwrap_or_else(PoisonError::into_inner);
                for id in &rollouts {
                    let authors = heard.records.of(id).map(|record| record.region.name.clone());
                    for author in authors.chain([self.own.clone()]).collect::<Vec<_>>() {
                        self.machine.forget(now, &author, &id.record_key());
                        heard.at.remove(&(id.clone(), author));
                    }
                    Arc::make_mut(&mut heard.records).forget(id);
                }
            }
            Ask::Leave { answer } => {
                self.leaving.push(answer);
                self.machine.handle(now, Input::Leave);
            }
        }
    }

    /// Whether it is said, now or before.
    fn publish(&mut self, now: Duration, record: &RegionRecord) -> bool {
        let body = match record.to_bytes() {
            Ok(body) => body,
            Err(error) => {
                warn!(%error, "a rollout record cannot be encoded");
                return true;
            }
        };
        let record = Record {
            author: record.region.clone(),
            key: record.rollout.record_key(),
            incarnation: record.incarnation,
            seq: record.seq,
            body,
        };
        match self.machine.publish(now, record) {
            Ok(_) => true,
            Err(error @ gossip::Error::NotBootstrapped { .. }) => {
                // The uuid is known and on its way to the machine.
                debug!(%error, "publishing later");
                false
            }
            Err(error) => {
                warn!(%error, "a rollout record was not published");
                true
            }
        }
    }

    async fn drain(&mut self) {
        let mut members_changed = false;
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Send { to, bytes } => match self.udp.send_to(&bytes, to).await {
                    Ok(length) => self.figures.sent.record(length),
                    Err(error) => debug!(%to, %error, "datagram not sent"),
                },
                Output::Sync { to, request } => self.sync(to, *request),
                Output::Joined { address, result } => self.joined(address, result),
                Output::MemberChanged(member) => {
                    info!(member = %member.full_name(), status = %member.status.as_str(), "member");
                    members_changed = true;
                }
                Output::MemberRemoved(member) => {
                    info!(member = %member.full_name(), "member removed");
                    members_changed = true;
                }
                Output::RecordChanged(record) => self.heard(&record),
                Output::RecordForgotten { .. } => {}
                Output::Refused { who, reason } => warn!(%who, %reason, "kept out of the pool"),
                Output::Notice(text) => info!(notice = %text, "gossip"),
                Output::Remember(memory) => drop(self.memory.send_replace(memory)),
                Output::Left => {
                    for answer in self.leaving.drain(..) {
                        let _ = answer.send(());
                    }
                }
                Output::Defunct => error!("the pool holds this server for dead: restart it"),
            }
        }
        if members_changed {
            self.shared.directory.store(Arc::new(Directory::new(self.machine.members(), &self.own)));
            self.shared.members_changed.notify_waiters();
            self.shared.members_changed.notify_one();
        }
    }

    fn heard(&self, record: &Record) {
        if record.author.name == self.own {
            return;
        }
        let record = match RegionRecord::from_bytes(&record.body) {
            Ok(record) => record,
            Err(error) => return warn!(author = %record.author.name, %error, "a record cannot be read"),
        };
        self.shared.heard(record);
    }

    fn joined(&mut self, address: SocketAddr, result: Result<String, String>) {
        for joining in &mut self.joins {
            if let Some(at) = joining.open.iter().position(|open| *open == address) {
                joining.open.remove(at);
                joining.done.push((address, result.clone()));
            }
        }
        let (done, open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.joins).into_iter().partition(|joining| joining.open.is_empty());
        self.joins = open;
        for joining in done {
            let _ = joining.answer.send(joining.done);
        }
    }

    fn sync(&self, to: SocketAddr, request: SyncRequest) {
        let (events, shutdown, figures) = (self.events.clone(), self.shutdown.clone(), self.figures.clone());
        self.tasks.spawn(async move {
            let began = Instant::now();
            let asked = tokio::select! {
                () = shutdown.cancelled() => return,
                asked = tokio::time::timeout(SYNC_TIMEOUT, ask_sync(to, &request)) => asked,
            };
            let result = match asked {
                Ok(result) => result.map(Box::new),
                Err(_) => Err(format!("no answer within {} s", SYNC_TIMEOUT.as_secs())),
            };
            figures.sync.since(began);
            if result.is_err() {
                figures.sync_error.increment();
            }
            let _ = events.send(Event::Answered { peer: to, result }).await;
        });
    }
}

async fn ask_sync(to: SocketAddr, request: &SyncRequest) -> Result<SyncResponse, String> {
    let bytes = request.encode().map_err(|error| error.to_string())?;
    let mut stream = TcpStream::connect(to).await.map_err(|error| format!("cannot connect: {error}"))?;
    write_frame(&mut stream, &bytes).await.map_err(|error| error.to_string())?;
    let answer = read_frame(&mut stream).await.map_err(|error| format!("no answer: {error}"))?;
    SyncResponse::decode(&answer).map_err(|error| error.to_string())
}

async fn answer_syncs(
    tcp: TcpListener,
    n_max: usize,
    events: mpsc::Sender<Event>,
    founding: FoundingGate,
    shutdown: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(tokio::sync::Semaphore::new(n_max));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = tcp.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, most likely: let others go on.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (events, founding, shutdown) = (events.clone(), founding.clone(), shutdown.clone());
        tasks.spawn(async move {
            let answered = tokio::select! {
                () = shutdown.cancelled() => return,
                answered = tokio::time::timeout(SYNC_TIMEOUT, answer_sync(stream, events, founding)) => answered,
            };
            if let Err(error) = answered.unwrap_or(Ok(())) {
                debug!(%peer, %error, "sync");
            }
            drop(place);
        });
    }
}

async fn answer_sync(mut stream: TcpStream, events: mpsc::Sender<Event>, founding: FoundingGate) -> io::Result<()> {
    let bytes = read_frame(&mut stream).await?;
    let response = match SyncRequest::decode(&bytes) {
        Ok(request) => founding.around(|| ask_machine(&events, request.clone())).await,
        Err(error) => SyncResponse::refusal(error.to_string()),
    };
    let bytes = response.encode().map_err(io::Error::other)?;
    write_frame(&mut stream, &bytes).await
}

async fn ask_machine(events: &mpsc::Sender<Event>, request: SyncRequest) -> SyncResponse {
    let (answer, answered) = oneshot::channel();
    // If nobody takes it, nobody answers either.
    let _ = events.send(Event::Asked { request: Box::new(request), answer }).await;
    answered.await.unwrap_or_else(|_| SyncResponse::refusal("the server is shutting down"))
}

async fn write_frame(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut frame = u32::try_from(bytes.len()).map_err(io::Error::other)?.to_le_bytes().to_vec();
    frame.extend_from_slice(bytes);
    stream.write_all(&frame).await?;
    stream.flush().await
}

async fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u32_le().await? as usize;
    if length > gossip::MAX_SYNC_BYTES {
        return Err(io::Error::other(format!("a sync of {length} bytes is larger than {}", gossip::MAX_SYNC_BYTES)));
    }
    let mut bytes = Vec::new();
    stream.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}
