//! What this server knows beyond who is alive: descriptions, farewells, records, and which cluster owns a region's name.
//!
//! Merging is the same for everything, however it arrived: the newer version wins, nothing is merged twice, and what claims the name of a
//! region that another cluster owns is refused. The first cluster that is known under a name owns it, here, for as long as any of its
//! servers is known; for the own region's name it is the own cluster.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use model::{RegionId, RegionName, Uuid};

use crate::broadcast::Broadcast;
use crate::error::who;
use crate::member::{Farewell, MemberMeta, MetaRecord, MetaVersion};
use crate::record::{Item, Record};
use crate::suspicion::{Accusation, Accusations};
use crate::table::{Merged, RecordTable};

/// Against a member that invents others without end.
const MAX_METAS: usize = 10_000;

/// A description may arrive before its member is known; without the member it goes after this.
const META_WITHOUT_MEMBER: Duration = Duration::from_secs(300);

/// Somebody was not let in.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) node: Uuid,
    pub(crate) who: String,
    pub(crate) reason: String,
}

/// What has changed since it was last taken.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) nodes: BTreeSet<Uuid>,
    pub(crate) records: Vec<Record>,
    pub(crate) forgotten: Vec<(RegionId, Vec<u8>)>,
    pub(crate) refusals: Vec<Refusal>,
    /// Of this server.
    pub(crate) accusations: Vec<Accusation>,
}

struct Known {
    record: MetaRecord,
    heard: Duration,
}

pub(crate) struct Knowledge {
    own: MetaRecord,
    /// Of the others.
    metas: BTreeMap<Uuid, Known>,
    farewells: BTreeMap<Uuid, Farewell>,
    /// Of other servers' regions.
    clusters: BTreeMap<RegionName, Uuid>,
    /// Members with the claim for which they are refused.
    refused: BTreeMap<Uuid, RegionId>,
    pub(crate) records: RecordTable,
    pub(crate) accusations: Accusations,
    /// More accusers than this of one member change nothing.
    confirmations: usize,
    pub(crate) news: News,
    pub(crate) now: Duration,
}

impl Knowledge {
    pub(crate) fn new(own: MetaRecord, confirmations: usize) -> Self {
        Self {
            own,
            metas: BTreeMap::new(),
            farewells: BTreeMap::new(),
            clusters: BTreeMap::new(),
            refused: BTreeMap::new(),
            records: RecordTable::default(),
            accusations: Accusations::default(),
            confirmations,
            news: News::default(),
            now: Duration::ZERO,
        }
    }

    pub(crate) fn own(&self) -> &MetaRecord {
        &self.own
    }

    /// The cluster of the own region, nil before it is bootstrapped.
    pub(crate) fn own_cluster(&self) -> Uuid {
        self.own.meta.cluster_id
    }

    /// The next version of what this server says about itself. Members that cannot stand beside it are refused from now on.
    pub(crate) fn set_own(&mut self, meta: MemberMeta) -> MetaRecord {
        self.own.meta = meta;
        self.own.version.change += 1;
        let claims: Vec<MetaRecord> = self.metas.values().map(|known| known.record.clone()).collect();
        for claim in claims {
            let id = RegionId { name: claim.meta.region.clone(), cluster: claim.meta.cluster_id };
            // A refusal is remembered and told; there is nobody to answer.
            let _ = self.admit(claim.node, &id, Some(&claim.meta.full_name()), claim.meta.gossip_address);
        }
        let region = self.own.meta.region.clone();
        self.drop_foreign_records(&region);
        self.own.clone()
    }

    /// Others hold a newer version of this server's description than it has itself: its disk was restored, or its clock was set back. The
    /// description must still be the newest. `true` if it had to be raised.
    pub(crate) fn outbid(&mut self, theirs: MetaVersion) -> bool {
        let outdated = theirs > self.own.version;
        if outdated {
            self.own.version = MetaVersion { generation: theirs.generation, change: theirs.change.saturating_add(1) };
        }
        outdated
    }

    /// Whether it is this server's own word about itself.
    pub(crate) fn is_own(&self, broadcast: &Broadcast) -> bool {
        match broadcast {
            Broadcast::Meta(record) => record.node == self.own.node,
            Broadcast::Farewell { node, .. } => *node == self.own.node,
            Broadcast::Item(_) | Broadcast::Accusation(_) => false,
        }
    }

