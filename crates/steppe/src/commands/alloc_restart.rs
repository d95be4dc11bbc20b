//! `alloc restart`

use api::AllocationRestartRequest;

use crate::context::{During, Global, Outcome, Stop, query};
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// Also tasks that have ended.
    #[arg(long = "all-tasks")]
    all_tasks: bool,
    /// Ids in full.
    #[arg(long)]
    verbose: bool,
    /// Only this task.
    #[arg(long = "task")]
    task_flag: Option<String>,
    /// An allocation's id, or a prefix of it.
    allocation: String,
    /// Only this task.
    task: Option<String>,
}

/// Restarts all running tasks, unless one is named.
pub async fn run(args: Args) -> Outcome {
    let named = args.task_flag.or(args.task).filter(|task| !task.is_empty());
    if args.all_tasks && named.is_some() {
        return Err(Stop::usage("alloc restart", "-all-tasks excludes the name of a task"));
    }
    let client = args.global.client()?;
    let alloc = resolve::allocation(&client, &args.allocation).await?;
    let task_name = match named {
        Some(task) => resolve::task(&alloc, Some(&task))?,
        None => String::new(),
    };
    let request = AllocationRestartRequest { task_name, all_tasks: args.all_tasks };
    client.restart_allocation(&alloc.id.to_string(), &request, &query()).await.during("restarting allocation")?;
    Ok(0)
}
