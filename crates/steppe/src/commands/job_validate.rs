//! `job validate`

use api::JobValidateRequest;

use super::job_file::{self, FileArgs};
use super::job_run::warn;
use crate::context::{During, Global, Outcome, Stop, query};
use crate::show::{Color, color};

/// The file cannot be read as a job.
const NO_JOB: u8 = 255;

#[derive(clap::Args, Debug)]
#[command(after_help = "The exit code is 0 for a valid job, 1 for one that is not, 255 for a file that cannot be read as a job.")]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    file: FileArgs,
}

pub async fn run(args: Args) -> Outcome {
    let file = job_file::read(&args.file).map_err(|stop| stop.with_code(NO_JOB))?;
    // What can be found out here is said with its place in the file; the server would say the same without.
    let mut warnings = file.check()?;
    let client = file.client(&args.global)?;
    let request = JobValidateRequest { job: Some(file.parsed.job), ..Default::default() };
    match client.validate_job(&request, &query()).await {
        Ok(answer) if !answer.value.error.is_empty() => {
            return Err(Stop::error(format!("Job validation errors:\n{}", answer.value.error)));
        }
        Ok(answer) if warnings.is_empty() => warnings = answer.value.warnings,
        Ok(_) => {}
        Err(error) if error.is_connection() => {
            complain!("{}", color(Color::Yellow, &format!("No agent answers at {}: the job was only checked here.", client.address())));
        }
        Err(error) => return Err(error).during("validating job"),
    }
    warn(&warnings);
    say!("{}", color(Color::Green, "Job validation successful"));
    Ok(0)
}
