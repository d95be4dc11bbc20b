//! Benches of one region of real servers: `scripts/bench` starts them in release mode, and says what each measures.
//!
//! usage: region [--json] [--seconds N] NAME…

mod footprint;
mod reads;
mod recovery;
mod tasks;
mod watchers;
mod writes;

use std::error::Error;
use std::time::Duration;

use process_tests::Cluster;
use process_tests::figures::Printer;

type Failure = Box<dyn Error + Send + Sync>;
type Bench = fn(&mut Bencher) -> Result<(), Failure>;

/// In the order of `all`.
const BENCHES: [(&str, Bench); 6] = [
    ("footprint", footprint::measure),
    ("write", writes::measure),
    ("read", reads::measure),
    ("watch", watchers::measure),
    ("task", tasks::measure),
    ("recover", recovery::measure),
];

/// What every bench has.
struct Bencher {
    printer: Printer,
    /// How long each load goes on.
    time: Duration,
    runtime: tokio::runtime::Runtime,
}

fn main() -> Result<(), Failure> {
    let mut bencher = Bencher {
        printer: Printer::new(false),
        time: Duration::from_secs(3),
        runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
    };
    let mut chosen = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => bencher.printer = Printer::new(true),
            "--seconds" => bencher.time = Duration::from_secs(words.next().ok_or("--seconds needs a number")?.parse()?),
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
    let limits = "limits {\n  http_max_conns_per_client = 0\n}\n";
    Cluster::plan(&["west"], n_servers, n_clients).server_config(limits).log_level("WARN").allow(&[""]).up()
}
