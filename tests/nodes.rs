//! Nodes come and go: what runs on them goes on, or is replaced elsewhere.

use api::client::Query;
use model::DeploymentStatus::Successful;
use model::{ClientStatus, DesiredStatus, Eligibility, NodeStatus};
use process_tests::{Cluster, JobFile, ask, is_running, process_of, settled, until};

const SERVER: &str = "west-server-1";
/// A node is down when it was silent for two to three seconds.
const IMPATIENT: &str = "server {\n  heartbeat_grace = \"1s\"\n  min_heartbeat_ttl = \"1s\"\n}\n";
const ABOUT_NODES: &[&str] = &["connection", "missed its heartbeat", "no heartbeat", "refuses a report", "refuses this node"];

fn status(cluster: &Cluster, node: &str) -> Option<NodeStatus> {
    let nodes = ask(cluster.api(SERVER).nodes(&Query::new())).ok()?.value;
    nodes.into_iter().find(|found| found.name == node).map(|found| found.status)
}

fn has_status(cluster: &Cluster, node: &str, wanted: NodeStatus) {
    settled(&format!("{node} is {wanted}"), || status(cluster, node), |seen| *seen == Some(wanted));
}

#[test]
fn an_agent_that_is_killed_and_started_again_finds_its_tasks() {
    // same process, same allocation, in the middle of a deployment that ends well; a task that ended meanwhile has its exit code
    let cluster = Cluster::plan(&["west"], 1, 1).allow(ABOUT_NODES).up();
    let job = JobFile::service("stays").count(2).update("min_healthy_time = \"3s\"\nmax_parallel = 2");
    let before = cluster.run(SERVER, &job, 2);
    let pids: Vec<i32> = before.iter().map(|alloc| process_of(alloc, "sleep 3600")).collect();
    cluster.submit(SERVER, &JobFile::batch("ends", "while [ ! -e $NOMAD_ALLOC_DIR/data/end ]; do sleep 0.05; done; exit 5"), &[]).ok();
    let ends = cluster.running_of(SERVER, "ends", 1).remove(0);
    assert_eq!(cluster.deployment(SERVER, "stays").expect("a deployment").status.as_str(), "running");
    cluster.kill(&["west-client-1"]);
    let flag = format!("{}/client/alloc/{}/alloc/data", cluster.member("west-client-1").data_dir, ends.id);
    let flag = if std::path::Path::new(&flag).is_dir() { flag } else { flag.replace("/client/alloc/", "/alloc/") };
    std::fs::write(format!("{flag}/end"), "").expect("written");
    let ended = process_gone(&ends);
    until("the task has ended without its agent", || ended().then_some(()));
    cluster.start(&["west-client-1"]);
    let alloc =
        settled("the end is told", || cluster.allocs(SERVER, "ends").remove(0), |alloc| alloc.client_status == ClientStatus::Failed);
    let event = alloc.task_states["t"].events.iter().find(|event| event.kind == "Terminated").expect("an event").clone();
    assert_eq!(event.exit_code, 5, "{event:?}");
    cluster.deployed(SERVER, "stays", 0, Successful);
    let after = cluster.running_of(SERVER, "stays", 2);
    assert_eq!(after.iter().map(|alloc| alloc.id).collect::<Vec<_>>(), before.iter().map(|alloc| alloc.id).collect::<Vec<_>>());
    for (alloc, pid) in after.iter().zip(pids) {
        assert_eq!(process_of(alloc, "sleep 3600"), pid);
        assert_eq!(alloc.task_states["t"].restarts, 0);
    }
    // and it still obeys
    cluster.steppe(SERVER, &["job", "stop", "-detach", "stays"]).ok();
    cluster.running_of(SERVER, "stays", 0);
}

/// Whether no process of the allocation is left that looks for its flag.
fn process_gone(alloc: &api::AllocListStub) -> impl Fn() -> bool {
    let mark = format!("NOMAD_ALLOC_ID={}", alloc.id);
    move || {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        !processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).any(|pid| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            words.starts_with(b"/bin/sh") && environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        })
    }
}

