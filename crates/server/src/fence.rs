//! The leader of a region that was restored from a snapshot asks the other regions what this one had said last; then the region takes part in
//! rollouts again. What follows from the answers is decided in `multiregion::restore`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use gossip::Status;
use model::{RegionName, Testimony};
use state::Command;
use tracing::{info, warn};

use crate::core::{Core, now};
use crate::rollout;

/// Between two rounds of questions, and two looks at whether there is a fence.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A restore of which nothing more comes for so long is given up.
const STALLED_AFTER: Duration = Duration::from_secs(600);

/// Runs for as long as this server leads.
pub async fn run(core: Arc<Core>) {
    let mut heard: BTreeMap<RegionName, Testimony> = BTreeMap::new();
    let mut told = BTreeSet::new();
    let (mut restoring, mut since) = (None, Instant::now());
    loop {
        let view = core.view();
        if view.restoring() != restoring {
            (restoring, since) = (view.restoring(), Instant::now());
        }
        if let Some((id, _)) = restoring.filter(|_| since.elapsed() > STALLED_AFTER) {
            warn!(%id, "nothing more came of a restore, it is given up");
            let _ = core.execute(Command::CancelRestore { id }).await;
        }
        if !view.is_fenced() {
            heard.clear();
            tokio::time::sleep(ASK_AGAIN_AFTER).await;
            continue;
        }
        let incarnation = view.identity().incarnation;
        let asked = witnesses(&core);
        heard.retain(|region, _| asked.contains(region));
        let open: Vec<&RegionName> = asked.iter().filter(|region| !heard.contains_key(*region)).collect();
        let answers = join_all(open.iter().map(|region| rollout::testimony(&core, region, incarnation))).await;
        let mut silent = BTreeSet::new();
        let mut reasons = Vec::new();
        for (region, answer) in open.into_iter().zip(answers) {
            match answer {
                Ok(testimony) => _ = heard.insert(region.clone(), testimony),
                Err(reason) => {
                    silent.insert(region.clone());
                    reasons.push(format!("{region}: {reason}"));
                }
            }
        }
        if silent.is_empty() {
            let command = multiregion::restore::recover(&view, heard.values(), now(), &mut core.ids());
            match core.execute(command).await {
                Ok(_) => {
                    let regions: Vec<&str> = heard.keys().map(RegionName::as_str).collect();
                    info!(incarnation, asked = %regions.join(", "), "the restored region takes part in rollouts again");
                    continue;
                }
                Err(failure) => warn!(%failure, "what this region had said is known and not committed yet"),
            }
        } else if silent != told {
            warn!(
                reasons = %reasons.join("; "),
                "this region was restored and must hear what it had told the others before it takes part in rollouts again. A region that is gone \
                 for good is not waited for after `server force-leave` of its servers and `job rollout exclude` in the jobs that list it"
            );
            told = silent;
        }
        tokio::time::sleep(ASK_AGAIN_AFTER).await;
    }
}

/// All regions of the pool that have not left it, and those that the region's own rollouts name.
fn witnesses(core: &Core) -> BTreeSet<RegionName> {
    let mut regions = multiregion::restore::witnesses(&core.view());
    let members = core.pool.members();
    let present = members.iter().filter(|member| member.status != Status::Left).map(|member| member.meta.region.clone());
    regions.extend(present.filter(|region| *region != core.region));
    regions
}
