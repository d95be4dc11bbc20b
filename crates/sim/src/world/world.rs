//! The world of one seed: servers, what is under way between them, and what has been seen.

use std::any::Any;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::task::Waker;
use std::time::Duration;

use model::{JobKey, RegionName};

use super::call::{Arrival, Departure};
use super::dice::Dice;
use super::executor::{Owner, Sim, Task, WeakSim};
use super::group::{Group, RaftMessage};
use super::invariants::History;
use super::network::Network;
use super::pool::{Synced, Syncing};
use super::server::Server;
use super::trace::Trace;
use super::{Flaw, Told};

pub const SECOND: Duration = Duration::from_secs(1);
/// When a run begins, in unix nanoseconds.
const BEGIN: i64 = 1_800_000_000_000_000_000;

pub enum Event {
    /// A task has slept.
    Wake(Waker),
    Datagram {
        from: usize,
        to: usize,
        bytes: Vec<u8>,
    },
    /// The gossip machine's timer.
    Tick {
        at: usize,
    },
    Sync(Box<Syncing>),
    Synced(Box<Synced>),
    Raft {
        from: usize,
        to: usize,
        message: RaftMessage,
    },
    /// The leader sends what the others lack.
    Replicate {
        at: usize,
        life: u32,
    },
    /// The disk has what the log had when it was asked.
    Written {
        at: usize,
        life: u32,
        writes: u64,
        upto: usize,
    },
    /// A leader sends a sign of life; others look whether there was one.
    Watch {
        at: usize,
        life: u32,
    },
    /// A request arrives.
    Arrive(Box<Arrival>),
    /// Its answer does.
    Answer(Box<Departure>),
    Restart {
        at: usize,
        life: u32,
    },
    Resume {
        at: usize,
        life: u32,
    },
}

impl Event {
    /// The server that must run for it; what comes for one that is stopped waits.
    fn place(&self) -> Option<usize> {
        match self {
            Self::Datagram { to, .. } | Self::Raft { to, .. } => Some(*to),
            Self::Tick { at } | Self::Replicate { at, .. } | Self::Watch { at, .. } => Some(*at),
            Self::Sync(syncing) => Some(syncing.to),
            Self::Synced(synced) => Some(synced.from),
            Self::Arrive(arrival) => Some(arrival.to),
            Self::Answer(departure) => Some(departure.to),
            // The disk goes on.
            Self::Wake(_) | Self::Written { .. } | Self::Restart { .. } | Self::Resume { .. } => None,
        }
    }

    fn trace(&self, trace: &mut Trace) {
        let (kind, a, b) = match self {
            Self::Wake(_) => (0, 0, 0),
            Self::Datagram { from, to, bytes } => {
                trace.bytes(bytes);
                (1, *from, *to)
            }
            Self::Tick { at } => (2, *at, 0),
            Self::Sync(syncing) => {
                trace.bytes(&syncing.bytes);
                (3, syncing.from, syncing.to)
            }
            Self::Synced(synced) => {
                trace.bytes(synced.answer.as_deref().unwrap_or_default());
                (4, synced.from, synced.peer)
            }
            Self::Raft { from, to, message } => {
                message.trace(trace);
                (5, *from, *to)
            }
            Self::Replicate { at, life } => (6, *at, *life as usize),
            Self::Written { at, upto, .. } => (7, *at, *upto),
            Self::Watch { at, life } => (8, *at, *life as usize),
            Self::Arrive(arrival) => (9, arrival.from, arrival.to),
            Self::Answer(departure) => (10, departure.from(), departure.to),
            Self::Restart { at, life } => (11, *at, *life as usize),
            Self::Resume { at, life } => (12, *at, *life as usize),
        };
        trace.number(kind | (a as u64) << 8 | (b as u64) << 36);
    }
}

/// An event at its time; of one time, what was planned first comes first.
pub struct Planned {
    time: Duration,
    number: u64,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.number).cmp(&(other.time, other.number))
    }
}

pub struct World {
    pub now: Duration,
    pub queue: BinaryHeap<Reverse<Planned>>,
    n_events: u64,
    pub dice: Dice,
    pub trace: Trace,
    pub servers: Vec<Server>,
    /// The raft groups; a region each.
    pub groups: Vec<Group>,
    pub network: Network,
    pub history: History,
    pub told: Told,
    pub flaw: Option<Flaw>,
    pub key: JobKey,
    /// Of 100 tasks, how many turn out bad without a reason.
    pub flakes: u64,
    /// No more faults, and people do nothing new.
    pub is_resting: bool,
    pub n_specs: u64,
    /// How long rollouts are kept that are over, in nanoseconds.
    pub rollouts_kept: i64,
    pub sim: WeakSim,
    pub spawned: Vec<(Owner, Task)>,
    /// Lives or terms of leadership.
    pub has_ended: bool,
    pub has_resumed: bool,
    /// Answers that nobody will get, and nobody will know that.
    pub silence: Vec<Box<dyn Any>>,
    pub is_told: bool,
}

