//! Placements per second: jobs of many allocations on simulated nodes, plans applied in between, beside the floor of putting as many
//! allocations into a map. Usage: `placement_bench [--json] [jobs [allocations-per-job [nodes]]]`, built with `--release`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use model::{AllocId, Allocation};
use scheduler::schedule;
use state::{Command, Plan};
use testkit::figures::{Figure, Printer};
use testkit::{World, job, node};

fn main() {
    let (flags, numbers): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word == "--json");
    let mut arguments = numbers.iter().map(|argument| argument.parse::<usize>().unwrap_or(0));
    let n_jobs = arguments.next().filter(|n| *n > 0).unwrap_or(10);
    let n_allocs = arguments.next().filter(|n| *n > 0).unwrap_or(1000);
    let n_nodes = arguments.next().filter(|n| *n > 0).unwrap_or(1000);

    let mut world = World::new();
    for i in 0..n_nodes {
        let rack = format!("r{}", i % 20);
        world.add_node(node(&format!("n{i}")).resources(16_000, 64_000).disk(1_000_000).meta("rack", &rack).build());
    }
    let mut scheduling = Duration::ZERO;
    let mut applying = Duration::ZERO;
    let mut slowest = Duration::ZERO;
    let mut n_placed = 0;
    let mut placed: Vec<Allocation> = Vec::new();
    for i in 0..n_jobs {
        let job = job(&format!("job{i}")).count(n_allocs as i64).resources(50, 64).disk(10).dynamic_port("http", 0);
        let eval = world.register(job.constraint("${attr.kernel.name}", "=", "linux").build());
        let begin = Instant::now();
        let decision = schedule(&world.store, &eval, world.now, i as u64);
        let took = begin.elapsed();
        scheduling += took;
        slowest = slowest.max(took);
        n_placed += decision.plan.placements.len();
        placed.extend(decision.plan.placements.iter().map(|placement| placement.alloc.clone()));
        let begin = Instant::now();
        apply(&mut world, decision.plan);
        applying += begin.elapsed();
    }

    let begin = Instant::now();
    let mut floor: BTreeMap<AllocId, Allocation> = BTreeMap::new();
    for alloc in placed {
        floor.insert(alloc.id, alloc);
    }
    black_box(&floor);
    let floor = n_placed as f64 / begin.elapsed().as_secs_f64();

    let mut printer = Printer::new(!flags.is_empty());
    let rate = |time: Duration| n_placed as f64 / time.as_secs_f64();
    let workload = format!("{n_jobs} x {n_allocs} on {n_nodes} nodes");
    let figures = [
        ("placed", rate(scheduling), "per s", floor, true),
        ("placed and applied", rate(scheduling + applying), "per s", floor, true),
        ("slowest evaluation", slowest.as_secs_f64() * 1e3, "ms", f64::NAN, false),
    ];
    for (name, figure, unit, floor, more) in figures {
        printer.print(&Figure { name, workload: workload.clone(), figure, unit, floor, goal: f64::NAN, more });
    }
}

fn apply(world: &mut World, plan: Plan) {
    world.apply(&Command::ApplyPlan(Box::new(plan)));
}
