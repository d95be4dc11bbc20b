//! Whole regions in one thread, a run a seed.
//!
//! Real: the brains (`multiregion`, `deployment`, `scheduler`, `control`), the state of every replica, and a gossip machine per server, with foca,
//! the records and their exchange. Invented: time (see [`executor`]), the network, disks, consensus inside a region (see [`group`]), nodes, people.
//! What the server's loops do between them is played here step by step as they do it: [`leader`], [`submit`], [`pool`], [`call`].
//!
//! Everything that must always be true is looked at whenever something is committed anywhere ([`invariants`]). Then the faults stop, and every
//! rollout must end as its mode says ([`rest`]). The same seed does the same: [`trace`] is one number for all that happened. Start reading at [`run`].

mod call;
mod dice;
mod executor;
mod faults;
mod group;
mod invariants;
mod leader;
mod network;
mod nodes;
mod people;
mod pool;
mod rest;
mod server;
mod signal;
mod submit;
mod trace;
#[allow(clippy::module_inception)]
mod world;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::Uuid;
use state::Command;

use self::call::Request;
use self::executor::{Executor, Owner, Sim};
use self::faults::Weather;
use self::group::{Group, Raft};
use self::server::Server;
use self::world::{SECOND, World};
use crate::model::Flaw as Broken;

/// What is broken on purpose: what shows that a run can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The rules of the rollout protocol.
    Protocol(Broken),
    /// A disk loses what it had acknowledged.
    ForgetsWritten,
    /// A leader takes for committed what it has appended alone.
    CommitsUnwritten,
    /// A leader says what it has appended, before it is committed.
    PublishesUncommitted,
}

/// How one seed went.
#[derive(Debug)]
pub struct Run {
    pub seed: u64,
    pub told: Told,
    /// Of all events and all that was committed.
    pub hash: u64,
    /// What was violated.
    pub violation: Option<String>,
}

/// Plays one seed. `is_told`: every step is printed.
pub fn run(seed: u64, flaw: Option<Flaw>, is_told: bool) -> Run {
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| play(seed, flaw, is_told)));
    match played {
        Ok((told, hash)) => Run { seed, told, hash, violation: None },
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Run { seed, told: Told::default(), hash: 0, violation: Some(text.unwrap_or_else(|| "a panic without words".to_owned())) }
        }
    }
}

