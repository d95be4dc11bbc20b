//! Who is seen in which state, by everybody, within which time.

use std::time::Duration;

use gossip::{Config, Error, Input, Status};
use model::Uuid;

use crate::sim::{Network, SECOND, full_name, seconds, seeds};

/// Nine servers of three regions join through one of them; all know all soon, whatever the links lose.
#[test]
fn all_know_all_after_join() {
    for (loss, within) in [(0.0, seconds(3)), (0.05, seconds(10)), (0.3, seconds(60))] {
        for seed in seeds(2) {
            let mut network = Network::of(seed, 9, &Config::default());
            network.loss = loss;
            network.join_all(within);
            network.run(seconds(20));
            let results: Vec<_> =
                network.servers.iter().flat_map(|server| server.joined.iter().map(|(_, result)| result.clone())).collect();
            assert_eq!(results.len(), 8);
            let joined = results.iter().filter(|result| **result == Ok("server-1.west".to_owned())).count();
            // On a bad link a server may be known by gossip before its own join is answered, or given up.
            assert!(joined == 8 || loss > 0.2 && joined > 4, "{results:?}");
            let quiet = network.servers.iter().all(|server| server.refused.is_empty() && server.notices.is_empty());
            assert!(quiet, "{}", network.views());
        }
    }
}

/// A join that cannot work says why: nobody there, or this server itself, which counts as joined.
#[test]
fn joins_are_answered() {
    let mut network = Network::of(1, 2, &Config::fast());
    network.crash(1);
    network.join(0, 1);
    network.join(0, 0);
    network.run(seconds(5));
    let joined = &network.servers[0].joined;
    assert_eq!(joined[0], (network.servers[0].address, Ok("server-1.west".to_owned())));
    assert_eq!(joined[1], (network.servers[1].address, Err("connection timed out".to_owned())));
}

/// A crash is seen by everybody in time, and nobody else is suspected to death for it.
#[test]
fn crash_is_noticed() {
    for (config, loss, within) in [
        (Config::default(), 0.0, seconds(12)),
        (Config::default(), 0.05, seconds(12)),
        (Config::fast(), 0.0, seconds(4)),
        (Config::fast(), 0.05, seconds(4)),
    ] {
        for seed in seeds(2) {
            let mut network = Network::of(seed, 9, &config);
            network.join_all(seconds(10));
            network.loss = loss;
            network.run(seconds(10));
            network.crash(4);
            network.run_until(within, "all see the crash", |network| network.all_show(4, Some(Status::Failed)));
            network.run(seconds(30));
            assert!(network.all_show(4, Some(Status::Failed)), "{}", network.views());
            let wrong = network
                .servers
                .iter()
                .flat_map(|server| &server.seen)
                .any(|(_, name, status)| *status == Status::Failed && *name != full_name(&network.servers[4]));
            assert!(!wrong, "a healthy member was declared failed, loss {loss}, seed {seed}");
        }
    }
}

/// A server that leaves is shown as left by everybody, never as failed in the end, and is done in bounded time.
#[test]
fn graceful_leave() {
    for (loss, within) in [(0.0, seconds(4)), (0.05, seconds(15)), (0.3, seconds(90))] {
        for seed in seeds(2) {
            let mut network = Network::of(seed, 9, &Config::default());
            network.join_all(seconds(5));
            network.loss = loss;
            network.input(3, Input::Leave);
            network.run_until(seconds(5), "the leaving server is done", |network| network.servers[3].left);
            network.crash(3);
            network.run_until(within, "all show it as left", |network| network.all_show(3, Some(Status::Left)));
            network.run(seconds(60));
            assert!(network.all_show(3, Some(Status::Left)), "{}", network.views());
            let leaving = network.servers.iter().flat_map(|server| &server.seen).any(|(_, _, status)| *status == Status::Leaving);
            assert!(leaving, "it is first shown as leaving");
            assert!(network.servers.iter().all(|server| server.notices.is_empty()), "{}", network.views());
            network.start(3);
            network.join(3, 0);
            network.run_until(seconds(60), "it comes back", Network::all_alive);
        }
    }
}

