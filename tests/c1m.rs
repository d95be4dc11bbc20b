//! A million allocations: jobs over HTTP, simulated nodes over rpc, real servers with their disks.
//!
//! usage: c1m CLUSTER_JSON DIRECTORY [--jobs N] [--count N] [--nodes N] [--batch] [--json]

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use model::{RegionName, Uuid};
use process_tests::figures::{Figure, Printer, busy, resident};
use process_tests::fill::Fill;
use process_tests::load::{self, Connection};
use process_tests::swarm::{Seen, Swarm};
use rpc::message::{Call, Hops, Read, ReadOptions, ReadValue, Reply, Request};
use rpc::transport::{Identity, Limits, Pool};

const CONNECTIONS: usize = 8;
const LOOK: Duration = Duration::from_millis(250);
/// Nothing moved for so long: it is stuck.
const STUCK: Duration = Duration::from_secs(120);

type Failure = Box<dyn Error + Send + Sync>;

struct Options {
    fill: Fill,
    json: bool,
}

struct Server {
    name: String,
    http: String,
    rpc: String,
    pid: i32,
    data: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [cluster, directory, rest @ ..] = arguments.as_slice() else { return Err("usage: c1m CLUSTER_JSON DIRECTORY [OPTIONS]".into()) };
    let options = options(rest)?;
    let servers = servers(Path::new(cluster))?;
    let wanted = options.fill.n_allocs();
    let floor = floor(Path::new(directory), wanted, servers.len())?;

    let addresses: Vec<String> = servers.iter().map(|server| server.rpc.clone()).collect();
    let began = Instant::now();
    let swarm = Swarm::start("west", &addresses, options.fill.nodes(), CONNECTIONS);
    // The nodes live on the runtime's threads, not on this one.
    swarm.await_registered();
    let registered = began.elapsed();
    let before: Vec<u64> = servers.iter().map(|server| resident(server.pid).unwrap_or_default()).collect();

    let watcher = Watcher::new(&servers[0]);
    let began = Instant::now();
    let submitting = options.fill.submit(&servers[0].http);
    let ((), samples) = tokio::try_join!(submitting, follow(&watcher, &swarm.seen, wanted, began))?;
    let mut printer = Printer::new(options.json);
    report(&mut printer, &options, &servers, &samples, wanted, floor, registered, &before);
    // The nodes go on: they look for the region all the while.
    restart(&mut printer, &options, Path::new(cluster), &servers, wanted).await
}

