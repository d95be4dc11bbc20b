//! Benches of one region of real servers: `scripts/bench` starts them in release mode, and says what each measures.
//!
//! usage: region [--json] [--seconds N] [--jobs N] NAME…

mod footprint;
mod lists;
mod nodes;
mod overload;
mod reads;
mod recovery;
mod scheduling;
mod tasks;
mod watchers;
mod writes;

use std::error::Error;
use std::time::Duration;

use process_tests::Cluster;
use process_tests::figures::Printer;
use process_tests::fill::Fill;
use process_tests::swarm::Swarm;

type Failure = Box<dyn Error + Send + Sync>;
type Bench = fn(&mut Bencher) -> Result<(), Failure>;

/// Of simulated nodes to each server.
const CONNECTIONS: usize = 8;

/// In the order of `all`.
const BENCHES: [(&str, Bench); 10] = [
    ("footprint", footprint::measure),
    ("write", writes::measure),
    ("read", reads::measure),
    ("watch", watchers::measure),
    ("task", tasks::measure),
    ("recover", recovery::measure),
    ("nodes", nodes::measure),
    ("schedule", scheduling::measure),
    ("list", lists::measure),
    ("overload", overload::measure),
];

/// What every bench has.
struct Bencher {
    printer: Printer,
    /// How long each load goes on.
    time: Duration,
    /// Of 1,000 allocations each, where a region shall be full.
    jobs: usize,
    runtime: tokio::runtime::Runtime,
}

impl Bencher {
    fn fill(&self) -> Fill {
        Fill { jobs: self.jobs, count: 1_000, nodes: 5_000, batch: false }
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, folder] = arguments.as_slice()
        && first == recovery::CUT_OFF
    {
        return recovery::cut_off_inside(folder.as_ref());
    }
    let mut bencher = Bencher {
        printer: Printer::new(false),
        time: Duration::from_secs(3),
        jobs: 100,
        runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
    };
    let mut chosen = Vec::new();
    let mut words = arguments.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => bencher.printer = Printer::new(true),
            "--seconds" => bencher.time = Duration::from_secs(words.next().ok_or("--seconds needs a number")?.parse()?),
            "--jobs" => bencher.jobs = words.next().ok_or("--jobs needs a number")?.parse()?,
            name => match BENCHES.iter().find(|(known, _)| *known == name) {
                Some((_, bench)) => chosen.push(*bench),
                None => return Err(format!("unknown bench {name:?}; known: {}", BENCHES.map(|(known, _)| known).join(", ")).into()),
            },
        }
    }
    if chosen.is_empty() {
        chosen = BENCHES.map(|(_, bench)| bench).to_vec();
    }
    for bench in chosen {
        bench(&mut bencher)?;
    }
    Ok(())
}

/// A region that takes any number of connections from here. What is measured disturbs it on purpose: it may complain.
fn region(n_servers: usize, n_clients: usize) -> Cluster {
    region_with(n_servers, n_clients, "")
}

/// [`region`], with further configuration of its servers.
fn region_with(n_servers: usize, n_clients: usize, config: &str) -> Cluster {
    let config = format!("limits {{\n  http_max_conns_per_client = 0\n}}\n{config}");
    Cluster::plan(&["west"], n_servers, n_clients).server_config(&config).log_level("WARN").allow(&[""]).up()
}

/// Lets simulated nodes run jobs in a region; returns when all is reported as running.
fn filled(bencher: &Bencher, cluster: &Cluster, fill: &Fill) -> Result<Swarm, Failure> {
    let servers: Vec<String> = cluster.servers("west").into_iter().map(|server| server.rpc).collect();
    let _in_runtime = bencher.runtime.enter();
    let swarm = Swarm::start("west", &servers, fill.nodes(), CONNECTIONS);
    swarm.await_registered();
    bencher.runtime.block_on(fill.submit(&cluster.member(&cluster.leader("west")).http))?;
    swarm.await_running(fill.n_allocs());
    Ok(swarm)
}
