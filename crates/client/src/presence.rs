//! "I am here": registration and heartbeats.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rpc::message::{NodeReply, NodeRequest};
use tracing::{info, warn};

use crate::alloc::Command;
use crate::error::chain;
use crate::link::{LinkError, PATIENCE};
use crate::shared::{Backoff, Shared, spread};
use crate::time;

/// A server that does not answer a heartbeat within this time is given up for the next one: all of it must fit into time to live and grace.
const HEARTBEAT_PATIENCE: Duration = Duration::from_secs(5);
/// Pauses between attempts grow up to this: short enough to be back within the grace that servers give.
const RETRY_MAX: Duration = Duration::from_secs(5);
/// A server that gives no time to live is asked again after this.
const TTL_LEAST: Duration = Duration::from_secs(1);

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut backoff = Backoff::new(RETRY_MAX);
    let mut silent = false;
    loop {
        let registered = *shared.registered.borrow();
        let (request, patience) = if registered {
            (NodeRequest::Heartbeat { node_id: shared.node_id, secret: shared.secret }, HEARTBEAT_PATIENCE)
        } else {
            (NodeRequest::Register(shared.node()), PATIENCE)
        };
        let pause = match shared.link.node(request, patience).await {
            Ok(NodeReply::Heartbeat { known, ttl, servers, .. }) => {
                if silent {
                    info!("servers answer again");
                    silent = false;
                }
                backoff.reset();
                if shared.link.learn(servers)
                    && let Err(error) = shared.store.remember_servers(&shared.link.servers()).await
                {
                    warn!(error = chain(&error), "list of servers could not be remembered");
                }
                if known {
                    // Not waited for: a disk that stands still is no reason to miss heartbeats.
                    shared.spawn(remember(Arc::clone(&shared)));
                }
                heard(&shared, known, registered, ttl)
            }
            Ok(other) => {
                warn!(?other, "a server answered a heartbeat with something else");
                backoff.pause()
            }
            Err(error) => {
                if matches!(error, LinkError::Refused(_)) {
                    // Registering says who this is from the beginning.
                    shared.registered.send_replace(false);
                }
                if !silent {
                    warn!(%error, "no heartbeat: tasks go on, trying again");
                    silent = true;
                }
                backoff.pause()
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shared.doubt.notified() => {
                shared.registered.send_replace(false);
            }
        }
    }
}

/// For the next agent.
async fn remember(shared: Arc<Shared>) {
    if let Err(error) = shared.store.remember_heard(time::now()).await {
        warn!(error = chain(&error), "the time of the last heartbeat could not be remembered");
    }
}

/// How long to wait now.
fn heard(shared: &Shared, known: bool, registered: bool, ttl: i64) -> Duration {
    if !known {
        warn!("the region does not know this node: registering");
        shared.registered.send_replace(false);
        return Duration::ZERO;
    }
    let now = time::now();
    let last = shared.last_heartbeat.swap(now, Ordering::Relaxed);
    let last_ttl = shared.heartbeat_ttl.swap(ttl, Ordering::Relaxed);
    let was_away = now.saturating_sub(last) > last_ttl;
    if last != 0 && (was_away || !registered) {
        // The region may have given this node up meanwhile, or have lost what it was told.
        for handle in shared.allocs().values() {
            handle.send(Command::Report);
        }
    }
    if !registered {
        info!(node = %shared.node_id, name = shared.node().name, "node registered");
        shared.registered.send_replace(true);
        // A new node becomes ready with its first heartbeat.
        return Duration::ZERO;
    }
    spread(Duration::from_nanos(u64::try_from(ttl).unwrap_or(0)).max(TTL_LEAST), 0.4, 0.7)
}
