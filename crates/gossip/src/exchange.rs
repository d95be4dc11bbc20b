//! Anti-entropy: two members exchange until both know the same.
//!
//! The asker sends fingerprints; whoever sees a difference sends what the other lacks, or asks for what it lacks itself, until nothing is
//! left to say. Both sides do the same with what arrives ([`Gossip::absorb`]); the answering side keeps no state. Every message is bounded;
//! what does not fit follows in the next round. An exchange ends when there is nothing to say, when a round would only repeat the last
//! one (the two disagree for good, for example about who owns a region's name), or after a bounded number of rounds.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use model::{RegionId, Uuid, codec};
use rand::RngExt;
use rand::seq::IteratorRandom;

use crate::broadcast::Broadcast;
use crate::hash;
use crate::identity::ServerIdentity;
use crate::io::Output;
use crate::knowledge::Knowledge;
use crate::machine::{Gossip, Phase};
use crate::member::{Member, Status};
use crate::record::Freshness;
use crate::sync::{
    Answer, Body, CONTENT_BUDGET, Digests, Hello, MAX_MEMBER_LINES, MAX_OUTLINE_LINES, MemberLine, SyncRequest, SyncResponse, Wanted,
};
use crate::table::RegionDigest;

/// 64 rounds of 384 KiB are enough for any table here; the next exchange goes on where this one stopped.
const MAX_ROUNDS: u32 = 64;
/// After so many rounds lists of members have gone both ways. What differs then has changed meanwhile and is being gossiped, unless
/// descriptions still come in numbers; while many join a large pool, two members would go on comparing for ever.
const LIST_ROUNDS: u32 = 3;
/// An exchange without an answer for this long has failed.
const NO_ANSWER: Duration = Duration::from_secs(30);
/// More news than this at once is not gossiped on: the others will find it by their own digests.
const SPREAD_LIMIT: usize = 64;
/// In a pool above this size not everybody syncs with everybody who returns,
const ALL_SYNC_UP_TO: usize = 32;
/// but so many do: after the first, there is little left to say.
const SOME_SYNC: u32 = 4;

/// An exchange that this server began.
pub(crate) struct Exchange {
    /// Somebody waits for the outcome of a join.
    join: bool,
    rounds: u32,
    /// Hash of the last request.
    last: u64,
    asked: Duration,
}

impl Gossip {
    /// Answers another member's request. Everything that follows from it comes out of [`Gossip::poll`].
    pub fn handle_sync_request(&mut self, now: Duration, request: SyncRequest) -> SyncResponse {
        self.advance(now);
        if self.phase != Phase::Running {
            return SyncResponse(Answer::Leaving(format!("{} is leaving the pool: join another server", self.own_words())));
        }
        let SyncRequest { hello, body } = request;
        let is_probe = body.is_empty();
        let answer = match self.greet(&hello, false) {
            Ok(Greeting::Other) => {
                if !is_probe {
                    self.exchanged_with(hello.identity.node);
                }
                let body = Box::new(self.absorb(body));
                Answer::Accepted { hello: Box::new(self.hello()), body }
            }
            Ok(Greeting::Yourself) => Answer::Yourself,
            Err(reason) => Answer::Refused(reason),
        };
        self.settle();
        SyncResponse(answer)
    }

    /// Digests with one member, and with everything from the start if `full`.
    pub(crate) fn begin_exchange(&mut self, to: SocketAddr, join: bool, full: bool) {
        if self.phase != Phase::Running {
            if join {
                self.joined(to, Err("this server is leaving the pool".to_owned()));
            }
            return;
        }
        if to == self.foca.identity().address {
            if join {
                self.joined(to, Ok(self.with(|knowledge| knowledge.own().meta.full_name())));
            }
            return;
        }
        if let Some(exchange) = self.exchanges.get_mut(&to) {
            exchange.join |= join;
            return;
        }
        let body = Body {
            membership: Some(self.fingerprint()),
            members: full.then(|| self.member_lines(&[])),
            digests: Some(Digests { complete: true, regions: self.digest().regions }),
            ..Body::default()
        };
        self.ask(to, Exchange { join, rounds: 0, last: 0, asked: self.now }, body);
    }

