//! The machine: inputs and the time go in, outputs come out. Membership details are in `pool`, the anti-entropy in `exchange`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foca::{Codec, Foca, OwnedNotification, Timer};
use model::{RegionId, RegionName, Uuid, codec};
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};

use crate::broadcast::{Broadcast, Direct, Handler};
use crate::config::Config;
use crate::error::{Error, who};
use crate::exchange::Exchange;
use crate::health::{Health, Sign};
use crate::identity::ServerIdentity;
use crate::io::{Counters, Input, Output};
use crate::knowledge::Knowledge;
use crate::member::{Farewell, Member, MemberMeta, MetaRecord, MetaVersion};
use crate::memory::Memory;
use crate::packet::{self, Content, Packet};
use crate::peers::Peers;
use crate::pool::Doubt;
use crate::probe::Probe;
use crate::record::{Item, MAX_KEY, Record};
use crate::roster::{Presences, Shown, Sum};
use crate::suspicion::Suspicion;
use crate::swim::{Effects, SwimCodec};
use crate::table::Digest;
use crate::timers::Timers;

/// How often things that need no haste are looked at.
const MAINTENANCE: Duration = Duration::from_secs(1);
/// How often what is too old is looked for.
const TIDY: Duration = Duration::from_secs(5);
/// In a large pool less often: all members are looked through.
const TIDY_PER_MEMBER: Duration = Duration::from_millis(50);
/// The same complaint about the same server is told once in this time.
const TELL_AGAIN: Duration = Duration::from_secs(60);
const MAX_TOLD: usize = 1000;
/// With more news than this waiting to be gossiped, the rest is left to the digests.
const MAX_BACKLOG: usize = 512;
/// Other regions that a record is sent to at once.
const MAX_DIRECT: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Still answers, and tells everybody.
    Leaving {
        depart: Duration,
        end: Duration,
    },
    /// Dead to the others; only sends.
    Departed {
        end: Duration,
    },
    Left,
}

/// When the machine itself has something to do.
pub(crate) struct Agenda {
    pub(crate) maintenance: Duration,
    /// With a maintenance.
    pub(crate) tidy: Duration,
    pub(crate) sync: Duration,
    /// A sync with one of `Gossip::wanted_syncs`.
    pub(crate) early_sync: Option<Duration>,
    pub(crate) seeds: Option<Duration>,
    pub(crate) remember: Option<Duration>,
    pub(crate) leave: Option<Duration>,
}

/// What a packet brings.
enum Incoming {
    Swim(Box<foca::Header<ServerIdentity>>),
    /// Encoded broadcasts.
    Direct(Vec<Vec<u8>>),
}

type Swim = Foca<ServerIdentity, SwimCodec, SmallRng, Handler>;

/// One server's part in the pool.
///
/// After every call that takes `now`, take everything from [`Gossip::poll`] and ask [`Gossip::next_timer`] when to call again. `now` is a time
/// since any fixed moment, by a clock that does not jump.
pub struct Gossip {
    pub(crate) config: Config,
    pub(crate) foca: Swim,
    pub(crate) knowledge: Arc<Mutex<Knowledge>>,
    pub(crate) rng: SmallRng,
    pub(crate) now: Duration,
    pub(crate) phase: Phase,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) agenda: Agenda,
    pub(crate) pool_hash: u64,
    pub(crate) timers: Timers,
    pub(crate) health: Health,
    /// As last sent.
    pub(crate) incarnation: u16,
    pub(crate) probe: Option<Probe>,
    /// Own ones, by suspect.
    pub(crate) suspicions: BTreeMap<Uuid, Suspicion>,
    /// The next gossip goes to this one.
    pub(crate) tell_first: Option<ServerIdentity>,
    /// Probes in a row that a member answered over TCP only.
    pub(crate) udp_silence: BTreeMap<Uuid, u32>,
    pub(crate) peers: Peers,
    pub(crate) peers_outdated: bool,
    /// Somebody has come of whom there was no description.
    pub(crate) metas_may_be_missing: bool,
    /// Others as SWIM sees them.
    pub(crate) presence: Presences,
    /// As last told by `MemberChanged`.
    pub(crate) shown: Shown,
    /// Of the members, this server included, as others compare it.
    pub(crate) fingerprint: Sum,
    /// Nodes whose presence or view may have changed.
    pub(crate) dirty: BTreeSet<Uuid>,
    /// Since when others have seen a node down that is not known here yet.
    pub(crate) down_since: BTreeMap<Uuid, Duration>,
    /// Members that others call down and that are active here.
    pub(crate) doubts: BTreeMap<Uuid, Doubt>,
    pub(crate) exchanges: BTreeMap<SocketAddr, Exchange>,
    /// Members to exchange everything with soon: they are new or have returned.
    pub(crate) wanted_syncs: BTreeSet<Uuid>,
    pub(crate) last_sync: BTreeMap<Uuid, Duration>,
    pub(crate) sync_round: u64,
    pub(crate) seeds: BTreeSet<SocketAddr>,
    pub(crate) seed_attempts: u32,
    told: BTreeMap<String, Duration>,
    /// As last told by `Remember`.
    pub(crate) remembered: Memory,
    pub(crate) remembered_at: Option<Duration>,
    /// Members of before the start that have not been met since.
    pub(crate) absent: BTreeMap<Uuid, ServerIdentity>,
    pub(crate) absent_since: Duration,
    sized_for: usize,
    counters: Counters,
}

