//! `node drain`

use std::collections::BTreeMap;

use api::{DrainSpec, NodeUpdateDrainRequest};

use super::drain_monitor;
use super::node_eligibility::selected;
use crate::context::{During, Global, Outcome, Stop, confirm, query};

/// How long allocations may take to leave, unless told otherwise: an hour, in nanoseconds.
const DEADLINE: i64 = 3_600_000_000_000;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// Begin: the node takes no new work, and what runs there moves away.
    #[arg(long)]
    enable: bool,
    /// End the drain.
    #[arg(long)]
    disable: bool,
    /// What is still there after this time is stopped; 1h by default.
    #[arg(long)]
    deadline: Option<String>,
    /// Stop everything at once.
    #[arg(long)]
    force: bool,
    /// Wait for ever.
    #[arg(long = "no-deadline")]
    no_deadline: bool,
    /// Leave allocations of system jobs alone.
    #[arg(long = "ignore-system")]
    ignore_system: bool,
    /// With -disable: the node still takes no new work.
    #[arg(long = "keep-ineligible")]
    keep_ineligible: bool,
    /// Return at once.
    #[arg(long)]
    detach: bool,
    /// Only follow the drain that is on.
    #[arg(long)]
    monitor: bool,
    /// Why; kept with the drain.
    #[arg(long = "m")]
    message: Option<String>,
    /// A pair key=value kept with the drain; repeatable.
    #[arg(long)]
    meta: Vec<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// The node of the agent that answers.
    #[arg(long = "self")]
    own: bool,
    /// A node's id, or a prefix of it.
    node: Option<String>,
}

pub async fn run(args: Args) -> Outcome {
    let request = check(&args)?;
    let client = args.global.client()?;
    let id = selected(&client, args.node.as_deref(), args.own, "node drain").await?;
    let before = client.node(&id, &query()).await.during("querying node info")?.value.node;
    if args.monitor {
        if before.drain_strategy.is_none() {
            say!("No drain strategy set");
            return Ok(0);
        }
        return drain_monitor::follow(&client, &id, &[]).await;
    }
    if args.enable && before.drain_strategy.is_none() && args.node.is_some() && args.node.as_deref() != Some(id.as_str()) && !args.yes {
        confirm(&format!("Are you sure you want to enable drain mode for node \"{id}\"?"), "node drain")?;
    }
    let follows = args.enable && !args.detach;
    let present =
        if follows { client.node_allocations(&id, &query()).await.during("querying node allocations")?.value } else { Vec::new() };
    let request = NodeUpdateDrainRequest { node_id: id.clone(), ..request };
    client.drain_node(&request, &query()).await.during("updating drain specification")?;
    say!("Node \"{id}\" drain strategy {}", if args.enable { "set" } else { "unset" });
    if !follows {
        return Ok(0);
    }
    drain_monitor::follow(&client, &id, &present).await
}

/// The request without its node.
fn check(args: &Args) -> Result<NodeUpdateDrainRequest, Stop> {
    let refuse = |problem: &str| Err(Stop::usage("node drain", problem));
    if [args.enable, args.disable, args.monitor].iter().filter(|given| **given).count() != 1 {
        return refuse("One of -enable, -disable and -monitor is needed, and only one");
    }
    if [args.deadline.is_some(), args.force, args.no_deadline].iter().filter(|given| **given).count() > 1 {
        return refuse("-deadline, -force and -no-deadline exclude each other");
    }
    if !args.enable && (args.deadline.is_some() || args.force || args.no_deadline || args.ignore_system) {
        return refuse("-deadline, -force, -no-deadline and -ignore-system are only of use with -enable");
    }
    if args.keep_ineligible && !args.disable {
        return refuse("-keep-ineligible is only of use with -disable");
    }
    let deadline = match &args.deadline {
        _ if args.force => -1,
        _ if args.no_deadline => 0,
        None => DEADLINE,
        Some(text) => match model::parse_duration(text) {
            Ok(nanos) if nanos > 0 => nanos,
            Ok(_) => return refuse("A positive drain duration must be given"),
            Err(problem) => return refuse(&format!("flag -deadline: {problem}")),
        },
    };
    let mut meta = BTreeMap::new();
    for pair in &args.meta {
        let Some((key, value)) = pair.split_once('=') else { return refuse(&format!("flag -meta: {pair:?} is not key=value")) };
        meta.insert(key.to_owned(), value.to_owned());
    }
    meta.extend(args.message.clone().map(|message| ("message".to_owned(), message)));
    let drain_spec = args.enable.then_some(DrainSpec { deadline, ignore_system_jobs: args.ignore_system });
    Ok(NodeUpdateDrainRequest { drain_spec, mark_eligible: args.disable && !args.keep_ineligible, meta, ..Default::default() })
}