    /// A request that says nothing and wants nothing but an answer. One that is under way already is as good.
    pub(crate) fn probe_by_tcp(&mut self, to: SocketAddr) {
        if self.phase == Phase::Running && !self.exchanges.contains_key(&to) {
            let exchange = Exchange { join: false, rounds: MAX_ROUNDS, last: 0, asked: self.now };
            self.ask(to, exchange, Body::default());
        }
    }

    fn ask(&mut self, to: SocketAddr, mut exchange: Exchange, body: Body) {
        exchange.rounds += 1;
        exchange.last = fingerprint_of(&body);
        exchange.asked = self.now;
        self.exchanges.insert(to, exchange);
        let request = Box::new(SyncRequest { hello: self.hello(), body });
        self.outputs.push_back(Output::Sync { to, request });
    }

    pub(crate) fn sync_answered(&mut self, peer: SocketAddr, response: SyncResponse) {
        let Some(mut exchange) = self.exchanges.remove(&peer) else { return };
        if self.phase != Phase::Running {
            return;
        }
        let (hello, body) = match response.0 {
            Answer::Accepted { hello, body } => (hello, body),
            Answer::Leaving(_) if !exchange.join => return,
            Answer::Leaving(reason) => return self.not_exchanged(peer, &exchange, reason),
            Answer::Refused(reason) => return self.not_exchanged(peer, &exchange, format!("{peer} refuses: {reason}")),
            Answer::Yourself => {
                self.seeds.remove(&peer);
                self.absent.retain(|_, member| member.address != peer);
                if exchange.join {
                    self.joined(peer, Ok(self.with(|knowledge| knowledge.own().meta.full_name())));
                }
                return;
            }
        };
        match self.greet(&hello, true) {
            Ok(Greeting::Other) => {}
            Ok(Greeting::Yourself) => return,
            Err(reason) => return self.not_exchanged(peer, &exchange, reason),
        }
        self.reached_by_tcp(&hello.identity, peer);
        if exchange.rounds <= MAX_ROUNDS {
            self.exchanged_with(hello.identity.node);
        }
        let n_metas = body.metas.len();
        let mut reply = self.absorb(*body);
        if exchange.rounds >= LIST_ROUNDS && n_metas <= SPREAD_LIMIT {
            (reply.membership, reply.members) = (None, None);
        }
        if std::mem::take(&mut exchange.join) {
            self.add_seed(peer);
            self.joined(peer, Ok(hello.meta.meta.full_name()));
            self.gossip_now();
        }
        let repeats = fingerprint_of(&reply) == exchange.last;
        if !reply.is_empty() && !repeats && exchange.rounds < MAX_ROUNDS {
            self.ask(peer, exchange, reply);
        }
    }

    pub(crate) fn sync_failed(&mut self, peer: SocketAddr, reason: &str) {
        if let Some(exchange) = self.exchanges.remove(&peer)
            && exchange.join
        {
            self.joined(peer, Err(reason.to_owned()));
        }
    }

    /// This server leaves; nobody shall wait for its joins.
    pub(crate) fn give_up_exchanges(&mut self) {
        let peers: Vec<SocketAddr> = self.exchanges.keys().copied().collect();
        peers.into_iter().for_each(|peer| self.sync_failed(peer, "this server is leaving the pool"));
    }

    pub(crate) fn drop_unanswered(&mut self) {
        let late = |exchange: &Exchange| self.now.saturating_sub(exchange.asked) >= NO_ANSWER;
        let late: Vec<SocketAddr> = self.exchanges.iter().filter(|(_, exchange)| late(exchange)).map(|(peer, _)| *peer).collect();
        late.into_iter().for_each(|peer| self.sync_failed(peer, "no answer"));
    }