impl Gossip {
    /// A server that is alone until it joins, is joined, or remembers others. `seed` is all its randomness.
    pub fn new(config: Config, identity: ServerIdentity, meta: MemberMeta, seed: u64) -> Result<Self, Error> {
        config.validate()?;
        identity.check().map_err(Error::Identity)?;
        check_own(&identity, &meta)?;
        let version = MetaVersion { generation: identity.generation, change: 0 };
        let own = MetaRecord { node: identity.node, version, meta };
        let knowledge = Arc::new(Mutex::new(Knowledge::new(own, config.confirmations)));
        let mut rng = SmallRng::seed_from_u64(seed);
        let handler = Handler { knowledge: Arc::clone(&knowledge), max_bytes: config.max_broadcast() };
        let foca_rng = SmallRng::seed_from_u64(rng.random());
        let foca = Foca::with_custom_broadcast(identity.clone(), config.for_foca(1), foca_rng, SwimCodec, handler);
        let agenda = Agenda {
            maintenance: Duration::ZERO,
            tidy: Duration::ZERO,
            sync: Duration::ZERO,
            early_sync: None,
            seeds: None,
            remember: Some(Duration::ZERO),
            leave: None,
        };
        Ok(Self {
            pool_hash: packet::pool_hash(&config.pool),
            health: Health::new(config.patience_max),
            incarnation: 0,
            probe: None,
            suspicions: BTreeMap::new(),
            tell_first: None,
            udp_silence: BTreeMap::new(),
            peers: Peers::default(),
            peers_outdated: true,
            metas_may_be_missing: false,
            config,
            foca,
            knowledge,
            rng,
            now: Duration::ZERO,
            phase: Phase::Running,
            outputs: VecDeque::new(),
            agenda,
            timers: Timers::default(),
            presence: Presences::default(),
            shown: Shown::default(),
            fingerprint: Sum::default(),
            dirty: BTreeSet::from([identity.node]),
            down_since: BTreeMap::new(),
            doubts: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            wanted_syncs: BTreeSet::new(),
            last_sync: BTreeMap::new(),
            sync_round: 0,
            seeds: BTreeSet::new(),
            seed_attempts: 0,
            told: BTreeMap::new(),
            remembered: Memory::default(),
            remembered_at: None,
            absent: BTreeMap::new(),
            absent_since: Duration::ZERO,
            sized_for: 1,
            counters: Counters::default(),
        })
    }

    /// Takes in what happened, and does what is due.
    pub fn handle(&mut self, now: Duration, input: Input) {
        self.advance(now);
        match input {
            Input::Tick => {}
            Input::Datagram { from, bytes } => self.datagram(from, &bytes),
            Input::Join { addresses } => addresses.into_iter().for_each(|address| self.begin_exchange(address, true, true)),
            Input::Leave => self.leave(),
            Input::Remembered(members) => self.remembered(members),
            Input::SyncAnswered { peer, response } => self.sync_answered(peer, response),
            Input::SyncFailed { peer, reason } => self.sync_failed(peer, &reason),
        }
        self.run_due();
        self.settle();
    }

