//! `alloc stop`

use super::job_run;
use crate::context::{During, Global, Outcome, in_namespace};
use crate::monitor::Follow;
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    follow: Follow,
    /// Do not wait for shutdown_delay.
    #[arg(long = "no-shutdown-delay")]
    no_shutdown_delay: bool,
    /// Place what replaces it as after a failure, away from its node.
    #[arg(long)]
    reschedule: bool,
    /// An allocation's id, or a prefix of it.
    allocation: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let alloc = resolve::allocation(&client, &args.allocation).await?;
    let mut question = in_namespace(&alloc.namespace);
    if args.reschedule {
        question = question.with("reschedule", true);
    }
    let answer =
        client.stop_allocation(&alloc.id.to_string(), args.no_shutdown_delay, &question).await.during("stopping allocation")?.value;
    job_run::follow(&client, &answer.eval_id, args.follow).await
}
