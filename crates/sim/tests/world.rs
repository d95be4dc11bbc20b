//! Whole regions, a seed each. A failing seed is the bug report: `scripts/sim --tell 17` replays it with every step told; so does
//! `STEPPE_SIM_SEED=17 cargo test -p sim --test world rollouts -- --nocapture`, without another build. `scripts/sim --seeds 20000` tries more.

use sim::model::Flaw as Broken;
use sim::world::{Flaw, Run, Told, first_violation, hash_of, run, run_all};

/// Seeds of a normal run.
const SEEDS: u64 = 500;
/// A flaw must show within so many.
const FLAW_SEEDS: u64 = 400;

fn n_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Whatever is lost, delayed, doubled, reordered, stopped and forgotten: the protocol's invariants hold at every step, and at rest every rollout
/// has ended as its mode says.
#[test]
fn rollouts_end_as_their_mode_says() {
    if let Some(seed) = std::env::var("STEPPE_SIM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        let run = run(seed, None, true);
        assert_eq!(run.violation, None);
        return;
    }
    let runs = run_all(0..SEEDS, None, n_threads());
    for run in runs.iter().filter(|run| run.violation.is_some()) {
        println!("seed {}: {}", run.seed, run.violation.as_deref().unwrap_or_default());
    }
    let sums = Told::sum(&runs);
    println!("{sums:?}\nhash of all seeds {:016x}", hash_of(&runs));
    let violated: Vec<u64> = runs.iter().filter(|run| run.violation.is_some()).map(|run| run.seed).collect();
    assert!(violated.is_empty(), "seeds that failed: {violated:?}");
    for (what, n) in sums {
        assert!(n > 0, "no run had {what}: the simulation has become tame");
    }
}

/// The same seed does the same, event for event, also beside others on other threads.
#[test]
fn a_seed_is_a_run() {
    let first = run_all(0..12, None, 1);
    let again = run_all(0..12, None, n_threads());
    let hashes = |runs: &[Run]| runs.iter().map(|run| run.hash).collect::<Vec<_>>();
    assert_eq!(hashes(&first), hashes(&again));
    let mut different = hashes(&first);
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), first.len(), "seeds that are no different runs");
}

/// What is broken on purpose is caught by some seed: a simulation that cannot fail proves nothing.
#[test]
fn every_flaw_is_caught() {
    let flaws: [(Flaw, &[&str]); 11] = [
        (Flaw::ForgetsWritten, &["committed"]),
        (Flaw::CommitsUnwritten, &["committed"]),
        (Flaw::PublishesUncommitted, &["what it had not committed"]),
        (Flaw::Protocol(Broken::CountsTheRunning), &["run, 1 may"]),
        (Flaw::Protocol(Broken::StartsAlone), &["run, 1 may", "ran before"]),
        (Flaw::Protocol(Broken::FailuresStay), &["ended as"]),
        (Flaw::Protocol(Broken::FailuresSpread), &["failed because of"]),
        (Flaw::Protocol(Broken::GivesUpVotes), &["never adopted"]),
        (Flaw::Protocol(Broken::TakesNoForYes), &["both replaced", "never adopted"]),
        (Flaw::Protocol(Broken::KeepsWhatIsAbandoned), &["never decided"]),
        (Flaw::Protocol(Broken::IgnoresStops), &["was left out and goes on", "has not joined", "never came"]),
    ];
    let (mut missed, mut odd) = (Vec::new(), Vec::new());
    for (flaw, words) in flaws {
        match first_violation(0..FLAW_SEEDS, flaw, n_threads()) {
            Some(run) => {
                let violation = run.violation.unwrap_or_default();
                println!("{flaw:?}: seed {}: {violation}", run.seed);
                if !words.iter().any(|words| violation.contains(words)) {
                    odd.push((flaw, violation));
                }
            }
            None => missed.push(flaw),
        }
    }
    assert!(missed.is_empty() && odd.is_empty(), "not caught within {FLAW_SEEDS} seeds: {missed:?}; caught as something else: {odd:?}");
}
