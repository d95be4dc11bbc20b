//! What a region publishes about itself, and what is known of the others.

use std::collections::BTreeMap;
use std::ops::Bound;

use model::{Deployment, OverrideBits, Overrides, RegionId, RegionName, RegionRecord, Rollout, RolloutHeader, RolloutId};
use state::Store;

use crate::guard::Phases;

/// The newest records of other regions, by rollout and region.
#[derive(Clone, Debug, Default)]
pub struct Records(BTreeMap<RolloutId, BTreeMap<RegionName, RegionRecord>>);

impl Records {
    /// Takes a record over unless an equal or fresher one is known; says whether it was news.
    pub fn put(&mut self, record: RegionRecord) -> bool {
        let known = self.0.entry(record.rollout.clone()).or_default();
        match known.get(&record.region.name) {
            Some(old) if old.freshness() >= record.freshness() => false,
            _ => {
                known.insert(record.region.name.clone(), record);
                true
            }
        }
    }

    pub fn get(&self, rollout: &RolloutId, region: &RegionName) -> Option<&RegionRecord> {
        self.0.get(rollout)?.get(region)
    }

    pub fn of(&self, rollout: &RolloutId) -> impl Iterator<Item = &RegionRecord> {
        self.0.get(rollout).into_iter().flat_map(BTreeMap::values)
    }

    /// Everything that is known.
    pub fn all(&self) -> impl Iterator<Item = &RegionRecord> {
        self.0.values().flat_map(BTreeMap::values)
    }

    /// What people asserted about a rollout: `own`, which is known here, and what others published.
    pub fn overrides(&self, header: &RolloutHeader, own: &Overrides) -> Overrides {
        let mut all = own.clone();
        for record in self.of(&header.id) {
            all.merge(&record.overrides.overrides(header));
        }
        all
    }

    /// Whether a region is known to have adopted a later rollout of the job.
    pub fn has_later(&self, header: &RolloutHeader) -> bool {
        let later = self.0.range((Bound::Excluded(&header.id), Bound::Unbounded)).flat_map(|(_, known)| known.values());
        let is_of_job = |record: &RegionRecord| record.job_id == header.job_id && record.namespace == header.namespace;
        later.into_iter().any(|record| record.phase.is_adopted() && is_of_job(record))
    }

    pub fn forget(&mut self, rollout: &RolloutId) {
        self.0.remove(rollout);
    }

    /// The others' phases in a rollout, without what a region said before it was restored.
    pub fn phases(&self, view: &Store, rollout: &RolloutId) -> Phases {
        let counts = |record: &&RegionRecord| view.heeds(&record.region.name, record.incarnation);
        self.of(rollout).filter(counts).map(|record| (record.region.name.clone(), record.phase)).collect()
    }
}

/// What this region has to say, derived from its committed state alone: every server of the region derives the same.
pub fn own_records(view: &Store) -> Vec<RegionRecord> {
    view.rollouts().map(|rollout| own_record(view, rollout)).collect()
}

/// What this region has to say about one rollout.
pub fn own_record(view: &Store, rollout: &Rollout) -> RegionRecord {
    let identity = view.identity();
    let deployment = view.deployment(rollout.deployment_id);
    let total = |count: fn(&model::DeploymentState) -> i64| {
        deployment.map_or(0, |deployment| deployment.task_groups.values().map(count).sum::<i64>()).try_into().unwrap_or(0)
    };
    RegionRecord {
        rollout: rollout.header.id.clone(),
        namespace: rollout.header.namespace.clone(),
        job_id: rollout.header.job_id.clone(),
        region: RegionId { name: identity.region.clone(), cluster: identity.cluster },
        phase: rollout.phase,
        cause: shortened(&rollout.cause),
        cause_region: rollout.cause_region.clone(),
        forced: rollout.forced,
        overrides: OverrideBits::new(&rollout.overrides, &rollout.header),
        has_deferred: !rollout.header.deferred.is_empty(),
        deployment_id: rollout.deployment_id,
        job_version: rollout.header.job_version,
        incarnation: identity.incarnation,
        seq: own_seq(view, rollout),
        desired: total(|state| state.desired_total),
        placed: total(|state| state.placed_allocs),
        healthy: total(|state| state.healthy_allocs),
    }
}

/// `seq` of [`own_record`], without making the record.
pub fn own_seq(view: &Store, rollout: &Rollout) -> u64 {
    seq(rollout, view.deployment(rollout.deployment_id).map(|deployment| &**deployment))
}

/// Index of the last change that the record shows. When the rollout has ended here, its counters change nothing any more; and the deployment
/// may be collected, which must not make the record look older than it was.
fn seq(rollout: &Rollout, deployment: Option<&Deployment>) -> u64 {
    let of_deployment = deployment.filter(|_| !rollout.phase.is_terminal()).map_or(0, |deployment| deployment.modify_index);
    rollout.modify_index.max(of_deployment)
}

/// A record travels in one datagram.
fn shortened(cause: &str) -> String {
    const BYTES_MAX: usize = 200;
    if cause.len() <= BYTES_MAX {
        return cause.to_owned();
    }
    format!("{}…", &cause[..cause.floor_char_boundary(BYTES_MAX)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Phase, Uuid};

    /// Newest wins, whatever the order of arrival; equal ones are no news.
    #[test]
    fn freshness() {
        let record = |incarnation, seq, phase| RegionRecord {
            rollout: RolloutId { lamport: 1, origin: "a".into(), uuid: Uuid::nil() },
            namespace: "default".into(),
            job_id: "web".into(),
            region: RegionId { name: "a".into(), cluster: Uuid::nil() },
            phase,
            cause: String::new(),
            cause_region: RegionName::default(),
            forced: false,
            overrides: Default::default(),
            has_deferred: false,
            deployment_id: Default::default(),
            job_version: 0,
            incarnation,
            seq,
            desired: 0,
            placed: 0,
            healthy: 0,
        };
        let mut records = Records::default();
        for (incarnation, seq, phase, news) in [
            (1, 5, Phase::Adopted, true),
            (1, 5, Phase::Running, false),
            (1, 4, Phase::Voted, false),
            (1, 9, Phase::Running, true),
            (2, 1, Phase::Failed, true),
            (1, 99, Phase::Successful, false),
        ] {
            assert_eq!(records.put(record(incarnation, seq, phase)), news, "{incarnation} {seq}");
        }
        let id = RolloutId { lamport: 1, origin: "a".into(), uuid: Uuid::nil() };
        assert_eq!(records.phases(&Store::default(), &id)[&RegionName::from("a")], Phase::Failed);
    }
}
