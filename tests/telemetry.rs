//! Figures and logs of agents, as a person and Prometheus see them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::client::Query;
use model::DeploymentStatus::Successful;
use process_tests::{Cluster, Following, JobFile, ask, settled, until};

const SERVER: &str = "west-server-1";
const CLIENT: &str = "west-client-1";
const TELEMETRY: &str = "telemetry {\n  prometheus_metrics = true\n  publish_allocation_metrics = true\n  publish_node_metrics = true\n  \
                         collection_interval = \"100ms\"\n  in_memory_collection_interval = \"500ms\"\n}\n";

/// Series by name and labels, after a look at whether Prometheus could read the text.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut series = BTreeMap::new();
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            let (name, kind) = told.split_once(' ').unwrap_or_else(|| panic!("{line}"));
            assert!(["gauge", "counter", "summary"].contains(&kind), "{line}");
            assert!(types.insert(name, kind).is_none(), "told twice: {line}");
            continue;
        }
        let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let name = key.split('{').next().unwrap_or_default();
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line}");
        let family =
            name.strip_suffix("_sum").or_else(|| name.strip_suffix("_count")).filter(|family| types.get(family) == Some(&"summary"));
        assert!(types.contains_key(family.unwrap_or(name)), "of no type: {line}");
        let labels = key.strip_prefix(name).unwrap_or_default();
        assert!(labels.is_empty() || (labels.starts_with('{') && labels.ends_with("\"}")), "{line}");
        assert!(series.insert(key.to_owned(), value).is_none(), "twice: {line}");
    }
    series
}

fn prometheus(cluster: &Cluster, agent: &str) -> BTreeMap<String, f64> {
    parse(&cluster.steppe(agent, &["operator", "metrics", "-format", "prometheus"]).ok())
}

/// The value of the series with this name and all of these labels.
fn value(series: &BTreeMap<String, f64>, name: &str, labels: &[&str]) -> Option<f64> {
    let is_meant = |key: &&String| key.split('{').next() == Some(name) && labels.iter().all(|label| key.contains(label));
    series.iter().find(|(key, _)| is_meant(key)).map(|(_, value)| *value)
}

