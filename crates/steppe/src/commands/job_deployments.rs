//! `job deployments`

use super::{deployment_list, deployment_status};
use crate::context::{During, Global, Outcome};
use crate::resolve;
use crate::show::Format;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Ids in full.
    #[arg(long)]
    verbose: bool,
    /// Only the latest, with its groups.
    #[arg(long)]
    latest: bool,
    /// Also those of an earlier job of the same name.
    #[arg(long)]
    all: bool,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let job = resolve::job(&client, &args.job).await?;
    if args.latest {
        let latest = client.job_latest_deployment(&job.id, &job.query()).await.during("retrieving deployments")?.value;
        if args.format.print(&latest)? {
            return Ok(0);
        }
        match latest {
            Some(latest) => say!("{}", deployment_status::text(&client, &latest, args.verbose).await),
            None => say!("No deployment found"),
        }
        return Ok(0);
    }
    let mut deployments = client.job_deployments(&job.id, args.all, &job.query()).await.during("retrieving deployments")?.value;
    deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.create_index));
    if args.format.print(&deployments)? {
        return Ok(0);
    }
    if deployments.is_empty() {
        say!("No deployments found");
    } else {
        say!("{}", deployment_list::table(&deployments, args.verbose));
    }
    Ok(0)
}
