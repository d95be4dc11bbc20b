//! A region's word about something, and how it travels.

use model::RegionId;
use serde::{Deserialize, Serialize};

use crate::hash;

/// Keys are hashed and listed in outlines; a rollout id and a little more fits.
pub(crate) const MAX_KEY: usize = 64;

/// What one region says under one key. Only the author writes it, everybody else holds copies; the freshest wins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub author: RegionId,
    /// At most 64 bytes, unique for the author.
    pub key: Vec<u8>,
    /// Grows only when the author is restored or bootstrapped again.
    pub incarnation: u64,
    /// Grows with every change.
    pub seq: u64,
    /// Opaque here. Together with the rest it must fit a datagram, see [`crate::Error::RecordTooLarge`].
    pub body: Vec<u8>,
}

/// Which of two records of one key is newer: the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Freshness {
    pub incarnation: u64,
    pub seq: u64,
}

impl Record {
    pub fn freshness(&self) -> Freshness {
        Freshness { incarnation: self.incarnation, seq: self.seq }
    }
}

/// A record, or the fact that one was forgotten, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) author: RegionId,
    pub(crate) key: Vec<u8>,
    pub(crate) freshness: Freshness,
    pub(crate) content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    Live(Vec<u8>),
    /// Still to be kept for so long. It never grows on the way, so that two members cannot keep it alive for each other.
    Forgotten {
        keep_ms: u64,
    },
}

impl Item {
    pub(crate) fn key_hash(&self) -> u64 {
        hash::bytes(&self.key)
    }

    /// Bytes on the wire, about, never less.
    pub(crate) fn size(&self) -> usize {
        let body = match &self.content {
            Content::Live(body) => body.len(),
            Content::Forgotten { .. } => 0,
        };
        self.author.name.len() + self.key.len() + body + 64
    }

    /// The record, unless it is forgotten.
    pub(crate) fn into_record(self) -> Option<Record> {
        let Content::Live(body) = self.content else { return None };
        Some(Record { author: self.author, key: self.key, incarnation: self.freshness.incarnation, seq: self.freshness.seq, body })
    }
}

impl From<Record> for Item {
    fn from(record: Record) -> Self {
        let freshness = record.freshness();
        Self { author: record.author, key: record.key, freshness, content: Content::Live(record.body) }
    }
}
