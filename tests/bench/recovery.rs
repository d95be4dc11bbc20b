//! The leader is gone, stands still, or is cut off: until the next write is accepted.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process_tests::chaos::{apart, cut_off};
use process_tests::figures::{Figure, quantile};
use process_tests::load::{Connection, register};
use process_tests::{Cluster, Guardian, steppe};

use crate::{Bencher, Failure, region};

const ROUNDS: usize = 15;
/// Not measured but chosen: the shortest time without a word, in seconds, after which a follower asks for votes.
const SILENCE: f64 = 0.7;
const PATIENCE: Duration = Duration::from_secs(30);
/// The first word of this program, when it is in namespaces of its own.
pub const CUT_OFF: &str = "cut-off";

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let cluster = region(3, 0);
    for (what, signal, goals) in [("killed", Signal::SIGKILL, [0.3, 1.0]), ("stands still", Signal::SIGSTOP, [f64::NAN, 1.5])] {
        let gaps: Vec<f64> = (0..ROUNDS).map(|round| gap(bencher, &cluster, signal, round)).collect::<Result<_, _>>()?;
        print(bencher, what, gaps, goals);
    }
    drop(cluster);
    match apart::itself() {
        Ok(itself) => print(bencher, "cut off", cut_off_apart(itself)?, [f64::NAN, 1.5]),
        Err(problem) => {
            eprintln!("leader cut off: not measured, it needs network namespaces (root or user namespaces) and /dev/net/tun: {problem}")
        }
    }
    Ok(())
}

fn print(bencher: &mut Bencher, what: &str, mut gaps: Vec<f64>, goals: [f64; 2]) {
    gaps.sort_by(f64::total_cmp);
    for (name, part, goal) in [("leader gone p50", 0.5, goals[0]), ("leader gone p99", 0.99, goals[1])] {
        let workload = format!("3 servers, the leader {what}, {ROUNDS} times");
        bencher.printer.print(&Figure { name, workload, figure: quantile(&gaps, part), unit: "s", floor: SILENCE, goal, more: false });
    }
}

/// Seconds from the signal to the leader until a write that began after it is acknowledged by another server.
fn gap(bencher: &Bencher, cluster: &Cluster, signal: Signal, round: usize) -> Result<f64, Failure> {
    let leader = cluster.leader("west");
    let other = cluster.member(&cluster.follower("west")).http;
    kill(Pid::from_raw(cluster.member(&leader).pid), signal)?;
    let began = Instant::now();
    let written =
        bencher.runtime.block_on(async { tokio::time::timeout(PATIENCE, write(&other, &format!("gone-{signal}-{round}"))).await });
    let took = began.elapsed().as_secs_f64();
    match signal {
        Signal::SIGSTOP => cluster.resume(&[&leader]),
        _ => {
            cluster.kill(&[&leader]);
            cluster.start(&[&leader]);
        }
    }
    written.map_err(|_| format!("no write was accepted within {} s", PATIENCE.as_secs()))?;
    Ok(took)
}

/// Asks until it is accepted.
async fn write(address: &str, id: &str) {
    let request = register(id, 50);
    loop {
        let asked = async { Connection::open(address).await?.ask(&request).await }.await;
        if asked.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Seconds from each cut, measured by this program in namespaces of its own.
fn cut_off_apart(mut itself: Command) -> Result<Vec<f64>, Failure> {
    let folder = tempfile::Builder::new().prefix("steppe-cut-off-").tempdir()?.keep();
    let _guardian = Guardian::of_campaign(&folder);
    itself.arg(CUT_OFF).arg(&folder).env("STEPPE_BIN", steppe()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let run = itself.output()?;
    if !run.status.success() {
        return Err("it was not measured how soon a leader that is cut off has a successor".into());
    }
    Ok(serde_json::from_slice(&run.stdout)?)
}

/// What [`cut_off_apart`] starts.
pub fn cut_off_inside(folder: &Path) -> Result<(), Failure> {
    let gaps = cut_off::measure(ROUNDS, &steppe(), folder)?;
    let gaps: Vec<f64> = gaps.iter().map(Duration::as_secs_f64).collect();
    println!("{}", serde_json::to_string(&gaps)?);
    Ok(())
}
