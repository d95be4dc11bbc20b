//! Plays seeds of the simulation on all processors, or tells one: `world SEEDS [FROM]`, `world tell SEED`.

use std::process::ExitCode;
use std::time::Instant;

use sim::world::{Run, Told, hash_of, run, run_all};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let violations = match (words.first().map(String::as_str), number(0), number(1)) {
        (Some("tell"), _, Some(seed)) => tell(seed),
        (_, Some(n_seeds), from) => play(n_seeds, from.unwrap_or(0)),
        _ => {
            eprintln!("usage: world SEEDS [FROM] | world tell SEED");
            return ExitCode::from(2);
        }
    };
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(seed: u64) -> usize {
    let run = run(seed, None, true);
    println!("{:?}\nhash {:016x}", run.told, run.hash);
    if let Some(violation) = &run.violation {
        println!("violated: {violation}");
    }
    usize::from(run.violation.is_some())
}

fn play(n_seeds: u64, from: u64) -> usize {
    // What a violation says is told below.
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    let runs = run_all(from..from.saturating_add(n_seeds), None, n_threads);
    let sums = Told::sum(&runs);
    for (what, n) in &sums {
        println!("{n:>14} {what}");
    }
    let failed: Vec<&Run> = runs.iter().filter(|run| run.violation.is_some()).collect();
    for run in &failed {
        println!("seed {}: {}", run.seed, run.violation.as_deref().unwrap_or_default());
        println!("    scripts/sim --tell {}", run.seed);
    }
    println!("{:.1} s; hash of all seeds {:016x}", began.elapsed().as_secs_f64(), hash_of(&runs));
    let n_steps = sums.iter().find(|(what, _)| *what == "steps").map_or(0, |(_, n)| *n);
    println!("{n_seeds} seeds from {from}, {n_steps} steps, {} violations", failed.len());
    failed.len()
}
