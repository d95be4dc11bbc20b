//! Wrong versions, wrong clusters, wrong protocols and malice.

use super::harness::*;
use bytes::Bytes;
use rpc::transport::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn another_version_is_refused_in_words_on_both_sides() {
    // By hand, an agent of the future dials; then one of the future is dialed.
    let server = TestServer::start().await;
    let mut stream = server.raw().await;
    stream.write_all(&raw_hello(7, 9, "west", 1)).await.unwrap();
    let (verdict, text) = read_raw_hello(&mut stream).await;
    assert_eq!(verdict, 1);
    assert!(text.contains("no common protocol version: one side speaks 7 to 9, the other 1 to 1") && text.contains("upgrade"), "{text}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&raw_hello(7, 9, "west", 1)).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let error = within(pool().call(&address, Class::Rpc, ECHO, Bytes::new(), LONG)).await.unwrap_err();
    assert!(matches!(&error, CallError::Refused { text, .. } if text.contains("7 to 9")), "{error}");
}

#[tokio::test]
async fn another_cluster_of_the_same_name_is_refused_in_words() {
    // The caller hears which clusters meet and what to do; no handler hears anything. An unknown cluster is welcome.
    let server = TestServer::start().await;
    let stranger = Pool::new(identity("west", 2), limits());
    let error = within(server.echo(&stranger, b"")).await.unwrap_err();
    assert!(error.is_not_executed());
    for words in
        [&*server.address, "refused", "two clusters call themselves region \"west\"", "-000000000001", "-000000000002", "another name"]
    {
        assert!(error.to_string().contains(words), "{error} should say {words:?}");
    }
    assert_eq!(server.seen.started.now(), 0);
    server.echo(&Pool::new(identity("west", 0), limits()), b"new here").await.unwrap();
    server.echo(&Pool::new(identity("east", 2), limits()), b"a neighbour").await.unwrap();
    let error = Pool::new(identity("east", 2), limits()).call(&server.address, Class::Raft, ECHO, Bytes::new(), LONG).await.unwrap_err();
    assert!(matches!(&error, CallError::Refused { text, .. } if text.contains("consensus stays within a region")), "{error}");
}

#[tokio::test]
async fn a_cluster_learnt_later_ends_the_connections_of_strangers() {
    // The server does not know its cluster when the stranger connects; once it does, a waiting call ends with the reason.
    let server = TestServer::start_with(identity("west", 0), limits()).await;
    let stranger = Pool::new(identity("west", 2), limits());
    let (client, address) = (stranger.clone(), server.address.clone());
    let waiting = tokio::spawn(async move { client.call(&address, Class::Rpc, STUBBORN, Bytes::new(), LONG).await });
    server.seen.started.reaches(1).await;
    server.identity.set_cluster(model::Uuid::from_u128(1));
    assert!(matches!(within(waiting).await.unwrap(), Err(CallError::Lost { .. })));
    let error = within(async {
        loop {
            match server.echo(&stranger, b"").await {
                Err(CallError::Refused { text, .. }) => break text,
                _ => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    assert!(error.contains("two clusters"), "{error}");
}

#[tokio::test]
async fn other_protocols_get_an_answer_they_can_read() {
    // A browser is told that this is not the HTTP port; the caller of an HTTP port is told so, too.
    let server = TestServer::start().await;
    let mut stream = server.raw().await;
    stream.write_all(b"GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.contains("4646"), "{answer}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let error = within(pool().call(&address, Class::Rpc, ECHO, Bytes::new(), LONG)).await.unwrap_err();
    assert!(matches!(&error, CallError::Refused { text, .. } if text.contains("HTTP server")), "{error}");
}

#[tokio::test]
async fn hostile_frames_end_their_connection_with_a_reason() {
    // Each row: frames after a good hello, and words of the goodbye. A proper client on another connection notices nothing.
    let server = TestServer::start().await;
    let pool = pool();
    let parts = |total: u32| {
        let mut payload = u32::MAX.to_le_bytes().to_vec();
        payload.extend([ECHO as u8, 0, 1]);
        payload.extend(total.to_le_bytes());
        raw_frame(1, 1, &payload)
    };
    let upload = || {
        let mut payload = u32::MAX.to_le_bytes().to_vec();
        payload.extend([SIP as u8, 0, 2]);
        raw_frame(1, 1, &payload)
    };
    let twice = [raw_request(1, WAIT, b""), raw_request(1, WAIT, b"")].concat();
    // The handler takes the first, the window has room for the second.
    let overdrawn = [upload(), raw_frame(1, 4, &[0; 1 << 20]).repeat(3)].concat();
    let rows: [(&str, Vec<u8>, &str); 12] = [
        ("a giant frame", vec![0xFF; 13], "not a frame of this protocol"),
        ("an unknown kind", raw_frame(1, 77, b""), "unknown kind 77"),
        ("a request without fields", raw_frame(1, 1, b""), "too short"),
        ("an id used twice", twice, "used twice"),
        ("an empty body in parts", parts(0), "empty body"),
        ("more than announced", [parts(3), raw_frame(1, 4, b"four")].concat(), "larger than the 3 bytes"),
        ("a tiny part", [parts(3), raw_frame(1, 4, b"1")].concat(), "part of 1 bytes that is not the last"),
        ("an end too early", [parts(3), raw_frame(1, 6, b"")].concat(), "ended before it was complete"),
        ("an answer", raw_frame(1, 2, b"\0"), "answered something"),
        ("a part too many", [raw_request(1, WAIT, b""), raw_frame(1, 4, b"x")].concat(), "was complete"),
        ("an upload beyond its credit", overdrawn, "beyond its credit"),
        ("an error out of the blue", raw_frame(1, 3, b"\0\0\0"), "answered something"),
    ];
    for (what, bytes, words) in rows {
        let mut stream = server.raw_greeted().await;
        // The server may hang up before all of it is written.
        let _ = stream.write_all(&bytes).await;
        let mut answer = Vec::new();
        let _ = within(stream.read_to_end(&mut answer)).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(text.contains(words), "{what}: {text:?} should say {words:?}");
        server.echo(&pool, b"undisturbed").await.unwrap();
    }
}

#[tokio::test]
async fn harmless_nonsense_is_ignored() {
    // About requests that are not open: cancels, credit, parts, ends, pongs; and absurd credit for one that is. Then an echo is answered.
    let server = TestServer::start().await;
    let mut stream = server.raw_greeted().await;
    let mut bytes = raw_request(1, WAIT, b"");
    for kind in [4, 5, 6, 8, 10] {
        bytes.extend(raw_frame(99, kind, b""));
    }
    for _ in 0..3 {
        bytes.extend(raw_frame(1, 11, &u32::MAX.to_le_bytes()));
    }
    bytes.extend(raw_frame(7, 9, b""));
    stream.write_all(&bytes).await.unwrap();
    assert_eq!(read_raw_frame(&mut stream).await, (7, 10, Vec::new()), "the ping is answered");
    stream.write_all(&raw_request(2, ECHO, b"hi")).await.unwrap();
    assert_eq!(read_raw_frame(&mut stream).await, (2, 2, b"\0hi".to_vec()));
}

#[tokio::test]
async fn random_bytes_never_bring_the_server_down() {
    // Arbitrary bytes before and after a good hello, 100 connections; then a proper client is served.
    let server = TestServer::start().await;
    let mut noise = 0x2545_F491_4F6C_DD1Du64;
    for round in 0..100 {
        let mut stream = if round % 2 == 0 { server.raw().await } else { server.raw_greeted().await };
        let bytes: Vec<u8> = (0..200)
            .map(|position| {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                // Some rounds have small lengths and plausible kinds, to get further.
                if round % 4 == 3 && position % 13 != 12 { (noise % 3) as u8 } else { (noise % 13) as u8 }
            })
            .collect();
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let _ = within(stream.read_to_end(&mut Vec::new())).await;
    }
    within(server.echo(&pool(), b"still there")).await.unwrap();
    within(server.stop()).await;
}

#[tokio::test]
async fn one_connection_cannot_take_more_than_its_share() {
    // By hand: more open requests, and more bytes, than the limits; each too many is refused, the rest goes on.
    let tight = Limits { open_requests_max: 3, request_bytes_held_max: 1000, ..limits() };
    let server = TestServer::start_with(identity("west", 1), tight).await;
    let mut stream = server.raw_greeted().await;
    stream.write_all(&raw_request(1, WAIT, &[0; 600])).await.unwrap();
    stream.write_all(&raw_request(2, WAIT, &[0; 600])).await.unwrap();
    let (id, kind, payload) = read_raw_frame(&mut stream).await;
    assert_eq!((id, kind, payload[0]), (2, 3, 1), "refused");
    assert!(String::from_utf8_lossy(&payload).contains("1200 bytes, the most is 1000"));
    for id in 3..6 {
        stream.write_all(&raw_request(id, WAIT, b"")).await.unwrap();
    }
    let (id, kind, payload) = read_raw_frame(&mut stream).await;
    assert_eq!((id, kind, payload[0]), (5, 3, 1), "refused");
    assert!(String::from_utf8_lossy(&payload).contains("3 requests of this connection are open"));
    server.seen.released.cancel();
    let mut answered: Vec<u64> = Vec::new();
    for _ in 0..3 {
        answered.push(read_raw_frame(&mut stream).await.0);
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 3, 4]);
}

#[tokio::test]
async fn too_many_connections_are_told_so() {
    // One is allowed: the second hears it, and gets in when the first is gone.
    let server = TestServer::start_with(identity("west", 1), Limits { connections_max: 1, ..limits() }).await;
    let (first, second) = (pool(), pool());
    server.echo(&first, b"").await.unwrap();
    let error = within(server.echo(&second, b"")).await.unwrap_err();
    assert!(matches!(&error, CallError::Refused { text, .. } if text.contains("1 connections already")), "{error}");
    first.close().await;
    within(async {
        while server.echo(&second, b"").await.is_err() {
            tokio::task::yield_now().await
        }
    })
    .await;
}

#[tokio::test]
async fn who_says_nothing_does_not_keep_a_place() {
    // A connection without a hello is closed.
    let server = TestServer::start_with(identity("west", 1), Limits { hello_timeout: Duration::from_millis(30), ..limits() }).await;
    let mut stream = server.raw().await;
    assert_eq!(within(stream.read_to_end(&mut Vec::new())).await.unwrap(), 0);
}

#[tokio::test]
async fn a_hostile_server_ends_the_call_with_a_reason() {
    // Each row: what a server by hand answers to the first request, and words of the error.
    let rows: [(Vec<u8>, &str); 6] = [
        (raw_frame(1, 77, b""), "unknown kind 77"),
        (raw_frame(1, 4, b"part"), "before its beginning"),
        (raw_frame(1, 2, b"\x01\0\0\0\0"), "empty body"),
        (raw_frame(1, 2, b"\x01\xFF\xFF\xFF\xFF"), "larger than"),
        (raw_frame(1, 6, b""), "ended before it began"),
        (raw_request(1, ECHO, b""), "asked something"),
    ];
    for (bytes, words) in rows {
        let (address, _task) = raw_server(|mut stream| async move {
            read_raw_frame(&mut stream).await;
            stream.write_all(&bytes).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let error = within(pool().call(&address, Class::Rpc, ECHO, Bytes::new(), LONG)).await.unwrap_err();
        assert!(matches!(&error, CallError::Lost { reason, .. } if reason.contains(words)), "{error} should say {words:?}");
    }
}
