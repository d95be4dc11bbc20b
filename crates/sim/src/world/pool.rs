//! Brings datagrams, syncs and timers to the gossip machines, and does what they say; as the server's own loop does.

use std::net::SocketAddr;
use std::time::Duration;

use gossip::{Config, Gossip, Input, MemberMeta, Output, Record, ServerIdentity, SyncRequest, SyncResponse};
use model::{RegionId, RegionName, RegionRecord, Uuid};

use super::executor::Sim;
use super::world::{Event, World};

/// A connection that cannot be made fails after this time, and one on which nothing comes after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const SYNC_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a person joins the regions again of which nobody has answered.
const JOIN_AGAIN_AFTER: Duration = Duration::from_secs(5);

pub struct Syncing {
    pub from: usize,
    life: u32,
    pub to: usize,
    pub bytes: Vec<u8>,
}

pub struct Synced {
    pub from: usize,
    life: u32,
    pub peer: usize,
    pub answer: Result<Vec<u8>, String>,
}

/// The cluster of a region is the same from its first day.
pub fn cluster(region: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, region.as_bytes())
}

impl World {
    pub fn start_gossip(&mut self, at: usize) {
        let seed = self.dice.number();
        let millis = self.unix().unsigned_abs() / 1_000_000;
        let server = &mut self.servers[at];
        let region = self.groups[server.region].name.clone();
        let generation = millis.max(server.memory.generation + 1);
        let identity = ServerIdentity { node: server.node, address: server.address, region: region.clone(), generation };
        let meta = MemberMeta {
            name: server.name.clone(),
            cluster_id: cluster(&region),
            region,
            datacenter: "dc1".to_owned(),
            server_id: at as u64 + 1,
            rpc_address: server.address,
            http_address: server.address,
            gossip_address: server.address,
            bootstrap_expect: 1,
            build: "0.1.0".to_owned(),
            protocol: 1,
            feature_level: 1,
            tags: Default::default(),
        };
        server.gossip = Some(Gossip::new(Config::default(), identity, meta, seed).expect("a server of the pool"));
        let remembered = server.memory.members.clone();
        self.input(at, Input::Remembered(remembered));
    }

    fn index_of(&self, address: SocketAddr) -> Option<usize> {
        self.servers.iter().position(|server| server.address == address)
    }

    pub fn input(&mut self, at: usize, input: Input) {
        let now = self.now;
        if let Some(gossip) = &mut self.servers[at].gossip {
            gossip.handle(now, input);
        }
        self.drain(at);
    }

    pub fn tick(&mut self, at: usize) {
        let server = &mut self.servers[at];
        if server.tick_at.take_if(|due| *due <= self.now).is_some() {
            self.input(at, Input::Tick);
        }
    }

    pub fn datagram(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        let from = self.servers[from].address;
        self.input(to, Input::Datagram { from, bytes });
    }

    fn drain(&mut self, at: usize) {
        let mut members_changed = false;
        while let Some(output) = self.servers[at].gossip.as_mut().and_then(Gossip::poll) {
            match output {
                Output::Send { to, bytes } => self.send(at, to, bytes),
                Output::Sync { to, request } => {
                    let bytes = request.encode().expect("requests can be written");
                    self.sync(at, to, bytes);
                }
                Output::MemberChanged(_) | Output::MemberRemoved(_) => members_changed = true,
                Output::RecordChanged(record) => self.record(at, &record),
                Output::Remember(memory) => self.servers[at].memory = memory,
                Output::Refused { who, reason } => panic!("{}: {who} is kept out of the pool: {reason}", self.servers[at].name),
                Output::Defunct => panic!("{}: cannot return to the pool", self.servers[at].name),
                Output::Joined { .. } | Output::RecordForgotten { .. } | Output::Notice(_) | Output::Left => {}
            }
        }
        if members_changed {
            self.list_members(at);
        }
        self.plan_tick(at);
    }

    fn plan_tick(&mut self, at: usize) {
        let server = &mut self.servers[at];
        let Some(due) = server.gossip.as_ref().and_then(Gossip::next_timer) else { return };
        if server.tick_at.is_none_or(|planned| due < planned) {
            server.tick_at = Some(due);
            self.plan_at(due.max(self.now), Event::Tick { at });
        }
    }

    fn send(&mut self, from: usize, to: SocketAddr, bytes: Vec<u8>) {
        let Some(to) = self.index_of(to) else { return };
        if self.network.is_cut(from, to, self.now) || self.dice.percent(self.network.lost) {
            return;
        }
        if self.dice.percent(self.network.doubled) {
            let delay = self.network.delay(&mut self.dice);
            self.plan(delay, Event::Datagram { from, to, bytes: bytes.clone() });
        }
        let delay = self.network.delay(&mut self.dice);
        self.plan(delay, Event::Datagram { from, to, bytes });
    }

