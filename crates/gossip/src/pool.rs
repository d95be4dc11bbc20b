//! Who is there: foca's view and the descriptions, put together into what is shown.
//!
//! Always recomputed from the two, never patched by events: an event only says which node to look at.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use model::Uuid;

use crate::hash;
use crate::identity::ServerIdentity;
use crate::io::Output;
use crate::machine::{Gossip, Phase};
use crate::member::{Member, Status};
use crate::roster::Presence;
use crate::sync::{MAX_MEMBER_LINES, MemberLine};

/// How many rounds of consequences one change may have: a refusal makes a member down, which uncovers a name, and that is all.
const MAX_ROUNDS: usize = 8;

/// Hearsay that a member is down. It gets the time to defend itself that it would get after a probe that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubt {
    generation: u64,
    incarnation: u16,
    until: Duration,
}

/// In a pool that was split, half of it is hearsay; asking a few at a time is enough.
const MAX_DOUBTS: usize = 8;

impl Gossip {
    /// Brings presence and views of dirty nodes up to date and tells what has changed.
    pub(crate) fn refresh(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let news = self.with(|knowledge| std::mem::take(&mut knowledge.news.nodes));
            self.dirty.extend(news);
            if self.dirty.is_empty() {
                return;
            }
            let nodes = std::mem::take(&mut self.dirty);
            let expelled = self.update_presence(&nodes);
            for node in nodes {
                self.update_view(node);
            }
            if !expelled.is_empty() {
                // Here only: every member judges for itself, and the word of one must not make a member down for all.
                let down = expelled.into_iter().map(foca::Member::down);
                self.swim(|foca, effects| foca.apply_many(down, false, effects));
            }
        }
    }

    /// Returns members that must not be active: refused ones, and ones whose address another server has taken over.
    fn update_presence(&mut self, nodes: &BTreeSet<Uuid>) -> Vec<ServerIdentity> {
        let own = self.own_node();
        let mut states: BTreeMap<Uuid, (ServerIdentity, bool)> = BTreeMap::new();
        for member in self.foca.iter_membership_state().filter(|member| nodes.contains(&member.id().node)) {
            states.insert(member.id().node, (member.id().clone(), member.state() != foca::State::Down));
        }
        let mut expelled = Vec::new();
        for node in nodes.iter().filter(|node| **node != own) {
            let Some((identity, active)) = states.remove(node) else {
                self.presence.remove(*node);
                self.peers_outdated = true;
                continue;
            };
            let since = match self.presence.get(*node) {
                Some(before) if before.active == active && before.identity == identity => before.since,
                _ if active => self.now,
                _ => self.down_since.remove(node).unwrap_or(self.now),
            };
            if active {
                if self.with(|knowledge| knowledge.is_refused(*node)) {
                    expelled.push(identity.clone());
                }
                expelled.extend(self.older_at_address(&identity));
            }
            self.peers_outdated = true;
            self.metas_may_be_missing |= active;
            self.presence.insert(Presence { identity, active, since });
        }
        self.down_since.clear();
        expelled
    }

    /// Of two active servers at one address, the one that was started earlier cannot be there any more.
    fn older_at_address(&mut self, identity: &ServerIdentity) -> Option<ServerIdentity> {
        let own = self.foca.identity().clone();
        let others = self.presence.active_at(identity.address).chain([&own].into_iter().filter(|own| own.address == identity.address));
        let rival = others.into_iter().find(|other| other.node != identity.node)?.clone();
        let (older, newer) = if rival.generation < identity.generation { (rival, identity.clone()) } else { (identity.clone(), rival) };
        self.notice(format!(
            "two servers advertise the address {}: {} of region {} and, started later, {} of region {}; the earlier one is taken for gone",
            older.address, older.node, older.region, newer.node, newer.region
        ));
        (older != own).then_some(older)
    }

    fn update_view(&mut self, node: Uuid) {
        self.fingerprint.set(node, self.fingerprint_of(node));
        let view = self.view(node);
        let before = self.shown.get(node);
        let unchanged = match (&view, before) {
            (Some(view), Some(before)) => Member { since: before.since, ..view.clone() } == *before,
            (None, None) => true,
            _ => false,
        };
        if unchanged {
            return;
        }
        self.remember_soon(view.as_ref().map(|view| &view.identity));
        let Some(view) = view else {
            if let Some(removed) = self.shown.remove(node) {
                self.outputs.push_back(Output::MemberRemoved(Box::new(removed)));
            }
            return;
        };
        if view.status == Status::Left {
            self.seeds.remove(&view.identity.address);
        }
        if view.status.is_active() {
            self.name_taken(&view);
        }
        self.absent.remove(&node);
        self.shown.insert(view.clone());
        self.outputs.push_back(Output::MemberChanged(Box::new(view)));
    }

    /// A server that starts anew with an empty disk replaces its dead self; two living ones with one name are an operator's mistake.
    fn name_taken(&mut self, view: &Member) {
        let rivals: Vec<Member> = self.shown.namesakes(view.identity.node, &view.meta).cloned().collect();
        for rival in rivals {
            if rival.status.is_active() {
                let (first, second) =
                    (rival.identity.address.min(view.identity.address), rival.identity.address.max(view.identity.address));
                self.notice(format!(
                    "two servers call themselves {}, at {first} and {second}: give one of them another name",
                    view.full_name()
                ));
            }
            self.dirty.insert(rival.identity.node);
        }
    }

    fn view(&self, node: Uuid) -> Option<Member> {
        if node == self.own_node() {
            return Some(self.own_view());
        }
        let presence = self.presence.get(node)?;
        let (record, farewell, refused) =
            self.with(|knowledge| (knowledge.meta(node).cloned(), knowledge.farewell(node), knowledge.is_refused(node)));
        let record = record.filter(|_| !refused)?;
        let farewell = farewell.filter(|farewell| farewell.generation >= presence.identity.generation);
        let status = match (presence.active, farewell) {
            (true, None) => Status::Alive,
            (true, Some(_)) => Status::Leaving,
            (false, Some(farewell)) if farewell.prune => return None,
            (false, Some(_)) => Status::Left,
            (false, None) => Status::Failed,
        };
        if !presence.active && self.shown.namesakes(node, &record.meta).any(|other| other.status.is_active()) {
            return None;
        }
        let identity = presence.identity.clone();
        Some(Member { identity, meta: record.meta, version: record.version, status, since: presence.since })
    }

    fn own_view(&self) -> Member {
        let record = self.with(|knowledge| knowledge.own().clone());
        let status = match self.phase {
            Phase::Running => Status::Alive,
            Phase::Leaving { .. } | Phase::Departed { .. } => Status::Leaving,
            Phase::Left => Status::Left,
        };
        Member { identity: self.foca.identity().clone(), meta: record.meta, version: record.version, status, since: self.now }
    }

    /// Whether a member will be remembered for a while yet; others are not compared with those of other members.
    fn is_kept(&self, presence: &Presence) -> bool {
        // Clocks differ a little; the last tenth is not worth an argument.
        presence.active || self.now.saturating_sub(presence.since) < self.config.remove_down_after.mul_f64(0.9)
    }

    /// Equal on two members that see the same servers in the same states with the same descriptions.
    pub(crate) fn fingerprint(&self) -> u64 {
        let soon_gone = self.presence.all_down().filter(|presence| !self.is_kept(presence));
        soon_gone.fold(self.fingerprint.total(), |sum, presence| sum.wrapping_sub(self.fingerprint.term(presence.identity.node)))
    }

    fn fingerprint_of(&self, node: Uuid) -> Option<u64> {
        let own = self.foca.identity();
        let (generation, active) = match self.presence.get(node) {
            _ if node == own.node => (own.generation, true),
            Some(presence) => (presence.identity.generation, presence.active),
            None => return None,
        };
        self.with(|knowledge| {
            if knowledge.is_refused(node) {
                return None;
            }
            let farewell = knowledge.farewell(node).filter(|farewell| farewell.generation >= generation);
            let farewell = farewell.map_or(0, |farewell| 1 + u64::from(farewell.prune));
            let version = knowledge.version(node);
            let parts = [generation, u64::from(active), version.generation, version.change, farewell];
            Some(parts.into_iter().fold(hash::bytes(node.as_bytes()), hash::with))
        })
    }

    /// Everybody as seen from here, this server first; without what the other side has just said itself.
    pub(crate) fn member_lines(&self, said: &[MemberLine]) -> Vec<MemberLine> {
        let said: HashMap<Uuid, &MemberLine> = said.iter().map(|line| (line.identity.node, line)).collect();
        let incarnations: HashMap<Uuid, u16> =
            self.foca.iter_membership_state().map(|member| (member.id().node, member.incarnation())).collect();
        self.with(|knowledge| {
            let line = |identity: &ServerIdentity, down_for_ms: Option<u64>| MemberLine {
                identity: identity.clone(),
                incarnation: incarnations.get(&identity.node).copied().unwrap_or_default(),
                down_for_ms,
                cluster: knowledge.meta(identity.node).map(|record| record.meta.cluster_id).unwrap_or_default(),
                version: knowledge.version(identity.node),
                farewell: knowledge.farewell(identity.node),
            };
            let mut own = line(self.foca.identity(), None);
            own.incarnation = 0;
            own.cluster = knowledge.own_cluster();
            own.farewell = matches!(self.phase, Phase::Leaving { .. }).then(|| self.own_farewell());
            let others = self.presence.values().filter(|presence| self.is_kept(presence) && !knowledge.is_refused(presence.identity.node));
            let others = others.map(|presence| {
                let down_for = || u64::try_from(self.now.saturating_sub(presence.since).as_millis()).unwrap_or(u64::MAX);
                line(&presence.identity, (!presence.active).then(down_for))
            });
            let news = others.filter(|line| said.get(&line.identity.node).is_none_or(|said| !line.says_the_same(said)));
            std::iter::once(own).chain(news.take(MAX_MEMBER_LINES)).collect()
        })
    }

    /// Another member could not reach this one. That is no proof, but a reason to ask: it is suspected, and if it hears of it, it says so.
    pub(crate) fn doubt(&mut self, identity: &ServerIdentity) {
        if self.doubts.contains_key(&identity.node) || self.doubts.len() >= MAX_DOUBTS {
            return;
        }
        let state = self.foca.iter_membership_state().find(|member| member.id() == identity && member.state() != foca::State::Down);
        let Some(incarnation) = state.map(foca::Member::incarnation) else { return };
        // At least two say so already: this server's informant and whoever gave the verdict.
        let (shortest, _) = self.config.suspicion(self.foca.num_members() + 1);
        let until = self.now.saturating_add(shortest * 2);
        self.doubts.insert(identity.node, Doubt { generation: identity.generation, incarnation, until });
        let suspect = foca::Member::new(identity.clone(), incarnation, foca::State::Suspect);
        self.swim(|foca, effects| foca.apply_many([suspect].into_iter(), true, effects));
    }

    /// Whoever has not defended itself in time is down.
    pub(crate) fn settle_doubts(&mut self) {
        let due: Vec<(Uuid, Doubt)> =
            self.doubts.iter().filter(|(_, doubt)| doubt.until <= self.now).map(|(node, doubt)| (*node, *doubt)).collect();
        for (node, doubt) in due {
            self.doubts.remove(&node);
            let silent = |member: &&foca::Member<ServerIdentity>| {
                let same = member.id().node == node && member.id().generation == doubt.generation;
                same && member.incarnation() == doubt.incarnation && member.state() == foca::State::Suspect
            };
            let member = self.foca.iter_membership_state().find(silent).cloned();
            if let Some(member) = member {
                let down = foca::Member::new(member.id().clone(), member.incarnation(), foca::State::Down);
                self.swim(|foca, effects| foca.apply_many([down].into_iter(), true, effects));
            }
        }
    }

    /// Members that have been down for long enough are forgotten, here and in foca.
    pub(crate) fn remove_long_down(&mut self) {
        let limit = self.config.remove_down_after;
        if !self.absent.is_empty() && self.now.saturating_sub(self.absent_since) >= limit {
            let absent = std::mem::take(&mut self.absent);
            for member in absent.values() {
                self.seeds.remove(&member.address);
            }
            self.remember_soon(None);
        }
        let is_over = |presence: &&Presence| self.now.saturating_sub(presence.since) >= limit;
        let gone: Vec<ServerIdentity> = self.presence.all_down().filter(is_over).map(|presence| presence.identity.clone()).collect();
        for identity in gone {
            self.seeds.remove(&identity.address);
            self.with(|knowledge| knowledge.remove_member(identity.node));
            self.dirty.insert(identity.node);
            self.swim(|foca, effects| foca.handle_timer(foca::Timer::RemoveDown(identity), effects));
        }
    }
}
