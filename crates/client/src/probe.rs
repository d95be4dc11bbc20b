//! Figures of a node that are read when somebody looks: its allocations, and if wanted the machine and each task.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use model::{Node, Usage};
use rpc::message::{Read, ReadOptions, ReadReply, ReadValue};
use telemetry::{Labels, Reading};
use tokio::sync::Mutex;

use crate::measured;
use crate::shared::Shared;
use crate::stats::{self, TaskFigures};

/// How old the region's word about the node may be, which only labels are made of.
const NODE_AGE_MAX: Duration = Duration::from_secs(10);
/// A region that does not say it in this time is not waited for.
const NODE_PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of the interface's megabytes.
const MIB: f64 = 1024.0 * 1024.0;

/// The node as the region last described it, and when it was asked.
type Known = Arc<Mutex<Option<(Instant, Arc<Node>)>>>;

/// Lets the figures of the node be read for as long as its agent lives.
pub(crate) fn register(shared: &Arc<Shared>) {
    if shared.config.publish_node_metrics {
        // Shares are of the time since the last look; the first one begins here.
        stats::cpu_figures(shared);
    }
    let (weak, known): (Weak<Shared>, Known) = (Arc::downgrade(shared), Known::default());
    shared.config.telemetry.probe(move || {
        let (shared, known) = (weak.upgrade(), known.clone());
        async move {
            match shared {
                Some(shared) => read(shared, &known).await,
                None => Vec::new(),
            }
        }
    });
}

async fn read(shared: Arc<Shared>, known: &Known) -> Vec<Reading> {
    let node = present(&shared, known).await;
    let labels = labels(&node);
    let mut readings = allocations(&shared, &labels);
    if shared.config.publish_allocation_metrics {
        tasks(&shared, &mut readings).await;
    }
    if shared.config.publish_node_metrics {
        // Looking at filesystems may take a while.
        let of_host = tokio::task::spawn_blocking(move || host(&shared, &labels)).await;
        readings.extend(of_host.unwrap_or_default());
    }
    readings
}

/// The node with what only the region knows of it: whether it may take work.
async fn present(shared: &Shared, known: &Known) -> Arc<Node> {
    let mut known = known.lock().await;
    if let Some((at, node)) = &*known
        && at.elapsed() < NODE_AGE_MAX
    {
        return node.clone();
    }
    let read = shared.read(ReadOptions { stale: true, ..Default::default() }, Read::Node { id: shared.node_id });
    let node = match tokio::time::timeout(NODE_PATIENCE, read).await {
        Ok(Ok(ReadReply { value: ReadValue::Node(node), .. })) => node,
        _ => None,
    };
    // What was known before is nearer to the truth than what the node was when it started.
    let node = node.or_else(|| known.as_ref().map(|(_, node)| node.clone())).unwrap_or_else(|| shared.node());
    *known = Some((Instant::now(), node.clone()));
    node
}

fn labels(node: &Node) -> Labels {
    let class = if node.node_class.is_empty() { "none" } else { node.node_class.as_str() };
    vec![
        ("datacenter", node.datacenter.to_string()),
        ("node_class", class.to_owned()),
        ("node_id", node.id.to_string()),
        ("node_pool", node.node_pool.to_string()),
        ("node_scheduling_eligibility", node.scheduling_eligibility.as_str().to_owned()),
        ("node_status", node.status.as_str().to_owned()),
    ]
}

