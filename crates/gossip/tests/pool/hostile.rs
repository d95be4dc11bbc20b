//! Bytes from anywhere: nothing panics, nothing is believed that cannot be read.

use gossip::{Config, Input, Memory, SyncRequest, SyncResponse};
use model::codec::{HEADER, Kind, wrap};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::sim::{Captured, Network, SECOND, seconds};

/// Random bytes, and real datagrams with bytes changed, cut and repaired, change nothing.
#[test]
fn datagrams() {
    let mut network = Network::of(31, 3, &Config::fast());
    network.join_all(seconds(5));
    let mut rng = SmallRng::seed_from_u64(5);
    let from = network.servers[1].address;
    let real = capture(&mut network);
    assert!(real.len() > 10);
    for round in 0..4000 {
        let mut bytes: Vec<u8> = if round % 4 == 0 {
            (0..rng.random_range(0..1500)).map(|_| rng.random()).collect()
        } else {
            real[rng.random_range(0..real.len())].clone()
        };
        mutate(&mut bytes, &mut rng);
        if round % 2 == 0 {
            repair_checksum(&mut bytes);
        }
        network.input(0, Input::Datagram { from, bytes });
    }
    assert!(network.servers[0].gossip.as_ref().unwrap().counters().malformed > 1000);
    network.run_until(seconds(30), "the pool goes on", |network| network.running().all(|server| server.mirror.len() >= 3));
}

/// The same for syncs: what cannot be read is an error, what can be read is taken or left, nothing panics.
#[test]
fn syncs() {
    let mut network = Network::of(32, 4, &Config::fast());
    (0..50).for_each(|n| assert!(network.publish(0, &format!("rollout-{n}"), 1, n).unwrap()));
    network.join_all(seconds(5));
    let (requests, responses) = capture_syncs(&mut network);
    assert!(!requests.is_empty() && !responses.is_empty());
    let mut rng = SmallRng::seed_from_u64(6);
    let peer = network.servers[1].address;
    let (mut read, mut unread) = (0, 0);
    for round in 0..3000 {
        let source = if round % 2 == 0 { &requests } else { &responses };
        let mut bytes = source[rng.random_range(0..source.len())].clone();
        mutate(&mut bytes, &mut rng);
        if round % 8 != 0 {
            repair_checksum(&mut bytes);
        }
        let readable = if round % 2 == 0 {
            SyncRequest::decode(&bytes).map(|request| network.call(3, |gossip, now| gossip.handle_sync_request(now, request))).is_ok()
        } else {
            SyncResponse::decode(&bytes).map(|response| network.input(3, Input::SyncAnswered { peer, response })).is_ok()
        };
        if readable { read += 1 } else { unread += 1 }
    }
    assert!(read > 100 && unread > 100, "{read} {unread}");
    network.run(seconds(5));
}

/// Lengths that promise more than there is are refused without asking for memory.
#[test]
fn length_bombs() {
    let bomb = |length: [u8; 9], tail: usize| {
        let mut body = length.to_vec();
        body.extend(vec![0xff; tail]);
        for kind in [Kind::GossipSync, Kind::GossipPacket, Kind::GossipMemory] {
            let bytes = wrap(kind, 1, &body);
            assert!(SyncRequest::decode(&bytes).is_err());
            assert!(SyncResponse::decode(&bytes).is_err());
            assert!(Memory::decode(&bytes).is_err());
            let mut network = Network::of(1, 1, &Config::fast());
            let from = network.servers[0].address;
            network.input(0, Input::Datagram { from, bytes });
        }
    };
    bomb([253, 255, 255, 255, 255, 255, 255, 255, 255], 0);
    bomb([253, 255, 255, 255, 255, 255, 255, 255, 127], 100);
    bomb([252, 255, 255, 255, 255, 0, 0, 0, 0], 1000);
    assert!(SyncRequest::decode(&vec![0; 2 << 20]).unwrap_err().to_string().contains("the limit is"));
    assert!(SyncRequest::decode(b"GET / HTTP/1.1\r\n\r\n").unwrap_err().to_string().contains("envelope"));
}

/// A message of a later version is refused in words, by datagram and by sync.
#[test]
fn later_versions() {
    let mut network = Network::of(33, 2, &Config::fast());
    network.join_all(seconds(5));
    let mut bytes = capture(&mut network)[0].clone();
    bytes[3] = 9;
    repair_checksum(&mut bytes);
    let from = network.servers[1].address;
    network.input(0, Input::Datagram { from, bytes });
    assert!(network.servers[0].notices.iter().any(|words| words.contains("upgrade this server")), "{:?}", network.servers[0].notices);
    let (requests, _) = capture_syncs(&mut network);
    let mut bytes = requests[0].clone();
    bytes[3] = 9;
    repair_checksum(&mut bytes);
    let error = SyncRequest::decode(&bytes).unwrap_err().to_string();
    assert!(error.contains("upgrade this server"), "{error}");
    assert_eq!(SyncResponse::refusal(error.clone()).refused(), Some(error.as_str()));
}

/// Datagrams that server 1 sends in a while.
fn capture(network: &mut Network) -> Captured {
    network.tap = Some(Vec::new());
    network.publish(1, "captured", 1, 1).unwrap();
    network.run(seconds(5));
    network.tap.take().unwrap()
}

fn capture_syncs(network: &mut Network) -> (Captured, Captured) {
    network.sync_tap = Some((Vec::new(), Vec::new()));
    network.publish(1, "captured", 1, 2).unwrap();
    network.crash(1);
    network.run(SECOND);
    network.start(1);
    network.run(seconds(10));
    network.sync_tap.take().unwrap()
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut SmallRng) {
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..5) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = 0xff,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.random()),
            // A length of eight bytes in the variable encoding.
            _ => bytes[at] = 253,
        }
    }
}

/// Makes the envelope right again, so that the mutation reaches the decoder behind it.
fn repair_checksum(bytes: &mut [u8]) {
    let Some((header, body)) = bytes.split_at_mut_checked(HEADER) else { return };
    header[5..9].copy_from_slice(&(body.len() as u32).to_le_bytes());
    let kind = u16::from_le_bytes([header[1], header[2]]);
    let version = u16::from_le_bytes([header[3], header[4]]);
    let same = |known: &Kind| *known as u16 == kind;
    let kind = [Kind::GossipPacket, Kind::GossipMemory].into_iter().find(same).unwrap_or(Kind::GossipSync);
    let right = wrap(kind, version, body);
    header.copy_from_slice(&right[..HEADER]);
}
