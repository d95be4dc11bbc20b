//! Most of what servers tell each other stays in their region, and every region is told.

use std::time::Duration;

use gossip::{Config, Status};

use crate::sim::{Network, seconds};

/// Bytes a second that a server sends to other regions, while a record is published every second, in a pool of so many regions of five.
fn far_rate(n_regions: usize, region_aware: bool) -> usize {
    let mut network = Network::of_regions(1, n_regions, 5, &Config { region_aware, ..Config::default() });
    network.join_all(seconds(60));
    network.run(seconds(60));
    let sent = |network: &Network| network.servers.iter().map(|server| server.far_bytes_sent).sum::<usize>();
    let before = sent(&network);
    for n in 0..40 {
        network.publish(n as usize % 5, "rollout-1", 1, 100 + n).unwrap();
        network.run(seconds(1));
    }
    (sent(&network) - before) / network.servers.len() / 40
}

/// What a server sends to other regions does not grow with their number; without the choice of peers it is several times as much.
#[test]
fn far_traffic_is_bounded() {
    let (few, many, without) = (far_rate(3, true), far_rate(12, true), far_rate(12, false));
    assert!(many < few * 3 / 2, "{few} bytes a second with 3 regions, {many} with 12");
    assert!(without > many * 2, "{without} bytes a second without, {many} with");
}

/// A region of which one server lives is told what is new as soon as the others, also over links that lose a third.
#[test]
fn the_last_of_its_region_is_told() {
    let mut network = Network::of_regions(2, 6, 5, &Config::default());
    network.join_all(seconds(60));
    (26..30).for_each(|index| network.crash(index));
    network.run_until(seconds(60), "all see the crashes", |network| (26..30).all(|index| network.all_show(index, Some(Status::Failed))));
    network.loss = 0.3;
    let mut slowest = Duration::ZERO;
    for n in 0..20 {
        let key = format!("rollout-{n}");
        network.publish(n as usize % 5, &key, 1, 100 + n).unwrap();
        let took = network.run_until(seconds(10), "it knows", |network| network.servers[25].records.len() > n as usize);
        slowest = slowest.max(took);
        network.run(seconds(1));
    }
    assert!(slowest < seconds(4), "{slowest:?}");
}