impl World {
    pub fn new(seed: u64, flaw: Option<Flaw>, is_told: bool) -> Self {
        Self {
            now: Duration::from_secs(1_000),
            queue: BinaryHeap::new(),
            n_events: 0,
            dice: Dice::new(seed),
            trace: Trace::default(),
            servers: Vec::new(),
            groups: Vec::new(),
            network: Network::default(),
            history: History::default(),
            told: Told::default(),
            flaw,
            key: JobKey::new(model::DEFAULT_NAMESPACE, "web"),
            flakes: 0,
            is_resting: false,
            n_specs: 0,
            rollouts_kept: 0,
            sim: WeakSim::default(),
            spawned: Vec::new(),
            has_ended: false,
            has_resumed: false,
            silence: Vec::new(),
            is_told,
        }
    }

    pub fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            println!("{:>9.3} {}", self.now.as_secs_f64() - 1_000.0, what());
        }
    }

    /// Unix nanoseconds.
    pub fn unix(&self) -> i64 {
        BEGIN + i64::try_from(self.now.as_nanos()).unwrap_or_default()
    }

    pub fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub fn group_of(&self, at: usize) -> &Group {
        &self.groups[self.servers[at].region]
    }

    pub fn position(&self, name: &RegionName) -> Option<usize> {
        self.groups.iter().position(|group| group.name == *name)
    }

    // ---- time

    pub fn plan(&mut self, after: Duration, event: Event) {
        self.plan_at(self.now + after, event);
    }

    pub fn plan_at(&mut self, time: Duration, event: Event) {
        self.n_events += 1;
        self.queue.push(Reverse(Planned { time, number: self.n_events, event }));
    }

    pub fn wake_at(&mut self, time: Duration, waker: Waker) {
        self.plan_at(time, Event::Wake(waker));
    }

    /// The next thing that happens before `end`; it is `end` when there is none.
    pub fn next_event(&mut self, end: Duration) -> Option<Event> {
        loop {
            if self.queue.peek().is_none_or(|Reverse(planned)| planned.time > end) {
                self.now = end;
                return None;
            }
            let Reverse(Planned { time, event, .. }) = self.queue.pop()?;
            self.now = self.now.max(time);
            match event.place() {
                Some(at) if self.servers[at].is_stopped => self.servers[at].held.push(event),
                _ => {
                    self.told.steps += 1;
                    self.trace.number(self.now.as_nanos() as u64);
                    event.trace(&mut self.trace);
                    return Some(event);
                }
            }
        }
    }

    pub fn happen(sim: &Sim, event: Event) {
        match event {
            Event::Wake(waker) => waker.wake(),
            Event::Datagram { from, to, bytes } => sim.with(|world| world.datagram(from, to, bytes)),
            Event::Tick { at } => sim.with(|world| world.tick(at)),
            Event::Sync(syncing) => sim.with(|world| world.answer_sync(*syncing)),
            Event::Synced(synced) => sim.with(|world| world.synced(*synced)),
            Event::Raft { from, to, message } => sim.with(|world| world.raft(from, to, message)),
            Event::Replicate { at, life } => sim.with(|world| world.replicate(at, life)),
            Event::Written { at, life, writes, upto } => sim.with(|world| world.written(at, life, writes, upto)),
            Event::Watch { at, life } => sim.with(|world| world.watch(at, life)),
            Event::Arrive(arrival) => arrival.happen(sim),
            Event::Answer(departure) => departure.happen(sim),
            Event::Restart { at, life } => {
                if sim.with(|world| world.servers[at].life == life && !world.servers[at].is_up) {
                    Self::start(sim, at);
                }
            }
            Event::Resume { at, life } => sim.with(|world| {
                if world.servers[at].life == life {
                    world.resume(at);
                }
            }),
        }
    }

    // ---- tasks

    pub fn is_stopped(&self, owner: Owner) -> bool {
        match owner {
            Owner::Outside => false,
            Owner::Server { at, .. } | Owner::Leader { at, .. } => self.servers[at].is_stopped,
        }
    }

    pub fn is_over(&self, owner: Owner) -> bool {
        match owner {
            Owner::Outside => false,
            Owner::Server { at, life } => self.servers[at].life != life || !self.servers[at].is_up,
            Owner::Leader { at, life, term } => {
                let server = &self.servers[at];
                server.life != life || !server.is_up || !server.raft.is_leader || server.raft.term != term
            }
        }
    }
}
