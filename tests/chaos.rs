//! Plays rollouts between real processes while networks and processes fail, and judges what was said: see `process_tests::chaos`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use process_tests::chaos::play::{Campaign, Tally, campaign, judge};
use process_tests::chaos::{apart, histories};
use process_tests::{Guardian, steppe};

const USAGE: &str = "usage: scripts/chaos [--rollouts N | --histories N] [--from SEED] [--keep]\n       scripts/chaos judge HISTORY";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().ok();
    let (mut kind, mut rollouts, mut from) = ("rollouts", 10, 0);
    match words[..] {
        ["judge", path] => return judged(Path::new(path)),
        ["inside", place, keep, folder, kind, rollouts, from] => {
            let (Some(rollouts), Some(from)) = (number(rollouts), number(from)) else { return usage() };
            let folder = PathBuf::from(folder);
            let what = Campaign { rollouts, from, program: steppe(), folder, is_apart: place == "apart", keeps_all: keep == "keep" };
            return if kind == "histories" { registers(&what) } else { inside(&what) };
        }
        _ => {}
    }
    let keeps_all = words.last() == Some(&"--keep");
    let mut rest = words.strip_suffix(&["--keep"]).unwrap_or(&words);
    while let [flag, value, further @ ..] = rest {
        let Some(value) = number(value) else { return usage() };
        match *flag {
            "--rollouts" => (kind, rollouts) = ("rollouts", value),
            "--histories" => (kind, rollouts) = ("histories", value),
            "--from" => from = value,
            _ => return usage(),
        }
        rest = further;
    }
    if rest.is_empty() { outside(kind, rollouts, from, keeps_all) } else { usage() }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// Starts the campaign where it can do no harm; whatever happens to this process, nothing of it stays.
fn outside(kind: &str, rollouts: u64, from: u64, keeps_all: bool) -> ExitCode {
    println!("{rollouts} {kind} from seed {from}");
    let Ok(folder) = tempfile::Builder::new().prefix("steppe-chaos-").tempdir() else {
        eprintln!("no folder for temporary files");
        return ExitCode::from(2);
    };
    // the guardian removes it
    let folder = folder.keep();
    let mut guardian = Guardian::of_campaign(&folder);
    let mut command = match apart::itself() {
        Ok(mut command) => {
            command.args(["inside", "apart"]);
            command
        }
        Err(problem) => {
            println!("no network namespaces here ({problem}): networks stay as they are, only processes fail");
            let mut command = Command::new(apart::program().expect("this program"));
            command.args(["inside", "together"]);
            command
        }
    };
    command
        .arg(if keeps_all { "keep" } else { "forget" })
        .arg(&folder)
        .args([kind.to_owned(), rollouts.to_string(), from.to_string()])
        .env("STEPPE_BIN", steppe())
        .stdin(Stdio::null());
    let code = command.status().ok().and_then(|status| status.code()).unwrap_or(2);
    if keeps_all || code != 0 {
        println!("kept: {}", folder.display());
        guardian.dismiss();
    }
    ExitCode::from(u8::try_from(code).unwrap_or(2))
}

fn inside(what: &Campaign) -> ExitCode {
    let tally = match campaign(what) {
        Ok(tally) => tally,
        Err(problem) => {
            println!("the campaign ended: {problem}");
            return ExitCode::from(2);
        }
    };
    for (outcome, n) in &tally.outcomes {
        println!("{n:5}  {outcome}");
    }
    let Tally { rollouts, observations, violations, .. } = tally;
    println!("{rollouts} rollouts from {}, {observations} observations, {violations} violations", what.from);
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn registers(what: &Campaign) -> ExitCode {
    match histories::campaign(what) {
        Ok(tally) => {
            let histories::Tally { histories, calls, told, undecided, violations } = tally;
            println!(
                "{histories} histories from {}, {calls} calls, {told} told, {undecided} undecided, {violations} violations",
                what.from
            );
            if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(problem) => {
            println!("the campaign ended: {problem}");
            ExitCode::from(2)
        }
    }
}

fn judged(path: &Path) -> ExitCode {
    let of_registers = path.extension().is_some_and(|extension| extension == "json");
    let judged = match of_registers {
        true => histories::judge_file(path),
        false => judge(path).map(|violations| violations.iter().map(ToString::to_string).collect()),
    };
    match judged {
        Ok(violations) if violations.is_empty() => ExitCode::SUCCESS,
        Ok(violations) => {
            violations.iter().for_each(|violation| println!("{violation}"));
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}
