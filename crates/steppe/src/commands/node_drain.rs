//! `node drain`

use std::collections::BTreeMap;

use api::{Client, DrainSpec, NodeUpdateDrainRequest};
use model::{Allocation, ClientStatus};

use super::node_eligibility::selected;
use crate::context::{During, Global, Outcome, Stop, confirm, query};
use crate::monitor::WAIT;
use crate::show;

/// How long allocations may take to leave, unless told otherwise: an hour, in nanoseconds.
const DEADLINE: i64 = 3_600_000_000_000;
/// The status of what a server does not do yet.
const NOT_BUILT: u16 = 501;

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
        return follow(&client, &id).await;
    }
    if args.enable && before.drain_strategy.is_none() && args.node.is_some() && args.node.as_deref() != Some(id.as_str()) && !args.yes {
        confirm(&format!("Are you sure you want to enable drain mode for node \"{id}\"?"), "node drain")?;
    }
    let request = NodeUpdateDrainRequest { node_id: id.clone(), ..request };
    client.drain_node(&request, &query()).await.map_err(|error| refused(error, &id))?;
    say!("Node \"{id}\" drain strategy {}", if args.enable { "set" } else { "unset" });
    if args.disable || args.detach {
        return Ok(0);
    }
    follow(&client, &id).await
}

/// What went wrong, and what a person can do where servers do not drain nodes yet.
fn refused(error: api::client::Error, id: &str) -> Stop {
    if error.status() != Some(NOT_BUILT) {
        return Stop::from(error).during("updating drain specification");
    }
    Stop::error(format!(
        "Draining nodes is not supported yet, and nothing was changed. By hand:\n\
         'steppe node eligibility -disable {id}' keeps new work away from the node,\n\
         'steppe alloc stop <allocation>' moves what is there, one after the other"
    ))
}

/// The request without its node.
fn check(args: &Args) -> Result<NodeUpdateDrainRequest, Stop> {
    let refuse = |problem: &str| Err(Stop::error(format!("{problem}\nFor additional help try 'steppe node drain -help'")));
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

fn note(text: &str) {
    say!("{}: {text}", show::time(show::now()));
}

/// Says what happens on the node until the drain is over and nothing runs there.
async fn follow(client: &Client, id: &str) -> Outcome {
    note("Ctrl-C to stop monitoring: will not cancel the node drain");
    let mut index = 0;
    let mut known: BTreeMap<String, Allocation> = BTreeMap::new();
    loop {
        let question = if index == 0 { query() } else { query().after(index, WAIT) };
        let answer = client.node(id, &question).await.during("querying node info")?;
        index = answer.index;
        let node = answer.value.node;
        let allocs = client.node_allocations(id, &query()).await.during("querying node allocations")?.value;
        for alloc in &allocs {
            let key = alloc.id.to_string();
            if let Some(before) = known.get(&key) {
                changes(before, alloc).iter().for_each(|change| note(change));
            }
            known.insert(key, alloc.clone());
        }
        if node.status == model::NodeStatus::Down {
            note(&format!("Node \"{id}\" down"));
            return Ok(0);
        }
        if node.drain_strategy.is_none() {
            note(&format!("Drain complete for node {id}"));
            if allocs.iter().all(Allocation::is_terminal) {
                note(&format!("All allocations on node \"{id}\" have stopped"));
            }
            return Ok(0);
        }
    }
}

fn changes(before: &Allocation, after: &Allocation) -> Vec<String> {
    let id = after.id;
    let mut texts = Vec::new();
    if after.desired_transition.migrate == Some(true) && before.desired_transition.migrate != Some(true) {
        texts.push(format!("Alloc \"{id}\" marked for migration"));
    }
    if after.server_terminal() && !before.server_terminal() && after.client_status == ClientStatus::Running {
        texts.push(format!("Alloc \"{id}\" draining"));
    }
    if after.client_status != before.client_status {
        texts.push(format!("Alloc \"{id}\" status {} -> {}", before.client_status, after.client_status));
    }
    texts
}
