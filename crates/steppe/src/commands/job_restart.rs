//! `job restart`

use std::collections::BTreeSet;
use std::time::Duration;

use api::{AllocListStub, AllocationRestartRequest, Client};
use model::{ClientStatus, Job};

use super::job_rollout::positive;
use crate::context::{During, Global, Outcome, Stop, confirm, query};
use crate::monitor;
use crate::resolve;
use crate::show;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// Also tasks that have ended.
    #[arg(long = "all-tasks")]
    all_tasks: bool,
    /// How many allocations at a time, or which part of them, as in 25%.
    #[arg(long = "batch-size", default_value = "1")]
    batch_size: String,
    /// How long to wait between two batches, or ask.
    #[arg(long = "batch-wait", default_value = "0s")]
    batch_wait: String,
    /// What to do when an allocation cannot be restarted: ask or fail.
    #[arg(long = "on-error", default_value = "ask")]
    on_error: String,
    /// Only this group; repeatable.
    #[arg(long)]
    group: Vec<String>,
    /// Only this task; repeatable.
    #[arg(long)]
    task: Vec<String>,
    /// Stop the allocations and let others be placed in their stead.
    #[arg(long)]
    reschedule: bool,
    /// With -reschedule: do not wait for shutdown_delay.
    #[arg(long = "no-shutdown-delay")]
    no_shutdown_delay: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Ids in full.
    #[arg(long)]
    verbose: bool,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn run(args: Args) -> Outcome {
    check(&args)?;
    let client = args.global.client()?;
    let name = resolve::job(&client, &args.job).await?;
    let job = client.job(&name.id, &name.query()).await.during("retrieving job")?.value;
    if job.is_multiregion() && !args.yes {
        confirm(&format!("Are you sure you want to restart multi-region job \"{}\" in a single region?", name.id), "job restart")?;
    }
    let allocs = client.job_allocations(&name.id, false, &name.query()).await.during("retrieving allocations")?.value;
    let mut chosen: Vec<AllocListStub> = allocs
        .into_iter()
        .filter(|alloc| alloc.client_status == ClientStatus::Running && alloc.desired_status == model::DesiredStatus::Run)
        .collect();
    check_names(&args, &job, &chosen)?;
    chosen.retain(|alloc| args.group.is_empty() || args.group.iter().any(|group| alloc.task_group == *group));
    chosen.retain(|alloc| args.task.is_empty() || args.task.iter().any(|task| alloc.task_states.contains_key(task)));
    chosen.sort_by(|a, b| a.name.cmp(&b.name));
    if chosen.is_empty() {
        say!("No allocations to restart");
        return Ok(0);
    }
    let size = batch_size(&args.batch_size, chosen.len())?;
    say!("==> {}: Restarting {} allocation{}", show::time(show::now()), chosen.len(), if chosen.len() == 1 { "" } else { "s" });
    let (mut n_failed, mut n_left) = (0, chosen.len());
    let n_batches = chosen.len().div_ceil(size);
    for (at, batch) in chosen.chunks(size).enumerate() {
        for alloc in batch {
            n_left -= 1;
            if let Err(stop) = restart(&client, &args, alloc).await {
                complain!("    {}: Error restarting allocation \"{}\": {stop}", show::time(show::now()), show::id(alloc.id, args.verbose));
                n_failed += 1;
                if args.on_error == "fail" {
                    return Err(Stop::error("Error restarting job: the remaining allocations were left as they are"));
                }
                if n_left > 0 && !args.yes {
                    confirm("Restart the remaining allocations?", "job restart").map_err(|stop| stop.with_code(1))?;
                }
            }
        }
        if at + 1 < n_batches {
            pause(&args.batch_wait).await?;
        }
    }
    say!("==> {}: Job restart finished\n", show::time(show::now()));
    if n_failed > 0 {
        return Err(Stop::error(format!("Allocations that could not be restarted: {n_failed}")));
    }
    say!("Job restarted successfully!");
    Ok(0)
}

fn check(args: &Args) -> Result<(), Stop> {
    if !matches!(args.on_error.as_str(), "ask" | "fail") {
        return Err(Stop::usage("job restart", format!("flag -on-error: {:?} is neither ask nor fail", args.on_error)));
    }
    if args.reschedule && (!args.task.is_empty() || args.all_tasks) {
        return Err(Stop::usage("job restart", "-reschedule is about whole allocations: it excludes -task and -all-tasks"));
    }
    if args.all_tasks && !args.task.is_empty() {
        return Err(Stop::usage("job restart", "-all-tasks and -task exclude each other"));
    }
    if args.no_shutdown_delay && !args.reschedule {
        return Err(Stop::usage("job restart", "-no-shutdown-delay is only of use with -reschedule"));
    }
    batch_size(&args.batch_size, 1)?;
    if !matches!(args.batch_wait.as_str(), "ask" | "0" | "0s") {
        positive("job restart", "batch-wait", &args.batch_wait)?;
    }
    Ok(())
}

