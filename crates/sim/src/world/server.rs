//! One server: what it has on its disk, and what is gone with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use gossip::{Gossip, Memory};
use model::{RegionName, RolloutId, Uuid};
use multiregion::Records;
use state::Store;

use super::executor::Sim;
use super::group::Raft;
use super::signal::Signal;
use super::world::{Event, World};

pub struct Server {
    /// Position of its region.
    pub region: usize,
    pub name: String,
    pub node: Uuid,
    pub address: SocketAddr,
    /// Grows with every start; what an earlier life had planned is over.
    pub life: u32,
    pub is_up: bool,
    /// It does not run, and is there.
    pub is_stopped: bool,
    /// What came for it while it was stopped.
    pub held: Vec<Event>,
    /// The longest time that its disk needs.
    pub disk_delay_max: Duration,
    pub raft: Raft,
    /// State at some index that is on disk: where a start begins.
    pub snapshot: (usize, Store),
    /// The gossip machine's memory, on disk.
    pub memory: Memory,

    // From here on: gone with the process.
    pub store: Store,
    pub gossip: Option<Gossip>,
    /// When the machine's timer is planned.
    pub tick_at: Option<Duration>,
    /// The members that take part, by region.
    pub directory: BTreeMap<RegionName, Vec<usize>>,
    /// What other regions published.
    pub records: Records,
    pub records_at: BTreeMap<(RolloutId, RegionName), Duration>,
    /// Proposals that this server is deciding as their origin.
    pub submitting: BTreeSet<RolloutId>,
    pub reconcile: Signal,
    pub publish: Signal,
    pub schedule: Signal,
}

impl Server {
    pub fn new(region: usize, name: &str, number: usize, node: Uuid) -> Self {
        let address = SocketAddr::from(([10, 0, region as u8 + 1, number as u8 + 1], 4648));
        Self {
            region,
            name: format!("{name}-{}", number + 1),
            node,
            address,
            life: 0,
            is_up: false,
            is_stopped: false,
            held: Vec::new(),
            disk_delay_max: Duration::from_millis(5),
            raft: Raft::default(),
            snapshot: (0, Store::default()),
            memory: Memory::default(),
            store: Store::default(),
            gossip: None,
            tick_at: None,
            directory: BTreeMap::new(),
            records: Records::default(),
            records_at: BTreeMap::new(),
            submitting: BTreeSet::new(),
            reconcile: Signal::default(),
            publish: Signal::default(),
            schedule: Signal::default(),
        }
    }

    pub fn runs(&self) -> bool {
        self.is_up && !self.is_stopped
    }
}

impl World {
    /// With what is on its disk.
    pub fn start(sim: &Sim, at: usize) {
        sim.with(|world| {
            world.tell(|| format!("{}: starts", world.servers[at].name));
            let through_bytes = world.dice.percent(20);
            let server = &mut world.servers[at];
            server.life += 1;
            server.is_up = true;
            let (index, snapshot) = &server.snapshot;
            server.store = if through_bytes { from_bytes(snapshot) } else { snapshot.clone() };
            server.raft.restart(*index);
            let life = server.life;
            world.servers[at].raft.leader_heard = world.now;
            world.plan(Duration::ZERO, Event::Watch { at, life });
            world.start_gossip(at);
        });
        // The addresses of the configuration, until somebody answers.
        sim.spawn_at(at, Self::join(sim.clone(), at));
    }

    /// Everything is gone that is not on its disk.
    pub fn crash(&mut self, at: usize) {
        if !self.servers[at].is_up {
            return;
        }
        self.tell(|| format!("{}: crashes", self.servers[at].name));
        self.told.crashes += 1;
        let forgets = self.has(super::Flaw::ForgetsWritten);
        let server = &mut self.servers[at];
        server.life += 1;
        server.is_up = false;
        server.is_stopped = false;
        self.told.lost_entries += server.raft.lose_unwritten(forgets) as u64;
        if server.snapshot.0 > server.raft.log.len() {
            server.snapshot = (0, Store::default());
        }
        server.held.clear();
        server.gossip = None;
        server.tick_at = None;
        server.directory.clear();
        server.records = Records::default();
        server.records_at.clear();
        server.submitting.clear();
        self.has_ended = true;
        self.has_resumed = true;
    }

    pub fn stop(&mut self, at: usize) {
        self.tell(|| format!("{}: stands still", self.servers[at].name));
        self.told.pauses += 1;
        self.servers[at].is_stopped = true;
    }

    pub fn resume(&mut self, at: usize) {
        if !std::mem::take(&mut self.servers[at].is_stopped) {
            return;
        }
        self.tell(|| format!("{}: goes on", self.servers[at].name));
        self.has_resumed = true;
        for event in std::mem::take(&mut self.servers[at].held) {
            self.plan(Duration::ZERO, event);
        }
    }
}

/// As a server that was given a snapshot has it.
pub fn from_bytes(store: &Store) -> Store {
    let records: Vec<Vec<u8>> = store.snapshot_records().map(|record| record.expect("records can be written")).collect();
    let restored = Store::restore(records.iter().map(Vec::as_slice)).expect("records can be read");
    assert!(restored == *store, "a state is another one when it comes back from a snapshot");
    restored
}