#[test]
fn figures_tell_what_was_done() {
    // a job runs: counters of the server grow by it, the client shows its allocations, in both forms
    let cluster = Cluster::plan(&["west"], 1, 1).server_config(TELEMETRY).client_config(TELEMETRY).up();
    let before = prometheus(&cluster, SERVER);
    let registered = |series: &BTreeMap<String, f64>| value(series, "nomad_nomad_job_register_count", &[]).unwrap_or(0.0);
    assert_eq!(registered(&before), 0.0);
    let allocs = cluster.run(SERVER, &JobFile::service("web").count(2), 2);
    cluster.deployed(SERVER, "web", 0, Successful);
    let after = prometheus(&cluster, SERVER);
    assert_eq!(registered(&after), 1.0);
    for name in ["nomad_raft_apply", "nomad_nomad_rpc_request", "nomad_raft_log_fsync_count", "nomad_nomad_fsm_apply_plan_results_count"] {
        let (then, now) = (value(&before, name, &[]).unwrap_or(0.0), value(&after, name, &[]).unwrap_or(0.0));
        assert!(now > then, "{name}: {then}, then {now}");
    }
    for name in ["nomad_nomad_worker_invoke_scheduler_service_count", "nomad_nomad_plan_submit_count", "nomad_nomad_broker_wait_time_count"]
    {
        assert!(value(&after, name, &[]) >= Some(1.0), "{name}");
    }
    let running = |labels: &[&str]| value(&prometheus(&cluster, SERVER), "nomad_nomad_job_summary_running", labels);
    settled("the summary is shown", || running(&["job=\"web\"", "task_group=\"g\"", "namespace=\"default\""]), |seen| *seen == Some(2.0));
    assert_eq!(value(&after, "nomad_raft_state_leader", &[]), Some(1.0));
    assert_eq!(value(&after, "nomad_nomad_heartbeat_active", &[]), Some(1.0));

    let of_node = format!("node_id=\"{}\"", allocs[0].node_id);
    let of_alloc = format!("alloc_id=\"{}\"", allocs[0].id);
    let client = settled(
        "the client shows its allocations",
        || prometheus(&cluster, CLIENT),
        |seen| value(seen, "nomad_client_allocations_running", &[&of_node, "node_status=\"ready\""]) == Some(2.0),
    );
    assert_eq!(value(&client, "nomad_client_tasks_running", &[&of_node]), Some(2.0));
    assert!(value(&client, "nomad_client_host_memory_total", &[&of_node]) > Some(0.0));
    assert!(value(&client, "nomad_client_host_cpu_idle", &["cpu=\"cpu0\""]).is_some());
    assert!(value(&client, "nomad_client_allocs_memory_rss", &[&of_alloc, "task=\"t\""]) > Some(0.0), "{client:#?}");
    assert_eq!(value(&client, "nomad_client_allocs_running", &[&of_alloc]), Some(1.0));
    assert!(value(&client, "nomad_raft_apply", &[]).is_none(), "a client has no log");

    // what finds no place is told with what it asks for
    cluster
        .submit(
            SERVER,
            &JobFile::service("picky").count(2).job("constraint {\n  attribute = \"${node.class}\"\n  value = \"best\"\n}"),
            &[],
        )
        .ok();
    let wanted = |name, label: &str| value(&prometheus(&cluster, SERVER), name, &[label]);
    settled("the job waits", || wanted("nomad_nomad_blocked_evals_job_cpu", "job=\"picky\""), |seen| *seen == Some(40.0));
    assert_eq!(wanted("nomad_nomad_blocked_evals_cpu", "datacenter="), Some(40.0));
    cluster.steppe(SERVER, &["job", "stop", "-purge", "-detach", "picky"]).ok();

    // JSON has what came together in an interval
    until("an interval shows what was written in it", || {
        cluster.submit(SERVER, &JobFile::service("web").count(2), &[]).ok();
        let summary = ask(cluster.api(SERVER).metrics()).expect("figures");
        let apply = summary.samples.iter().find(|sample| sample.name == "nomad.raft.fsm.apply")?.clone();
        (apply.count > 0 && apply.rate > 0.0 && apply.min <= apply.mean && apply.mean <= apply.max).then_some(())
    });
    let shown = cluster.steppe(CLIENT, &["operator", "metrics", "-t", "{{range .Gauges}}{{.Name}}\n{{end}}"]).ok();
    assert!(shown.contains("nomad.client.allocated.cpu"), "{shown}");
}

#[test]
fn what_is_not_wanted_is_not_shown() {
    // by default neither Prometheus, nor the machine, nor single tasks; a filter and a name of the host by choice
    let quiet = "telemetry {\n  use_node_name = true\n  prefix_filter = [\"-nomad.nomad.fsm\"]\n}\n";
    let cluster = Cluster::plan(&["west"], 1, 1).server_config(quiet).up();
    cluster.run(SERVER, &JobFile::service("web"), 1);
    let refusal = cluster.steppe(SERVER, &["operator", "metrics", "-format", "prometheus"]).fails_with(1);
    assert!(refusal.contains("415 (Prometheus is not enabled)"), "{refusal}");
    let summary = ask(cluster.api(SERVER).metrics()).expect("figures");
    assert!(summary.samples.iter().all(|sample| !sample.name.starts_with("nomad.nomad.fsm")));
    assert!(summary.counters.iter().all(|counter| counter.labels["host"] == SERVER), "{:?}", summary.counters);
    let summary = ask(cluster.api(CLIENT).metrics()).expect("figures");
    assert!(summary.gauges.iter().any(|gauge| gauge.name == "nomad.client.allocations.running"));
    assert!(
        summary.gauges.iter().all(|gauge| !gauge.name.starts_with("nomad.client.host") && !gauge.name.starts_with("nomad.client.allocs."))
    );
}

