//! `job tag apply|unset`

use api::TagVersionRequest;

use crate::context::{During, Global, Outcome, Stop};
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct ApplyArgs {
    #[command(flatten)]
    global: Global,
    /// The name.
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// What is to be known about the version.
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// The version that gets the name; the present one by default.
    #[arg(long)]
    version: Option<u64>,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn apply(args: ApplyArgs) -> Outcome {
    check("job tag apply", &args.name)?;
    let client = args.global.client()?;
    let job = resolve::job(&client, &args.job).await?;
    // Named after what is seen here: the present version may be another one a moment later.
    let version = match args.version {
        Some(version) => version,
        None => client.job(&job.id, &job.query()).await.during("tagging job version")?.value.version,
    };
    let request = TagVersionRequest { version, description: args.description, ..Default::default() };
    client.tag_job_version(&job.id, &args.name, &request, &job.query()).await.during("tagging job version")?;
    say!("Job version {version} tagged with name \"{}\"", args.name);
    Ok(0)
}

#[derive(clap::Args, Debug)]
pub struct UnsetArgs {
    #[command(flatten)]
    global: Global,
    /// The name.
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn unset(args: UnsetArgs) -> Outcome {
    check("job tag unset", &args.name)?;
    let client = args.global.client()?;
    let job = resolve::job(&client, &args.job).await?;
    client.untag_job_version(&job.id, &args.name, &job.query()).await.during("untagging job version")?;
    say!("Tag \"{}\" removed from job \"{}\"", args.name, job.id);
    Ok(0)
}

fn check(command: &str, name: &str) -> Result<(), Stop> {
    if name.is_empty() { Err(Stop::usage(command, "The name of a tag is needed: -name")) } else { Ok(()) }
}
