//! Acknowledged writes per second over HTTP at 1, 64 and 256 connections, beside a bare fdatasync loop in the same run.
//!
//! usage: write_bench ADDRESS DIRECTORY [SECONDS]    ADDRESS of a server, DIRECTORY on the disk that its data is on

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use api::client::Query;
use api::{Client, JobRegisterRequest};
use model::{Job, JobType, Resources, Task, TaskGroup};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, directory, rest @ ..] = arguments.as_slice() else {
        return Err("usage: write_bench ADDRESS DIRECTORY [SECONDS]".into());
    };
    let seconds: f64 = rest.first().map_or(Ok(3.0), |text| text.parse())?;
    let run = Duration::from_secs_f64(seconds);
    println!("{:<12} {:>10} {:>12} {:>10} {:>10} {:>8}", "connections", "writes/s", "fdatasync/s", "ratio", "p50 ms", "p99 ms");
    for n_connections in [1usize, 64, 256] {
        let floor = bare_syncs(Path::new(directory), run / 3)?;
        let (rate, mut latencies) = register(address, n_connections, run).await?;
        latencies.sort();
        let at = |part: f64| latencies.get((latencies.len() as f64 * part) as usize).copied().unwrap_or_default().as_secs_f64() * 1e3;
        println!("{n_connections:<12} {rate:>10.0} {floor:>12.0} {:>10.2} {:>10.2} {:>8.2}", rate / floor, at(0.5), at(0.99));
    }
    Ok(())
}

/// The floor: one writer that appends 256 bytes and waits for the disk.
fn bare_syncs(directory: &Path, run: Duration) -> std::io::Result<f64> {
    let path = directory.join("write_bench.floor");
    let mut file = std::fs::File::create(&path)?;
    let begin = Instant::now();
    let mut n = 0;
    while begin.elapsed() < run {
        file.write_all(&[7; 256])?;
        file.sync_data()?;
        n += 1;
    }
    let rate = f64::from(n) / begin.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(rate)
}

/// Registers ever new stopped-at-nothing batch jobs; each is one write of the log before it is acknowledged.
async fn register(address: &str, n_connections: usize, run: Duration) -> Result<(f64, Vec<Duration>), Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..n_connections {
        // A client of its own is a connection of its own.
        let client = Client::new(address)?;
        let round = format!("{}-{n_connections}-{connection}", std::process::id());
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while begin.elapsed() < run {
                let asked = Instant::now();
                let request = JobRegisterRequest { job: Some(job(&format!("bench-{round}-{}", latencies.len()))), ..Default::default() };
                client.register_job(&request, &Query::new()).await.map_err(|error| error.to_string())?;
                latencies.push(asked.elapsed());
            }
            Ok::<_, String>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        latencies.extend(finished??);
    }
    Ok((latencies.len() as f64 / begin.elapsed().as_secs_f64(), latencies))
}

fn job(id: &str) -> Job {
    let task = Task {
        name: "task".into(),
        driver: "raw_exec".into(),
        config: serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(r#"{"command": "/bin/true"}"#)
            .unwrap_or_default()
            .into(),
        resources: Some(Resources { cpu: 10, memory_mb: 10, ..Default::default() }),
        ..Default::default()
    };
    Job {
        id: id.into(),
        kind: JobType::Batch,
        priority: 50,
        datacenters: vec!["*".into()],
        task_groups: vec![TaskGroup { name: "group".into(), count: 0, tasks: vec![task], ..Default::default() }],
        ..Default::default()
    }
}
