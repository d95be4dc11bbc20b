//! `alloc status`

use api::{AllocResourceUsage, Client, ResourceUsage};
use model::{Allocation, ClientStatus, EvalStatus, LifecycleHook, Task, TaskLifecycle, TaskState, Time};

use crate::context::{During, Global, Outcome, Stop, query};
use crate::resolve;
use crate::show::{self, Format, section, title};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Ids in full, absolute times, how nodes were scored.
    #[arg(long)]
    verbose: bool,
    /// Only the last event of each task.
    #[arg(long)]
    short: bool,
    /// More about the resources that are used.
    #[arg(long)]
    stats: bool,
    #[arg(long, hide = true)]
    ui: bool,
    /// An allocation's id, or a prefix of it.
    allocation: Option<String>,
}

impl Args {
    /// The status of one allocation, as `status` shows it.
    pub fn of(global: Global, allocation: String, verbose: bool) -> Self {
        let format = Format::default();
        Self { global, format, verbose, short: false, stats: false, ui: false, allocation: Some(allocation) }
    }
}

pub async fn run(args: Args) -> Outcome {
    if args.ui {
        return Err(super::job_run::no_user_interface());
    }
    let client = args.global.client()?;
    let Some(given) = &args.allocation else { return list(&client, &args.format).await };
    let alloc = resolve::allocation(&client, given).await?;
    if args.format.print(&alloc)? {
        return Ok(0);
    }
    if args.short {
        say!("{}\n\n{}", short_head(&alloc, args.verbose), section("Tasks", &short_tasks(&alloc)));
        return Ok(0);
    }
    let next_try = next_try(&client, &alloc).await?;
    say!("{}", head(&alloc, next_try, args.verbose));
    if let Some(addresses) = addresses(&alloc) {
        say!("\n{addresses}");
    }
    let used = usage(&client, &alloc).await;
    let states = alloc.task_states.all();
    for task in tasks(&alloc) {
        let Some(state) = states.get(&task.name) else { continue };
        let used = used.as_ref().and_then(|used| used.tasks.get(&task.name)).and_then(|task| task.resource_usage.as_ref());
        say!("\n{}", task_text(&alloc, task, state, used, args.stats));
    }
    if let Some(placement) = placement(&alloc, args.verbose) {
        say!("\n{}", section("Placement Metrics", &placement));
    }
    Ok(0)
}

/// Without an id there is no layout, only data.
async fn list(client: &Client, format: &Format) -> Outcome {
    if !format.json && format.template.is_none() {
        return Err(Stop::usage("alloc status", "This command takes one argument: <allocation>"));
    }
    let allocs = client.allocations(&query()).await.during("querying allocations")?.value;
    format.print(&allocs)?;
    Ok(0)
}

fn short_head(alloc: &Allocation, verbose: bool) -> String {
    show::pairs(&[
        ("ID", alloc.id.to_string()),
        ("Name", alloc.name.to_string()),
        ("Created", when(alloc.create_time, verbose)),
        ("Modified", when(alloc.modify_time, verbose)),
    ])
}

fn short_tasks(alloc: &Allocation) -> String {
    let states = alloc.task_states.all();
    let mut rows = vec![show::row(&["Name", "State", "Last Event", "Time", "Lifecycle"])];
    for task in tasks(alloc) {
        let Some(state) = states.get(&task.name) else { continue };
        let last = state.events.last();
        rows.push(vec![
            task.name.clone(),
            state.state.to_string(),
            last.map(|event| event.kind.clone()).unwrap_or_default(),
            last.map(|event| show::time(event.time)).unwrap_or_default(),
            lifecycle(task.lifecycle.as_ref()).to_owned(),
        ]);
    }
    show::table(&rows)
}

fn when(unix_nanos: i64, verbose: bool) -> String {
    if verbose { show::time(unix_nanos) } else { show::ago(unix_nanos) }
}

