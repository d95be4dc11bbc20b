//! `node status ID`: one node, its resources and what runs on it.

use api::{Client, HostStats};
use model::{Allocation, ClientStatus, Node, NodeStatus};

use crate::context::{During, Outcome, query};
use crate::show::{self, Format, section};

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub verbose: bool,
    pub short: bool,
    pub stats: bool,
}

pub async fn run(client: &Client, id: &str, format: &Format, options: Options) -> Outcome {
    let shown = client.node(id, &query()).await.during("querying node info")?.value;
    if format.print(&shown)? {
        return Ok(0);
    }
    let node = &shown.node;
    let mut allocs = client.node_allocations(id, &query()).await.during("querying node allocations")?.value;
    allocs.sort_by(|a, b| (b.create_index, &a.name).cmp(&(a.create_index, &b.name)));
    if options.short {
        say!("{}", show::pairs(&head(node)));
        say!("\n{}", allocations(&allocs, options.verbose));
        return Ok(0);
    }
    let host = host_stats(client, node).await;
    let mut pairs = head(node);
    pairs.extend(host.as_ref().map(|host| ("Uptime", model::format_duration(seconds(host.uptime)))));
    if !options.verbose {
        // Volumes are refused so far, so no node has any.
        let networks = node.host_networks.keys().cloned().collect::<Vec<_>>().join(",");
        pairs.extend([("Host Volumes", String::new()), ("Host Networks", networks), ("CSI Volumes", String::new())]);
        pairs.push(("Driver Status", driver_list(node)));
    }
    say!("{}", show::pairs(&pairs));
    if options.verbose {
        if !node.host_networks.is_empty() {
            say!("\n{}", section("Host Networks", &network_table(node)));
        }
        say!("\n{}", section("Drivers", &driver_table(node)));
    }
    say!("\n{}", section("Node Events", &events(node, options.verbose)));
    if let Some(table) = allocated(node, &allocs) {
        say!("\n{}", section("Allocated Resources", &table));
    }
    if let Some(host) = &host {
        let (cpu, memory) = used_by_allocations(client, &allocs).await;
        utilization(node, host, cpu, memory);
        if options.stats {
            statistics(host);
        }
    }
    say!("\n{}", allocations(&allocs, options.verbose));
    if options.verbose {
        for (heading, map) in [("Attributes", &node.attributes), ("Meta", &node.meta)] {
            if !map.is_empty() {
                say!("\n{}", section(heading, &show::pairs(&map.iter().collect::<Vec<_>>())));
            }
        }
    }
    Ok(0)
}

fn seconds(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX).saturating_mul(1_000_000_000)
}

fn head(node: &Node) -> Vec<(&'static str, String)> {
    vec![
        ("ID", node.id.to_string()),
        ("Name", node.name.clone()),
        ("Node Pool", node.node_pool.clone()),
        ("Class", node.node_class.clone()),
        ("DC", node.datacenter.clone()),
        ("Drain", drain(node)),
        ("Eligibility", node.scheduling_eligibility.to_string()),
        ("Status", node.status.to_string()),
        // Volumes are refused so far, so no node has any.
        ("CSI Controllers", String::new()),
        ("CSI Drivers", String::new()),
    ]
}

/// Whether the node is drained, and until when.
fn drain(node: &Node) -> String {
    let Some(strategy) = &node.drain_strategy else { return "false".to_owned() };
    let deadline = match strategy.deadline {
        0 => "no deadline".to_owned(),
        ..0 => "by force".to_owned(),
        _ => format!("deadline {}", show::time(strategy.force_deadline.0)),
    };
    format!("true; {deadline}{}", if strategy.ignore_system_jobs { "; system jobs stay" } else { "" })
}

fn network_table(node: &Node) -> String {
    let mut rows = vec![show::row(&["Name", "CIDR", "Interface", "ReservedPorts"])];
    for (name, network) in &node.host_networks {
        rows.push(vec![name.clone(), network.cidr.clone(), network.interface.clone(), network.reserved_ports.clone()]);
    }
    show::table(&rows)
}

