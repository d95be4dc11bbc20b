//! Log entries, and commands applied to a region that has seen everything before.

use std::sync::LazyLock;

use model::codec::{self, Kind};
use state::{COMMAND_VERSION, Command, Store};
use testkit::World;

use super::OPEN_LISTS;
use crate::{Target, steps};

pub const TARGET: Target = Target {
    name: "entry",
    run,
    // What a command changes is copied out of shared tables; a snapshot of the whole region is written and read.
    allowance: OPEN_LISTS + (8 << 20),
    input_max: 8192,
    seeds,
};

const ENTRY: u8 = 0;
const COMMAND: u8 = 1;
const OLDER: u8 = 2;

/// Nodes and a few hundred commands of all kinds.
pub static REGION: LazyLock<Store> = LazyLock::new(|| {
    let mut world = World::with_nodes(&["a", "b"]);
    for seed in 0..300 {
        world.try_apply(&testkit::any::<Command>(seed));
    }
    // Most of what comes after a beginning like this would be refused.
    for seed in 0..300 {
        let command = testkit::any::<Command>(seed);
        if !matches!(command, Command::BeginRestore { .. } | Command::FinishRestore { .. }) {
            world.try_apply(&command);
        }
    }
    world.store
});

fn run(input: &[u8]) {
    let mut store = REGION.clone();
    let mut twin = store.clone();
    let mut n_applied = 0;
    for (kind, bytes) in steps::split(input) {
        let version = match kind {
            ENTRY => {
                let Ok(written) = raftstore::reread_entry(&codec::wrap(Kind::LogEntry, 1, bytes)) else { continue };
                assert_eq!(raftstore::reread_entry(&written).as_ref(), Ok(&written), "the same when read again");
                continue;
            }
            COMMAND => COMMAND_VERSION,
            OLDER => 1,
            _ => continue,
        };
        let Ok(command) = Command::decode(version, bytes) else { continue };
        let written = command.encode().expect("a command has bytes");
        let again = Command::decode(COMMAND_VERSION, &written).expect("what is logged is read");
        assert_eq!(again.encode().ok(), Some(written), "the same when logged again");
        let index = store.index() + 1;
        store.apply(index, &command);
        twin.apply(index, &again);
        n_applied += 1;
    }
    if n_applied > 0 {
        same_after_snapshot(&store, &twin);
    }
}

/// A store, one that went the same way, and its snapshot are the same.
pub fn same_after_snapshot(store: &Store, twin: &Store) {
    let (own, of_twin) = (records(store), records(twin));
    assert!(sorted(&own) == sorted(&of_twin), "the same commands make the same store");
    let restored = Store::restore(own.iter().map(Vec::as_slice)).expect("a snapshot is read");
    assert!(sorted(&own) == sorted(&records(&restored)), "the same after a snapshot");
}

pub fn records(store: &Store) -> Vec<Vec<u8>> {
    store.snapshot_records().collect::<Result<_, _>>().expect("a store has records")
}

/// Some tables have no order.
pub fn sorted(records: &[Vec<u8>]) -> Vec<&[u8]> {
    let mut sorted: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    sorted.sort_unstable();
    sorted
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    let bodies: Vec<Vec<u8>> =
        (0..400).filter_map(|seed| testkit::any::<Command>(seed).encode().ok()).filter(|body| body.len() < 1500).collect();
    seeds.extend(bodies.iter().map(|body| steps::join([(COMMAND, &body[..])])));
    seeds.extend(bodies.chunks(4).take(30).map(|bodies| steps::join(bodies.iter().map(|body| (COMMAND, &body[..])))));
    seeds.extend(
        (0..100)
            .map_while(testkit::full::<Command>)
            .filter_map(|command| command.encode().ok())
            .map(|body| steps::join([(COMMAND, &body[..])])),
    );
    let hex =
        |text: &str| (0..text.len() / 2).filter_map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect::<Vec<u8>>();
    let golden = super::files(&["tests/data/formats"], &["command.v1.tsv"]);
    for line in golden.iter().flat_map(|text| text.split(|byte| *byte == b'\n')) {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        if let Some((_, body)) = line.split_once('\t') {
            seeds.push(steps::join([(OLDER, &hex(body)[..])]));
        }
    }
    for entry in [
        "0301fb2c0100",
        "0301fb2c0101010100",
        "0301fb2c010202010102010203010273310768313a343634370768313a3436343601020273320768323a343634370768323a3436343602",
    ] {
        seeds.push(steps::join([(ENTRY, &hex(entry)[..])]));
    }
    seeds
}
