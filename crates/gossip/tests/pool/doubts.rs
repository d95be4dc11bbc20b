//! What keeps the healthy from being called dead and finds the dead soon: each part with it, and without it as the control.

use std::time::Duration;

use gossip::{Config, Status};

use crate::sim::{Network, Starved, full_name, seconds, seeds};

/// The number of healthy servers that were shown as failed in a minute or two, while the second of so many read everything so late.
fn healthy_called_dead(seed: u64, n_servers: usize, lag: Duration, config: &Config) -> usize {
    let watched = seconds(if n_servers > 9 { 40 } else { 120 });
    let mut network = Network::of(seed, n_servers, config);
    network.join_all(seconds(60));
    network.run(seconds(10));
    network.servers[1].lag = lag;
    let since = network.now;
    network.run(watched);
    let slow = full_name(&network.servers[1]);
    let (_, names) = network.false_deaths(since);
    names.iter().filter(|name| **name != slow).count()
}

/// A server that reads everything seconds too late calls everybody dead, unless it learns from its failing probes that it is the slow one.
#[test]
fn a_slow_server_doubts_itself() {
    let without = Config { patience_max: 0, confirmations: 0, ..Config::fast() };
    let with = Config { confirmations: 0, ..Config::fast() };
    for seed in seeds(2) {
        assert_eq!(healthy_called_dead(seed, 9, seconds(4), &without), 8);
        assert_eq!(healthy_called_dead(seed, 9, seconds(4), &with), 0);
    }
}

/// The same in a pool of a hundred.
#[test]
fn a_slow_server_among_many() {
    let without = Config { patience_max: 0, confirmations: 0, ..Config::fast() };
    assert!(healthy_called_dead(1, 100, seconds(8), &without) > 20);
    assert_eq!(healthy_called_dead(1, 100, seconds(8), &Config::fast()), 0);
}

/// Five minutes on links that lose three of ten datagrams, two servers getting a tenth of a core: nobody is called dead, not even the two.
/// With SWIM alone and as much time to answer, many are.
#[test]
fn bad_links_and_starved_servers() {
    let names_called_dead = |loss: f64, config: &Config| {
        let mut network = Network::of(6, 9, config);
        network.join_all(seconds(10));
        network.run(seconds(10));
        network.loss = loss;
        for index in [1, 7] {
            network.servers[index].starved = Some(Starved { runs: Duration::from_millis(100), cycle: seconds(1) });
        }
        let since = network.now;
        network.run(seconds(300));
        network.false_deaths(since).1.len()
    };
    for base in [Config::default(), Config::fast()] {
        assert_eq!(names_called_dead(0.3, &base), 0);
    }
    let alone = Config { patience_max: 0, confirmations: 0, tcp_probes: false, ..Config::fast() };
    assert!(names_called_dead(0.5, &alone) > 0);
}

/// The same server gives its suspects so long, since nobody else suspects them, that their answers are read in time.
#[test]
fn nobody_confirms_a_slow_servers_suspicion() {
    let without = Config { patience_max: 0, confirmations: 0, ..Config::fast() };
    let with = Config { patience_max: 0, ..Config::fast() };
    for seed in seeds(2) {
        assert_eq!(healthy_called_dead(seed, 9, seconds(4), &without), 8);
        assert_eq!(healthy_called_dead(seed, 9, seconds(4), &with), 0);
    }
}

/// A dead server is confirmed by many, and seen much sooner than after a fixed time that is as patient with the living.
#[test]
fn many_accusers_are_believed_soon() {
    for seed in seeds(2) {
        let seen_after = |config: Config| {
            let mut network = Network::of(seed, 9, &config);
            network.join_all(seconds(10));
            network.run(seconds(10));
            network.crash(4);
            network.run_until(seconds(60), "all see the crash", |network| network.all_show(4, Some(Status::Failed)))
        };
        let confirmed = seen_after(Config::fast());
        let Config { suspicion_multiplier, suspicion_stretch, .. } = Config::fast();
        let fixed =
            seen_after(Config { suspicion_multiplier: suspicion_multiplier * suspicion_stretch, confirmations: 0, ..Config::fast() });
        assert!(confirmed < seconds(4), "{confirmed:?}");
        assert!(fixed > confirmed * 3 / 2, "{fixed:?} and {confirmed:?}");
    }
}

