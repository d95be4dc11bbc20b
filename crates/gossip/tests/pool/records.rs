//! Records reach everybody, the freshest wins, and digests heal what was lost.

use std::collections::BTreeSet;
use std::time::Duration;

use gossip::{Config, Error, Record};
use model::RegionId;

use crate::sim::{Network, region_id, seconds, seeds};

fn holds(network: &Network, n_records: usize) -> bool {
    network.running().all(|server| server.records.len() == n_records)
}

/// A record is with everybody within seconds, also on bad links; most have it at once.
#[test]
fn records_spread() {
    for (loss, within) in [(0.0, seconds(2)), (0.05, seconds(11)), (0.3, seconds(40))] {
        for seed in seeds(2) {
            let mut network = Network::of(seed, 9, &Config::default());
            network.loss = loss;
            network.join_all(seconds(60));
            network.run(seconds(5));
            assert!(network.publish(4, "rollout-1", 1, 10).unwrap());
            network.run_until(within, "all have the record", |network| holds(network, 1));
            let record = network.servers[0].records.values().next().unwrap();
            assert_eq!(record.author, region_id("east", 2));
            assert_eq!(record.body, b"rollout-1 in east at 1.10");
            assert!(network.all_agree());
        }
    }
}

/// Without any loss a record reaches one server of each other region within one trip over the network.
#[test]
fn first_hop_is_direct() {
    let mut network = Network::of(1, 9, &Config::default());
    network.join_all(seconds(5));
    network.run(seconds(30));
    network.publish(0, "rollout-1", 1, 10).unwrap();
    network.run(Duration::from_millis(41));
    let regions: BTreeSet<&str> =
        network.servers.iter().filter(|server| !server.records.is_empty()).map(|server| server.region.as_str()).collect();
    assert_eq!(regions, BTreeSet::from(["west", "east", "north"]));
}

/// Newest wins everywhere, whoever of the author's servers publishes; the simulator checks that no server ever goes back.
#[test]
fn old_never_replaces_new() {
    let mut network = Network::of(2, 9, &Config::default());
    network.loss = 0.1;
    network.join_all(seconds(20));
    // All three servers of west, each with another view of the log.
    for seq in [5, 3, 9, 4, 9, 8] {
        network.publish((seq % 3 * 3) as usize, "rollout-1", 1, seq).unwrap();
    }
    // Restored from a snapshot: a higher incarnation beats any seq.
    network.publish(3, "rollout-1", 2, 1).unwrap();
    network.publish(6, "rollout-1", 1, 99).unwrap();
    network.run(seconds(40));
    for server in network.running() {
        let record = server.records.values().next().unwrap();
        assert_eq!((record.incarnation, record.seq), (2, 1), "{}", server.name);
    }
    assert!(!network.publish(0, "rollout-1", 2, 1).unwrap(), "known already");
    assert!(!network.publish(0, "rollout-1", 1, 100).unwrap(), "of an older incarnation");
}

/// What was published on both sides of a partition is with everybody after it heals, by digests, and all digests are equal.
#[test]
fn partition_heals_records() {
    for seed in seeds(2) {
        let mut network = Network::of(seed, 9, &Config::default());
        network.join_all(seconds(5));
        network.cut = Box::new(|a, b| (a % 3 == 0) != (b % 3 == 0));
        network.run(seconds(60));
        for n in 0..50 {
            network.publish(0, &format!("west-{n}"), 1, 100 + n).unwrap();
            network.publish(4, &format!("east-{n}"), 1, 200 + n).unwrap();
            network.run(seconds(1));
        }
        assert!(!network.all_agree());
        network.cut = Box::new(|_, _| false);
        network.run_until(seconds(60), "all records with all", |network| holds(network, 100) && network.all_agree());
    }
}

/// Two regions that never reach each other converge through the third.
#[test]
fn relay_through_third_region() {
    let mut network = Network::of(3, 9, &Config::default());
    let west_and_east = |a: usize, b: usize| matches!((a % 3, b % 3), (0, 1) | (1, 0));
    network.join_all(seconds(5));
    network.cut = Box::new(west_and_east);
    network.run(seconds(30));
    for n in 0..20 {
        network.publish(0, &format!("rollout-{n}"), 1, 100 + n).unwrap();
        network.publish(1, &format!("rollout-{n}"), 1, 200 + n).unwrap();
    }
    network.run_until(seconds(60), "all records with all", |network| holds(network, 40) && network.all_agree());
}

/// A loss in the middle, with the newest record there, is noticed and healed: nobody's gossip says so, only the digest.
#[test]
fn holes_are_found() {
    let mut network = Network::of(4, 6, &Config::default());
    network.join_all(seconds(5));
    network.run(seconds(20));
    for n in 0..40 {
        // Server 5 misses everything but the newest.
        if n == 0 {
            network.cut = Box::new(|a, b| a == 5 || b == 5);
        }
        if n == 39 {
            network.cut = Box::new(|_, _| false);
        }
        network.publish(0, &format!("rollout-{n}"), 1, 100 + n).unwrap();
        network.run(Duration::from_millis(50));
    }
    network.run_until(seconds(30), "no holes", |network| holds(network, 40) && network.all_agree());
}