/// A server without company leaves at once.
#[test]
fn leave_alone() {
    let mut network = Network::of(1, 1, &Config::default());
    network.input(0, Input::Leave);
    network.run(Duration::from_millis(1));
    assert!(network.servers[0].left);
}

/// A server that is told to leave while the first one it asked has not answered yet may be known there already: it says that it leaves.
#[test]
fn leaving_while_a_join_is_under_way() {
    for seed in seeds(20) {
        let mut network = Network::of(seed, 2, &Config::default());
        network.join(1, 0);
        network.run(Duration::from_micros(10_000 * (seed % 8)));
        network.input(1, Input::Leave);
        network.run_until(seconds(5), "the leaving server is done", |network| network.servers[1].left);
        network.crash(1);
        network.run(seconds(60));
        let failed = network.servers[0].seen.iter().any(|(_, _, status)| *status == Status::Failed);
        assert!(!failed, "seed {seed}: {}", network.views());
    }
}

/// Whoever waits for a join of a server that leaves is told; so is whoever wants to join one.
#[test]
fn joins_and_leaving() {
    let mut network = Network::of(1, 3, &Config::fast());
    network.join(1, 0);
    network.run(seconds(2));
    network.input(0, Input::Leave);
    network.join(2, 0);
    network.join(0, 2);
    network.run(Duration::from_millis(300));
    let words = |index: usize| network.servers[index].joined[0].1.clone().unwrap_err();
    assert_eq!(words(2), "server-1.west (10.0.0.1:4648) is leaving the pool: join another server");
    assert_eq!(words(0), "this server is leaving the pool");
    let mut network = Network::of(1, 2, &Config::fast());
    network.join(0, 1);
    network.input(0, Input::Leave);
    assert_eq!(network.servers[0].joined[0].1.clone().unwrap_err(), "this server is leaving the pool");
}

/// An operator's force-leave turns failed into left everywhere, with prune into nothing; unknown and own names are refused in words.
#[test]
fn force_leave() {
    for prune in [false, true] {
        let mut network = Network::of(7, 6, &Config::fast());
        network.join_all(seconds(5));
        network.crash(5);
        network.run_until(seconds(6), "all see the crash", |network| network.all_show(5, Some(Status::Failed)));
        network.call(0, |gossip, now| gossip.force_leave(now, "server-6.north", prune)).unwrap();
        let expected = if prune { None } else { Some(Status::Left) };
        network.run_until(seconds(3), "all see the verdict", |network| network.all_show(5, expected));
        network.run(seconds(30));
        assert!(network.all_show(5, expected), "{}", network.views());
        // A server that joins later is not told otherwise.
        let late = network.add("west", 1, &Config::fast());
        network.join(late, 2);
        network.run(seconds(20));
        assert!(network.all_show(5, expected), "{}", network.views());
        // The dead one was alive after all, or is started again.
        network.start(5);
        network.run_until(seconds(10), "it returns from its memory", Network::all_alive);
    }
    let mut network = Network::of(7, 3, &Config::fast());
    network.join_all(seconds(5));
    let unknown = network.call(0, |gossip, now| gossip.force_leave(now, "server-9.west", false));
    let words = unknown.unwrap_err().to_string();
    assert_eq!(words, "no member is called \"server-9.west\"; known are: server-2.east, server-3.north");
    assert!(matches!(network.call(0, |gossip, now| gossip.force_leave(now, "server-1.west", false)), Err(Error::OwnName { .. })));
}

