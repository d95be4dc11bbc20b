//! Acknowledged writes per second of one replica with 1, 64 and 256 concurrent writers, beside a bare fdatasync loop on the same disk.
//!
//! `cargo run --release -p raftstore --example commit_bench -- [--json] [DIRECTORY] [SECONDS]`

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
use testkit::figures::{Figure, Printer, quantile};

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
    let (flags, words): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word == "--json");
    let mut printer = Printer::new(!flags.is_empty());
    let mut arguments = words.into_iter();
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let seconds: f64 = arguments.next().map_or(Ok(3.0), |text| text.parse())?;
    let directory = parent.join(format!("commit-bench-{}", std::process::id()));
    let result = run(&directory, Duration::from_secs_f64(seconds), &mut printer).await;
    std::fs::remove_dir_all(&directory)?;
    result
}

async fn run(directory: &Path, duration: Duration, printer: &mut Printer) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(directory)?;
    let bare = fdatasync_loop(&directory.join("bare"), duration)?;
    let replica = Replica::open(&directory.join("replica"), 1, ReplicaOptions::default(), Arc::new(Alone), Arc::new(|_| ())).await?;
    replica.initialize(BTreeMap::from([(1, ServerNode::default())])).await?;
    replica.watch_leadership().wait_for(|now| now.role == Role::Leader).await?;

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
        latencies.sort_by(f64::total_cmp);
        let after = replica.status().log;
        let n_syncs = (after.n_batches - before.n_batches).max(1) as f64;
        let n_writes = latencies.len() as f64;
        let sync = (after.barrier_total - before.barrier_total).as_secs_f64() / n_syncs;
        for (name, figure, unit, floor, more) in [
            ("log writes", n_writes / elapsed, "per s", bare, true),
            ("log write p50", quantile(&latencies, 0.5), "s", 1.0 / bare, false),
            ("log write p99", quantile(&latencies, 0.99), "s", 1.0 / bare, false),
            ("writes per sync", n_writes / n_syncs, "writes", 1.0, true),
            ("sync", sync, "s", 1.0 / bare, false),
        ] {
            printer.print(&Figure {
                name,
                workload: format!("{n_writers} writers of {COMMAND_BYTES} bytes"),
                figure,
                unit,
                floor,
                goal: f64::NAN,
                more,
            });
        }
    }
    replica.shutdown().await?;
    Ok(())
}

async fn write_until(replica: Replica, writer: usize, end: Instant) -> Result<Vec<f64>, raftstore::ProposeError> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let begin = Instant::now();
        replica.propose(command(writer)).await?;
        latencies.push(begin.elapsed().as_secs_f64());
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
