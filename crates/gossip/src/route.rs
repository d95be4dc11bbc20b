//! What foca sends, on its way out: looked at, and news sent to whom [`crate::peers`] chooses.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use foca::{Codec, Header, Message};
use model::{Uuid, codec};

use crate::broadcast::{Broadcast, Direct};
use crate::health::Sign;
use crate::identity::ServerIdentity;
use crate::io::Output;
use crate::machine::Gossip;
use crate::packet::{self, Content};
use crate::peers::Peers;
use crate::swim::{self, SwimCodec};

impl Gossip {
    /// Sends what foca has made in one call.
    pub(crate) fn send_all(&mut self, sends: Vec<(ServerIdentity, Vec<u8>)>) {
        let mut told = BTreeSet::new();
        for (to, data) in sends {
            // foca keeps former generations of this server as dead members and would try to wake them.
            if to.node == self.own_node() {
                continue;
            }
            let mut rest = &data[..];
            let Ok(header) = SwimCodec.decode_header(&mut rest) else { continue };
            let n_rest = rest.len();
            self.watch(&header);
            let (address, bytes) = match self.readdressed(&header, &data[data.len() - n_rest..], &mut told) {
                Some((address, bytes)) => (address, bytes),
                None => (to.address, data),
            };
            let cluster = self.with(|knowledge| knowledge.own_cluster());
            self.outputs.push_back(Output::Send { to: address, bytes: packet::seal(Content::Swim, self.pool_hash, cluster, &bytes) });
        }
    }

    fn watch(&mut self, header: &Header<ServerIdentity>) {
        // It grows when foca answers a suspicion.
        if header.src_incarnation > self.incarnation {
            self.health.note(Sign::Accused);
        }
        self.incarnation = header.src_incarnation;
        if let Message::Ping(number) = header.message {
            self.probe_began(header.dst.clone(), number);
        }
    }

    /// The same message to somebody else: what says the same to everybody can go to anybody.
    fn readdressed(&mut self, header: &Header<ServerIdentity>, rest: &[u8], told: &mut BTreeSet<Uuid>) -> Option<(SocketAddr, Vec<u8>)> {
        let is_for_anybody = match header.message {
            Message::Gossip => true,
            // One to a seed or to a dead member is meant for it alone.
            Message::Announce => self.is_taking_part(&header.dst),
            _ => false,
        };
        if !is_for_anybody {
            return None;
        }
        let first = self.tell_first.take();
        if first.is_none() && !self.config.region_aware {
            return None;
        }
        self.bring_peers_up_to_date();
        let dst = first.or_else(|| self.peers.choose(told, &mut self.rng).cloned())?;
        told.insert(dst.node);
        let address = dst.address;
        let mut bytes = swim::header_bytes(&Header { dst, ..header.clone() }).ok()?;
        // Names of regions differ in length; foca would not read a longer one.
        if bytes.len() + rest.len() > self.config.max_datagram {
            return None;
        }
        bytes.extend_from_slice(rest);
        Some((address, bytes))
    }

    pub(crate) fn bring_peers_up_to_date(&mut self) {
        if std::mem::take(&mut self.peers_outdated) {
            self.peers = Peers::new(self.foca.identity(), self.presence.all_active());
        }
    }

    /// Straight to one server, not waiting for gossip to get there.
    pub(crate) fn send_broadcasts(&mut self, to: SocketAddr, broadcasts: &[Broadcast]) {
        let items: Vec<Vec<u8>> = broadcasts.iter().filter_map(|broadcast| broadcast.encode().ok()).collect();
        let direct = Direct { from: self.foca.identity().clone(), items };
        let Ok(payload) = codec::to_body(&direct) else { return };
        let cluster = self.with(|knowledge| knowledge.own_cluster());
        self.outputs.push_back(Output::Send { to, bytes: packet::seal(Content::Direct, self.pool_hash, cluster, &payload) });
    }
}