/// Force-leave of a server that lives does not keep it out.
#[test]
fn force_leave_of_the_living() {
    let mut network = Network::of(3, 6, &Config::fast());
    network.join_all(seconds(5));
    network.call(0, |gossip, now| gossip.force_leave(now, "server-2.east", true)).unwrap();
    network.run_until(seconds(10), "it returns", Network::all_alive);
    network.run(SECOND);
    let generation = network.servers[1].gossip.as_ref().unwrap().identity().generation;
    assert_eq!(network.servers[1].memory.generation, generation, "the new generation is stored");
}

/// A server that restarts finds the pool again from its memory and is alive with a new generation; also when its clock was set back.
#[test]
fn restart_returns() {
    for (seed, clock_back) in [(1, false), (2, true)] {
        let mut network = Network::of(seed, 9, &Config::default());
        network.join_all(seconds(5));
        network.run(SECOND);
        network.crash(4);
        network.run_until(seconds(20), "all see the crash", |network| network.all_show(4, Some(Status::Failed)));
        let before = network.servers[4].memory.clone();
        assert_eq!(before.members.len(), 8);
        // What it says about itself is new in any case.
        network.servers[4].build = "0.2.0".to_owned();
        if clock_back {
            network.start_with_generation(4, before.generation - 100_000);
        } else {
            network.start(4);
        }
        network.run_until(seconds(20), "alive everywhere", Network::all_alive);
        network.run(seconds(20));
        assert!(network.all_alive(), "{}", network.views());
        assert!(network.servers[4].memory.generation > before.generation);
        for server in network.running() {
            let members = server.gossip.as_ref().unwrap().members();
            let returned = members.iter().find(|member| member.meta.name == "server-5").unwrap();
            assert_eq!(returned.meta.build, "0.2.0", "as {} sees it", server.name);
        }
    }
}

/// A quick restart, before anybody has noticed, is no news but for the generation.
#[test]
fn quick_restart() {
    let mut network = Network::of(5, 9, &Config::default());
    network.join_all(seconds(5));
    network.run(SECOND);
    network.crash(4);
    network.run(SECOND / 10);
    network.start(4);
    network.run_until(seconds(10), "alive everywhere", Network::all_alive);
    network.run(seconds(30));
    assert!(network.all_alive(), "{}", network.views());
    let failed = network.servers.iter().flat_map(|server| &server.seen).any(|(_, _, status)| *status == Status::Failed);
    assert!(!failed, "nobody was ever shown as failed");
}

/// A server whose disk was emptied starts under its old name and address with a new id: there is one of it, alive.
#[test]
fn new_disk_replaces_old_self() {
    let mut network = Network::of(5, 6, &Config::default());
    network.join_all(seconds(5));
    network.crash(4);
    network.run(SECOND);
    network.servers[4].node = Uuid::from_u128(0xabcd);
    network.servers[4].memory = gossip::Memory::default();
    network.start(4);
    network.join(4, 1);
    network.run_until(seconds(5), "one alive, the old one gone", |network| network.all_alive() && network.all_show(4, Some(Status::Alive)));
    network.run(seconds(60));
    assert!(network.all_show(4, Some(Status::Alive)), "{}", network.views());
}

/// Servers that all restart at once find each other from memory, although each first knocks where nobody is yet.
#[test]
fn whole_pool_restarts() {
    let mut network = Network::of(9, 9, &Config::default());
    network.join_all(seconds(5));
    network.run(SECOND);
    (0..9).for_each(|index| network.crash(index));
    network.run(seconds(5));
    for index in 0..9 {
        network.start(index);
        network.run(SECOND);
    }
    network.run_until(seconds(30), "all know all", Network::all_alive);
}

/// Servers that stop as soon as they have met another region meet it again, although nobody tells them any address.
#[test]
fn a_restart_right_after_joining() {
    for seed in seeds(20) {
        let mut network = Network::of_regions(seed, 2, 1, &Config::default());
        network.join(1, 0);
        network.run_until(seconds(2), "the join is answered", |network| !network.servers[1].joined.is_empty());
        (0..2).for_each(|index| network.crash(index));
        (0..2).for_each(|index| network.start(index));
        network.run_until(seconds(60), "both know both", Network::all_alive);
    }
}

