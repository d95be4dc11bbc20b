//! A snapshot's body: a plain file that anybody with this program can read, without the database beside it.
//!
//! ```text
//! "STEPPES1"
//! [part u8][length u32][crc32 of the payload u32][payload]        repeated, little endian
//!     part 1, once, first:  what the snapshot covers, an envelope
//!     part 2, repeated:     records, each [length u32][bytes]
//!     part 3, once, last:   how many records there were, u64
//! ```
//!
//! Each part is checked by itself, so that a damaged file is noticed where it is damaged; the end part makes a file that was cut at a part's
//! boundary unreadable; the blake3 of the whole file, which its record in the database has, makes any other file a wrong one.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::SnapshotError;
use crate::error::Error;
use crate::format::{self, MetaV1};
use crate::types::SnapshotMeta;

const MAGIC: &[u8; 8] = b"STEPPES1";
const PART_META: u8 = 1;
const PART_RECORDS: u8 = 2;
const PART_END: u8 = 3;
/// Records are collected until a part has this size.
const PART_BYTES: usize = 256 << 10;
/// No part that this program writes is larger: a record is at most a command, which is bounded at the door.
const PART_BYTES_MAX: usize = 256 << 20;

/// Length and hash of a body that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub length: u64,
    pub blake3: [u8; 32],
}

/// Writes a body to `file`, and syncs it.
pub(crate) fn write<R, E>(file: File, meta: &SnapshotMeta, records: R) -> Result<Written, SnapshotError>
where
    R: Iterator<Item = Result<Vec<u8>, E>>,
    E: std::fmt::Display,
{
    let mut out = Hashing { inner: BufWriter::with_capacity(PART_BYTES, file), hasher: blake3::Hasher::new(), length: 0 };
    out.write_all(MAGIC)?;
    let meta = format::encode_snapshot_meta(&MetaV1::from(meta)).map_err(|e| SnapshotError::Content(e.to_string()))?;
    part(&mut out, PART_META, &meta)?;
    let mut n_records = 0u64;
    let mut pending = Vec::with_capacity(PART_BYTES);
    for record in records {
        let record = record.map_err(|e| SnapshotError::Content(e.to_string()))?;
        let length = u32::try_from(record.len()).ok().filter(|length| (*length as usize) < PART_BYTES_MAX);
        let length = length.ok_or_else(|| SnapshotError::Content(format!("a record has {} bytes", record.len())))?;
        if !pending.is_empty() && pending.len() + record.len() > PART_BYTES {
            part(&mut out, PART_RECORDS, &pending)?;
            pending.clear();
        }
        pending.extend_from_slice(&length.to_le_bytes());
        pending.extend_from_slice(&record);
        n_records += 1;
    }
    if !pending.is_empty() {
        part(&mut out, PART_RECORDS, &pending)?;
    }
    part(&mut out, PART_END, &n_records.to_le_bytes())?;
    let Hashing { mut inner, hasher, length } = out;
    inner.flush()?;
    inner.get_ref().sync_all()?;
    Ok(Written { length, blake3: *hasher.finalize().as_bytes() })
}

/// Reads the records of a snapshot's body that lies anywhere, one by one; checks all of it but the hash. `path`: for messages. Blocks.
///
/// # Errors
///
/// It is damaged, cannot be read, or `on_record` refuses a record.
pub fn read_records(body: impl Read, path: &Path, on_record: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), Error> {
    read(body, path, on_record).map(|_| ())
}

/// Reads a body: what it covers, and each record in order.
pub(crate) fn read(body: impl Read, path: &Path, mut on_record: impl FnMut(&[u8]) -> Result<(), String>) -> Result<SnapshotMeta, Error> {
    let damaged = |what: String| Error::corrupt(format!("the snapshot {}", path.display()), what);
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends too early".to_owned()),
        _ => Error::io("read", path, e),
    };
    let mut input = BufReader::with_capacity(PART_BYTES, body);
    let mut magic = [0u8; MAGIC.len()];
    input.read_exact(&mut magic).map_err(failed)?;
    if &magic != MAGIC {
        return Err(damaged("it does not begin as a snapshot of this version does".to_owned()));
    }
    let mut meta = None;
    let mut n_records = 0u64;
    let mut payload = Vec::new();
    loop {
        let kind = read_part(&mut input, &mut payload).map_err(failed)?.map_err(&damaged)?;
        match (kind, &meta) {
            (PART_META, None) => {
                let stored: MetaV1 = format::decode_snapshot_meta(&payload).map_err(|e| damaged(e.to_string()))?;
                meta = Some(SnapshotMeta::try_from(stored).map_err(|e| damaged(e.to_string()))?);
            }
            (PART_RECORDS, Some(_)) => {
                let mut rest = payload.as_slice();
                while let Some((record, after)) = split_record(rest).map_err(&damaged)? {
                    on_record(record).map_err(&damaged)?;
                    n_records += 1;
                    rest = after;
                }
            }
            (PART_END, Some(meta)) => {
                let expected = payload.as_slice().try_into().map(u64::from_le_bytes).ok();
                if expected != Some(n_records) {
                    return Err(damaged(format!("it has {n_records} records instead of {expected:?}")));
                }
                return Ok(meta.clone());
            }
            (kind, _) => return Err(damaged(format!("part {kind} is not expected where it is"))),
        }
    }
}

/// The blake3 of what `file` holds, from its beginning.
pub(crate) fn hash(file: &File) -> io::Result<Written> {
    let mut hasher = blake3::Hasher::new();
    let mut input = BufReader::with_capacity(PART_BYTES, file);
    let mut buffer = vec![0u8; PART_BYTES];
    let mut length = 0u64;
    loop {
        let n = input.read(&mut buffer)?;
        if n == 0 {
            return Ok(Written { length, blake3: *hasher.finalize().as_bytes() });
        }
        hasher.update(buffer.get(..n).unwrap_or_default());
        length += n as u64;
    }
}

fn part(out: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    out.write_all(&[kind])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&crc32fast::hash(payload).to_le_bytes())?;
    out.write_all(payload)
}

/// Reads one part into `payload`. The outer error is the disk's, the inner one the content's.
fn read_part(input: &mut impl Read, payload: &mut Vec<u8>) -> io::Result<Result<u8, String>> {
    let mut head = [0u8; 9];
    input.read_exact(&mut head)?;
    let [kind, a, b, c, d, e, f, g, h] = head;
    let (length, crc) = (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]));
    if length > PART_BYTES_MAX {
        return Ok(Err(format!("a part claims {length} bytes")));
    }
    payload.clear();
    // Growing with what is really there: a damaged length must not ask for memory that the file does not have.
    input.take(length as u64).read_to_end(payload)?;
    if payload.len() != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if crc32fast::hash(payload) != crc {
        return Ok(Err("a part's checksum does not match".to_owned()));
    }
    Ok(Ok(kind))
}

/// The first record of a part and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

fn split_record(rest: &[u8]) -> Result<Option<Split<'_>>, String> {
    if rest.is_empty() {
        return Ok(None);
    }
    let record = rest.split_first_chunk::<4>().and_then(|(length, rest)| rest.split_at_checked(u32::from_le_bytes(*length) as usize));
    record.map(Some).ok_or_else(|| "a record is longer than its part".to_owned())
}

struct Hashing<W> {
    inner: W,
    hasher: blake3::Hasher,
    length: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..n).unwrap_or_default());
        self.length += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
