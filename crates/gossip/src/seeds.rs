//! How a server finds the pool again: addresses it was told, or remembers from before it stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use model::RegionName;
use rand::seq::IteratorRandom;

use crate::identity::ServerIdentity;
use crate::io::Output;
use crate::machine::Gossip;
use crate::member::{Member, Status};
use crate::memory::Memory;

/// The remembered members are written at most this often, except when there is a region that is not among them.
const REMEMBER_INTERVAL: Duration = Duration::from_millis(500);
/// Seeds that one attempt of a lonely server announces itself to.
const ANNOUNCES: usize = 3;
const MAX_SEEDS: usize = 256;

impl Gossip {
    pub(crate) fn remembered(&mut self, members: Vec<ServerIdentity>) {
        let own = self.foca.identity().clone();
        let mut met: BTreeMap<RegionName, usize> = BTreeMap::new();
        let mut others: Vec<(usize, ServerIdentity)> = members
            .into_iter()
            .filter(|member| member.node != own.node && member.address != own.address && member.check().is_ok())
            .map(|member| {
                let number = met.entry(member.region.clone()).or_default();
                *number += 1;
                (*number, member)
            })
            .collect();
        // If there is no room for all, there is for some of every region.
        others.sort_by_key(|(number, _)| *number);
        let room = MAX_SEEDS.saturating_sub(self.seeds.len());
        self.absent.extend(others.into_iter().take(room).map(|(_, member)| (member.node, member)));
        self.absent_since = self.now;
        self.seeds.extend(self.absent.values().map(|member| member.address));
        self.agenda.seeds = Some(self.now);
    }

    pub(crate) fn add_seed(&mut self, address: SocketAddr) {
        if self.seeds.len() < MAX_SEEDS {
            self.seeds.insert(address);
        }
        if self.agenda.seeds.is_none() {
            self.agenda.seeds = Some(self.now.saturating_add(self.config.lost_seed_interval));
        }
    }

    pub(crate) fn try_seeds_soon(&mut self) {
        self.seed_attempts = 0;
        self.agenda.seeds = Some(self.now.saturating_add(self.config.seed_retry));
    }

    /// foca sends an announce once; on a bad link that is not enough, so a lonely server tries until it is not. One with company tries
    /// seeds that are not among it now and then: they may be the rest of a pool that was split while this server was down.
    pub(crate) fn try_seeds(&mut self) {
        let alone = self.foca.num_members() == 0;
        if alone {
            let failed = self.shown.values().filter(|member| member.status == Status::Failed).map(|member| member.identity.address);
            let candidates: BTreeSet<SocketAddr> = self.seeds.iter().copied().chain(failed).collect();
            let addresses: Vec<SocketAddr> = candidates.into_iter().sample(&mut self.rng, ANNOUNCES);
            for address in &addresses {
                let seed = ServerIdentity::whoever_answers_at(*address);
                self.swim(|foca, effects| foca.announce(seed, effects));
            }
            if let Some(address) = addresses.first() {
                self.begin_exchange(*address, false, true);
            }
            self.seed_attempts += 1;
            let wait = self.config.seed_retry * 2_u32.pow(self.seed_attempts.saturating_sub(2).min(4));
            self.agenda.seeds = (!addresses.is_empty()).then(|| self.now.saturating_add(wait));
            return;
        }
        let is_lost = |address: &&SocketAddr| self.presence.active_at(**address).next().is_none();
        let lost = self.seeds.iter().filter(is_lost).copied().choose(&mut self.rng);
        if let Some(address) = lost {
            self.begin_exchange(address, false, true);
        }
        self.agenda.seeds = Some(self.now.saturating_add(self.config.lost_seed_interval));
    }

    /// The first change is written at once, and so is the first member of another region: without an address there nothing leads to it.
    pub(crate) fn remember_soon(&mut self, changed: Option<&ServerIdentity>) {
        let is_new_region = |identity: &ServerIdentity| {
            let own = self.foca.identity();
            identity.region != own.region && !self.remembered.members.iter().any(|member| member.region == identity.region)
        };
        let at = match (changed.is_some_and(is_new_region), self.remembered_at) {
            (false, Some(last)) => last.saturating_add(REMEMBER_INTERVAL).max(self.now),
            _ => self.now,
        };
        self.agenda.remember = Some(self.agenda.remember.map_or(at, |due| due.min(at)));
    }

    pub(crate) fn remember(&mut self) {
        if let Some(memory) = self.news_to_remember() {
            self.remembered_at = Some(self.now);
            self.outputs.push_back(Output::Remember(memory));
        }
    }

    /// What there is to remember if it is not what [`Output::Remember`] told last. Ask before the server stops, so that nothing is waiting.
    pub fn news_to_remember(&mut self) -> Option<Memory> {
        let own = self.own_node();
        let stays = |member: &&Member| member.identity.node != own && member.status != Status::Left;
        let shown = self.shown.values().filter(stays).map(|member| member.identity.clone());
        // Whoever was there before the start and has not been met since is away for now, as is one that failed.
        let taken: BTreeSet<SocketAddr> = self.shown.values().map(|member| member.identity.address).collect();
        let absent = self.absent.values().filter(|member| !taken.contains(&member.address)).cloned();
        let memory = Memory { generation: self.foca.identity().generation, members: shown.chain(absent).collect() };
        if memory == self.remembered {
            return None;
        }
        self.remembered = memory.clone();
        Some(memory)
    }
}
