//! Where work is placed, and why not.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use api::client::Query;
use model::{DesiredStatus, EvalStatus, Evaluation};
use process_tests::{Cluster, Guest, JobFile, ask, settled, until};

const SERVER: &str = "west-server-1";

fn cluster() -> Guest {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    Guest(CLUSTER.get_or_init(|| Cluster::up(&["west"], 1, 2)))
}

fn evaluations(cluster: &Cluster, job: &str) -> Vec<Evaluation> {
    ask(cluster.api(SERVER).job_evaluations(job, &Query::new())).map(|answer| answer.value).unwrap_or_default()
}

/// Without deployments, whose monitor would wait for all to be placed.
fn plain(id: &str) -> JobFile {
    JobFile::service(id).update("max_parallel = 0")
}

fn port(value: u16) -> String {
    format!("network {{\n  port \"p\" {{\n    static = {value}\n  }}\n}}")
}

#[test]
fn counts_go_up_and_down() {
    // 1, 4, 2, 0: those that stay are the same; indexes of names have no gaps
    let cluster = cluster();
    let mut before: BTreeSet<String> = BTreeSet::new();
    for count in [1, 4, 2, 0_u32] {
        let job = JobFile::service("sized").count(count);
        let running = cluster.run(SERVER, &job, count as usize);
        let ids: BTreeSet<String> = running.iter().map(|alloc| alloc.id.to_string()).collect();
        let kept = before.intersection(&ids).count();
        assert_eq!(kept, before.len().min(ids.len()), "{before:?} to {ids:?}");
        let names: BTreeSet<String> = running.into_iter().map(|alloc| alloc.name.into()).collect();
        let wanted: BTreeSet<String> = (0..count).map(|index| format!("sized.g[{index}]")).collect();
        assert_eq!(names, wanted);
        before = ids;
    }
    assert!(cluster.allocs(SERVER, "sized").iter().all(|alloc| alloc.desired_status == DesiredStatus::Stop));
}

#[test]
fn a_port_that_is_taken_blocks_until_it_is_free() {
    // three that want one port on two nodes: the third waits, says why, and takes over when another job ends
    let cluster = cluster();
    cluster.run(SERVER, &JobFile::service("holds").count(2).group(&port(19551)), 2);
    let wants = plain("wants").group(&port(19551));
    let printed = cluster.steppe_with(SERVER, &["job", "run", "-"], &wants.text());
    assert_eq!(printed.code, 2, "not everything could be placed: {printed}");
    assert!(
        printed.out.contains("failed to place all allocations") && printed.out.contains("reserved port collision p=19551"),
        "{printed}"
    );
    let blocked = evaluations(&cluster, "wants").into_iter().find(|eval| eval.status == EvalStatus::Blocked).expect("a blocked evaluation");
    let shown = cluster.steppe(SERVER, &["eval", "status", &blocked.id.to_string()]).ok();
    assert!(shown.contains("reserved port collision p=19551"), "{shown}");
    let status = cluster.steppe(SERVER, &["job", "status", "wants"]).ok();
    assert!(status.contains("Placement Failure") && status.contains("reserved port collision"), "{status}");
    cluster.steppe(SERVER, &["job", "stop", "-detach", "holds"]).ok();
    cluster.running_of(SERVER, "wants", 1);
    settled("nothing waits", || evaluations(&cluster, "wants"), |evals| evals.iter().all(|eval| eval.status != EvalStatus::Blocked));
}

#[test]
fn a_constraint_that_no_node_meets_is_explained() {
    // by the command line while running the job, in the job's status, and nothing is placed
    let cluster = cluster();
    let job = plain("picky").count(2).job("constraint {\n  attribute = \"${attr.kernel.name}\"\n  value = \"plan9\"\n}");
    let printed = cluster.steppe_with(SERVER, &["job", "run", "-"], &job.text());
    assert_eq!(printed.code, 2, "{printed}");
    for words in
        ["Task Group \"g\" (failed to place 2 allocations)", "Constraint \"${attr.kernel.name} = plan9\": 2 nodes excluded by filter"]
    {
        assert!(printed.out.contains(words), "{printed}");
    }
    assert!(cluster.allocs(SERVER, "picky").is_empty());
    // meeting it later is enough
    let job = plain("picky").count(2).job("constraint {\n  attribute = \"${attr.kernel.name}\"\n  value = \"linux\"\n}");
    cluster.run(SERVER, &job, 2);
}

