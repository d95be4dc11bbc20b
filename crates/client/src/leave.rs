//! An agent that goes for a while lets its work move away first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{AllocId, Allocation, ClientStatus};
use rpc::message::{Drain, Read, ReadOptions, ReadReply, ReadValue, Request, Write};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::alloc::{AllocHandle, migrates};
use crate::client::Client;

/// How the node is drained before its agent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainSpec {
    /// What is left after this time is stopped.
    pub deadline: Duration,
    pub ignore_system_jobs: bool,
    /// Stop everything at once.
    pub force: bool,
}

/// Between two looks at the drain.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// On top of the deadline: what stopping takes beyond the longest kill timeout.
const MARGIN: Duration = Duration::from_secs(15);

impl Client {
    /// Drains the node, and returns when nothing of it is left here, or when the region cannot be asked for too long. The node stays ineligible:
    /// whoever starts it again says when it takes work.
    pub async fn drain(&self, spec: DrainSpec) {
        let shared = self.shared();
        let nanos = i64::try_from(spec.deadline.as_nanos()).unwrap_or(i64::MAX);
        // Without any time at all everything has to go at once; 0 would be no deadline.
        let deadline = if spec.force || nanos == 0 { -1 } else { nanos };
        let write = Write::DrainNode {
            id: shared.node_id,
            drain: Some(Drain { deadline, ignore_system_jobs: spec.ignore_system_jobs }),
            mark_eligible: false,
            meta: BTreeMap::from([("message".to_owned(), "the agent is shutting down".to_owned())]),
        };
        let until = Instant::now() + spec.deadline + shared.config.max_kill_timeout + MARGIN;
        if let Err(failure) = shared.link.forward(shared.call(Request::Write(write))).await {
            warn!(%failure, "the node is not drained before the agent ends");
            return;
        }
        info!(deadline = ?spec.deadline, "the node is drained before the agent ends");
        while Instant::now() < until {
            if self.is_drained(spec.ignore_system_jobs).await {
                info!("the node is drained");
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        warn!("the drain took too long; ending now");
    }

    /// The region says that the drain is over, and what it stopped has ended.
    async fn is_drained(&self, ignores_system: bool) -> bool {
        let shared = self.shared();
        let node = match shared.read(ReadOptions::default(), Read::Node { id: shared.node_id }).await {
            Ok(ReadReply { value: ReadValue::Node(node), .. }) => node,
            _ => None,
        };
        let is_over = node.is_some_and(|node| node.drain_strategy.is_none());
        let left = |handle: &AllocHandle| {
            let stays = ignores_system && handle.alloc().job.as_ref().is_some_and(|job| job.kind.is_on_every_node());
            !handle.is_finished() && !stays
        };
        is_over && !shared.allocs().values().any(left) && shared.updates.is_empty() && !self.is_data_awaited().await
    }

    /// A successor on another node is still to get the data of an allocation that was here.
    async fn is_data_awaited(&self) -> bool {
        let shared = self.shared();
        let ended: Vec<AllocId> = {
            let all = shared.allocs();
            let is_moving = |handle: &&AllocHandle| {
                let alloc = handle.alloc();
                alloc.desired_transition.migrate == Some(true) && migrates(&alloc) && !handle.is_collected()
            };
            all.values().filter(is_moving).map(|handle| handle.id).collect()
        };
        for id in ended {
            let successor = match self.alloc(id).await {
                Some(alloc) if !alloc.next_allocation.is_nil() => self.alloc(alloc.next_allocation).await,
                _ => None,
            };
            if successor.is_some_and(|alloc| alloc.client_status == ClientStatus::Pending && !alloc.server_terminal()) {
                return true;
            }
        }
        false
    }

    async fn alloc(&self, id: AllocId) -> Option<Arc<Allocation>> {
        match self.shared().read(ReadOptions::default(), Read::Alloc { id }).await {
            Ok(ReadReply { value: ReadValue::Alloc(alloc), .. }) => alloc,
            _ => None,
        }
    }
}
