//! Plays days of a simulated region: `life SEEDS [FROM]`, or tells one: `life tell SEED`. With `mornings` before that, short ones of fewer nodes.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use sim::life::{Scale, run};

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let scale = if words.first().is_some_and(|word| word == "mornings") {
        words.remove(0);
        Scale::MORNING
    } else {
        Scale::DAY
    };
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let n_violations = match (words.first().map(String::as_str), number(0), number(1)) {
        (Some("tell"), _, Some(seed)) => {
            let run = run(seed, scale, true);
            println!("{:?}", run.told);
            run.violation.iter().for_each(|violation| println!("violated: {violation}"));
            usize::from(run.violation.is_some())
        }
        (_, Some(n_seeds), from) => play(scale, n_seeds, from.unwrap_or(0)),
        _ => {
            eprintln!("usage: life [mornings] SEEDS [FROM] | life [mornings] tell SEED");
            return ExitCode::from(2);
        }
    };
    if n_violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play(scale: Scale, n_seeds: u64, from: u64) -> usize {
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let lanes: Vec<_> = (0..n_threads)
        .map(|lane| {
            std::thread::spawn(move || {
                (from..from + n_seeds).filter(|seed| seed % n_threads == lane).map(|seed| run(seed, scale, false)).collect::<Vec<_>>()
            })
        })
        .collect();
    let runs: Vec<_> = lanes.into_iter().filter_map(|lane| lane.join().ok()).flatten().collect();
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for run in &runs {
        for (what, n) in &run.told {
            *sums.entry(what).or_default() += n;
        }
    }
    for (what, n) in &sums {
        println!("{n:>14} {what}");
    }
    let failed: Vec<_> = runs.iter().filter(|run| run.violation.is_some()).collect();
    for run in &failed {
        println!("seed {}: {}", run.seed, run.violation.as_deref().unwrap_or_default());
        println!("    scripts/sim {} --tell {}", if scale.hours < 24 { "--mornings" } else { "--life" }, run.seed);
    }
    println!(
        "{n_seeds} {} from {from}, {:.1} s, {} violations",
        if scale.hours < 24 { "mornings" } else { "days" },
        began.elapsed().as_secs_f64(),
        failed.len() + n_seeds as usize - runs.len()
    );
    failed.len() + n_seeds as usize - runs.len()
}