/// Lines of an agent that follow from what it is asked now.
fn follows(cluster: &Cluster, following: &mut Following, agent: &str, words: &str) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // the agent is asked again and again: nobody knows when the reader is there
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let _ = ask(cluster.api(agent).regions());
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let line = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| following.line_with(words)));
        is_over.store(true, Ordering::Relaxed);
        if let Err(panic) = line {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn a_log_is_followed_from_anywhere() {
    // agents log at WARN; another server's and a node's log are followed at DEBUG, ended by Ctrl-C
    let cluster = Cluster::plan(&["west"], 3, 1).log_level("WARN").allow(&["Log Level: WARN"]).up();
    let other = "west-server-2";
    let mut server = cluster.follow(SERVER, &["monitor", "-server-id", other, "-log-level", "debug"]);
    follows(&cluster, &mut server, other, "request complete method=GET path=\"/v1/regions\" status=200");
    server.interrupt();
    assert_eq!(server.end().1, 0);

    let node = ask(cluster.api(SERVER).nodes(&Query::new())).expect("nodes").value.remove(0).id.to_string();
    let mut client = cluster.follow(SERVER, &["monitor", "-node-id", &node[..8], "-log-level", "debug", "-json", "-log-include-location"]);
    follows(&cluster, &mut client, CLIENT, "\"message\":\"request complete\"");
    cluster.run(SERVER, &JobFile::service("web"), 1);
    let line = client.line_with("\"message\":\"task started\"");
    assert!(line.contains("\"level\":\"INFO\"") && line.contains("life.rs"), "{line}");
    client.interrupt();
    assert_eq!(client.end().1, 0);

    // the path of a write, from HTTP to the log, on the leader
    let leader = cluster.leader("west");
    let mut led = cluster.follow(CLIENT, &["monitor", "-server-id", "leader", "-log-level", "debug"]);
    follows(&cluster, &mut led, &leader, "request complete");
    cluster.submit(&leader, &JobFile::service("more"), &[]).ok();
    let line = led.line_with("propose{command=\"register job\"}");
    assert!(line.contains("http{request=") && line.contains("rpc{request=") && line.contains("applied index="), "{line}");
    drop(led);

    for agent in [SERVER, other, CLIENT] {
        let log = cluster.log(agent);
        assert!(!log.contains("DEBUG") && !log.contains(" INFO "), "{agent} wrote down what only readers wanted:\n{log}");
    }
    let refusal = cluster.steppe(SERVER, &["monitor", "-log-level", "loud"]).fails_with(1);
    assert!(refusal.contains("\"loud\" is not a log level: write TRACE, DEBUG, INFO, WARN or ERROR"), "{refusal}");
    let refusal = cluster.steppe(CLIENT, &["monitor", "-server-id", "nobody"]).fails_with(1);
    assert!(refusal.contains("unknown server \"nobody\"; region \"west\" has"), "{refusal}");
}

#[test]
fn a_log_of_another_region_is_followed() {
    // by the server's whole name, and by the region, from a server and from a client
    let cluster = Cluster::up(&["west", "east"], 1, 1);
    let other = "east-server-1";
    for (asked, words) in [
        (SERVER, ["-server-id", "east-server-1.east"].as_slice()),
        (CLIENT, &["-server-id", "east-server-1.east"]),
        (SERVER, &["-region", "east"]),
        (CLIENT, &["-region", "east", "-server-id", "leader"]),
    ] {
        let arguments: Vec<&str> = ["monitor", "-log-level", "debug"].iter().chain(words).copied().collect();
        let mut following = cluster.follow(asked, &arguments);
        follows(&cluster, &mut following, other, "path=\"/v1/regions\"");
        following.interrupt();
        assert_eq!(following.end().1, 0);
    }
}
