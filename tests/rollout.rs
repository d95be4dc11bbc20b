//! Jobs over several regions, without faults: order, versions, failures, and what people do to rollouts.

use std::sync::OnceLock;

use api::client::Query;
use model::DeploymentStatus::{self, *};
use model::Phase;
use process_tests::{Cluster, Guest, JobFile, ask, settled, until};

const REGIONS: [&str; 3] = ["north", "south", "west"];

fn cluster() -> Guest {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    Guest(CLUSTER.get_or_init(|| Cluster::up(&REGIONS, 1, 1)))
}

fn server(region: &str) -> String {
    format!("{region}-server-1")
}

/// A job of these regions, one after the other, one allocation each; every task says which version it is, and ends at once in `broken`.
fn job(id: &str, version: &str, regions: &[&str], strategy: &str, broken: &str) -> JobFile {
    let listed: String = regions.iter().map(|region| format!("region \"{region}\" {{\n  count = 1\n}}\n")).collect();
    let multiregion = format!("multiregion {{\nstrategy {{\n{strategy}\n}}\n{listed}}}");
    let script =
        format!("echo version {version} in $NOMAD_REGION; if [ \"$NOMAD_REGION\" = \"{broken}\" ]; then exit 1; fi; exec sleep 3600");
    JobFile::service(id).count(0).job(&multiregion).script(&script).update("min_healthy_time = \"500ms\"\nauto_revert = true")
}

const ONE_BY_ONE: &str = "max_parallel = 1";

fn wait_for(cluster: &Cluster, id: &str, wanted: [DeploymentStatus; 3]) {
    settled(&format!("the deployments of {id} are {wanted:?}"), || cluster.rollout(id, &REGIONS), |seen| *seen == wanted.map(Some));
}

/// Waits until one allocation runs in each region and says this version.
fn all_say(cluster: &Cluster, id: &str, version: &str) {
    for region in REGIONS {
        let running = || cluster.allocs(&server(region), id).into_iter().filter(|alloc| alloc.client_status.as_str() == "running");
        let said = || running().map(|alloc| cluster.stdout(&server(region), &alloc, &Query::new())).collect::<Vec<_>>();
        settled(&format!("{id} in {region} is {version}"), said, |said| *said == [format!("version {version} in {region}\n")]);
    }
}

#[test]
fn regions_take_their_turn_and_share_one_version_and_the_source() {
    // submitted in the last region of the list: the order is that of the list, never two at once; one version everywhere; the source is
    // kept as it was written; the same file again makes no new rollout
    let cluster = cluster();
    let file = job("turns", "one", &["south", "north", "west"], ONE_BY_ONE, "");
    let printed = cluster.submit("west-server-1", &file, &[]).ok();
    assert!(printed.starts_with("Job registration successful\nEvaluation ID: "), "{printed}");
    let mut seen: Vec<Vec<DeploymentStatus>> = Vec::new();
    until("all are successful", || {
        let now: Vec<DeploymentStatus> = cluster.rollout("turns", &["south", "north", "west"]).into_iter().flatten().collect();
        if now.len() == 3 && seen.last() != Some(&now) {
            assert!(now.iter().filter(|status| **status == Running).count() <= 1, "{now:?} after {seen:?}");
            seen.push(now.clone());
        }
        (now == [Successful; 3]).then_some(())
    });
    let expected = [vec![Running, Pending, Pending], vec![Blocked, Running, Pending], vec![Blocked, Blocked, Running], vec![Successful; 3]];
    let mut rest = seen.iter();
    assert!(expected.iter().all(|wanted| rest.any(|now| now == wanted)), "{seen:?}");
    all_say(&cluster, "turns", "one");
    for region in REGIONS {
        let job = cluster.job(&server(region), "turns").expect("a job");
        assert_eq!((job.version, job.stable, job.region.as_str()), (0, true, region));
    }
    let source = cluster.steppe("south-server-1", &["job", "inspect", "-hcl", "turns"]).ok();
    assert_eq!(source.trim(), file.text().trim());
    for region in REGIONS {
        cluster.submit(&server(region), &file, &[]).ok();
    }
    assert_eq!(cluster.rollout("turns", &REGIONS), [Some(Successful); 3]);
    assert!(REGIONS.iter().all(|region| cluster.job(&server(region), "turns").is_some_and(|job| job.version == 0)));
}

