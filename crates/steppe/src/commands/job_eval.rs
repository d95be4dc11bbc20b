//! `job eval`

use api::{EvalOptions, JobEvaluateRequest};

use crate::context::{During, Global, Outcome};
use crate::monitor::{self, Follow};
use crate::resolve;
use crate::show;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    follow: Follow,
    /// Place failed allocations anew although their policy says no.
    #[arg(long = "force-reschedule")]
    force_reschedule: bool,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let job = resolve::job(&client, &args.job).await?;
    let request = JobEvaluateRequest {
        job_id: job.id.clone(),
        eval_options: EvalOptions { force_reschedule: args.force_reschedule },
        ..Default::default()
    };
    let answer = client.evaluate_job(&request, &job.query()).await.during("evaluating job")?.value;
    if args.follow.detach {
        say!("Created eval ID: \"{}\"", show::id(&answer.eval_id, args.follow.verbose));
        return Ok(0);
    }
    monitor::evaluation(&client, &answer.eval_id, args.follow.verbose).await
}
