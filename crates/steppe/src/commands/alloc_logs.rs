//! `alloc logs`

use std::io::Write;

use api::Client;
use api::client::LogStream;
use model::Allocation;

use super::tail::Tail;
use crate::context::{During, Global, Outcome, Stop, query};
use crate::{resolve, show};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    tail: Tail,
    /// Ids in full.
    #[arg(long)]
    verbose: bool,
    /// Standard output; the default, unless -f follows both.
    #[arg(long)]
    stdout: bool,
    /// Standard error.
    #[arg(long)]
    stderr: bool,
    /// The argument is a job: choose one of its allocations.
    #[arg(long = "job")]
    of_job: bool,
    /// With -job: an allocation of this group.
    #[arg(long)]
    group: Option<String>,
    /// The task, if the group has several.
    #[arg(long = "task")]
    task_flag: Option<String>,
    /// An allocation's id, or a prefix of it.
    allocation: String,
    /// The task, if the group has several.
    task: Option<String>,
}

pub async fn run(args: Args) -> Outcome {
    if args.stdout && args.stderr {
        return Err(Stop::usage("alloc logs", "-stdout and -stderr exclude each other"));
    }
    let client = args.global.client()?;
    let alloc = if args.of_job {
        resolve::allocation_of_job(&client, &args.allocation, args.group.as_deref()).await?
    } else {
        resolve::allocation(&client, &args.allocation).await?
    };
    let task = resolve::task(&alloc, args.task_flag.as_deref().or(args.task.as_deref()))?;
    let one = |which, sink: fn(&[u8])| stream(&client, &alloc, &task, which, &args.tail, sink);
    match (args.stdout, args.stderr) {
        // Each goes where the task wrote it.
        (false, false) if args.tail.follow => {
            tokio::try_join!(one(LogStream::Stdout, show::raw), one(LogStream::Stderr, to_stderr))?;
        }
        (_, true) => one(LogStream::Stderr, show::raw).await?,
        (_, false) => one(LogStream::Stdout, show::raw).await?,
    }
    Ok(0)
}

/// One output of a task.
async fn stream(client: &Client, alloc: &Allocation, task: &str, which: LogStream, tail: &Tail, sink: fn(&[u8])) -> Result<(), Stop> {
    let frames = client.logs(&alloc.id.to_string(), task, which, &tail.range(), &query()).await.during("reading file")?;
    tail.print(frames, sink).await
}

fn to_stderr(bytes: &[u8]) {
    // There is no other place to say that this failed.
    let _ = std::io::stderr().lock().write_all(bytes);
}