/// When a failed allocation is placed again, if that is planned.
async fn next_try(client: &Client, alloc: &Allocation) -> Result<Option<Time>, Stop> {
    let Some(eval) = alloc.followup_eval_id.some().filter(|_| alloc.client_status == ClientStatus::Failed) else { return Ok(None) };
    let eval = client.evaluation(&eval.to_string(), &query()).await.during("querying follow-up evaluation")?.value;
    Ok(Some(eval.wait_until).filter(|until| eval.status == EvalStatus::Pending && until.0 > show::now()))
}

fn head(alloc: &Allocation, next_try: Option<Time>, verbose: bool) -> String {
    let version = alloc.job.as_ref().map(|job| job.version.to_string()).unwrap_or_default();
    let mut pairs = vec![
        ("ID", alloc.id.to_string()),
        ("Eval ID", show::id(alloc.eval_id, verbose)),
        ("Name", alloc.name.to_string()),
        ("Node ID", show::id(alloc.node_id, verbose)),
        ("Node Name", alloc.node_name.to_string()),
        ("Job ID", alloc.job_id.to_string()),
        ("Job Version", version),
        ("Client Status", alloc.client_status.to_string()),
        ("Client Description", alloc.client_description.to_string()),
        ("Desired Status", alloc.desired_status.to_string()),
        ("Desired Description", alloc.desired_description.to_string()),
        ("Created", when(alloc.create_time, verbose)),
        ("Modified", when(alloc.modify_time, verbose)),
    ];
    pairs.extend(max_run_deadline(alloc).map(|deadline| ("Max Run Deadline", show::time(deadline))));
    if let Some(deployment) = alloc.deployment_id.some() {
        let health = match alloc.deployment_status.as_ref().and_then(|status| status.healthy) {
            None => "unset",
            Some(true) => "healthy",
            Some(false) => "unhealthy",
        };
        pairs.push(("Deployment ID", show::id(deployment, verbose)));
        pairs.push(("Deployment Health", health.to_owned()));
        if alloc.is_canary() {
            pairs.push(("Canary", true.to_string()));
        }
    }
    if let Some(next) = alloc.next_allocation.some() {
        pairs.push(("Replacement Alloc ID", show::id(next, verbose)));
    }
    pairs.extend(attempts(alloc).map(|attempts| ("Reschedule Attempts", attempts)));
    pairs.extend(next_try.map(|until| ("Reschedule Eligibility", show::from_now(until.0))));
    if let Some(metric) = alloc.metrics.as_ref().filter(|_| verbose) {
        pairs.extend([
            ("Evaluated Nodes", metric.nodes_evaluated.to_string()),
            ("Filtered Nodes", metric.nodes_filtered.to_string()),
            ("Exhausted Nodes", metric.nodes_exhausted.to_string()),
            ("Allocation Time", show::duration(metric.allocation_time)),
            ("Failures", metric.coalesced_failures.to_string()),
        ]);
    }
    show::pairs(&pairs)
}

/// When a batch allocation that may run for so long only is cut off.
fn max_run_deadline(alloc: &Allocation) -> Option<i64> {
    let limit = alloc.group()?.max_run_duration?;
    Some(alloc.create_time.saturating_add(limit))
}

/// How many of the attempts within the interval are used up; `None` when their number is not limited.
fn attempts(alloc: &Allocation) -> Option<String> {
    let policy = alloc.group()?.reschedule_policy.as_ref()?;
    let tracker = alloc.reschedule_tracker.as_ref()?;
    if policy.unlimited || policy.attempts <= 0 {
        return None;
    }
    let since = show::now().saturating_sub(policy.interval);
    let n = tracker.events.iter().filter(|event| event.reschedule_time >= since).count();
    Some(format!("{n}/{}", policy.attempts))
}

