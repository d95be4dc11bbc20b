//! All known records, and the digests by which two members find out what one of them lacks.
//!
//! A digest says of every author: the newest freshness, how many keys, and a sum of hashes over (key, freshness). Equal sums mean equal
//! sets, so a loss in the middle is noticed although the newest record is there. Two members with different digests first send what is
//! newer than the other's newest, in order of freshness; if they still differ then, they compare outlines: one line per key.
//!
//! A forgotten record leaves its key and freshness behind for a while. It counts in the digest like a live one, so members that forget at
//! different times still agree, and nobody brings it back.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::ops::Bound;
use std::time::Duration;

use model::{RegionId, RegionName, Uuid};
use serde::{Deserialize, Serialize};

use crate::hash;
use crate::record::{Content, Freshness, Item, MAX_KEY, Record};

/// Against a member that invents records without end.
const MAX_KEYS_PER_AUTHOR: usize = 100_000;
const MAX_AUTHORS: usize = 10_000;
/// Nobody keeps a forgotten record for longer, whatever others say.
const MAX_KEEP: Duration = Duration::from_secs(30 * 86_400);

/// What is known of one author's records, in a few bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionDigest {
    pub author: RegionId,
    pub newest: Freshness,
    pub count: u64,
    /// Sum of hashes over key and freshness; equal for equal sets.
    pub sum: u64,
}

/// What is known of all records. Members with equal digests know the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    pub regions: Vec<RegionDigest>,
}

/// The keys of one author whose hashes lie between `from` and `until`, both included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outline {
    pub(crate) author: RegionId,
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// Hash of the key, freshness.
    pub(crate) lines: Vec<(u64, Freshness)>,
}

/// What an item did to the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Merged {
    /// The record was not known before in this freshness.
    New,
    /// A live record is gone, because the others have forgotten it.
    Gone,
    /// It was not known and is forgotten already.
    Noted,
    /// As old as what is known, or older.
    Stale,
    /// Malformed, or of another cluster than the records of this author that are known.
    Refused,
}

struct Entry {
    key: Vec<u8>,
    freshness: Freshness,
    content: Held,
}

enum Held {
    Live(Vec<u8>),
    Forgotten { until: Duration },
}

#[derive(Default)]
struct Author {
    cluster: Uuid,
    /// By hash of the key: outlines are compared in this order. A collision of two keys of one author (2^-64 a pair) is refused.
    entries: BTreeMap<u64, Entry>,
    by_freshness: BTreeSet<(Freshness, u64)>,
    sum: u64,
    /// Where the next partial outline begins.
    outline_cursor: u64,
}

fn entry_hash(key_hash: u64, freshness: Freshness) -> u64 {
    hash::with(hash::with(key_hash, freshness.incarnation), freshness.seq)
}

impl Author {
    fn put(&mut self, key_hash: u64, entry: Entry) {
        let freshness = entry.freshness;
        if let Some(old) = self.entries.insert(key_hash, entry) {
            self.unlist(key_hash, old.freshness);
        }
        self.by_freshness.insert((freshness, key_hash));
        self.sum = self.sum.wrapping_add(entry_hash(key_hash, freshness));
    }

    fn unlist(&mut self, key_hash: u64, freshness: Freshness) {
        self.by_freshness.remove(&(freshness, key_hash));
        self.sum = self.sum.wrapping_sub(entry_hash(key_hash, freshness));
    }

    fn remove(&mut self, key_hash: u64) {
        if let Some(old) = self.entries.remove(&key_hash) {
            self.unlist(key_hash, old.freshness);
        }
    }

    fn newest(&self) -> Freshness {
        self.by_freshness.last().map(|(freshness, _)| *freshness).unwrap_or_default()
    }
}

#[derive(Default)]
pub(crate) struct RecordTable {
    authors: BTreeMap<RegionName, Author>,
}

