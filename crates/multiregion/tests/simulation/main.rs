//! Regions in one thread: the real brains and the real state, with an invented network, invented health, people who do this and that, and
//! leaders that forget everything. Every step checks what must always be true; in the end the faults stop and every rollout must end as its
//! mode says.
//!
//! A failing seed is the bug report: `STEPPE_SIM_SEED=17 cargo test -p multiregion --test simulation -- --nocapture` replays it with every
//! step told. `scripts/sim --seeds 20000` tries more of them.

mod invariants;
mod network;
mod people;
mod region;
mod rest;
mod submission;
mod world;

use world::World;

/// Seeds of a normal run: a second or two.
const SEEDS: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Whatever is lost, delayed, doubled, reordered and forgotten: the protocol's invariants hold at every step, and at rest every rollout has
/// ended as its mode says.
#[test]
fn rollouts_end_as_their_mode_says() {
    let one = number("STEPPE_SIM_SEED");
    let from = one.or_else(|| number("STEPPE_SIM_FROM")).unwrap_or(0);
    let n_seeds = if one.is_some() { 1 } else { number("STEPPE_SIM_SEEDS").unwrap_or(SEEDS) };
    let mut told = Told::default();
    let mut violated = Vec::new();
    for seed in from..from + n_seeds {
        match std::panic::catch_unwind(|| World::new(seed, one.is_some()).live()) {
            Ok(outcome) => told.add(&outcome),
            Err(_) => violated.push(seed),
        }
    }
    println!("{told:?}");
    for seed in &violated {
        println!("seed {seed} failed: STEPPE_SIM_SEED={seed} cargo test -p multiregion --test simulation -- --nocapture");
    }
    println!("{n_seeds} seeds from {from}, {} steps, {} violations", told.steps, violated.len());
    assert!(violated.is_empty(), "seeds that failed: {violated:?}");
    if n_seeds >= SEEDS {
        told.assert_variety();
    }
}

/// What happened in all runs together: a simulation in which nothing happens proves nothing.
#[derive(Debug, Default)]
struct Told {
    /// Of the runs that ended well.
    steps: u64,
    committed: u64,
    withdrawn: u64,
    wounded: u64,
    all_successful: u64,
    failed: u64,
    held: u64,
    stopped: u64,
    superseded: u64,
    learned: u64,
    deferred: u64,
    joined_late: u64,
    overridden: u64,
}

impl Told {
    fn add(&mut self, other: &Told) {
        self.steps += other.steps;
        self.committed += other.committed;
        self.withdrawn += other.withdrawn;
        self.wounded += other.wounded;
        self.all_successful += other.all_successful;
        self.failed += other.failed;
        self.held += other.held;
        self.stopped += other.stopped;
        self.superseded += other.superseded;
        self.learned += other.learned;
        self.deferred += other.deferred;
        self.joined_late += other.joined_late;
        self.overridden += other.overridden;
    }

    fn assert_variety(&self) {
        let all = [
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
        ];
        for (what, n) in all {
            assert!(n > 0, "no run had {what}: the simulation has become tame");
        }
    }
}
