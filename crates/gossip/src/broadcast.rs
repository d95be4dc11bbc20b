//! News that rides along with foca's messages: descriptions, farewells and records.
//!
//! Bytes: `[kind u8][body]`. A kind that is not known here is skipped, so that later versions may add some.

use std::sync::{Arc, Mutex, PoisonError};

use model::{RegionName, Uuid, codec};
use serde::{Deserialize, Serialize};

use crate::identity::ServerIdentity;
use crate::knowledge::Knowledge;
use crate::member::{Farewell, MetaRecord, MetaVersion};
use crate::record::{Freshness, Item};
use crate::suspicion::Accusation;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broadcast {
    Meta(MetaRecord),
    Farewell { node: Uuid, farewell: Farewell },
    Item(Item),
    Accusation(Accusation),
}

impl Broadcast {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, codec::Error> {
        let (kind, body) = match self {
            Self::Meta(meta) => (1, codec::to_body(meta)?),
            Self::Farewell { node, farewell } => (2, codec::to_body(&(node, farewell))?),
            Self::Item(item) => (3, codec::to_body(item)?),
            Self::Accusation(accusation) => (4, codec::to_body(accusation)?),
        };
        let mut bytes = Vec::with_capacity(1 + body.len());
        bytes.push(kind);
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// `Ok(None)` for a kind of a later version.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>, codec::Error> {
        let Some((kind, body)) = bytes.split_first() else { return Err(codec::Error::Short { given: 0 }) };
        Ok(Some(match kind {
            1 => Self::Meta(codec::from_body(body)?),
            2 => {
                let (node, farewell) = codec::from_body(body)?;
                Self::Farewell { node, farewell }
            }
            3 => Self::Item(codec::from_body(body)?),
            4 => Self::Accusation(codec::from_body(body)?),
            _ => return Ok(None),
        }))
    }

    fn topic(&self) -> Topic {
        match self {
            Self::Meta(record) => Topic::Meta(record.node, record.version),
            Self::Farewell { node, farewell } => Topic::Farewell(*node, *farewell),
            Self::Item(item) => Topic::Item(item.author.name.clone(), item.key.clone(), item.freshness),
            Self::Accusation(accusation) => Topic::Accusation(accusation.suspect, accusation.accuser, accusation.life()),
        }
    }
}

/// Broadcasts sent straight to one member, not waiting for the next round of gossip.
#[derive(Serialize, Deserialize)]
pub(crate) struct Direct {
    pub(crate) from: ServerIdentity,
    /// Encoded broadcasts.
    pub(crate) items: Vec<Vec<u8>>,
}

/// What a broadcast is about, and how new it is.
pub(crate) enum Topic {
    Meta(Uuid, MetaVersion),
    Farewell(Uuid, Farewell),
    Item(RegionName, Vec<u8>, Freshness),
    Accusation(Uuid, Uuid, (u64, u16)),
}

impl foca::Invalidates for Topic {
    fn invalidates(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Meta(node, version), Self::Meta(other, old)) => node == other && version >= old,
            (Self::Farewell(node, farewell), Self::Farewell(other, old)) => node == other && farewell >= old,
            (Self::Item(author, key, freshness), Self::Item(other_author, other_key, old)) => {
                author == other_author && key == other_key && freshness >= old
            }
            // A newer life makes all accusations of the last one pointless.
            (Self::Accusation(suspect, accuser, life), Self::Accusation(other, other_accuser, old)) => {
                suspect == other && (life > old || (life == old && accuser == other_accuser))
            }
            (Self::Meta(..) | Self::Farewell(..) | Self::Item(..) | Self::Accusation(..), _) => false,
        }
    }
}

/// Merges what arrives into the shared knowledge and tells foca what is news. Locked for the moment of one merge; there is one thread.
pub(crate) struct Handler {
    pub(crate) knowledge: Arc<Mutex<Knowledge>>,
    /// foca would keep what is larger for ever without sending it.
    pub(crate) max_bytes: usize,
}

impl foca::BroadcastHandler<ServerIdentity> for Handler {
    type Key = Topic;
    type Error = codec::Error;

    fn receive_item(&mut self, data: &[u8], sender: Option<&ServerIdentity>) -> Result<Option<Topic>, codec::Error> {
        let Some(broadcast) = Broadcast::decode(data)? else { return Ok(None) };
        let topic = broadcast.topic();
        let mut knowledge = self.knowledge.lock().unwrap_or_else(PoisonError::into_inner);
        // What this server says about itself is not merged, only spread.
        let own = sender.is_none() && knowledge.is_own(&broadcast);
        let news = own || knowledge.merge(broadcast);
        Ok((news && data.len() <= self.max_bytes).then_some(topic))
    }
}
