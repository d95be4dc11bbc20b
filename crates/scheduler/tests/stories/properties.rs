//! What must hold whatever happens: random worlds, random changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Affinity, AllocId, Allocation, ClientStatus, DeploymentStatus, DesiredTransition, EvalTrigger, Evaluation, JobType, NodeDevice,
    NodeDeviceResource, NodeId, NodeStatus, PreemptionConfig, RequestedDevice, SchedulerAlgorithm, SchedulerConfiguration, Spread, Usage,
};
use scheduler::{Decision, schedule};
use testkit::{NodeBuilder, job, node};

use crate::region::Region;

/// A small stream of numbers (Knuth's MMIX constants), so that a seed is a bug report.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

const NODES: [&str; 6] = ["n0", "n1", "n2", "n3", "n4", "n5"];
const RACKS: [&str; 2] = ["r0", "r1"];
const JOBS: [&str; 3] = ["web", "db", "sum"];

/// No node holds more than it has, nor gives one port, core or device twice.
pub fn assert_no_overcommit(region: &Region, seed: u64) {
    let store = &region.world.store;
    let mut used: BTreeMap<NodeId, Usage> = BTreeMap::new();
    let mut n_allocs: BTreeMap<NodeId, i64> = BTreeMap::new();
    let mut ports: BTreeSet<(NodeId, &str, i64)> = BTreeSet::new();
    let mut cores: BTreeSet<(NodeId, u16)> = BTreeSet::new();
    let mut devices: BTreeSet<(NodeId, &str, &str)> = BTreeSet::new();
    for alloc in store.allocs().filter(|alloc| !alloc.is_terminal()) {
        let resources = alloc.allocated_resources.as_ref().unwrap();
        let used = used.entry(alloc.node_id).or_default();
        *used = used.plus(Usage::of_alloc(resources));
        *n_allocs.entry(alloc.node_id).or_default() += 1;
        let node = store.node(alloc.node_id).unwrap();
        for task in resources.tasks.values() {
            for core in &task.cpu.reserved_cores {
                let kept_back = &node.reserved_resources.as_ref().unwrap().cpu.reserved_cpu_cores;
                assert!(!kept_back.contains(core), "seed {seed}: core {core} of {} is kept back", node.name);
                assert!(cores.insert((alloc.node_id, *core)), "seed {seed}: core {core} twice on {}", node.name);
            }
            for device in &task.devices {
                for id in &device.device_ids {
                    assert!(devices.insert((alloc.node_id, &device.name, id)), "seed {seed}: device {id} twice on {}", node.name);
                    let of_node = node.node_resources.as_ref().unwrap().devices.iter().find(|there| there.name == device.name).unwrap();
                    assert!(of_node.instances.iter().any(|instance| instance.id == *id && instance.healthy));
                }
            }
        }
        for port in resources.shared.ports.iter().filter(|port| !port.ignore_collision) {
            assert!(
                ports.insert((alloc.node_id, &port.host_ip, port.value)),
                "seed {seed}: port {} twice on {}",
                port.value,
                alloc.node_name
            );
        }
    }
    for (id, n) in n_allocs {
        let most = store.node(id).unwrap().node_max_allocs;
        assert!(most == 0 || n <= most, "seed {seed}: {n} allocations on a node that takes {most}");
    }
    for (id, used) in used {
        let total = Usage::of_node(store.node(id).unwrap());
        assert!(used.cpu <= total.cpu && used.memory <= total.memory && used.disk <= total.disk, "seed {seed}: {used:?} of {total:?}");
    }
}

/// No name is held twice, but by canaries, and by those that were promoted while a pause keeps them from taking over.
fn assert_unique_names(region: &Region, id: &str, seed: u64) {
    if region.world.latest_deployment(id).is_some_and(|deployment| deployment.status == DeploymentStatus::Paused) {
        return;
    }
    let mut names = BTreeSet::new();
    for alloc in region.world.live(id).iter().filter(|alloc| !alloc.is_canary()) {
        assert!(names.insert(alloc.name.clone()), "seed {seed}: {} twice", alloc.name);
    }
}

