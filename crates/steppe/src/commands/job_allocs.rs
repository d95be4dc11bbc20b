//! `job allocs`

use api::AllocListStub;

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
        say!("{}", table(&allocs, args.verbose));
    }
    Ok(0)
}

/// A row per allocation, newest first.
pub fn table(allocs: &[AllocListStub], verbose: bool) -> String {
    let mut sorted: Vec<&AllocListStub> = allocs.iter().collect();
    sorted.sort_by(|a, b| (b.create_index, &a.name).cmp(&(a.create_index, &b.name)));
    let header: &[&str] = if verbose {
        &["ID", "Eval ID", "Node ID", "Node Name", "Task Group", "Version", "Desired", "Status", "Created", "Modified"]
    } else {
        &["ID", "Node ID", "Task Group", "Version", "Desired", "Status", "Created", "Modified"]
    };
    let time = |nanos| if verbose { show::time(nanos) } else { show::ago(nanos) };
    let mut rows = vec![show::row(header)];
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
        rows.push(row);
    }
    show::table(&rows)
}
