//! Many who wait for one thing, and many who wait for others.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use process_tests::figures::Figure;
use process_tests::load::{Connection, get, parrot, register};
use process_tests::until_within;
use tokio::task::JoinSet;

use crate::{Bencher, Failure, region};

/// Of one job; so many others watch another one, as far as a process may have open files.
const WATCHERS: usize = 10_000;
const SETTLE: Duration = Duration::from_millis(500);

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let (soft, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
    let n_watchers = WATCHERS.min(usize::try_from(soft / 2).unwrap_or(WATCHERS).saturating_sub(500));
    let cluster = region(3, 0);
    // The others are at a follower: a process may have so many files only.
    let (one, others) = (cluster.leader("west"), cluster.follower("west"));
    let (one, others) = (cluster.member(&one).http, cluster.member(&others).http);
    let fan_out = bencher.runtime.block_on(floor(n_watchers))?;
    let (took, n_woken) = bencher.runtime.block_on(watch(&one, &others, n_watchers))?;
    let workload = format!("{n_watchers} of one job, {n_watchers} of another");
    let name = "last watcher answered";
    bencher.printer.print(&Figure { name, workload: workload.clone(), figure: took, unit: "s", floor: fan_out, goal: 0.4, more: false });
    let name = "others woken";
    bencher.printer.print(&Figure { name, workload, figure: n_woken as f64, unit: "watchers", floor: f64::NAN, goal: 0.0, more: false });
    Ok(())
}

async fn opened(address: &str, n: usize) -> io::Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(n);
    for _ in 0..n {
        connections.push(Connection::open(address).await?);
    }
    Ok(connections)
}

/// Seconds in which so many connections are asked and answered with 1,000 bytes.
async fn floor(n: usize) -> io::Result<f64> {
    let (address, serving) = parrot(&[b'x'; 1_000]).await?;
    let connections = opened(&address, n).await?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        tasks.spawn(async move { connection.ask(&get("/")).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(io::Error::other)??;
    }
    serving.abort();
    Ok(began.elapsed().as_secs_f64())
}

/// Seconds from an update of a job until the last of its watchers is answered, and how many watchers of the other job were answered, too.
async fn watch(one: &str, others: &str, n: usize) -> Result<(f64, usize), Failure> {
    let mut writer = Connection::open(one).await?;
    for id in ["watched", "other"] {
        writer.ask(&register(id, 50)).await?;
    }
    let n_answered = Arc::new(AtomicUsize::new(0));
    let n_woken = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for (address, id, counter) in [(one, "watched", &n_answered), (others, "other", &n_woken)] {
        let index = index_of(address, id).await?;
        for mut connection in opened(address, n).await? {
            let counter = Arc::clone(counter);
            connection.send(&get(&format!("/v1/job/{id}?index={index}&wait=300s&stale"))).await?;
            tasks.spawn(async move {
                if connection.answer().await.is_ok() {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    // All of them wait: a request that came later than the update would be answered at once.
    tokio::time::sleep(SETTLE).await;
    let began = Instant::now();
    writer.send(&register("watched", 51)).await?;
    let waiting = Arc::clone(&n_answered);
    let all = move || (waiting.load(Ordering::Relaxed) == n).then(Instant::now);
    let end = tokio::task::spawn_blocking(move || until_within(Duration::from_secs(60), "all watchers are answered", all)).await?;
    writer.answer().await?;
    tokio::time::sleep(SETTLE).await;
    tasks.abort_all();
    Ok(((end - began).as_secs_f64(), n_woken.load(Ordering::Relaxed)))
}

/// The index of the job, once what its registration leads to is done.
async fn index_of(address: &str, id: &str) -> Result<u64, Failure> {
    tokio::time::sleep(SETTLE).await;
    let mut connection = Connection::open(address).await?;
    let body: serde_json::Value = serde_json::from_slice(&connection.ask(&get(&format!("/v1/job/{id}"))).await?)?;
    body["ModifyIndex"].as_u64().ok_or_else(|| format!("no index of {id}").into())
}