/// Everything runs on a node of the rack that its version asks for. What was placed just now and does not share its host shares it with none
/// that says the same.
fn assert_constraints(region: &Region, id: &str, placed: &BTreeSet<AllocId>, seed: u64) {
    let live = region.world.live(id);
    let keeps_apart = |alloc: &Allocation| asks(alloc, "distinct_hosts").is_some();
    for alloc in &live {
        if let Some(rack) = asks(alloc, "=") {
            let node = region.world.store.node(alloc.node_id).unwrap();
            assert_eq!(node.meta.get("rack"), Some(&rack), "seed {seed}: {} on {}", alloc.name, alloc.node_name);
        }
        if placed.contains(&alloc.id) && keeps_apart(alloc) {
            let beside = |other: &&Arc<Allocation>| other.id != alloc.id && other.node_id == alloc.node_id && keeps_apart(other);
            assert_eq!(live.iter().find(beside).map(|other| &other.name), None, "seed {seed}: {} is not alone", alloc.name);
        }
    }
}

/// Whoever is pushed aside is less important, and its job is looked at again.
fn assert_preemptions(region: &Region, decision: &Decision, seed: u64) {
    let plan = &decision.plan;
    for preemption in &plan.preemptions {
        let by = plan.placements.iter().find(|placement| placement.alloc.id == preemption.by).unwrap();
        assert!(by.alloc.preempted_allocations.contains(&preemption.id));
        let victim = region.world.store.alloc(preemption.id).unwrap();
        assert!(!victim.is_terminal() && victim.node_id == by.alloc.node_id, "seed {seed}");
        let job = region.world.store.job_version(&by.alloc.job_key(), by.job_version).unwrap();
        let own = victim.job.as_ref().unwrap();
        assert!(own.priority + 10 <= job.priority, "seed {seed}: {} is pushed aside by {}", own.priority, job.priority);
        let looks_after = |eval: &Evaluation| eval.triggered_by == EvalTrigger::Preemption && eval.job_key() == victim.job_key();
        assert_eq!(plan.evals.iter().filter(|eval| looks_after(eval)).count(), 1, "seed {seed}");
    }
    let ids: BTreeSet<AllocId> = plan.preemptions.iter().map(|preemption| preemption.id).collect();
    assert_eq!(ids.len(), plan.preemptions.len(), "seed {seed}: nobody is pushed aside twice");
}

/// A group fails exactly when something of it waits for room, and how many is said.
fn assert_says_what_is_missing(decision: &Decision, seed: u64) {
    for (group, queued) in &decision.queued {
        let failed = decision.failed_tg_allocs.get(group).map_or(0, |metric| metric.coalesced_failures + 1);
        assert_eq!(failed, *queued, "seed {seed}: {group}");
    }
    assert!(decision.failed_tg_allocs.keys().all(|group| decision.queued.contains_key(group)), "seed {seed}");
}

/// Two of them.
fn with_gpus(node: NodeBuilder) -> NodeBuilder {
    let device = NodeDeviceResource {
        vendor: "nvidia".to_owned(),
        kind: "gpu".to_owned(),
        name: "1080".to_owned(),
        instances: ["a", "b"].map(|id| NodeDevice { id: id.to_owned(), healthy: true, ..NodeDevice::default() }).to_vec(),
        ..NodeDeviceResource::default()
    };
    node.edit(|node| node.node_resources.as_mut().unwrap().devices.push(device))
}

/// The right side of the constraint with this operator, of the version that the allocation runs.
fn asks(alloc: &Allocation, operator: &str) -> Option<String> {
    let job = alloc.job.as_ref().unwrap();
    job.constraints.iter().find(|constraint| constraint.operand == operator).map(|constraint| constraint.r_target.clone())
}

