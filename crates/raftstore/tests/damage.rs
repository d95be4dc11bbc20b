//! A damaged file in a server's directory: it is noticed when the directory is opened, or it did no harm. Never is it opened with less than
//! what was acknowledged, and never does it take the process down.

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use raftstore::{Replica, ReplicaOptions, Role, SnapshotPolicy};
use support::{Cable, has, marker, node, quick};

const N_MARKERS: u64 = 60;

fn size_of(n: u64) -> usize {
    [40, 700, 9_000][(n % 3) as usize]
}

async fn open(directory: &Path) -> Result<Replica, raftstore::Error> {
    open_with(directory, 1_000).await
}

async fn open_with(directory: &Path, n_entries_max: u64) -> Result<Replica, raftstore::Error> {
    let options = ReplicaOptions { snapshot: SnapshotPolicy { n_entries_max, n_bytes_max: 1 << 30 }, n_entries_kept: 5, ..quick() };
    let cable = Arc::new(Cable::default());
    Replica::open(directory, 1, options, cable.plug(1), Arc::new(|_| ())).await
}

/// `None`: everything that was acknowledged is there. Else what a person is told, or that nobody is told anything.
async fn look(directory: &Path) -> Option<String> {
    let replica = match open(directory).await {
        Ok(replica) => replica,
        Err(error) => return Some(error.to_string()),
    };
    let mut leadership = replica.watch_leadership();
    let leads = async {
        let _ = leadership.wait_for(|now| now.role == Role::Leader).await;
    };
    let told = tokio::select! {
        reason = replica.watch_fatal() => Some(reason),
        led = tokio::time::timeout(Duration::from_secs(30), leads) => led.err().map(|_| "SILENT: it does not lead".to_owned()),
    };
    let view = replica.view();
    let lost = (0..N_MARKERS).filter(|n| !has(&view, *n, size_of(*n))).count();
    let _ = replica.shutdown().await;
    told.or_else(|| (lost > 0).then(|| format!("SILENT: {lost} acknowledged writes are lost")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_refused_in_words() {
    // One flipped bit at places all over the file, an end that is cut off, files that are gone. sled takes most of it for the end of a log
    // that a crash cut short.
    let home = tempfile::tempdir().expect("temporary directory");
    let whole = home.path().join("whole");
    let replica = open(&whole).await.expect("replica");
    replica.initialize([(1, node(1))].into()).await.expect("founded");
    replica.watch_leadership().wait_for(|now| now.role == Role::Leader).await.expect("leader");
    for n in 0..N_MARKERS {
        replica.propose(marker(n, size_of(n))).await.expect("written");
    }
    replica.shutdown().await.expect("clean end");
    assert_eq!(look(&whole).await, None, "without damage it opens");
    support::copy_directory(&whole, &home.path().join("again"));
    assert_eq!(look(&home.path().join("again")).await, None);

    let database = "log/db";
    let bytes = fs::read(whole.join(database)).expect("a database");
    let used: Vec<usize> = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, _)| at).collect();
    let last = used.last().copied().expect("not empty");
    let mut rows: Vec<(String, Vec<u8>)> = (0..24)
        .map(|step| {
            let at = used[used.len() * step / 24];
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            (format!("a bit at {at} of {last}"), damaged)
        })
        .collect();
    rows.extend([0, 100, last / 2].map(|cut| (format!("cut off at {cut}"), bytes[..cut].to_vec())));
    rows.push(("other bytes".to_owned(), vec![0xa5; bytes.len()]));
    let mut n_refused = 0;
    for (row, damaged) in rows {
        let copy = home.path().join("copy");
        support::copy_directory(&whole, &copy);
        fs::write(copy.join(database), damaged).expect("written");
        if let Some(told) = look(&copy).await {
            assert!(told.contains("damaged") && told.contains("empty data_dir"), "{row}: {told}");
            n_refused += 1;
        }
        fs::remove_dir_all(copy).expect("removed");
    }
    assert!(n_refused > 20, "most of it does harm: {n_refused}");
    fs::remove_file(whole.join(database)).expect("removed");
    let told = look(&whole).await.unwrap_or_default();
    assert!(told.contains("damaged") && told.contains("empty data_dir"), "without a database: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_refused_in_words() {
    // the newest snapshot, on which the log relies: flipped bits, a cut off end, another's bytes, gone
    let home = tempfile::tempdir().expect("temporary directory");
    let whole = home.path().join("whole");
    let replica = open_with(&whole, 20).await.expect("replica");
    replica.initialize([(1, node(1))].into()).await.expect("founded");
    replica.watch_leadership().wait_for(|now| now.role == Role::Leader).await.expect("leader");
    for n in 0..N_MARKERS {
        replica.propose(marker(n, size_of(n))).await.expect("written");
    }
    support::eventually("the log is cut", || replica.status().purged_index > 0).await;
    replica.shutdown().await.expect("clean end");
    assert_eq!(look(&whole).await, None, "without damage it opens");
    let newest = fs::read_dir(whole.join("snapshots")).expect("snapshots").map(|entry| entry.expect("an entry").path()).max().expect("one");
    let bytes = fs::read(&newest).expect("a snapshot");
    let flip = |at: usize| {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x01;
        Some(damaged)
    };
    let mut rows: Vec<(String, Option<Vec<u8>>)> =
        (0..12).map(|step| (bytes.len() - 1) * step / 11).map(|at| (format!("a bit at {at}"), flip(at))).collect();
    rows.extend([0, 1, bytes.len() / 2, bytes.len() - 1].map(|cut| (format!("cut off at {cut}"), Some(bytes[..cut].to_vec()))));
    rows.push(("other bytes".to_owned(), Some(vec![0xa5; bytes.len()])));
    rows.push(("gone".to_owned(), None));
    for (row, damaged) in rows {
        let copy = home.path().join("copy");
        support::copy_directory(&whole, &copy);
        let file = copy.join("snapshots").join(newest.file_name().expect("a name"));
        match damaged {
            Some(bytes) => fs::write(file, bytes).expect("written"),
            None => fs::remove_file(file).expect("removed"),
        }
        let told = look(&copy).await.unwrap_or_default();
        assert!(told.contains("damaged") && told.contains("empty data_dir"), "{row}: {told:?}");
        fs::remove_dir_all(copy).expect("removed");
    }
}
