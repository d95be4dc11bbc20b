//! Nodes are drained: work moves away as it can bear it, and a node's metadata lets work in.

use std::time::Duration;

use api::client::Query;
use model::DeploymentStatus::Successful;
use model::{ClientStatus, DesiredStatus, DrainStatus, Eligibility, EvalTrigger, Node};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process_tests::{Cluster, JobFile, ask, is_running, send, settled, until, until_within};

const SERVER: &str = "west-server-1";
/// A node that is killed is missed, and a leader that is killed as well.
const ABOUT_NODES: &[&str] = &["connection", "missed its heartbeat", "no heartbeat", "refuses a report", "refuses this node"];
const ABOUT_LEADERS: &[&str] =
    &["connection", "leader", "election", "vote", "heartbeat", "refused", "not committed", "replication", "rpc", "Raft"];
const MIGRATE: &str = "migrate {\n  max_parallel = 1\n  min_healthy_time = \"200ms\"\n  healthy_deadline = \"20s\"\n}";

fn node(cluster: &Cluster, at: &str, name: &str) -> Node {
    until(&format!("{at} tells of {name}"), || {
        let nodes = ask(cluster.api(at).nodes(&Query::new())).ok()?.value;
        let id = nodes.into_iter().find(|found| found.name == name)?.id;
        ask(cluster.api(at).node(&id.to_string(), &Query::new())).ok().map(|answer| answer.value.node)
    })
}

fn id(cluster: &Cluster, at: &str, name: &str) -> String {
    node(cluster, at, name).id.to_string()
}

/// A service of three, all on the first client, with a second client that may take them.
fn three_on_one(cluster: &Cluster, at: &str) -> Vec<api::AllocListStub> {
    let (first, second) = (id(cluster, at, "west-client-1"), id(cluster, at, "west-client-2"));
    cluster.steppe(at, &["node", "eligibility", "-disable", &second]).ok();
    let before = cluster.run(at, &JobFile::service("web").count(3).group(MIGRATE).update("max_parallel = 3"), 3);
    assert!(before.iter().all(|alloc| alloc.node_id.to_string() == first));
    cluster.deployed(at, "web", 0, Successful);
    cluster.steppe(at, &["node", "eligibility", "-enable", &second]).ok();
    before
}

/// Looks until no drain is on any more; at least two of three always run and are wanted.
fn watch_until_drained(cluster: &Cluster, at: &str) {
    until("the node is drained", || {
        let allocs = cluster.allocs(at, "web");
        let n_serving =
            allocs.iter().filter(|alloc| alloc.client_status == ClientStatus::Running && alloc.desired_status == DesiredStatus::Run);
        let n_serving = n_serving.count();
        assert!(allocs.is_empty() || n_serving >= 2, "only {n_serving} run: {allocs:#?}");
        node(cluster, at, "west-client-1").drain_strategy.is_none().then_some(())
    });
}

#[test]
fn a_service_moves_one_by_one_and_the_monitor_tells_of_it() {
    // never is more than one of three missing; afterwards all run elsewhere, and the node takes no work
    let cluster = Cluster::plan(&["west"], 1, 2).up();
    let before = three_on_one(&cluster, SERVER);
    let first = id(&cluster, SERVER, "west-client-1");
    let monitor = cluster.follow(SERVER, &["node", "drain", "-enable", "-yes", "-m", "new disks", "-deadline", "10m", &first]);
    settled("the drain is on, or over", || node(&cluster, SERVER, "west-client-1"), |node| node.last_drain.is_some());
    watch_until_drained(&cluster, SERVER);
    let (lines, code) = monitor.end();
    let n_with = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!((code, n_with("marked for migration"), n_with("status running -> complete")), (0, 3, 3), "{lines:#?}");
    assert!(n_with("drain strategy set") == 1 && n_with("Ctrl-C to stop monitoring") == 1, "{lines:#?}");
    assert!(n_with(&format!("Drain complete for node {first}")) == 1, "{lines:#?}");
    assert!(lines.last().is_some_and(|line| line.ends_with(&format!("All allocations on node \"{first}\" have stopped"))), "{lines:#?}");
    let after = cluster.running_of(SERVER, "web", 3);
    assert!(after.iter().all(|alloc| alloc.node_name == "west-client-2"), "{after:#?}");
    let moved: Vec<_> = cluster.allocs(SERVER, "web").into_iter().filter(|alloc| before.iter().any(|old| old.id == alloc.id)).collect();
    assert!(moved.iter().all(|alloc| alloc.desired_description == "alloc is being migrated"), "{moved:#?}");
    let node = node(&cluster, SERVER, "west-client-1");
    assert_eq!(node.scheduling_eligibility, Eligibility::Ineligible);
    let last = node.last_drain.expect("a drain");
    assert_eq!((last.status, last.meta["message"].as_str()), (DrainStatus::Complete, "new disks"));
    let told: Vec<&str> = node.events.iter().filter(|event| event.subsystem == "Drain").map(|event| event.message.as_str()).collect();
    assert_eq!(told, ["Node drain strategy set", "Node drain complete"]);
    let evals = ask(cluster.api(SERVER).job_evaluations("web", &Query::new())).expect("evaluations").value;
    assert!(evals.iter().any(|eval| eval.triggered_by == EvalTrigger::NodeDrain && eval.node_id.to_string() == first), "{evals:#?}");
    // eligible again, it takes work
    assert_eq!(cluster.steppe(SERVER, &["node", "drain", "-monitor", &first]).ok(), "No drain strategy set\n");
    cluster.steppe(SERVER, &["node", "eligibility", "-enable", &first]).ok();
    let shown = cluster.steppe(SERVER, &["node", "status", &first]).ok();
    assert!(shown.contains("Node drain complete") && shown.contains("Eligibility     = eligible"), "{shown}");
}

