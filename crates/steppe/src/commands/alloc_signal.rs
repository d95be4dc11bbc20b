//! `alloc signal`

use api::AllocSignalRequest;

use crate::context::{During, Global, Outcome, query};
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// The signal.
    #[arg(long = "s", default_value = "SIGKILL")]
    signal: String,
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

/// Signals all running tasks, unless one is named.
pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let alloc = resolve::allocation(&client, &args.allocation).await?;
    let task = match args.task_flag.or(args.task).filter(|task| !task.is_empty()) {
        Some(task) => resolve::task(&alloc, Some(&task))?,
        None => String::new(),
    };
    let id = alloc.id.to_string();
    let request = AllocSignalRequest { alloc_id: id.clone(), task, signal: args.signal, ..Default::default() };
    client.signal_allocation(&id, &request, &query()).await.during("signalling allocation")?;
    Ok(0)
}
