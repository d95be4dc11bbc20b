//! `deployment status`

use api::Client;
use model::Deployment;

use super::job_rollout::positive;
use super::{deployment_list, multiregion};
use crate::context::{Global, Outcome, in_namespace};
use crate::show::{self, Format, section};
use crate::{monitor, resolve};

#[derive(clap::Args, Debug)]
#[command(after_help = "With -monitor the exit code is 0 when the deployment was successful, 1 when it was not.")]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Ids in full.
    #[arg(long)]
    verbose: bool,
    /// Show it again and again until it has ended.
    #[arg(long)]
    monitor: bool,
    /// With -monitor: how old the picture may be.
    #[arg(long, default_value = "2s")]
    wait: String,
    #[arg(long, hide = true)]
    ui: bool,
    /// A deployment's id, or a prefix of it.
    deployment: Option<String>,
}

impl Args {
    /// The status of one deployment, as `status` shows it.
    pub fn of(global: Global, deployment: String, verbose: bool) -> Self {
        let format = Format::default();
        Self { global, format, verbose, monitor: false, wait: "2s".to_owned(), ui: false, deployment: Some(deployment) }
    }
}

pub async fn run(args: Args) -> Outcome {
    if args.ui {
        return Err(super::job_run::no_user_interface());
    }
    let Some(given) = &args.deployment else {
        return deployment_list::run(deployment_list::Args::all(args.global, args.format, args.verbose)).await;
    };
    let client = args.global.client()?;
    let wait = positive("deployment status", "wait", &args.wait)?;
    let deployment = resolve::deployment(&client, given).await?;
    if args.format.print(&deployment)? {
        return Ok(0);
    }
    if args.monitor {
        return monitor::deployment(&client, &deployment.id.to_string(), args.verbose, wait).await;
    }
    say!("{}", text(&client, &deployment, args.verbose).await);
    Ok(0)
}

/// All of a deployment, for people.
pub async fn text(client: &Client, deployment: &Deployment, verbose: bool) -> String {
    let mut parts = vec![show::pairs(&[
        ("ID", show::id(deployment.id, verbose)),
        ("Job ID", deployment.job_id.to_string()),
        ("Job Version", deployment.job_version.to_string()),
        ("Status", deployment.status.to_string()),
        ("Description", deployment.status_description.clone()),
    ])];
    if deployment.is_multiregion
        && let Ok(job) = client.job(&deployment.job_id, &in_namespace(&deployment.namespace)).await
        && let Some(section) = multiregion::section(client, &job.value, deployment, verbose).await
    {
        parts.push(section);
    }
    parts.extend(deployed(deployment));
    parts.join("\n\n")
}

/// The progress of each group. Columns about what no group uses are left out.
pub fn deployed(deployment: &Deployment) -> Option<String> {
    let groups = &deployment.task_groups;
    if groups.is_empty() {
        return None;
    }
    let canaries = groups.values().any(|state| state.desired_canaries > 0);
    let auto_revert = groups.values().any(|state| state.auto_revert);
    let deadline = groups.values().any(|state| state.progress_deadline != 0);
    let mut header = vec!["Task Group"];
    header.extend(auto_revert.then_some("Auto Revert"));
    header.extend(canaries.then_some("Promoted"));
    header.push("Desired");
    header.extend(canaries.then_some("Canaries"));
    header.extend(["Placed", "Healthy", "Unhealthy"]);
    header.extend(deadline.then_some("Progress Deadline"));
    let mut rows = vec![show::row(&header)];
    for (name, state) in groups {
        let of_canaries = |text: String| if state.desired_canaries > 0 { text } else { "N/A".to_owned() };
        let mut row = vec![name.clone()];
        row.extend(auto_revert.then(|| state.auto_revert.to_string()));
        row.extend(canaries.then(|| of_canaries(state.promoted.to_string())));
        row.push(state.desired_total.to_string());
        row.extend(canaries.then(|| of_canaries(state.desired_canaries.to_string())));
        row.extend([state.placed_allocs.to_string(), state.healthy_allocs.to_string(), state.unhealthy_allocs.to_string()]);
        let by = state.require_progress_by;
        row.extend(deadline.then(|| if by.is_never() { "N/A".to_owned() } else { show::time(by.0) }));
        rows.push(row);
    }
    Some(section("Deployed", &show::table(&rows)))
}
