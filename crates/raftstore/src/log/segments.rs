//! The log's trees in the database: reading ranges, appending, cutting at both ends. Blocking; used by the writer's thread and by readers
//! on blocking threads.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::keys;
use crate::engine::{Changes, Engine, Tree, sled_error};
use crate::error::Error;
use crate::value::{self, Pair};

/// An entry in its stored bytes.
pub(super) struct Encoded {
    pub index: u64,
    pub bytes: Vec<u8>,
}

struct Segment {
    entries: Tree,
    chunks: Tree,
}

/// The trees, by the first index each can hold.
pub(super) struct Segments {
    engine: Engine,
    /// Readers hold the lock while they read, so that no tree is dropped under them.
    trees: RwLock<BTreeMap<u64, Segment>>,
    meta: Tree,
    meta_chunks: Tree,
}

impl Segments {
    pub(super) fn open(engine: Engine) -> Result<Segments, Error> {
        let mut trees = BTreeMap::new();
        for name in engine.tree_names() {
            // A purge that was cut short may have left only the chunks.
            if let Some(start) = keys::start_in_name(&name) {
                trees.insert(start, Segment::open(&engine, start)?);
            }
        }
        let meta = engine.tree(keys::META)?;
        let meta_chunks = engine.tree(keys::META_CHUNKS)?;
        Ok(Segments { engine, trees: RwLock::new(trees), meta, meta_chunks })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A value of the meta tree.
    pub(super) fn get_meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.meta.get(key).map_err(|e| sled_error("read a mark", e))? {
            Some(stored) => self.read_meta(key, &stored).map(Some),
            None => Ok(None),
        }
    }

    /// All values of the meta tree whose key begins with `prefix`, in the keys' order.
    pub(super) fn scan_meta(&self, prefix: &[u8]) -> Result<Vec<Pair>, Error> {
        let mut found = Vec::new();
        for item in self.meta.scan_prefix(prefix) {
            let (key, stored) = item.map_err(|e| sled_error("read a mark", e))?;
            let value = self.read_meta(&key, &stored)?;
            found.push((key.to_vec(), value));
        }
        Ok(found)
    }