    fn joined(&mut self, address: SocketAddr, result: Result<String, String>) {
        self.outputs.push_back(Output::Joined { address, result });
    }

    fn not_exchanged(&mut self, peer: SocketAddr, exchange: &Exchange, reason: String) {
        if exchange.join {
            self.joined(peer, Err(reason));
        } else {
            self.notice(reason);
        }
    }

    fn hello(&self) -> Hello {
        let meta = self.with(|knowledge| knowledge.own().clone());
        Hello { pool: self.config.pool.clone(), identity: self.foca.identity().clone(), meta }
    }

    /// Lets the other side in, or says in words why not.
    fn greet(&mut self, hello: &Hello, answering: bool) -> Result<Greeting, String> {
        let ours = self.own_words();
        if hello.pool != self.config.pool {
            let reason = format!("{ours} is in pool {:?}, not in {:?}: use one pool label on both sides", self.config.pool, hello.pool);
            self.notice(format!("refused {}: {reason}", hello.identity.address));
            return Err(reason);
        }
        let own = self.foca.identity();
        if hello.identity.node == own.node {
            if hello.identity.address == own.address && !answering {
                return Ok(Greeting::Yourself);
            }
            let reason = format!(
                "{ours} and the server at {} have one node id, {}: was a data directory copied? Remove the copy and start that server again",
                hello.identity.address, own.node
            );
            self.notice(reason.clone());
            return Err(reason);
        }
        let name = hello.meta.meta.full_name();
        let claim = hello.claim();
        self.with(|knowledge| knowledge.admit(hello.identity.node, &claim, Some(&name), hello.identity.address))?;
        let alive = foca::Member::alive(hello.identity.clone());
        self.swim(|foca, effects| foca.apply_many([alive].into_iter(), true, effects));
        self.spread(Broadcast::Meta(hello.meta.clone()), true);
        self.refresh();
        Ok(Greeting::Other)
    }

    fn exchanged_with(&mut self, node: Uuid) {
        self.last_sync.insert(node, self.now);
        self.wanted_syncs.remove(&node);
    }

    /// Takes in what the other side sent and says what it still lacks, or what is lacking here.
    fn absorb(&mut self, body: Body) -> Body {
        if let Some(lines) = &body.members {
            self.absorb_lines(lines);
        }
        let few = body.metas.len() <= SPREAD_LIMIT;
        for meta in body.metas {
            self.spread(Broadcast::Meta(meta), few);
        }
        // Farewells are only kept for members with a description, which may have come just now.
        for line in body.members.iter().flatten() {
            if let Some(farewell) = line.farewell {
                self.spread(Broadcast::Farewell { node: line.identity.node, farewell }, true);
            }
        }
        let few = body.items.len() <= SPREAD_LIMIT;
        for item in body.items {
            self.spread(Broadcast::Item(item), few);
        }
        self.refresh();

        let mut reply = Body::default();
        let mut budget = CONTENT_BUDGET;
        let ours = self.fingerprint();
        if body.membership.is_some_and(|theirs| theirs != ours) {
            reply.membership = Some(ours);
            reply.members = Some(self.member_lines(body.members.as_deref().unwrap_or_default()));
        }
        self.with(|knowledge| {
            knowledge.serve_metas(&body.wanted_metas, body.members.as_deref(), &mut reply, &mut budget);
            knowledge.serve_records(body.wanted_items, &body.outlines, body.digests, &mut reply, &mut budget);
        });
        reply
    }