    fn list_members(&mut self, at: usize) {
        let Some(gossip) = &self.servers[at].gossip else { return };
        let mut directory = std::collections::BTreeMap::<RegionName, Vec<usize>>::new();
        for member in gossip.members().into_iter().filter(|member| member.status.is_active()) {
            if let Some(known) = self.index_of(member.identity.address) {
                directory.entry(member.meta.region).or_default().push(known);
            }
        }
        self.servers[at].directory = directory;
    }

    // ---- syncs

    fn sync(&mut self, from: usize, to: SocketAddr, bytes: Vec<u8>) {
        let (Some(to), life) = (self.index_of(to), self.servers[from].life) else { return };
        let delay = self.network.connection_delay(&mut self.dice);
        self.plan(delay, Event::Sync(Box::new(Syncing { from, life, to, bytes })));
    }

    pub fn answer_sync(&mut self, syncing: Syncing) {
        let Syncing { from, life, to, bytes } = syncing;
        let fail = |world: &mut Self, after| {
            let answer = Err("no answer".to_owned());
            world.plan(after, Event::Synced(Box::new(Synced { from, life, peer: to, answer })));
        };
        if !self.servers[to].is_up || !self.network.is_connected(from, to, self.now) {
            return fail(self, CONNECT_TIMEOUT);
        }
        let (now, delay) = (self.now, self.network.connection_delay(&mut self.dice));
        let Some(gossip) = &mut self.servers[to].gossip else { return };
        let response = match SyncRequest::decode(&bytes) {
            Ok(request) => gossip.handle_sync_request(now, request),
            Err(error) => SyncResponse::refusal(error.to_string()),
        };
        self.drain(to);
        let answer = Ok(response.encode().expect("responses can be written"));
        self.plan(delay, Event::Synced(Box::new(Synced { from, life, peer: to, answer })));
    }

    pub fn synced(&mut self, synced: Synced) {
        let Synced { from, life, peer, answer } = synced;
        if self.servers[from].life != life {
            return;
        }
        if answer.is_ok() && self.network.is_cut(peer, from, self.now) {
            let answer = Err("no answer".to_owned());
            return self.plan(SYNC_TIMEOUT, Event::Synced(Box::new(Synced { from, life, peer, answer })));
        }
        let peer = self.servers[peer].address;
        match answer {
            Ok(bytes) => {
                let response = SyncResponse::decode(&bytes).expect("responses can be read");
                self.input(from, Input::SyncAnswered { peer, response });
            }
            Err(reason) => self.input(from, Input::SyncFailed { peer, reason }),
        }
    }

    pub async fn join(sim: Sim, at: usize) {
        loop {
            let knows_all = sim.with(|world| {
                let knows_all = world.groups.iter().all(|group| world.servers[at].directory.contains_key(&group.name));
                if !knows_all {
                    let seeds = world.groups.iter().flat_map(|group| &group.servers).filter(|seed| **seed != at);
                    let addresses = seeds.map(|seed| world.servers[*seed].address).collect();
                    world.input(at, Input::Join { addresses });
                }
                knows_all
            });
            if knows_all {
                return;
            }
            sim.sleep(JOIN_AGAIN_AFTER).await;
        }
    }

    // ---- records

    /// What `at` has heard of another region.
    pub fn heard(&mut self, at: usize, record: RegionRecord) {
        self.history.check_heard(&record);
        let (now, place) = (self.now, (record.rollout.clone(), record.region.name.clone()));
        let server = &mut self.servers[at];
        if server.records.put(record) {
            server.records_at.insert(place, now);
            server.reconcile.give();
        }
    }

    fn record(&mut self, at: usize, record: &Record) {
        if record.author.name == self.group_of(at).name {
            return;
        }
        let record = RegionRecord::from_bytes(&record.body).expect("records can be read");
        self.heard(at, record);
    }

    /// By request instead of gossip. What claims to come from a region that is not in the pool is not taken.
    pub fn take_pushed(&mut self, at: usize, records: Vec<RegionRecord>) {
        let own = self.group_of(at).name.clone();
        for record in records {
            if record.region.name != own && self.servers[at].directory.contains_key(&record.region.name) {
                self.heard(at, record);
            }
        }
    }

    /// What the region of `at` has to say.
    pub fn publish(&mut self, at: usize, records: &[RegionRecord]) {
        let now = self.now;
        for record in records {
            let body = record.to_bytes().expect("records can be written");
            let author: RegionId = record.region.clone();
            let said = Record { author, key: record.rollout.record_key(), incarnation: record.incarnation, seq: record.seq, body };
            if let Some(gossip) = &mut self.servers[at].gossip {
                gossip.publish(now, said).expect("a record that can be published");
            }
            self.drain(at);
        }
    }
}
