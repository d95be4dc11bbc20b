//! Rollouts: one change of one job over an ordered list of regions.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::{DeploymentId, Job, JobId, JobKey, MultiregionStrategy, Namespace, Phase, RegionName, RolloutKind, Uuid};

/// One Raft cluster. Two clusters with one name and different uuids refuse each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RegionId {
    pub name: RegionName,
    /// Made when the region is first bootstrapped.
    pub cluster: Uuid,
}

/// Names a rollout in all regions; older ones are smaller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RolloutId {
    /// 1 + the largest that the origin had seen for any job.
    pub lamport: u64,
    pub origin: RegionName,
    pub uuid: Uuid,
}

impl RolloutId {
    /// Names the rollout among one author's records. The region is left out: the rest is enough.
    pub fn record_key(&self) -> Vec<u8> {
        let mut key = self.lamport.to_be_bytes().to_vec();
        key.extend_from_slice(self.uuid.as_bytes());
        key
    }
}

impl fmt::Display for RolloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.lamport, self.origin, self.uuid)
    }
}

/// What a rollout is; written by its origin, never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutHeader {
    pub id: RolloutId,
    pub namespace: Namespace,
    pub job_id: JobId,
    /// The rollout that this one replaces.
    pub base: Option<RolloutId>,
    pub kind: RolloutKind,
    /// The same in all regions.
    pub job_version: u64,
    /// SHA-256 of the source specification, in hex; empty for kind stop.
    pub spec_hash: String,
    /// In the order of the job's list.
    pub regions: Vec<RegionName>,
    /// Regions of `base` that are not in `regions`.
    pub dropped: Vec<RegionName>,
    /// Regions that could not be asked and adopt when they return.
    pub deferred: Vec<RegionName>,
    pub strategy: MultiregionStrategy,
    /// Who asked for it.
    pub author: String,
    /// Unix nanoseconds at the origin, for people.
    pub submit_time: i64,
}

impl RolloutHeader {
    pub fn job_key(&self) -> JobKey {
        JobKey { namespace: self.namespace.clone(), id: self.job_id.clone() }
    }

    /// Regions that must vote and adopt: the listed ones and the dropped ones, without the deferred.
    pub fn participants(&self) -> impl Iterator<Item = &RegionName> {
        self.everybody().filter(|region| !self.deferred.contains(region))
    }

    /// Whether a region has to do with it.
    pub fn concerns(&self, region: &RegionName) -> bool {
        self.everybody().any(|known| known == region)
    }

    /// Every region that has to do with it, in the order of the list, dropped ones last.
    pub fn everybody(&self) -> impl Iterator<Item = &RegionName> {
        self.regions.iter().chain(&self.dropped)
    }
}

/// What people asserted about a rollout, in whatever region. It only grows, so copies of it are put together without asking who is newer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// Each of these has done its part for the order: nobody waits for its turn to end.
    pub released: BTreeSet<RegionName>,
    /// These take no part: nobody waits for them, and what they do counts for nobody else.
    pub excluded: BTreeSet<RegionName>,
    /// Wherever the rollout has not ended, it fails.
    pub aborted: bool,
}

impl Overrides {
    pub fn is_empty(&self) -> bool {
        self.released.is_empty() && self.excluded.is_empty() && !self.aborted
    }

    /// Takes over what is new in `other`; says whether anything was.
    pub fn merge(&mut self, other: &Self) -> bool {
        let before = (self.released.len(), self.excluded.len(), self.aborted);
        self.released.extend(other.released.iter().cloned());
        self.excluded.extend(other.excluded.iter().cloned());
        self.aborted |= other.aborted;
        before != (self.released.len(), self.excluded.len(), self.aborted)
    }
}

/// [`Overrides`] as they travel: a bit for each region, in the order of [`RolloutHeader::everybody`], because a record has to fit into a
/// datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideBits {
    pub released: u64,
    pub excluded: u64,
    pub aborted: bool,
}

impl OverrideBits {
    /// Regions behind this one in the list have no bit.
    pub const REGIONS_MAX: usize = 64;

    pub fn new(overrides: &Overrides, header: &RolloutHeader) -> Self {
        let bits = |set: &BTreeSet<RegionName>| {
            let regions = header.everybody().take(Self::REGIONS_MAX).enumerate();
            regions.filter(|(_, region)| set.contains(*region)).fold(0, |bits, (at, _)| bits | 1 << at)
        };
        Self { released: bits(&overrides.released), excluded: bits(&overrides.excluded), aborted: overrides.aborted }
    }

    pub fn overrides(&self, header: &RolloutHeader) -> Overrides {
        let regions = |bits: u64| {
            let regions = header.everybody().take(Self::REGIONS_MAX).enumerate();
            regions.filter(|(at, _)| bits >> at & 1 == 1).map(|(_, region)| region.clone()).collect()
        };
        Overrides { released: regions(self.released), excluded: regions(self.excluded), aborted: self.aborted }
    }
}

/// Where a rollout stands in this region; part of the region's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    pub header: Arc<RolloutHeader>,
    pub phase: Phase,
    /// The phase to which `resume` returns, while paused.
    pub resume_to: Option<Phase>,
    /// Why the phase is what it is, in words; empty when there is nothing to say.
    pub cause: String,
    /// The region that caused it; empty when it was this one.
    pub cause_region: RegionName,
    /// An operator forced the last step.
    pub forced: bool,
    /// Nil before adoption.
    pub deployment_id: DeploymentId,
    /// The source specification, as submitted; `None` for kind stop.
    pub source: Option<Arc<Job>>,
    /// What people asserted here, and what this region has heard that they asserted elsewhere.
    pub overrides: Overrides,
    pub create_index: u64,
    /// Raft index of the last change: `seq` of the record.
    pub modify_index: u64,
    /// Unix nanoseconds of the last change.
    pub modify_time: i64,
}