#[test]
fn without_a_limit_all_regions_roll_at_once() {
    // max_parallel 0: all three are running at the same time
    let cluster = cluster();
    let file = job("atonce", "one", &REGIONS, "max_parallel = 0", "").update("min_healthy_time = \"2s\"");
    cluster.submit("north-server-1", &file, &[]).ok();
    wait_for(&cluster, "atonce", [Running; 3]);
    wait_for(&cluster, "atonce", [Successful; 3]);
}

#[test]
fn a_failing_region_has_the_effect_that_the_job_names() {
    // version two fails in south, the second of three; rows: mode, the deployments at rest, and the version that each region then runs
    let cluster = cluster();
    let rows: [(&str, &str, [DeploymentStatus; 3], [&str; 3]); 3] = [
        ("modeall", "fail_all", [Failed, Failed, Failed], ["one", "one", "one"]),
        ("moderest", "", [Blocked, Failed, Failed], ["two", "one", "one"]),
        ("modelocal", "fail_local", [Blocked, Failed, Blocked], ["two", "one", "two"]),
    ];
    for (id, mode, at_rest, versions) in rows {
        let strategy = format!("max_parallel = 1\non_failure = \"{mode}\"");
        cluster.submit("north-server-1", &job(id, "one", &REGIONS, &strategy, ""), &[]).ok();
        wait_for(&cluster, id, [Successful; 3]);
        cluster.submit("west-server-1", &job(id, "two", &REGIONS, &strategy, "south"), &[]).ok();
        let ended = || {
            cluster
                .rollout_deployments(id, &REGIONS)
                .into_iter()
                .flatten()
                .map(|deployment| (deployment.job_version, deployment.status))
                .collect::<Vec<_>>()
        };
        settled(&format!("{mode:?} is at rest"), ended, |seen| *seen == at_rest.map(|status| (1, status)));
        for (region, version) in REGIONS.iter().zip(versions) {
            let said = || {
                cluster
                    .allocs(&server(region), id)
                    .into_iter()
                    .filter(|alloc| alloc.client_status.as_str() == "running")
                    .map(|alloc| cluster.stdout(&server(region), &alloc, &Query::new()))
                    .collect::<Vec<_>>()
            };
            settled(&format!("{mode:?}: {region} runs {version}"), said, |said| *said == [format!("version {version} in {region}\n")]);
        }
        // a held region waits for a person and says so
        for (region, status) in REGIONS.iter().zip(at_rest) {
            let rollout = ask(cluster.api(&server(region)).job_rollout(id, &Query::new())).expect("a rollout").value;
            let own = rollout.regions.iter().find(|own| own.region == *region).expect("its own row");
            if status == Blocked {
                assert_eq!(own.phase, Some(Phase::Held), "{own:?}");
                let id = own.deployment_id.to_string();
                let printed = cluster.steppe(&server(region), &["deployment", "unblock", "-detach", &id]).ok();
                assert!(printed.contains(&format!("Deployment \"{id}\" unblocked")), "{printed}");
            }
        }
        let in_the_end = at_rest.map(|status| if status == Blocked { Successful } else { status });
        wait_for(&cluster, id, in_the_end);
    }
}

#[test]
fn a_newer_version_takes_over_while_the_older_one_rolls() {
    // version two arrives while north still rolls version one out: one is cancelled everywhere, two is everywhere in the end
    let cluster = cluster();
    let slow = job("overtaken", "one", &REGIONS, ONE_BY_ONE, "").update("min_healthy_time = \"15s\"");
    cluster.submit("north-server-1", &slow, &[]).ok();
    wait_for(&cluster, "overtaken", [Running, Pending, Pending]);
    cluster.submit("south-server-1", &job("overtaken", "two", &REGIONS, ONE_BY_ONE, ""), &[]).ok();
    wait_for(&cluster, "overtaken", [Successful; 3]);
    for region in REGIONS {
        let all = ask(cluster.api(&server(region)).job_deployments("overtaken", true, &Query::new())).expect("deployments").value;
        let mut all: Vec<_> = all.into_iter().map(|deployment| (deployment.job_version, deployment.status)).collect();
        all.sort();
        assert_eq!(all, [(0, Cancelled), (1, Successful)], "{region}");
    }
    all_say(&cluster, "overtaken", "two");
}

