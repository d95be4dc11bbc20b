//! `node eligibility`

use api::Client;
use model::Eligibility;

use crate::context::{During, Global, Outcome, Stop, query};
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// The node takes new work.
    #[arg(long)]
    enable: bool,
    /// The node takes no new work; what runs there goes on.
    #[arg(long)]
    disable: bool,
    /// The node of the agent that answers.
    #[arg(long = "self")]
    own: bool,
    /// A node's id, or a prefix of it.
    node: Option<String>,
}

pub async fn run(args: Args) -> Outcome {
    let eligibility = match (args.enable, args.disable) {
        (true, false) => Eligibility::Eligible,
        (false, true) => Eligibility::Ineligible,
        _ => {
            return Err(Stop::usage("node eligibility", "One of -enable and -disable is needed, and not both"));
        }
    };
    let client = args.global.client()?;
    let id = selected(&client, args.node.as_deref(), args.own, "node eligibility").await?;
    client.set_node_eligibility(&id, eligibility, &query()).await.during("updating scheduling eligibility")?;
    let words = match eligibility {
        Eligibility::Eligible => "eligible for scheduling",
        Eligibility::Ineligible => "ineligible for scheduling",
    };
    say!("Node \"{id}\" scheduling eligibility set: {words}");
    Ok(0)
}

/// The node that is named, or that of the agent.
pub async fn selected(client: &Client, node: Option<&str>, own: bool, command: &str) -> Result<String, Stop> {
    match (node, own) {
        (Some(given), false) => resolve::node(client, given).await,
        (None, true) => resolve::own_node(client).await,
        _ => Err(Stop::usage(command, "Either -self or one node is needed: <node>")),
    }
}
