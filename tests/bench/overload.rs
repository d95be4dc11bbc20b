//! Callers who want too much, beside others who do not: how much longer those wait, what it costs in memory, and whether the leader stays.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use process_tests::figures::{Figure, quantile, resident};
use process_tests::get as ask;
use process_tests::load::{Connection, get, load, put, register};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{Bencher, Failure, region};

/// The others: so many who read and so many who write, each at its pace.
const READERS: usize = 8;
const WRITERS: usize = 4;
const PACE: Duration = Duration::from_millis(40);
/// They may wait this many times longer.
const LONGER: f64 = 3.0;
/// Bytes that the leader may take more.
const MEMORY: f64 = 200e6;

/// Connections that send a piece of a head now and then.
const SLOW: usize = 10_000;
/// Connections that send too much, one request after the other.
const LARGE: usize = 8;
const HUGE_BYTES: usize = 1 << 30;
const DEPTH: usize = 1_000_000;
/// Over so many jobs, on so many connections.
const EVALUATIONS: u64 = 100_000;
const JOBS: u64 = 1_000;
const STORM: usize = 64;

type Attack = fn(String) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

const ATTACKS: [(&str, Attack); 4] = [
    ("10,000 slow connections", |http| Box::pin(slow(http))),
    ("bodies of 1 GB", |http| Box::pin(huge(http))),
    ("JSON a million deep", |http| Box::pin(deep(http))),
    ("100,000 evaluations", |http| Box::pin(storm(http))),
];

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let cluster = region(3, 0);
    let leader = cluster.leader("west");
    let (http, pid) = (cluster.member(&leader).http, cluster.member(&leader).pid);
    bencher.runtime.block_on(prepare(&http))?;
    // The first ones make the servers warm.
    bencher.runtime.block_on(others(&http, bencher.time))?;
    let quiet = bencher.runtime.block_on(others(&http, bencher.time))?;
    let attackers = tokio::runtime::Builder::new_multi_thread().enable_all().on_thread_start(give_way).build()?;
    for (workload, attack) in ATTACKS {
        let (memory, term) = (resident(pid).unwrap_or_default(), term(&http)?);
        let (during, most) = bencher.runtime.block_on(async {
            let attacking = attackers.spawn(attack(http.clone()));
            let sampling = Sampling::of(pid);
            let during = others(&http, bencher.time * 2).await;
            attacking.abort();
            let _ = attacking.await;
            during.map(|during| (during, sampling.most()))
        })?;
        let mut print = |name, figure, unit, floor, goal| {
            bencher.printer.print(&Figure { name, workload: workload.to_owned(), figure, unit, floor, goal, more: false });
        };
        print("others' reads p99", during.0, "s", quiet.0, LONGER * quiet.0);
        print("others' writes p99", during.1, "s", quiet.1, LONGER * quiet.1);
        print("leader's memory more", (most as f64 - memory as f64).max(0.0), "B", f64::NAN, MEMORY);
        print("elections", (self::term(&http)? - term) as f64, "times", f64::NAN, 0.0);
    }
    Ok(())
}

/// In life they are on other machines, and take no processors from those they attack.
fn give_way() {
    // SAFETY: a system call without pointers
    unsafe { nix::libc::nice(19) };
}

/// What a process takes at most.
struct Sampling {
    most: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Sampling {
    fn of(pid: i32) -> Sampling {
        let most = Arc::new(AtomicU64::new(0));
        let seen = most.clone();
        let task = tokio::spawn(async move {
            loop {
                seen.fetch_max(resident(pid).unwrap_or_default(), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Sampling { most, task }
    }

    fn most(self) -> u64 {
        self.task.abort();
        self.most.load(Ordering::Relaxed)
    }
}

/// Of the raft group: grows with every election.
fn term(http: &str) -> Result<u64, Failure> {
    let health = ask(http.trim_start_matches("http://"), "/v1/operator/autopilot/health").ok_or("no word about the servers")?;
    let terms = health["Servers"].as_array().into_iter().flatten().filter_map(|server| server["LastTerm"].as_u64());
    terms.max().ok_or_else(|| "no server has a term".into())
}

async fn prepare(http: &str) -> io::Result<()> {
    let mut connection = Connection::open(http).await?;
    for number in 0..JOBS {
        connection.ask(&register(&format!("storm-{number}"), 50)).await?;
    }
    Ok(())
}

/// Seconds that 99 of 100 reads, and writes, take at most.
async fn others(http: &str, time: Duration) -> io::Result<(f64, f64)> {
    let reads = load(http, READERS, time, Some(PACE), |_, _| get("/v1/job/storm-0"));
    let writes = load(http, WRITERS, time, Some(PACE), |connection, turn| register(&format!("calm-{connection}"), 1 + turn as u32 % 99));
    let (reads, writes) = tokio::try_join!(reads, writes)?;
    Ok((quantile(&reads.latencies, 0.99), quantile(&writes.latencies, 0.99)))
}

async fn opened(http: &str) -> io::Result<TcpStream> {
    TcpStream::connect(http.trim_start_matches("http://")).await
}

async fn slow(http: String) -> io::Result<()> {
    let mut streams = Vec::new();
    for _ in 0..SLOW {
        let mut stream = opened(&http).await?;
        stream.write_all(b"GET /v1/jobs HTTP/1.1\r\n").await?;
        streams.push(stream);
    }
    loop {
        for stream in &mut streams {
            stream.write_all(b"X-Slow: 1\r\n").await?;
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }
}

/// Sends the same again and again on several connections; what is said to that, and connections that are closed, change nothing.
async fn again_and_again(http: String, head: Vec<u8>, piece: Vec<u8>, n_pieces: usize) -> io::Result<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..LARGE {
        let (http, head, piece) = (http.clone(), head.clone(), piece.clone());
        tasks.spawn(async move {
            loop {
                let Ok(mut stream) = opened(&http).await else { continue };
                let sent = async {
                    stream.write_all(&head).await?;
                    for _ in 0..n_pieces {
                        stream.write_all(&piece).await?;
                    }
                    stream.read(&mut [0; 64]).await
                };
                let _ = sent.await;
            }
        });
    }
    tasks.join_all().await;
    Ok(())
}

fn head(length: usize) -> Vec<u8> {
    format!("PUT /v1/jobs HTTP/1.1\r\nHost: steppe\r\nContent-Length: {length}\r\n\r\n").into_bytes()
}

async fn huge(http: String) -> io::Result<()> {
    let piece = vec![b' '; 1 << 20];
    again_and_again(http, head(HUGE_BYTES), piece, HUGE_BYTES >> 20).await
}

async fn deep(http: String) -> io::Result<()> {
    again_and_again(http, head(DEPTH), vec![b'['; DEPTH], 1).await
}

async fn storm(http: String) -> io::Result<()> {
    let mut tasks = JoinSet::new();
    for number in 0..STORM as u64 {
        let mut connection = Connection::open(&http).await?;
        tasks.spawn(async move {
            for turn in 0..EVALUATIONS / STORM as u64 {
                let job = (turn * STORM as u64 + number) % JOBS;
                connection.send(&put(&format!("/v1/job/storm-{job}/evaluate"), "{}")).await?;
                connection.answer().await?;
            }
            Ok::<_, io::Error>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(io::Error::other)??;
    }
    Ok(())
}
