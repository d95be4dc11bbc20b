//! Gossip: datagrams and syncs from the network to a server that knows others.

use std::net::SocketAddr;
use std::time::Duration;

use gossip::{Config, Gossip, Input, MemberMeta, Output, Record, ServerIdentity, SyncRequest, SyncResponse};
use model::codec::{self, HEADER, Kind};
use model::{RegionId, Uuid};

use super::OPEN_LISTS;
use crate::{Target, steps};

pub const TARGET: Target = Target {
    name: "gossip",
    run,
    // Two servers of a pool, and what one of them answers: messages of 1 MiB at most.
    allowance: OPEN_LISTS + (4 << 20),
    input_max: 4096,
    seeds,
};

/// As it is.
const DATAGRAM: u8 = 0;
/// Behind the envelope.
const PACKET: u8 = 1;
const REQUEST: u8 = 2;
const ANSWER: u8 = 3;
/// Milliseconds go by, as many as the bytes say.
const WAIT: u8 = 4;

fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 4648))
}

fn server(n: u8, region: &str) -> Gossip {
    let cluster_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, region.as_bytes());
    let identity = ServerIdentity { node: Uuid::from_u128(u128::from(n)), address: address(n), region: region.into(), generation: 7 };
    let meta = MemberMeta {
        name: format!("s{n}"),
        region: region.into(),
        cluster_id,
        datacenter: "dc1".to_owned(),
        server_id: u64::from(n),
        rpc_address: address(n),
        http_address: address(n),
        gossip_address: address(n),
        bootstrap_expect: 1,
        build: "0".to_owned(),
        protocol: 1,
        feature_level: 1,
        tags: Default::default(),
    };
    let mut server = Gossip::new(Config::fast(), identity, meta, u64::from(n)).expect("a valid server");
    let author = RegionId { name: region.into(), cluster: cluster_id };
    let record = Record { author, key: b"key".to_vec(), incarnation: 1, seq: u64::from(n), body: b"body".to_vec() };
    server.publish(Duration::ZERO, record).expect("a record of its own");
    server
}

/// Everything that two servers have to say to each other until `until`; each step goes from the second to the first when `is_heard`.
fn talk(servers: &mut [Gossip; 2], until: Duration, mut heard: impl FnMut(u8, &[u8])) {
    let mut now = Duration::ZERO;
    servers[1].handle(now, Input::Join { addresses: vec![address(1)] });
    while now < until {
        for from in [0, 1] {
            while let Some(output) = servers[from].poll() {
                let to = 1 - from;
                match output {
                    Output::Send { bytes, .. } => {
                        heard(PACKET, bytes.get(HEADER..).unwrap_or_default());
                        servers[to].handle(now, Input::Datagram { from: address(from as u8 + 1), bytes });
                    }
                    Output::Sync { request, .. } => {
                        let body = |bytes: Result<Vec<u8>, _>| bytes.map(|bytes: Vec<u8>| bytes[HEADER..].to_vec()).unwrap_or_default();
                        heard(REQUEST, &body(request.encode()));
                        let response = servers[to].handle_sync_request(now, *request);
                        heard(ANSWER, &body(response.encode()));
                        servers[from].handle(now, Input::SyncAnswered { peer: address(to as u8 + 1), response });
                    }
                    _ => {}
                }
            }
        }
        now += Duration::from_millis(50);
        servers.iter_mut().for_each(|server| server.handle(now, Input::Tick));
    }
}

fn run(input: &[u8]) {
    let mut servers = [server(1, "west"), server(2, "east")];
    let mut now = Duration::from_millis(100);
    talk(&mut servers, now, |_, _| {});
    let [mut server, _] = servers;
    let from = address(2);
    for (kind, bytes) in steps::split(input) {
        match kind {
            DATAGRAM => server.handle(now, Input::Datagram { from, bytes: bytes.to_vec() }),
            PACKET => server.handle(now, Input::Datagram { from, bytes: codec::wrap(Kind::GossipPacket, 1, bytes) }),
            REQUEST => {
                if let Ok(request) = SyncRequest::decode(&codec::wrap(Kind::GossipSync, 1, bytes)) {
                    let _ = server.handle_sync_request(now, request).encode();
                }
            }
            ANSWER => {
                if let Ok(response) = SyncResponse::decode(&codec::wrap(Kind::GossipSync, 1, bytes)) {
                    server.handle(now, Input::SyncAnswered { peer: from, response });
                }
            }
            WAIT => {
                now += Duration::from_millis(bytes.iter().map(|byte| u64::from(*byte)).sum());
                server.handle(now, Input::Tick);
            }
            _ => continue,
        }
        while let Some(output) = server.poll() {
            match output {
                Output::Send { bytes, .. } => assert!(bytes.len() <= 65_507, "a datagram of {} bytes", bytes.len()),
                Output::Sync { request, .. } => drop(request.encode().expect("a request within its bounds")),
                Output::Remember(memory) => drop(memory.encode()),
                _ => {}
            }
        }
    }
    let _ = (server.members(), server.records(), server.digest());
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seen: Vec<(u8, Vec<u8>)> = Vec::new();
    talk(&mut [server(1, "west"), server(2, "east")], Duration::from_secs(3), |kind, bytes| seen.push((kind, bytes.to_vec())));
    talk(&mut [server(1, "west"), server(3, "west")], Duration::from_secs(3), |kind, bytes| seen.push((kind, bytes.to_vec())));
    seen.truncate(200);
    let mut seeds: Vec<Vec<u8>> = seen.iter().map(|(kind, bytes)| steps::join([(*kind, &bytes[..])])).collect();
    seeds.extend(seen.chunks(5).map(|some| {
        let steps = some.iter().map(|(kind, bytes)| (*kind, &bytes[..]));
        steps::join(steps.chain([(WAIT, &[255u8; 8][..])]))
    }));
    seeds
}
