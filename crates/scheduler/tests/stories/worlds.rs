//! Small worlds in words, and what becomes of a job in them: every line of `worlds/*.txt` that has an arrow.
//!
//! Lines at the margin describe the world: `node n1 meta.rack=r1 cpu=4000`, `config preempts service`, `runs db count 2; on n1`. The first `node`
//! after a case begins a new world; `_` in the
//! value of an attribute is a blank. Indented lines are cases: what the job `web` asks for, an arrow, and what is decided: the nodes that it gets
//! (`n1*2 n2`, `shape 2 1` when it does not matter which, `split dc1*2` by datacenter), `N unplaced`, `filtered LABEL N`, `exhausted DIMENSION N`, `evicts db[0]`,
//! `best SCORER VALUE` of the first placement. Parts are separated by `; `.

use std::collections::BTreeMap;

use model::{
    Affinity, AllocId, ClientHostNetworkConfig, Constraint, DeviceAttribute, JobType, NetworkResource, Node, NodeDevice,
    NodeDeviceResource, NodeNetworkAddress, NodeNetworkResource, NodeStatus, Port, RequestedDevice, SchedulerAlgorithm,
    SchedulerConfiguration, Spread, SpreadTarget,
};
use scheduler::Decision;
use state::Command;
use testkit::{JobBuilder, NodeBuilder, job, node};

use crate::region::Region;

#[derive(Clone, Default)]
struct Setup {
    nodes: Vec<NodeBuilder>,
    config: SchedulerConfiguration,
    jobs: Vec<JobBuilder>,
}

/// Each case gives what its line says.
#[test]
fn worlds() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stories/worlds");
    let mut n_cases = 0;
    let mut wrong = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut setup = Setup::default();
        let mut is_complete = false;
        for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#')) {
            let Some((wishes, expected)) = line.split_once(" -> ").filter(|_| line.starts_with(' ')) else {
                if std::mem::take(&mut is_complete) && line.starts_with("node ") {
                    setup = Setup::default();
                }
                setup.add(line);
                continue;
            };
            is_complete = true;
            n_cases += 1;
            let wrongs = check(&setup, wishes.trim(), expected);
            wrong.extend(wrongs.into_iter().map(|wrong| format!("{file}:{number}: {}\n    {wrong}", line.trim())));
        }
    }
    assert!(wrong.is_empty(), "{} of {n_cases} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(n_cases > 200, "only {n_cases} cases were found");
}

impl Setup {
    fn add(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "node" => self.nodes.push(node_of(rest)),
            "runs" => {
                let (name, wishes) = rest.split_once(' ').unwrap_or((rest, ""));
                self.jobs.push(job_of(name, wishes));
            }
            "config" => match rest.split_once(' ').unwrap_or((rest, "")) {
                ("spread", _) => self.config.algorithm = SchedulerAlgorithm::Spread,
                ("oversubscribes", _) => self.config.memory_oversubscription = true,
                ("preempts", kinds) => {
                    self.config.preemption.service = kinds.contains("service");
                    self.config.preemption.batch = kinds.split(' ').any(|kind| kind == "batch");
                }
                other => panic!("unknown setting {other:?}"),
            },
            other => panic!("unknown line {other:?}"),
        }
    }

    fn region(&self) -> Region {
        let mut region = Region::new(&[]);
        for node in &self.nodes {
            region.world.add_node(node.clone().build());
        }
        region.world.apply(&Command::SetScheduler { config: self.config.clone(), cas: None });
        for job in &self.jobs {
            let job = job.clone().build();
            let name = job.id.to_string();
            let decision = region.register(job);
            assert!(decision.failed_tg_allocs.is_empty(), "{name}: {:?}", decision.notes);
            region.start_all(&name);
        }
        region
    }
}

