//! Namespaces, node pools and scheduler settings, in regions of which one follows the other.

use std::sync::OnceLock;

use api::client::Query;
use model::EvalStatus;
use process_tests::{Cluster, Guest, JobFile, ask, settled};

const NORTH: &str = "north-server-1";
const SOUTH: &str = "south-server-1";

/// South follows north; all nodes are in a pool that nobody has described.
fn cluster() -> Guest {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    Guest(CLUSTER.get_or_init(|| {
        Cluster::plan(&["north", "south"], 1, 1)
            .server_config("server {\n  authoritative_region = \"north\"\n}\n")
            .client_config("client {\n  node_pool = \"edge\"\n}\n")
            .up()
    }))
}

fn namespaces(cluster: &Cluster, server: &str) -> Vec<String> {
    let answer = ask(cluster.api(server).namespaces(&Query::new()));
    answer.map(|answer| answer.value.iter().map(|namespace| namespace.name.to_string()).collect()).unwrap_or_default()
}

fn pools(cluster: &Cluster, server: &str) -> Vec<String> {
    let answer = ask(cluster.api(server).node_pools(&Query::new()));
    answer.map(|answer| answer.value.iter().map(|pool| pool.name.to_string()).collect()).unwrap_or_default()
}

fn job(id: &str, namespace: &str) -> JobFile {
    JobFile::service(id).update("max_parallel = 0").job(&format!("namespace = \"{namespace}\"\nnode_pool = \"edge\""))
}

#[test]
fn a_namespace_is_made_in_one_region_and_used_in_the_other() {
    // asked for in the follower, written in the authoritative region, there at once in both; jobs of one name in two namespaces are two;
    // what the namespace forbids is refused; it is not deleted while a region uses it
    let cluster = cluster();
    let file = "name = \"dev\"\ndescription = \"for trying\"\ncapabilities {\n  disabled_task_drivers = [\"mock_driver\"]\n}\n";
    let applied = cluster.steppe_with(SOUTH, &["namespace", "apply", "-"], file).ok();
    assert_eq!(applied, "Successfully applied namespace \"dev\"!\n");
    for server in [NORTH, SOUTH] {
        assert!(namespaces(&cluster, server).contains(&"dev".to_owned()), "{server}");
    }
    let unknown = cluster.submit(SOUTH, &job("web", "prod"), &[]).fails_with(1);
    assert!(unknown.contains("job \"web\" is in nonexistent namespace \"prod\"; known: default, dev"), "{unknown}");
    for namespace in ["dev", "default"] {
        cluster.submit(SOUTH, &job("web", namespace), &[]).ok();
    }
    for namespace in ["dev", "default"] {
        let running = || {
            let allocs = cluster.allocs_in(SOUTH, "web", &Query::new().namespace(namespace));
            allocs.iter().filter(|alloc| alloc.client_status.as_str() == "running" && alloc.namespace == namespace).count()
        };
        settled(&format!("web of {namespace} runs"), running, |n| *n == 1);
    }
    let listed = cluster.steppe(SOUTH, &["job", "status", "-namespace=*"]).ok();
    assert_eq!(listed.lines().filter(|line| line.starts_with("web ")).count(), 2, "{listed}");
    assert!(listed.lines().next().is_some_and(|head| head.contains("Namespace")), "{listed}");
    let refused = cluster.submit(SOUTH, &job("mock", "dev").driver("mock_driver", "run_for = \"1h\""), &[]).fails_with(1);
    assert!(refused.contains("jobs of namespace \"dev\" may not use driver \"mock_driver\""), "{refused}");
    for server in [NORTH, SOUTH] {
        let refused = cluster.steppe(server, &["namespace", "delete", "dev"]).fails_with(1);
        assert!(refused.contains("namespace \"dev\" has non-terminal jobs, such as \"web\" in region \"south\""), "{refused}");
    }
    cluster.steppe(SOUTH, &["job", "stop", "-detach", "-purge", "-namespace=dev", "web"]).ok();
    settled("it is gone", || cluster.steppe(NORTH, &["namespace", "delete", "dev"]).code, |code| *code == 0);
    settled(
        "both have forgotten it",
        || [namespaces(&cluster, NORTH), namespaces(&cluster, SOUTH)].concat(),
        |all| !all.contains(&"dev".to_owned()),
    );
    // the other job of that name goes on
    assert_eq!(cluster.running_of(SOUTH, "web", 1).len(), 1);
}

#[test]
fn a_pool_comes_with_its_first_node() {
    // in the follower, too, which tells the authoritative region; it is not deleted while it has nodes; another is, and changes are followed
    let cluster = cluster();
    for server in [NORTH, SOUTH] {
        settled("the pool of the nodes is known", || pools(&cluster, server), |pools| pools.contains(&"edge".to_owned()));
    }
    let refused = cluster.steppe(SOUTH, &["node", "pool", "delete", "edge"]).fails_with(1);
    assert!(refused.contains("node pool \"edge\" has nodes, such as \"south-client-1\" in region \"south\""), "{refused}");
    let nodes = cluster.steppe(SOUTH, &["node", "pool", "nodes", "edge"]).ok();
    assert!(nodes.contains("south-client-1") && !nodes.contains("north-client-1"), "{nodes}");
    let spare = "node_pool \"spare\" {\n  description = \"what is left\"\n  meta {\n    owner = \"ann\"\n  }\n}\n";
    cluster.steppe_with(SOUTH, &["node", "pool", "apply", "-"], spare).ok();
    let shown = cluster.steppe(NORTH, &["node", "pool", "info", "spare"]).ok();
    assert!(shown.contains("what is left") && shown.contains("owner = ann"), "{shown}");
    cluster.steppe(NORTH, &["node", "pool", "delete", "spare"]).ok();
    settled("south follows", || pools(&cluster, SOUTH), |pools| !pools.contains(&"spare".to_owned()));
    let refused = cluster.steppe(NORTH, &["node", "pool", "delete", "default"]).fails_with(1);
    assert!(refused.contains("node pool \"default\" can not be deleted"), "{refused}");
}

