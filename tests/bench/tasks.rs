//! From the registration of a job to the first thing that its task does.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use process_tests::figures::{Figure, quantile};
use process_tests::load::{Connection, bare_syncs, put};
use process_tests::until;

use crate::{Bencher, Failure, region};

const ROUNDS: usize = 50;
/// Between two jobs: nobody else is starting anything.
const PAUSE: Duration = Duration::from_millis(100);

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let cluster = region(3, 1);
    let address = cluster.member(&cluster.leader("west")).http;
    let syncs = bare_syncs(cluster.folder(), bencher.time / 3)?;
    let mut starts: Vec<f64> = (0..ROUNDS).map(|_| start(cluster.folder())).collect::<Result<_, _>>()?;
    let mut taken: Vec<f64> = (0..ROUNDS).map(|number| run(bencher, &address, cluster.folder(), number)).collect::<Result<_, _>>()?;
    [&mut starts, &mut taken].into_iter().for_each(|values| values.sort_by(f64::total_cmp));
    for (name, part, goal) in [("task starts p50", 0.5, 10.0), ("task starts p99", 0.99, 50.0)] {
        // Two entries of the log, and a shell.
        let floor = (2.0 * quantile(&syncs.latencies, part) + quantile(&starts, part)) * 1e3;
        let workload = format!("raw_exec, 3 servers and 1 client, {ROUNDS} jobs");
        bencher.printer.print(&Figure { name, workload, figure: quantile(&taken, part) * 1e3, unit: "ms", floor, goal, more: false });
    }
    Ok(())
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn script(mark: &Path) -> String {
    format!("date +%s%N > {}", mark.display())
}

/// The moment that a task has written down, once it is there.
fn marked(mark: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(mark).ok()?;
    text.ends_with('\n').then(|| text.trim().parse::<f64>().ok())?.map(|nanoseconds| nanoseconds / 1e9)
}

/// Seconds until a shell that is started here does the same.
fn start(folder: &Path) -> Result<f64, Failure> {
    let mark = folder.join("started");
    let began = now();
    Command::new("/bin/sh").arg("-c").arg(script(&mark)).status()?;
    Ok(marked(&mark).ok_or("the shell wrote nothing")? - began)
}

/// Seconds from the registration of a job to what its task has written down.
fn run(bencher: &Bencher, address: &str, folder: &Path, number: usize) -> Result<f64, Failure> {
    std::thread::sleep(PAUSE);
    let mark = folder.join(format!("mark-{number}"));
    let body = serde_json::json!({"Job": {
        "ID": format!("start-{number}"), "Type": "batch", "Datacenters": ["*"],
        "TaskGroups": [{"Name": "group", "Count": 1, "Tasks": [{
            "Name": "task", "Driver": "raw_exec", "Config": {"command": "/bin/sh", "args": ["-c", script(&mark)]},
            "Resources": {"CPU": 10, "MemoryMB": 10},
        }]}],
    }});
    let request = put("/v1/jobs", &body.to_string());
    let began = now();
    bencher.runtime.block_on(async { Connection::open(address).await?.ask(&request).await })?;
    Ok(until(&format!("job start-{number} has started"), || marked(&mark)) - began)
}
