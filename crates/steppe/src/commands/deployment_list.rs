//! `deployment list`

use model::Deployment;

use crate::context::{During, Global, Outcome, query};
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Ids in full.
    #[arg(long)]
    verbose: bool,
    /// Only those for which this expression is true.
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
}

impl Args {
    /// Everything, as `deployment status` without an id shows it.
    pub fn all(global: Global, format: Format, verbose: bool) -> Self {
        Self { global, format, verbose, filter: String::new() }
    }
}

/// Newest first.
pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let mut deployments = client.deployments(&query().filter(&args.filter)).await.during("retrieving deployments")?.value;
    deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.create_index));
    if args.format.print(&deployments)? {
        return Ok(0);
    }
    if deployments.is_empty() {
        say!("No deployments found");
    } else {
        say!("{}", table(&deployments, args.verbose));
    }
    Ok(0)
}

/// A row per deployment.
pub fn table(deployments: &[Deployment], verbose: bool) -> String {
    let mut rows = vec![show::row(&["ID", "Job ID", "Job Version", "Status", "Description"])];
    for deployment in deployments {
        rows.push(vec![
            show::id(deployment.id, verbose),
            deployment.job_id.to_string(),
            deployment.job_version.to_string(),
            deployment.status.to_string(),
            deployment.status_description.clone(),
        ]);
    }
    show::table(&rows)
}