/// Plays many, on several threads; the results are in the order of the seeds.
pub fn run_all(seeds: std::ops::Range<u64>, flaw: Option<Flaw>, n_threads: usize) -> Vec<Run> {
    let next = AtomicU64::new(seeds.start);
    let mut runs: Vec<Run> = std::thread::scope(|scope| {
        let play_some = || {
            let mut runs = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return runs;
                }
                runs.push(run(seed, flaw, false));
            }
        };
        let threads: Vec<_> = (0..n_threads.max(1)).map(|_| scope.spawn(play_some)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    runs.sort_by_key(|run| run.seed);
    runs
}

/// The first seed that shows a flaw, of which no more are played than it takes.
pub fn first_violation(seeds: std::ops::Range<u64>, flaw: Flaw, n_threads: usize) -> Option<Run> {
    const TOGETHER: u64 = 16;
    let mut from = seeds.start;
    while from < seeds.end {
        let to = seeds.end.min(from + TOGETHER);
        let runs = run_all(from..to, Some(flaw), n_threads);
        if let Some(found) = runs.into_iter().find(|run| run.violation.is_some()) {
            return Some(found);
        }
        from = to;
    }
    None
}

/// Of all runs together, in the order of their seeds.
pub fn hash_of(runs: &[Run]) -> u64 {
    let mut trace = trace::Trace::default();
    runs.iter().for_each(|run| trace.number(run.hash));
    trace.hash()
}

/// Every so many seeds somebody is away for hours, which takes as long as many other seeds.
const LONG_EVERY: u64 = 200;
const HOUR: Duration = Duration::from_secs(3_600);

fn play(seed: u64, flaw: Option<Flaw>, is_told: bool) -> (Told, u64) {
    let mut world = World::new(seed, flaw, is_told);
    let n_regions = 2 + world.dice.below(2);
    for name in &["west", "east", "north"][..n_regions] {
        found(&mut world, name);
    }
    world.network.lost = [0, 5, 15, 30][world.dice.below(4)];
    world.network.doubled = [0, 10][world.dice.below(2)];
    world.network.late = [0, 2, 20][world.dice.below(3)];
    world.flakes = [0, 2, 10][world.dice.below(3)];
    let mut weather = Weather { calm: [3, 10, 60][world.dice.below(3)], lasts: [5, 20, 60][world.dice.below(3)] * SECOND };
    let mut time = world.dice.duration(40 * SECOND, 160 * SECOND);
    let mut pause = 20;
    if seed % LONG_EVERY == LONG_EVERY - 1 {
        weather = Weather { calm: 600, lasts: 2 * HOUR };
        time = 2 * HOUR;
        pause = 400;
    }
    // Days in reality: time enough for whoever was away to have heard of what is thrown away, and longer than anything that goes wrong here.
    world.rollouts_kept = (5 * weather.lasts).as_nanos() as i64;
    world.tell(|| format!("{n_regions} regions, {time:?}, {weather:?}"));
    // Most are there from the beginning.
    let late: Vec<Duration> = (0..n_regions)
        .map(|region| if region > 0 && world.dice.percent(10) { world.dice.duration(SECOND, time / 2) } else { Duration::ZERO })
        .collect();
    let mut executor = Executor::new(world);
    let sim = executor.sim.clone();
    let task = sim.clone();
    sim.spawn(Owner::Outside, async move {
        let regions = late.into_iter().enumerate().map(|(region, late)| open(task.clone(), region, late));
        futures::future::join_all(regions).await;
    });
    sim.spawn(Owner::Outside, faults::faults(sim.clone(), weather));
    let task = sim.clone();
    sim.spawn(Owner::Outside, async move {
        // Until a leader is there and everybody knows everybody.
        task.sleep(8 * SECOND).await;
        task.with(|world| {
            if let Some(job) = world.submission(0) {
                World::person(world, &task, 0, Request::Submit { job });
            }
        });
        people::people(task, pause).await;
    });
    executor.run(time);
    rest::come_to_rest(&mut executor);
    let result = sim.with(|world| (std::mem::take(&mut world.told), world.trace.hash()));
    drop(sim);
    result
}

/// A region: its servers, not started yet, and what its log begins with.
fn found(world: &mut World, name: &str) {
    let region = world.groups.len();
    let n_servers = [1, 2, 3, 3][world.dice.below(4)];
    let first = world.servers.len();
    let node = testkit::node(name).resources(100_000, 100_000).build();
    let commands = [
        Command::Bootstrap { region: name.into(), cluster: pool::cluster(name) },
        Command::RegisterNode { node: Arc::new(node), event: None, evals: Vec::new(), time: 0 },
    ];
    let raft = || Raft::founded(&commands);
    for number in 0..n_servers {
        let node: Uuid = world.dice.uuid();
        let mut server = Server::new(region, name, number, node);
        server.raft = raft();
        world.servers.push(server);
    }
    let (truth, committed) = raft().all();
    world.groups.push(Group { name: name.into(), servers: (first..first + n_servers).collect(), truth, committed });
    for at in first..first + n_servers {
        let group = &world.groups[region];
        world.servers[at].snapshot = (group.committed.len(), group.truth.clone());
    }
}

async fn open(sim: Sim, region: usize, late: Duration) {
    sim.sleep(late).await;
    let down = sim.with(|world| {
        let servers = world.groups[region].servers.iter().copied();
        servers.filter(|at| !world.servers[*at].is_up && world.servers[*at].life == 0).collect::<Vec<_>>()
    });
    for at in down {
        World::start(&sim, at);
    }
    nodes::nodes(sim, region).await;
}

/// What happened, in one run or in many: a simulation in which nothing happens proves nothing.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Events of any kind.
    pub steps: u64,
    pub committed: u64,
    pub withdrawn: u64,
    pub wounded: u64,
    pub all_successful: u64,
    pub failed: u64,
    pub held: u64,
    pub stopped: u64,
    pub superseded: u64,
    pub learned: u64,
    pub deferred: u64,
    pub joined_late: u64,
    pub overridden: u64,
    pub elections: u64,
    pub crashes: u64,
    pub pauses: u64,
    /// Appended, and not written before a crash.
    pub lost_entries: u64,
}

impl Told {
    fn all(&self) -> [(&'static str, u64); 17] {
        [
            ("steps", self.steps),
            ("committed", self.committed),
            ("withdrawn", self.withdrawn),
            ("wounded", self.wounded),
            ("all successful", self.all_successful),
            ("failed", self.failed),
            ("held", self.held),
            ("stopped", self.stopped),
            ("superseded", self.superseded),
            ("learned", self.learned),
            ("deferred", self.deferred),
            ("joined late", self.joined_late),
            ("overridden", self.overridden),
            ("elections", self.elections),
            ("crashes", self.crashes),
            ("pauses", self.pauses),
            ("lost entries", self.lost_entries),
        ]
    }

    /// Of many runs.
    pub fn sum(runs: &[Run]) -> Vec<(&'static str, u64)> {
        let mut sum = Self::default().all();
        for run in runs {
            for (sum, (_, n)) in sum.iter_mut().zip(run.told.all()) {
                sum.1 += n;
            }
        }
        sum.to_vec()
    }
}