/// Allocations of a batch, at least 1.
fn batch_size(given: &str, n: usize) -> Result<usize, Stop> {
    let wrong =
        || Stop::usage("job restart", format!("flag -batch-size: {given:?} is neither a number above 0 nor a percentage from 1% to 100%"));
    let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0).ok_or_else(wrong);
    match given.strip_suffix('%') {
        None => number(given),
        Some(percent) => {
            let percent = number(percent).ok().filter(|percent| *percent <= 100).ok_or_else(wrong)?;
            Ok((n * percent / 100).max(1))
        }
    }
}

async fn pause(wait: &str) -> Result<(), Stop> {
    match wait {
        "ask" => confirm("Proceed with the next batch?", "job restart"),
        "0" | "0s" => Ok(()),
        wait => {
            let wait: Duration = positive("job restart", "batch-wait", wait)?;
            let nanos = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
            say!("==> {}: Waiting {} before restarting the next batch", show::time(show::now()), show::duration(nanos));
            tokio::time::sleep(wait).await;
            Ok(())
        }
    }
}

/// Groups and tasks that are named are those of the job, or of an earlier version that still runs.
fn check_names(args: &Args, job: &Job, running: &[AllocListStub]) -> Result<(), Stop> {
    let groups = job.task_groups.iter().map(|group| group.name.as_str());
    let groups: BTreeSet<&str> = groups.chain(running.iter().map(|alloc| alloc.task_group.as_str())).collect();
    let tasks = job.task_groups.iter().flat_map(|group| &group.tasks).map(|task| task.name.as_str());
    let tasks: BTreeSet<&str> = tasks.chain(running.iter().flat_map(|alloc| alloc.task_states.keys().map(String::as_str))).collect();
    for (what, named, known) in [("group", &args.group, groups), ("task", &args.task, tasks)] {
        if let Some(unknown) = named.iter().find(|name| !known.contains(name.as_str())) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Stop::error(format!("job \"{}\" has no {what} {unknown:?}; it has {known}", job.id)));
        }
    }
    Ok(())
}

async fn restart(client: &Client, args: &Args, alloc: &AllocListStub) -> Result<(), Stop> {
    let id = alloc.id.to_string();
    let short = show::id(&id, args.verbose);
    if args.reschedule {
        say!("    {}: Rescheduling allocation \"{short}\" for group {:?}", show::time(show::now()), alloc.task_group);
        let answer = client.stop_allocation(&id, args.no_shutdown_delay, &query()).await?.value;
        let code = monitor::evaluation(client, &answer.eval_id, args.verbose).await?;
        if code != 0 {
            return Err(Stop::error("no other allocation was placed, or it did not become healthy"));
        }
        return replacement(client, &id, args.verbose).await;
    }
    let tasks: Vec<String> = if args.task.is_empty() {
        vec![String::new()]
    } else {
        // Of the named tasks, those that this group has.
        args.task.iter().filter(|task| alloc.task_states.contains_key(*task)).cloned().collect()
    };
    for task in tasks {
        let what = if task.is_empty() { String::new() } else { format!("task {task:?} in ") };
        say!("    {}: Restarting {what}allocation \"{short}\" for group {:?}", show::time(show::now()), alloc.task_group);
        let request = AllocationRestartRequest { task_name: task, all_tasks: args.all_tasks };
        client.restart_allocation(&id, &request, &query()).await?;
    }
    Ok(())
}

/// Waits until another allocation runs in the place of one that was stopped.
async fn replacement(client: &Client, stopped: &str, verbose: bool) -> Result<(), Stop> {
    let (mut id, mut index) = (stopped.to_owned(), 0);
    loop {
        let question = if index == 0 { query() } else { query().after(index, monitor::WAIT) };
        let answer = monitor::patiently(|| client.allocation(&id, &question)).await.during("querying allocation")?;
        let alloc = answer.value;
        if let Some(next) = alloc.next_allocation.some() {
            (id, index) = (next.to_string(), 0);
            continue;
        }
        if id == stopped {
            return Err(Stop::error("it was stopped, and nothing took its place"));
        }
        index = answer.index;
        let short = show::id(&id, verbose);
        match alloc.client_status {
            ClientStatus::Pending => {}
            ClientStatus::Running | ClientStatus::Complete => {
                say!("    {}: Allocation \"{short}\" is {}", show::time(show::now()), alloc.client_status);
                return Ok(());
            }
            status => return Err(Stop::error(format!("its replacement, allocation \"{short}\", is {status}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: what is asked for, of ten allocations; how many at a time.
    #[test]
    fn batches() {
        for (given, want) in [
            ("1", Some(1)),
            ("3", Some(3)),
            ("25%", Some(2)),
            ("1%", Some(1)),
            ("100%", Some(10)),
            ("0", None),
            ("0%", None),
            ("101%", None),
            ("-1", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(batch_size(given, 10).ok(), want, "{given}");
        }
    }
}