fn check(setup: &Setup, wishes: &str, expected: &str) -> Vec<String> {
    let mut region = setup.region();
    let before: BTreeMap<AllocId, String> = region.world.store.allocs().map(|alloc| (alloc.id, short(&alloc.name))).collect();
    let decision = region.register(job_of("web", wishes).build());
    crate::properties::assert_no_overcommit(&region, 0);
    let found = found(&region, &decision, &before);
    let is_met = |part: &str| match part.split_once(' ') {
        Some(("best", wanted)) => best_matches(&region, wanted),
        _ => found.iter().any(|found| found == part),
    };
    let parts: Vec<&str> = expected.split("; ").collect();
    let unmet: Vec<&str> = parts.iter().copied().filter(|part| !is_met(part)).collect();
    // Nothing that was not expected, but for reasons, of which a line may name the one that it is about.
    let is_silent = |word: &str| !parts.iter().any(|part| part.contains(word));
    let mut wrongs: Vec<String> = unmet.iter().map(|part| format!("not {part:?}, but {found:?}")).collect();
    for word in ["unplaced", "evicts"] {
        if is_silent(word) && found.iter().any(|found| found.contains(word)) {
            wrongs.push(format!("unexpected: {found:?}"));
        }
    }
    wrongs
}

fn found(region: &Region, decision: &Decision, before: &BTreeMap<AllocId, String>) -> Vec<String> {
    let mut by_node: BTreeMap<String, usize> = BTreeMap::new();
    for alloc in region.world.live("web") {
        *by_node.entry(alloc.node_name.to_string()).or_default() += 1;
    }
    let nodes = by_node.iter().map(|(name, n)| if *n == 1 { name.clone() } else { format!("{name}*{n}") });
    let nodes = nodes.collect::<Vec<_>>().join(" ");
    let mut found = vec![if nodes.is_empty() { "nowhere".to_owned() } else { nodes }, shape(region)];
    let mut by_datacenter: BTreeMap<String, usize> = BTreeMap::new();
    for alloc in region.world.live("web") {
        *by_datacenter.entry(region.world.store.node(alloc.node_id).unwrap().datacenter.clone()).or_default() += 1;
    }
    let split: Vec<String> = by_datacenter.iter().map(|(name, n)| format!("{name}*{n}")).collect();
    found.push(format!("split {}", split.join(" ")));
    let queued: i64 = decision.queued.values().sum();
    if queued > 0 {
        found.push(format!("{queued} unplaced"));
    }
    for metric in decision.failed_tg_allocs.values() {
        found.extend(metric.constraint_filtered.iter().map(|(label, n)| format!("filtered {label} {n}")));
        found.extend(metric.dimension_exhausted.iter().map(|(dimension, n)| format!("exhausted {dimension} {n}")));
        found.push(format!("{} in pool", metric.nodes_in_pool));
        found.push(format!("{} looked at", metric.nodes_evaluated));
    }
    let mut evicted: Vec<&str> =
        decision.plan.preemptions.iter().map(|preemption| before.get(&preemption.id).map_or("?", String::as_str)).collect();
    evicted.sort_unstable();
    if !evicted.is_empty() {
        found.push(format!("evicts {}", evicted.join(" ")));
        let jobs: Vec<&str> = evicted.iter().map(|name| name.split('[').next().unwrap()).collect();
        found.push(format!("evicts of {}", jobs.join(" ")));
    }
    found
}

/// `db.app[0]` is `db[0]` for short.
fn short(name: &str) -> String {
    name.replace(".app[", "[")
}