#[test]
fn work_of_a_silent_node_is_placed_on_another_one() {
    // a paused client: its allocation is lost and replaced; when it is back, its copy is stopped and the node takes work again
    let cluster = Cluster::plan(&["west"], 1, 2).server_config(IMPATIENT).allow(ABOUT_NODES).up();
    let first = cluster.run(SERVER, &JobFile::service("moves"), 1).remove(0);
    cluster.deployed(SERVER, "moves", 0, Successful);
    let pid = process_of(&first, "sleep 3600");
    let silent = first.node_name.clone();
    cluster.pause(&[&silent]);
    has_status(&cluster, &silent, NodeStatus::Down);
    let second = cluster.running_of(SERVER, "moves", 1).remove(0);
    assert_ne!((second.id, &second.node_name), (first.id, &silent));
    let lost = cluster.allocs(SERVER, "moves").into_iter().find(|alloc| alloc.id == first.id).expect("the first");
    assert_eq!((lost.client_status, lost.desired_status), (ClientStatus::Lost, DesiredStatus::Stop));
    assert!(is_running(pid), "nobody could stop it");
    cluster.resume(&[&silent]);
    has_status(&cluster, &silent, NodeStatus::Ready);
    until("the copy on the node that was silent is stopped", || (!is_running(pid)).then_some(()));
    assert_eq!(cluster.running_of(SERVER, "moves", 1)[0].id, second.id, "the replacement stays");
    // two can only run on different nodes
    let both = JobFile::service("both").count(2).group("network {\n  port \"one\" {\n    static = 19733\n  }\n}");
    let nodes: std::collections::BTreeSet<String> = cluster.run(SERVER, &both, 2).into_iter().map(|alloc| alloc.node_name.into()).collect();
    assert_eq!(nodes.len(), 2, "the node that is back takes work");
}

#[test]
fn a_node_that_went_down_for_good_and_comes_back_starts_clean() {
    // killed beyond its time, started again: it stops what was replaced meanwhile
    let cluster = Cluster::plan(&["west"], 1, 2).server_config(IMPATIENT).allow(ABOUT_NODES).up();
    let first = cluster.run(SERVER, &JobFile::service("moves"), 1).remove(0);
    let pid = process_of(&first, "sleep 3600");
    cluster.kill(&[&first.node_name]);
    has_status(&cluster, &first.node_name, NodeStatus::Down);
    let second = cluster.running_of(SERVER, "moves", 1).remove(0);
    assert_ne!(second.node_name, first.node_name);
    cluster.start(&[&first.node_name]);
    has_status(&cluster, &first.node_name, NodeStatus::Ready);
    until("what was replaced is stopped", || (!is_running(pid)).then_some(()));
    assert_eq!(cluster.running_of(SERVER, "moves", 1)[0].id, second.id);
}

#[test]
fn a_node_that_is_not_eligible_takes_no_new_work() {
    // marked by the command line; what runs stays; eligible again: what waits is placed
    let cluster = Cluster::up(&["west"], 1, 1);
    let before = cluster.run(SERVER, &JobFile::service("before"), 1).remove(0);
    let node = before.node_id.to_string();
    cluster.steppe(SERVER, &["node", "eligibility", "-disable", &node]).ok();
    let eligibility = ask(cluster.api(SERVER).node(&node, &Query::new())).expect("a node").value.node.scheduling_eligibility;
    assert_eq!(eligibility, Eligibility::Ineligible);
    cluster.submit(SERVER, &JobFile::service("waits"), &[]).ok();
    let blocked = || ask(cluster.api(SERVER).job_evaluations("waits", &Query::new())).map(|answer| answer.value).unwrap_or_default();
    settled("an evaluation is blocked", blocked, |evals| evals.iter().any(|eval| eval.status.as_str() == "blocked"));
    assert_eq!(cluster.running_of(SERVER, "before", 1)[0].id, before.id);
    cluster.steppe(SERVER, &["node", "eligibility", "-enable", &node]).ok();
    cluster.running_of(SERVER, "waits", 1);
}

#[test]
fn servers_may_be_away_while_tasks_run() {
    // the only server is killed: tasks go on, also one that ends; started again, it learns what happened
    let cluster = Cluster::plan(&["west"], 1, 1).allow(ABOUT_NODES).up();
    let stays = cluster.run(SERVER, &JobFile::service("stays"), 1).remove(0);
    let pid = process_of(&stays, "sleep 3600");
    cluster.submit(SERVER, &JobFile::batch("ends", "sleep 1"), &[]).ok();
    cluster.running_of(SERVER, "ends", 1);
    cluster.kill(&[SERVER]);
    until("the task has ended", || {
        let log = cluster.log("west-client-1");
        log.lines().any(|line| line.contains("task ended") && line.contains("code=0")).then_some(())
    });
    cluster.start(&[SERVER]);
    settled(
        "the server learns of it",
        || cluster.allocs(SERVER, "ends"),
        |all| all.iter().all(|alloc| alloc.client_status == ClientStatus::Complete) && all.len() == 1,
    );
    assert_eq!(cluster.running_of(SERVER, "stays", 1)[0].id, stays.id);
    assert!(is_running(pid));
}
