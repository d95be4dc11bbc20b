//! `agent-info`

use crate::context::{During, Global, Outcome};
use crate::show::Format;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
}

/// Figures by part, both sorted by name.
pub async fn run(args: Args) -> Outcome {
    let about = args.global.client()?.agent_self().await.during("querying agent info")?;
    if args.format.print(&about)? {
        return Ok(0);
    }
    for (part, figures) in &about.stats {
        say!("{part}");
        for (name, value) in figures {
            say!("  {name} = {value}");
        }
    }
    Ok(0)
}
