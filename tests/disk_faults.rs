//! Plays bad disks: see `process_tests::bad_disk`.

use std::process::ExitCode;

use process_tests::bad_disk::{Fault, play};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (mut faults, mut from) = (50, 0);
    for pair in words.chunks(2) {
        let Some(number) = pair.get(1).and_then(|text| text.parse().ok()) else { return usage() };
        match pair[0].as_str() {
            "--faults" => faults = number,
            "--from" => from = number,
            _ => return usage(),
        }
    }
    let (mut n_violations, mut n_ended, mut n_acknowledged) = (0, 0, 0);
    for seed in from..from + faults {
        let fault = Fault::drawn(seed);
        let Ok(folder) = tempfile::tempdir() else {
            eprintln!("no folder for temporary files");
            return ExitCode::from(2);
        };
        match play(folder.path(), &fault) {
            Ok(played) => {
                n_ended += usize::from(played.has_ended);
                n_acknowledged += played.n_acknowledged;
            }
            Err(problem) => {
                println!("seed {seed}, {fault}: {problem}");
                n_violations += 1;
            }
        }
    }
    println!(
        "{faults} faults from {from}, {n_ended} that ended the server, {n_acknowledged} acknowledged writes, {n_violations} violations"
    );
    if n_violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!("usage: scripts/disk [--faults N] [--from SEED]");
    ExitCode::from(2)
}
