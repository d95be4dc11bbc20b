//! `deployment fail`, `pause`, `resume`, `promote`, `unblock`: they differ in one question.

use api::{Client, DeploymentUpdateResponse};
use model::Deployment;

use super::job_run;
use crate::context::{During, Global, Outcome, Stop, in_namespace};
use crate::monitor::Follow;
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    follow: Follow,
    /// A deployment's id, or a prefix of it.
    deployment: String,
}

#[derive(clap::Args, Debug)]
pub struct PromoteArgs {
    #[command(flatten)]
    act: Args,
    /// Only this group; repeatable.
    #[arg(long)]
    group: Vec<String>,
}

async fn find(args: &Args) -> Result<(Client, Deployment), Stop> {
    let client = args.global.client()?;
    let deployment = resolve::deployment(&client, &args.deployment).await?;
    Ok((client.with_namespace(deployment.namespace.as_str()), deployment))
}

/// Follows the evaluation, if the act has made one.
async fn after(client: &Client, args: &Args, answer: &DeploymentUpdateResponse) -> Outcome {
    job_run::follow(client, &answer.eval_id, args.follow).await
}

pub async fn fail(args: Args) -> Outcome {
    let (client, deployment) = find(&args).await?;
    let id = deployment.id.to_string();
    let answer = client.fail_deployment(&id, &in_namespace(&deployment.namespace)).await.during("failing deployment")?.value;
    match answer.reverted_job_version {
        Some(version) => say!("Deployment \"{id}\" failed. Auto-reverted to job version {version}."),
        None => say!("Deployment \"{id}\" failed"),
    }
    if !answer.eval_id.is_empty() {
        say!("");
    }
    after(&client, &args, &answer).await
}

pub async fn pause(args: Args) -> Outcome {
    let (client, deployment) = find(&args).await?;
    let id = deployment.id.to_string();
    client.pause_deployment(&id, true, &in_namespace(&deployment.namespace)).await.during("pausing deployment")?;
    say!("Deployment \"{id}\" paused");
    Ok(0)
}

pub async fn resume(args: Args) -> Outcome {
    let (client, deployment) = find(&args).await?;
    let id = deployment.id.to_string();
    let answer = client.pause_deployment(&id, false, &in_namespace(&deployment.namespace)).await.during("resuming deployment")?.value;
    say!("Deployment \"{id}\" resumed");
    after(&client, &args, &answer).await
}

pub async fn unblock(args: Args) -> Outcome {
    let (client, deployment) = find(&args).await?;
    let id = deployment.id.to_string();
    let answer = client.unblock_deployment(&id, &in_namespace(&deployment.namespace)).await.during("unblocking deployment")?.value;
    say!("Deployment \"{id}\" unblocked");
    after(&client, &args, &answer).await
}

pub async fn promote(args: PromoteArgs) -> Outcome {
    let (client, deployment) = find(&args.act).await?;
    let id = deployment.id.to_string();
    let in_namespace = in_namespace(&deployment.namespace);
    let answer = client.promote_deployment(&id, &args.group, &in_namespace).await.during("promoting deployment")?.value;
    after(&client, &args.act, &answer).await
}
