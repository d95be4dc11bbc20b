//! How a value lies in a tree: checked by a checksum, and cut into chunks in a second tree when it is large.
//!
//! ```text
//! main tree:   key                                        -> [0][crc32 of the value][value]
//!              key                                        -> [1][crc32 of the value][n chunks u32][length u64]   when it has chunks
//! chunk tree:  base ++ crc32 of the value ++ number u32   -> piece
//! ```
//!
//! Numbers are big endian. The checksum in a chunk's key keeps the chunks of an old and a new value of one key apart: chunks are written
//! before the key that refers to them and removed after it, so that a key never refers to missing chunks, whenever the process dies.

use crate::engine::{CHUNK, Changes, Tree, sled_error};
use crate::error::Error;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

const INLINE: u8 = 0;
const CHUNKED: u8 = 1;
const PREFIX: usize = 5;
const CHUNKED_LENGTH: usize = PREFIX + 4 + 8;

/// Adds a value to `main`, and its chunks, if it needs any, to `chunks`, under keys that begin with `base`. Apply `chunks` first.
pub(crate) fn insert(main: &mut Changes, chunks: &mut Changes, key: &[u8], base: &[u8], value: &[u8]) {
    let crc = crc32fast::hash(value);
    let mut stored = Vec::with_capacity(PREFIX + value.len().min(CHUNK));
    if needs_chunks(value.len()) {
        let mut n_chunks = 0u32;
        for piece in value.chunks(CHUNK) {
            chunks.insert(chunk_key(base, crc, n_chunks), piece);
            n_chunks += 1;
        }
        stored.push(CHUNKED);
        stored.extend_from_slice(&crc.to_be_bytes());
        stored.extend_from_slice(&n_chunks.to_be_bytes());
        stored.extend_from_slice(&(value.len() as u64).to_be_bytes());
    } else {
        stored.push(INLINE);
        stored.extend_from_slice(&crc.to_be_bytes());
        stored.extend_from_slice(value);
    }
    main.insert(key, stored);
}

/// Whether a value of that many bytes is cut into chunks.
fn needs_chunks(length: usize) -> bool {
    length > CHUNK
}

/// The keys of the chunks that a stored form refers to, to remove them.
pub(crate) fn chunk_keys(stored: &[u8], base: &[u8]) -> Vec<Vec<u8>> {
    match chunked(stored) {
        Some((crc, n_chunks, _)) => (0..n_chunks).map(|number| chunk_key(base, crc, number)).collect(),
        None => Vec::new(),
    }
}

/// The value whose stored form is `stored`, with the chunks of `chunks`. `place` names it in errors.
pub(crate) fn read(stored: &[u8], base: &[u8], chunks: Option<&Tree>, place: impl Fn() -> String) -> Result<Vec<u8>, Error> {
    let (Some(tag), Some(crc)) = (stored.first(), u32_at(stored, 1)) else {
        return Err(Error::corrupt(place(), "it is shorter than a checksum"));
    };
    let value = match *tag {
        INLINE => stored.get(PREFIX..).unwrap_or_default().to_vec(),
        CHUNKED => read_chunks(stored, base, chunks, &place)?,
        other => return Err(Error::corrupt(place(), format!("it has the unknown form {other}"))),
    };
    if crc32fast::hash(&value) != crc {
        return Err(Error::corrupt(place(), "its checksum does not match"));
    }
    Ok(value)
}

fn read_chunks(stored: &[u8], base: &[u8], chunks: Option<&Tree>, place: &impl Fn() -> String) -> Result<Vec<u8>, Error> {
    let Some((crc, n_chunks, length)) = chunked(stored) else {
        return Err(Error::corrupt(place(), "its list of chunks is cut short"));
    };
    let Some(tree) = chunks else { return Err(Error::corrupt(place(), "its chunks are gone")) };
    let mut value = Vec::new();
    for number in 0..n_chunks {
        match tree.get(chunk_key(base, crc, number)).map_err(|e| sled_error("read a chunk", e))? {
            Some(piece) => value.extend_from_slice(&piece),
            None => return Err(Error::corrupt(place(), format!("chunk {number} of {n_chunks} is missing"))),
        }
    }
    if value.len() as u64 != length {
        return Err(Error::corrupt(place(), format!("its chunks hold {} bytes instead of {length}", value.len())));
    }
    Ok(value)
}

/// Checksum, number of chunks and length of a value that has chunks.
fn chunked(stored: &[u8]) -> Option<(u32, u32, u64)> {
    if stored.first() != Some(&CHUNKED) || stored.len() != CHUNKED_LENGTH {
        return None;
    }
    let length = stored.get(PREFIX + 4..)?.try_into().ok()?;
    Some((u32_at(stored, 1)?, u32_at(stored, PREFIX)?, u64::from_be_bytes(length)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn chunk_key(base: &[u8], crc: u32, number: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(base.len() + 8);
    key.extend_from_slice(base);
    key.extend_from_slice(&crc.to_be_bytes());
    key.extend_from_slice(&number.to_be_bytes());
    key
}
