//! Days of one region, a seed each. A failing seed is the bug report: `STEPPE_LIFE_SEED=17 cargo test -p sim --test life`;
//! `scripts/sim --life 500` plays more.

use sim::life::{DAY, N_NODES, day};

/// Whatever people, nodes and tasks do: nothing is overcommitted or there twice at any time; and when all is quiet, everything wanted is there,
/// nothing is left on nodes that are gone, and every deployment has ended.
#[test]
fn days_end_in_order() {
    if let Some(seed) = std::env::var("STEPPE_LIFE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        println!("{:#?}", day(seed, N_NODES, DAY));
        return;
    }
    let mut failed = Vec::new();
    for seed in 0..8 {
        match day(seed, 40, 96) {
            Ok(told) => {
                for what in ["placements", "unknown", "nodes returned", "drains", "unblocked"] {
                    assert!(told.counts.get(what).is_some_and(|n| *n > 0), "seed {seed}: a day without {what}: {told:?}");
                }
            }
            Err(problem) => failed.push(format!("seed {seed}: {problem}")),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The same seed is the same day.
#[test]
fn a_seed_is_a_day() {
    assert_eq!(day(3, 20, 24), day(3, 20, 24));
}