/// A server that comes late gets thousands of records in bounded messages, in order of freshness; one exchange is enough.
#[test]
fn late_joiner_gets_everything() {
    let mut network = Network::of(5, 3, &Config::default());
    for n in 0..5000 {
        network.publish(0, &format!("rollout-{n}"), 1, 1 + n).unwrap();
    }
    network.join(1, 0);
    network.run_until(seconds(3), "the first has all", |network| network.servers[1].records.len() == 5000);
    network.join(2, 1);
    network.run_until(seconds(3), "the second has all", |network| network.servers[2].records.len() == 5000);
    network.run_until(seconds(10), "equal digests", Network::all_agree);
    // A few changes later, only these travel.
    network.run(seconds(30));
    let before: usize = network.servers.iter().map(|server| server.bytes_sent).sum();
    for n in 0..5 {
        network.publish(0, &format!("rollout-{n}"), 1, 6000 + n).unwrap();
    }
    network.run(seconds(60));
    assert!(network.all_agree());
    let sent = network.servers.iter().map(|server| server.bytes_sent).sum::<usize>() - before;
    assert!(sent < 100_000, "{sent} bytes for five changes");
}

/// Each server forgets on its own; meanwhile nobody brings the record back, and digests stay equal.
#[test]
fn forgetting() {
    let config = Config { forgotten_keep: seconds(300), ..Config::fast() };
    let mut network = Network::of(6, 6, &config);
    network.join_all(seconds(5));
    network.publish(0, "old", 1, 10).unwrap();
    network.publish(0, "new", 1, 11).unwrap();
    network.run_until(seconds(5), "all have both", |network| holds(network, 2));
    for index in 0..3 {
        assert!(network.call(index, |gossip, now| gossip.forget(now, &"west".into(), b"old")));
    }
    assert!(!network.call(0, |gossip, now| gossip.forget(now, &"west".into(), b"unknown")));
    assert!(network.all_agree(), "forgetting is not a difference");
    network.run(seconds(60));
    let live = |network: &Network, index: usize| network.servers[index].gossip.as_ref().unwrap().records().len();
    assert_eq!((0..6).map(|index| live(&network, index)).collect::<Vec<_>>(), [1, 1, 1, 2, 2, 2]);
    for index in 3..6 {
        network.call(index, |gossip, now| gossip.forget(now, &"west".into(), b"old"));
    }
    // A server that joins now is not given it.
    let late = network.add("east", 2, &config);
    network.join(late, 0);
    network.run(seconds(20));
    assert!(network.servers[late].records.keys().all(|(_, key)| key == b"new"));
    assert!(network.all_agree());
    network.run_until(seconds(400), "nothing is left of it", |network| {
        network.running().all(|server| server.gossip.as_ref().unwrap().digest().regions[0].count == 1)
    });
    assert!(network.all_agree());
}

/// What cannot be published is refused where it is said, in words, and changes nothing.
#[test]
fn refused_at_the_source() {
    let mut network = Network::of(7, 1, &Config::default());
    let unborn = network.add("east", 0, &Config::default());
    let record =
        |author: RegionId, key: usize, body: usize| Record { author, key: vec![b'k'; key], incarnation: 1, seq: 1, body: vec![0; body] };
    let mut check = |index: usize, record: Record, words: &str| {
        let error = network.call(index, |gossip, now| gossip.publish(now, record)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    };
    let west = region_id("west", 1);
    check(0, record(west.clone(), 10, 2000), "does not fit a gossip packet, the limit is 1044: shorten its body");
    check(0, record(west.clone(), 65, 10), "key of a record has 65 bytes, the limit is 64");
    check(0, record(region_id("east", 2), 10, 10), "only records of region west");
    check(0, record(region_id("west", 2), 10, 10), "only records of region west");
    check(unborn, record(region_id("east", 2), 10, 10), "no cluster id yet");
    assert!(network.call(0, |gossip, now| gossip.publish(now, record(west.clone(), 64, 900))).unwrap());
    let exact = (900..1044).rev().find(|body| network.call(0, |gossip, now| gossip.publish(now, record(west.clone(), 63, *body))).is_ok());
    assert!(exact.is_some_and(|body| body > 920), "{exact:?}");
    assert_eq!(network.servers[0].records.len(), 2);
    let error = Error::RecordTooLarge { size: 2000, limit: 1044 };
    assert!(error.to_string().contains("2000 bytes"));
}

/// News fills packets to the brim, and a packet may be sent to another server than it was made for, whose region has a longer name: the network
/// asserts that none is longer than its receiver reads.
#[test]
fn full_packets_for_long_names() {
    let config = Config { sync_interval: seconds(10_000), ..Config::default() };
    let mut network = Network::new(9);
    for number in 0..8 {
        let (region, cluster) = if number % 2 == 0 { ("w".to_owned(), 1) } else { ("e".repeat(32), 2) };
        network.add(&region, cluster, &config);
    }
    network.join_all(seconds(20));
    for number in 0..60_usize {
        let key = "k".repeat(1 + number % 50) + &number.to_string();
        network.publish(0, &key, 1, 1 + number as u64).unwrap();
        network.run(std::time::Duration::from_millis(5));
    }
    network.run_until(seconds(30), "all have all", |network| holds(network, 60));
}

/// The largest records that are accepted do reach everybody by gossip: nothing is accepted that would be stuck.
#[test]
fn largest_record_travels() {
    // No digests in the time of this test: gossip alone must do it.
    let config = Config { sync_interval: seconds(10_000), ..Config::default() };
    let mut network = Network::of(8, 9, &config);
    network.join_all(seconds(5));
    network.run(seconds(60));
    for n in 0..10_u8 {
        let record = Record { author: region_id("west", 1), key: vec![n; 64], incarnation: u64::MAX, seq: u64::MAX, body: vec![0; 930] };
        assert!(network.call(0, |gossip, now| gossip.publish(now, record)).unwrap());
    }
    network.run_until(seconds(60), "all have all", |network| holds(network, 10));
}