/// `None` when the node cannot be asked, which is said if it should answer.
async fn host_stats(client: &Client, node: &Node) -> Option<HostStats> {
    if node.status != NodeStatus::Ready {
        return None;
    }
    match client.host_stats(&node.id.to_string(), &query()).await {
        Ok(answer) => Some(answer.value),
        Err(error) => {
            complain!("Error fetching node stats: {error}");
            None
        }
    }
}

fn driver_list(node: &Node) -> String {
    let detected = node.drivers.iter().filter(|(_, driver)| driver.detected);
    let names = detected.map(|(name, driver)| if driver.healthy { name.clone() } else { format!("{name} (unhealthy)") });
    names.collect::<Vec<_>>().join(",")
}

fn driver_table(node: &Node) -> String {
    let mut rows = vec![show::row(&["Driver", "Detected", "Healthy", "Message", "Time"])];
    for (name, driver) in &node.drivers {
        rows.push(vec![
            name.clone(),
            driver.detected.to_string(),
            driver.healthy.to_string(),
            driver.health_description.clone(),
            show::time(driver.update_time.0),
        ]);
    }
    show::table(&rows)
}

/// Newest first.
fn events(node: &Node, verbose: bool) -> String {
    let mut header = vec!["Time", "Subsystem", "Message"];
    header.extend(verbose.then_some("Details"));
    let mut rows = vec![show::row(&header)];
    for event in node.events.iter().rev() {
        // The driver that an event is about is part of where it comes from.
        let subsystem = match event.details.get("driver") {
            Some(driver) => format!("{}: {driver}", event.subsystem),
            None => event.subsystem.clone(),
        };
        let mut row = vec![show::time(event.timestamp.0), subsystem, event.message.clone()];
        let details = || event.details.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(",");
        row.extend(verbose.then(details));
        rows.push(row);
    }
    show::table(&rows)
}

/// What is given away, of what there is without what is reserved.
fn allocated(node: &Node, allocs: &[Allocation]) -> Option<String> {
    let total = node.node_resources.as_ref()?;
    let reserved = node.reserved_resources.clone().unwrap_or_default();
    let live: Vec<&Allocation> = allocs.iter().filter(|alloc| !alloc.is_terminal()).collect();
    let (mut cpu, mut memory, mut disk) = (0_i64, 0_i64, 0_i64);
    for given in live.iter().filter_map(|alloc| alloc.allocated_resources.as_ref()) {
        for task in given.tasks.values() {
            cpu = cpu.saturating_add(task.cpu.cpu_shares);
            memory = memory.saturating_add(task.memory.memory_mb);
        }
        disk = disk.saturating_add(given.shared.disk_mb);
    }
    let mut header = vec!["CPU", "Memory", "Disk"];
    let mut row = vec![
        format!("{cpu}/{} MHz", total.cpu.cpu_shares.saturating_sub(reserved.cpu.cpu_shares)),
        format!("{}/{}", show::megabytes(memory), show::megabytes(total.memory.memory_mb.saturating_sub(reserved.memory.memory_mb))),
        format!("{}/{}", show::megabytes(disk), show::megabytes(total.disk.disk_mb.saturating_sub(reserved.disk.disk_mb))),
    ];
    if node.node_max_allocs > 0 {
        header.push("Alloc Count");
        row.push(format!("{}/{}", live.len(), node.node_max_allocs));
    }
    Some(show::table(&[show::row(&header), row]))
}

/// Ticks and bytes that all running allocations use. One that ends meanwhile uses nothing.
async fn used_by_allocations(client: &Client, allocs: &[Allocation]) -> (f64, u64) {
    let running = allocs.iter().filter(|alloc| alloc.client_status == ClientStatus::Running);
    let questions = running.map(|alloc| async move { client.allocation_stats(&alloc.id.to_string(), "", &query()).await });
    let answers = futures::future::join_all(questions).await;
    let used: Vec<_> = answers.into_iter().flatten().filter_map(|answer| answer.value.resource_usage).collect();
    let cpu = used.iter().filter_map(|used| used.cpu_stats.as_ref()).map(|cpu| cpu.total_ticks).sum();
    let memory =
        used.iter().filter_map(|used| used.memory_stats.as_ref()).map(|memory| memory.rss.max(memory.usage)).fold(0, u64::saturating_add);
    (cpu, memory)
}