/// How many on the nodes, the fullest first.
fn shape(region: &Region) -> String {
    let mut by_node: BTreeMap<String, usize> = BTreeMap::new();
    for alloc in region.world.live("web") {
        *by_node.entry(alloc.node_name.to_string()).or_default() += 1;
    }
    let mut counts: Vec<usize> = by_node.into_values().collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    format!("shape {}", counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")).trim().to_owned()
}

/// `binpack 0.53`, `normalized-score 0.5`: of the first placement's chosen node.
fn best_matches(region: &Region, wanted: &str) -> bool {
    let (scorer, value) = wanted.split_once(' ').unwrap();
    let value: f64 = value.parse().unwrap();
    let allocs = region.world.live("web");
    let Some(metric) = allocs.first().and_then(|alloc| alloc.metrics.as_ref()) else { return false };
    let Some(chosen) = metric.score_meta_data.first() else { return false };
    let is = if scorer == "normalized-score" { Some(chosen.norm_score) } else { chosen.scores.get(scorer).copied() };
    let is_near = is.is_some_and(|is| (is - value).abs() < 0.005);
    if !is_near {
        eprintln!("{scorer}: {is:?}, not {value}: {:?}", metric.score_meta_data);
    }
    is_near
}

// ---- nodes

fn node_of(words: &str) -> NodeBuilder {
    let mut words = words.split(' ').filter(|word| !word.is_empty());
    let mut node = node(words.next().unwrap());
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse::<i64>().unwrap_or_else(|_| panic!("{word}: not a number"));
        let blank = || value.replace('_', " ");
        node = if let Some(name) = key.strip_prefix("attr.") {
            node.attribute(name, &blank())
        } else if let Some(name) = key.strip_prefix("meta.") {
            node.meta(name, &blank())
        } else if let Some(name) = key.strip_prefix("net.") {
            with_address(node, name, value)
        } else if let Some(name) = key.strip_prefix("hostnet.") {
            let (cidr, reserved_ports) = value.split_once('!').unwrap_or((value, ""));
            let network =
                ClientHostNetworkConfig { cidr: cidr.to_owned(), reserved_ports: reserved_ports.to_owned(), ..Default::default() };
            node.edit(|node| _ = node.host_networks.insert(name.to_owned(), network))
        } else {
            match key {
                "dc" => node.datacenter(value),
                "pool" => node.pool(value),
                "class" => node.class(value),
                "cpu" => node.edit(|node| node.node_resources.as_mut().unwrap().cpu.cpu_shares = number()),
                "memory" => node.edit(|node| node.node_resources.as_mut().unwrap().memory.memory_mb = number()),
                "disk" => node.disk(number()),
                "cores" => node.edit(|node| {
                    let cpu = &mut node.node_resources.as_mut().unwrap().cpu;
                    cpu.total_cpu_cores = number() as u16;
                    cpu.reservable_cpu_cores = (0..number() as u16).collect();
                }),
                "keeps_cpu" => node.edit(|node| reserved(node).cpu.cpu_shares = number()),
                "keeps_memory" => node.edit(|node| reserved(node).memory.memory_mb = number()),
                "keeps_disk" => node.edit(|node| reserved(node).disk.disk_mb = number()),
                "keeps_cores" => node.edit(|node| {
                    reserved(node).cpu.reserved_cpu_cores = value.split(',').map(|core| core.parse().unwrap()).collect();
                }),
                "keeps_ports" => node.reserved_ports(value),
                "dynamic" => {
                    let (low, high) = value.split_once('-').unwrap();
                    node.dynamic_ports(low.parse().unwrap(), high.parse().unwrap())
                }
                "max_allocs" => node.edit(|node| node.node_max_allocs = number()),
                "mode" => node.edit(|node| {
                    let network =
                        NodeNetworkResource { mode: value.to_owned(), device: value.to_owned(), ..NodeNetworkResource::default() };
                    node.node_resources.as_mut().unwrap().node_networks.push(network);
                }),
                "driver" => node.attribute(&format!("driver.{value}"), "1"),
                "sick" => node.edit(|node| node.drivers.get_mut(value).unwrap().healthy = false),
                "undetected" => node.edit(|node| node.drivers.get_mut(value).unwrap().detected = false),
                "device" => node.edit(|node| node.node_resources.as_mut().unwrap().devices.push(device_of(value))),
                "down" => node.status(NodeStatus::Down),
                "ineligible" => node.edit(|node| node.scheduling_eligibility = model::Eligibility::Ineligible),
                other => panic!("unknown word {other:?} of a node"),
            }
        };
    }
    node
}

fn reserved(node: &mut Node) -> &mut model::NodeReservedResources {
    node.reserved_resources.get_or_insert_default()
}

