//! `operator metrics`

use crate::context::{During, Global, Outcome, query};
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    shown: Format,
    /// Indented, for people.
    #[arg(long)]
    pretty: bool,
    /// "prometheus" for its text format; JSON by default.
    #[arg(long)]
    format: Option<String>,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let format = args.format.as_deref().unwrap_or_default();
    if format.is_empty() && (args.shown.json || args.shown.template.is_some()) {
        args.shown.print(&client.metrics().await.during("getting metrics")?)?;
        return Ok(0);
    }
    let mut question = query();
    if !format.is_empty() {
        question = question.with("format", format);
    }
    if args.pretty {
        question = question.with("pretty", true);
    }
    let text = client.metrics_text(&question).await.during("getting metrics")?;
    show::raw(&text);
    if !text.ends_with(b"\n") {
        show::raw(b"\n");
    }
    Ok(0)
}
