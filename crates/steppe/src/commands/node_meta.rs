//! `node meta apply` and `node meta read`

use std::collections::BTreeMap;

use api::NodeMetaApplyRequest;

use crate::context::{During, Global, Outcome, Stop, query};
use crate::resolve;
use crate::show::{self, Format, section};

#[derive(clap::Args, Debug)]
pub struct ApplyArgs {
    #[command(flatten)]
    global: Global,
    /// A node's id, or a prefix of it; by default the node of the agent that answers.
    #[arg(long = "node-id", default_value = "", hide_default_value = true)]
    node_id: String,
    /// Keys to take away, separated by commas.
    #[arg(long, default_value = "", hide_default_value = true)]
    unset: String,
    /// Pairs key=value.
    pairs: Vec<String>,
}

#[derive(clap::Args, Debug)]
pub struct ReadArgs {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// A node's id, or a prefix of it; by default the node of the agent that answers.
    #[arg(long = "node-id", default_value = "", hide_default_value = true)]
    node_id: String,
}

pub async fn apply(args: ApplyArgs) -> Outcome {
    let mut meta: BTreeMap<String, Option<String>> = BTreeMap::new();
    for key in args.unset.split(',').map(str::trim).filter(|key| !key.is_empty()) {
        meta.insert(key.to_owned(), None);
    }
    for pair in &args.pairs {
        let Some((key, value)) = pair.split_once('=') else { return Err(wrong(&format!("{pair:?} is not key=value"))) };
        if meta.insert(key.to_owned(), Some(value.to_owned())) == Some(None) {
            return Err(wrong(&format!("the key {key:?} cannot be set and unset at once")));
        }
    }
    if meta.is_empty() {
        return Err(wrong("There is nothing to change: name pairs key=value, or keys with -unset"));
    }
    let client = args.global.client()?;
    let node_id = if args.node_id.is_empty() { String::new() } else { resolve::node(&client, &args.node_id).await? };
    client.apply_node_meta(&NodeMetaApplyRequest { node_id, meta }, &query()).await.during("applying dynamic node metadata")?;
    Ok(0)
}

fn wrong(problem: &str) -> Stop {
    Stop::usage("node meta apply", problem)
}

pub async fn read(args: ReadArgs) -> Outcome {
    let client = args.global.client()?;
    let node_id = if args.node_id.is_empty() { String::new() } else { resolve::node(&client, &args.node_id).await? };
    let found = client.node_meta(&node_id, &query()).await.during("reading dynamic node metadata")?.value;
    if args.format.print(&found)? {
        return Ok(0);
    }
    let text = |map: &BTreeMap<String, String>| show::pairs(&map.iter().collect::<Vec<_>>());
    // A key that is taken away is shown as such.
    let dynamic: BTreeMap<String, String> =
        found.dynamic.iter().map(|(key, value)| (key.clone(), value.clone().unwrap_or_else(|| "<unset>".to_owned()))).collect();
    for (n, (heading, map)) in
        [("All Meta", &found.meta), ("Dynamic Meta", &dynamic), ("Static Meta", &found.configured)].iter().enumerate()
    {
        say!("{}{}", if n == 0 { "" } else { "\n" }, section(heading, &text(map)));
    }
    Ok(0)
}
