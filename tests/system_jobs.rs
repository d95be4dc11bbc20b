//! Jobs that run on every node, and work whose node is away for a while.

use api::client::Query;
use model::{ClientStatus, DesiredStatus, NodeStatus};
use process_tests::{Cluster, JobFile, ask, is_running, process_of, settled, until};

const SERVER: &str = "west-server-1";
/// A node is missed when it was silent for two to three seconds.
const IMPATIENT: &str = "server {\n  heartbeat_grace = \"1s\"\n  min_heartbeat_ttl = \"1s\"\n}\n";
const ABOUT_NODES: &[&str] = &[
    "connection",
    "missed its heartbeat",
    "no heartbeat",
    "refuses a report",
    "refuses this node",
    "disconnected for too long",
    "has answered",
];

fn has_status(cluster: &Cluster, node: &str, wanted: NodeStatus) {
    let status = || {
        let nodes = ask(cluster.api(SERVER).nodes(&Query::new())).ok()?.value;
        nodes.into_iter().filter(|found| found.name == node).max_by_key(|found| found.modify_index).map(|found| found.status)
    };
    settled(&format!("{node} is {wanted}"), status, |seen| *seen == Some(wanted));
}

fn nodes_of(allocs: &[api::AllocListStub]) -> Vec<String> {
    let mut nodes: Vec<String> = allocs.iter().map(|alloc| alloc.node_name.to_string()).collect();
    nodes.sort();
    nodes
}

#[test]
fn a_system_job_is_on_every_node_also_on_those_that_come_later() {
    // two nodes, then a third that nobody knew; a change rolls over all of them; one that goes loses its own, and has it again when it returns
    let cluster = Cluster::plan(&["west"], 1, 3).server_config(IMPATIENT).allow(ABOUT_NODES).up();
    cluster.kill(&["west-client-3"]);
    has_status(&cluster, "west-client-3", NodeStatus::Down);
    let rolling =
        "update {\n  max_parallel = 1\n  min_healthy_time = \"200ms\"\n  healthy_deadline = \"20s\"\n  progress_deadline = \"30s\"\n}";
    let job = JobFile::everywhere("agent", "system", "exec sleep 3600").job(rolling);
    let first = cluster.run(SERVER, &job, 2);
    assert_eq!(nodes_of(&first), ["west-client-1", "west-client-2"]);
    assert!(first.iter().all(|alloc| alloc.name == "agent.g[0]"), "{first:?}");
    cluster.deployed(SERVER, "agent", 0, model::DeploymentStatus::Successful);

    std::fs::remove_dir_all(&cluster.member("west-client-3").data_dir).expect("removed");
    cluster.start(&["west-client-3"]);
    let all = cluster.running_of(SERVER, "agent", 3);
    assert_eq!(nodes_of(&all), ["west-client-1", "west-client-2", "west-client-3"]);
    assert!(first.iter().all(|alloc| all.iter().any(|other| other.id == alloc.id)), "the others go on");

    cluster.submit(SERVER, &job.clone().task("env {\n  V = \"2\"\n}"), &[]).ok();
    let deployment = cluster.deployed(SERVER, "agent", 1, model::DeploymentStatus::Successful);
    assert_eq!(deployment.task_groups["g"].desired_total, 3);
    let all = cluster.running_of(SERVER, "agent", 3);
    assert!(all.iter().all(|alloc| alloc.job_version == 1), "{all:?}");

    // a third of the nodes tries the next version, the others wait for a person
    let on_trial = rolling.replace("max_parallel = 1", "max_parallel = 2\n  canary = 33");
    let tried = JobFile::everywhere("agent", "system", "exec sleep 3600").job(&on_trial).task("env {\n  V = \"3\"\n}");
    cluster.submit(SERVER, &tried, &[]).ok();
    let waits = |found: &Option<model::Deployment>| {
        let group = found.as_ref().filter(|found| found.job_version == 2).and_then(|found| found.task_groups.get("g"));
        group.is_some_and(|group| (group.healthy_allocs, group.desired_canaries, group.desired_total) == (1, 1, 3))
    };
    let waiting = settled("a canary is healthy", || cluster.deployment(SERVER, "agent"), waits).expect("a deployment");
    let mut versions: Vec<u64> = cluster.running_of(SERVER, "agent", 3).iter().map(|alloc| alloc.job_version).collect();
    versions.sort();
    assert_eq!(versions, [1, 1, 2]);
    cluster.steppe(SERVER, &["deployment", "promote", "-detach", &waiting.id.to_string()]).ok();
    cluster.deployed(SERVER, "agent", 2, model::DeploymentStatus::Successful);
    let all = cluster.running_of(SERVER, "agent", 3);
    assert!(all.iter().all(|alloc| alloc.job_version == 2), "{all:?}");

    cluster.pause(&["west-client-2"]);
    has_status(&cluster, "west-client-2", NodeStatus::Down);
    assert_eq!(nodes_of(&cluster.running_of(SERVER, "agent", 2)), ["west-client-1", "west-client-3"]);
    cluster.resume(&["west-client-2"]);
    assert_eq!(nodes_of(&cluster.running_of(SERVER, "agent", 3)), ["west-client-1", "west-client-2", "west-client-3"]);
    cluster.steppe(SERVER, &["job", "stop", "-detach", "agent"]).ok();
    cluster.running_of(SERVER, "agent", 0);

    // to its end once on every node, and as long as it may at most
    let done = |job: &str, n: usize| {
        let complete = |alloc: &&api::AllocListStub| alloc.client_status == ClientStatus::Complete;
        settled(&format!("{job} is done"), || cluster.allocs(SERVER, job), |all| all.iter().filter(complete).count() == n)
    };
    cluster.submit(SERVER, &JobFile::everywhere("once", "sysbatch", "exit 0"), &[]).ok();
    assert_eq!(nodes_of(&done("once", 3)), ["west-client-1", "west-client-2", "west-client-3"]);
    cluster.submit(SERVER, &JobFile::everywhere("long", "sysbatch", "exec sleep 3600").group("max_run_duration = \"2s\""), &[]).ok();
    for alloc in done("long", 3) {
        assert_eq!(alloc.client_description, "Allocation ran for its max_run_duration of 2s");
    }
}

