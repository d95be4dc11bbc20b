//! `namespace delete`

use crate::context::{During, Global, Outcome, query};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// A namespace's name.
    name: String,
}

pub async fn run(args: Args) -> Outcome {
    args.global.client()?.delete_namespace(&args.name, &query()).await.during("deleting namespace")?;
    say!("Successfully deleted namespace \"{}\"!", args.name);
    Ok(0)
}
