//! Where work goes, and why it does not.

use std::collections::BTreeMap;

use model::{
    Constraint, EvalStatus, EvalTrigger, Node, NodePool, NodePoolSchedulerConfiguration, NodeStatus, Resources, SchedulerConfiguration,
};
use state::Command;
use testkit::{JobBuilder, NodeBuilder, SECOND, job, node};

use crate::region::{Region, failure};

fn map(pairs: &[(&str, i64)]) -> BTreeMap<String, i64> {
    pairs.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect()
}

fn region(nodes: Vec<NodeBuilder>) -> Region {
    let mut region = Region::new(&[]);
    for node in nodes {
        region.world.add_node(node.build());
    }
    region
}

/// On which nodes a job of count 1 can run, and what is said of the others.
#[test]
fn feasibility() {
    struct Row {
        job: JobBuilder,
        node: NodeBuilder,
        /// `None`: it runs there.
        filtered_by: Option<&'static str>,
    }
    let row = |job: JobBuilder, node: NodeBuilder, filtered_by| Row { job, node, filtered_by };
    let web = || job("web");
    let n1 = || node("n1");
    let killed_by = |signal: &'static str| web().edit_task(move |task| signal.clone_into(&mut task.kill_signal));
    let unhealthy = |node: &mut Node| node.drivers.get_mut("raw_exec").unwrap().healthy = false;
    let group_constraint = |job: JobBuilder, left: &str, right: &str| {
        let constraint = Constraint { l_target: left.to_owned(), operand: "=".to_owned(), r_target: right.to_owned() };
        job.edit_group(|group| group.constraints.push(constraint))
    };
    let task_constraint = |job: JobBuilder, left: &str, right: &str| {
        let constraint = Constraint { l_target: left.to_owned(), operand: "=".to_owned(), r_target: right.to_owned() };
        job.edit_task(|task| task.constraints.push(constraint))
    };
    let rows = vec![
        row(web(), n1(), None),
        row(web().constraint("${attr.kernel.name}", "=", "linux"), n1(), None),
        row(web().constraint("${attr.kernel.name}", "=", "plan9"), n1(), Some("${attr.kernel.name} = plan9")),
        row(web().constraint("${meta.rack}", "is_set", ""), n1(), Some("${meta.rack} is_set")),
        row(web().constraint("${meta.rack}", "is_set", ""), n1().meta("rack", "r1"), None),
        row(group_constraint(web(), "${node.class}", "fast"), n1(), Some("${node.class} = fast")),
        row(group_constraint(web(), "${node.class}", "fast"), n1().class("fast"), None),
        row(task_constraint(web(), "${node.region}", "west"), n1(), None),
        row(task_constraint(web(), "${node.unique.name}", "n2"), n1(), Some("${node.unique.name} = n2")),
        row(web().driver("docker"), n1(), Some("missing drivers")),
        row(web().driver("docker"), n1().attribute("driver.docker", "1"), None),
        row(web(), n1().edit(unhealthy), Some("missing drivers")),
        row(web().edit(|job| job.datacenters = vec!["dc*".to_owned()]), n1(), None),
        row(web().node_pool("all"), n1().pool("gpu"), None),
        row(killed_by("term"), n1().attribute("os.signals", "SIGINT,SIGTERM"), None),
        row(killed_by("15"), n1(), None),
        row(killed_by("SIGQUIET"), n1().attribute("os.signals", "SIGINT,SIGQUIT"), Some("${attr.os.signals} set_contains SIGQUIET")),
        row(web().dynamic_port("http", 0), n1(), None),
        row(web().dynamic_port("http", 0).edit_group(|group| group.networks[0].mode = "bridge".to_owned()), n1(), Some("missing network")),
        row(
            web().dynamic_port("http", 0).edit_group(|group| group.networks[0].dynamic_ports[0].host_network = "public".to_owned()),
            n1(),
            Some("missing host network \"public\" for port \"http\""),
        ),
    ];
    for Row { job, node, filtered_by } in rows {
        let mut region = region(vec![node]);
        let decision = region.register(job.build());
        match filtered_by {
            None => assert_eq!(region.live("web").len(), 1, "{:?}", decision.failed_tg_allocs),
            Some(label) => {
                let metric = failure(&decision, "app");
                assert_eq!(metric.constraint_filtered, map(&[(label, 1)]));
                assert_eq!((metric.nodes_evaluated, metric.nodes_filtered, metric.nodes_exhausted), (1, 1, 0));
            }
        }
    }
}

