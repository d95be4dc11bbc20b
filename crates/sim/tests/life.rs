//! Mornings of a simulated region. `scripts/sim --life` plays whole days of two hundred nodes.

use sim::life::{Scale, run};

/// Nothing is overcommitted, nothing lives twice, everything comes to rest; each seed is another morning.
#[test]
fn mornings() {
    for seed in 0..40 {
        let run = run(seed, Scale::MORNING, false);
        assert_eq!(run.violation, None, "seed {seed}: {:?}", run.told);
        assert!(run.told["placements"] > 50 && run.told["nodes down"] > 3, "little happened: {:?}", run.told);
    }
}

/// The same seed is the same morning.
#[test]
fn repeatable() {
    assert_eq!(run(7, Scale::MORNING, false).told, run(7, Scale::MORNING, false).told);
}