/// A server that restarts again and again while the other region is away knows the way to it all the same.
#[test]
fn restarts_while_a_region_is_away() {
    let mut network = Network::of_regions(3, 2, 2, &Config::default());
    network.join_all(seconds(5));
    network.run(SECOND);
    (0..4).for_each(|index| network.crash(index));
    // Nobody of the other region knows anything any more, so it cannot be they who find the others.
    for index in 2..4 {
        network.servers[index].memory = gossip::Memory::default();
    }
    for _ in 0..3 {
        (0..2).for_each(|index| network.start(index));
        network.run(seconds(60));
        (0..2).for_each(|index| network.crash(index));
    }
    (0..4).for_each(|index| network.start(index));
    network.run_until(seconds(120), "all know all", Network::all_alive);
}

/// Whoever is remembered and does not come back is forgotten after the time of any failed member.
#[test]
fn the_remembered_are_forgotten_in_time() {
    let config = Config { remove_down_after: seconds(3600), ..Config::default() };
    let mut network = Network::of_regions(4, 2, 1, &config);
    network.join_all(seconds(5));
    (0..2).for_each(|index| network.crash(index));
    network.start(0);
    network.run(seconds(3500));
    assert_eq!(network.servers[0].memory.members.len(), 1);
    network.run(seconds(300));
    assert_eq!(network.servers[0].memory.members, []);
}

/// A partition splits the pool; when it heals, everybody is alive again, without a person.
#[test]
fn partition_heals() {
    for (minutes, loss) in [(1, 0.0), (10, 0.05)] {
        let mut network = Network::of(11, 9, &Config::default());
        network.join_all(seconds(5));
        network.loss = loss;
        network.cut = Box::new(|a, b| (a % 3 == 0) != (b % 3 == 0));
        network.run(seconds(minutes * 60));
        for server in &network.servers {
            let west = server.region == "west";
            for (name, status) in server.mirror.values() {
                let reachable = west == name.ends_with(".west");
                assert_eq!(*status, if reachable { Status::Alive } else { Status::Failed }, "{}", network.views());
            }
        }
        network.cut = Box::new(|_, _| false);
        network.run_until(seconds(60), "all alive again", Network::all_alive);
        network.run(seconds(60));
        assert!(network.all_alive(), "{}", network.views());
    }
}

/// A server that is cut off alone, and was never told any address, finds the pool again.
#[test]
fn lonely_server_returns() {
    let mut network = Network::of(12, 5, &Config::default());
    network.join_all(seconds(5));
    network.cut = Box::new(|a, b| a == 0 || b == 0);
    network.run(seconds(120));
    assert!(network.all_show(0, Some(Status::Failed)));
    network.cut = Box::new(|_, _| false);
    network.run_until(seconds(40), "all alive again", Network::all_alive);
}

/// A process that stood still for a minute takes nobody for dead afterwards; the others take it back.
#[test]
fn pause_accuses_nobody() {
    for pause in [3, 60] {
        let mut network = Network::of(13, 9, &Config::default());
        network.join_all(seconds(5));
        network.run(seconds(10));
        network.servers[2].paused = true;
        network.run(seconds(pause));
        network.servers[2].paused = false;
        network.run_until(seconds(30), "all alive again", Network::all_alive);
        network.run(seconds(30));
        let accused = network.servers[2].seen.iter().any(|(_, _, status)| *status == Status::Failed);
        assert!(!accused, "{:?}", network.servers[2].seen);
        assert!(network.servers[2].gossip.as_ref().unwrap().counters().pauses > 0);
    }
}