#[test]
fn the_broker_can_be_paused_and_registration_refused() {
    // first settings from the configuration; evaluations stay pending, also after a restart, can be deleted, and go on afterwards
    let config = "server {\n  default_scheduler_config {\n    scheduler_algorithm = \"spread\"\n  }\n}\n";
    let cluster = Cluster::plan(&["west"], 1, 0).server_config(config).beside(&cluster()).up();
    let server = "west-server-1";
    let set = |flags: &[&str]| cluster.steppe(server, &[&["operator", "scheduler", "set-config"], flags].concat());
    let shown = cluster.steppe(server, &["operator", "scheduler", "get-config"]).ok();
    assert!(shown.contains("Scheduler Algorithm               = spread"), "{shown}");
    set(&["-check-index=1", "-pause-eval-broker=true"]).fails_with(1);
    set(&["-pause-eval-broker=true"]).ok();
    let file = |id: &str| JobFile::service(id).update("max_parallel = 0");
    for id in ["one", "two"] {
        cluster.submit(server, &file(id), &[]).ok();
    }
    cluster.terminate(&[server]);
    cluster.start(&[server]);
    let status = |job: &str| {
        let evals = ask(cluster.api(server).job_evaluations(job, &Query::new())).map(|answer| answer.value).unwrap_or_default();
        evals.iter().map(|eval| eval.status).collect::<Vec<_>>()
    };
    settled("the server answers", || status("one"), |seen| *seen == [EvalStatus::Pending]);
    assert_eq!(status("two"), [EvalStatus::Pending]);
    let deleted = cluster.steppe(server, &["eval", "delete", "-yes", "-filter", "JobID == two"]).ok();
    assert_eq!(deleted, "Successfully deleted 1 evaluation\n");
    set(&["-pause-eval-broker=false"]).ok();
    settled("the other one was looked at", || status("one"), |seen| seen.contains(&EvalStatus::Complete));
    assert_eq!(status("two"), []);
    let refused = cluster.steppe(server, &["eval", "delete", "-yes", "-filter", "JobID == one"]).fails_with(1);
    assert!(refused.contains("eval broker must be paused"), "{refused}");
    set(&["-reject-job-registration=true"]).ok();
    let refused = cluster.submit(server, &file("three"), &[]).fails_with(1);
    assert!(refused.contains("Job registration, dispatch, and scale are disabled by the scheduler configuration"), "{refused}");
    assert_eq!(cluster.steppe(server, &["job", "scale", "-detach", "one", "2"]).code, 1);
    set(&["-reject-job-registration=false"]).ok();
    cluster.submit(server, &file("three"), &[]).ok();
}

#[test]
fn without_the_authoritative_region_reads_go_on_and_writes_fail_in_words() {
    // the one region is killed; the other keeps what it knows, and follows again when it is back
    let cluster = Cluster::plan(&["north", "south"], 1, 0)
        .server_config("server {\n  authoritative_region = \"north\"\n}\n")
        .allow(&["north"])
        .beside(&cluster())
        .up();
    cluster.steppe(NORTH, &["namespace", "apply", "-description=before", "dev"]).ok();
    settled("south follows", || namespaces(&cluster, SOUTH), |seen| seen.contains(&"dev".to_owned()));
    cluster.kill(&[NORTH]);
    assert!(namespaces(&cluster, SOUTH).contains(&"dev".to_owned()));
    let refused = cluster.steppe(SOUTH, &["namespace", "apply", "-description=during", "dev"]).fails_with(1);
    assert!(refused.contains("are written in the authoritative region \"north\""), "{refused}");
    cluster.start(&[NORTH]);
    settled(
        "it can be written again",
        || cluster.steppe(SOUTH, &["namespace", "apply", "-description=after", "dev"]).code,
        |code| *code == 0,
    );
    let shown = || cluster.steppe(SOUTH, &["namespace", "status", "dev"]).out;
    settled("south follows again", shown, |shown| shown.contains("after"));
    // and one that is used cannot be deleted while a region cannot be asked
    cluster.kill(&[SOUTH]);
    let refused = cluster.steppe(NORTH, &["namespace", "delete", "dev"]).fails_with(1);
    assert!(refused.contains("region \"south\" could not be asked whether it uses namespace \"dev\""), "{refused}");
    cluster.start(&[SOUTH]);
    settled("it is deleted", || cluster.steppe(NORTH, &["namespace", "delete", "dev"]).code, |code| *code == 0);
}