    fn absorb_lines(&mut self, lines: &[MemberLine]) {
        // In a large pool nearly every line is known, and foca looks through all members for each.
        let known: HashMap<Uuid, (u64, SocketAddr, u16)> = self
            .foca
            .iter_membership_state()
            .map(|member| (member.id().node, (member.id().generation, member.id().address, member.incarnation())))
            .collect();
        let is_news = |line: &MemberLine| {
            known.get(&line.identity.node).is_none_or(|(generation, address, incarnation)| {
                (*generation, *address) != (line.identity.generation, line.identity.address) || *incarnation < line.incarnation
            })
        };
        let mut updates = Vec::new();
        for line in lines {
            if line.identity.node == self.own_node() {
                self.own_line(line);
                continue;
            }
            let claim = RegionId { name: line.identity.region.clone(), cluster: line.cluster };
            let node = line.identity.node;
            let admitted =
                self.with(|knowledge| knowledge.admit(node, &claim, None, line.identity.address).is_ok() && !knowledge.is_refused(node));
            if admitted
                && let Some(state) = self.believed(line)
                && (state != foca::State::Alive || is_news(line))
            {
                updates.push(foca::Member::new(line.identity.clone(), line.incarnation, state));
            }
        }
        let spread = updates.len() <= SPREAD_LIMIT;
        self.swim(|foca, effects| foca.apply_many(updates.into_iter(), spread, effects));
        // Before the descriptions come: these members need not be asked for them.
        self.refresh();
    }

    /// What of a line is worth telling foca.
    fn believed(&mut self, line: &MemberLine) -> Option<foca::State> {
        let Some(down_for_ms) = line.down_for_ms else { return Some(foca::State::Alive) };
        let down_for = Duration::from_millis(down_for_ms);
        let generation = line.identity.generation;
        let said_goodbye = line.farewell.is_some_and(|farewell| farewell.generation >= generation);
        let believe = match self.presence.get(line.identity.node) {
            // Otherwise members would remind each other of the dead for ever.
            None => down_for < self.config.remove_down_after.mul_f64(0.9),
            Some(presence) if presence.active && presence.identity.generation == generation => {
                if !said_goodbye {
                    self.doubt(&line.identity);
                }
                said_goodbye
            }
            Some(presence) => presence.identity.generation < generation,
        };
        if believe {
            self.down_since.insert(line.identity.node, self.now.saturating_sub(down_for));
        }
        believe.then_some(foca::State::Down)
    }

    /// What others say about this server.
    fn own_line(&mut self, line: &MemberLine) {
        if self.phase != Phase::Running {
            return;
        }
        if self.with(|knowledge| knowledge.outbid(line.version)) {
            self.dirty.insert(self.own_node());
            self.announce_self();
        }
        let own = self.foca.identity().clone();
        // Our disk was restored, or the clock was set back: nobody would listen to a server of an older generation.
        if line.identity.generation > own.generation {
            if let Some(generation) = line.identity.generation.checked_add(1) {
                self.swim(|foca, effects| foca.change_identity(ServerIdentity { generation, ..own }, effects));
            }
        } else if line.identity == own && line.down_for_ms.is_some() {
            let down = foca::Member::down(own);
            self.swim(|foca, effects| foca.apply_many([down].into_iter(), true, effects));
        }
    }

    /// Every second round with another region, every fourth with a member that is down: it may be behind a partition that has healed.
    pub(crate) fn periodic_sync(&mut self) {
        self.sync_round += 1;
        let tries_failed = self.sync_round.is_multiple_of(4) || self.foca.num_members() == 0;
        let own = self.own_node();
        let is_failed = |member: &&Member| member.identity.node != own && member.status == Status::Failed;
        let failed = self.shown.values().filter(|member| tries_failed && is_failed(member)).map(|member| member.identity.address);
        if let Some(to) = failed.choose(&mut self.rng).or_else(|| self.sync_peer()) {
            self.begin_exchange(to, false, false);
        }
    }

