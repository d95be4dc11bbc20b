//! `scaling policy list|info`

use std::collections::BTreeMap;

use api::Client;

use crate::context::{During, Global, Outcome, Stop, query};
use crate::resolve::{begins_with, id_prefix};
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct ListArgs {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Only policies of this job.
    #[arg(long, default_value = "", hide_default_value = true)]
    job: String,
    /// Only policies of this type: horizontal, vertical_cpu or vertical_mem.
    #[arg(long = "type", default_value = "", hide_default_value = true)]
    kind: String,
    /// Ids in full.
    #[arg(long)]
    verbose: bool,
}

pub async fn list(args: ListArgs) -> Outcome {
    let client = args.global.client()?;
    let mut policies = client.scaling_policies(&args.job, &args.kind, &query()).await.during("listing scaling policies")?.value;
    if args.format.print(&policies)? {
        return Ok(0);
    }
    if policies.is_empty() {
        say!("No policies found");
        return Ok(0);
    }
    policies.sort_by(|one, other| one.target.cmp(&other.target));
    let mut rows = vec![show::row(&["ID", "Enabled", "Type", "Target"])];
    for policy in &policies {
        let id = show::id(&policy.id, args.verbose);
        rows.push(vec![id, policy.enabled.to_string(), policy.kind.to_string(), target(&policy.target)]);
    }
    say!("{}", show::table(&rows));
    Ok(0)
}

/// `Namespace:default,Job:web,Group:app`
fn target(target: &BTreeMap<String, String>) -> String {
    let known = ["Namespace", "Job", "Group", "Task"].into_iter().filter_map(|key| Some(format!("{key}:{}", target.get(key)?)));
    known.collect::<Vec<_>>().join(",")
}

#[derive(clap::Args, Debug)]
pub struct InfoArgs {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// The id in full.
    #[arg(long)]
    verbose: bool,
    /// A policy's id, or a prefix of it.
    policy: String,
}

pub async fn info(args: InfoArgs) -> Outcome {
    let client = args.global.client()?;
    let id = resolve(&client, &args.policy).await?;
    let policy = client.scaling_policy(&id, &query()).await.during("querying scaling policy")?.value;
    if args.format.print(&policy)? {
        return Ok(0);
    }
    let pairs = [
        ("ID", show::id(&policy.id, args.verbose)),
        ("Enabled", policy.enabled.to_string()),
        ("Target", target(&policy.target)),
        ("Min", policy.min.to_string()),
        ("Max", policy.max.to_string()),
    ];
    say!("{}", show::pairs(&pairs));
    say!("\nPolicy:\n{}", show::json(&policy.policy));
    Ok(0)
}

async fn resolve(client: &Client, given: &str) -> Result<String, Stop> {
    let question = query().prefix(id_prefix(given)?).namespace("*");
    let mut policies = client.scaling_policies("", "", &question).await.during("querying scaling policy")?.value;
    policies.retain(|policy| begins_with(&policy.id, given));
    match policies.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => Err(Stop::error(format!("No scaling policies with prefix or ID \"{given}\" found"))),
        several => {
            let ids: Vec<&str> = several.iter().map(|policy| policy.id.as_str()).collect();
            Err(Stop::error(format!("Prefix matched multiple scaling policies\n\n{}", ids.join("\n"))))
        }
    }
}
