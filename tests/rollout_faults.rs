//! Rollouts over two regions of three servers each, with a fault in the middle: they end as they would have without it, and without a person.

use std::time::{Duration, Instant};

use api::client::Query;
use model::DeploymentStatus::{self, *};
use process_tests::{Cluster, JobFile, ask, process_of, settled, steppe_at, until, until_within};

const REGIONS: [&str; 2] = ["west", "east"];
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
    "not reached, it stops the job when it learns of it",
];

fn cluster() -> Cluster {
    Cluster::plan(&REGIONS, 3, 1).allow(ABOUT_FAULTS).up()
}

/// West, then east; slow enough for something to happen in between.
fn job() -> JobFile {
    job_called("multi")
}

fn job_called(id: &str) -> JobFile {
    job_with(id, "on_failure = \"fail_all\"")
}

fn job_with(id: &str, strategy: &str) -> JobFile {
    let regions = format!(
        "multiregion {{\nstrategy {{\n max_parallel = 1\n {strategy}\n}}\nregion \"west\" {{\n count = {COUNT}\n}}\nregion \"east\" {{\n count = {COUNT}\n}}\n}}"
    );
    JobFile::service(id).count(0).job(&regions).update("min_healthy_time = \"1500ms\"\nmax_parallel = 1\nauto_revert = true")
}

fn wait_for(cluster: &Cluster, wanted: [DeploymentStatus; 2]) {
    job_gets_to(cluster, "multi", wanted);
}

fn job_gets_to(cluster: &Cluster, id: &str, wanted: [DeploymentStatus; 2]) {
    let began = Instant::now();
    until_within(DETECTED, &format!("west is {} and east is {}", wanted[0], wanted[1]), || {
        let seen = cluster.rollout(id, &REGIONS);
        assert!(!seen.contains(&Some(Failed)), "after {:?}: {seen:?}", began.elapsed());
        (seen == wanted.map(Some)).then_some(())
    });
}

/// All that must be true in the end: every allocation in its region, one deployment each, never failed.
fn ends_well(cluster: &Cluster) {
    job_ends_well(cluster, "multi");
}