/// Failed members are forgotten by all in time, and do not come back from anybody's memory.
#[test]
fn the_dead_are_forgotten() {
    let config = Config { remove_down_after: seconds(120), ..Config::fast() };
    let mut network = Network::of(14, 6, &config);
    network.join_all(seconds(5));
    network.crash(5);
    network.run(seconds(60));
    // Joins in the middle, and must not start the time anew.
    let late = network.add("west", 1, &config);
    network.join(late, 0);
    network.run(seconds(20));
    assert!(network.all_show(5, Some(Status::Failed)), "{}", network.views());
    network.run_until(seconds(60), "forgotten by all", |network| network.all_show(5, None));
    network.run(seconds(60));
    assert!(network.all_show(5, None), "{}", network.views());
}

/// Two pools with different labels do not merge, although they know each other's address, and say so.
#[test]
fn labels_keep_pools_apart() {
    let mut network = Network::of(15, 2, &Config::fast());
    let other = network.add("south", 9, &Config { pool: "other".to_owned(), ..Config::fast() });
    network.join(1, 0);
    network.join(other, 0);
    network.run(seconds(3));
    let refusal = network.servers[other].joined[0].1.clone().unwrap_err();
    assert!(refusal.contains("pool \"steppe\", not in \"other\""), "{refusal}");
    // Also by datagrams alone.
    let identity = network.servers[0].gossip.as_ref().unwrap().identity().clone();
    network.input(other, Input::Remembered(vec![identity]));
    network.run(seconds(5));
    assert_eq!(network.servers[0].mirror.len(), 2);
    assert_eq!(network.servers[other].mirror.len(), 1);
    assert!(network.servers[0].notices.iter().any(|words| words.contains("another pool")), "{:?}", network.servers[0].notices);
}

/// A copied data directory: the copy is told so when it joins, and the pool is not disturbed.
#[test]
fn copied_data_directory() {
    let mut network = Network::of(16, 3, &Config::fast());
    network.join_all(seconds(5));
    let copy = network.add("west", 1, &Config::fast());
    network.crash(copy);
    network.servers[copy].node = network.servers[0].node;
    network.start(copy);
    network.join(copy, 0);
    network.run(seconds(5));
    let refusal = network.servers[copy].joined[0].1.clone().unwrap_err();
    assert!(refusal.contains("was a data directory copied"), "{refusal}");
    network.crash(copy);
    network.run_until(seconds(10), "the others are undisturbed", Network::all_alive);
}

/// The same seed gives the same history: a failing seed is a bug report.
#[test]
fn deterministic() {
    let history = |seed: u64| {
        let mut network = Network::of(seed, 9, &Config::default());
        network.loss = 0.1;
        network.join_all(seconds(60));
        network.run(seconds(60));
        network.servers.iter().map(|server| (server.seen.clone(), server.bytes_sent)).collect::<Vec<_>>()
    };
    assert_eq!(history(3), history(3));
    assert_ne!(history(3), history(4));
}

/// A hundred servers of three regions find each other within a minute, through one that all know, over links that lose one in twenty.
#[test]
#[ignore = "takes half a minute"]
fn hundred_servers() {
    let mut network = Network::of(18, 100, &Config::default());
    network.loss = 0.05;
    network.join_all(seconds(60));
    network.publish(50, "rollout-1", 1, 1).unwrap();
    network.run_until(seconds(20), "all have the record", |network| network.all_agree());
    network.crash(77);
    network.run_until(seconds(60), "all see the crash", |network| network.all_show(77, Some(Status::Failed)));
}

/// An idle pool is quiet: less than 400 bytes a second from each of nine members, syncs included.
#[test]
fn idle_traffic() {
    let mut network = Network::of(17, 9, &Config::default());
    network.join_all(seconds(5));
    network.run(seconds(60));
    let before: usize = network.servers.iter().map(|server| server.bytes_sent).sum();
    network.run(seconds(60));
    let sent = network.servers.iter().map(|server| server.bytes_sent).sum::<usize>() - before;
    let rate = sent / 9 / 60;
    assert!((50..400).contains(&rate), "{rate} bytes a second from each");
}
