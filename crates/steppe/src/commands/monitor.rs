//! `monitor`

use tokio::signal::unix::{SignalKind, signal};

use crate::context::{During, Global, Outcome, Stop, query};
use crate::{resolve, show};

#[derive(clap::Args, Debug)]
#[command(
    after_help = "Follows the log of the agent that answers, or of the server or node that is named, until Ctrl-C. An agent lets lines out \
                        that are not read in time, and says how many."
)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// The least urgent lines: TRACE, DEBUG, INFO, WARN or ERROR. They need not be in the agent's own log.
    #[arg(long = "log-level", default_value = "INFO")]
    log_level: String,
    /// With the place in the source.
    #[arg(long = "log-include-location")]
    location: bool,
    /// The node whose log it is; a prefix of its id will do.
    #[arg(long = "node-id")]
    node_id: Option<String>,
    /// The server whose log it is: its name, its id, or "leader".
    #[arg(long = "server-id")]
    server_id: Option<String>,
    /// An object a line.
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> Outcome {
    if args.node_id.is_some() && args.server_id.is_some() {
        return Err(Stop::usage("monitor", "-node-id and -server-id exclude each other"));
    }
    let client = args.global.client()?;
    let mut question = query().with("log_level", &args.log_level);
    for (name, wanted) in [("log_json", args.json), ("log_include_location", args.location)] {
        if wanted {
            question = question.with(name, true);
        }
    }
    if let Some(node) = &args.node_id {
        question = question.with("node_id", resolve::node(&client, node).await?);
    }
    if let Some(server) = &args.server_id {
        question = question.with("server_id", server);
    }
    // One listener from here on: one for each line would miss a Ctrl-C that comes while a line is printed.
    let refused = |error: std::io::Error| Stop::error(format!("the system refuses a signal handler: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    let mut lines = tokio::select! {
        biased;
        _ = interrupt.recv() => return Ok(0),
        opened = client.monitor(&question) => opened.during("starting monitor")?,
    };
    loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => return Ok(0),
            frame = lines.next() => match frame.during("reading the log")? {
                Some(frame) => show::raw(&frame.data),
                None => return Ok(0),
            },
        }
    }
}