fn job_ends_well(cluster: &Cluster, id: &str) {
    job_gets_to(cluster, id, [Successful, Successful]);
    for region in REGIONS {
        let server = cluster.leader(region);
        cluster.running_of(&server, id, COUNT);
        let deployments = ask(cluster.api(&server).job_deployments(id, true, &Query::new())).expect("an answer").value;
        assert_eq!(deployments.len(), 1, "{region}: {deployments:#?}");
        assert_eq!(cluster.allocs(&server, id).len(), COUNT, "{region}: nothing was placed twice");
        let job = cluster.job(&server, id).expect("the job");
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
    assert_eq!(cluster.rollout("multi", &REGIONS)[0], Some(Blocked), "west finishes only when east has");
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

#[test]
fn leaders_are_killed_at_every_step() {
    // the leader of each region goes in each phase, and comes back before the next one
    let cluster = cluster();
    cluster.submit("west-server-1", &job(), &[]).ok();
    for phase in [[Running, Pending], [Blocked, Running]] {
        wait_for(&cluster, phase);
        for region in REGIONS {
            let leader = cluster.leader(region);
            cluster.kill(&[&leader]);
            cluster.start(&[&leader]);
        }
    }
    ends_well(&cluster);
}

#[test]
fn everything_but_the_tasks_is_killed_and_restarted() {
    // all servers and all clients of both regions at once, in the middle of east's part
    let cluster = cluster();
    cluster.submit("west-server-1", &job(), &[]).ok();
    wait_for(&cluster, [Blocked, Running]);
    let first = cluster.allocs("west-server-1", "multi").remove(0);
    let pid = process_of(&first, "sleep 3600");
    cluster.kill(&["all"]);
    cluster.start(&["all"]);
    ends_well(&cluster);
    assert_eq!(process_of(&first, "sleep 3600"), pid);
}

#[test]
fn the_leader_that_takes_a_submission_is_killed() {
    // at any moment of the two phases: the rollout is nowhere, or everywhere; the same file again then ends well
    let cluster = cluster();
    for pause in [25, 32, 40, 55] {
        let file = job_called(&format!("after-{pause}")).update("min_healthy_time = \"100ms\"");
        let leader = cluster.leader("west");
        let (address, text) = (cluster.member(&leader).http, file.text());
        let submission = std::thread::spawn(move || steppe_at(&address, &["job", "run", "-detach", "-"], &text));
        // not a wait for anything: it spreads the moments of the fault
        std::thread::sleep(Duration::from_millis(pause));
        cluster.kill_now(&leader);
        let answer = submission.join().expect("an answer");
        cluster.start(&[&leader]);
        let server = cluster.leader("west");
        let again = until("it is not being decided any more", || {
            let again = cluster.submit(&server, &file, &[]);
            assert!(again.code == 0 || again.err.contains("409"), "{again}");
            (again.code == 0).then_some(again)
        });

        assert!(again.out.contains("Job registration successful"), "{again} after {answer}");
        job_ends_well(&cluster, &file.id);
    }
}

#[test]
fn a_failure_is_told_after_the_regions_have_lost_sight_of_each_other() {
    // version two fails in east while west stands still; on_failure is fail_all: in the end both have version one again
    let cluster = cluster();
    let version =
        |n: &str| job().script(&format!("echo version {n}; if [ \"$NOMAD_REGION {n}\" = \"east two\" ]; then exit 1; fi; exec sleep 3600"));
    cluster.submit("west-server-1", &version("one"), &[]).ok();
    wait_for(&cluster, [Successful, Successful]);
    cluster.submit("west-server-1", &version("two"), &[]).ok();
    until("it is east's turn", || (cluster.rollout("multi", &REGIONS)[0] == Some(Blocked)).then_some(()));
    cluster.pause(&["west-servers"]);
    let east = cluster.leader("east");
    until_within(DETECTED, "east no longer knows a way to west", || {
        let regions = ask(cluster.api(&east).regions()).ok()?;
        (regions == ["east"]).then_some(())
    });
    until("east has failed", || (cluster.rollout_deployments("multi", &["east"])[0].as_ref()?.status == Failed).then_some(()));
    cluster.resume(&["west-servers"]);
    settled(
        "west has failed, too",
        || cluster.rollout_deployments("multi", &REGIONS),
        |seen| seen.iter().all(|found| found.as_ref().is_some_and(|found| (found.job_version, found.status) == (1, Failed))),
    );
    for region in REGIONS {
        let server = cluster.leader(region);
        let said = || {
            let running = cluster.allocs(&server, "multi").into_iter().filter(|alloc| alloc.client_status.as_str() == "running");
            running.map(|alloc| cluster.stdout(&server, &alloc, &Query::new())).collect::<Vec<_>>()
        };
        settled(&format!("{region} has version one again"), said, |said| *said == ["version one\n"; COUNT]);
    }
}

#[test]
fn a_region_that_is_away_is_named_and_learns_of_a_stop_when_it_returns() {
    // submitting is refused while east is away; stopping everywhere is not, and east obeys when it is back
    let cluster = cluster();
    cluster.submit("west-server-1", &job(), &[]).ok();
    ends_well(&cluster);
    cluster.kill(&["east-servers"]);
    let west = cluster.leader("west");
    until_within(DETECTED, "west no longer knows a way to east", || {
        let regions = ask(cluster.api(&west).regions()).ok()?;
        (regions == ["west"]).then_some(())
    });
    let refused = cluster.submit(&west, &job().task("kill_timeout = \"7s\""), &[]).fails_with(1);
    assert!(refused.contains("east") && refused.contains("west"), "{refused}");
    assert_eq!(cluster.job(&west, "multi").expect("a job").version, 0);
    let stopped = cluster.steppe(&west, &["job", "stop", "-global", "-yes", "-detach", "multi"]).ok();
    assert!(stopped.contains("east"), "the answer names who was not reached: {stopped}");
    cluster.running_of(&west, "multi", 0);
    cluster.start(&["east-servers"]);
    let east = cluster.leader("east");
    cluster.running_of(&east, "multi", 0);
    settled("the job is stopped in east", || cluster.job(&east, "multi").map(|job| job.stop), |stop| *stop == Some(true));
}

#[test]
fn a_region_that_is_lost_in_its_turn_is_released_and_then_excluded() {
    // west goes in its turn: east waits, until a person says that nobody need wait for west's turn, and then that west takes no part
    let cluster = cluster();
    cluster.submit("west-server-1", &job(), &[]).ok();
    wait_for(&cluster, [Running, Pending]);
    cluster.kill(&["west-servers"]);
    let east = cluster.leader("east");
    let is_east = |wanted: DeploymentStatus| {
        until(&format!("east is {wanted}"), || (cluster.deployment(&east, "multi")?.status == wanted).then_some(()));
    };
    let asserted = |action: &str| cluster.steppe(&east, &["job", "rollout", action, "-region", "west", "-yes", "multi"]);
    assert!(cluster.steppe(&east, &["job", "rollout", "release", "-yes", "multi"]).fails_with(1).contains("Which region"));
    assert!(cluster.steppe(&east, &["job", "rollout", "release", "-region", "mars", "-yes", "multi"]).fails_with(1).contains("mars"));
    let printed = asserted("release").ok();
    assert!(printed.contains("no longer wait for its turn"), "{printed}");
    is_east(Blocked);
    let status = cluster.steppe(&east, &["job", "rollout", "status", "multi"]).ok();
    assert!(status.lines().any(|line| line.starts_with("west") && line.contains("(released)")), "{status}");
    let printed = asserted("exclude").ok();
    assert!(printed.contains("takes no part"), "{printed}");
    is_east(Successful);
    // it hears of it when it is back, and ends its part
    cluster.start(&["west-servers"]);
    let west = cluster.leader("west");
    until_within(DETECTED, "west has ended its part", || (cluster.deployment(&west, "multi")?.status == Failed).then_some(()));
    let rollout = ask(cluster.api(&west).job_rollout("multi", &Query::new())).expect("a rollout").value;
    let own = rollout.regions.iter().find(|region| region.region == "west").expect("west");
    assert!(own.forced && own.excluded && own.released && own.cause.contains("excluded"), "{own:?}");
    assert_eq!(cluster.deployment(&east, "multi").expect("a deployment").status, Successful);
}

#[test]
fn a_region_that_is_away_joins_late_where_the_job_says_so() {
    // version two is submitted while east is away: west goes on alone, east follows when it is back, in the same version
    let cluster = cluster();
    let version = |n: &str| job_with("multi", "unreachable = \"defer\"").script(&format!("echo version {n}; exec sleep 3600"));
    cluster.submit("west-server-1", &version("one"), &[]).ok();
    ends_well(&cluster);
    cluster.kill(&["east-servers"]);
    let west = cluster.leader("west");
    until_within(DETECTED, "west no longer knows a way to east", || {
        let regions = ask(cluster.api(&west).regions()).ok()?;
        (regions == ["west"]).then_some(())
    });
    cluster.submit(&west, &version("two"), &[]).ok();
    let has_two = |server: &str| {
        let deployment = cluster.deployment(server, "multi")?;
        ((deployment.job_version, deployment.status) == (1, Successful)).then_some(())
    };
    until("west is through with version two", || has_two(&west));
    let status = cluster.steppe(&west, &["job", "rollout", "status", "multi"]).ok();
    assert!(status.lines().any(|line| line.starts_with("east") && line.contains("(deferred)")), "{status}");
    cluster.submit(&west, &version("two"), &[]).ok();
    assert_eq!(cluster.job(&west, "multi").expect("a job").version, 1, "the same again is no news");
    cluster.start(&["east-servers"]);
    let east = cluster.leader("east");
    until_within(DETECTED, "east has joined", || has_two(&east));
    for server in [&west, &east] {
        let said = || {
            let running = cluster.allocs(server, "multi").into_iter().filter(|alloc| alloc.client_status.as_str() == "running");
            running.map(|alloc| cluster.stdout(server, &alloc, &Query::new())).collect::<Vec<_>>()
        };
        settled("everybody runs version two", said, |said| *said == ["version two\n"; COUNT]);
    }
}