impl RecordTable {
    pub(crate) fn merge(&mut self, item: Item, now: Duration) -> Merged {
        if item.key.len() > MAX_KEY || item.author.cluster.is_nil() {
            return Merged::Refused;
        }
        let full = self.authors.len() >= MAX_AUTHORS;
        let author = match self.authors.entry(item.author.name.clone()) {
            btree_map::Entry::Vacant(_) if full => return Merged::Refused,
            btree_map::Entry::Vacant(vacant) => vacant.insert(Author { cluster: item.author.cluster, ..Author::default() }),
            btree_map::Entry::Occupied(occupied) => occupied.into_mut(),
        };
        if author.cluster != item.author.cluster {
            return Merged::Refused;
        }
        let key_hash = item.key_hash();
        let before = author.entries.get(&key_hash);
        let room = author.entries.len() < MAX_KEYS_PER_AUTHOR;
        match before {
            Some(entry) if entry.key != item.key => return Merged::Refused,
            Some(entry) if entry.freshness >= item.freshness => return Merged::Stale,
            None if !room => return Merged::Refused,
            _ => {}
        }
        let was_live = before.is_some_and(|entry| matches!(entry.content, Held::Live(_)));
        let (content, merged) = match item.content {
            Content::Live(body) => (Held::Live(body), Merged::New),
            Content::Forgotten { keep_ms } => {
                let until = now.saturating_add(Duration::from_millis(keep_ms).min(MAX_KEEP));
                (Held::Forgotten { until }, if was_live { Merged::Gone } else { Merged::Noted })
            }
        };
        author.put(key_hash, Entry { key: item.key, freshness: item.freshness, content });
        merged
    }

    /// Drops a record's body and keeps it from coming back until then. `false` if there is no such record.
    pub(crate) fn forget(&mut self, author: &RegionName, key: &[u8], until: Duration) -> bool {
        let Some(entry) = self.authors.get_mut(author).and_then(|author| author.entries.get_mut(&hash::bytes(key))) else { return false };
        let live = entry.key == key && matches!(entry.content, Held::Live(_));
        if live {
            entry.content = Held::Forgotten { until };
        }
        live
    }

    /// Removes what was forgotten long enough ago, and authors without anything.
    pub(crate) fn expire(&mut self, now: Duration) {
        for author in self.authors.values_mut() {
            let expired = |entry: &Entry| matches!(entry.content, Held::Forgotten { until } if until <= now);
            let due: Vec<u64> = author.entries.iter().filter(|(_, entry)| expired(entry)).map(|(hash, _)| *hash).collect();
            due.into_iter().for_each(|hash| author.remove(hash));
        }
        self.authors.retain(|_, author| !author.entries.is_empty());
    }

    /// The cluster whose records of this author are held.
    pub(crate) fn cluster_of(&self, author: &RegionName) -> Option<Uuid> {
        self.authors.get(author).map(|author| author.cluster)
    }

    /// Removes everything of an author and returns what was live.
    pub(crate) fn drop_author(&mut self, name: &RegionName) -> Vec<(RegionId, Vec<u8>)> {
        let Some(author) = self.authors.remove(name) else { return Vec::new() };
        let id = RegionId { name: name.clone(), cluster: author.cluster };
        let live = author.entries.into_values().filter(|entry| matches!(entry.content, Held::Live(_)));
        live.map(|entry| (id.clone(), entry.key)).collect()
    }

    pub(crate) fn get(&self, author: &RegionName, key: &[u8]) -> Option<Record> {
        let held = self.authors.get(author)?;
        let entry = held.entries.get(&hash::bytes(key)).filter(|entry| entry.key == key)?;
        record(author, held, entry)
    }

