//! `job promote`

use super::job_run;
use crate::context::{During, Global, Outcome, Stop};
use crate::monitor::Follow;
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    follow: Follow,
    /// Only this group; repeatable.
    #[arg(long)]
    group: Vec<String>,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let job = resolve::job(&client, &args.job).await?;
    let latest = client.job_latest_deployment(&job.id, &job.query()).await.during("retrieving deployment")?.value;
    let latest = latest.ok_or_else(|| Stop::error(format!("Job \"{}\" has no deployment to promote", job.id)))?;
    let answer = client.promote_deployment(&latest.id.to_string(), &args.group, &job.query()).await.during("promoting deployment")?.value;
    job_run::follow(&client, &answer.eval_id, args.follow).await
}