#[test]
fn resources_that_nobody_has_are_explained() {
    // more memory than any node
    let cluster = cluster();
    let job = plain("huge").text().replace("memory = 16", "memory = 900000000");
    let printed = cluster.steppe_with(SERVER, &["job", "run", "-"], &job);
    assert_eq!(printed.code, 2, "{printed}");
    assert!(printed.out.contains("Dimension \"memory\" exhausted on 2 nodes"), "{printed}");
}

#[test]
fn a_dry_run_says_what_would_happen_and_does_nothing() {
    // of a new job, of a changed one, of an unchanged one; exit codes 1, 1, 0
    let cluster = cluster();
    let job = JobFile::service("planned").count(2);
    let plan = |job: &JobFile| cluster.steppe_with(SERVER, &["job", "plan", "-"], &job.text());
    let new = plan(&job);
    assert_eq!(new.code, 1, "{new}");
    assert!(new.out.contains("+ Job: \"planned\"") && new.out.contains("2 create"), "{new}");
    assert!(cluster.job(SERVER, "planned").is_none());
    cluster.run(SERVER, &job, 2);
    let same = plan(&job);
    assert_eq!(same.code, 0, "{same}");
    let more = plan(&job.count(3));
    assert_eq!(more.code, 1, "{more}");
    assert!(more.out.contains("1 create") && more.out.contains("Count: \"2\" => \"3\""), "{more}");
    assert_eq!(cluster.running_of(SERVER, "planned", 2).len(), 2);
}

#[test]
fn a_failed_allocation_is_rescheduled_as_its_policy_says() {
    // two attempts, then no more; each knows the one before it
    let cluster = cluster();
    let job = plain("resched")
        .script("exit 1")
        .reschedule("attempts = 2\ninterval = \"10m\"\ndelay = \"5s\"\ndelay_function = \"constant\"\nunlimited = false");
    cluster.submit(SERVER, &job, &[]).ok();
    let all = settled(
        "three have failed",
        || cluster.allocs(SERVER, "resched"),
        |all| all.len() == 3 && all.iter().all(|alloc| alloc.client_status.as_str() == "failed"),
    );
    assert_eq!((all[0].next_allocation, all[1].next_allocation), (all[1].id, all[2].id));
    let tracker = all[2].reschedule_tracker.as_ref().expect("a tracker");
    assert_eq!(tracker.events.iter().map(|event| event.prev_alloc_id).collect::<Vec<_>>(), [all[0].id, all[1].id]);
}

#[test]
fn a_stopped_job_stays_dead_and_a_purged_one_is_gone() {
    // stop, look, start again by the same file, purge
    let cluster = cluster();
    let job = JobFile::service("stopped");
    cluster.run(SERVER, &job, 1);
    let printed = cluster.steppe(SERVER, &["job", "stop", "stopped"]).ok();
    assert!(printed.contains("finished with status \"complete\""), "{printed}");
    cluster.running_of(SERVER, "stopped", 0);
    let stopped =
        settled("it is dead", || cluster.job(SERVER, "stopped"), |job| job.as_ref().is_some_and(|job| job.status.as_str() == "dead"));
    assert!(stopped.is_some_and(|job| job.stop));
    cluster.run(SERVER, &job, 1);
    cluster.steppe(SERVER, &["job", "stop", "-purge", "-detach", "stopped"]).ok();
    until("it is gone", || cluster.job(SERVER, "stopped").is_none().then_some(()));
    settled("nothing of it runs", || cluster.allocs(SERVER, "stopped"), |all| all.iter().all(|alloc| alloc.client_status.is_terminal()));
    let missing = cluster.steppe(SERVER, &["job", "status", "stopped"]).fails_with(1);
    assert!(missing.contains("stopped"), "{missing}");
}

#[test]
fn a_stopped_allocation_is_replaced() {
    // alloc stop: another takes its name
    let cluster = cluster();
    let first = cluster.run(SERVER, &JobFile::service("replaced"), 1).remove(0);
    cluster.deployed(SERVER, "replaced", 0, model::DeploymentStatus::Successful);
    cluster.steppe(SERVER, &["alloc", "stop", "-detach", &first.id.to_string()]).ok();
    let second = settled(
        "another runs",
        || cluster.allocs(SERVER, "replaced"),
        |all| all.len() == 2 && all[1].client_status.as_str() == "running" && all[0].client_status.is_terminal(),
    );
    assert_eq!((&second[1].name, second[0].id), (&first.name, first.id));
}
