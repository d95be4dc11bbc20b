//! Plays power cuts: see `process_tests::power`.

use std::process::ExitCode;

use process_tests::power::{Cut, Ground, Tally, play};

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let is_lying = words.last().is_some_and(|word| word == "--lying");
    words.truncate(words.len() - usize::from(is_lying));
    let (mut n_cuts, mut from) = (50, 0);
    for pair in words.chunks(2) {
        let Some(number) = pair.get(1).and_then(|text| text.parse().ok()) else { return usage() };
        match pair[0].as_str() {
            "--cuts" => n_cuts = number,
            "--from" => from = number,
            _ => return usage(),
        }
    }
    let cuts: Vec<(u64, Cut)> = (from..from + n_cuts).map(|seed| (seed, Cut::drawn(seed))).collect();
    let played = Ground::prepare().and_then(|mut ground| {
        let tally = play(&ground, &cuts, is_lying, |line| println!("{line}"))?;
        if tally.n_violations > 0 {
            println!("kept: {}", ground.keep().display());
        }
        Ok(tally)
    });
    match played {
        Ok(Tally { n_cuts, n_acknowledged, n_violations }) => {
            println!("{n_cuts} cuts from {from}, {n_acknowledged} acknowledged writes, {n_violations} violations");
            if n_violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(missing) => {
            eprintln!("{missing}");
            ExitCode::from(2)
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: scripts/power [--cuts N] [--from SEED] [--lying]");
    ExitCode::from(2)
}
