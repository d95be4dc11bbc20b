//! `job run`

use std::time::Duration;

use api::{Client, JobRegisterRequest};
use model::JobSubmission;

use super::job_file::{self, FileArgs};
use super::{job_rollout, launches};
use crate::context::{Global, Outcome, Stop, query};
use crate::monitor::{self, Follow};
use crate::show::{self, Color, color};

/// How old the picture of a rollout may be while it is followed.
const ROLLOUT_PACE: Duration = Duration::from_secs(1);

/// The beginning of the server's words for a job that changed meanwhile.
const OTHER_INDEX: &str = "Enforcing job modify index";

#[derive(clap::Args, Debug)]
#[command(after_help = "The exit code is 0 when all is placed and healthy, 1 for errors and deployments that fail, 2 when not everything \
                        could be placed.\nA job of several regions is registered and not followed, unless -monitor says so. Then 2 means that it goes no \
                        further without a person.")]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    follow: Follow,
    /// Follow a job of several regions in all of them, to the end.
    #[arg(long)]
    monitor: bool,
    /// Register only if the job's modify index is this; 0: only if it does not exist.
    #[arg(long = "check-index")]
    check_index: Option<u64>,
    /// Print the job in JSON instead of submitting it.
    #[arg(long)]
    output: bool,
    /// Keep the counts of the registered job.
    #[arg(long = "preserve-counts")]
    preserve_counts: bool,
    /// Keep the resources of the registered job.
    #[arg(long = "preserve-resources")]
    preserve_resources: bool,
    /// Priority of the evaluation, 1 to 100; the job's by default.
    #[arg(long = "eval-priority", default_value_t = 0)]
    eval_priority: i64,
    #[arg(long, hide = true)]
    ui: bool,
}

pub async fn run(args: Args) -> Outcome {
    if args.ui {
        return Err(no_user_interface());
    }
    let file = job_file::read(&args.file)?;
    if args.output {
        say!("{}", show::json(&serde_json::json!({ "Job": file.parsed.uncanonical_json() })));
        return Ok(0);
    }
    file.check()?;
    let client = file.client(&args.global)?;
    let job = file.parsed.job;
    let request = JobRegisterRequest {
        submission: Some(JobSubmission {
            source: file.text,
            format: file.format.to_owned(),
            variable_flags: file.flags,
            variables: file.variables,
            ..Default::default()
        }),
        job: Some(job.clone()),
        enforce_index: args.check_index.is_some(),
        job_modify_index: args.check_index.unwrap_or(0),
        preserve_counts: args.preserve_counts,
        preserve_resources: args.preserve_resources,
        eval_priority: args.eval_priority,
        ..Default::default()
    };
    let answer = match client.register_job(&request, &query()).await {
        Ok(answer) => answer.value,
        Err(error) => {
            return Err(match error.body().filter(|body| body.starts_with(OTHER_INDEX)) {
                Some(words) => Stop::error(format!("{words}\nJob not updated")),
                None => Stop::from(error).during("submitting job"),
            });
        }
    };
    warn(&answer.warnings);
    if !args.follow.detach && !job.is_multiregion() && !answer.eval_id.is_empty() {
        return monitor::evaluation(&client, &answer.eval_id, args.follow.verbose).await;
    }
    say!("Job registration successful");
    if let Some(next) = launches::approximate(&job) {
        say!("{next}");
    }
    if !answer.eval_id.is_empty() {
        say!("Evaluation ID: {}", answer.eval_id);
    }
    if args.monitor && job.is_multiregion() && !args.follow.detach {
        say!("");
        return job_rollout::follow(&client, &job.id, args.follow.verbose, ROLLOUT_PACE).await;
    }
    Ok(0)
}

/// The server's warnings about a job, if there are any.
pub fn warn(warnings: &str) {
    let warnings = warnings.trim_end();
    if !warnings.is_empty() {
        say!("{}", color(Color::Yellow, &format!("Job Warnings:\n{warnings}\n")));
    }
}

/// Opening a browser was asked for.
pub fn no_user_interface() -> Stop {
    Stop::error("-ui is not supported yet: there is no web interface")
}

/// Follows the evaluation that a change of a job made, or says its id.
pub async fn follow(client: &Client, eval_id: &str, follow: Follow) -> Outcome {
    if eval_id.is_empty() {
        return Ok(0);
    }
    if follow.detach {
        say!("Evaluation ID: {eval_id}");
        return Ok(0);
    }
    monitor::evaluation(client, eval_id, follow.verbose).await
}
