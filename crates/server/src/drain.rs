//! Draining nodes: what a person asks for, and the leader's loop that goes on with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use control::drain::Step;
use model::{DrainStrategy, Eligibility, NodeEvent, NodeId, Time};
use rpc::message::{Drain, Failure, WriteReply, WriteValue};
use state::{Command, NodeDrain, Outcome, Table, Watch};
use tracing::{info, warn};

use crate::core::{Core, now};
use crate::node;

/// Between two looks: many changes that come together are looked at once.
const PAUSE: Duration = Duration::from_millis(100);
/// As long as a node is draining, it is looked at at least this often: counts of jobs change, too.
const SLOW_TICK: Duration = Duration::from_secs(2);
/// What was not committed is proposed again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Begins, changes or (`drain: None`) ends a drain.
pub async fn set(
    core: &Core,
    id: NodeId,
    drain: Option<Drain>,
    mark_eligible: bool,
    meta: BTreeMap<String, String>,
) -> Result<WriteReply, Failure> {
    let view = core.view();
    let node = view.node(id).ok_or_else(|| Failure::not_found("node not found"))?;
    let time = now();
    let is_draining = node.drain_strategy.is_some();
    let strategy = drain.map(|Drain { deadline, ignore_system_jobs }| DrainStrategy {
        deadline,
        ignore_system_jobs,
        force_deadline: match deadline {
            0 => Time::NEVER,
            nanos => Time(time.saturating_add(nanos.max(0))),
        },
        started_at: Time(time),
    });
    let becomes_eligible = strategy.is_none() && mark_eligible;
    let event = match (&strategy, is_draining) {
        (Some(_), false) => Some("Node drain strategy set"),
        (Some(_), true) => Some("Node drain strategy updated"),
        (None, true) => Some("Node drain disabled"),
        (None, false) if becomes_eligible && node.scheduling_eligibility != Eligibility::Eligible => {
            Some("Node marked as eligible for scheduling")
        }
        (None, false) => None,
    };
    let event = event.map(|message| NodeEvent { subsystem: "Drain".to_owned(), ..node::event(message, time) });
    let evals = if becomes_eligible { control::node_evals(&view, id, &mut core.ids()) } else { Vec::new() };
    let eval_ids = evals.iter().map(|eval| eval.id).collect();
    let command = NodeDrain { id, strategy, is_complete: false, mark_eligible: becomes_eligible, meta, event, evals, time };
    let applied = core.execute(Command::SetNodeDrain(Box::new(command))).await?;
    if becomes_eligible {
        core.signals.room_came_up();
    }
    Ok(WriteReply { index: applied.index, value: WriteValue::Node { eval_ids, node_modify_index: applied.index } })
}

/// Looks at all drains again whenever a node or an allocation changes; runs while this server leads.
pub async fn run(core: Arc<Core>) {
    let (nodes, allocs) = (core.watches.own_place(&Watch::Table(Table::Nodes)), core.watches.own_place(&Watch::Table(Table::Allocs)));
    loop {
        let (of_nodes, of_allocs) = (nodes.notify().notified(), allocs.notify().notified());
        let (step, is_idle) = {
            let view = core.view();
            let is_idle = view.nodes().all(|node| node.drain_strategy.is_none());
            (if is_idle { Step::default() } else { control::drain::step(&view, now(), &mut core.ids()) }, is_idle)
        };
        if !step.propose.is_empty() {
            if !propose(&core, step.propose).await {
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            continue;
        }
        let until = step.wake_at.map_or(SLOW_TICK, |at| Duration::from_nanos(at.saturating_sub(now()).max(0).unsigned_abs()));
        tokio::select! {
            () = of_nodes => {}
            () = of_allocs, if !is_idle => {}
            () = tokio::time::sleep(until.min(SLOW_TICK)) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Tells whether all was done.
async fn propose(core: &Core, commands: Vec<Command>) -> bool {
    let told: Vec<String> = commands.iter().map(told).collect();
    let answers = match core.propose_many(commands).await {
        Ok(answers) => answers,
        Err(problem) => {
            warn!(%problem, "a drain did not go on, trying again");
            return false;
        }
    };
    let mut all = true;
    for (told, answer) in told.into_iter().zip(answers) {
        match answer.map(|applied| applied.outcome) {
            Ok(Outcome::Refused(reason)) => {
                warn!(%reason, "{told}: refused, looking again");
                all = false;
            }
            Ok(_) => info!("{told}"),
            Err(problem) => {
                warn!(%problem, "{told}: not committed, looking again");
                all = false;
            }
        }
    }
    all
}

fn told(command: &Command) -> String {
    match command {
        Command::SetTransitions { transitions, .. } => format!("allocations told to leave draining nodes: {}", transitions.len()),
        Command::SetNodeDrain(drain) => format!("drain of node {} is over", drain.id),
        other => other.name().to_owned(),
    }
}
