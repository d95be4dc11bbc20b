//! Rollouts over two regions of three servers each, with a fault in the middle: they end as they would have without it, and without a person.

use std::time::{Duration, Instant};

use api::client::Query;
use model::DeploymentStatus::{self, *};
use process_tests::{Cluster, JobFile, ask, process_of, until, until_within};

/// Both regions run so many.
const COUNT: usize = 2;
/// Longer than a lost server needs to be noticed by the others.
const DETECTED: Duration = Duration::from_secs(40);

/// What agents may say about others that are gone for a while.
const ABOUT_FAULTS: &[&str] = &[
    "no heartbeat",
    "connection",
    "not committed",
    "nothing was committed",
    "refuses a report",
    "refuses this node",
    "a server is behind",
    "membership",
    "sending a snapshot failed",
    "plans were not committed",
    "openraft",
];

fn cluster() -> Cluster {
    Cluster::plan(&["west", "east"], 3, 1).allow(ABOUT_FAULTS).up()
}

/// West, then east; slow enough for something to happen in between.
fn job() -> JobFile {
    let regions = format!(
        "multiregion {{\nstrategy {{\n max_parallel = 1\n on_failure = \"fail_all\"\n}}\nregion \"west\" {{\n count = {COUNT}\n}}\nregion \"east\" {{\n count = {COUNT}\n}}\n}}"
    );
    JobFile::service("multi").count(0).job(&regions).update("min_healthy_time = \"1500ms\"\nmax_parallel = 1\nauto_revert = true")
}

/// The status of the latest deployment in each region, asked of the first server that answers.
fn statuses(cluster: &Cluster) -> [Option<DeploymentStatus>; 2] {
    ["west", "east"].map(|region| {
        let answering = cluster.servers(region).into_iter().find(|server| ask(cluster.api(&server.name).regions()).is_ok())?;
        cluster.deployment(&answering.name, "multi").map(|deployment| deployment.status)
    })
}

fn wait_for(cluster: &Cluster, wanted: [DeploymentStatus; 2]) {
    let began = Instant::now();
    until_within(DETECTED, &format!("west is {} and east is {}", wanted[0], wanted[1]), || {
        let seen = statuses(cluster);
        assert!(!seen.contains(&Some(Failed)), "after {:?}: {seen:?}", began.elapsed());
        (seen == wanted.map(Some)).then_some(())
    });
}

/// All that must be true in the end: every allocation in its region, one deployment each, never failed.
fn ends_well(cluster: &Cluster) {
    wait_for(cluster, [Successful, Successful]);
    for region in ["west", "east"] {
        let server = cluster.leader(region);
        cluster.running_of(&server, "multi", COUNT);
        let deployments = ask(cluster.api(&server).job_deployments("multi", true, &Query::new())).expect("an answer").value;
        assert_eq!(deployments.len(), 1, "{region}: {deployments:#?}");
        assert_eq!(cluster.allocs(&server, "multi").len(), COUNT, "{region}: nothing was placed twice");
        let job = cluster.job(&server, "multi").expect("the job");
        assert_eq!((job.version, job.stable), (0, true), "{region}");
    }
}

#[test]
fn the_leader_of_the_running_region_is_killed() {
    // west rolls out, its leader goes; a new one finishes what was begun
    let cluster = cluster();
    cluster.submit("west-server-1", &job(), &[]).ok();
    wait_for(&cluster, [Running, Pending]);
    let leader = cluster.leader("west");
    cluster.kill(&[&leader]);
    ends_well(&cluster);
    cluster.start(&[&leader]);
}

#[test]
fn the_leader_of_the_waiting_region_is_killed() {
    // west rolls out, the leader of east goes; east begins when it is its turn
    let cluster = cluster();
    cluster.submit("east-server-1", &job(), &[]).ok();
    wait_for(&cluster, [Running, Pending]);
    cluster.kill(&[&cluster.leader("east")]);
    ends_well(&cluster);
}

#[test]
fn all_servers_of_a_region_are_killed_and_restarted() {
    // in the middle of east's own part; west waits for it
    let cluster = cluster();
    cluster.submit("west-server-1", &job(), &[]).ok();
    wait_for(&cluster, [Blocked, Running]);
    cluster.kill(&["east-servers"]);
    assert_eq!(statuses(&cluster)[0], Some(Blocked), "west finishes only when east has");
    cluster.start(&["east-servers"]);
    ends_well(&cluster);
}

#[test]
fn a_client_is_killed_and_restarted() {
    // in the middle of west's part: its tasks go on and count as they did
    let cluster = cluster();
    cluster.submit("west-server-1", &job(), &[]).ok();
    wait_for(&cluster, [Running, Pending]);
    let first = until("a task runs", || {
        cluster.allocs("west-server-1", "multi").into_iter().find(|alloc| alloc.client_status.as_str() == "running")
    });
    let pid = process_of(&first, "sleep 3600");
    cluster.kill(&["west-client-1"]);
    cluster.start(&["west-client-1"]);
    ends_well(&cluster);
    assert_eq!(process_of(&first, "sleep 3600"), pid);
}

#[test]
fn the_regions_lose_sight_of_each_other() {
    // all servers of east stand still until west takes them for dead, then go on
    let cluster = cluster();
    cluster.submit("west-server-1", &job(), &[]).ok();
    wait_for(&cluster, [Running, Pending]);
    cluster.pause(&["east-servers"]);
    until_within(DETECTED, "west no longer knows a way to east", || {
        let regions = ask(cluster.api("west-server-1").regions()).ok()?;
        (regions == ["west"]).then_some(())
    });
    until("west has done its part and waits", || (cluster.deployment("west-server-1", "multi")?.status == Blocked).then_some(()));
    cluster.resume(&["east-servers"]);
    ends_well(&cluster);
}
