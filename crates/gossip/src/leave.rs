//! Going on purpose: the others are told, so that nobody takes it for a failure.

use std::net::SocketAddr;
use std::time::Duration;

use crate::broadcast::Broadcast;
use crate::io::Output;
use crate::machine::{Gossip, Phase};
use crate::member::Farewell;

impl Gossip {
    pub(crate) fn leave(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        // Whoever was asked something may know this server already, whether it has answered or not.
        let asked: Vec<SocketAddr> = self.exchanges.keys().copied().collect();
        let alone = self.foca.num_members() == 0 && asked.is_empty();
        let linger = if alone { Duration::ZERO } else { self.config.leave_linger };
        self.phase = Phase::Leaving { depart: self.now + linger / 2, end: self.now + linger };
        self.agenda.leave = Some(self.now);
        self.dirty.insert(self.own_node());
        self.give_up_exchanges();
        let farewell = self.own_farewell();
        self.spread(Broadcast::Farewell { node: self.own_node(), farewell }, true);
        self.tell_farewell(asked);
        self.gossip_now();
    }

    pub(crate) fn own_farewell(&self) -> Farewell {
        Farewell { generation: self.foca.identity().generation, prune: false }
    }

    /// First as a member that still answers, because nobody listens to the dead; then as one that is gone.
    pub(crate) fn leave_step(&mut self) {
        self.agenda.leave = Some(self.now.saturating_add(self.config.gossip_interval));
        match self.phase {
            Phase::Leaving { depart, end } if self.now >= depart => {
                // Once more, also because the generation may have changed since.
                let farewell = self.own_farewell();
                self.spread(Broadcast::Farewell { node: self.own_node(), farewell }, true);
                self.swim(|foca, effects| foca.leave_cluster(effects));
                self.phase = Phase::Departed { end };
                self.agenda.leave = Some(end.min(self.now.saturating_add(self.config.gossip_interval)));
            }
            // foca goes on by itself while there is news.
            Phase::Leaving { .. } => {}
            Phase::Departed { end } if self.now < end => self.gossip_now(),
            Phase::Departed { .. } => {
                self.phase = Phase::Left;
                self.agenda.leave = None;
                self.timers.clear();
                self.dirty.insert(self.own_node());
                self.settle();
                self.outputs.push_back(Output::Left);
            }
            Phase::Running | Phase::Left => self.agenda.leave = None,
        }
    }
}
