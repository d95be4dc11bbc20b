//! Probes: foca sends and judges them; here they are watched, slowed down while this server is not well, and tried over TCP where datagrams
//! do not get through.

use std::net::SocketAddr;
use std::time::Duration;

use foca::{Header, Message, ProbeNumber, Timer};
use model::Uuid;

use crate::broadcast::Broadcast;
use crate::health::Sign;
use crate::identity::ServerIdentity;
use crate::io::Output;
use crate::machine::{Gossip, Phase};
use crate::packet::{self, Content};
use crate::suspicion::{Accusation, Suspicion, time_to_answer};
use crate::swim;

/// Probes in a row that a member answered over TCP, no datagram of it being heard, before an operator is told.
const SILENT_PROBES: u32 = 5;

/// An unanswered ping is repeated so often in the time after which others are asked to probe,
const PINGS_PER_RTT: u32 = 4;
/// for the first time after so many of these parts.
const FIRST_AGAIN: u32 = 2;

/// The probe under way.
pub(crate) struct Probe {
    target: ServerIdentity,
    number: ProbeNumber,
    /// On a bad link a ping or its answer may just have been lost. Who repeats it suspects a hundred times fewer of those who live, and every
    /// suspicion is told to the whole pool, twice.
    again: Duration,
    /// In whatever way.
    answered: bool,
    answered_over_tcp: bool,
}

impl Gossip {
    /// foca pings somebody; it has judged the probe before.
    pub(crate) fn probe_began(&mut self, target: ServerIdentity, number: ProbeNumber) {
        let again = self.now.saturating_add(self.ping_interval() * FIRST_AGAIN);
        let began = Probe { target: target.clone(), number, again, answered: false, answered_over_tcp: false };
        if let Some(ended) = self.probe.replace(began) {
            self.probe_ended(&ended);
        }
        // Whoever is suspected hears it first of all, while it can still answer.
        if let Some(accusation) = self.standing_accusation(&target) {
            self.send_broadcasts(target.address, &[Broadcast::Accusation(accusation)]);
        }
    }

    fn probe_ended(&mut self, probe: &Probe) {
        if probe.answered {
            return self.health.note(Sign::Answered);
        }
        // What others have seen, too, says nothing about this server.
        let target = &probe.target;
        let is_active = self.presence.active(target.node).is_some();
        let own = self.own_node();
        let others_agree = self.with(|knowledge| knowledge.accusations.is_accused_by_others(target.node, target.generation, own));
        if is_active && !others_agree {
            self.health.note(Sign::Unanswered);
        }
    }

    /// A message of foca arrived.
    pub(crate) fn heard_from(&mut self, header: &Header<ServerIdentity>) {
        self.udp_silence.remove(&header.src.node);
        let (from, number) = match &header.message {
            Message::Ack(number) => (&header.src, *number),
            Message::ForwardedAck { origin, probe_number } => (origin, *probe_number),
            _ => return,
        };
        if let Some(probe) = &mut self.probe
            && probe.target == *from
            && probe.number == number
        {
            probe.answered = true;
        }
    }

    /// The time for a direct answer is over: others are asked to probe, and at the same time it is tried over TCP.
    pub(crate) fn direct_probe_over(&mut self, probed: &ServerIdentity) {
        let is_probed = self.open_probe().is_some_and(|probe| probe.target == *probed);
        if is_probed && self.config.tcp_probes {
            self.probe_by_tcp(probed.address);
        }
    }

    fn open_probe(&self) -> Option<&Probe> {
        let takes_part = matches!(self.phase, Phase::Running | Phase::Leaving { .. });
        self.probe.as_ref().filter(|_| takes_part).filter(|probe| !probe.answered && self.presence.active(probe.target.node).is_some())
    }

    fn ping_interval(&self) -> Duration {
        self.config.probe_rtt.saturating_mul(self.health.factor()) / PINGS_PER_RTT
    }

    pub(crate) fn next_ping(&self) -> Option<Duration> {
        self.open_probe().map(|probe| probe.again)
    }

    /// The same probe once more, if it is time.
    pub(crate) fn ping_again(&mut self) {
        let interval = self.ping_interval();
        let Some(probe) = self.open_probe().filter(|probe| probe.again <= self.now) else { return };
        let (src, dst, message) = (self.foca.identity().clone(), probe.target.clone(), Message::Ping(probe.number));
        if let Some(probe) = &mut self.probe {
            probe.again = self.now.saturating_add(interval);
        }
        let to = dst.address;
        if let Ok(ping) = swim::header_bytes(&Header { src, src_incarnation: self.incarnation, dst, message }) {
            let cluster = self.with(|knowledge| knowledge.own_cluster());
            self.outputs.push_back(Output::Send { to, bytes: packet::seal(Content::Swim, self.pool_hash, cluster, &ping) });
        }
    }