#[test]
fn work_of_a_disconnected_node_is_unknown_and_goes_on_when_the_node_returns() {
    // paused: unknown, and replaced elsewhere unless the job says otherwise; back: the originals go on in the same processes, the replacement is
    // stopped
    let cluster = Cluster::plan(&["west"], 1, 2).server_config(IMPATIENT).allow(ABOUT_NODES).up();
    let job = JobFile::service("patient").group("disconnect {\n  lost_after = \"10m\"\n  reconcile = \"keep_original\"\n}");
    let first = cluster.run(SERVER, &job, 1).remove(0);
    let pid = process_of(&first, "sleep 3600");
    let away = first.node_name.clone();
    let here = format!("constraint {{\n  attribute = \"${{node.unique.name}}\"\n  value = \"{away}\"\n}}");
    let loyal = JobFile::service("loyal").group("disconnect {\n  replace = false\n}").group(&here);
    let loyal = cluster.run(SERVER, &loyal, 1).remove(0);
    let loyal_pid = process_of(&loyal, "sleep 3600");
    let alone = |wanted: ClientStatus| {
        let seen = || cluster.allocs(SERVER, "loyal").into_iter().map(|alloc| (alloc.id, alloc.client_status)).collect::<Vec<_>>();
        settled(&format!("it is {wanted}"), seen, |all| *all == [(loyal.id, wanted)]);
    };
    // so that no report of the node is on its way when it falls silent
    for job in ["patient", "loyal"] {
        cluster.deployed(SERVER, job, 0, model::DeploymentStatus::Successful);
    }
    cluster.pause(&[&away]);
    has_status(&cluster, &away, NodeStatus::Disconnected);
    // the node's status comes first, what it means for its work is decided after it
    let unknown = settled(
        "the first is unknown",
        || cluster.allocs(SERVER, "patient").into_iter().find(|alloc| alloc.id == first.id).expect("the first"),
        |alloc| alloc.client_status == ClientStatus::Unknown,
    );
    assert_eq!(unknown.desired_status, DesiredStatus::Run);
    alone(ClientStatus::Unknown);
    let second = cluster.running_of(SERVER, "patient", 1).remove(0);
    assert_ne!((second.id, &second.node_name), (first.id, &away));
    cluster.resume(&[&away]);
    has_status(&cluster, &away, NodeStatus::Ready);
    let stopped = settled(
        "the replacement is stopped",
        || cluster.allocs(SERVER, "patient").into_iter().find(|alloc| alloc.id == second.id).expect("the second"),
        |alloc| alloc.client_status == ClientStatus::Complete,
    );
    assert_eq!(stopped.desired_description, "alloc not needed due to disconnected client reconnect");
    let after = cluster.running_of(SERVER, "patient", 1).remove(0);
    assert_eq!((after.id, process_of(&after, "sleep 3600")), (first.id, pid));
    alone(ClientStatus::Running);
    assert_eq!(process_of(&loyal, "sleep 3600"), loyal_pid);
    let kinds = || {
        let alloc = cluster.allocs(SERVER, "patient").into_iter().find(|alloc| alloc.id == first.id).expect("the first");
        alloc.task_states["t"].events.iter().map(|event| event.kind.clone()).collect::<Vec<_>>()
    };
    settled("its node tells of it", kinds, |kinds| kinds.contains(&"Reconnected".to_owned()));
}

#[test]
fn a_node_without_servers_stops_what_asks_for_it() {
    // the server is paused: what has stop_on_client_after ends after that time, everything else goes on; when it is back it places it anew
    let cluster = Cluster::plan(&["west"], 1, 1).server_config(IMPATIENT).allow(ABOUT_NODES).up();
    let stays = cluster.run(SERVER, &JobFile::service("stays"), 1).remove(0);
    let ends = cluster.run(SERVER, &JobFile::service("ends").group("disconnect {\n  stop_on_client_after = \"3s\"\n}"), 1).remove(0);
    let (stays_pid, ends_pid) = (process_of(&stays, "sleep 3600"), process_of(&ends, "sleep 3600"));
    cluster.pause(&[SERVER]);
    until("the node has stopped it", || (!is_running(ends_pid)).then_some(()));
    assert!(is_running(stays_pid), "nobody asked for that");
    cluster.resume(&[SERVER]);
    let told = settled(
        "its end is told",
        || cluster.allocs(SERVER, "ends").into_iter().find(|alloc| alloc.id == ends.id),
        |alloc| alloc.as_ref().is_some_and(|alloc| alloc.client_status == ClientStatus::Complete),
    );
    let told = told.expect("the first").client_description;
    assert_eq!(told, "No server answered for 3s, stop_on_client_after");
    assert_ne!(cluster.running_of(SERVER, "ends", 1)[0].id, ends.id);
}
