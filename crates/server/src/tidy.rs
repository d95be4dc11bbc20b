//! Forgetting what other regions said about rollouts that are long over.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{JobKey, RegionRecord, RolloutId};
use multiregion::Records;
use state::Store;

use crate::core::Core;

/// On every server, beside the leader's garbage collection: each member of the pool forgets on its own.
pub async fn run(core: Arc<Core>) {
    loop {
        tokio::time::sleep(core.config.gc_interval).await;
        let records = core.pool.records();
        let rollouts = outdated(&core.view(), &records, |record| core.pool.age(record), core.config.gc.rollout);
        if !rollouts.is_empty() {
            tracing::debug!(n = rollouts.len(), "forgetting records of rollouts that are long over");
            core.pool.forget(rollouts).await;
        }
    }
}

/// Rollouts that the region's state no longer has, and after which a later one of the job has been over everywhere for `threshold`
/// nanoseconds. `age`: since a record arrived.
fn outdated(view: &Store, records: &Records, age: impl Fn(&RegionRecord) -> i64, threshold: i64) -> Vec<RolloutId> {
    // By job and rollout, oldest first: whether it has been over for long.
    let mut by_job: BTreeMap<JobKey, BTreeMap<&RolloutId, bool>> = BTreeMap::new();
    for record in records.all() {
        let key = JobKey { namespace: record.namespace.clone(), id: record.job_id.clone() };
        let is_over = record.phase.is_terminal() && age(record) >= threshold;
        *by_job.entry(key).or_default().entry(&record.rollout).or_insert(true) &= is_over;
    }
    let mut outdated = Vec::new();
    for rollouts in by_job.into_values() {
        let Some(last_over) = rollouts.iter().rev().find(|(_, is_over)| **is_over).map(|(id, _)| *id) else { continue };
        outdated.extend(rollouts.into_keys().filter(|id| *id < last_over && view.rollout(id).is_none()).cloned());
    }
    outdated
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Phase, RegionId, Uuid};

    /// `1=failed/90`: rollout 1 ended so, said 90 ago; the threshold is 72.
    fn check(known: &str, want: &[u64]) {
        let mut records = Records::default();
        let mut ages = BTreeMap::new();
        for word in known.split_whitespace() {
            let (lamport, said) = word.split_once('=').expect("rollout=phase/age");
            let (phase, age) = said.split_once('/').expect("phase/age");
            let (lamport, age): (u64, i64) = (lamport.parse().expect("a number"), age.parse().expect("a number"));
            ages.insert(lamport, age);
            records.put(RegionRecord {
                rollout: RolloutId { lamport, origin: "east".into(), uuid: Uuid::nil() },
                namespace: "default".into(),
                job_id: "web".into(),
                region: RegionId { name: "east".into(), cluster: Uuid::from_u128(1) },
                phase: phase.parse::<Phase>().expect("a phase"),
                cause: String::new(),
                cause_region: Default::default(),
                forced: false,
                overrides: Default::default(),
                has_deferred: false,
                deployment_id: Default::default(),
                job_version: lamport,
                incarnation: 1,
                seq: lamport,
                desired: 0,
                placed: 0,
                healthy: 0,
            });
        }
        let got = outdated(&Store::default(), &records, |record| ages[&record.rollout.lamport], 72);
        let got: Vec<u64> = got.into_iter().map(|id| id.lamport).collect();
        assert_eq!(got, want, "{known}");
    }

    /// The last rollout of a job is kept, and those before it until it has been over for long.
    #[test]
    fn forgetting() {
        check("1=successful/900", &[]);
        check("1=failed/900 2=successful/72", &[1]);
        check("1=failed/900 2=successful/71", &[]);
        check("1=failed/900 2=running/900", &[]);
        check("1=failed/900 2=successful/80 3=running/10", &[1]);
        check("1=withdrawn/900 2=failed/800 3=successful/700", &[1, 2]);
    }
}