    /// All live records, by author, each author's in order of freshness.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.authors.iter().flat_map(|(name, author)| {
            author.by_freshness.iter().filter_map(move |(_, hash)| author.entries.get(hash).and_then(|entry| record(name, author, entry)))
        })
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest { regions: self.authors.iter().map(|(name, author)| digest_of(name, author)).collect() }
    }

    /// `None` without any record of that author and cluster.
    pub(crate) fn region_digest(&self, author: &RegionId) -> Option<RegionDigest> {
        let held = self.authors.get(&author.name).filter(|held| held.cluster == author.cluster)?;
        Some(digest_of(&author.name, held))
    }

    /// Items newer than that, in order of freshness, up to about so many bytes.
    pub(crate) fn newer_than(&self, author: &RegionName, than: Option<Freshness>, now: Duration, budget: &mut usize) -> Vec<Item> {
        let Some(held) = self.authors.get(author) else { return Vec::new() };
        let start = match than {
            Some(freshness) => Bound::Excluded((freshness, u64::MAX)),
            None => Bound::Unbounded,
        };
        let mut items = Vec::new();
        for (_, hash) in held.by_freshness.range((start, Bound::Unbounded)) {
            let Some(entry) = held.entries.get(hash) else { continue };
            let item = item(author, held, entry, now);
            if item.size() > *budget {
                break;
            }
            *budget -= item.size();
            items.push(item);
        }
        items
    }

    /// The items with these hashes, in order of freshness, up to about so many bytes.
    pub(crate) fn with_hashes(&self, author: &RegionName, hashes: &[u64], now: Duration, budget: &mut usize) -> Vec<Item> {
        let Some(held) = self.authors.get(author) else { return Vec::new() };
        let mut entries: Vec<&Entry> = hashes.iter().filter_map(|hash| held.entries.get(hash)).collect();
        entries.sort_by_key(|entry| entry.freshness);
        let mut items = Vec::new();
        for entry in entries {
            let item = item(author, held, entry, now);
            if item.size() > *budget {
                break;
            }
            *budget -= item.size();
            items.push(item);
        }
        items
    }

    /// One line per key. With more keys than `max_lines` a part, and the next call gives the next part.
    pub(crate) fn outline(&mut self, author: &RegionId, max_lines: usize) -> Option<Outline> {
        let held = self.authors.get_mut(&author.name).filter(|held| held.cluster == author.cluster)?;
        let whole = held.entries.len() <= max_lines;
        let from = if whole { 0 } else { held.outline_cursor };
        let line = |(hash, entry): (&u64, &Entry)| (*hash, entry.freshness);
        let lines: Vec<(u64, Freshness)> = held.entries.range(from..).take(max_lines).map(line).collect();
        let ends = lines.len() < max_lines || whole;
        let until = if ends { u64::MAX } else { lines.last().map_or(u64::MAX, |(hash, _)| *hash) };
        held.outline_cursor = until.checked_add(1).unwrap_or(0);
        Some(Outline { author: author.clone(), from, until, lines })
    }

    /// Compares with another member's outline: hashes of what it lacks or has older, and of what it has newer.
    pub(crate) fn compare(&self, outline: &Outline) -> (Vec<u64>, Vec<u64>) {
        let theirs: BTreeMap<u64, Freshness> = outline.lines.iter().copied().collect();
        let empty = BTreeMap::new();
        let held = self.authors.get(&outline.author.name).filter(|held| held.cluster == outline.author.cluster);
        let ours = held.map_or(&empty, |held| &held.entries);
        let range = outline.from..=outline.until;
        let in_range = if outline.from <= outline.until { ours.range(range) } else { empty.range(..) };
        let they_lack = in_range.filter(|(hash, entry)| theirs.get(hash).is_none_or(|their| *their < entry.freshness));
        let they_lack = they_lack.map(|(hash, _)| *hash).collect();
        let we_lack = theirs.iter().filter(|(hash, their)| ours.get(hash).is_none_or(|entry| entry.freshness < **their));
        (they_lack, we_lack.map(|(hash, _)| *hash).collect())
    }
}

