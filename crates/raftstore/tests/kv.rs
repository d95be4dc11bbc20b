//! The node agent's store across crashes, with large values, and with writers that wait together.

mod support;

use raftstore::{Error, KeyChange, LocalStore};
use support::copy_directory;

fn pairs(found: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<(String, usize)> {
    found.into_iter().map(|(key, value)| (String::from_utf8_lossy(&key).into_owned(), value.len())).collect()
}

#[test]
fn what_was_put_is_found_again_after_a_crash() {
    // Values of all sizes put, replaced and deleted; a copy of the directory as a killed process leaves it has the same.
    let home = tempfile::tempdir().expect("temporary directory");
    let store = LocalStore::open(home.path().join("store")).expect("store");
    let large = |byte: u8, length: usize| vec![byte; length];
    store.put("allocs", b"a/1", b"one").expect("put");
    store.put("allocs", b"a/2", &large(1, 300_000)).expect("put");
    store.put("allocs", b"b/1", b"other prefix").expect("put");
    store.put("other", b"a/1", b"other tree").expect("put");
    // Large by larger, larger by small, small by large, the same again; and deleted ones.
    for (key, first, second) in [("x", 70_000, 200_000), ("y", 200_000, 3), ("z", 3, 70_000), ("w", 90_000, 90_000), ("v", 90_000, 0)] {
        store.put("sizes", key.as_bytes(), &large(2, first)).expect("put");
        store.put("sizes", key.as_bytes(), &large(2, second)).expect("put");
    }
    store.put("sizes", b"gone", &large(3, 100_000)).expect("put");
    store.delete("sizes", b"gone").expect("delete");
    store.put_durable("allocs", b"a/3", b"three").expect("put");

    let copy = home.path().join("copy");
    copy_directory(&home.path().join("store"), &copy);
    let copy = LocalStore::open(copy).expect("copy");
    for (name, store) in [("running", &store), ("copy", &copy)] {
        assert_eq!(
            pairs(store.scan("allocs", b"a/").expect("scan")),
            [("a/1".to_owned(), 3), ("a/2".to_owned(), 300_000), ("a/3".to_owned(), 5)],
            "{name}"
        );
        assert_eq!(store.get("other", b"a/1").expect("get").as_deref(), Some(b"other tree".as_slice()), "{name}");
        assert_eq!(store.get("other", b"a/2").expect("get"), None, "{name}");
        let sizes = pairs(store.scan("sizes", b"").expect("scan"));
        let expected = [("v", 0), ("w", 90_000), ("x", 200_000), ("y", 3), ("z", 70_000)];
        assert_eq!(sizes, expected.map(|(key, size)| (key.to_owned(), size)), "{name}");
        assert_eq!(store.get("sizes", b"w").expect("get"), Some(large(2, 90_000)), "{name}");
    }
}

#[test]
fn changes_of_one_write_happen_together_and_close_lets_go() {
    // Two keys swap their values; then the store is closed, refuses, and can be opened again by the same process.
    let home = tempfile::tempdir().expect("temporary directory");
    let store = LocalStore::open(home.path()).expect("store");
    store.write("t", vec![KeyChange::put("a", "1"), KeyChange::put("b", "2")], false).expect("write");
    store.write("t", vec![KeyChange::put("a", "2"), KeyChange::delete("b")], true).expect("write");
    store.close().expect("close");
    assert!(matches!(store.get("t", b"a"), Err(Error::Closed)));
    assert!(matches!(store.put("t", b"a", b"3"), Err(Error::Closed)));
    let store = LocalStore::open(home.path()).expect("opened again");
    assert_eq!(pairs(store.scan("t", b"").expect("scan")), [("a".to_owned(), 1)]);
}

#[test]
fn durable_writers_share_barriers() {
    // 16 threads with 50 durable writes each: far fewer fsyncs than writes, and nothing is missing.
    let home = tempfile::tempdir().expect("temporary directory");
    let store = LocalStore::open(home.path()).expect("store");
    let before = store.n_barriers();
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..50 {
                    store.put_durable("t", format!("{thread}/{n}").as_bytes(), b"value").expect("put");
                }
            });
        }
    });
    assert_eq!(store.scan("t", b"").expect("scan").len(), 800);
    let n_barriers = store.n_barriers() - before;
    assert!(n_barriers < 500, "{n_barriers} barriers for 800 writes of 16 threads");
}

#[tokio::test]
async fn asynchronous_code_sees_the_same_store() {
    // Written through one handle, read through the other.
    let home = tempfile::tempdir().expect("temporary directory");
    let store = LocalStore::open(home.path()).expect("store");
    let shared = store.shared();
    shared.put_durable("t", b"k".to_vec(), b"v".to_vec()).await.expect("put");
    assert_eq!(store.get("t", b"k").expect("get").as_deref(), Some(b"v".as_slice()));
    assert_eq!(shared.get("t", b"k".to_vec()).await.expect("get").as_deref(), Some(b"v".as_slice()));
    assert_eq!(shared.scan("t", b"".to_vec()).await.expect("scan").len(), 1);
}
