//! `job periodic force`

use crate::context::{During, Global, Outcome};
use crate::monitor::{self, Follow};
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    follow: Follow,
    /// A periodic job's name, or a prefix of it.
    job: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let job = resolve::parent(&client, &args.job, |job| job.periodic).await?;
    let eval_id = client.force_periodic_job(&job.id, &job.query()).await.during("forcing periodic job")?.value.eval_id;
    if args.follow.detach {
        say!("Force periodic successful");
        say!("Evaluation ID: {eval_id}");
        return Ok(0);
    }
    monitor::evaluation(&client, &eval_id, args.follow.verbose).await
}