fn utilization(node: &Node, host: &HostStats, cpu: f64, memory: u64) {
    let Some(total) = &node.node_resources else { return };
    let shares = total.cpu.cpu_shares;
    let total_memory = host.memory.as_ref().map_or(0, |memory| memory.total);
    let rows = [
        show::row(&["CPU", "Memory"]),
        vec![format!("{cpu:.0}/{shares} MHz"), format!("{}/{}", show::bytes(memory), show::bytes(total_memory))],
    ];
    say!("\n{}", section("Allocation Resource Utilization", &show::table(&rows)));
    let used = host.memory.as_ref().map_or(0, |memory| memory.used);
    let disk = host.alloc_dir_stats.as_ref().or(host.disk_stats.first());
    let disk = disk.map(|disk| format!("{}/{}", show::bytes(disk.used), show::bytes(disk.size))).unwrap_or_default();
    let rows = [
        show::row(&["CPU", "Memory", "Disk"]),
        vec![format!("{:.0}/{shares} MHz", host.cpu_ticks_consumed), format!("{}/{}", show::bytes(used), show::bytes(total_memory)), disk],
    ];
    say!("\n{}", section("Host Resource Utilization", &show::table(&rows)));
}

fn statistics(host: &HostStats) {
    let percent = |value: f64| format!("{value:.2}%");
    let blocks = |blocks: Vec<String>| blocks.join("\n\n");
    let cpus = host.cpu.iter().map(|cpu| {
        show::pairs(&[("CPU", cpu.cpu.clone()), ("User", percent(cpu.user)), ("System", percent(cpu.system)), ("Idle", percent(cpu.idle))])
    });
    say!("\n{}", section("CPU Stats", &blocks(cpus.collect())));
    if let Some(memory) = &host.memory {
        let pairs = [
            ("Total", show::bytes(memory.total)),
            ("Available", show::bytes(memory.available)),
            ("Used", show::bytes(memory.used)),
            ("Free", show::bytes(memory.free)),
        ];
        say!("\n{}", section("Memory Stats", &show::pairs(&pairs)));
    }
    let disks = host.disk_stats.iter().map(|disk| {
        show::pairs(&[
            ("Device", disk.device.clone()),
            ("MountPoint", disk.mountpoint.clone()),
            ("Size", show::bytes(disk.size)),
            ("Used", show::bytes(disk.used)),
            ("Available", show::bytes(disk.available)),
            ("Used Percent", percent(disk.used_percent)),
            ("Inodes Percent", percent(disk.inodes_used_percent)),
        ])
    });
    say!("\n{}", section("Disk Stats", &blocks(disks.collect())));
}

fn allocations(allocs: &[Allocation], verbose: bool) -> String {
    if allocs.is_empty() {
        return section("Allocations", "No allocations placed");
    }
    let mut header = vec!["ID"];
    header.extend(verbose.then_some("Eval ID"));
    header.extend(["Node ID", "Task Group", "Version", "Desired", "Status", "Created", "Modified"]);
    let time = |nanos| if verbose { show::time(nanos) } else { show::ago(nanos) };
    let mut rows = vec![show::row(&header)];
    for alloc in allocs {
        let mut row = vec![show::id(alloc.id, verbose)];
        row.extend(verbose.then(|| alloc.eval_id.to_string()));
        row.extend([
            show::id(alloc.node_id, verbose),
            alloc.task_group.to_string(),
            alloc.job.as_ref().map_or(0, |job| job.version).to_string(),
            alloc.desired_status.to_string(),
            alloc.client_status.to_string(),
            time(alloc.create_time),
            time(alloc.modify_time),
        ]);
        rows.push(row);
    }
    section("Allocations", &show::table(&rows))
}