/// Nodes of other datacenters and pools, and those that take no work, are not even looked at.
#[test]
fn nodes_out_of_scope() {
    for (job, nodes, in_pool, said) in [
        (
            job("web").datacenters(&["dc2"]),
            vec![node("n1")],
            1,
            "none of the 1 ready nodes of node pool \"default\" is in the job's datacenters",
        ),
        (job("web").node_pool("gpu"), vec![node("n1")], 0, "no node of node pool \"gpu\" is ready and eligible"),
        (job("web"), vec![node("n1").status(NodeStatus::Down)], 0, "no node of node pool \"default\" is ready and eligible"),
    ] {
        let mut region = region(nodes);
        let decision = region.register(job.build());
        let metric = failure(&decision, "app");
        assert_eq!((metric.nodes_evaluated, metric.nodes_in_pool), (0, in_pool));
        assert!(decision.notes.iter().any(|note| note.ends_with(said)), "{:?}", decision.notes);
    }
}

/// What does not fit is said by dimension; what is kept back counts as taken.
#[test]
fn exhausted() {
    let keep_back = |node: &mut Node| node.reserved_resources.as_mut().unwrap().memory.memory_mb = 8000;
    let rows = [
        (job("web").resources(4001, 10), node("n1"), "cpu"),
        (job("web").resources(10, 8193), node("n1"), "memory"),
        (job("web").resources(10, 200), node("n1").edit(keep_back), "memory"),
        (job("web").disk(100_001), node("n1"), "disk"),
        (job("web").edit_task(|task| task.resources = Some(Resources { cores: 5, ..Default::default() })), node("n1"), "cores"),
        (job("web").static_port("http", 8080), node("n1").reserved_ports("8000-8100"), "network: reserved port collision http=8080"),
        (
            job("web").dynamic_port("http", 0),
            node("n1").dynamic_ports(20_000, 20_000).reserved_ports("20000"),
            "network: dynamic port selection failed",
        ),
    ];
    for (job, node, dimension) in rows {
        let mut region = region(vec![node.class("c")]);
        let decision = region.register(job.build());
        let metric = failure(&decision, "app");
        assert_eq!((metric.dimension_exhausted.clone(), metric.class_exhausted.clone()), (map(&[(dimension, 1)]), map(&[("c", 1)])));
        assert_eq!((metric.nodes_exhausted, metric.nodes_filtered), (1, 0));
    }
}

/// A static port is given once per node, and again when the one who had it is gone; an update takes over its own.
#[test]
fn static_ports() {
    let mut region = Region::new(&["n1", "n2"]);
    let decision = region.register(job("web").count(3).static_port("http", 8080).build());
    assert_eq!(region.live("web").len(), 2);
    assert_eq!(failure(&decision, "app").dimension_exhausted, map(&[("network: reserved port collision http=8080", 2)]));
    region.start_all("web");
    let decision = region.register(job("web").count(2).static_port("http", 8080).env("V", "1").build());
    assert!(decision.failed_tg_allocs.is_empty());
    assert_eq!(region.indexes("web", 1), [0]);
    let nodes: std::collections::BTreeSet<_> = region.world.live("web").iter().map(|alloc| alloc.node_id).collect();
    assert_eq!(nodes.len(), 2);
}

