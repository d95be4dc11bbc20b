//! The leader is gone, or stands still: until the next write is accepted.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process_tests::Cluster;
use process_tests::figures::{Figure, quantile};
use process_tests::load::{Connection, register};

use crate::{Bencher, Failure, region};

const ROUNDS: usize = 15;
/// Not measured but chosen: the shortest time without a word, in seconds, after which a follower asks for votes.
const SILENCE: f64 = 0.9;
const PATIENCE: Duration = Duration::from_secs(30);

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let cluster = region(3, 0);
    for (what, signal, goals) in [("killed", Signal::SIGKILL, [0.3, 1.0]), ("stands still", Signal::SIGSTOP, [f64::NAN, 1.5])] {
        let mut gaps = Vec::new();
        for round in 0..ROUNDS {
            gaps.push(gap(bencher, &cluster, signal, round)?);
        }
        gaps.sort_by(f64::total_cmp);
        for (name, part, goal) in [("leader gone p50", 0.5, goals[0]), ("leader gone p99", 0.99, goals[1])] {
            let workload = format!("3 servers, the leader {what}, {ROUNDS} times");
            bencher.printer.print(&Figure { name, workload, figure: quantile(&gaps, part), unit: "s", floor: SILENCE, goal, more: false });
        }
    }
    Ok(())
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
