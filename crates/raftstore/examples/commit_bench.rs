//! Acknowledged writes per second of one replica with 1, 64 and 256 concurrent writers, beside a bare fdatasync loop on the same disk.
//!
//! `cargo run --release -p raftstore --example commit_bench -- [DIRECTORY] [SECONDS]`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::{EvalId, Evaluation, Uuid};
use raftstore::{Call, RaftTransport, Replica, ReplicaOptions, Role, ServerNode, TransportError};
use state::Command;

/// Bytes of text in a command; about what a node's status update has.
const COMMAND_BYTES: usize = 200;
const WRITERS: [usize; 3] = [1, 64, 256];

struct Alone;

impl RaftTransport for Alone {
    async fn call(&self, _call: Call) -> Result<Bytes, TransportError> {
        Err(TransportError::Unreachable("there is no other server".to_owned()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds: f64 = arguments.next().map_or(Ok(3.0), |text| text.parse())?;
    let directory = parent.join(format!("commit-bench-{}", std::process::id()));
    let result = run(&directory, Duration::from_secs_f64(seconds)).await;
    std::fs::remove_dir_all(&directory)?;
    result
}

async fn run(directory: &Path, duration: Duration) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(directory)?;
    let bare = fdatasync_loop(&directory.join("bare"), duration)?;
    println!("bare fdatasync of {COMMAND_BYTES} bytes: {bare:.0}/s");

    let begin = Instant::now();
    let replica = Replica::open(&directory.join("replica"), 1, ReplicaOptions::default(), Arc::new(Alone), Arc::new(|_| ())).await?;
    println!("opened an empty replica in {:.0?}", begin.elapsed());
    replica.initialize(BTreeMap::from([(1, ServerNode::default())])).await?;
    replica.watch_leadership().wait_for(|now| now.role == Role::Leader).await?;

    println!("{:>8} {:>10} {:>10} {:>10} {:>10} {:>12} {:>10}", "writers", "writes/s", "of bare", "p50", "p99", "writes/sync", "sync");
    for n_writers in WRITERS {
        let before = replica.status().log;
        let end = Instant::now() + duration;
        let begin = Instant::now();
        let writers = (0..n_writers).map(|writer| tokio::spawn(write_until(replica.clone(), writer, end)));
        let mut latencies = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            latencies.extend(writer.await??);
        }
        let elapsed = begin.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let after = replica.status().log;
        let n_syncs = (after.n_batches - before.n_batches).max(1);
        let rate = latencies.len() as f64 / elapsed;
        let at = |part: usize| latencies.get(latencies.len() * part / 100).copied().unwrap_or_default();
        println!(
            "{n_writers:>8} {rate:>10.0} {:>9.1}x {:>10.1?} {:>10.1?} {:>12.1} {:>10.1?}",
            rate / bare,
            at(50),
            at(99),
            latencies.len() as f64 / n_syncs as f64,
            (after.barrier_total - before.barrier_total) / u32::try_from(n_syncs)?,
        );
    }
    let log = replica.status().log;
    println!("log: {} MB of entries, {} MB on disk, longest sync {:.1?}", log.n_bytes >> 20, log.size_on_disk >> 20, log.barrier_max);
    replica.shutdown().await?;
    Ok(())
}

async fn write_until(replica: Replica, writer: usize, end: Instant) -> Result<Vec<Duration>, raftstore::ProposeError> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let begin = Instant::now();
        replica.propose(command(writer)).await?;
        latencies.push(begin.elapsed());
    }
    Ok(latencies)
}

/// Each writer rewrites one thing, so that the state does not grow with the run.
fn command(writer: usize) -> Command {
    let id = EvalId(Uuid::from_u128(writer as u128 + 1));
    let eval = Evaluation { id, status_description: "x".repeat(COMMAND_BYTES), ..Evaluation::default() };
    Command::UpsertEvals { evals: vec![eval], time: 1 }
}

fn fdatasync_loop(path: &Path, duration: Duration) -> std::io::Result<f64> {
    let mut file = File::create(path)?;
    let begin = Instant::now();
    let mut n = 0u32;
    while begin.elapsed() < duration {
        file.write_all(&[7; COMMAND_BYTES])?;
        file.sync_data()?;
        n += 1;
    }
    Ok(f64::from(n) / begin.elapsed().as_secs_f64())
}