/// What an allocation gets, in all places where it is looked up.
#[test]
fn allocated_resources() {
    let mut region = Region::new(&["n1"]);
    let two_tasks = |group: &mut model::TaskGroup| {
        let mut side = group.tasks[0].clone();
        side.name = "side".to_owned();
        side.resources = Some(Resources { cores: 2, memory_mb: 50, memory_max_mb: 70, ..Default::default() });
        side.lifecycle = Some(model::TaskLifecycle { hook: model::LifecycleHook::Prestart, sidecar: true });
        group.tasks.push(side);
    };
    region.register(job("web").static_port("db", 5432).dynamic_port("http", 80).dynamic_port("same", -1).edit_group(two_tasks).build());
    let alloc = region.world.live("web")[0].clone();
    let given = alloc.allocated_resources.as_ref().unwrap();
    assert_eq!((given.tasks["server"].cpu.cpu_shares, given.tasks["server"].memory.memory_mb, given.shared.disk_mb), (100, 300, 300));
    let side = &given.tasks["side"];
    assert_eq!((side.cpu.cpu_shares, side.cpu.reserved_cores.clone(), side.memory.memory_max_mb), (2000, vec![0, 1], 0));
    assert!(given.task_lifecycles["server"].is_none() && given.task_lifecycles["side"].is_some());
    let ip = &node("n1").build().node_resources.unwrap().node_networks[0].addresses[0].address;
    let ports = &given.shared.ports;
    assert_eq!(ports.iter().map(|port| port.label.as_str()).collect::<Vec<_>>(), ["db", "http", "same"]);
    assert!(ports.iter().all(|port| port.host_ip == *ip));
    assert_eq!((ports[0].value, ports[0].to, ports[1].to), (5432, 0, 80));
    assert!((20_000..=32_000).contains(&ports[1].value) && ports[1].value != ports[2].value);
    assert_eq!(ports[2].to, ports[2].value);
    let network = &given.shared.networks[0];
    assert_eq!((&network.ip, network.device.as_str(), network.mode.as_str()), (ip, "eth0", "host"));
    assert_eq!((network.reserved_ports[0].value, network.dynamic_ports[0].value), (5432, ports[1].value));
    assert_eq!((alloc.node_name.as_str(), alloc.task_group.as_str()), ("n1", "app"));
}

/// More memory than asked for is given only where operators let tasks use more than nodes have, in the region or in one pool.
#[test]
fn oversubscription() {
    let most = |region: &Region| region.world.live("web")[0].allocated_resources.as_ref().unwrap().tasks["server"].memory.memory_max_mb;
    let pool = |oversubscribes| NodePool {
        name: "gpu".into(),
        scheduler: Some(NodePoolSchedulerConfiguration { memory_oversubscription: oversubscribes, ..Default::default() }),
        ..Default::default()
    };
    for (in_region, in_pool, asked, expected) in
        [(false, None, 512, 0), (true, None, 512, 512), (true, None, -1, -1), (true, Some(false), 512, 0), (false, Some(true), 512, 512)]
    {
        let mut region = region(vec![node("n1").pool("gpu")]);
        let config = SchedulerConfiguration { memory_oversubscription: in_region, ..SchedulerConfiguration::default() };
        region.world.apply(&Command::SetScheduler { config, cas: None });
        region.world.apply(&Command::UpsertNodePools { pools: vec![pool(in_pool)] });
        let job = job("web").node_pool("gpu").edit_task(|task| task.resources.as_mut().unwrap().memory_max_mb = asked);
        region.register(job.build());
        assert_eq!(most(&region), expected, "{in_region} {in_pool:?} {asked}");
    }
}