fn random_job(numbers: &mut Numbers, id: &str) -> model::Job {
    let mut builder = job(id)
        .count(numbers.below(7) as i64)
        .resources(numbers.one_of(&[100, 500, 900]), numbers.one_of(&[100, 700]))
        .env("V", &numbers.below(3).to_string())
        .reschedule_after(numbers.one_of(&[0, 20]));
    if numbers.below(2) == 0 {
        builder = builder.dynamic_port("http", 0);
    }
    if numbers.below(4) == 0 {
        builder = builder.static_port("fixed", 8080);
    }
    // One rack, or not all on one.
    match numbers.below(6) {
        0 | 1 => builder = builder.constraint("${meta.rack}", "=", numbers.one_of(&RACKS)),
        2 => builder = builder.constraint("${meta.rack}", "distinct_property", "4"),
        _ => {}
    }
    if numbers.below(4) == 0 {
        builder = builder.constraint("", "distinct_hosts", "");
    }
    builder = builder.priority(numbers.one_of(&[20, 50, 80]));
    if numbers.below(5) == 0 {
        builder = builder.edit_task(|task| {
            let resources = task.resources.as_mut().unwrap();
            (resources.cores, resources.cpu) = (1, 0);
        });
    }
    if numbers.below(5) == 0 {
        let gpu = RequestedDevice { name: "gpu".to_owned(), count: 1, ..RequestedDevice::default() };
        builder = builder.edit_task(|task| task.resources.as_mut().unwrap().devices.push(gpu));
    }
    if numbers.below(3) == 0 {
        let spread = Spread { attribute: "${meta.rack}".to_owned(), weight: 50, targets: Vec::new() };
        builder = builder.edit_group(|group| group.spreads.push(spread));
    }
    if numbers.below(3) == 0 {
        let (l_target, r_target) = ("${meta.rack}".to_owned(), numbers.one_of(&RACKS).to_owned());
        let affinity = Affinity { l_target, operand: "=".to_owned(), r_target, weight: 70 };
        builder = builder.edit(|job| job.affinities.push(affinity));
    }
    if id == "sum" {
        return builder.batch().build();
    }
    builder = builder.max_parallel(numbers.below(4) as i64);
    if numbers.below(3) == 0 {
        builder = builder.canary(1 + numbers.below(2) as i64);
    }
    builder.build()
}

