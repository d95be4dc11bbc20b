//! What of the log is in memory: its bounds, the marks, and the newest entries. Pure: no disk, no clock.
//!
//! Entries that are not in the database yet are always here; of the others the newest stay, up to a number of bytes, since replication and
//! apply mostly read what was just appended.

use std::collections::VecDeque;

use crate::types::{Entry, LogId, Vote};

/// The in-memory side of the log.
pub(super) struct Recent {
    pub vote: Option<Vote>,
    pub committed: Option<LogId>,
    pub purged: Option<LogId>,
    pub last: Option<LogId>,
    /// The first index that the log contains, or would contain.
    first: u64,
    /// Entries with their stored length; contiguous, ending at `last`.
    entries: VecDeque<(Entry, usize)>,
    n_bytes: usize,
    bytes_max: usize,
    /// All entries up to this index can be read from the database.
    stored: Option<u64>,
    /// Changes whenever entries vanish, so that a reader can tell why it missed some.
    cuts: u64,
}

impl Recent {
    pub(super) fn new(
        vote: Option<Vote>,
        committed: Option<LogId>,
        purged: Option<LogId>,
        first: Option<u64>,
        last: Option<LogId>,
        bytes_max: usize,
    ) -> Recent {
        let first = first.unwrap_or_else(|| purged.map_or(0, |id| id.index + 1));
        let stored = last.map(|id| id.index);
        Recent { vote, committed, purged, last, first, entries: VecDeque::new(), n_bytes: 0, bytes_max, stored, cuts: 0 }
    }

    /// Changes whenever entries vanish.
    pub(super) fn cuts(&self) -> u64 {
        self.cuts
    }

    /// The first index that the log contains, or would contain.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The index that the next entry must have, or nothing if the log is empty and may begin anywhere.
    pub(super) fn next_index(&self) -> Option<u64> {
        self.last.max(self.purged).map(|id| id.index + 1)
    }

    /// Adds the entry with index [`Recent::next_index`].
    pub(super) fn push(&mut self, entry: Entry, n_bytes: usize) {
        if self.next_index().is_none() {
            self.first = entry.log_id.index;
        }
        self.last = Some(entry.log_id);
        self.n_bytes += n_bytes;
        self.entries.push_back((entry, n_bytes));
        self.evict();
    }

    /// Entries up to `index` are in the database.
    pub(super) fn mark_stored(&mut self, index: u64) {
        self.stored = self.stored.max(Some(index));
        self.evict();
    }

    /// Removes the entries after `last`. To be called before and after they are removed from the database: before, since nobody may read
    /// an entry that is about to vanish; after, since earlier appends may have reached the database in between.
    pub(super) fn truncate(&mut self, last: Option<LogId>) {
        self.cuts += 1;
        let keep = last.map(|id| id.index);
        if self.last.map(|id| id.index) <= keep {
            return;
        }
        while let Some((entry, n_bytes)) = self.entries.pop_back() {
            if Some(entry.log_id.index) <= keep {
                self.entries.push_back((entry, n_bytes));
                break;
            }
            self.n_bytes -= n_bytes;
        }
        self.last = last.filter(|id| Some(id.index) > self.purged.map(|purged| purged.index)).or(self.purged);
        self.stored = self.stored.min(keep);
    }

    /// Removes the entries up to `upto`.
    pub(super) fn purge(&mut self, upto: LogId) {
        self.cuts += 1;
        self.purged = self.purged.max(Some(upto));
        self.first = self.first.max(upto.index + 1);
        while let Some((entry, n_bytes)) = self.entries.pop_front() {
            if entry.log_id.index > upto.index {
                self.entries.push_front((entry, n_bytes));
                break;
            }
            self.n_bytes -= n_bytes;
        }
        if self.last.map(|id| id.index) <= Some(upto.index) {
            self.last = Some(upto);
        }
        self.stored = self.stored.max(Some(upto.index));
    }

    /// The part of `first..end` that is in memory, until it exceeds `bytes_max` (but at least one), and the end of the part below it that
    /// must be read from the database first.
    pub(super) fn get(&self, first: u64, end: u64, bytes_max: usize) -> (u64, Vec<Entry>) {
        let begin = self.entries.front().map_or(end, |(entry, _)| entry.log_id.index);
        if begin > first {
            // The lower part fills the answer's budget first; what memory holds follows when it fits.
            let database_end = begin.min(end);
            return (database_end, self.take(database_end, end, bytes_max));
        }
        (first, self.take(first, end, bytes_max))
    }

    fn take(&self, first: u64, end: u64, bytes_max: usize) -> Vec<Entry> {
        let Some((front, _)) = self.entries.front() else { return Vec::new() };
        let skip = first.saturating_sub(front.log_id.index) as usize;
        let mut n_bytes = 0;
        let mut taken = Vec::new();
        for (entry, length) in self.entries.iter().skip(skip) {
            n_bytes += length;
            if entry.log_id.index >= end || (n_bytes > bytes_max && !taken.is_empty()) {
                break;
            }
            taken.push(entry.clone());
        }
        taken
    }

    fn evict(&mut self) {
        while self.n_bytes > self.bytes_max {
            match self.entries.front() {
                Some((entry, n_bytes)) if Some(entry.log_id.index) <= self.stored => {
                    self.n_bytes -= n_bytes;
                    self.entries.pop_front();
                }
                _ => return,
            }
        }
    }
}
