//! Wishes about where work goes, with real nodes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use process_tests::{Cluster, Guest, JobFile};

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