fn allocations(shared: &Shared, labels: &Labels) -> Vec<Reading> {
    let (mut pending, mut running, mut terminal) = (0, 0, 0);
    let [mut tasks_pending, mut tasks_running, mut tasks_dead] = [0; 3];
    let mut allocated = Usage::default();
    for handle in shared.allocs().values() {
        let n_tasks = handle.alloc().allocated_resources.as_ref().map_or(0, |resources| resources.tasks.len());
        let n_running = handle.running().len().min(n_tasks);
        tasks_running += n_running;
        *(if handle.is_finished() { &mut tasks_dead } else { &mut tasks_pending }) += n_tasks - n_running;
        if handle.is_finished() {
            terminal += 1;
            continue;
        }
        if handle.running().is_empty() {
            pending += 1;
        } else {
            running += 1;
        }
        if let Some(resources) = &handle.alloc().allocated_resources {
            allocated = allocated.plus(Usage::of_alloc(resources));
        }
    }
    let rest = Usage::of_node(&shared.node()).minus(allocated);
    [
        ("nomad.client.allocations.pending", pending),
        ("nomad.client.allocations.running", running),
        ("nomad.client.allocations.terminal", terminal),
        ("nomad.client.tasks.pending", tasks_pending as i64),
        ("nomad.client.tasks.running", tasks_running as i64),
        ("nomad.client.tasks.dead", tasks_dead as i64),
        ("nomad.client.allocated.cpu", allocated.cpu),
        ("nomad.client.allocated.memory", allocated.memory),
        ("nomad.client.allocated.disk", allocated.disk),
        ("nomad.client.unallocated.cpu", rest.cpu),
        ("nomad.client.unallocated.memory", rest.memory),
        ("nomad.client.unallocated.disk", rest.disk),
    ]
    .map(|(name, value)| Reading::with(name, labels.clone(), value as f64))
    .into()
}

async fn tasks(shared: &Shared, readings: &mut Vec<Reading>) {
    let handles: Vec<_> = shared.allocs().values().filter(|handle| !handle.is_finished()).cloned().collect();
    for handle in handles {
        let alloc = handle.alloc();
        for figures in stats::task_figures(shared, &handle).await {
            let TaskFigures { task, rss, swap, user_percent, system_percent, total_ticks } = figures;
            let labels = measured::labels(&alloc, &task);
            let of_task = alloc.allocated_resources.as_ref().and_then(|resources| resources.tasks.get(&task));
            let (cpu, memory) = of_task.map_or((0, 0), |task| (task.cpu.cpu_shares, task.memory.memory_mb));
            let values = [
                ("nomad.client.allocs.cpu.allocated", cpu as f64),
                ("nomad.client.allocs.cpu.user", user_percent),
                ("nomad.client.allocs.cpu.system", system_percent),
                ("nomad.client.allocs.cpu.total_percent", user_percent + system_percent),
                ("nomad.client.allocs.cpu.total_ticks", total_ticks),
                ("nomad.client.allocs.memory.allocated", memory as f64 * MIB),
                ("nomad.client.allocs.memory.rss", rss as f64),
                ("nomad.client.allocs.memory.swap", swap as f64),
                ("nomad.client.allocs.memory.usage", rss as f64),
            ];
            readings.extend(values.map(|(name, value)| Reading::with(name, labels.clone(), value)));
        }
    }
    stats::forget_ended(shared);
}

fn host(shared: &Shared, labels: &Labels) -> Vec<Reading> {
    let mut readings = Vec::new();
    let mut push = |name, further: &[(&'static str, String)], value| {
        readings.push(Reading::with(name, further.iter().chain(labels).cloned().collect(), value));
    };
    for load in stats::cpu_figures(shared) {
        let cpu = [("cpu", load.cpu)];
        push("nomad.client.host.cpu.user", &cpu, load.user);
        push("nomad.client.host.cpu.system", &cpu, load.system);
        push("nomad.client.host.cpu.idle", &cpu, load.idle);
        push("nomad.client.host.cpu.total_percent", &cpu, load.total_percent);
        push("nomad.client.host.cpu.total_ticks", &cpu, load.total_ticks);
    }
    if let Some(memory) = stats::memory() {
        push("nomad.client.host.memory.total", &[], memory.total as f64);
        push("nomad.client.host.memory.available", &[], memory.available as f64);
        push("nomad.client.host.memory.used", &[], memory.total.saturating_sub(memory.available) as f64);
        push("nomad.client.host.memory.free", &[], memory.free as f64);
    }
    for mount in stats::mounts() {
        let Some(usage) = stats::disk_usage(&mount.point) else { continue };
        let disk = [("disk", mount.device)];
        push("nomad.client.host.disk.size", &disk, usage.size as f64);
        push("nomad.client.host.disk.used", &disk, usage.used as f64);
        push("nomad.client.host.disk.available", &disk, usage.available as f64);
        push("nomad.client.host.disk.used_percent", &disk, usage.used_percent);
        push("nomad.client.host.disk.inodes_percent", &disk, usage.inodes_used_percent);
    }
    push("nomad.client.uptime", &[], stats::uptime() as f64);
    readings
}