/// `net.public=1.2.3.4` or, with ports kept back, `net.public=1.2.3.4!80,443`.
fn with_address(node: NodeBuilder, alias: &str, text: &str) -> NodeBuilder {
    let (address, ports) = text.split_once('!').unwrap_or((text, ""));
    let address = NodeNetworkAddress {
        family: "ipv4".to_owned(),
        alias: alias.to_owned(),
        address: address.to_owned(),
        reserved_ports: ports.to_owned(),
        ..NodeNetworkAddress::default()
    };
    node.edit(|node| {
        let network =
            NodeNetworkResource { mode: "host".to_owned(), device: "eth1".to_owned(), addresses: vec![address], ..Default::default() };
        node.node_resources.as_mut().unwrap().node_networks.push(network);
    })
}

/// `nvidia/gpu/1080:2` has two; `:1+1` one, and one that is not healthy; then attributes: `,memory:8GiB`.
fn device_of(text: &str) -> NodeDeviceResource {
    let mut parts = text.split(',');
    let (name, count) = parts.next().unwrap().split_once(':').unwrap();
    let (healthy, sick) = count.split_once('+').unwrap_or((count, "0"));
    let (healthy, sick): (usize, usize) = (healthy.parse().unwrap(), sick.parse().unwrap());
    let name: Vec<&str> = name.split('/').collect();
    let instance = |i: usize| NodeDevice { id: format!("{}-{i}", name[2]), healthy: i < healthy, ..NodeDevice::default() };
    let attributes = parts.map(|part| {
        let (key, value) = part.split_once(':').unwrap();
        let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
        let attribute = match value[..end].parse() {
            Ok(int) => DeviceAttribute { int: Some(int), unit: value[end..].to_owned(), ..DeviceAttribute::default() },
            Err(_) => DeviceAttribute { string: Some(value.to_owned()), ..DeviceAttribute::default() },
        };
        (key.to_owned(), attribute)
    });
    NodeDeviceResource {
        vendor: name[0].to_owned(),
        kind: name[1].to_owned(),
        name: name[2].to_owned(),
        instances: (0..healthy + sick).map(instance).collect(),
        attributes: attributes.collect(),
    }
}

// ---- jobs

fn job_of(name: &str, wishes: &str) -> JobBuilder {
    let mut builder = job(name);
    for wish in wishes.split("; ").map(str::trim).filter(|wish| !wish.is_empty() && *wish != "anything") {
        builder = with_wish(builder, wish);
    }
    builder
}