/// The ports of the group.
fn addresses(alloc: &Allocation) -> Option<String> {
    let shared = &alloc.allocated_resources.as_ref()?.shared;
    if shared.ports.is_empty() {
        return None;
    }
    let mode = shared.networks.first().map(|network| network.mode.as_str()).unwrap_or_default();
    let mode = if matches!(mode, "" | "host") { String::new() } else { format!(" (mode = {mode:?})") };
    let mut rows = vec![show::row(&["Label", "Dynamic", "Address"])];
    for port in &shared.ports {
        let dynamic = shared.networks.iter().flat_map(|network| &network.dynamic_ports).any(|dynamic| dynamic.label == port.label);
        let to = if port.to > 0 { format!(" -> {}", port.to) } else { String::new() };
        rows.push(vec![
            format!("*{}", port.label),
            if dynamic { "yes" } else { "no" }.to_owned(),
            format!("{}:{}{to}", port.host_ip, port.value),
        ]);
    }
    Some(section(&format!("Allocation Addresses{mode}:"), &show::table(&rows)))
}

/// What the tasks use; `None` when nothing runs or the node cannot be asked.
async fn usage(client: &Client, alloc: &Allocation) -> Option<AllocResourceUsage> {
    if alloc.client_status != ClientStatus::Running {
        return None;
    }
    match client.allocation_stats(&alloc.id.to_string(), "", &query()).await {
        Ok(answer) => Some(answer.value),
        Err(error) => {
            complain!("Couldn't retrieve stats: {error}");
            None
        }
    }
}

/// The tasks of the allocation in the order in which they run.
fn tasks(alloc: &Allocation) -> Vec<&Task> {
    let mut tasks: Vec<&Task> = alloc.group().map(|group| group.tasks.iter().collect()).unwrap_or_default();
    tasks.sort_by_key(|task| match task.lifecycle.as_ref().map(|lifecycle| (lifecycle.hook, lifecycle.sidecar)) {
        Some((LifecycleHook::Prestart, sidecar)) => (0, sidecar),
        None | Some((LifecycleHook::Unset, _)) => (1, false),
        Some((LifecycleHook::Poststart, sidecar)) => (2, sidecar),
        Some((LifecycleHook::Poststop, _)) => (3, false),
    });
    tasks
}

fn lifecycle(lifecycle: Option<&TaskLifecycle>) -> &'static str {
    match lifecycle.map(|lifecycle| (lifecycle.hook, lifecycle.sidecar)) {
        None | Some((LifecycleHook::Unset, _)) => "main",
        Some((LifecycleHook::Prestart, false)) => "prestart",
        Some((LifecycleHook::Prestart, true)) => "prestart sidecar",
        Some((LifecycleHook::Poststart, false)) => "poststart",
        Some((LifecycleHook::Poststart, true)) => "poststart sidecar",
        Some((LifecycleHook::Poststop, _)) => "poststop",
    }
}

fn task_text(alloc: &Allocation, task: &Task, state: &TaskState, used: Option<&ResourceUsage>, stats: bool) -> String {
    let kind = match lifecycle(task.lifecycle.as_ref()) {
        "main" => String::new(),
        kind => format!(" ({kind})"),
    };
    let mut text = format!("{}\n", title(&format!("Task {:?}{kind} is {:?}", task.name, state.state.as_str())));
    text.push_str(&resources(alloc, task, used));
    if let Some(used) = used.filter(|_| stats) {
        text.push_str(&measured(used));
    }
    let time = |time: Time| if time.is_never() { "N/A".to_owned() } else { show::time(time.0) };
    let events = show::pairs(&[
        ("Started At", time(state.started_at)),
        ("Finished At", time(state.finished_at)),
        ("Total Restarts", state.restarts.to_string()),
        ("Last Restart", time(state.last_restart)),
    ]);
    text.push_str(&format!("\n\n{}", section("Task Events:", &events)));
    let mut rows = vec![show::row(&["Time", "Type", "Description"])];
    for event in state.events.iter().rev() {
        rows.push(vec![show::time(event.time), event.kind.clone(), api::display_message(event)]);
    }
    text.push_str(&format!("\n\n{}", section("Recent Events:", &show::table(&rows))));
    text
}