fn digest_of(name: &RegionName, author: &Author) -> RegionDigest {
    RegionDigest {
        author: RegionId { name: name.clone(), cluster: author.cluster },
        newest: author.newest(),
        count: author.entries.len() as u64,
        sum: author.sum,
    }
}

fn record(name: &RegionName, author: &Author, entry: &Entry) -> Option<Record> {
    let Held::Live(body) = &entry.content else { return None };
    Some(Record {
        author: RegionId { name: name.clone(), cluster: author.cluster },
        key: entry.key.clone(),
        incarnation: entry.freshness.incarnation,
        seq: entry.freshness.seq,
        body: body.clone(),
    })
}

fn item(name: &RegionName, author: &Author, entry: &Entry, now: Duration) -> Item {
    let content = match &entry.content {
        Held::Live(body) => Content::Live(body.clone()),
        Held::Forgotten { until } => {
            Content::Forgotten { keep_ms: u64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(u64::MAX) }
        }
    };
    Item { author: RegionId { name: name.clone(), cluster: author.cluster }, key: entry.key.clone(), freshness: entry.freshness, content }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn author() -> RegionId {
        RegionId { name: "west".into(), cluster: Uuid::from_u128(1) }
    }

    fn live(key: &str, seq: u64) -> Item {
        let freshness = Freshness { incarnation: 1, seq };
        Item { author: author(), key: key.into(), freshness, content: Content::Live(format!("{key}@{seq}").into()) }
    }

    fn table(items: &[Item]) -> RecordTable {
        let mut table = RecordTable::default();
        for item in items {
            table.merge(item.clone(), NOW);
        }
        table
    }

    /// Newest wins, by incarnation first; what is as old or older changes nothing.
    #[test]
    fn freshness_decides() {
        let check = |first: (u64, u64), second: (u64, u64), expected: Merged| {
            let item = |(incarnation, seq)| Item { freshness: Freshness { incarnation, seq }, ..live("a", 0) };
            let mut table = table(&[item(first)]);
            assert_eq!(table.merge(item(second), NOW), expected, "{first:?} then {second:?}");
            let newest = first.max(second);
            let kept = table.get(&"west".into(), b"a").unwrap();
            assert_eq!((kept.incarnation, kept.seq), newest);
        };
        check((1, 5), (1, 6), Merged::New);
        check((1, 5), (1, 5), Merged::Stale);
        check((1, 5), (1, 4), Merged::Stale);
        check((1, 5), (2, 1), Merged::New);
        check((2, 1), (1, 9), Merged::Stale);
    }

    /// What cannot be a record is refused: no cluster, too long a key, another cluster's author of the same name.
    #[test]
    fn refusals() {
        let mut table = table(&[live("a", 1)]);
        let nobody = RegionId { cluster: Uuid::nil(), ..author() };
        assert_eq!(table.merge(Item { author: nobody, ..live("b", 1) }, NOW), Merged::Refused);
        assert_eq!(table.merge(live(&"k".repeat(65), 1), NOW), Merged::Refused);
        let twin = RegionId { cluster: Uuid::from_u128(2), ..author() };
        assert_eq!(table.merge(Item { author: twin, ..live("a", 9) }, NOW), Merged::Refused);
        assert_eq!(table.get(&"west".into(), b"a").unwrap().seq, 1);
    }

    /// Digests are equal exactly when the same keys are known in the same freshness, whatever the order of arrival.
    #[test]
    fn digests_tell_sets_apart() {
        let items = [live("a", 1), live("b", 2), live("c", 3)];
        let reversed: Vec<Item> = items.iter().rev().cloned().collect();
        let all = table(&items).digest();
        assert_eq!(all, table(&reversed).digest());
        assert_eq!(all, table(&[live("a", 0), live("a", 1), live("b", 2), live("c", 3)]).digest(), "replaced records leave no trace");
        // The newest record is there, one before it is not.
        let hole = table(&[live("a", 1), live("c", 3)]).digest();
        assert_eq!(hole.regions[0].newest, all.regions[0].newest);
        assert_ne!(hole, all);
        assert_ne!(all, table(&[live("a", 1), live("x", 2), live("c", 3)]).digest());
    }

    /// Newer items come in order of freshness and stop at the budget.
    #[test]
    fn newer_in_order() {
        let table = table(&[live("d", 4), live("b", 2), live("c", 3), live("a", 1)]);
        let seqs = |than: u64, mut budget: usize| {
            let than = Some(Freshness { incarnation: 1, seq: than });
            let items = table.newer_than(&"west".into(), than, NOW, &mut budget);
            items.into_iter().map(|item| item.freshness.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(0, 10_000), [1, 2, 3, 4]);
        assert_eq!(seqs(2, 10_000), [3, 4]);
        assert_eq!(seqs(4, 10_000), [0u64; 0]);
        assert_eq!(seqs(0, 2 * live("a", 1).size()), [1, 2]);
    }

    /// Outlines find what each side lacks, also in parts.
    #[test]
    fn outlines_find_holes() {
        let key = |n: u64| format!("key-{n}");
        let all: Vec<Item> = (1..=50).map(|n| live(&key(n), n)).collect();
        let mut ours = table(&all.iter().filter(|item| item.freshness.seq != 7).cloned().collect::<Vec<_>>());
        let theirs: Vec<Item> = all.iter().filter(|item| item.freshness.seq != 20).cloned().collect();
        let mut theirs = table(&theirs);
        theirs.merge(Item { freshness: Freshness { incarnation: 1, seq: 60 }, ..live(&key(3), 3) }, NOW);
        for max_lines in [3, 49, 50, 1000] {
            let (mut lacking_there, mut lacking_here) = (BTreeSet::new(), BTreeSet::new());
            for _ in 0..20 {
                let outline = theirs.outline(&author(), max_lines).unwrap();
                assert!(outline.lines.len() <= max_lines);
                let (they, we) = ours.compare(&outline);
                lacking_there.extend(they);
                lacking_here.extend(we);
            }
            assert_eq!(lacking_there, BTreeSet::from([hash::bytes(key(20).as_bytes())]), "{max_lines} lines");
            let expected = BTreeSet::from([hash::bytes(key(7).as_bytes()), hash::bytes(key(3).as_bytes())]);
            assert_eq!(lacking_here, expected, "{max_lines} lines");
        }
        assert_eq!(ours.outline(&RegionId { cluster: Uuid::from_u128(9), ..author() }, 10), None);
    }

    /// A forgotten record stays forgotten against older copies, agrees with members that have not forgotten yet, and expires.
    #[test]
    fn forgetting() {
        let mut table = table(&[live("a", 1), live("b", 2)]);
        let before = table.digest();
        let until = NOW + Duration::from_secs(60);
        assert!(table.forget(&"west".into(), b"a", until));
        assert!(!table.forget(&"west".into(), b"a", until), "already forgotten");
        assert!(!table.forget(&"west".into(), b"zzz", until), "never known");
        assert_eq!(table.digest(), before);
        assert_eq!(table.get(&"west".into(), b"a"), None);
        assert_eq!(table.merge(live("a", 1), NOW), Merged::Stale);
        assert_eq!(table.merge(live("a", 3), NOW), Merged::New, "the author may say more");
        // Another member learns of it with the time that is left, and drops its own older copy.
        table.forget(&"west".into(), b"a", until);
        let mut budget = 10_000;
        let sent = table.with_hashes(&"west".into(), &[hash::bytes(b"a")], NOW + Duration::from_secs(20), &mut budget);
        assert_eq!(sent[0].content, Content::Forgotten { keep_ms: 40_000 });
        let mut other = super::tests::table(&[live("a", 1)]);
        assert_eq!(other.merge(sent[0].clone(), NOW), Merged::Gone);
        assert_eq!(other.records().count(), 0);
        table.expire(until);
        assert_eq!(table.digest().regions[0].count, 1);
    }
}
