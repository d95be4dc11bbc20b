//! `job revert`

use api::{Client, JobRevertRequest};

use super::job_run;
use crate::context::{During, Global, Outcome, Stop};
use crate::monitor::Follow;
use crate::resolve::{self, JobName};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    follow: Follow,
    /// A job's name, or a prefix of it.
    job: String,
    /// The version to go back to, by its number or its tag.
    version: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let job = resolve::job(&client, &args.job).await?;
    let job_version = match args.version.parse() {
        Ok(number) => number,
        Err(_) => tagged(&client, &job, &args.version).await?,
    };
    let request = JobRevertRequest { job_id: job.id.clone(), job_version, ..Default::default() };
    let answer = client.revert_job(&request, &job.query()).await.during("reverting job")?.value;
    job_run::warn(&answer.warnings);
    job_run::follow(&client, &answer.eval_id, args.follow).await
}

/// The version that has this tag.
async fn tagged(client: &Client, job: &JobName, tag: &str) -> Result<u64, Stop> {
    let versions = client.job_versions(&job.id, false, &job.query()).await.during("retrieving job versions")?.value.versions;
    let name = |job: &model::Job| job.version_tag.as_ref().map(|tag| tag.name.clone());
    if let Some(found) = versions.iter().find(|job| name(job).as_deref() == Some(tag)) {
        return Ok(found.version);
    }
    let known: Vec<String> = versions.iter().filter_map(name).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(Stop::error(format!("Job \"{}\" has no version with the tag \"{tag}\"; its tags: {known}", job.id)))
}