    fn sync_peer(&mut self) -> Option<SocketAddr> {
        self.bring_peers_up_to_date();
        let far = self.sync_round.is_multiple_of(2).then(|| self.peers.choose_far(&BTreeSet::new(), &mut self.rng)).flatten();
        let near = if self.config.region_aware { self.peers.choose_near(&mut self.rng) } else { None };
        let peer = far.or(near).or_else(|| self.peers.choose_any(&mut self.rng))?;
        Some(peer.address)
    }

    /// A member has come or returned: what it knows and we do not, and the other way round, should not wait for the next periodic sync.
    pub(crate) fn want_sync(&mut self, node: Uuid) {
        // Who joins a large pool learns of all at once; a few of them have told it everything.
        if self.wanted_syncs.len() >= ALL_SYNC_UP_TO {
            return;
        }
        let n_members = u32::try_from(self.foca.num_members()).unwrap_or(u32::MAX);
        if self.is_small() || self.rng.random_ratio(SOME_SYNC, n_members) {
            self.wanted_syncs.insert(node);
            self.early_sync_soon();
        }
    }

    fn early_sync_soon(&mut self) {
        let longest = self.config.sync_interval / 10;
        let wait = longest.mul_f64(self.rng.random_range(0.2..1.0));
        self.agenda.early_sync.get_or_insert(self.now.saturating_add(wait));
    }

    pub(crate) fn want_missing_metas(&mut self) {
        let missing = self.missing_metas();
        if !missing.is_empty() {
            self.metas_may_be_missing = true;
            let n_asked = if self.is_small() { ALL_SYNC_UP_TO } else { 1 };
            self.wanted_syncs.extend(missing.into_iter().take(n_asked));
            self.early_sync_soon();
        }
    }

    fn missing_metas(&self) -> Vec<Uuid> {
        let is_missing = |knowledge: &Knowledge, node: &Uuid| knowledge.meta(*node).is_none() && !knowledge.is_refused(*node);
        let nodes = self.presence.all_active().map(|identity| identity.node);
        self.with(|knowledge| nodes.filter(|node| is_missing(knowledge, node)).take(MAX_MEMBER_LINES).collect())
    }

    fn is_small(&self) -> bool {
        self.foca.num_members() <= ALL_SYNC_UP_TO
    }

    pub(crate) fn early_sync(&mut self) {
        let chosen = self.wanted_syncs.iter().copied().choose(&mut self.rng);
        let Some(node) = chosen else { return };
        self.wanted_syncs.remove(&node);
        let recent = self.last_sync.get(&node).is_some_and(|last| self.now.saturating_sub(*last) < self.config.sync_interval / 4);
        let described = self.with(|knowledge| knowledge.meta(node).is_some());
        if let Some(presence) = self.presence.active(node)
            && !(recent && described)
        {
            let address = presence.identity.address;
            match self.is_small() {
                true => self.begin_exchange(address, false, true),
                false if described => self.begin_exchange(address, false, false),
                false => self.ask_for_metas(address),
            }
        }
        if !self.wanted_syncs.is_empty() {
            self.early_sync_soon();
        }
    }

    /// Only for them: while many join a large pool, everybody lacks some, and whole lists of members would be all that is sent.
    fn ask_for_metas(&mut self, to: SocketAddr) {
        if !self.exchanges.contains_key(&to) {
            let body = Body { wanted_metas: self.missing_metas(), ..Body::default() };
            self.ask(to, Exchange { join: false, rounds: 0, last: 0, asked: self.now }, body);
        }
    }

    /// The last word of a leaving server to these and some others, over a connection that does not lose it. Nobody waits for the answers.
    pub(crate) fn tell_farewell(&mut self, mut addresses: Vec<SocketAddr>) {
        let own = self.own_node();
        let others = self.shown.values().filter(|member| member.identity.node != own && member.status.is_active());
        let others = others.map(|member| member.identity.address).filter(|address| !addresses.contains(address));
        let sample = others.sample(&mut self.rng, 3);
        addresses.extend(sample);
        let own_line: Vec<MemberLine> = self.member_lines(&[]).into_iter().take(1).collect();
        for to in addresses {
            let request = Box::new(SyncRequest { hello: self.hello(), body: Body { members: Some(own_line.clone()), ..Body::default() } });
            self.outputs.push_back(Output::Sync { to, request });
        }
    }
}