    /// The next thing to be done.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Gossip::handle`] with [`Input::Tick`], if nothing else happens before.
    pub fn next_timer(&self) -> Option<Duration> {
        if self.phase == Phase::Left {
            return None;
        }
        let agenda = &self.agenda;
        let own = [Some(agenda.maintenance), Some(agenda.sync), agenda.early_sync, agenda.seeds, agenda.remember, agenda.leave];
        own.into_iter().chain([self.timers.next_deadline(), self.next_verdict(), self.next_ping()]).flatten().min()
    }

    /// Says something new about this region to everybody. `Ok(false)` when it is not newer than what is known: any server of the region may
    /// have published it already.
    pub fn publish(&mut self, now: Duration, record: Record) -> Result<bool, Error> {
        self.advance(now);
        if self.phase != Phase::Running {
            return Err(Error::Leaving);
        }
        let own = self.with(|knowledge| RegionId { name: knowledge.own().meta.region.clone(), cluster: knowledge.own_cluster() });
        if own.cluster.is_nil() {
            return Err(Error::NotBootstrapped { region: own.name.to_string() });
        }
        if record.author != own {
            let words = |id: &RegionId| format!("{} ({})", id.name, id.cluster);
            return Err(Error::ForeignAuthor { given: words(&record.author), ours: words(&own) });
        }
        if record.key.len() > MAX_KEY {
            return Err(Error::KeyTooLarge { size: record.key.len(), limit: MAX_KEY });
        }
        let broadcast = Broadcast::Item(Item::from(record));
        let bytes = broadcast.encode().map_err(Error::Sync)?;
        if bytes.len() > self.config.max_broadcast() {
            return Err(Error::RecordTooLarge { size: bytes.len(), limit: self.config.max_broadcast() });
        }
        let news = self.spread(broadcast.clone(), true);
        if news {
            self.send_direct(&own.name, &broadcast);
            self.gossip_now();
        }
        self.settle();
        Ok(news)
    }

    /// Drops a record here and keeps older copies from coming back for [`Config::forgotten_keep`]. Every member forgets on its own; one that
    /// has not yet is in no one's way. `false` if it is not known.
    pub fn forget(&mut self, now: Duration, author: &RegionName, key: &[u8]) -> bool {
        self.advance(now);
        let until = self.now.saturating_add(self.config.forgotten_keep);
        self.with(|knowledge| knowledge.records.forget(author, key, until))
    }

    /// Says something new about this server. Region and gossip address stay what they are.
    pub fn update_meta(&mut self, now: Duration, meta: MemberMeta) -> Result<(), Error> {
        self.advance(now);
        check_own(self.foca.identity(), &meta)?;
        let unchanged = self.with(|knowledge| knowledge.own().meta == meta);
        if !unchanged {
            self.with(|knowledge| knowledge.set_own(meta));
            self.dirty.insert(self.own_node());
            self.announce_self();
            self.gossip_now();
            self.settle();
        }
        Ok(())
    }

    /// An operator says that a member ("server-1.west") is gone on purpose: it is shown as left, or with `prune` not at all. A member that is
    /// in truth alive returns by itself.
    pub fn force_leave(&mut self, now: Duration, name: &str, prune: bool) -> Result<(), Error> {
        self.advance(now);
        let own = self.own_node();
        let is_meant = |member: &&Member| member.full_name() == name || member.meta.name == name;
        let found: Vec<Member> = self.shown.values().filter(is_meant).cloned().collect();
        // A bare name must be the only one of its kind; a full name may be shared by a server and the one that replaces it.
        let exact: Vec<Member> = found.iter().filter(|member| member.full_name() == name).cloned().collect();
        let found = if exact.is_empty() && found.len() == 1 { found } else { exact };
        if found.iter().any(|member| member.identity.node == own) {
            return Err(Error::OwnName { name: name.to_owned() });
        }
        if found.is_empty() {
            let known: Vec<String> = self.shown.values().filter(|member| member.identity.node != own).map(Member::full_name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Error::UnknownMember { name: name.to_owned(), known });
        }
        for member in found {
            let farewell = Farewell { generation: member.identity.generation, prune };
            self.seeds.remove(&member.identity.address);
            self.spread(Broadcast::Farewell { node: member.identity.node, farewell }, true);
            let down = foca::Member::down(member.identity);
            self.swim(|foca, effects| foca.apply_many([down].into_iter(), true, effects));
        }
        self.gossip_now();
        self.settle();
        Ok(())
    }