#[test]
fn a_paused_region_keeps_its_slot() {
    // north is paused in its turn: nobody else begins; resumed, all finish
    let cluster = cluster();
    let file = job("paused", "one", &REGIONS, ONE_BY_ONE, "").update("min_healthy_time = \"3s\"");
    cluster.submit("north-server-1", &file, &[]).ok();
    wait_for(&cluster, "paused", [Running, Pending, Pending]);
    let id = cluster.deployment("north-server-1", "paused").expect("a deployment").id.to_string();
    cluster.steppe("west-server-1", &["deployment", "pause", "-region", "north", &id]).ok();
    wait_for(&cluster, "paused", [Paused, Pending, Pending]);
    settled(
        "what was placed is healthy",
        || cluster.deployment("north-server-1", "paused").expect("a deployment").task_groups["g"].healthy_allocs,
        |n| *n == 1,
    );
    assert_eq!(cluster.rollout("paused", &REGIONS), [Some(Paused), Some(Pending), Some(Pending)]);
    cluster.steppe("west-server-1", &["deployment", "resume", "-detach", "-region", "north", &id]).ok();
    wait_for(&cluster, "paused", [Successful; 3]);
}

#[test]
fn a_region_that_is_no_longer_listed_stops_the_job() {
    // version two lists two of three
    let cluster = cluster();
    cluster.submit("north-server-1", &job("shrinks", "one", &REGIONS, ONE_BY_ONE, ""), &[]).ok();
    wait_for(&cluster, "shrinks", [Successful; 3]);
    cluster.submit("north-server-1", &job("shrinks", "two", &["north", "south"], ONE_BY_ONE, ""), &[]).ok();
    settled(
        "two regions have version two",
        || cluster.rollout_deployments("shrinks", &["north", "south"]),
        |seen| seen.iter().all(|found| found.as_ref().is_some_and(|found| found.job_version == 1 && found.status == Successful)),
    );
    cluster.running_of("west-server-1", "shrinks", 0);
    assert!(cluster.job("west-server-1", "shrinks").expect("a job").stop);
    // and it may come back
    cluster.submit("west-server-1", &job("shrinks", "three", &REGIONS, ONE_BY_ONE, ""), &[]).ok();
    all_say(&cluster, "shrinks", "three");
    wait_for(&cluster, "shrinks", [Successful; 3]);
}

#[test]
fn a_job_is_stopped_in_one_region_or_in_all() {
    // stop asks before it stops one region of several; -global stops all, seen from any
    let cluster = cluster();
    let file = job("stops", "one", &REGIONS, ONE_BY_ONE, "");
    cluster.submit("north-server-1", &file, &[]).ok();
    wait_for(&cluster, "stops", [Successful; 3]);
    let asked = cluster.steppe("south-server-1", &["job", "stop", "-detach", "stops"]);
    assert!((asked.out.clone() + &asked.err).contains("single region"), "{asked}");
    cluster.running_of("south-server-1", "stops", 1);
    cluster.steppe("south-server-1", &["job", "stop", "-detach", "-yes", "stops"]).ok();
    cluster.running_of("south-server-1", "stops", 0);
    for region in ["north", "west"] {
        cluster.running_of(&server(region), "stops", 1);
    }
    // the same file again puts it right where it was stopped
    cluster.submit("west-server-1", &file, &[]).ok();
    all_say(&cluster, "stops", "one");
    wait_for(&cluster, "stops", [Successful; 3]);
    cluster.steppe("west-server-1", &["job", "stop", "-global", "-yes", "-detach", "stops"]).ok();
    for region in REGIONS {
        cluster.running_of(&server(region), "stops", 0);
        assert!(cluster.job(&server(region), "stops").expect("a job").stop, "{region}");
    }
}