    fn read_meta(&self, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, Error> {
        value::read(stored, key, Some(&self.meta_chunks), || format!("the log's mark {:?}", String::from_utf8_lossy(key)))
    }

    /// Sets or removes a value of the meta tree.
    pub(super) fn set_meta(&self, key: &[u8], new: Option<&[u8]>) -> Result<(), Error> {
        let mut main = Changes::default();
        let mut chunks = Changes::default();
        match new {
            Some(new) => value::insert(&mut main, &mut chunks, key, key, new),
            None => main.remove(key),
        }
        chunks.apply_in_order(&self.meta_chunks).map_err(|e| sled_error("write a mark", e))?;
        main.apply_at_once(&self.meta).map_err(|e| sled_error("write a mark", e))
    }

    /// Checks that the indexes after `purged` have no hole, and returns the first and the last of them.
    pub(super) fn check_contiguous(&self, purged: Option<u64>) -> Result<Option<(u64, u64)>, Error> {
        let from = purged.map_or(0, |index| index.saturating_add(1));
        let mut range: Option<(u64, u64)> = None;
        for segment in self.read_guard().range(keys::start_of(from)..).map(|(_, segment)| segment) {
            for key in segment.entries.range(from.to_be_bytes()..).keys() {
                let key = key.map_err(|e| sled_error("read the log", e))?;
                let index = keys::index(&key).ok_or_else(|| Error::corrupt("the log", "it has a key that is no index"))?;
                range = match range {
                    None => Some((index, index)),
                    Some((first, last)) if last + 1 == index => Some((first, index)),
                    Some((_, last)) => {
                        return Err(Error::corrupt("the log", format!("after index {last} comes {index}: entries between are missing")));
                    }
                };
            }
        }
        match (range, purged) {
            (Some((first, _)), Some(purged)) if first != purged + 1 => {
                Err(Error::corrupt("the log", format!("it is purged up to {purged}, but goes on at {first}")))
            }
            _ => Ok(range),
        }
    }

    /// The stored bytes of entries `first..end`, as far as they are there, until they reach `bytes_max`.
    pub(super) fn read(&self, first: u64, end: u64, bytes_max: usize) -> Result<Vec<Encoded>, Error> {
        let mut found: Vec<Encoded> = Vec::new();
        if first >= end {
            return Ok(found);
        }
        let mut n_bytes = 0;
        for segment in self.read_guard().range(keys::start_of(first)..end).map(|(_, segment)| segment) {
            for item in segment.entries.range(first.to_be_bytes()..end.to_be_bytes()) {
                let (key, stored) = item.map_err(|e| sled_error("read the log", e))?;
                let index = keys::index(&key).ok_or_else(|| Error::corrupt("the log", "it has a key that is no index"))?;
                let bytes = value::read(&stored, &key, Some(&segment.chunks), || format!("entry {index} of the log"))?;
                n_bytes += bytes.len();
                found.push(Encoded { index, bytes });
                if n_bytes >= bytes_max {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// Appends entries with rising indexes. They are in the database when this returns, and durable after the next barrier.
    pub(super) fn append(&self, entries: &[Encoded]) -> Result<(), Error> {
        let mut rest = entries;
        while let Some(first) = rest.first() {
            let start = keys::start_of(first.index);
            let in_tree = rest.partition_point(|entry| keys::indexes_of(start).contains(&entry.index));
            let (now, later) = rest.split_at(in_tree);
            rest = later;
            let mut main = Changes::default();
            let mut chunks = Changes::default();
            for entry in now {
                let key = entry.index.to_be_bytes();
                value::insert(&mut main, &mut chunks, &key, &key, &entry.bytes);
            }
            self.ensure(start)?;
            let trees = self.read_guard();
            let Some(segment) = trees.get(&start) else { return Err(Error::Closed) };
            chunks.apply_in_order(&segment.chunks).map_err(|e| sled_error("append to the log", e))?;
            // A crash may leave some of the first ones: nobody was told of any of them.
            main.apply_in_order(&segment.entries).map_err(|e| sled_error("append to the log", e))?;
        }
        Ok(())
    }

    /// Removes the entries from index `from` on, the last ones first, so that a crash in between leaves no hole.
    pub(super) fn truncate(&self, from: u64) -> Result<(), Error> {
        for segment in self.read_guard().range(keys::start_of(from)..).map(|(_, segment)| segment).rev() {
            for tree in [&segment.entries, &segment.chunks] {
                let mut changes = Changes::default();
                for key in tree.range(from.to_be_bytes()..).keys().rev() {
                    changes.remove(key.map_err(|e| sled_error("truncate the log", e))?);
                }
                changes.apply_in_order(tree).map_err(|e| sled_error("truncate the log", e))?;
            }
        }
        Ok(())
    }

    /// Drops the trees that hold nothing above `upto`, the first ones first. The purge mark must be durable by then.
    pub(super) fn purge(&self, upto: u64) -> Result<(), Error> {
        let mut trees = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<u64> = trees.keys().copied().filter(|start| *keys::indexes_of(*start).end() <= upto).collect();
        for start in gone {
            trees.remove(&start);
            self.engine.drop_tree(&keys::entries_tree(start))?;
            self.engine.drop_tree(&keys::chunks_tree(start))?;
        }
        Ok(())
    }

    fn ensure(&self, start: u64) -> Result<(), Error> {
        if self.read_guard().contains_key(&start) {
            return Ok(());
        }
        let segment = Segment::open(&self.engine, start)?;
        self.trees.write().unwrap_or_else(PoisonError::into_inner).insert(start, segment);
        Ok(())
    }

    fn read_guard(&self) -> RwLockReadGuard<'_, BTreeMap<u64, Segment>> {
        self.trees.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Segment {
    fn open(engine: &Engine, start: u64) -> Result<Segment, Error> {
        Ok(Segment { entries: engine.tree(&keys::entries_tree(start))?, chunks: engine.tree(&keys::chunks_tree(start))? })
    }
}
