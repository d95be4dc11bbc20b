//! Where things lie in the database: trees of 64 Ki indexes each, so that purging drops whole trees instead of deleting keys, which sled
//! does slowly and without giving the space back.

use std::ops::RangeInclusive;

/// Indexes per tree.
pub(super) const SPAN: u64 = 64 << 10;

/// Vote, commit mark and purge mark; and the catalogue of snapshots.
pub(super) const META: &[u8] = b"meta";
pub(super) const META_CHUNKS: &[u8] = b"metachunks";
pub(super) const VOTE: &[u8] = b"vote";
pub(super) const COMMITTED: &[u8] = b"committed";
pub(super) const PURGED: &[u8] = b"purged";
pub(super) const SNAPSHOT_PREFIX: &[u8] = b"snapshot/";

const ENTRIES: &[u8] = b"log-";
const CHUNKS: &[u8] = b"big-";

/// The first index of the tree that holds `index`.
pub(super) fn start_of(index: u64) -> u64 {
    index - index % SPAN
}

/// The indexes that the tree beginning at `start` can hold.
pub(super) fn indexes_of(start: u64) -> RangeInclusive<u64> {
    start..=start.saturating_add(SPAN - 1)
}

/// The name of the tree of entries that begins at `start`.
pub(super) fn entries_tree(start: u64) -> Vec<u8> {
    [ENTRIES, &start.to_be_bytes()].concat()
}

/// The name of the tree with the chunks of those entries.
pub(super) fn chunks_tree(start: u64) -> Vec<u8> {
    [CHUNKS, &start.to_be_bytes()].concat()
}

/// The start of the tree of entries or chunks with that name, or nothing if it is another tree.
pub(super) fn start_in_name(name: &[u8]) -> Option<u64> {
    name.strip_prefix(ENTRIES).or_else(|| name.strip_prefix(CHUNKS)).and_then(index)
}

/// The index that a key stands for.
pub(super) fn index(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}
