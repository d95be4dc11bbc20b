//! Ten thousand nodes: what their heartbeats cost, and how soon the work of those that fall silent is elsewhere.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use api::Client;
use api::client::Query;
use model::NodeId;
use process_tests::figures::{Figure, busy};
use process_tests::fill::Fill;
use process_tests::{Cluster, ask, until_within};

use crate::{Bencher, Failure, filled, region_with};

const FILL: Fill = Fill { jobs: 1, count: 1_000, nodes: 10_000, batch: false };
const N_SILENT: usize = FILL.nodes / 100;
/// By default so many nodes are to be heard of every 200 to 400 s only. A time to live is between the least and twice as much.
const TIMING: &str = "server {\n  min_heartbeat_ttl = \"5s\"\n  max_heartbeats_per_second = 2000\n  heartbeat_grace = \"5s\"\n}\n";
const GRACE: f64 = 5.0;
/// Several heartbeats of every node.
const WATCHED: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(120);

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let cluster = region_with(3, 0, TIMING);
    let idle = leader_use(&cluster);
    let swarm = filled(bencher, &cluster, &FILL)?;
    let before = swarm.seen.n_heartbeats.load(Ordering::Relaxed);
    let percent = leader_use(&cluster);
    let rate = (swarm.seen.n_heartbeats.load(Ordering::Relaxed) - before) as f64 / WATCHED.as_secs_f64();
    let ttl_max = swarm.seen.ttl_max.load(Ordering::Relaxed) as f64 / 1e9;
    let (name, workload) = ("heartbeats, leader's use", format!("{} nodes, TTL <= {ttl_max:.1} s, {rate:.0} per s", FILL.nodes));
    bencher.printer.print(&Figure { name, workload, figure: percent, unit: "% of core", floor: idle, goal: 10.0, more: false });

    let client = Client::new(&cluster.member(&cluster.leader("west")).http)?;
    let job = FILL.job(0).id;
    let allocs = ask(client.job_allocations(job.as_str(), false, &Query::new()))?.value;
    let busy: BTreeSet<NodeId> = allocs.iter().map(|alloc| alloc.node_id).collect();
    let silent: BTreeSet<NodeId> = busy.into_iter().take(N_SILENT).collect();
    let n_lost = allocs.iter().filter(|alloc| silent.contains(&alloc.node_id)).count() as i64;
    swarm.silence(&silent);
    let began = Instant::now();
    until_within(PATIENCE, "all lost allocations are placed again", || {
        let summary = ask(client.job_summary(job.as_str(), &Query::new())).ok()?.value.summary;
        let group = summary.values().next()?;
        (group.lost >= n_lost && group.starting + group.running == FILL.count).then_some(())
    });
    let figure = began.elapsed().as_secs_f64();
    let (name, workload) = ("lost work placed again", format!("{n_lost} allocations of {} of {} nodes", silent.len(), FILL.nodes));
    bencher.printer.print(&Figure { name, workload, figure, unit: "s", floor: ttl_max + GRACE, goal: 16.0, more: false });
    Ok(())
}

/// Percent of a core that the leader uses now.
fn leader_use(cluster: &Cluster) -> f64 {
    let pid = cluster.member(&cluster.leader("west")).pid;
    let (began, before) = (Instant::now(), busy(pid));
    std::thread::sleep(WATCHED);
    (busy(pid) - before) / began.elapsed().as_secs_f64() * 100.0
}