/// More on request: `STEPPE_SEEDS=5000`.
fn seeds() -> u64 {
    std::env::var("STEPPE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(30)
}

/// Something happens in the world.
fn disturb(region: &mut Region, numbers: &mut Numbers) {
    let id = numbers.one_of(&JOBS);
    let live = region.live_ids(id);
    let some: Vec<_> = live.into_iter().filter(|_| numbers.below(3) == 0).collect();
    match numbers.below(10) {
        0 | 1 => {
            let job = random_job(numbers, id);
            region.register(job);
        }
        2 => region.world.set_node_status(numbers.one_of(&NODES), NodeStatus::Down),
        3 | 4 => region.world.set_node_status(numbers.one_of(&NODES), NodeStatus::Ready),
        5 => region.world.report(&some, ClientStatus::Failed),
        6 => region.world.transition(&some, &DesiredTransition { migrate: Some(true), ..Default::default() }),
        7 if id == "sum" => region.world.report(&some, ClientStatus::Complete),
        7 => watch(region, id),
        8 => region.start_all(id),
        _ => region.world.wait(numbers.below(40) as i64),
    }
}

/// What the deployment watcher does: promotes, completes, and sometimes a person pauses or fails.
fn watch(region: &mut Region, id: &str) {
    let Some(deployment) = region.world.latest_deployment(id).filter(|deployment| deployment.is_active()) else { return };
    if deployment.requires_promotion() {
        let promote = state::Command::PromoteDeployment { id: deployment.id, groups: Vec::new(), eval: None, time: region.world.now };
        region.world.try_apply(&promote);
    } else if deployment.is_complete() {
        region.set_deployment(id, DeploymentStatus::Successful);
    }
}

/// Random worlds: never overcommitted, never two of one name, never where a constraint forbids it, always the same decision; and when the disturbances end, each job has what it wants, and scheduling
/// again changes nothing.
#[test]
fn random_worlds() {
    for seed in 0..seeds() {
        let mut numbers = Numbers(seed);
        let mut region = Region::new(&[]);
        region.seed = seed;
        for (i, name) in NODES.iter().enumerate() {
            let node = with_gpus(node(name)).dynamic_ports(20_000, 20_010).meta("rack", RACKS[i % 2]);
            region.world.add_node(node.edit(|node| node.node_max_allocs = if i < 2 { 3 } else { 0 }).build());
        }
        let preemption = PreemptionConfig { service: seed % 2 == 0, batch: seed % 3 == 0, ..PreemptionConfig::default() };
        let algorithm = if seed % 4 == 0 { SchedulerAlgorithm::Spread } else { SchedulerAlgorithm::Binpack };
        let config = SchedulerConfiguration { preemption, algorithm, ..SchedulerConfiguration::default() };
        region.world.apply(&state::Command::SetScheduler { config, cas: None });
        for id in JOBS {
            let job = random_job(&mut numbers, id);
            region.register(job);
        }
        for _ in 0..60 {
            disturb(&mut region, &mut numbers);
            let id = numbers.one_of(&JOBS);
            if numbers.below(8) == 0 && region.world.latest_deployment(id).is_some_and(|deployment| deployment.is_active()) {
                let status = numbers.one_of(&[DeploymentStatus::Paused, DeploymentStatus::Running]);
                region.set_deployment(id, status);
            }
            let eval = region.world.new_eval(id, EvalTrigger::NodeUpdate);
            let decide = || schedule(&region.world.store, &eval, region.world.now, seed);
            assert_eq!(decide(), decide(), "seed {seed}: the same input, the same output");
            let before: BTreeSet<AllocId> = region.live_ids(id).into_iter().collect();
            assert_preemptions(&region, &decide(), seed);
            let decision = region.run(&eval);
            assert_says_what_is_missing(&decision, seed);
            let placed = region.live_ids(id).into_iter().filter(|id| !before.contains(id)).collect();
            assert_no_overcommit(&region, seed);
            assert_unique_names(&region, id, seed);
            assert_constraints(&region, id, &placed, seed);
        }
        settle(&mut region, seed);
    }
}

fn settle(region: &mut Region, seed: u64) {
    for name in NODES {
        region.world.set_node_status(name, NodeStatus::Ready);
    }
    // More room than anybody could want, also for static ports.
    for i in 0..20 {
        region.world.add_node(with_gpus(node(&format!("spare{i}"))).meta("rack", RACKS[i % 2]).build());
    }
    for id in JOBS {
        if region.world.latest_deployment(id).is_some_and(|deployment| deployment.status == DeploymentStatus::Paused) {
            region.set_deployment(id, DeploymentStatus::Running);
        }
        for round in 0.. {
            assert!(round < 60, "seed {seed}: {id} does not settle: {:#?}", region.evaluate(id).plan);
            region.start_all(id);
            watch(region, id);
            region.world.wait(3600);
            let evals = region.waiting(id);
            let idle = evals.is_empty();
            for eval in evals {
                region.run(&eval);
            }
            if region.evaluate(id).plan.is_noop() && idle && round > 2 {
                break;
            }
        }
        assert_no_overcommit(region, seed);
        assert_unique_names(region, id, seed);
        let job = region.world.job(id);
        let is_done = |alloc: &model::Allocation| {
            job.kind == JobType::Batch && alloc.client_status == ClientStatus::Complete && crate::region::version(alloc) == job.version
        };
        let failed_for_good = |alloc: &model::Allocation| {
            job.kind == JobType::Batch
                && alloc.client_status == ClientStatus::Failed
                && !alloc.server_terminal()
                && crate::region::version(alloc) == job.version
        };
        let allocs = region.world.allocs(id);
        let n = allocs.iter().filter(|alloc| !alloc.is_terminal() || is_done(alloc) || failed_for_good(alloc)).count();
        assert_eq!(n as i64, job.task_groups[0].count, "seed {seed}: {id}: {:?}", region.live(id));
        assert!(
            region.world.live(id).iter().all(|alloc| crate::region::version(alloc) == job.version),
            "seed {seed}: {:?}",
            region.live(id)
        );
        region.assert_settled(id);
    }
}
