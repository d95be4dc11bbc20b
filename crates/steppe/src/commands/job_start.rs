//! `job start`

use api::JobRegisterRequest;
use model::Job;

use super::{job_run, launches};
use crate::context::{During, Global, Outcome, Stop};
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
}

/// Registers the newest version again, without its mark of being stopped.
pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let name = resolve::job(&client, &args.job).await?;
    let stopped = client.job(&name.id, &name.query()).await.during("retrieving job")?.value;
    if !stopped.stop {
        return Err(Stop::error(format!("Job \"{}\" is not stopped", name.id)));
    }
    // Without the source the job still starts: it was made here or by a tool that sends none.
    let submission = client.job_submission(&name.id, stopped.version, &name.query()).await.ok().map(|answer| answer.value);
    let job = Job { stop: false, ..stopped };
    let request = JobRegisterRequest {
        enforce_index: true,
        job_modify_index: job.job_modify_index,
        job: Some(job.clone()),
        submission,
        ..Default::default()
    };
    let answer = client.register_job(&request, &name.query()).await.during("starting job")?.value;
    job_run::warn(&answer.warnings);
    if answer.eval_id.is_empty() {
        say!("Job start successful");
        if let Some(next) = launches::approximate(&job) {
            say!("{next}");
        }
        return Ok(0);
    }
    job_run::follow(&client, &answer.eval_id, args.follow).await
}