#[test]
fn of_two_submissions_at_once_one_wins_everywhere() {
    // different versions from two regions at the same time: whoever is refused is told 409; all regions end with the same one
    let cluster = cluster();
    for round in 0..3 {
        let versions = [format!("a{round}"), format!("b{round}")];
        let submit = |at: usize| {
            let address = cluster.member(&server(["north", "south"][at])).http;
            let text = job("contested", &versions[at], &REGIONS, ONE_BY_ONE, "").text();
            std::thread::spawn(move || process_tests::steppe_at(&address, &["job", "run", "-detach", "-"], &text))
        };
        let answers = [submit(0), submit(1)].map(|thread| thread.join().expect("an answer"));
        let won: Vec<usize> = (0..2).filter(|at| answers[*at].code == 0).collect();
        assert!(!won.is_empty(), "{} {}", answers[0], answers[1]);
        for loser in (0..2).filter(|at| !won.contains(at)) {
            assert!(answers[loser].err.contains("409"), "{}", answers[loser]);
        }
        wait_for(&cluster, "contested", [Successful; 3]);
        let jobs = settled(
            "all have the same version",
            || REGIONS.map(|region| cluster.job(&server(region), "contested").map(|job| job.version)),
            |seen| seen.iter().all(|version| version.is_some() && *version == seen[0]),
        );
        assert!(jobs[0].is_some());
        let said = cluster.running_of("north-server-1", "contested", 1).remove(0);
        let said = cluster.stdout("north-server-1", &said, &Query::new());
        let winner = won.iter().map(|at| &versions[*at]).find(|version| said.contains(version.as_str()));
        all_say(&cluster, "contested", winner.unwrap_or_else(|| panic!("{said} is of nobody who won: {won:?}")));
    }
}

#[test]
fn a_rollout_is_followed_to_its_end_on_request() {
    // job run -monitor: exit 0 after success, 1 after failure, with a row for every region
    let cluster = cluster();
    let run = |file: &JobFile| cluster.steppe_with("north-server-1", &["job", "run", "-monitor", "-"], &file.text());
    let good = run(&job("followed", "one", &REGIONS, ONE_BY_ONE, ""));
    assert_eq!(good.code, 0, "{good}");
    for region in REGIONS {
        assert!(good.out.lines().any(|line| line.contains(region) && line.contains("successful")), "{good}");
    }
    let bad = run(&job("followed", "two", &REGIONS, "max_parallel = 1\non_failure = \"fail_all\"", "south"));
    assert_eq!(bad.code, 1, "{bad}");
    assert!(bad.out.contains("failed"), "{bad}");
    let status = cluster.steppe("west-server-1", &["job", "status", "-region", "north", "followed"]).ok();
    let at = status.lines().position(|line| line == "Multiregion Deployment").unwrap_or_else(|| panic!("{status}"));
    let rows: Vec<&str> = status.lines().skip(at + 1).take(4).collect();
    assert!(rows[0].starts_with("Region  ID        Status"), "{status}");
    for (row, region) in rows[1..].iter().zip(REGIONS) {
        assert!(row.starts_with(region) && row.ends_with("failed"), "{status}");
    }
}

#[test]
fn a_rollout_is_paused_resumed_and_aborted_as_a_whole() {
    // from any region: paused where it rolls and where it waits, resumed, and aborted: version one is everywhere again
    let cluster = cluster();
    let slow = |version: &str| job("whole", version, &REGIONS, ONE_BY_ONE, "").update("min_healthy_time = \"3s\"\nauto_revert = true");
    cluster.submit("north-server-1", &job("whole", "one", &REGIONS, ONE_BY_ONE, ""), &[]).ok();
    wait_for(&cluster, "whole", [Successful; 3]);
    cluster.submit("north-server-1", &slow("two"), &[]).ok();
    wait_for(&cluster, "whole", [Running, Pending, Pending]);
    let act = |action: &str| cluster.steppe("west-server-1", &["job", "rollout", action, "-yes", "whole"]);
    settled("west has heard of all", || act("pause").out, |printed| printed.matches(" paused").count() == 3);
    wait_for(&cluster, "whole", [Paused; 3]);
    assert!(act("pause").fails_with(1).contains("Nothing to pause"));
    settled("west has heard of all", || act("resume").out, |printed| printed.matches(" resumed").count() == 3);
    wait_for(&cluster, "whole", [Running, Pending, Pending]);
    let asked = cluster.steppe_with("south-server-1", &["job", "rollout", "abort", "whole"], "n\n").ok();
    assert!(asked.contains("fails in every region") && asked.contains("Are you sure"), "{asked}");
    act("abort").ok();
    settled(
        "all have failed",
        || cluster.rollout_deployments("whole", &REGIONS),
        |seen| seen.iter().all(|found| found.as_ref().is_some_and(|found| (found.job_version, found.status) == (1, Failed))),
    );
    all_say(&cluster, "whole", "one");
    let status = cluster.steppe("south-server-1", &["job", "rollout", "status", "whole"]).ok();
    assert!(status.contains("Aborted") && status.contains("the rollout was aborted"), "{status}");
}