/// Full nodes are preferred to empty ones, but not one that runs the group already; the scores say so.
#[test]
fn ranking() {
    let mut region = Region::new(&["n1", "n2"]);
    region.register(job("big").resources(2000, 4000).build());
    let busy = region.world.live("big")[0].node_id;
    region.register(job("small").count(2).resources(100, 100).build());
    let allocs = region.world.live("small");
    assert_eq!(allocs[0].node_id, busy, "the fuller node wins");
    assert_ne!(allocs[1].node_id, busy, "the second one keeps away from the first");
    let metric = allocs[0].metrics.as_ref().unwrap();
    assert_eq!((metric.nodes_evaluated, metric.nodes_in_pool, metric.nodes_available["dc1"]), (2, 2, 2));
    let shown = &metric.score_meta_data;
    assert_eq!((shown.len(), shown[0].node_id), (2, busy));
    assert!(shown[0].norm_score > shown[1].norm_score);
    // 10^(1 - 2100/4000) + 10^(1 - 4100/8192) = 6.14 leaves 13.86 of 18.
    assert!((shown[0].scores["binpack"] - 0.7702).abs() < 0.001, "{shown:?}");
    let second = &allocs[1].metrics.as_ref().unwrap().score_meta_data;
    let of_busy = second.iter().find(|score| score.node_id == busy).unwrap();
    assert_eq!(of_busy.scores["job-anti-affinity"], -1.0, "(1 + 1) / 2");
    assert_eq!(of_busy.norm_score, (of_busy.scores["binpack"] - 1.0) / 2.0);
}

