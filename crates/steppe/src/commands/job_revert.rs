//! `job revert`

use api::JobRevertRequest;

use super::job_run;
use crate::context::{During, Global, Outcome};
use crate::monitor::Follow;
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    follow: Follow,
    /// A job's name, or a prefix of it.
    job: String,
    /// The version to go back to.
    version: u64,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let job = resolve::job(&client, &args.job).await?;
    let request = JobRevertRequest { job_id: job.id.clone(), job_version: args.version, ..Default::default() };
    let answer = client.revert_job(&request, &job.query()).await.during("reverting job")?.value;
    job_run::warn(&answer.warnings);
    job_run::follow(&client, &answer.eval_id, args.follow).await
}
