//! `node pool info`

use api::Client;
use model::{NodePool, SchedulerAlgorithm};

use super::namespace_status::metadata;
use crate::context::{During, Global, Outcome, Stop, query};
use crate::show::{self, Format, section};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// A node pool's name, or a prefix of it.
    node_pool: String,
}

pub async fn run(args: Args) -> Outcome {
    let pool = find(&args.global.client()?, &args.node_pool).await?;
    if args.format.print(&pool)? {
        return Ok(0);
    }
    say!("{}", show::pairs(&[("Name", pool.name.to_string()), ("Description", pool.description.clone())]));
    say!("\n{}", section("Metadata", &if pool.meta.is_empty() { "No metadata".to_owned() } else { metadata(&pool.meta) }));
    let scheduler = match &pool.scheduler {
        None => "No scheduler configuration".to_owned(),
        Some(config) => {
            let mut pairs = Vec::new();
            if config.algorithm != SchedulerAlgorithm::Unset {
                pairs.push(("Scheduler Algorithm", config.algorithm.to_string()));
            }
            if let Some(memory) = config.memory_oversubscription {
                pairs.push(("Memory Oversubscription Enabled", memory.to_string()));
            }
            show::pairs(&pairs)
        }
    };
    say!("\n{}", section("Scheduler Configuration", &scheduler));
    Ok(0)
}

/// The node pool of that name, or the only one that begins with it.
pub async fn find(client: &Client, given: &str) -> Result<NodePool, Stop> {
    let mut found = client.node_pools(&query().prefix(given)).await.during("querying node pools")?.value;
    if let Some(at) = found.iter().position(|pool| pool.name == given) {
        return Ok(found.swap_remove(at));
    }
    match found.len() {
        0 => Err(Stop::error(format!("No node pool with prefix \"{given}\" found"))),
        1 => Ok(found.swap_remove(0)),
        _ => {
            let names: Vec<&str> = found.iter().map(|pool| pool.name.as_str()).collect();
            Err(Stop::error(format!("Prefix \"{given}\" matched multiple node pools: {}", names.join(", "))))
        }
    }
}
