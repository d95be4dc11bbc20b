//! Who a server is to SWIM. Small, because it rides in every update.

use std::net::SocketAddr;

use model::{RegionName, Uuid};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Region names ride in every packet.
const MAX_REGION: usize = 32;

/// A server of the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerIdentity {
    /// Random, made when the server first starts, kept on its disk.
    pub node: Uuid,
    /// Where it receives gossip (UDP) and answers syncs (TCP).
    pub address: SocketAddr,
    /// 1 to 32 bytes.
    pub region: RegionName,
    /// Grows with every start and every return from the dead. The caller passes max(stored + 1, Unix milliseconds) and stores what
    /// [`crate::Output::Remember`] says.
    pub generation: u64,
}

impl ServerIdentity {
    /// For an announce to an address whose server is not known yet.
    pub(crate) fn whoever_answers_at(address: SocketAddr) -> Self {
        Self { node: Uuid::nil(), address, region: RegionName::default(), generation: 0 }
    }

    /// Refuses what no server can be.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.node.is_nil() {
            return Err("the node id is nil".to_owned());
        }
        if self.address.port() == 0 || self.address.ip().is_unspecified() {
            return Err(format!("nobody can be reached at {}: advertise an address of this machine", self.address));
        }
        check_region_name(&self.region).map_err(|error| error.to_string())
    }
}

/// A region's name has 1 to 32 bytes and neither spaces nor control characters.
pub fn check_region_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > MAX_REGION || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Error::Identity(format!("region {name:?} must have 1 to {MAX_REGION} bytes, without spaces")));
    }
    Ok(())
}

/// Which server, whatever its generation. Nil is everybody: a datagram that reached a socket and names nobody is for whoever owns the
/// socket, also when its address is another one from outside. Nil occurs as a destination only; the codec refuses it elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct NodeAddress(Uuid);

impl PartialEq for NodeAddress {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.0.is_nil() || other.0.is_nil()
    }
}

impl foca::Identity for ServerIdentity {
    type Addr = NodeAddress;

    fn renew(&self) -> Option<Self> {
        Some(Self { generation: self.generation.checked_add(1)?, ..self.clone() })
    }

    fn addr(&self) -> NodeAddress {
        NodeAddress(self.node)
    }

    /// The address breaks ties, so that two views of one generation do not replace each other for ever.
    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        (self.generation, self.address) > (adversary.generation, adversary.address)
    }
}
