//! `system gc`, `system reconcile summaries`

use crate::context::{During, Global, Outcome, query};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
}

pub async fn collect_garbage(args: Args) -> Outcome {
    args.global.client()?.system_gc(&query()).await.during("running system garbage-collection")?;
    Ok(0)
}

pub async fn reconcile_summaries(args: Args) -> Outcome {
    args.global.client()?.reconcile_summaries(&query()).await.during("running system summary reconciliation")?;
    Ok(0)
}
