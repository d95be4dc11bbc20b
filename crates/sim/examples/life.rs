//! Plays days of one region: `life SEEDS [FROM]`, 200 nodes each.

use std::process::ExitCode;
use std::time::Instant;

use sim::life::{DAY, N_NODES, day};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).map_while(|word| word.parse::<u64>().ok());
    let Some(n_seeds) = words.next() else {
        eprintln!("usage: life SEEDS [FROM]");
        return ExitCode::from(2);
    };
    let from = words.next().unwrap_or(0);
    let began = Instant::now();
    let mut n_failed = 0;
    for seed in from..from.saturating_add(n_seeds) {
        if let Err(problem) = day(seed, N_NODES, DAY) {
            println!("seed {seed}: {problem}");
            n_failed += 1;
        }
    }
    println!("{n_seeds} days from {from}, {n_failed} violations, {:.1} s", began.elapsed().as_secs_f64());
    if n_failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
