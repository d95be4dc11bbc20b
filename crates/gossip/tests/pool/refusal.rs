//! Two clusters never share one region name in a pool.

use gossip::{Config, Input, Record, Status};
use model::Uuid;

use crate::sim::{Network, meta, region_id, seconds};

/// A pool of west (cluster 1) and east (2), three servers, two of west.
fn pool() -> Network {
    let mut network = Network::new(21);
    for (region, cluster) in [("west", 1), ("east", 2), ("west", 1)] {
        network.add(region, cluster, &Config::fast());
    }
    network.join_all(seconds(5));
    network
}

/// A server of another cluster with a known region name is refused by servers of that region and of others, in words that say what to do.
#[test]
fn refused_at_the_door() {
    for target in [0, 1] {
        let mut network = pool();
        let twin = network.add("west", 77, &Config::fast());
        network.publish(twin, "rollout-1", 1, 5).unwrap();
        network.join(twin, target);
        network.run(seconds(3));
        let words = network.servers[twin].joined[0].1.clone().unwrap_err();
        let whose = if target == 0 { "ours is" } else { "the one known in this pool is" };
        for part in [
            "refuses: region \"west\" of server-4.west (10.0.0.4:4648) belongs to another cluster (uuid 00000000-0000-0000-0000-00000000004d",
            whose,
            "00000000-0000-0000-0000-000000000001",
            "in its configuration",
            "steppe server force-leave -prune NAME.west",
        ] {
            assert!(words.contains(part), "{words:?} does not say {part:?}");
        }
        assert!(network.servers[target].refused[0].contains("belongs to another cluster"), "loud on both sides");
        // Not by datagrams either, nor from its side.
        let identity = network.servers[target].gossip.as_ref().unwrap().identity().clone();
        network.input(twin, Input::Remembered(vec![identity]));
        network.join(0, twin);
        network.run(seconds(10));
        assert!(network.all_show(twin, None), "{}", network.views());
        assert_eq!(network.servers[twin].mirror.len(), 1, "{}", network.views());
        assert!(network.servers[0].joined.last().unwrap().1.is_err());
        assert!(network.servers[..3].iter().all(|server| server.records.is_empty()), "no record of it");
    }
}

/// Whoever has no cluster yet may join; if it then makes a cluster of its own, it is put out, everywhere, and told.
#[test]
fn refused_after_bootstrap() {
    let mut network = pool();
    let young = network.add("west", 0, &Config::fast());
    network.join(young, 1);
    network.run_until(seconds(5), "it is a member", Network::all_alive);
    network.servers[young].cluster = Uuid::from_u128(77);
    let changed = meta(&network.servers[young]);
    network.call(young, |gossip, now| gossip.update_meta(now, changed)).unwrap();
    network.run_until(seconds(5), "it is shown nowhere", |network| network.all_show(young, None));
    let loud = network.servers[..3].iter().filter(|server| server.refused.iter().any(|words| words.contains("server-4.west")));
    assert_eq!(loud.count(), 3, "{}", network.views());
    let own = &network.servers[young];
    assert!(own.refused.iter().any(|words| words.contains("server-1.west")), "{:?}", own.refused);
    assert!(!own.mirror.values().any(|(name, _)| name.ends_with("1.west") || name.ends_with("3.west")), "{:?}", own.mirror);
    network.run(seconds(30));
    assert!(network.all_show(young, None), "{}", network.views());
    let healthy = network.servers[..3].iter().all(|server| server.mirror.values().all(|(_, status)| *status == Status::Alive));
    assert!(healthy, "the others go on: {}", network.views());
}

/// A server that adopts the cluster of its region after joining stays, of course; nobody is refused.
#[test]
fn bootstrapping_together_is_fine() {
    let mut network = Network::new(22);
    for index in 0..6 {
        network.add(["west", "east"][index % 2], 0, &Config::fast());
    }
    network.join_all(seconds(5));
    for index in 0..6 {
        network.servers[index].cluster = Uuid::from_u128(1 + (index % 2) as u128);
        let changed = meta(&network.servers[index]);
        network.call(index, |gossip, now| gossip.update_meta(now, changed)).unwrap();
        network.run(seconds(1));
    }
    network.run(seconds(5));
    assert!(network.all_alive());
    assert!(network.servers.iter().all(|server| server.refused.is_empty()), "{}", network.views());
    let told = network.servers[5].gossip.as_ref().unwrap().members();
    assert!(told.iter().all(|member| !member.meta.cluster_id.is_nil()), "{told:?}");
}

/// When a region is gone for good, its servers pruned, another cluster may have the name, and the dead cluster's records go.
#[test]
fn a_name_is_freed_by_prune() {
    let mut network = pool();
    network.publish(1, "rollout-1", 1, 5).unwrap();
    network.run(seconds(3));
    assert_eq!(network.servers[0].records.len(), 1);
    network.crash(1);
    network.run_until(seconds(6), "east is down", |network| network.all_show(1, Some(Status::Failed)));
    let heir = network.add("east", 99, &Config::fast());
    network.join(heir, 0);
    network.run(seconds(2));
    assert!(network.servers[heir].joined[0].1.is_err(), "not while the old one may return");
    network.call(0, |gossip, now| gossip.force_leave(now, "server-2.east", true)).unwrap();
    network.run(seconds(5));
    network.join(heir, 0);
    network.run_until(seconds(5), "the heir is in", Network::all_alive);
    assert_eq!(network.servers[heir].joined[1].1, Ok("server-1.west".to_owned()));
    network.publish(heir, "rollout-2", 1, 1).unwrap();
    network.run_until(seconds(5), "its records are", |network| {
        network.running().all(|server| server.records.keys().map(|(author, _)| author).eq([&region_id("east", 99)]))
    });
}

/// A record that claims a name for another cluster is not taken, also when a member passes it on.
#[test]
fn records_of_a_twin_are_refused() {
    let mut network = pool();
    // This server knows no west but the twin's, and takes its record; then it joins the pool.
    let naive = network.add("north", 3, &Config::fast());
    let twin = network.add("west", 77, &Config::fast());
    network.publish(twin, "rollout-1", 1, 5).unwrap();
    network.join(twin, naive);
    network.run(seconds(2));
    assert_eq!(network.servers[naive].records.len(), 1);
    network.crash(twin);
    network.join(naive, 1);
    network.run(seconds(20));
    assert!(network.servers[..3].iter().all(|server| server.records.is_empty()), "{}", network.views());
    network.publish(0, "rollout-1", 1, 1).unwrap();
    network.run(seconds(5));
    for server in &network.servers[..3] {
        let authors: Vec<&Record> = server.records.values().collect();
        assert_eq!(authors.len(), 1);
        assert_eq!(authors[0].author, region_id("west", 1));
    }
}
