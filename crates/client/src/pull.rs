//! Which allocations does the region want here? A long poll that never ends.

use std::sync::Arc;
use std::time::Duration;

use rpc::message::{NodeReply, NodeRequest};
use tracing::{debug, warn};

use crate::allocs;
use crate::link::{LinkError, PATIENCE};
use crate::pacer::Pacer;
use crate::shared::{Backoff, Shared};

/// How long a server holds the question back. A server that is gone without a sign is noticed after this time at the latest.
const WAIT: Duration = Duration::from_secs(60);
const RETRY_MAX: Duration = Duration::from_secs(5);

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut backoff = Backoff::new(RETRY_MAX);
    let mut registered = shared.registered.subscribe();
    // Everything is asked for once after each start.
    let mut index = 0;
    let mut pacer = Pacer::of_pulls();
    loop {
        pacer.pause().await;
        if registered.wait_for(|registered| *registered).await.is_err() {
            return;
        }
        let wait = i64::try_from(WAIT.as_nanos()).unwrap_or(i64::MAX);
        let request = NodeRequest::PullAllocs { node_id: shared.node_id, secret: shared.secret, min_index: index, wait };
        match shared.link.node(request, WAIT + PATIENCE).await {
            Ok(NodeReply::Allocs(share)) => {
                backoff.reset();
                debug!(index = share.index, allocs = share.all.as_ref().map(Vec::len), changed = share.changed.len(), "allocations pulled");
                let next = share.index;
                // A region that was restored from an older backup, or a gap: ask for everything again.
                let complete = allocs::take(&shared, share).await;
                if !complete && index == 0 {
                    // Even everything has a gap: the region will say more soon.
                    tokio::time::sleep(backoff.pause()).await;
                }
                index = if complete && next >= index { next } else { 0 };
            }
            Ok(other) => {
                warn!(?other, "a server answered a pull with something else");
                tokio::time::sleep(backoff.pause()).await;
            }
            Err(error) => {
                debug!(%error, "allocations could not be pulled");
                if let LinkError::Refused(failure) = &error {
                    warn!(error = %failure, "the region refuses this node its allocations");
                    shared.doubt.notify_one();
                    index = 0;
                }
                tokio::time::sleep(backoff.pause()).await;
            }
        }
    }
}
