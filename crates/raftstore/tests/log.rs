//! The log across crashes, cuts at both ends, large entries, and writers that wait together.

mod support;

use std::fs;

use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use raftstore::{Entry, LogOptions, LogStore, Types, Vote};
use support::{append, copy_directory, entry, log_id, read_all};

fn open(path: &std::path::Path) -> LogStore {
    LogStore::open(path, &LogOptions::default()).expect("log")
}

fn refusal(path: &std::path::Path) -> String {
    LogStore::open(path, &LogOptions::default()).err().map_or_else(|| "opened".to_owned(), |e| e.to_string())
}

fn indexes(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.log_id.index).collect()
}

#[tokio::test]
async fn a_killed_process_leaves_what_was_acknowledged() {
    // Each step is followed by opening a copy of the directory as it lies there, without a clean end.
    let home = tempfile::tempdir().expect("temporary directory");
    let path = home.path().join("log");
    let mut log = open(&path);
    let mut n_copies = 0;
    let mut crashed = |log: &LogStore| {
        n_copies += 1;
        let copy = home.path().join(format!("copy-{n_copies}"));
        copy_directory(log.path(), &copy);
        open(&copy)
    };

    append(&mut log, (1..=5).map(|index| entry(1, index, 10)).collect()).await.expect("append");
    log.save_vote(&Vote::new(3, 7)).await.expect("vote");
    let mut copy = crashed(&log);
    assert_eq!(read_all(&mut copy).await, (1..=5).map(|index| entry(1, index, 10)).collect::<Vec<_>>());
    assert_eq!(copy.read_vote().await.expect("vote"), Some(Vote::new(3, 7)));

    // Not waited for, and durable with whatever is waited for next.
    log.save_committed(Some(log_id(1, 4))).await.expect("committed");
    log.truncate_after(Some(log_id(1, 4))).await.expect("truncate");
    append(&mut log, vec![entry(2, 5, 10), entry(2, 6, 10)]).await.expect("append");
    let mut copy = crashed(&log);
    assert_eq!(copy.read_committed().await.expect("committed"), Some(log_id(1, 4)));
    let terms: Vec<u64> = read_all(&mut copy).await.iter().map(|entry| entry.log_id.leader_id.term).collect();
    assert_eq!(terms, [1, 1, 1, 1, 2, 2]);

    log.purge(log_id(1, 3)).await.expect("purge");
    append(&mut log, vec![entry(2, 7, 10)]).await.expect("append");
    let mut copy = crashed(&log);
    assert_eq!(indexes(&read_all(&mut copy).await), [4, 5, 6, 7]);
    let state = copy.get_log_state().await.expect("state");
    assert_eq!((state.last_purged_log_id, state.last_log_id), (Some(log_id(1, 3)), Some(log_id(2, 7))));
    append(&mut copy, vec![entry(3, 8, 10)]).await.expect("the copy goes on");
}

#[tokio::test]
async fn cuts_across_trees_leave_no_trace_and_no_hole() {
    // A tree holds 64 Ki indexes: entries on both sides of a border, truncated back over it, appended again, purged over it.
    let border = 64 << 10;
    let home = tempfile::tempdir().expect("temporary directory");
    let mut log = open(&home.path().join("log"));
    let from = border - 3;
    append(&mut log, (from..border + 3).map(|index| entry(1, index, 10)).collect()).await.expect("append");
    log.truncate_after(Some(log_id(1, border - 2))).await.expect("truncate");
    assert_eq!(indexes(&read_all(&mut log).await), [border - 3, border - 2]);
    append(&mut log, (border - 1..border + 3).map(|index| entry(2, index, 10)).collect()).await.expect("append");
    let before = read_all(&mut log).await;
    log.close().expect("close");
    let mut log = open(&home.path().join("log"));
    assert_eq!(read_all(&mut log).await, before);

    log.purge(log_id(2, border)).await.expect("purge");
    assert_eq!(indexes(&read_all(&mut log).await), [border + 1, border + 2]);
    log.close().expect("close");
    let mut log = open(&home.path().join("log"));
    assert_eq!(indexes(&read_all(&mut log).await), [border + 1, border + 2]);

    // A snapshot far ahead of the log: everything goes, and the log continues after it.
    log.purge(log_id(5, 1_000_000)).await.expect("purge");
    append(&mut log, vec![entry(5, 1_000_001, 10)]).await.expect("append");
    log.close().expect("close");
    let mut log = open(&home.path().join("log"));
    assert_eq!(indexes(&read_all(&mut log).await), [1_000_001]);
}

