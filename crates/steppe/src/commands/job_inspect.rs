//! `job inspect`

use api::Client;
use model::Job;

use crate::context::{During, Global, Outcome, Stop};
use crate::resolve::{self, JobName};
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Print the file from which the job was made.
    #[arg(long)]
    hcl: bool,
    /// With -hcl: also the values of variables that came with it.
    #[arg(long = "with-vars")]
    with_vars: bool,
    /// This version; the current one by default.
    #[arg(long)]
    version: Option<u64>,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    if args.hcl && (args.format.json || args.format.template.is_some()) {
        return Err(Stop::usage("job inspect", "-hcl excludes -json and -t"));
    }
    let name = resolve::job(&client, &args.job).await?;
    let job = version_of(&client, &name, args.version).await?;
    if args.hcl {
        return source(&client, &name, job.version, args.with_vars).await;
    }
    if args.format.template.is_some() {
        args.format.print(&job)?;
    } else {
        say!("{}", show::json(&serde_json::json!({ "Job": job })));
    }
    Ok(0)
}

/// The version of a job; `None`: the current one.
pub async fn version_of(client: &Client, name: &JobName, version: Option<u64>) -> Result<Job, Stop> {
    let Some(version) = version else {
        return Ok(client.job(&name.id, &name.query()).await.during("inspecting job")?.value);
    };
    let versions = client.job_versions(&name.id, false, &name.query()).await.during("inspecting job")?.value.versions;
    let known: Vec<String> = versions.iter().map(|job| job.version.to_string()).collect();
    let found = versions.into_iter().find(|job| job.version == version);
    found.ok_or_else(|| Stop::error(format!("Job \"{}\" has no version {version}; there are {}", name.id, known.join(", "))))
}

async fn source(client: &Client, name: &JobName, version: u64, with_variables: bool) -> Outcome {
    let submission = client.job_submission(&name.id, version, &name.query()).await.during("inspecting job")?.value;
    say!("{}", submission.source.trim_end());
    if with_variables {
        if !submission.variable_flags.is_empty() {
            let flags: Vec<(&String, &String)> = submission.variable_flags.iter().collect();
            say!("\n{}", show::section("Variable Flags", &show::pairs(&flags)));
        }
        if !submission.variables.is_empty() {
            say!("\n{}", show::section("Variables", submission.variables.trim_end()));
        }
    }
    Ok(0)
}