    /// Everybody who is shown, this server included, sorted by region and name.
    pub fn members(&self) -> Vec<Member> {
        let mut members: Vec<Member> = self.shown.values().cloned().collect();
        members.sort_by(|a, b| (&a.meta.region, &a.meta.name, a.identity.node).cmp(&(&b.meta.region, &b.meta.name, b.identity.node)));
        members
    }

    pub fn member(&self, node: Uuid) -> Option<&Member> {
        self.shown.get(node)
    }

    /// This server, with the generation it has now.
    pub fn identity(&self) -> &ServerIdentity {
        self.foca.identity()
    }

    /// What this server says about itself.
    pub fn meta(&self) -> MemberMeta {
        self.with(|knowledge| knowledge.own().meta.clone())
    }

    /// All records, by author, each author's in order of freshness.
    pub fn records(&self) -> Vec<Record> {
        self.with(|knowledge| knowledge.records.records().collect())
    }

    pub fn record(&self, author: &RegionName, key: &[u8]) -> Option<Record> {
        self.with(|knowledge| knowledge.records.get(author, key))
    }

    /// Equal on two members exactly when they know the same records.
    pub fn digest(&self) -> Digest {
        self.with(|knowledge| knowledge.records.digest())
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    pub(crate) fn own_node(&self) -> Uuid {
        self.foca.identity().node
    }

    /// The lock is held for the closure only; nothing in it can reach foca, whose handler takes the same lock.
    pub(crate) fn with<R>(&self, read: impl FnOnce(&mut Knowledge) -> R) -> R {
        read(&mut self.knowledge.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Time moves forward. If it did so in a leap, it stood still for foca: silence while this process did not run says nothing.
    pub(crate) fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
        let now = self.now;
        self.with(|knowledge| knowledge.now = now);
        let late = self.timers.next_deadline().map_or(Duration::ZERO, |deadline| now.saturating_sub(deadline));
        if late > self.config.pause_threshold() {
            self.counters.pauses += 1;
            self.timers.postpone(late);
            self.suspicions.values_mut().for_each(|suspicion| suspicion.since += late);
            self.doubts.clear();
        }
    }

    /// Calls foca and takes in what it asked for.
    pub(crate) fn swim(&mut self, act: impl FnOnce(&mut Swim, &mut Effects) -> Result<(), foca::Error>) {
        let mut effects = Effects::default();
        let generation = self.foca.identity().generation;
        if let Err(error) = act(&mut self.foca, &mut effects)
            && !matches!(error, foca::Error::NotConnected | foca::Error::IncompleteProbeCycle | foca::Error::SameIdentity)
        {
            self.counters.malformed += 1;
        }
        if self.foca.identity().generation != generation {
            self.incarnation = 0;
        }
        self.send_all(effects.sends);
        let factor = self.health.factor();
        for (timer, after) in effects.timers {
            match timer {
                Timer::ChangeSuspectToDown { ref member_id, incarnation, .. } => self.suspect(member_id.clone(), incarnation, timer),
                _ => self.timers.add(self.now.saturating_add(self.stretched(&timer, after, factor)), timer),
            }
        }
        for notification in effects.notifications {
            self.notified(notification);
        }
        if self.foca.identity().generation != generation {
            self.dirty.insert(self.own_node());
            self.remember_soon(None);
        }
    }

    fn notified(&mut self, notification: OwnedNotification<ServerIdentity>) {
        match notification {
            OwnedNotification::MemberUp(identity) => {
                self.dirty.insert(identity.node);
                self.want_sync(identity.node);
            }
            OwnedNotification::MemberDown(identity) => {
                self.dirty.insert(identity.node);
            }
            OwnedNotification::Rename(before, after) => {
                self.dirty.extend([before.node, after.node]);
            }
            OwnedNotification::Active => {
                self.seed_attempts = 0;
                self.announce_self();
            }
            OwnedNotification::Idle => self.try_seeds_soon(),
            OwnedNotification::Rejoin(_) => {}
            OwnedNotification::Defunct => {
                if self.phase == Phase::Running {
                    self.outputs.push_back(Output::Defunct);
                }
            }
        }
    }

    /// Merges something here and, if it is news and `widely`, tells the others with the next gossip. Returns whether it was news.
    pub(crate) fn spread(&mut self, broadcast: Broadcast, widely: bool) -> bool {
        let room = self.foca.num_members() > 0 && self.foca.custom_broadcast_backlog() < MAX_BACKLOG;
        let bytes = if widely && room { broadcast.encode().ok() } else { None };
        match bytes {
            Some(bytes) if bytes.len() <= self.config.max_broadcast() => self.foca.add_broadcast(&bytes).unwrap_or(false),
            _ => self.with(|knowledge| !knowledge.is_own(&broadcast) && knowledge.merge(broadcast)),
        }
    }

    pub(crate) fn announce_self(&mut self) {
        let own = self.with(|knowledge| knowledge.own().clone());
        self.spread(Broadcast::Meta(own), true);
    }

    pub(crate) fn gossip_now(&mut self) {
        self.swim(|foca, effects| foca.gossip(effects));
    }

    /// To one alive server of every other region, not waiting for gossip to get there.
    fn send_direct(&mut self, own_region: &RegionName, broadcast: &Broadcast) {
        let mut regions: BTreeMap<RegionName, Vec<SocketAddr>> = BTreeMap::new();
        for member in self.shown.values().filter(|member| member.status.is_active() && member.meta.region != *own_region) {
            regions.entry(member.meta.region.clone()).or_default().push(member.identity.address);
        }
        for addresses in regions.into_values().take(MAX_DIRECT) {
            if let Some(to) = addresses.into_iter().choose(&mut self.rng) {
                self.send_broadcasts(to, std::slice::from_ref(broadcast));
            }
        }
    }

    fn datagram(&mut self, from: SocketAddr, bytes: &[u8]) {
        if !matches!(self.phase, Phase::Running | Phase::Leaving { .. }) {
            return;
        }
        match packet::open(bytes) {
            Ok(Some(packet)) if packet.pool != self.pool_hash => {
                self.counters.turned_away += 1;
                let pool = self.config.pool.clone();
                self.notice(format!(
                    "{from} sends gossip of another pool than ours, {pool:?}: one of the two has a wrong address or pool label"
                ));
            }
            Ok(Some(packet)) => self.packet(&packet),
            Ok(None) => {}
            Err(error @ codec::Error::Version { .. }) => {
                self.counters.malformed += 1;
                self.notice(format!("gossip from {from}: {error}"));
            }
            Err(_) => self.counters.malformed += 1,
        }
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        let (sender, incoming) = match packet.content {
            Content::Swim => match SwimCodec.decode_header(packet.payload) {
                Ok(header) => (header.src.clone(), Incoming::Swim(Box::new(header))),
                Err(_) => return self.counters.malformed += 1,
            },
            Content::Direct => match codec::from_body::<Direct>(packet.payload) {
                Ok(direct) if direct.from.check().is_ok() => (direct.from, Incoming::Direct(direct.items)),
                _ => return self.counters.malformed += 1,
            },
        };
        if sender.node == self.own_node() {
            if sender.address != self.foca.identity().address {
                self.notice(format!(
                    "the server at {} has the node id of this one, {}: was its data directory copied? Remove the copy and start it again",
                    sender.address, sender.node
                ));
            }
            return;
        }
        let claim = RegionId { name: sender.region.clone(), cluster: packet.cluster };
        let admitted = self.with(|knowledge| {
            let admitted = knowledge.admit(sender.node, &claim, None, sender.address).is_ok();
            if admitted && !claim.cluster.is_nil() {
                knowledge.readmit(sender.node);
            }
            admitted && !knowledge.is_refused(sender.node)
        });
        if !admitted {
            self.counters.turned_away += 1;
            return;
        }
        let items = match incoming {
            Incoming::Swim(header) => {
                self.heard_from(&header);
                let payload = packet.payload;
                return self.swim(|foca, effects| foca.handle_data(payload, effects));
            }
            Incoming::Direct(items) => items,
        };
        // From members only, so that nobody publishes into a pool that has not let him in.
        if !self.shown.get(sender.node).is_some_and(|member| member.status.is_active()) {
            return;
        }
        let mut news = false;
        for item in items {
            match Broadcast::decode(&item) {
                Ok(Some(Broadcast::Accusation(accusation))) if accusation.suspect == self.own_node() => {
                    self.accused(&accusation, Some(sender.clone()));
                }
                Ok(Some(broadcast)) => news |= self.spread(broadcast, true),
                Ok(None) => {}
                Err(_) => self.counters.malformed += 1,
            }
        }
        if news {
            self.gossip_now();
        }
    }

    fn run_due(&mut self) {
        while let Some((due, timer)) = self.timers.pop_due(self.now) {
            self.timer_due(due, timer);
        }
        self.reach_verdicts();
        self.ping_again();
        let now = self.now;
        let due = |at: &mut Option<Duration>| at.take_if(|at| *at <= now).is_some();
        if due(&mut self.agenda.leave) {
            self.leave_step();
        }
        if self.phase != Phase::Running {
            self.agenda.maintenance = now.saturating_add(MAINTENANCE);
            self.agenda.sync = now.saturating_add(self.config.sync_interval);
            self.agenda.early_sync = None;
            self.agenda.seeds = None;
            self.agenda.remember = None;
            return;
        }
        if self.agenda.maintenance <= now {
            self.agenda.maintenance = now.saturating_add(MAINTENANCE);
            self.maintain();
        }
        if self.agenda.sync <= now {
            // Spread over the interval, so that members that started together do not sync together.
            let interval = self.config.sync_interval;
            self.agenda.sync = now.saturating_add(interval.mul_f64(self.rng.random_range(0.9..1.1)));
            self.periodic_sync();
        }
        if due(&mut self.agenda.early_sync) {
            self.early_sync();
        }
        if due(&mut self.agenda.seeds) {
            self.try_seeds();
        }
        if due(&mut self.agenda.remember) {
            self.remember();
        }
    }

    fn timer_due(&mut self, due: Duration, timer: Timer<ServerIdentity>) {
        let probed = match &timer {
            Timer::SendIndirectProbe { probed_id, .. } => Some(probed_id.clone()),
            Timer::ProbeRandomMember(_) => {
                if self.now.saturating_sub(due) > self.config.probe_rtt / 2 {
                    self.health.note(Sign::Late);
                }
                None
            }
            _ => None,
        };
        self.swim(|foca, effects| foca.handle_timer(timer, effects));
        if let Some(probed) = probed {
            self.direct_probe_over(&probed);
        }
    }

    fn maintain(&mut self) {
        let members = self.foca.num_members() + 1;
        if members != self.sized_for {
            self.sized_for = members;
            // Only suspicion and the number of transmissions depend on the size; foca accepts that.
            let config = self.config.for_foca(members);
            let _ = self.foca.set_config(config);
        }
        self.remove_long_down();
        self.settle_doubts();
        self.with(Knowledge::expire);
        if self.agenda.tidy <= self.now {
            self.agenda.tidy =
                self.now.saturating_add(TIDY.max(TIDY_PER_MEMBER.saturating_mul(u32::try_from(members).unwrap_or(u32::MAX))));
            self.tidy();
        }
        if std::mem::take(&mut self.metas_may_be_missing) {
            self.want_missing_metas();
        }
        self.drop_unanswered();
        if self.told.len() > MAX_TOLD {
            self.told.clear();
        }
    }

    fn tidy(&mut self) {
        let presence = &self.presence;
        self.with(|knowledge| knowledge.tidy(|node| presence.get(node).is_some()));
        self.last_sync.retain(|node, _| presence.get(*node).is_some());
        self.udp_silence.retain(|node, _| presence.get(*node).is_some());
    }

    /// Something odd, once in a while.
    pub(crate) fn notice(&mut self, words: String) {
        if self.may_tell(&words) {
            self.outputs.push_back(Output::Notice(words));
        }
    }

    fn may_tell(&mut self, about: &str) -> bool {
        let due = self.told.get(about).is_none_or(|told| self.now.saturating_sub(*told) >= TELL_AGAIN);
        if due {
            self.told.insert(about.to_owned(), self.now);
        }
        due
    }

    /// Turns what has changed inside into outputs.
    pub(crate) fn settle(&mut self) {
        self.refresh();
        let news = self.with(|knowledge| std::mem::take(&mut knowledge.news));
        self.dirty.extend(news.nodes);
        for refusal in news.refusals {
            if self.may_tell(&format!("refused {} {}", refusal.node, refusal.reason)) {
                self.outputs.push_back(Output::Refused { who: refusal.who, reason: refusal.reason });
            }
        }
        self.outputs.extend(news.records.into_iter().map(Output::RecordChanged));
        news.accusations.iter().for_each(|accusation| self.accused(accusation, None));
        self.outputs.extend(news.forgotten.into_iter().map(|(author, key)| Output::RecordForgotten { author, key }));
        self.refresh();
    }

    /// How this server is named in words for others.
    pub(crate) fn own_words(&self) -> String {
        let name = self.with(|knowledge| knowledge.own().meta.full_name());
        who(Some(&name), self.foca.identity().address)
    }
}

fn check_own(identity: &ServerIdentity, meta: &MemberMeta) -> Result<(), Error> {
    meta.check()?;
    let refuse = |reason: String| Err(Error::Meta { name: meta.name.clone(), reason });
    if meta.region != identity.region {
        return refuse(format!("region {} is not the identity's, {}", meta.region, identity.region));
    }
    if meta.gossip_address != identity.address {
        return refuse(format!("gossip address {} is not the identity's, {}", meta.gossip_address, identity.address));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The machine can be moved into a task.
    #[test]
    fn is_send() {
        fn check<T: Send>() {}
        check::<Gossip>();
        check::<Input>();
        check::<Output>();
    }

    /// An identity and a description that do not fit each other, or cannot be reached, are refused in words.
    #[test]
    fn wrong_identities() {
        let identity =
            ServerIdentity { node: Uuid::from_u128(1), address: "10.0.0.1:4648".parse().unwrap(), region: "west".into(), generation: 1 };
        let meta = MemberMeta {
            name: "server-1".to_owned(),
            region: "west".into(),
            cluster_id: Uuid::nil(),
            datacenter: "dc1".to_owned(),
            server_id: 1,
            rpc_address: identity.address,
            http_address: identity.address,
            gossip_address: identity.address,
            bootstrap_expect: 1,
            build: "0.1.0".to_owned(),
            protocol: 1,
            feature_level: 1,
            tags: BTreeMap::new(),
        };
        Gossip::new(Config::default(), identity.clone(), meta.clone(), 1).unwrap();
        let check = |change: &dyn Fn(&mut ServerIdentity, &mut MemberMeta), words: &str| {
            let (mut identity, mut meta) = (identity.clone(), meta.clone());
            change(&mut identity, &mut meta);
            let error = Gossip::new(Config::default(), identity, meta, 1).err().unwrap().to_string();
            assert!(error.contains(words), "{error}");
        };
        check(&|identity, _| identity.node = Uuid::nil(), "node id is nil");
        check(&|identity, _| identity.address = "0.0.0.0:4648".parse().unwrap(), "advertise an address");
        check(&|identity, _| identity.region = "a region".into(), "1 to 32 bytes, without spaces");
        check(&|_, meta| meta.region = "east".into(), "region east is not the identity's, west");
        check(&|_, meta| meta.gossip_address = "10.0.0.2:4648".parse().unwrap(), "gossip address 10.0.0.2:4648");
        check(&|_, meta| meta.name = String::new(), "name must not be empty");
        check(&|_, meta| meta.build = "b".repeat(65), "build has 65 bytes, the limit is 64");
        check(&|_, meta| drop(meta.tags.insert("key".to_owned(), "v".repeat(300))), "the tags have 305 bytes");
    }
}