enum Greeting {
    Other,
    Yourself,
}

fn fingerprint_of(body: &Body) -> u64 {
    codec::to_body(body).map(|bytes| hash::bytes(&bytes)).unwrap_or_default()
}

impl Knowledge {
    /// Descriptions: those asked for, those the other side has older, and a wish for those that are older here.
    fn serve_metas(&self, wanted: &[Uuid], lines: Option<&[MemberLine]>, reply: &mut Body, budget: &mut usize) {
        let mut send: Vec<Uuid> = wanted.to_vec();
        for line in lines.into_iter().flatten() {
            let node = line.identity.node;
            if self.is_refused(node) {
                continue;
            }
            match self.version(node).cmp(&line.version) {
                std::cmp::Ordering::Greater => send.push(node),
                std::cmp::Ordering::Less if node != self.own().node => reply.wanted_metas.push(node),
                _ => {}
            }
        }
        for record in send.into_iter().filter_map(|node| self.meta(node)) {
            if record.size() > *budget {
                break;
            }
            *budget -= record.size();
            reply.metas.push(record.clone());
        }
    }

    fn serve_records(
        &mut self,
        wanted: Vec<Wanted>,
        outlines: &[crate::table::Outline],
        digests: Option<Digests>,
        reply: &mut Body,
        budget: &mut usize,
    ) {
        let now = self.now;
        for wish in wanted {
            reply.items.extend(self.records.with_hashes(&wish.author, &wish.key_hashes, now, budget));
        }
        for outline in outlines.iter().filter(|outline| self.conflict(&outline.author).is_none()) {
            let (they_lack, we_lack) = self.records.compare(outline);
            reply.items.extend(self.records.with_hashes(&outline.author.name, &they_lack, now, budget));
            if !we_lack.is_empty() {
                reply.wanted_items.push(Wanted { author: outline.author.name.clone(), key_hashes: we_lack });
            }
        }
        let Some(theirs) = digests else { return };
        let something = |digest: &RegionDigest| (digest.count > 0).then(|| digest.clone());
        let mut pairs: Vec<(RegionId, Option<RegionDigest>)> =
            theirs.regions.iter().map(|digest| (digest.author.clone(), something(digest))).collect();
        if theirs.complete {
            let unknown_there = self.records.digest().regions.into_iter().map(|digest| digest.author);
            pairs.extend(
                unknown_there.filter(|author| !theirs.regions.iter().any(|digest| digest.author == *author)).map(|author| (author, None)),
            );
        }
        let mut outline_lines = MAX_OUTLINE_LINES;
        let mut differing = Vec::new();
        for (author, theirs) in pairs {
            let ours = self.records.region_digest(&author);
            if ours == theirs || self.conflict(&author).is_some() {
                continue;
            }
            let newest = |digest: &Option<RegionDigest>| digest.as_ref().map(|digest| digest.newest);
            if newest(&ours) > newest(&theirs) {
                reply.items.extend(self.records.newer_than(&author.name, newest(&theirs), now, budget));
            }
            if newest(&ours) == newest(&theirs) && outline_lines > 0 {
                let outline = self.records.outline(&author, outline_lines);
                outline_lines -= outline.as_ref().map_or(0, |outline| outline.lines.len());
                reply.outlines.extend(outline);
            } else {
                let nothing = RegionDigest { author, newest: Freshness::default(), count: 0, sum: 0 };
                differing.push(ours.unwrap_or(nothing));
            }
        }
        if !differing.is_empty() {
            reply.digests = Some(Digests { complete: false, regions: differing });
        }
    }
}
