//! openraft's own test suite for stores, run against this one.

use std::sync::Arc;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};

use crate::log::{LogOptions, LogStore};
use crate::machine::Machine;
use crate::snapshot::SnapshotStore;
use crate::types::Types;

struct Builder;

impl StoreBuilder<Types, LogStore, Machine, tempfile::TempDir> for Builder {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, Machine), StorageError<Types>> {
        let home = tempfile::tempdir().expect("temporary directory");
        let log = LogStore::open(home.path().join("log"), &LogOptions::default()).expect("log");
        let snapshots = SnapshotStore::open(&home.path().join("snapshots"), log.clone()).expect("snapshots");
        Ok((home, log, Machine::new(snapshots, Arc::new(|_| ()), false, Default::default())))
    }
}

#[test]
fn openraft_accepts_the_store() {
    // Some forty checks of what openraft relies on: log bounds, marks, truncation, purging, replay, snapshots.
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    runtime.block_on(Suite::test_all(Builder)).expect("a store that openraft accepts");
}