    /// `true` when it was news and should be told to others.
    pub(crate) fn merge(&mut self, broadcast: Broadcast) -> bool {
        match broadcast {
            Broadcast::Meta(record) => self.merge_meta(record),
            Broadcast::Farewell { node, farewell } => self.merge_farewell(node, farewell),
            Broadcast::Item(item) => self.merge_item(item),
            Broadcast::Accusation(accusation) => self.merge_accusation(accusation),
        }
    }

    pub(crate) fn merge_meta(&mut self, record: MetaRecord) -> bool {
        if record.node == self.own.node || record.node.is_nil() || record.meta.check().is_err() {
            return false;
        }
        let claim = RegionId { name: record.meta.region.clone(), cluster: record.meta.cluster_id };
        if self.admit(record.node, &claim, Some(&record.meta.full_name()), record.meta.gossip_address).is_err() {
            return false;
        }
        let known = self.metas.get(&record.node);
        if known.is_some_and(|known| known.record.version >= record.version) || (known.is_none() && self.metas.len() >= MAX_METAS) {
            return false;
        }
        if self.refused.remove(&record.node).is_some() {
            self.news.nodes.insert(record.node);
        }
        let own_name = claim.name == self.own.meta.region && !self.own_cluster().is_nil();
        if !claim.cluster.is_nil() && !own_name {
            self.clusters.entry(claim.name.clone()).or_insert(claim.cluster);
            self.drop_foreign_records(&claim.name);
        }
        self.news.nodes.insert(record.node);
        self.metas.insert(record.node, Known { record, heard: self.now });
        true
    }

    pub(crate) fn merge_farewell(&mut self, node: Uuid, farewell: Farewell) -> bool {
        let known = node != self.own.node && self.metas.contains_key(&node);
        if !known || self.farewells.get(&node).is_some_and(|before| *before >= farewell) {
            return false;
        }
        self.farewells.insert(node, farewell);
        self.news.nodes.insert(node);
        true
    }

    pub(crate) fn merge_item(&mut self, item: Item) -> bool {
        let author = item.author.clone();
        if let Some(known) = self.conflict(&author) {
            let reason = self.foreign_words(&format!("a record of region \"{}\"", author.name), &author, known);
            self.news.refusals.push(Refusal { node: author.cluster, who: format!("region {}", author.name), reason });
            return false;
        }
        self.drop_foreign_records(&author.name);
        let record = item.clone().into_record();
        let key = item.key.clone();
        match self.records.merge(item, self.now) {
            Merged::New => self.news.records.extend(record),
            Merged::Gone => self.news.forgotten.push((author, key)),
            Merged::Noted => {}
            Merged::Stale | Merged::Refused => return false,
        }
        true
    }

    /// From members only: one cannot make up accusers to hasten somebody's end.
    fn merge_accusation(&mut self, accusation: Accusation) -> bool {
        let own = self.own.node;
        let is_known = |node: Uuid| node == own || self.metas.contains_key(&node);
        if !is_known(accusation.accuser) || !is_known(accusation.suspect) || accusation.accuser == accusation.suspect {
            return false;
        }
        if accusation.suspect == own {
            self.news.accusations.push(accusation);
            return false;
        }
        self.accusations.add(&accusation, self.confirmations, self.now)
    }

    /// Whether a server with this claim may be a member. A refusal is remembered, told, and returned in words.
    pub(crate) fn admit(&mut self, node: Uuid, claim: &RegionId, name: Option<&str>, address: SocketAddr) -> Result<(), String> {
        let Some(known) = self.conflict(claim) else { return Ok(()) };
        let full_name = name.map(str::to_owned).or_else(|| self.metas.get(&node).map(|known| known.record.meta.full_name()));
        let who = who(full_name.as_deref(), address);
        let reason = self.foreign_words(&format!("region \"{}\" of {who}", claim.name), claim, known);
        self.refused.insert(node, claim.clone());
        self.news.nodes.insert(node);
        self.news.refusals.push(Refusal { node, who, reason: reason.clone() });
        Err(reason)
    }