/// Equal nodes share the load of many small jobs, by the seed.
#[test]
fn ties() {
    let names: Vec<String> = (0..8).map(|i| format!("n{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let chosen: std::collections::BTreeSet<_> = (0..40)
        .map(|seed| {
            let mut region = Region::new(&names);
            region.seed = seed;
            region.register(job("web").build());
            region.world.live("web")[0].node_id
        })
        .collect();
    assert!(chosen.len() >= 6, "{} of 8 nodes were ever chosen", chosen.len());
}

/// A node takes no more allocations than it says, of whatever job; one that goes makes room for another.
#[test]
fn most_allocations_of_a_node() {
    let mut region = region(vec![node("n1").edit(|node| node.node_max_allocs = 3)]);
    region.register(job("db").count(2).build());
    let decision = region.register(job("web").count(2).build());
    assert_eq!((region.live("db").len(), region.live("web").len()), (2, 1));
    assert_eq!(failure(&decision, "app").dimension_exhausted, map(&[("max allocations", 1)]));
    let decision = region.register(job("web").count(1).env("V", "1").build());
    assert!(decision.failed_tg_allocs.is_empty(), "an update takes the place of what it replaces");
    region.stop("db");
    region.register(job("web").count(3).env("V", "1").build());
    assert_eq!(region.live("web").len(), 3);
}

/// distinct_hosts of the job or group, and distinct_property.
#[test]
fn distinct() {
    let mut region = region(vec![node("n1").meta("rack", "a"), node("n2").meta("rack", "a"), node("n3").meta("rack", "b"), node("n4")]);
    let decision = region.register(job("hosts").count(5).constraint("", "distinct_hosts", "").build());
    assert_eq!(region.live("hosts").len(), 4);
    assert_eq!(failure(&decision, "app").constraint_filtered, map(&[("distinct_hosts", 4)]));
    region.register(job("off").count(5).constraint("", "distinct_hosts", "false").build());
    assert_eq!(region.live("off").len(), 5);

    let group_only = |job: JobBuilder| {
        let constraint = Constraint { operand: "distinct_hosts".to_owned(), ..Default::default() };
        job.edit_group(|group| group.constraints.push(constraint))
    };
    region.register(group_only(job("group").count(4)).group("other").count(2).edit_group(|group| group.constraints.clear()).build());
    assert_eq!(region.live("group").len(), 6);

    let decision = region.register(job("racks").count(3).constraint("${meta.rack}", "distinct_property", "").build());
    assert_eq!(region.live("racks").len(), 2, "one per rack, and none without a rack");
    assert_eq!(failure(&decision, "app").constraint_filtered, map(&[("distinct_property ${meta.rack}", 4)]));
    region.register(job("twice").count(9).constraint("${meta.rack}", "distinct_property", "2").build());
    assert_eq!(region.live("twice").len(), 4);

    // An update takes the places of those it replaces.
    region.start_all("hosts");
    let decision = region.register(job("hosts").count(4).constraint("", "distinct_hosts", "").env("V", "1").max_parallel(4).build());
    assert!(decision.failed_tg_allocs.is_empty());
    assert_eq!(region.indexes("hosts", 1), [0, 1, 2, 3]);
}

/// Work that does not fit leaves one blocked evaluation, which says what could help, is run again, and ends when all is placed.
#[test]
fn blocked_evaluations() {
    let mut region = region(vec![node("n1").resources(1000, 1000), node("n2").meta("odd", "1")]);
    let web = || job("web").count(3).resources(400, 400).constraint("${meta.odd}", "is_not_set", "");
    let decision = region.register(web().build());
    assert_eq!((region.live("web").len(), decision.queued["app"]), (2, 1));
    let metric = failure(&decision, "app");
    assert_eq!((metric.coalesced_failures, metric.nodes_filtered, metric.nodes_exhausted), (0, 1, 1));
    assert_eq!(region.world.store.job_summary(&region.world.key("web")).unwrap().summary["app"].queued, 1);

    let done = region.world.eval(decision.plan.eval_id);
    let blocked = region.blocked("web")[0].clone();
    assert_eq!((done.status, done.blocked_eval, blocked.previous_eval), (EvalStatus::Complete, blocked.id, done.id));
    assert_eq!(blocked.triggered_by, EvalTrigger::QueuedAllocs);
    assert_eq!(blocked.status_description, "created to place remaining allocations");
    assert!(!blocked.escaped_computed_class);
    let class = |name: &str| region.world.store.node(testkit::node_id(name)).unwrap().computed_class.clone();
    assert_eq!(blocked.class_eligibility, BTreeMap::from([(class("n1"), true), (class("n2"), false)]));

    // Others of the same job do not make a second one.
    region.evaluate("web");
    assert_eq!(region.blocked("web").iter().map(|eval| eval.id).collect::<Vec<_>>(), [blocked.id]);
    // It runs again in vain, as blocked or as pending, and waits on.
    let mut woken = (*blocked).clone();
    region.run(&woken);
    woken.status = EvalStatus::Pending;
    region.run(&woken);
    assert_eq!(region.blocked("web").iter().map(|eval| eval.id).collect::<Vec<_>>(), [blocked.id]);
    assert_eq!(region.blocked("web")[0].queued_allocations["app"], 1);
    // There is room.
    region.world.add_node(node("n3").build());
    region.run(&woken);
    assert_eq!(region.live("web").len(), 3);
    assert_eq!((region.blocked("web"), region.world.eval(blocked.id).status), (vec![], EvalStatus::Complete));
    assert_eq!(region.world.store.job_summary(&region.world.key("web")).unwrap().summary["app"].queued, 0);
}

/// A blocked evaluation ends when the job does not need it any more; a demand on one node cannot be decided by classes.
#[test]
fn blocked_evaluations_end() {
    let mut region = region(vec![node("n1").resources(500, 500)]);
    region.register(job("web").count(2).resources(400, 400).constraint("${node.unique.name}", "=", "n1").build());
    let blocked = region.blocked("web")[0].clone();
    assert!(blocked.escaped_computed_class);
    region.register(job("web").count(1).resources(400, 400).constraint("${node.unique.name}", "=", "n1").build());
    assert_eq!((region.blocked("web"), region.world.eval(blocked.id).status), (vec![], EvalStatus::Canceled));
}

/// Room that an update frees is used by the update; without room the old one stays, although it is outdated.
#[test]
fn updates_use_what_they_free() {
    let mut region = region(vec![node("n1").resources(1000, 1000)]);
    region.register(job("web").count(2).resources(400, 400).max_parallel(2).build());
    region.start_all("web");
    let decision = region.register(job("web").count(2).resources(500, 500).max_parallel(2).build());
    assert!(decision.failed_tg_allocs.is_empty(), "{:?}", decision.notes);
    assert_eq!(region.indexes("web", 1), [0, 1]);
    region.start_all("web");
    let decision = region.register(job("web").count(2).resources(600, 600).max_parallel(2).build());
    assert_eq!((decision.queued["app"], region.indexes("web", 1), region.indexes("web", 2)), (2, vec![0, 1], vec![]));
}

/// A job that wants all at once gets nothing rather than a part.
#[test]
fn all_at_once() {
    let mut region = region(vec![node("n1").resources(1000, 1000)]);
    let decision = region.register(job("web").count(3).resources(400, 400).edit(|job| job.all_at_once = true).build());
    assert_eq!((region.live("web"), decision.queued["app"]), (vec![], 3));
    assert_eq!(failure(&decision, "app").coalesced_failures, 2);
    region.register(job("web").count(2).resources(400, 400).edit(|job| job.all_at_once = true).build());
    assert_eq!(region.live("web").len(), 2);
}

/// The same for changes of what runs: without room for all of it nothing is stopped, started or updated in place.
#[test]
fn all_at_once_updates() {
    let mut region = region(vec![node("n1").resources(1000, 1000)]);
    let web = || job("web").max_parallel(9).edit(|job| job.all_at_once = true);
    let two = |db: JobBuilder| db.group("db").edit_group(|group| group.count = 1);
    region.register(two(web().count(2).resources(200, 200)).build());
    region.start_all("web");
    // The one group would shrink, be updated in place, or move; the other does not fit.
    let too_much = |job: JobBuilder| two(job).edit_task(|task| task.resources.as_mut().unwrap().memory_mb = 900).build();
    for job in [
        web().count(1).resources(200, 200),
        web().count(2).resources(200, 200).priority(60),
        web().count(2).resources(200, 200).env("V", "1"),
        web().count(3).resources(200, 200),
    ] {
        let before = region.live_ids("web");
        let decision = region.register(too_much(job));
        assert!(decision.plan.placements.is_empty() && decision.plan.stops.is_empty(), "{:?}", decision.plan);
        assert_eq!(region.live_ids("web"), before);
        assert_eq!(region.blocked("web").len(), 1);
    }
    region.register(two(web().count(1).resources(200, 200)).build());
    assert_eq!(region.live("web").len(), 2);
}

/// What is kept alive does not use the room of what stays after all.
#[test]
fn all_at_once_repairs() {
    let mut region = region(vec![node("n1").resources(1000, 1000), node("n2").resources(300, 300)]);
    let web = |count: i64, memory: i64| {
        let db = |group: &mut model::TaskGroup| {
            group.count = 1;
            group.tasks[0].resources.as_mut().unwrap().memory_mb = memory;
        };
        job("web").count(count).resources(300, 300).edit(|job| job.all_at_once = true).group("db").edit_group(db).build()
    };
    region.register(web(3, 100));
    assert_eq!(region.live("web").len(), 4);
    region.start_all("web");
    region.world.set_node_status("n2", NodeStatus::Down);
    region.register(web(2, 5000));
    crate::properties::assert_no_overcommit(&region, 0);
}

/// The dearest node is avoided by a replacement that failed there, unless it is the only one.
#[test]
fn reschedule_penalty() {
    let mut region = Region::new(&["n1", "n2"]);
    region.register(job("web").reschedule_after(0).build());
    let first = region.world.live("web")[0].clone();
    region.world.report(&[first.id], model::ClientStatus::Failed);
    region.evaluate("web");
    let second = region.world.live("web")[0].clone();
    assert_ne!(second.node_id, first.node_id);
    let shown = &second.metrics.as_ref().unwrap().score_meta_data;
    let of_first = shown.iter().find(|score| score.node_id == first.node_id).unwrap();
    assert_eq!(of_first.scores["node-reschedule-penalty"], -1.0);
    assert_eq!(of_first.norm_score, (of_first.scores["binpack"] - 1.0) / 2.0);
}

/// How much each task asks for of what is short, and datacenters without nodes.
#[test]
fn what_is_short() {
    let mut region = region(vec![node("n1").resources(1000, 1000)]);
    let decision = region.register(job("web").datacenters(&["dc1", "dc9"]).resources(100, 2000).build());
    let metric = failure(&decision, "app");
    let short = &metric.resources_exhausted["server"];
    assert_eq!((short.cpu, short.memory_mb), (0, 2000));
    assert_eq!(metric.nodes_available, map(&[("dc1", 1), ("dc9", 0)]));
}

/// Ports get the address of their host network.
#[test]
fn addresses_of_host_networks() {
    let network = model::NodeNetworkResource {
        mode: "host".to_owned(),
        device: "eth1".to_owned(),
        addresses: vec![model::NodeNetworkAddress { alias: "public".to_owned(), address: "198.51.100.7".to_owned(), ..Default::default() }],
        ..Default::default()
    };
    let mut region = region(vec![node("n1").edit(|node| node.node_resources.as_mut().unwrap().node_networks.push(network))]);
    let on_public = |group: &mut model::TaskGroup| group.networks[0].reserved_ports[0].host_network = "public".to_owned();
    region.register(job("web").static_port("http", 80).edit_group(on_public).dynamic_port("admin", 0).build());
    let alloc = region.world.live("web")[0].clone();
    let ports = &alloc.allocated_resources.as_ref().unwrap().shared.ports;
    let inner = &node("n1").build().node_resources.unwrap().node_networks[0].addresses[0].address;
    assert_eq!(
        ports.iter().map(|port| (port.label.as_str(), &*port.host_ip)).collect::<Vec<_>>(),
        [("http", "198.51.100.7"), ("admin", inner)]
    );
}

/// Devices and cores are given by name, and not twice while plans are on their way.
#[test]
fn plans_on_their_way() {
    let device = model::NodeDeviceResource {
        vendor: "nvidia".to_owned(),
        kind: "gpu".to_owned(),
        name: "1080".to_owned(),
        instances: ["a", "b"].map(|id| model::NodeDevice { id: id.to_owned(), healthy: true, ..Default::default() }).to_vec(),
        ..Default::default()
    };
    let mut region = region(vec![node("n1").edit(|node| node.node_resources.as_mut().unwrap().devices.push(device))]);
    let gpu = model::RequestedDevice { name: "gpu".to_owned(), count: 1, ..Default::default() };
    let wants = |task: &mut model::Task| {
        task.resources = Some(Resources { cores: 1, memory_mb: 10, devices: vec![gpu.clone()], ..Default::default() });
    };
    let evals =
        ["one", "two", "three"].map(|id| region.world.register(job(id).static_port("p", id.len() as i64 + 80).edit_task(wants).build()));
    let mut ahead = region.world.store.clone();
    let plans = evals.map(|eval| {
        let decision = scheduler::schedule(&ahead, &eval, region.world.now, 3);
        ahead.reserve(&decision.plan);
        decision.plan
    });
    for plan in plans {
        region.world.apply(&Command::ApplyPlan(Box::new(plan)));
    }
    crate::properties::assert_no_overcommit(&region, 0);
    assert_eq!((region.live("one").len(), region.live("two").len(), region.live("three").len()), (1, 0, 1));
    let alloc = region.world.live("one")[0].clone();
    let given = &alloc.allocated_resources.as_ref().unwrap().tasks["server"].devices[0];
    assert_eq!((given.vendor.as_str(), given.kind.as_str(), given.name.as_str(), given.device_ids.len()), ("nvidia", "gpu", "1080", 1));
}

/// An allocation that keeps its disk comes back to its node.
#[test]
fn sticky_disk() {
    let names: Vec<String> = (0..6).map(|i| format!("n{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let web = |n: u64| {
        job("web")
            .env("V", &n.to_string())
            .edit_group(|group| group.ephemeral_disk = Some(model::EphemeralDisk { sticky: true, size_mb: 10, migrate: false }))
    };
    let mut region = Region::new(&names);
    region.roll_out(web(0).build());
    let home = region.world.live("web")[0].node_id;
    for n in 1..6 {
        region.world.now += SECOND;
        region.seed = n;
        region.roll_out(web(n).build());
        assert_eq!(region.world.live("web")[0].node_id, home);
    }
}
