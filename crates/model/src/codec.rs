//! Versioned bytes: everything that is stored or sent is an envelope around bincode.
//!
//! ```text
//! [magic u8][kind u16][version u16][length u32][crc32 of what precedes and of the body u32][body]      little endian
//! ```
//!
//! bincode does not describe itself, so a shape never changes: it gets a successor with a higher version. Decoding takes slices only, with
//! the body's length as the limit, and refuses trailing bytes, so that hostile input cannot ask for memory it did not send.

use std::cell::Cell;

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

const MAGIC: u8 = 0x5e;

/// Bytes before the body.
pub const HEADER: usize = 13;

/// What the bytes hold. Numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    LogEntry = 1,
    SnapshotRecord = 2,
    Message = 3,
    GossipRecord = 4,
    GossipPacket = 5,
    Vote = 6,
    DiskHeader = 7,
    NodeState = 8,
    RaftRpc = 9,
    SnapshotMeta = 10,
    LogMark = 11,
    GossipSync = 12,
    GossipMemory = 13,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("encoding: {0}")]
    Encode(bincode::Error),
    #[error("decoding: {0}")]
    Decode(bincode::Error),
    #[error("{given} bytes are too few for an envelope")]
    Short { given: usize },
    #[error("not an envelope of kind {expected:?}: magic {magic:#x}, kind {kind}")]
    Kind { expected: Kind, magic: u8, kind: u16 },
    #[error("{kind:?} of version {given} is newer than the newest known here, {known}: upgrade this server")]
    Version { kind: Kind, given: u16, known: u16 },
    #[error("damaged bytes: length or checksum of a {kind:?} does not fit")]
    Damaged { kind: Kind },
}

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_varint_encoding().reject_trailing_bytes()
}

/// Version of the nouns' shapes, as commands, snapshot records, messages and what nodes keep are written: those four carry this number. A
/// noun gets a field with a successor of it (`json::since_4`); older bytes are read without.
pub const SHAPES: u16 = 4;

thread_local! {
    /// Of the bytes that are being read.
    static SHAPES_READ: Cell<u16> = const { Cell::new(SHAPES) };
}

/// Version of the nouns' shapes in the bytes that this thread is reading.
pub fn shapes_read() -> u16 {
    SHAPES_READ.get()
}

/// As [`from_body`], of bytes whose nouns have the shapes of `version`.
pub fn from_body_of<T: DeserializeOwned>(version: u16, body: &[u8]) -> Result<T, Error> {
    struct Before(u16);
    impl Drop for Before {
        fn drop(&mut self) {
            SHAPES_READ.set(self.0);
        }
    }
    let _before = Before(SHAPES_READ.replace(version));
    from_body(body)
}

/// The bare body, without an envelope. For parts inside of something that has one.
pub fn to_body<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    // Into a vector that grows: bincode's own way goes through the value twice, the first time for its size.
    let mut body = Vec::with_capacity(256);
    options().serialize_into(&mut body, value).map_err(Error::Encode)?;
    Ok(body)
}

/// The inverse of [`to_body`].
pub fn from_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    options().with_limit(body.len() as u64).deserialize(body).map_err(Error::Decode)
}

/// As [`from_body`], of a shape that newer programs only append to: what follows is skipped.
pub fn from_longer_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    options().with_limit(body.len() as u64).allow_trailing_bytes().deserialize(body).map_err(Error::Decode)
}

/// Wraps bytes that are already encoded.
pub fn wrap(kind: Kind, version: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.push(MAGIC);
    bytes.extend_from_slice(&(kind as u16).to_le_bytes());
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes);
    crc.update(body);
    bytes.extend_from_slice(&crc.finalize().to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Checks the envelope and returns its version and body. `known` is the newest version that the caller can read.
pub fn unwrap(kind: Kind, known: u16, bytes: &[u8]) -> Result<(u16, &[u8]), Error> {
    let Some((header, body)) = bytes.split_at_checked(HEADER) else { return Err(Error::Short { given: bytes.len() }) };
    let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let u32_at = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if header[0] != MAGIC || u16_at(1) != kind as u16 {
        return Err(Error::Kind { expected: kind, magic: header[0], kind: u16_at(1) });
    }
    let version = u16_at(3);
    if version > known {
        return Err(Error::Version { kind, given: version, known });
    }
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header[..9]);
    crc.update(body);
    if u32_at(5) as usize != body.len() || u32_at(9) != crc.finalize() {
        return Err(Error::Damaged { kind });
    }
    Ok((version, body))
}

/// An envelope around `value`.
pub fn encode<T: Serialize>(kind: Kind, version: u16, value: &T) -> Result<Vec<u8>, Error> {
    Ok(wrap(kind, version, &to_body(value)?))
}

/// The inverse of [`encode`], for a kind whose version is that of the nouns' shapes.
pub fn decode_shapes<T: DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<T, Error> {
    let (version, body) = unwrap(kind, SHAPES, bytes)?;
    from_body_of(version, body)
}

/// The inverse of [`encode`], for a kind that has only had one shape so far.
pub fn decode<T: DeserializeOwned>(kind: Kind, version: u16, bytes: &[u8]) -> Result<T, Error> {
    let (_, body) = unwrap(kind, version, bytes)?;
    from_body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every single damaged byte, every truncation and every wrong kind or version is refused.
    #[test]
    fn damage_is_refused() {
        let good = encode(Kind::Vote, 1, &("west".to_owned(), 7u64)).unwrap();
        assert_eq!(decode::<(String, u64)>(Kind::Vote, 1, &good).unwrap(), ("west".to_owned(), 7));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            assert!(decode::<(String, u64)>(Kind::Vote, 1, &bad).is_err(), "byte {at}");
            assert!(decode::<(String, u64)>(Kind::Vote, 1, &good[..at]).is_err(), "cut at {at}");
        }
        assert!(matches!(decode::<(String, u64)>(Kind::Message, 1, &good), Err(Error::Kind { .. })));
        assert!(matches!(decode::<(String, u64)>(Kind::Vote, 0, &good), Err(Error::Version { .. })));
    }

    /// A length prefix that promises more than there is does not allocate.
    #[test]
    fn length_bombs_are_refused() {
        assert!(from_body::<Vec<u64>>(&[253, 255, 255, 255, 255, 255, 255, 255, 0]).is_err());
        assert!(from_body::<String>(&[253, 255, 255, 255, 255, 255, 255, 255, 0]).is_err());
    }
}