/// Datagrams between two servers are dropped, connections work: nobody suspects anybody, and an operator is told. Without the probe over TCP
/// they call each other dead. There are only the two: others could answer for them.
#[test]
fn tcp_answers_where_udp_is_blocked() {
    let deaths = |tcp_probes: bool| {
        let mut network = Network::of(3, 2, &Config { tcp_probes, ..Config::fast() });
        network.join_all(seconds(10));
        network.run(seconds(10));
        network.udp_cut = Box::new(|_, _| true);
        let since = network.now;
        network.run(seconds(60));
        (network.false_deaths(since).0, network.servers.iter().flat_map(|server| server.notices.clone()).collect::<Vec<_>>())
    };
    let (n_deaths, notices) = deaths(true);
    assert_eq!(n_deaths, 0);
    let told = "server-2.east (10.0.0.2:4648) answers over TCP, and none of its datagrams arrive: let UDP pass to and from port 4648 on both sides";
    assert!(notices.iter().any(|words| words == told), "{notices:?}");
    let (n_deaths, notices) = deaths(false);
    assert!(n_deaths > 0);
    assert!(notices.is_empty(), "{notices:?}");
}

/// Datagrams between two of nine are dropped: the others answer for the two, who tell an operator all the same, and nobody else does.
#[test]
fn blocked_udp_is_told() {
    let mut network = Network::of(3, 9, &Config::fast());
    network.join_all(seconds(10));
    network.run(seconds(10));
    network.udp_cut = Box::new(|a, b| matches!((a, b), (1, 2) | (2, 1)));
    network.run(seconds(120));
    for (index, other) in [(1, Some("server-3.north")), (2, Some("server-2.east")), (0, None), (5, None)] {
        let notices = &network.servers[index].notices;
        assert_eq!(notices.is_empty(), other.is_none(), "{index}: {notices:?}");
        assert!(other.is_none_or(|name| notices.iter().all(|words| words.starts_with(name))), "{notices:?}");
    }
    assert_eq!(network.false_deaths(Duration::ZERO).0, 0);
}

/// A link that loses a third of the datagrams is no reason to say that datagrams do not arrive.
#[test]
fn a_bad_link_is_not_a_blocked_one() {
    let mut network = Network::of(4, 9, &Config::fast());
    network.join_all(seconds(10));
    network.loss = 0.3;
    network.run(seconds(300));
    let notices: Vec<&String> = network.servers.iter().flat_map(|server| &server.notices).collect();
    assert!(notices.is_empty(), "{notices:?}");
}

/// Whoever is suspected wrongly hears it from its accuser at once, and with every probe that follows: a server that runs for a tenth of every
/// second answers in its turn, where gossip alone is often too late.
#[test]
fn the_suspect_is_told_first() {
    let n_false_deaths = |seed: u64, confirmations: usize| {
        // Nothing else shall save anybody.
        let alone = Config { patience_max: 0, suspicion_stretch: 1, suspicion_multiplier: 4, tcp_probes: false, ..Config::fast() };
        let alone = Config { gossip_interval: seconds(3), ..alone };
        let mut network = Network::of(seed, 9, &Config { confirmations, ..alone });
        network.join_all(seconds(20));
        network.run(seconds(10));
        network.loss = 0.1;
        for index in [1, 7] {
            network.servers[index].starved = Some(Starved { runs: Duration::from_millis(100), cycle: seconds(1) });
        }
        let since = network.now;
        network.run(seconds(300));
        network.false_deaths(since).0
    };
    let (mut without, mut with) = (0, 0);
    for seed in seeds(3) {
        without += n_false_deaths(seed, 0);
        with += n_false_deaths(seed, 2);
    }
    assert!(with * 2 < without, "{with} false deaths with, {without} without");
}
