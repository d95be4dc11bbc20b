//! Small writes over HTTP: how many, and how long each takes.

use std::time::Duration;

use process_tests::Cluster;
use process_tests::figures::{Figure, quantile};
use process_tests::load::{Load, bare_syncs, load, register};

use crate::{Bencher, Failure, region};

/// The floor, and what registrations on so many connections come to; `round` makes their names new.
fn floor_and_load(
    bencher: &Bencher,
    cluster: &Cluster,
    n_connections: usize,
    pace: Option<Duration>,
    round: &'static str,
) -> Result<(Load, Load), Failure> {
    let floor = bare_syncs(cluster.folder(), bencher.time / 3)?;
    let address = cluster.member(&cluster.leader("west")).http;
    let request = move |connection, turn| register(&format!("{round}-{n_connections}-{connection}-{turn}"), 50);
    let load = bencher.runtime.block_on(load(&address, n_connections, bencher.time, pace, request))?;
    Ok((floor, load))
}

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let cluster = region(3, 1);
    let mut peak: f64 = 0.0;
    for (n_connections, goal) in [(1, f64::NAN), (64, 8_000.0), (256, 15_000.0)] {
        let (floor, load) = floor_and_load(bencher, &cluster, n_connections, None, "full")?;
        peak = peak.max(load.rate);
        bencher.printer.print(&Figure {
            name: "writes",
            workload: format!("3 servers, {n_connections} connections"),
            figure: load.rate,
            unit: "per s",
            floor: floor.rate,
            goal: if goal.is_finite() { goal } else { 0.4 * floor.rate },
            more: true,
        });
    }
    at_half_of(peak, bencher, &cluster)?;
    drop(cluster);
    single(bencher)
}

/// How long a write takes when there is room.
fn at_half_of(peak: f64, bencher: &mut Bencher, cluster: &Cluster) -> Result<(), Failure> {
    const CONNECTIONS: usize = 32;
    let pace = Duration::from_secs_f64(CONNECTIONS as f64 / (peak / 2.0));
    let (floor, load) = floor_and_load(bencher, cluster, CONNECTIONS, Some(pace), "half")?;
    for (name, part, times) in [("write p50", 0.5, 2.0), ("write p99", 0.99, 3.0)] {
        let floor = quantile(&floor.latencies, part) * 1e3;
        let figure = quantile(&load.latencies, part) * 1e3;
        let workload = format!("3 servers, {:.0} per s, half of the peak", load.rate);
        bencher.printer.print(&Figure { name, workload, figure, unit: "ms", floor, goal: times * floor, more: false });
    }
    Ok(())
}

/// A server alone.
fn single(bencher: &mut Bencher) -> Result<(), Failure> {
    let cluster = region(1, 0);
    for n_connections in [1, 16] {
        let (floor, load) = floor_and_load(bencher, &cluster, n_connections, None, "full")?;
        let workload = format!("1 server, {n_connections} connections");
        let of = |part| quantile(&load.latencies, part) * 1e3;
        let figures = [
            ("writes", load.rate, "per s", floor.rate, if n_connections == 16 { 8_000.0 } else { f64::NAN }),
            ("write p50", of(0.5), "ms", quantile(&floor.latencies, 0.5) * 1e3, if n_connections == 1 { 1.0 } else { f64::NAN }),
            ("write p99", of(0.99), "ms", quantile(&floor.latencies, 0.99) * 1e3, if n_connections == 1 { 3.0 } else { f64::NAN }),
        ];
        for (name, figure, unit, floor, goal) in figures {
            bencher.printer.print(&Figure { name, workload: workload.clone(), figure, unit, floor, goal, more: unit == "per s" });
        }
    }
    Ok(())
}