/// What the task may use, and uses as far as that is known.
fn resources(alloc: &Allocation, task: &Task, used: Option<&ResourceUsage>) -> String {
    let given = alloc.allocated_resources.as_ref();
    let Some(own) = given.and_then(|given| given.tasks.get(&task.name)) else { return section("Task Resources:", "not known") };
    let of = |used: Option<String>, given: String| used.map_or(given.clone(), |used| format!("{used}/{given}"));
    let ticks = used.and_then(|used| used.cpu_stats.as_ref()).map(|cpu| format!("{:.0}", cpu.total_ticks));
    // RSS alone misses what the kernel counts for a container.
    let memory = used.and_then(|used| used.memory_stats.as_ref()).map(|memory| if memory.rss > 0 { memory.rss } else { memory.usage });
    let mut memory = of(memory.map(show::bytes), show::megabytes(own.memory.memory_mb));
    if own.memory.memory_max_mb > own.memory.memory_mb {
        memory.push_str(&format!(" (max {})", show::megabytes(own.memory.memory_max_mb)));
    }
    let disk = given.map_or(0, |given| given.shared.disk_mb);
    let ports = own.networks.iter().flat_map(|network| {
        let ports = network.reserved_ports.iter().chain(&network.dynamic_ports);
        ports.map(|port| format!("{}: {}:{}", port.label, network.ip, port.value))
    });
    let mut ports: Vec<String> = ports.collect();
    if ports.is_empty() {
        // A blank, because nothing at all would be named.
        ports.push(" ".to_owned());
    }
    let mut rows = vec![show::row(&["CPU", "Memory", "Disk", "Addresses"])];
    for (at, port) in ports.into_iter().enumerate() {
        let first = |text: &str| if at == 0 { text.to_owned() } else { " ".to_owned() };
        rows.push(vec![
            first(&of(ticks.clone(), format!("{} MHz", own.cpu.cpu_shares))),
            first(&memory),
            first(&show::megabytes(disk)),
            port,
        ]);
    }
    section("Task Resources:", &show::table(&rows))
}

/// Everything that was measured, by name.
fn measured(used: &ResourceUsage) -> String {
    let mut text = String::new();
    if let Some(memory) = &used.memory_stats {
        let all = [
            ("Cache", memory.cache),
            ("Kernel Max Usage", memory.kernel_max_usage),
            ("Kernel Usage", memory.kernel_usage),
            ("Max Usage", memory.max_usage),
            ("RSS", memory.rss),
            ("Swap", memory.swap),
            ("Usage", memory.usage),
        ];
        text.push_str(&columns("Memory Stats", all.map(|(name, n)| (name, show::bytes(n))), &memory.measured));
    }
    if let Some(cpu) = &used.cpu_stats {
        let percent = |value: f64| format!("{value:.2}%");
        let all = [
            ("Percent", percent(cpu.percent)),
            ("System Mode", percent(cpu.system_mode)),
            ("Throttled Periods", cpu.throttled_periods.to_string()),
            ("Throttled Time", cpu.throttled_time.to_string()),
            ("User Mode", percent(cpu.user_mode)),
        ];
        text.push_str(&columns("CPU Stats", all, &cpu.measured));
    }
    text
}

fn columns<const N: usize>(heading: &str, all: [(&str, String); N], measured: &[String]) -> String {
    let shown: Vec<(&str, String)> = all.into_iter().filter(|(name, _)| measured.iter().any(|known| known == name)).collect();
    if shown.is_empty() {
        return String::new();
    }
    let header = shown.iter().map(|(name, _)| (*name).to_owned()).collect();
    let values = shown.into_iter().map(|(_, value)| value).collect();
    format!("\n\n{}", section(heading, &show::table(&[header, values])))
}

/// What kept nodes away and how the others were scored, when asked or when others of the group found no place.
fn placement(alloc: &Allocation, verbose: bool) -> Option<String> {
    let metric = alloc.metrics.as_ref().filter(|metric| verbose || metric.coalesced_failures > 0)?;
    show::placement(metric, verbose)
}