fn of_all_regions(file: JobFile, strategy: &str) -> JobFile {
    let listed: String = REGIONS.iter().map(|region| format!("region \"{region}\" {{}}\n")).collect();
    file.job(&format!("multiregion {{\n{strategy}\n{listed}}}"))
}

#[test]
fn a_job_for_every_node_is_rolled_out_like_any_other() {
    // on the node of each region; a version that fails in the second one is taken back everywhere; stopped in all of them
    let cluster = cluster();
    let rolling = "update {\n  max_parallel = 1\n  min_healthy_time = \"500ms\"\n  healthy_deadline = \"20s\"\n  progress_deadline = \"30s\"\n  auto_revert = true\n}";
    let file = |version: &str, broken: &str| {
        let script =
            format!("echo version {version} in $NOMAD_REGION; if [ \"$NOMAD_REGION\" = \"{broken}\" ]; then exit 1; fi; exec sleep 3600");
        of_all_regions(JobFile::everywhere("agents", "system", &script), &format!("strategy {{\n{ONE_BY_ONE}\n}}")).job(rolling)
    };
    cluster.submit("south-server-1", &file("one", ""), &[]).ok();
    wait_for(&cluster, "agents", [Successful; 3]);
    all_say(&cluster, "agents", "one");
    cluster.submit("south-server-1", &file("two", ""), &[]).ok();
    all_say(&cluster, "agents", "two");
    wait_for(&cluster, "agents", [Successful; 3]);
    cluster.submit("south-server-1", &file("three", "south"), &[]).ok();
    wait_for(&cluster, "agents", [Blocked, Failed, Failed]);
    cluster.steppe("west-server-1", &["job", "stop", "-detach", "-global", "agents"]).ok();
    for region in REGIONS {
        cluster.running_of(&server(region), "agents", 0);
    }
}

#[test]
fn each_region_launches_the_children_of_a_periodic_job() {
    // the parent is the same everywhere; each region has children of its own, at its own pace, until the parent is stopped in all of them
    let cluster = cluster();
    let tick = JobFile::batch("tick", "echo tick in $NOMAD_REGION").job("periodic {\n  crons = [\"* * * * * * *\"]\n}");
    cluster.submit("west-server-1", &of_all_regions(tick, ""), &[]).ok();
    for region in REGIONS {
        let ended = || {
            let jobs = ask(cluster.api(&server(region)).jobs(&Query::new().prefix("tick/"))).expect("jobs").value;
            jobs.into_iter().find(|job| job.parent_id == *"tick" && job.status == model::JobStatus::Dead)
        };
        let child = until(&format!("a child in {region} has ended"), ended);
        let alloc = cluster.allocs(&server(region), &child.id).remove(0);
        assert_eq!(cluster.stdout(&server(region), &alloc, &Query::new()), format!("tick in {region}\n"));
    }
    cluster.steppe("north-server-1", &["job", "stop", "-detach", "-global", "tick"]).ok();
    for region in REGIONS {
        settled(
            &format!("the parent in {region} is stopped"),
            || cluster.job(&server(region), "tick").map(|job| job.stop),
            |stop| *stop == Some(true),
        );
    }
}
