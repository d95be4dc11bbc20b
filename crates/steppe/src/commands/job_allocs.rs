//! `job allocs`

use api::AllocListStub;
use model::Job;

use crate::context::{During, Global, Outcome};
use crate::resolve;
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Ids in full, absolute times.
    #[arg(long)]
    verbose: bool,
    /// Also those of an earlier job of the same name.
    #[arg(long)]
    all: bool,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let job = resolve::job(&client, &args.job).await?;
    let allocs = client.job_allocations(&job.id, args.all, &job.query()).await.during("retrieving allocations")?.value;
    if args.format.print(&allocs)? {
        return Ok(0);
    }
    if allocs.is_empty() {
        say!("No allocations placed");
    } else {
        // A job that was purged leaves allocations behind.
        let limited = client.job(&job.id, &job.query()).await.ok();
        say!("{}", table_of(limited.as_ref().map(|answer| &answer.value), &allocs, args.verbose));
    }
    Ok(0)
}

/// A row per allocation, newest first.
pub fn table(allocs: &[AllocListStub], verbose: bool) -> String {
    table_of(None, allocs, verbose)
}

/// The same, and when those of the job that may run for so long only are cut off, if there are any.
pub fn table_of(job: Option<&Job>, allocs: &[AllocListStub], verbose: bool) -> String {
    let job = job.filter(|job| job.task_groups.iter().any(|group| group.max_run_duration.is_some()));
    let mut sorted: Vec<&AllocListStub> = allocs.iter().collect();
    sorted.sort_by(|a, b| (b.create_index, &a.name).cmp(&(a.create_index, &b.name)));
    let mut header = if verbose {
        vec!["ID", "Eval ID", "Node ID", "Node Name", "Task Group", "Version", "Desired", "Status", "Created", "Modified"]
    } else {
        vec!["ID", "Node ID", "Task Group", "Version", "Desired", "Status", "Created", "Modified"]
    };
    header.extend(job.is_some().then_some("Max Run Deadline"));
    let time = |nanos| if verbose { show::time(nanos) } else { show::ago(nanos) };
    let mut rows = vec![show::row(&header)];
    for alloc in sorted {
        let mut row = vec![show::id(alloc.id, verbose)];
        row.extend(verbose.then(|| alloc.eval_id.to_string()));
        row.push(show::id(alloc.node_id, verbose));
        row.extend(verbose.then(|| alloc.node_name.to_string()));
        row.extend([
            alloc.task_group.to_string(),
            alloc.job_version.to_string(),
            alloc.desired_status.to_string(),
            alloc.client_status.to_string(),
            time(alloc.create_time),
            time(alloc.modify_time),
        ]);
        // Other versions of the job may have had other limits.
        row.extend(job.map(|job| max_run_deadline(job, alloc).map(show::time).unwrap_or_default()));
        rows.push(row);
    }
    show::table(&rows)
}

fn max_run_deadline(job: &Job, alloc: &AllocListStub) -> Option<i64> {
    let group = job.group(&alloc.task_group).filter(|_| job.version == alloc.job_version)?;
    group.max_run_duration.map(|limit| alloc.create_time.saturating_add(limit))
}
