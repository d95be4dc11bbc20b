//! Snapshots: archives as people bring them, bodies as servers keep them, and the records in them.

use std::io::Write as _;
use std::path::Path;

use model::codec::{self, Kind};
use state::snapshot::{RECORD_VERSION, Restoring};

use super::OPEN_LISTS;
use super::entry::{REGION, same_after_snapshot};
use crate::{Target, steps};

pub const TARGET: Target = Target {
    name: "snapshot",
    run,
    // A buffer of 256 KiB for the file; the small files of an archive, 1 MiB each.
    allowance: OPEN_LISTS + (4 << 20),
    input_max: 8192,
    seeds,
};

/// As it is.
const ARCHIVE: u8 = 0;
/// The tar inside of an archive.
const TAR: u8 = 1;
/// A part of a body: its kind and payload.
const PART_META: u8 = 2;
const PART_RECORD: u8 = 3;
const PART_END: u8 = 4;
/// A record of the older shapes.
const OLDER: u8 = 5;

fn run(input: &[u8]) {
    let mut body = b"STEPPES1".to_vec();
    let mut n_records = 0u64;
    for (kind, bytes) in steps::split(input) {
        match kind {
            ARCHIVE => archive(bytes),
            TAR => archive(&gzip(bytes)),
            PART_META => part(&mut body, 1, &codec::wrap(Kind::SnapshotMeta, 1, bytes)),
            PART_RECORD | OLDER => {
                let record = codec::wrap(Kind::SnapshotRecord, if kind == OLDER { 1 } else { RECORD_VERSION }, bytes);
                let length = (record.len() as u32).to_le_bytes();
                part(&mut body, 2, &[&length[..], &record].concat());
                n_records += 1;
            }
            PART_END => part(&mut body, 3, &n_records.to_le_bytes()),
            // A part that nobody expects.
            other => part(&mut body, other, bytes),
        }
    }
    records(&body);
}

/// As a server restores it, and then goes on with it.
fn records(body: &[u8]) {
    let mut restoring = Restoring::default();
    let mut n_records = 0;
    let read = raftstore::read_records(body, Path::new("state.bin"), |record| {
        n_records += 1;
        restoring.add(record).map_err(|error| error.to_string())
    });
    if read.is_err() || n_records == 0 {
        return;
    }
    let mut store = restoring.finish();
    same_after_snapshot(&store, &store);
    for seed in 0..12 {
        store.apply(store.index().saturating_add(1), &testkit::any(seed));
    }
}

fn archive(bytes: &[u8]) {
    let mut state = Vec::new();
    // What a state holds goes to a file in the product; here, no more of it is kept than an input may.
    if api::archive::read(bytes, Bounded(&mut state)).is_ok() {
        records(&state);
    }
}

struct Bounded<'a>(&'a mut Vec<u8>);

impl std::io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > 64 << 10 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("a vector can be written")
}

fn part(body: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    body.push(kind);
    body.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    body.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    body.extend_from_slice(payload);
}

fn seeds() -> Vec<Vec<u8>> {
    // Nobody yet, and no log.
    const META: &[u8] = &[1, 3, 1, 251, 43, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 2, b's', b'1', 1, b'h', 1, b'h', 1];
    let mut seeds = Vec::new();
    let bare = |record: &Vec<u8>| record.get(codec::HEADER..).unwrap_or_default().to_vec();
    let bodies: Vec<Vec<u8>> =
        REGION.snapshot_records().flatten().map(|record| bare(&record)).filter(|record| record.len() < 1500).collect();
    let whole = |records: &[Vec<u8>]| {
        let steps = records.iter().map(|record| (PART_RECORD, &record[..]));
        steps::join(std::iter::once((PART_META, META)).chain(steps).chain(std::iter::once((PART_END, &b""[..]))))
    };
    seeds.extend(bodies.chunks(5).map(&whole));
    let some: Vec<Vec<u8>> = bodies.iter().step_by(7).take(8).cloned().collect();
    seeds.push(whole(&some));
    let mut body = b"STEPPES1".to_vec();
    part(&mut body, 1, &codec::wrap(Kind::SnapshotMeta, 1, META));
    part(&mut body, 3, &0u64.to_le_bytes());
    let meta = api::archive::ArchiveMeta { index: 7, term: 2, size: body.len() as u64, ..Default::default() };
    let mut bytes = Vec::new();
    if api::archive::write(&mut bytes, &meta, &body[..]).is_ok() {
        seeds.push(steps::join([(ARCHIVE, &bytes[..])]));
        let mut tar = Vec::new();
        if std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut tar).is_ok() {
            seeds.push(steps::join([(TAR, &tar[..])]));
        }
    }
    seeds
}