    /// The cluster that owns the claimed name, if it is another one.
    pub(crate) fn conflict(&self, claim: &RegionId) -> Option<Uuid> {
        if claim.cluster.is_nil() {
            return None;
        }
        self.cluster_of(&claim.name).filter(|known| *known != claim.cluster)
    }

    /// The cluster that owns a region's name, as far as it is known.
    pub(crate) fn cluster_of(&self, region: &RegionName) -> Option<Uuid> {
        let own = self.own.meta.region == *region && !self.own_cluster().is_nil();
        if own { Some(self.own_cluster()) } else { self.clusters.get(region).copied() }
    }

    /// What a person needs to understand and to end the conflict.
    fn foreign_words(&self, what: &str, claim: &RegionId, known: Uuid) -> String {
        let region = &claim.name;
        let whose = if self.own.meta.region == *region { "ours" } else { "the one known in this pool" };
        format!(
            "{what} belongs to another cluster (uuid {}, {whose} is {known}): two clusters cannot share the name of a region in one pool. \
             Give one of them another `region` in its configuration, or, if the servers of one are gone for good, remove each of them with \
             `steppe server force-leave -prune NAME.{region}` and join again",
            claim.cluster
        )
    }

    /// Once it is known who owns a name, records of another cluster are copies of nobody's word.
    fn drop_foreign_records(&mut self, region: &RegionName) {
        let owner = self.cluster_of(region);
        if owner.is_some() && self.records.cluster_of(region).is_some_and(|cluster| Some(cluster) != owner) {
            self.news.forgotten.extend(self.records.drop_author(region));
        }
    }

    pub(crate) fn meta(&self, node: Uuid) -> Option<&MetaRecord> {
        self.metas.get(&node).map(|known| &known.record)
    }

    /// The version known of a server's description; zero when none is.
    pub(crate) fn version(&self, node: Uuid) -> MetaVersion {
        if node == self.own.node { self.own.version } else { self.meta(node).map(|record| record.version).unwrap_or_default() }
    }

    pub(crate) fn farewell(&self, node: Uuid) -> Option<Farewell> {
        self.farewells.get(&node).copied()
    }

    pub(crate) fn is_refused(&self, node: Uuid) -> bool {
        self.refused.contains_key(&node)
    }

    /// A refused server speaks for a region again to which nothing is to be said against.
    pub(crate) fn readmit(&mut self, node: Uuid) {
        if self.refused.remove(&node).is_some() {
            self.news.nodes.insert(node);
        }
    }

    /// Everything about a member that is no longer remembered.
    pub(crate) fn remove_member(&mut self, node: Uuid) {
        self.metas.remove(&node);
        self.farewells.remove(&node);
        self.refused.remove(&node);
        self.news.nodes.insert(node);
    }

    /// Drops forgotten records whose time is over. Often: members that do so at different times would give them back to each other.
    pub(crate) fn expire(&mut self) {
        self.records.expire(self.now);
    }

    /// Drops what is too old, and claims that nobody makes any more.
    pub(crate) fn tidy(&mut self, is_member: impl Fn(Uuid) -> bool) {
        self.accusations.tidy(self.now);
        let now = self.now;
        self.metas.retain(|node, known| is_member(*node) || now.saturating_sub(known.heard) < META_WITHOUT_MEMBER);
        self.farewells.retain(|node, _| self.metas.contains_key(node));
        let pruned = |node: &Uuid, record: &MetaRecord| {
            self.farewells.get(node).is_some_and(|farewell| farewell.prune && farewell.generation >= record.version.generation)
        };
        let claims: HashSet<(&RegionName, Uuid)> = self
            .metas
            .iter()
            .filter(|(node, known)| !pruned(node, &known.record) && !self.refused.contains_key(*node))
            .map(|(_, known)| (&known.record.meta.region, known.record.meta.cluster_id))
            .collect();
        self.clusters.retain(|region, cluster| claims.contains(&(region, *cluster)));
        let acquitted: Vec<Uuid> = self.refused.iter().filter(|(_, claim)| self.conflict(claim).is_none()).map(|(node, _)| *node).collect();
        acquitted.into_iter().for_each(|node| self.readmit(node));
    }
}