impl Rollout {
    /// As it is from the vote on, until it is decided.
    pub fn voted(header: Arc<RolloutHeader>, source: Option<Arc<Job>>, index: u64, time: i64) -> Self {
        Self {
            header,
            phase: Phase::Voted,
            resume_to: None,
            cause: String::new(),
            cause_region: RegionName::default(),
            forced: false,
            deployment_id: DeploymentId::NIL,
            source,
            overrides: Overrides::default(),
            create_index: index,
            modify_index: index,
            modify_time: time,
        }
    }
}

/// What one region publishes about itself in one rollout. Written by that region alone; everybody else holds copies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionRecord {
    pub rollout: RolloutId,
    pub namespace: Namespace,
    pub job_id: JobId,
    pub region: RegionId,
    pub phase: Phase,
    pub cause: String,
    pub cause_region: RegionName,
    pub forced: bool,
    /// What people asserted, as far as this region knows.
    pub overrides: OverrideBits,
    /// Some region could not be asked and joins late: whoever does not know the rollout asks for it.
    pub has_deferred: bool,
    pub deployment_id: DeploymentId,
    pub job_version: u64,
    /// Grows only when the region is restored or bootstrapped again.
    pub incarnation: u64,
    /// Raft index of the record's last change.
    pub seq: u64,
    /// For display: allocations wanted, placed and healthy.
    pub desired: u32,
    pub placed: u32,
    pub healthy: u32,
}

impl RegionRecord {
    /// Version of the bytes of a record. A newer one only appends fields.
    pub const VERSION: u16 = 1;

    /// The bytes that are published.
    ///
    /// # Errors
    ///
    /// It has no bytes: a text is longer than memory.
    pub fn to_bytes(&self) -> Result<Vec<u8>, codec::Error> {
        codec::encode(codec::Kind::GossipRecord, Self::VERSION, self)
    }

    /// Reads what a server of any version published: fields that are not known here are skipped.
    ///
    /// # Errors
    ///
    /// It is damaged, or of a phase that is not known here. Then the region counts as one of which nothing new was heard, which enables
    /// nothing.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, codec::Error> {
        let (_, body) = codec::unwrap(codec::Kind::GossipRecord, u16::MAX, bytes)?;
        codec::from_longer_body(body)
    }

    /// Newest wins.
    pub fn freshness(&self) -> (u64, u64) {
        (self.incarnation, self.seq)
    }
}

/// What one region tells about another one that was restored from a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Testimony {
    /// What the restored region had published, as far as it came here.
    pub records: Vec<RegionRecord>,
    /// The rollouts here that concern it.
    pub rollouts: Vec<Witnessed>,
    /// The largest rollout number that was seen here.
    pub lamport: u64,
}

/// A rollout in the state of the region that tells of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Witnessed {
    pub header: Arc<RolloutHeader>,
    pub source: Option<Arc<Job>>,
    pub phase: Phase,
    pub forced: bool,
    pub cause_region: RegionName,
    pub overrides: Overrides,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> RegionRecord {
        RegionRecord {
            rollout: RolloutId { lamport: 3, origin: "west".into(), uuid: Uuid::from_u128(5) },
            namespace: "default".into(),
            job_id: "web".into(),
            region: RegionId { name: "east".into(), cluster: Uuid::from_u128(6) },
            phase: Phase::Running,
            cause: "why".to_owned(),
            cause_region: "west".into(),
            forced: false,
            overrides: OverrideBits::default(),
            has_deferred: false,
            deployment_id: DeploymentId::NIL,
            job_version: 4,
            incarnation: 1,
            seq: 70,
            desired: 3,
            placed: 2,
            healthy: 1,
        }
    }

    /// A server of a later version says more: what is known here is read all the same. A phase that is not known here is not guessed.
    #[test]
    fn records_of_other_versions() {
        let record = record();
        let bytes = record.to_bytes().unwrap();
        assert_eq!(RegionRecord::from_bytes(&bytes).unwrap(), record);
        let body = codec::to_body(&record).unwrap();
        let longer = codec::wrap(codec::Kind::GossipRecord, RegionRecord::VERSION + 1, &[&body[..], b"and more"].concat());
        assert_eq!(RegionRecord::from_bytes(&longer).unwrap(), record);
        for length in 0..body.len() {
            let shorter = codec::wrap(codec::Kind::GossipRecord, RegionRecord::VERSION, &body[..length]);
            assert!(RegionRecord::from_bytes(&shorter).is_err(), "{length}");
        }
        // Two records that differ in nothing but the phase show where it stands.
        let other = codec::to_body(&RegionRecord { phase: Phase::Blocked, ..record }).unwrap();
        let at = body.iter().zip(&other).position(|(one, other)| one != other).unwrap();
        let mut unknown = body;
        unknown[at] = 200;
        assert!(RegionRecord::from_bytes(&codec::wrap(codec::Kind::GossipRecord, RegionRecord::VERSION + 1, &unknown)).is_err());
    }
}