/// All servers are killed and started again: how long until one of them accepts a write.
async fn restart(printer: &mut Printer, options: &Options, cluster: &Path, servers: &[Server], wanted: u64) -> Result<(), Failure> {
    let folder = cluster.parent().ok_or("no folder of the cluster")?;
    let act = |what: &str| {
        let mut command = tokio::process::Command::new(process_tests::root().join("scripts/cluster"));
        command.arg(what).arg("all").arg("--dir").arg(folder).stdout(Stdio::null());
        command
    };
    if !act("kill").status().await?.success() {
        return Err("the servers cannot be killed".into());
    }
    let floor = read_again(&servers[0].data, wanted, servers.len())?;
    let began = Instant::now();
    let mut starting = act("start").spawn()?;
    let request = load::register("after", 50);
    loop {
        let accepted = async { Connection::open(&servers[0].http).await?.ask(&request).await };
        if accepted.await.is_ok() {
            break;
        }
        if began.elapsed() > STUCK {
            return Err("no write is accepted after the restart".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed().as_secs_f64();
    starting.wait().await?;
    let (name, goal) = ("c1m restart to a write", 0.55 + 4.45 * wanted as f64 / 1e6);
    printer.print(&Figure { name, workload: workload(options, servers), figure: took, unit: "s", floor, goal, more: false });
    Ok(())
}

/// What a restart cannot save: every server reads its files, and inserts each allocation into one ordered map.
fn read_again(data: &Path, n: u64, n_servers: usize) -> Result<f64, Failure> {
    fn read(path: &Path) -> std::io::Result<usize> {
        match std::fs::read_dir(path) {
            Ok(entries) => entries.map(|entry| read(&entry?.path())).sum(),
            Err(_) => std::fs::read(path).map(|bytes| bytes.len()),
        }
    }
    let began = Instant::now();
    read(data)?;
    let map: imbl::OrdMap<u128, Arc<u64>> =
        (0..n).map(|position| (u128::from(position).wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645), Arc::new(position))).collect();
    assert_eq!(map.len() as u64, n);
    // Two cores share the servers' work.
    Ok(began.elapsed().as_secs_f64() * n_servers as f64 / 2.0)
}

fn workload(options: &Options, servers: &[Server]) -> String {
    let Fill { jobs, count, nodes, .. } = options.fill;
    format!("{jobs} x {count} on {nodes} nodes, {} servers", servers.len())
}

fn options(words: &[String]) -> Result<Options, Failure> {
    let mut options = Options { fill: Fill { jobs: 1_000, count: 1_000, nodes: 5_000, batch: false }, json: false };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || -> Result<usize, Failure> { Ok(words.next().ok_or("a number is missing")?.parse()?) };
        match word.as_str() {
            "--jobs" => options.fill.jobs = number()?,
            "--count" => options.fill.count = i64::try_from(number()?)?,
            "--nodes" => options.fill.nodes = number()?,
            "--batch" => options.fill.batch = true,
            "--json" => options.json = true,
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    Ok(options)
}

fn servers(cluster: &Path) -> Result<Vec<Server>, Failure> {
    let known: serde_json::Value = serde_json::from_slice(&std::fs::read(cluster)?)?;
    let agents = known["agents"].as_array().ok_or("no agents in the cluster's file")?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let servers = agents.iter().filter(|agent| agent["role"] == "server").map(|agent| Server {
        name: text(&agent["name"]),
        http: text(&agent["http"]),
        rpc: text(&agent["rpc"]),
        pid: agent["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default(),
        data: PathBuf::from(text(&agent["data_dir"])),
    });
    Ok(servers.collect())
}

/// Counts what is committed, as a server has it.
struct Watcher {
    pool: Pool,
    address: String,
}

impl Watcher {
    fn new(server: &Server) -> Self {
        let identity = Identity::new(Uuid::new_v4(), RegionName::from("west"), 1);
        Self { pool: Pool::new(identity, Limits::default()), address: server.rpc.clone() }
    }

    async fn count(&self) -> Result<(u64, u64), Failure> {
        let read = Read::Jobs { namespace: None, prefix: String::new() };
        let options = ReadOptions { stale: true, ..ReadOptions::default() };
        let call = Call { region: RegionName::from("west"), hops: Hops::default(), request: Request::Read(options, read) };
        let reply = rpc::typed::call(&self.pool, &self.address, &call, Duration::from_secs(60)).await??;
        let Reply::Read(reply) = reply else { return Err("no list of jobs".into()) };
        let ReadValue::Jobs(jobs) = reply.value else { return Err("no list of jobs".into()) };
        let groups = || jobs.iter().flat_map(|(_, summary)| summary.summary.values());
        let n_running = groups().map(|group| group.running + group.complete).sum::<i64>().unsigned_abs();
        let n_starting = groups().map(|group| group.starting).sum::<i64>().unsigned_abs();
        Ok((n_running + n_starting, n_running))
    }
}

struct Sample {
    at: f64,
    committed: u64,
    running: u64,
}

async fn follow(watcher: &Watcher, seen: &Seen, wanted: u64, began: Instant) -> Result<Vec<Sample>, Failure> {
    let mut samples: Vec<Sample> = Vec::new();
    let mut moved = Instant::now();
    let mut last = (0, 0);
    loop {
        tokio::time::sleep(LOOK).await;
        let (committed, running) = watcher.count().await?;
        samples.push(Sample { at: began.elapsed().as_secs_f64(), committed, running });
        if (committed, running) != last {
            (last, moved) = ((committed, running), Instant::now());
            eprint!(
                "\r{:8.1} s  {committed:>8} committed {:>8} pulled {running:>8} running  {} failures   ",
                began.elapsed().as_secs_f64(),
                seen.n_pulled.load(Ordering::Relaxed),
                seen.n_failures.load(Ordering::Relaxed)
            );
        }
        if running >= wanted {
            eprintln!();
            return Ok(samples);
        }
        if moved.elapsed() > STUCK {
            return Err(format!("stuck at {committed} committed and {running} running of {wanted}").into());
        }
    }
}

/// What cannot be saved: every server inserts each allocation into one ordered map, and writes 150 bytes of it, with a sync per thousand.
fn floor(directory: &Path, n: u64, n_servers: usize) -> Result<f64, Failure> {
    let path = directory.join("c1m.floor");
    let mut file = std::fs::File::create(&path)?;
    let began = Instant::now();
    let mut map = imbl::OrdMap::new();
    let mut state = 7_u128;
    for position in 0..n {
        state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
        map.insert(state, Arc::new(position));
        if position % 1_000 == 999 {
            file.write_all(&[7; 150_000])?;
            file.sync_data()?;
        }
    }
    let took = began.elapsed().as_secs_f64() * n_servers as f64;
    std::fs::remove_file(&path)?;
    // Two cores share the servers' work.
    Ok(took / 2.0)
}

/// Bytes of entries that a server appended to its log since it was started.
fn appended(server: &Server) -> u64 {
    let summary = process_tests::get(server.http.trim_start_matches("http://"), "/v1/metrics").unwrap_or_default();
    let gauge = summary["Gauges"].as_array().into_iter().flatten().find(|gauge| gauge["Name"] == "nomad.raft.log.appended_bytes");
    gauge.and_then(|gauge| gauge["Value"].as_f64()).unwrap_or_default() as u64
}

fn disk(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return std::fs::metadata(path).map_or(0, |file| file.len()) };
    entries.flatten().map(|entry| disk(&entry.path())).sum()
}

#[allow(clippy::too_many_arguments)]
fn report(
    printer: &mut Printer,
    options: &Options,
    servers: &[Server],
    samples: &[Sample],
    wanted: u64,
    floor: f64,
    registered: Duration,
    before: &[u64],
) {
    let when = |what: &dyn Fn(&Sample) -> u64, part: f64| {
        samples.iter().find(|sample| what(sample) as f64 >= wanted as f64 * part).map_or(f64::NAN, |sample| sample.at)
    };
    let committed = when(&|sample| sample.committed, 1.0);
    let running = when(&|sample| sample.running, 1.0);
    let tenth = wanted as f64 / 10.0;
    let first = tenth / when(&|sample| sample.committed, 0.1);
    let last = tenth / (committed - when(&|sample| sample.committed, 0.9));
    let workload = workload(options, servers);
    let mean = |total: u64| total as f64 / wanted as f64 / servers.len() as f64;
    let memory = servers.iter().zip(before).map(|(server, before)| resident(server.pid).unwrap_or_default().saturating_sub(*before)).sum();
    let in_log = servers.iter().map(appended).sum();
    let on_disk = servers.iter().map(|server| disk(&server.data)).sum();
    let (goal_committed, goal_running) = (20.0 * wanted as f64 / 1e6, 60.0 * wanted as f64 / 1e6);
    let figures = [
        ("c1m committed", committed, "s", floor, goal_committed, false),
        ("c1m running", running, "s", floor, goal_running, false),
        ("c1m rate", wanted as f64 / committed, "allocs/s", f64::NAN, f64::NAN, true),
        ("c1m last tenth : first", last / first, "", f64::NAN, 0.9, true),
        ("c1m memory per allocation", mean(memory), "B", f64::NAN, 600.0, false),
        ("c1m log per allocation", mean(in_log), "B", f64::NAN, 150.0, false),
        ("c1m disk per allocation", mean(on_disk), "B", f64::NAN, f64::NAN, false),
    ];
    for (name, figure, unit, floor, goal, more) in figures {
        printer.print(&Figure { name, workload: workload.clone(), figure, unit, floor, goal, more });
    }
    if options.json {
        return;
    }
    println!("{workload}; nodes registered in {:.2} s", registered.as_secs_f64());
    for (server, before) in servers.iter().zip(before) {
        let after = resident(server.pid).unwrap_or_default();
        let each = after.saturating_sub(*before) as f64 / wanted as f64;
        let kept = disk(&server.data);
        println!(
            "{:<16} {:>6.1} s of processor time, {:>6} MiB resident ({each:.0} B per allocation), {:>6} MiB on disk ({:.0} B per allocation)",
            server.name,
            busy(server.pid),
            after >> 20,
            kept >> 20,
            kept as f64 / wanted as f64
        );
    }
    let step = (samples.len() / 12).max(1);
    for sample in samples.iter().step_by(step).chain(samples.last()) {
        println!("{:>8.1} s {:>9} committed {:>9} running", sample.at, sample.committed, sample.running);
    }
}
