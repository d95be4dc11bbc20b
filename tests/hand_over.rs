//! Measures how long the next region of a rollout waits for its turn, between real processes: see `process_tests::chaos::hand_over`.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use process_tests::chaos::apart;
use process_tests::chaos::hand_over::{Measured, Plan, measure, quantile};
use process_tests::{Guardian, steppe};

const USAGE: &str = "usage: scripts/bench handover [--loss 0,30] [--rollouts N] [--delay MILLISECONDS]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((first, [folder, rest @ ..])) if first == "inside" => plan(rest).and_then(|plan| inside(&plan, Path::new(folder))),
        _ => plan(&arguments).and_then(|_| outside(&arguments)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn plan(arguments: &[String]) -> Result<Plan, String> {
    let mut plan = Plan { losses: vec![0, 30], rollouts: 50, delay: 10 };
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| USAGE.to_owned())?;
        let unread = |_| format!("{flag} {value}: not a number\n{USAGE}");
        match flag.as_str() {
            "--loss" => plan.losses = value.split(',').map(str::parse).collect::<Result<_, _>>().map_err(unread)?,
            "--rollouts" => plan.rollouts = value.parse().map_err(unread)?,
            "--delay" => plan.delay = value.parse().map_err(unread)?,
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(plan)
}

/// Starts everything in namespaces of its own; whatever happens to this process, nothing of it stays.
fn outside(arguments: &[String]) -> Result<(), String> {
    let folder: PathBuf = tempfile::Builder::new().prefix("steppe-handover-").tempdir().map_err(|error| error.to_string())?.keep();
    let _guardian = Guardian::of_campaign(&folder);
    let mut command = apart::itself().map_err(|problem| format!("packets are lost in network namespaces only: {problem}"))?;
    command.arg("inside").arg(&folder).args(arguments).env("STEPPE_BIN", steppe()).stdin(Stdio::null());
    let status = command.status().map_err(|error| error.to_string())?;
    status.success().then_some(()).ok_or_else(|| "it was not measured".to_owned())
}

fn inside(plan: &Plan, folder: &Path) -> Result<(), String> {
    println!("3 regions of 3 servers, {} ms between regions one way, {} rollouts at each loss", plan.delay, plan.rollouts);
    measure(plan, &steppe(), folder, print)
}

fn print(measured: &Measured) {
    let Measured { loss, hand_overs, commits, given_up, .. } = measured;
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let line = |what: &str, value: Duration, goal: Option<Duration>| {
        let verdict = match goal {
            Some(goal) if value <= goal => format!("goal {:.0}: reached", ms(goal)),
            Some(goal) => format!("goal {:.0}: MISSED", ms(goal)),
            None => String::new(),
        };
        println!("{loss:>3} % {what:<48} {:>8.1} ms   {verdict}", ms(value));
    };
    line("a commit over HTTP, median", quantile(commits, 0.5), None);
    line("floor: two commits and a round trip", measured.floor(), None);
    println!("{loss:>3} % {:<48} {:>8}", "hand-overs", hand_overs.len());
    let goal = (*loss == 0).then(|| measured.floor() + Duration::from_millis(20));
    line("hand-over, median", quantile(hand_overs, 0.5), goal);
    let goal = match loss {
        0 => Some(Duration::from_millis(300)),
        30 => Some(Duration::from_secs(2)),
        _ => None,
    };
    line("hand-over, p99", quantile(hand_overs, 0.99), goal);
    line("hand-over, longest", quantile(hand_overs, 1.0), None);
    println!("{loss:>3} % {:<48} {given_up:>8}", "rollouts given up");
}
