//! How few nodes are used: jobs of six shapes in turn on equal nodes, until so much of what the nodes have is asked for. The floor is the
//! fewest nodes that could hold what was placed, if it were water. Usage: `packing_bench [--json]`, built with `--release`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use model::NodeId;
use scheduler::schedule;
use state::Command;
use testkit::figures::{Figure, Printer};
use testkit::{World, job, node};

const N_NODES: i64 = 5_000;
/// MHz and MiB of each node.
const NODE: [i64; 2] = [16_000, 64_000];
/// MHz and MiB of an allocation, by job in turn: some are wide, some are tall, together they are a little wider than a node.
const SHAPES: [[i64; 2]; 6] = [[250, 500], [500, 4_000], [1_000, 2_000], [1_500, 8_000], [2_000, 12_000], [4_000, 8_000]];

fn main() {
    let mut printer = Printer::new(std::env::args().any(|word| word == "--json"));
    // Allocations of a job avoid each other: a large job opens many nodes at once.
    for (kind, count) in [("service", 50), ("batch", 50), ("service", 500)] {
        let mut region = Region::new(kind, count);
        for percent in [60, 80, 95] {
            region.fill(percent);
            region.print(percent, &mut printer);
        }
        region.print_rate(&mut printer);
    }
}

struct Region {
    kind: &'static str,
    /// Of each job.
    count: i64,
    world: World,
    n_jobs: usize,
    asked: [i64; 2],
    placed: [i64; 2],
    n_placed: usize,
    used: BTreeSet<NodeId>,
    scheduling: Duration,
}

impl Region {
    fn new(kind: &'static str, count: i64) -> Self {
        let mut world = World::new();
        for position in 0..N_NODES {
            world.add_node(node(&format!("n{position}")).resources(NODE[0], NODE[1]).disk(10_000_000).build());
        }
        let (asked, placed) = ([0; 2], [0; 2]);
        Self { kind, count, world, n_jobs: 0, asked, placed, n_placed: 0, used: BTreeSet::new(), scheduling: Duration::ZERO }
    }

    /// Until so much of MHz or of MiB is asked for.
    fn fill(&mut self, percent: i64) {
        while (0..2).all(|of| self.asked[of] * 100 < NODE[of] * N_NODES * percent) {
            let shape = SHAPES[self.n_jobs % SHAPES.len()];
            let job = job(&format!("job{}", self.n_jobs)).count(self.count).resources(shape[0], shape[1]).disk(10);
            let job = if self.kind == "batch" { job.batch() } else { job };
            let eval = self.world.register(job.build());
            let began = Instant::now();
            let plan = schedule(&self.world.store, &eval, self.world.now, self.n_jobs as u64).plan;
            self.scheduling += began.elapsed();
            let n_placed = plan.placements.len();
            self.used.extend(plan.placements.iter().map(|placement| placement.alloc.node_id));
            add(&mut self.asked, shape, self.count);
            add(&mut self.placed, shape, n_placed as i64);
            self.n_placed += n_placed;
            self.n_jobs += 1;
            self.world.apply(&Command::ApplyPlan(Box::new(plan)));
        }
    }

    fn print(&self, percent: i64, printer: &mut Printer) {
        let least = (0..2).map(|of| (self.placed[of] as u64).div_ceil(NODE[of] as u64)).max().unwrap_or_default() as f64;
        let n_refused = self.n_jobs * self.count as usize - self.n_placed;
        let (name, workload) =
            ("pack, nodes used", format!("{percent} % of {N_NODES} by {} x {}, {n_refused} refused", self.kind, self.count));
        let figure = self.used.len() as f64;
        printer.print(&Figure { name, workload, figure, unit: "nodes", floor: least, goal: 1.02 * least, more: false });
    }

    fn print_rate(&self, printer: &mut Printer) {
        let (name, workload) = ("pack, placed", format!("{} jobs, {} x {}", self.n_jobs, self.kind, self.count));
        let figure = self.n_placed as f64 / self.scheduling.as_secs_f64();
        printer.print(&Figure { name, workload, figure, unit: "per s", floor: f64::NAN, goal: f64::NAN, more: true });
    }
}

fn add(to: &mut [i64; 2], shape: [i64; 2], times: i64) {
    to.iter_mut().zip(shape).for_each(|(to, of)| *to += of * times);
}
