//! `node pool delete`

use crate::context::{During, Global, Outcome, query};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// A node pool's name.
    node_pool: String,
}

pub async fn run(args: Args) -> Outcome {
    args.global.client()?.delete_node_pool(&args.node_pool, &query()).await.during("deleting node pool")?;
    say!("Successfully deleted node pool \"{}\"!", args.node_pool);
    Ok(0)
}