fn with_wish(job: JobBuilder, wish: &str) -> JobBuilder {
    let (word, rest) = wish.split_once(' ').unwrap_or((wish, ""));
    let number = || rest.parse::<i64>().unwrap_or_else(|_| panic!("{wish}: not a number"));
    match word {
        "count" => job.count(number()),
        "priority" => job.priority(number()),
        "cpu" => job.edit_task(|task| task.resources.as_mut().unwrap().cpu = number()),
        "memory" => job.edit_task(|task| task.resources.as_mut().unwrap().memory_mb = number()),
        "cores" => job.edit_task(|task| {
            let resources = task.resources.as_mut().unwrap();
            (resources.cores, resources.cpu) = (number(), 0);
        }),
        "numa" => job.edit_task(|task| {
            let affinity = rest.parse().unwrap();
            task.resources.as_mut().unwrap().numa = Some(model::Numa { affinity, ..model::Numa::default() });
        }),
        "disk" => job.disk(number()),
        "batch" => job.batch(),
        "kind" => job.edit(|job| job.kind = rest.parse::<JobType>().unwrap()),
        "driver" => job.driver(rest),
        "pool" => job.node_pool(rest),
        "in" => job.datacenters(&rest.split(' ').collect::<Vec<_>>()),
        "on" => job.constraint("${node.unique.name}", "=", rest),
        "all_at_once" => job.edit(|job| job.all_at_once = true),
        "migrates" => job.edit_group(|group| group.migrate.get_or_insert_default().max_parallel = number()),
        "constraint" => job.edit(|job| job.constraints.push(constraint_of(rest))),
        "group_constraint" => job.edit_group(|group| group.constraints.push(constraint_of(rest))),
        "task_constraint" => job.edit_task(|task| task.constraints.push(constraint_of(rest))),
        "affinity" => job.edit(|job| job.affinities.push(affinity_of(rest))),
        "group_affinity" => job.edit_group(|group| group.affinities.push(affinity_of(rest))),
        "task_affinity" => job.edit_task(|task| task.affinities.push(affinity_of(rest))),
        "spread" => job.edit(|job| job.spreads.push(spread_of(rest))),
        "group_spread" => job.edit_group(|group| group.spreads.push(spread_of(rest))),
        "mode" => job.edit_group(|group| network(group).mode = rest.to_owned()),
        "static" | "colliding" => job.edit_group(|group| {
            let (label, value, host_network) = port_of(rest);
            let ignore_collision = word == "colliding";
            network(group).reserved_ports.push(Port { label, value, host_network, ignore_collision, ..Port::default() });
        }),
        "dynamic" => job.edit_group(|group| {
            let (label, _, host_network) = port_of(rest);
            network(group).dynamic_ports.push(Port { label, host_network, ..Port::default() });
        }),
        "device" => job.edit_task(|task| {
            let (name, count) = rest.split_once(' ').unwrap_or((rest, "1"));
            let device = RequestedDevice { name: name.to_owned(), count: count.parse().unwrap(), ..RequestedDevice::default() };
            task.resources.as_mut().unwrap().devices.push(device);
        }),
        "device_constraint" => job.edit_task(|task| {
            task.resources.as_mut().unwrap().devices.last_mut().unwrap().constraints.push(constraint_of(rest));
        }),
        "device_affinity" => job.edit_task(|task| {
            task.resources.as_mut().unwrap().devices.last_mut().unwrap().affinities.push(affinity_of(rest));
        }),
        other => panic!("unknown wish {other:?}"),
    }
}

fn network(group: &mut model::TaskGroup) -> &mut NetworkResource {
    if group.networks.is_empty() {
        group.networks.push(NetworkResource { mode: "host".to_owned(), ..NetworkResource::default() });
    }
    group.networks.last_mut().unwrap()
}

/// `${attr.kernel.name} = linux`, `distinct_hosts`, `distinct_property ${meta.rack} 2`; an operator alone has no value, and `distinct_…` stand
/// before the property.
fn constraint_of(text: &str) -> Constraint {
    let words: Vec<&str> = text.splitn(3, ' ').collect();
    let word = |position: usize| words.get(position).copied().unwrap_or_default().to_owned();
    match words[0] {
        "distinct_hosts" => Constraint { operand: word(0), r_target: word(1), ..Constraint::default() },
        "distinct_property" => Constraint { operand: word(0), l_target: word(1), r_target: word(2) },
        _ => Constraint { l_target: word(0), operand: word(1), r_target: word(2) },
    }
}

/// `50 ${meta.rack} = r1`.
fn affinity_of(text: &str) -> Affinity {
    let (weight, rest) = text.split_once(' ').unwrap();
    let Constraint { l_target, operand, r_target } = constraint_of(rest);
    Affinity { l_target, operand, r_target, weight: weight.parse().unwrap() }
}

/// `50 ${meta.rack} r1=70 r2=30`.
fn spread_of(text: &str) -> Spread {
    let mut words = text.split(' ');
    let weight = words.next().unwrap().parse().unwrap();
    let attribute = words.next().unwrap().to_owned();
    let targets = words.map(|word| {
        let (value, percent) = word.split_once('=').unwrap();
        SpreadTarget { value: value.to_owned(), percent: percent.parse().unwrap() }
    });
    Spread { attribute, weight, targets: targets.collect() }
}

/// `http=8080@public`.
fn port_of(text: &str) -> (String, i64, String) {
    let (text, network) = text.split_once('@').unwrap_or((text, ""));
    let (label, value) = text.split_once('=').unwrap_or((text, "0"));
    (label.to_owned(), value.parse().unwrap(), network.to_owned())
}
