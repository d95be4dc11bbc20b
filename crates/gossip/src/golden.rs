//! The bytes of version 1. A change here breaks pools of mixed versions: a shape gets a successor with a higher number instead.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{RegionId, Uuid, codec};

use crate::broadcast::Broadcast;
use crate::identity::ServerIdentity;
use crate::member::{Farewell, MemberMeta, MetaRecord, MetaVersion};
use crate::memory::Memory;
use crate::packet::{self, Content};
use crate::record::{Freshness, Item};
use crate::suspicion::Accusation;
use crate::sync::{Answer, Body, Digests, Hello, MemberLine, SyncRequest, SyncResponse, Wanted};
use crate::table::{Outline, RegionDigest};

fn identity() -> ServerIdentity {
    ServerIdentity {
        node: Uuid::from_u128(0x0102_0304),
        address: "10.0.0.1:4648".parse().unwrap(),
        region: "west".into(),
        generation: 1_700_000_000_000,
    }
}

fn author() -> RegionId {
    RegionId { name: "west".into(), cluster: Uuid::from_u128(7) }
}

fn meta() -> MetaRecord {
    let address = identity().address;
    let meta = MemberMeta {
        name: "server-1".to_owned(),
        region: "west".into(),
        cluster_id: Uuid::from_u128(7),
        datacenter: "dc1".to_owned(),
        server_id: 9,
        rpc_address: address,
        http_address: "[::1]:4646".parse().unwrap(),
        gossip_address: address,
        bootstrap_expect: 3,
        build: "0.1.0".to_owned(),
        protocol: 1,
        feature_level: 2,
        tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
    };
    MetaRecord { node: identity().node, version: MetaVersion { generation: 5, change: 6 }, meta }
}

fn item(content: crate::record::Content) -> Item {
    Item { author: author(), key: b"key".to_vec(), freshness: Freshness { incarnation: 1, seq: 300 }, content }
}

fn full_body() -> Body {
    let line = MemberLine {
        identity: identity(),
        incarnation: 2,
        down_for_ms: Some(Duration::from_secs(1).as_millis() as u64),
        cluster: Uuid::from_u128(7),
        version: MetaVersion { generation: 5, change: 6 },
        farewell: Some(Farewell { generation: 5, prune: true }),
    };
    let digest = RegionDigest { author: author(), newest: Freshness { incarnation: 1, seq: 300 }, count: 1, sum: 99 };
    Body {
        membership: Some(11),
        members: Some(vec![line]),
        metas: vec![meta()],
        wanted_metas: vec![Uuid::from_u128(3)],
        digests: Some(Digests { complete: true, regions: vec![digest] }),
        outlines: vec![Outline { author: author(), from: 1, until: 2, lines: vec![(1, Freshness { incarnation: 1, seq: 2 })] }],
        items: vec![item(crate::record::Content::Forgotten { keep_ms: 40 })],
        wanted_items: vec![Wanted { author: "west".into(), key_hashes: vec![4, 5] }],
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that is sent or stored has exactly these bytes, and reads back from them.
#[test]
fn bytes_of_version_1() {
    let mut swim = Vec::new();
    foca::Codec::encode_member(&mut crate::swim::SwimCodec, &foca::Member::alive(identity()), &mut swim).unwrap();
    let hello = Hello { pool: "steppe".to_owned(), identity: identity(), meta: meta() };
    let request = SyncRequest { hello: hello.clone(), body: full_body() };
    let response = SyncResponse(Answer::Accepted { hello: Box::new(hello), body: Box::default() });
    let memory = Memory { generation: 8, members: vec![identity()] };
    let broadcast = |broadcast: &Broadcast| {
        let bytes = broadcast.encode().unwrap();
        assert_eq!(Broadcast::decode(&bytes).unwrap().as_ref(), Some(broadcast));
        bytes
    };
    assert_eq!(SyncRequest::decode(&request.encode().unwrap()).unwrap(), request);
    assert_eq!(SyncResponse::decode(&response.encode().unwrap()).unwrap(), response);
    assert_eq!(Memory::decode(&memory.encode().unwrap()).unwrap(), memory);
    let accusation = Accusation { accuser: Uuid::from_u128(9), suspect: identity().node, generation: 5, incarnation: 300 };
    let farewell = Broadcast::Farewell { node: identity().node, farewell: Farewell { generation: 5, prune: true } };
    let written = [
        ("member", swim),
        ("packet", packet::seal(Content::Swim, packet::pool_hash("steppe"), Uuid::from_u128(7), b"payload")),
        ("meta", broadcast(&Broadcast::Meta(meta()))),
        ("farewell", broadcast(&farewell)),
        ("record", broadcast(&Broadcast::Item(item(crate::record::Content::Live(b"body".to_vec()))))),
        ("accusation", broadcast(&Broadcast::Accusation(accusation))),
        ("memory", memory.encode().unwrap()),
        ("request", codec::to_body(&request).unwrap()),
        ("response", codec::to_body(&response).unwrap()),
        ("refusal", SyncResponse::refusal("no").encode().unwrap()),
    ];
    let written: String = written.iter().map(|(name, bytes)| format!("{name} {}\n", hex(bytes))).collect();
    assert_eq!(written, include_str!("golden_v1.txt"), "\n{written}");
}