#[tokio::test]
async fn a_hole_is_refused_when_it_would_be_made_and_when_it_is_found() {
    // Appending beyond the end is an error and changes nothing; a log on disk with a missing entry is not opened.
    let home = tempfile::tempdir().expect("temporary directory");
    let path = home.path().join("log");
    let mut log = open(&path);
    append(&mut log, vec![entry(1, 1, 10), entry(1, 2, 10)]).await.expect("append");
    let refused = append(&mut log, vec![entry(1, 4, 10)]).await.expect_err("a hole").to_string();
    assert!(refused.contains("entry 4") && refused.contains('3'), "{refused}");
    append(&mut log, vec![entry(1, 3, 10)]).await.expect("append");
    log.close().expect("close");
    drop(log);
    edit(&path, |tree| {
        tree.remove(2u64.to_be_bytes()).expect("remove");
    });
    let message = refusal(&path);
    assert!(message.contains("after index 1 comes 3") && message.contains("joins again"), "{message}");
}

#[tokio::test]
async fn damaged_bytes_are_noticed_when_they_are_read() {
    // One flipped bit in a stored entry: opening reads only the ends, reading names the entry.
    let home = tempfile::tempdir().expect("temporary directory");
    let path = home.path().join("log");
    let log = open(&path);
    append(&mut log.clone(), (1..=3).map(|index| entry(1, index, 10)).collect()).await.expect("append");
    log.close().expect("close");
    drop(log);
    edit(&path, |tree| {
        let mut value = tree.get(2u64.to_be_bytes()).expect("get").expect("entry").to_vec();
        let last = value.len() - 1;
        value[last] ^= 1;
        tree.insert(2u64.to_be_bytes(), value).expect("insert");
    });
    let mut log = open(&path);
    let error = log.try_get_log_entries(1..4).await.expect_err("damage").to_string();
    assert!(error.contains("entry 2 of the log") && error.contains("checksum"), "{error}");
    assert_eq!(log.try_get_log_entries(3..4).await.expect("another entry").len(), 1);
}

/// Changes the first tree of entries behind the log's back.
fn edit(path: &std::path::Path, change: impl FnOnce(&sled::Tree)) {
    let config = sled::Config::new().path(path).segment_size(8 << 20).flush_every_ms(None);
    let db = config.open().expect("database");
    let tree = db.open_tree([b"log-".as_slice(), &0u64.to_be_bytes()].concat()).expect("tree");
    change(&tree);
    db.flush().expect("flush");
}

#[tokio::test]
async fn large_entries_come_back_whole_and_never_become_unsynced_files() {
    // Sizes around and far above the chunk size, overwritten by other sizes, read from memory and from disk.
    let sizes = [10, 65_000, 66_000, 131_072, 1 << 20, 5 << 20, 20, 300_000];
    let home = tempfile::tempdir().expect("temporary directory");
    let path = home.path().join("log");
    let mut log = LogStore::open(&path, &LogOptions { cache_bytes: 0, ..LogOptions::default() }).expect("log");
    let entries = |term, sizes: &[usize]| -> Vec<Entry> { (1..).zip(sizes).map(|(index, size)| entry(term, index, *size)).collect() };
    append(&mut log, entries(1, &sizes)).await.expect("append");
    assert_eq!(read_all(&mut log).await, entries(1, &sizes));
    log.truncate_after(None).await.expect("truncate");
    let mut reversed = sizes;
    reversed.reverse();
    append(&mut log, entries(2, &reversed)).await.expect("append");
    log.close().expect("close");
    let mut log = open(&path);
    assert_eq!(read_all(&mut log).await, entries(2, &reversed));
    assert_eq!(fs::read_dir(path.join("blobs")).expect("folder").count(), 0, "sled moved a page to a file that it never syncs");
}

