//! What is known of an allocation whose node is not heard of: whether it is lost, or unknown for a while, and whether others take its place.

use std::sync::Arc;

use model::{Allocation, ClientStatus, DisconnectStrategy, EvalId, EvalTrigger, NodeStatus};
use state::Store;

use super::classify::description;

/// Where an allocation that the region wants to run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Its node answers.
    Here,
    /// Its node has just gone silent, and its group asked to leave it alone for as long as that lasts: it is unknown from now on.
    LeavingForEver,
    /// Its node has just gone silent: it is unknown from now on until that time (unix nanoseconds).
    Leaving { until: i64 },
    /// It is unknown.
    Away,
    /// Its node is down or gone, or it was unknown for too long.
    Lost,
}

impl Presence {
    /// It becomes unknown; until when (unix nanoseconds), if that has an end.
    pub(crate) fn leaves(self) -> Option<Option<i64>> {
        match self {
            Self::Leaving { until } => Some(Some(until)),
            Self::LeavingForEver => Some(None),
            Self::Here | Self::Away | Self::Lost => None,
        }
    }
}

/// `eval`: the evaluation that is running.
pub(crate) fn presence(view: &Store, alloc: &Allocation, eval: EvalId, now: i64) -> Presence {
    let Some(node) = view.node(alloc.node_id) else { return Presence::Lost };
    let is_unknown = alloc.client_status == ClientStatus::Unknown;
    let patience = alloc.disconnect().and_then(|disconnect| patience(disconnect, node.status));
    match node.status {
        // It is back, and has still to say what became of the tasks.
        NodeStatus::Ready | NodeStatus::Initializing if is_unknown => match patience {
            Some(Patience::Endless) => Presence::Away,
            _ if is_awaited(view, alloc, eval, now) => Presence::Away,
            _ => Presence::Lost,
        },
        NodeStatus::Ready | NodeStatus::Initializing => Presence::Here,
        NodeStatus::Down | NodeStatus::Disconnected => match patience {
            None => Presence::Lost,
            Some(Patience::Endless) if is_unknown => Presence::Away,
            Some(Patience::Endless) => Presence::LeavingForEver,
            Some(Patience::For(_)) if is_unknown && !is_awaited(view, alloc, eval, now) => Presence::Lost,
            Some(Patience::For(_)) if is_unknown => Presence::Away,
            Some(Patience::For(time)) => Presence::Leaving { until: now.saturating_add(time) },
        },
    }
}

#[derive(Clone, Copy)]
enum Patience {
    Endless,
    For(i64),
}

fn patience(disconnect: &DisconnectStrategy, status: NodeStatus) -> Option<Patience> {
    if disconnect.lost_after > 0 {
        // A node that is down was disconnected for long enough, or nobody waits for it any more.
        return (status == NodeStatus::Disconnected).then_some(Patience::For(disconnect.lost_after));
    }
    match disconnect.stop_on_client_after {
        // Until then its tasks may still run.
        Some(after) if after > 0 => Some(Patience::For(after)),
        _ if disconnect.replace == Some(false) => Some(Patience::Endless),
        _ => None,
    }
}

/// Its time has not come: the evaluation for that moment is still to run.
fn is_awaited(view: &Store, alloc: &Allocation, eval: EvalId, now: i64) -> bool {
    let follow_up = view.eval(alloc.followup_eval_id).filter(|follow_up| follow_up.id != eval && !follow_up.is_terminal());
    follow_up.is_some_and(|follow_up| follow_up.wait_until.0 > now)
}

/// Whether another allocation takes the place of one that is unknown.
pub(crate) fn is_replaced_when_away(alloc: &Allocation) -> bool {
    alloc.disconnect().is_some_and(|disconnect| disconnect.lost_after > 0 && disconnect.replace != Some(false))
}

/// Who took its place, who took theirs, and so on, as far as they are known.
pub(super) fn successors<'a>(view: &'a Store, alloc: &Allocation) -> impl Iterator<Item = &'a Arc<Allocation>> {
    // Younger each time: what a damaged store says can be no circle.
    let next = |alloc: &Allocation| view.alloc(alloc.next_allocation).filter(|next| next.create_index > alloc.create_index);
    std::iter::successors(next(alloc), move |successor| next(successor))
}

/// Another one took its place, or the place of that one, and was not sent away again when the earlier one returned.
pub(crate) fn has_successor(view: &Store, alloc: &Allocation) -> bool {
    if alloc.next_allocation.is_nil() {
        return false;
    }
    if view.alloc(alloc.next_allocation).is_none() {
        // Forgotten, so it ended long ago. What is still wanted was not given up for it.
        return alloc.is_terminal();
    }
    successors(view, alloc).any(|successor| !was_sent_away(successor))
}

fn was_sent_away(alloc: &Allocation) -> bool {
    alloc.server_terminal() && alloc.desired_description == description::RECONNECTED
}

/// The evaluation for the end of its absence says nothing about attempts after a failure.
pub(crate) fn is_about_absence(view: &Store, eval: EvalId) -> bool {
    view.eval(eval).is_some_and(|eval| eval.triggered_by == EvalTrigger::MaxDisconnectTimeout)
}