#[test]
fn a_disk_goes_along() {
    // what a task wrote is read by the next one, on the same node after an update and on another one after a drain
    let cluster = Cluster::plan(&["west"], 1, 2).up();
    let counts = "cd $NOMAD_ALLOC_DIR/data; echo $NOMAD_META_note >> notes; cat notes; echo whole; exec sleep 3600";
    let job = |note: &str| {
        let disk = "ephemeral_disk {\n  sticky  = true\n  migrate = true\n}";
        JobFile::service("notes").script(counts).group(disk).task(&format!("meta {{\n  note = {note:?}\n}}"))
    };
    let told = |alloc: &api::AllocListStub| {
        let stdout =
            until("it has told all", || Some(cluster.stdout(SERVER, alloc, &Query::new())).filter(|text| text.ends_with("whole\n")));
        stdout.lines().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let first = cluster.run(SERVER, &job("one"), 1).remove(0);
    assert_eq!(told(&first), "one whole");
    cluster.deployed(SERVER, "notes", 0, Successful);
    cluster.submit(SERVER, &job("two"), &[]).ok();
    cluster.deployed(SERVER, "notes", 1, Successful);
    let second = cluster.running_of(SERVER, "notes", 1).remove(0);
    assert_eq!((told(&second).as_str(), second.node_id), ("one two whole", first.node_id));
    let (address, path) = (cluster.api(SERVER).address().to_owned(), format!("/v1/client/allocation/{}/snapshot", second.id));
    let (code, archive) = send("GET", address.trim_start_matches("http://"), &path, &[]).expect("an answer");
    assert!(code == 200 && archive.as_str().is_some_and(|text| text.contains("alloc/data/notes\0")), "{code} {archive}");
    cluster.steppe(SERVER, &["node", "drain", "-enable", "-yes", "-detach", &second.node_id.to_string()]).ok();
    let moved = until("it runs elsewhere", || {
        cluster
            .allocs(SERVER, "notes")
            .into_iter()
            .find(|alloc| alloc.client_status == ClientStatus::Running && alloc.node_id != second.node_id)
    });
    assert_eq!(told(&moved), "one two two whole");
    let shown = cluster.steppe(SERVER, &["alloc", "status", &moved.id.to_string()]).ok();
    let copied = format!("The data of allocation {} was copied from node {}", second.id, second.node_id);
    assert!(shown.contains(&copied), "{shown}");
}

#[test]
fn batch_work_is_left_until_the_deadline() {
    // cancelled, nothing has happened to it; by a deadline that comes, and by force, it is stopped and done elsewhere
    let cluster = Cluster::plan(&["west"], 1, 1).up();
    let first = id(&cluster, SERVER, "west-client-1");
    cluster.submit(SERVER, &JobFile::batch("sum", "exec sleep 3600"), &[]).ok();
    let alloc = cluster.running_of(SERVER, "sum", 1).remove(0);
    cluster.steppe(SERVER, &["node", "drain", "-enable", "-detach", "-no-deadline", &first]).ok();
    let draining = node(&cluster, SERVER, "west-client-1");
    assert!(draining.drain_strategy.is_some_and(|strategy| strategy.deadline == 0));
    assert_eq!(draining.scheduling_eligibility, Eligibility::Ineligible);
    let shown = cluster.steppe(SERVER, &["node", "status", &first]).ok();
    assert!(shown.contains("Drain           = true; no deadline\n"), "{shown}");
    let refused = cluster.steppe(SERVER, &["node", "eligibility", "-enable", &first]).fails_with(1);
    assert!(refused.contains("is draining and takes no work: end the drain first"), "{refused}");
    let mut monitor = cluster.follow(SERVER, &["node", "drain", "-monitor", &first]);
    // before that line it asks whether there is a drain
    monitor.line_with("Ctrl-C to stop monitoring");
    cluster.steppe(SERVER, &["node", "drain", "-disable", "-m", "not today", &first]).ok();
    let (lines, code) = monitor.end();
    assert!(code == 0 && lines.last().is_some_and(|line| line.ends_with(&format!("Drain canceled for node {first}"))), "{lines:#?}");
    let canceled = node(&cluster, SERVER, "west-client-1");
    assert_eq!((canceled.drain_strategy, canceled.scheduling_eligibility), (None, Eligibility::Eligible));
    assert_eq!(canceled.last_drain.expect("a drain").status, DrainStatus::Canceled);
    assert_eq!(cluster.running_of(SERVER, "sum", 1)[0].id, alloc.id);

    cluster.steppe(SERVER, &["node", "drain", "-enable", "-detach", "-deadline", "1h", &first]).ok();
    cluster.steppe(SERVER, &["node", "drain", "-enable", "-yes", "-deadline", "2s", &first]).ok();
    let drained = node(&cluster, SERVER, "west-client-1");
    let texts: Vec<&str> = drained.events.iter().rev().take(3).map(|event| event.message.as_str()).collect();
    assert_eq!(texts, ["Node drain complete", "Node drain strategy updated", "Node drain strategy set"]);
    assert_eq!(drained.events.last().expect("an event").details["deadline_reached"], "true");
    let stopped = cluster.allocs(SERVER, "sum").into_iter().find(|found| found.id == alloc.id).expect("the first");
    assert_eq!((stopped.desired_status, stopped.client_status), (DesiredStatus::Stop, ClientStatus::Complete));

    // there is no other node: the work waits until this one takes it again
    cluster.steppe(SERVER, &["node", "drain", "-disable", &first]).ok();
    let second = cluster.running_of(SERVER, "sum", 1).remove(0);
    assert_ne!(second.id, alloc.id);
    let lines = cluster.steppe(SERVER, &["node", "drain", "-enable", "-yes", "-force", &first]).ok();
    assert!(lines.contains("have stopped"), "{lines}");
    cluster.running_of(SERVER, "sum", 0);
}

#[test]
fn a_drain_goes_on_under_the_next_leader() {
    // the leader is killed as soon as the first allocation is told to leave
    let cluster = Cluster::plan(&["west"], 3, 2).allow(ABOUT_NODES).allow(ABOUT_LEADERS).up();
    let leader = cluster.leader("west");
    let other = cluster.follower("west");
    three_on_one(&cluster, &other);
    let first = id(&cluster, &other, "west-client-1");
    cluster.steppe(&other, &["node", "drain", "-enable", "-detach", &first]).ok();
    let is_moving = |alloc: &api::AllocListStub| alloc.desired_status == DesiredStatus::Stop;
    settled("one leaves", || cluster.allocs(&other, "web"), |allocs| allocs.iter().any(is_moving));
    let mut monitor = cluster.follow(&other, &["node", "drain", "-monitor", &first]);
    monitor.line_with("Ctrl-C to stop monitoring");
    cluster.kill_now(&leader);
    watch_until_drained(&cluster, &other);
    let (lines, code) = monitor.end();
    assert!(code == 0 && lines.last().is_some_and(|line| line.contains("have stopped")), "{lines:#?}");
    let after = cluster.running_of(&other, "web", 3);
    assert!(after.iter().all(|alloc| alloc.node_name == "west-client-2"), "{after:#?}");
    assert_eq!(node(&cluster, &other, "west-client-1").last_drain.expect("a drain").status, DrainStatus::Complete);
}

#[test]
fn metadata_that_is_applied_lets_work_in_and_outlives_the_agent() {
    // over the configured pairs; a job that waits for it is placed; a killed agent knows it again
    let cluster = Cluster::plan(&["west"], 1, 1)
        .client_config("client {\n  meta {\n    rack = \"r1\"\n    old = \"1\"\n  }\n}\n")
        .allow(ABOUT_NODES)
        .up();
    let first = id(&cluster, SERVER, "west-client-1");
    let job = JobFile::service("picky").job("constraint {\n  attribute = \"${meta.rack}\"\n  value     = \"r2\"\n}");
    cluster.submit(SERVER, &job, &[]).ok();
    let blocked = || ask(cluster.api(SERVER).job_evaluations("picky", &Query::new())).map(|answer| answer.value).unwrap_or_default();
    settled("an evaluation is blocked", blocked, |evals| evals.iter().any(|eval| eval.status.as_str() == "blocked"));
    assert_eq!(cluster.steppe(SERVER, &["node", "meta", "apply", "-node-id", &first, "-unset=old", "rack=r2", "free=yes"]).ok(), "");
    cluster.running_of(SERVER, "picky", 1);
    let meta = || node(&cluster, SERVER, "west-client-1").meta.into_iter().collect::<Vec<_>>();
    let want = [("free".to_owned(), "yes".to_owned()), ("rack".to_owned(), "r2".to_owned())];
    assert_eq!(meta(), want);
    cluster.kill(&["west-client-1"]);
    cluster.start(&["west-client-1"]);
    settled("the node is registered as before", meta, |meta| *meta == want);
    // asked of the node itself, and through a server
    let shown = cluster.steppe("west-client-1", &["node", "meta", "read"]).ok();
    assert_eq!(
        shown,
        "All Meta\nfree = yes\nrack = r2\n\nDynamic Meta\nfree = yes\nold  = <unset>\nrack = r2\n\nStatic Meta\nold  = 1\nrack = r1\n"
    );
    assert_eq!(cluster.steppe(SERVER, &["node", "meta", "read", "-node-id", &first]).ok(), shown);
    cluster.steppe(SERVER, &["node", "meta", "apply", "-node-id", &first, "-unset=free"]).ok();
    settled("the key is gone", meta, |meta| meta.len() == 1);
    let refused = cluster.steppe(SERVER, &["node", "meta", "apply", "-node-id", &first, "a b=c"]).fails_with(1);
    assert!(refused.contains("metadata key \"a b\" is not valid"), "{refused}");
    // and the servers that it knows can be told
    let servers = cluster.steppe("west-client-1", &["node", "config", "-servers"]).ok();
    assert_eq!(servers.trim(), cluster.member(SERVER).rpc);
    let again = cluster.steppe("west-client-1", &["node", "config", "-update-servers", servers.trim()]).ok();
    assert_eq!(again, "Updated server list\n");
}

#[test]
fn a_node_that_is_down_is_forgotten_and_its_work_is_lost() {
    // killed in the middle of a drain, then purged before anybody missed it: replaced elsewhere, and the monitor ends
    let cluster = Cluster::plan(&["west"], 1, 2).allow(ABOUT_NODES).up();
    three_on_one(&cluster, SERVER);
    let (first, second) = (id(&cluster, SERVER, "west-client-1"), id(&cluster, SERVER, "west-client-2"));
    cluster.steppe(SERVER, &["node", "eligibility", "-disable", &second]).ok();
    cluster.steppe(SERVER, &["node", "drain", "-enable", "-detach", &first]).ok();
    cluster.kill(&["west-client-1"]);
    let purged = process_tests::put(cluster.member(SERVER).http.trim_start_matches("http://"), &format!("/v1/node/{first}/purge"), None);
    assert!(purged.is_some_and(|answer| answer["EvalIDs"].as_array().is_some_and(|ids| ids.len() == 1)));
    let is_lost = |alloc: &&api::AllocListStub| alloc.client_status == ClientStatus::Lost && alloc.desired_status == DesiredStatus::Stop;
    settled("all three are lost", || cluster.allocs(SERVER, "web"), |allocs| allocs.iter().filter(is_lost).count() == 3);
    cluster.steppe(SERVER, &["node", "eligibility", "-enable", &second]).ok();
    cluster.running_of(SERVER, "web", 3);
}

#[test]
fn an_agent_that_leaves_drains_its_node_first() {
    // told to end, it waits until its work runs elsewhere; the node is ineligible when the agent is back
    let config = "leave_on_terminate = true\nclient {\n  drain_on_shutdown {\n    deadline = \"1m\"\n  }\n}\n";
    let cluster = Cluster::plan(&["west"], 1, 2).client_config(config).allow(ABOUT_NODES).up();
    three_on_one(&cluster, SERVER);
    let agent = cluster.member("west-client-1").pid;
    kill(Pid::from_raw(agent), Signal::SIGTERM).expect("it runs");
    until_within(Duration::from_secs(60), "the agent has ended", || (!is_running(agent)).then_some(()));
    let after = cluster.running_of(SERVER, "web", 3);
    assert!(after.iter().all(|alloc| alloc.node_name == "west-client-2"), "{after:#?}");
    assert!(cluster.log("west-client-1").contains("the node is drained"));
    let node = node(&cluster, SERVER, "west-client-1");
    assert_eq!((node.drain_strategy, node.scheduling_eligibility), (None, Eligibility::Ineligible));
    assert_eq!(node.last_drain.expect("a drain").meta["message"], "the agent is shutting down");
}
