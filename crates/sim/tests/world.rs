//! Whole regions, a seed each. A failing seed is the bug report: `STEPPE_SIM_SEED=17 cargo test -p sim --test world -- --nocapture` replays it
//! with every step told. `scripts/sim --seeds 20000` tries more of them.

use sim::world::{Run, Told, hash_of, run, run_all};

/// Seeds of a normal run.
const SEEDS: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn n_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Whatever is lost, delayed, doubled, reordered, stopped and forgotten: the protocol's invariants hold at every step, and at rest every rollout
/// has ended as its mode says.
#[test]
fn rollouts_end_as_their_mode_says() {
    if let Some(seed) = number("STEPPE_SIM_SEED") {
        let run = run(seed, None, true);
        assert_eq!(run.violation, None);
        return;
    }
    let from = number("STEPPE_SIM_FROM").unwrap_or(0);
    let n_seeds = number("STEPPE_SIM_SEEDS").unwrap_or(SEEDS);
    let runs = run_all(from..from + n_seeds, None, n_threads());
    let sums = Told::sum(&runs);
    println!("{sums:?}");
    let failed: Vec<&Run> = runs.iter().filter(|run| run.violation.is_some()).collect();
    for run in &failed {
        let seed = run.seed;
        println!("seed {seed}: {}", run.violation.as_deref().unwrap_or_default());
        println!("    STEPPE_SIM_SEED={seed} cargo test -p sim --test world -- --nocapture");
    }
    println!("hash of all seeds {:016x}", hash_of(&runs));
    let steps = sums.iter().find(|(what, _)| *what == "steps").map_or(0, |(_, n)| *n);
    println!("{n_seeds} seeds from {from}, {steps} steps, {} violations", failed.len());
    assert!(failed.is_empty(), "seeds that failed: {:?}", failed.iter().map(|run| run.seed).collect::<Vec<_>>());
    if n_seeds >= SEEDS {
        for (what, n) in sums {
            assert!(n > 0, "no run had {what}: the simulation has become tame");
        }
    }
}
