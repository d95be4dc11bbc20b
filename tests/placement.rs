//! Wishes about where work goes, with real nodes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use api::client::Query;
use model::{ClientStatus, DesiredStatus, EvalStatus, Evaluation};
use process_tests::{Cluster, Guest, JobFile, ask, settled};

const SERVER: &str = "west-server-1";

fn cluster() -> Guest {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    Guest(CLUSTER.get_or_init(|| Cluster::up(&["west"], 1, 2)))
}

#[test]
fn affinities_and_spreads() {
    // one that would rather be on a node is there, and the table of scores says why; four that are spread stand two by two
    let cluster = cluster();
    let affinity = "affinity {\n  attribute = \"${node.unique.name}\"\n  value = \"west-client-2\"\n  weight = 100\n}";
    let running = cluster.run(SERVER, &JobFile::service("drawn").group(affinity), 1);
    assert_eq!(running[0].node_name, "west-client-2");
    let shown = cluster.steppe(SERVER, &["alloc", "status", "-verbose", &running[0].id.to_string()]).ok();
    assert!(shown.contains("Placement Metrics") && shown.contains("node-affinity"), "{shown}");

    let spread = "spread {\n  attribute = \"${node.unique.name}\"\n}";
    let running = cluster.run(SERVER, &JobFile::service("spread").count(4).group(spread), 4);
    let mut by_node: BTreeMap<String, usize> = BTreeMap::new();
    running.iter().for_each(|alloc| *by_node.entry(alloc.node_name.to_string()).or_default() += 1);
    assert_eq!(by_node.into_values().collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn devices_that_nobody_has() {
    // a dry run and the real one say that the nodes lack the device
    let cluster = cluster();
    let wants = JobFile::service("wants-gpu").update("max_parallel = 0").text();
    let text = wants.replacen("memory = 16", "memory = 16\n      device \"nvidia/gpu\" {}", 1);
    let planned = cluster.steppe_with(SERVER, &["job", "plan", "-"], &text);
    assert!(planned.out.contains("Constraint \"missing devices\": 2 nodes excluded by filter"), "{planned}");
    let printed = cluster.steppe_with(SERVER, &["job", "run", "-"], &text);
    assert_eq!(printed.code, 2, "{printed}");
    assert!(printed.out.contains("missing devices"), "{printed}");
}

#[test]
fn who_is_more_important_takes_the_place_of_others() {
    // with the switch on, a job takes a core from one of much lower priority: that one is told by whom, the new one begins when it has ended, and
    // when there is room again it comes back
    let node = "client {\n  reservable_cores = \"0\"\n}\n";
    let cluster = Cluster::plan(&["west"], 1, 1).client_config(node).beside(&cluster()).up();
    let only_core = |id: &str, priority: u32| {
        let slow = "trap 'sleep 1; exit 0' INT; while true; do sleep 0.05; done";
        let text = JobFile::service(id).script(slow).job(&format!("priority = {priority}")).task("kill_timeout = \"20s\"").text();
        text.replacen("cpu = 20", "cores = 1", 1)
    };
    let submit = |text: &str| cluster.steppe_with(SERVER, &["job", "run", "-detach", "-"], text).ok();
    submit(&only_core("batchy", 20));
    let low = cluster.running_of(SERVER, "batchy", 1).remove(0);
    submit(&only_core("urgent", 80));
    let evaluations = || -> Vec<Evaluation> {
        ask(cluster.api(SERVER).job_evaluations("urgent", &Query::new())).map(|answer| answer.value).unwrap_or_default()
    };
    settled("it waits", evaluations, |evals| evals.iter().any(|eval| eval.status == EvalStatus::Blocked));
    assert_eq!(cluster.running_of(SERVER, "batchy", 1)[0].id, low.id, "nobody said that it may be taken away");

    cluster.steppe(SERVER, &["operator", "scheduler", "set-config", "-preempt-service-scheduler=true"]).ok();
    cluster.steppe(SERVER, &["job", "eval", "-detach", "urgent"]).ok();
    let high = cluster.running_of(SERVER, "urgent", 1).remove(0);
    let ended = cluster.allocs(SERVER, "batchy").into_iter().find(|alloc| alloc.id == low.id).expect("the first");
    assert_eq!((ended.desired_status, ended.client_status), (DesiredStatus::Evict, ClientStatus::Complete));
    assert_eq!(ended.desired_description, format!("Preempted by alloc ID {}", high.id));
    let (ended_at, began_at) = (ended.task_states["t"].finished_at, high.task_states["t"].started_at);
    assert!(ended_at <= began_at, "both had the core: the first until {ended_at:?}, the second from {began_at:?}");
    let shown = cluster.steppe(SERVER, &["alloc", "status", &low.id.to_string()]).ok();
    assert!(shown.contains(&high.id.short()), "{shown}");
    cluster.steppe(SERVER, &["job", "stop", "-detach", "urgent"]).ok();
    assert_ne!(cluster.running_of(SERVER, "batchy", 1)[0].id, low.id);
}