#[tokio::test]
async fn memory_is_bounded_and_reads_do_not_depend_on_it() {
    // The same reads with everything, something and nothing in memory; messages to followers are bounded in bytes but never empty.
    for cache_bytes in [0, 2_000, 1 << 30] {
        let home = tempfile::tempdir().expect("temporary directory");
        let options = LogOptions { cache_bytes, message_bytes_max: 1_000, ..LogOptions::default() };
        let mut log = LogStore::open(home.path().join("log"), &options).expect("log");
        for index in 1..=40 {
            append(&mut log, vec![entry(1, index, 100)]).await.expect("append");
        }
        for (first, end) in [(0, 100), (1, 2), (20, 21), (5, 35), (40, 41), (41, 50), (7, 7)] {
            let expected: Vec<u64> = (first.max(1)..end.min(41)).collect();
            assert_eq!(indexes(&log.try_get_log_entries(first..end).await.expect("read")), expected, "{first}..{end} with {cache_bytes}");
        }
        for first in [1, 20, 30, 40] {
            let some = indexes(&log.limited_get_log_entries(first, 41).await.expect("read"));
            assert!(some.first() == Some(&first) && some.len() <= 10, "{some:?} with {cache_bytes}");
            assert!(some.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{some:?}");
        }
        append(&mut log, vec![entry(1, 41, 5_000)]).await.expect("append");
        assert_eq!(log.limited_get_log_entries(41, 42).await.expect("read").len(), 1, "one entry, however large");
    }
}

#[tokio::test]
async fn writers_that_wait_share_a_barrier() {
    // 2,000 appends are asked for without waiting: far fewer barriers than entries, and every entry acknowledged in order.
    let home = tempfile::tempdir().expect("temporary directory");
    let mut log = open(&home.path().join("log"));
    let mut answers = Vec::new();
    for index in 1..=2_000 {
        let (sender, receiver) = Types::oneshot();
        log.append(vec![entry(1, index, 100)], IOFlushed::<Types>::signal(sender)).await.expect("append");
        assert_eq!(log.try_get_log_entries(index..index + 1).await.expect("read").len(), 1, "readable before it is durable");
        answers.push(receiver);
    }
    for answer in answers {
        answer.await.expect("an answer").expect("durable");
    }
    let stats = log.stats();
    assert_eq!(stats.n_entries, 2_000);
    assert!(stats.n_batches * 4 < stats.n_entries, "{stats:?}");
}

#[tokio::test]
async fn a_vote_is_never_on_disk_later_than_what_follows_it() {
    // Appends that are not waited for, a vote, more appends: when the vote is answered, what was asked for before it is there too.
    let home = tempfile::tempdir().expect("temporary directory");
    let mut log = open(&home.path().join("log"));
    for round in 0..20u64 {
        let first = round * 10 + 1;
        log.append((first..first + 10).map(|index| entry(round, index, 50)), IOFlushed::<Types>::noop()).await.expect("append");
        let vote = Vote::new_committed(round + 1, 1);
        log.save_vote(&vote).await.expect("vote");
        if round % 5 == 0 {
            let copy = home.path().join(format!("copy-{round}"));
            copy_directory(log.path(), &copy);
            let mut copy = open(&copy);
            assert_eq!(copy.read_vote().await.expect("vote"), Some(vote));
            assert_eq!(read_all(&mut copy).await.len() as u64, first + 9);
        }
    }
}

#[tokio::test]
async fn a_closed_log_refuses_in_words() {
    // After closing, every call fails and says why; nothing hangs.
    let home = tempfile::tempdir().expect("temporary directory");
    let mut log = open(&home.path().join("log"));
    append(&mut log, vec![entry(1, 1, 10)]).await.expect("append");
    log.close().expect("close");
    assert!(log.save_vote(&Vote::new(1, 1)).await.expect_err("closed").to_string().contains("closed"));
    assert!(append(&mut log, vec![entry(1, 2, 10)]).await.expect_err("closed").to_string().contains("closed"));
    log.close().expect("closing twice is closing once");
}