    /// A member answered over TCP: to a probe or to anything else.
    pub(crate) fn reached_by_tcp(&mut self, from: &ServerIdentity, address: SocketAddr) {
        if !self.config.tcp_probes {
            return;
        }
        // Too late for the probe, in time for the suspicion that followed.
        if self.suspicions.get(&from.node).is_some_and(|suspicion| suspicion.suspect == *from) {
            self.suspicions.remove(&from.node);
        }
        let Some(probe) = self.probe.as_mut().filter(|probe| probe.target == *from && !probe.answered_over_tcp) else { return };
        probe.answered_over_tcp = true;
        let number = probe.number;
        if !std::mem::replace(&mut probe.answered, true) {
            let own = self.foca.identity().clone();
            // The incarnation is not known from here; one that is not newer changes nothing.
            let header = Header { src: from.clone(), src_incarnation: 0, dst: own, message: Message::Ack(number) };
            if let Ok(ack) = swim::header_bytes(&header) {
                self.swim(|foca, effects| foca.handle_data(&ack, effects));
            }
        }
        // Every datagram that arrives from it starts this anew.
        let silence = self.udp_silence.entry(from.node).or_default();
        *silence += 1;
        if *silence >= SILENT_PROBES {
            let name = self.shown.get(from.node).map_or_else(|| from.node.to_string(), |member| member.full_name());
            self.notice(format!(
                "{name} ({address}) answers over TCP, and none of its datagrams arrive: let UDP pass to and from port {} on both sides",
                address.port()
            ));
        }
    }

    /// Timers of probes, longer while this server is not well.
    pub(crate) fn stretched(&self, timer: &Timer<ServerIdentity>, after: Duration, factor: u32) -> Duration {
        match timer {
            Timer::ProbeRandomMember(_) | Timer::SendIndirectProbe { .. } => after.saturating_mul(factor),
            _ => after,
        }
    }

    /// A probe of this server's own has failed. foca would take the suspect for dead after a fixed time; how long it is depends on how many
    /// others say so.
    pub(crate) fn suspect(&mut self, suspect: ServerIdentity, incarnation: u16, timer: Timer<ServerIdentity>) {
        let life = (suspect.generation, incarnation);
        if let Some(known) = self.suspicions.get_mut(&suspect.node)
            && (known.suspect.generation, known.incarnation) == life
        {
            known.timer = timer;
            return;
        }
        let accusation = Accusation { accuser: self.own_node(), suspect: suspect.node, generation: suspect.generation, incarnation };
        let address = suspect.address;
        self.suspicions.insert(suspect.node, Suspicion { suspect, incarnation, since: self.now, timer });
        if self.config.confirmations > 0 {
            self.spread(Broadcast::Accusation(accusation.clone()), true);
            self.send_broadcasts(address, &[Broadcast::Accusation(accusation)]);
        }
    }

    /// When a suspect must have answered.
    pub(crate) fn verdict_at(&self, suspicion: &Suspicion) -> Duration {
        let members = self.foca.num_members() + 1;
        let (shortest, longest) = self.config.suspicion(members);
        // Neither the suspect nor this server can confirm.
        let enough = self.config.confirmations.min(members.saturating_sub(2));
        let life = (suspicion.suspect.generation, suspicion.incarnation);
        let own = self.own_node();
        let confirmations = self.with(|knowledge| knowledge.accusations.confirmations(suspicion.suspect.node, life, own));
        let time = time_to_answer(shortest, longest, confirmations, enough);
        suspicion.since.saturating_add(time.saturating_mul(self.health.factor()))
    }

    pub(crate) fn next_verdict(&self) -> Option<Duration> {
        self.suspicions.values().map(|suspicion| self.verdict_at(suspicion)).min()
    }

    pub(crate) fn reach_verdicts(&mut self) {
        let due: Vec<Uuid> =
            self.suspicions.iter().filter(|(_, suspicion)| self.verdict_at(suspicion) <= self.now).map(|(node, _)| *node).collect();
        for suspicion in due.iter().filter_map(|node| self.suspicions.remove(node)).collect::<Vec<_>>() {
            self.swim(|foca, effects| foca.handle_timer(suspicion.timer, effects));
        }
    }

    /// Others say that this server does not answer. `from` is set if one of them has said it to this server itself: it hears the answer first,
    /// also again, since it may have missed the last one. Otherwise the accuser does.
    pub(crate) fn accused(&mut self, accusation: &Accusation, from: Option<ServerIdentity>) {
        let own = self.foca.identity().clone();
        if self.phase != Phase::Running || accusation.generation != own.generation {
            return;
        }
        let is_answered = accusation.incarnation < self.incarnation;
        if is_answered && from.is_none() {
            return;
        }
        let accuser = || self.presence.active(accusation.accuser).map(|presence| presence.identity.clone());
        self.tell_first = from.or_else(accuser);
        if is_answered {
            self.gossip_now();
        } else {
            let suspect = foca::Member::new(own, accusation.incarnation, foca::State::Suspect);
            self.swim(|foca, effects| foca.apply_many([suspect].into_iter(), true, effects));
        }
        self.tell_first = None;
    }

    fn standing_accusation(&self, target: &ServerIdentity) -> Option<Accusation> {
        if self.config.confirmations == 0 || self.with(|knowledge| knowledge.accusations.is_empty()) {
            return None;
        }
        let suspected = |member: &&foca::Member<ServerIdentity>| member.id() == target && member.state() == foca::State::Suspect;
        let incarnation = self.foca.iter_membership_state().find(suspected)?.incarnation();
        self.with(|knowledge| knowledge.accusations.against(target.node, (target.generation, incarnation)))
    }

    pub(crate) fn is_taking_part(&self, identity: &ServerIdentity) -> bool {
        self.presence.active(identity.node).is_some_and(|presence| presence.identity == *identity)
    }
}
