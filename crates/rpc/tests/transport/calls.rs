//! Requests and answers.

use super::harness::*;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rpc::transport::*;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn an_answer_belongs_to_its_request_and_the_handler_knows_who_asks() {
    // Echoes of different bodies at once, an error in words, and the peer as the handler sees it, on each class of connection.
    let server = TestServer::start().await;
    let pool = pool();
    let (one, two, empty) =
        within(async { tokio::join!(server.echo(&pool, b"one"), server.echo(&pool, b"two"), server.echo(&pool, b"")) }).await;
    assert_eq!((&one.unwrap()[..], &two.unwrap()[..], &empty.unwrap()[..]), (&b"one"[..], &b"two"[..], &b""[..]));
    let error = pool.call(&server.address, Class::Rpc, ERROR, Bytes::from_static(b"no such job"), LONG).await.unwrap_err();
    assert_eq!(error, CallError::Remote { code: 418, text: "no such job".into() });
    let rows = [
        (Class::Raft, "west raft true"),
        (Class::Rpc, "west rpc true"),
        (Class::Bulk, "west bulk true"),
        (Class::Heartbeat, "west heartbeat true"),
    ];
    for (class, expected) in rows {
        assert_eq!(pool.call(&server.address, class, WHO, Bytes::new(), LONG).await.unwrap(), expected);
    }
    assert_eq!(server.seen.connections.lock().unwrap().len(), 4, "one connection per class");
    assert_eq!(pool.connect(&server.address, Class::Rpc).await.unwrap().id, server.identity.id());
}

#[tokio::test]
async fn a_thousand_long_polls_share_a_socket_and_leave_room_for_others() {
    // 1,000 requests wait in their handlers; another is answered meanwhile; released, each gets its own answer.
    let server = TestServer::start().await;
    let pool = pool();
    let mut polls: FuturesUnordered<_> = (0..1000)
        .map(|number| {
            let (pool, address) = (pool.clone(), server.address.clone());
            tokio::spawn(async move {
                let body = Bytes::from(format!("poll {number}"));
                assert_eq!(pool.call(&address, Class::Rpc, WAIT, body.clone(), LONG).await.unwrap(), body);
            })
        })
        .collect();
    server.seen.started.reaches(1000).await;
    within(server.echo(&pool, b"between")).await.unwrap();
    server.seen.released.cancel();
    while let Some(outcome) = within(polls.next()).await {
        outcome.unwrap();
    }
    assert_eq!(server.seen.connections.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn bodies_of_any_size_arrive_whole() {
    // Around the sizes at which bodies are split, there and back, several at once.
    let server = TestServer::start().await;
    let pool = pool();
    let sizes = [1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 1 << 20, (5 << 20) + 3];
    let echoes = sizes.map(|size| {
        let (pool, address) = (pool.clone(), server.address.clone());
        async move {
            let body = Bytes::from_iter((0..size).map(|position| (position % 251) as u8));
            let answer = pool.call(&address, Class::Bulk, ECHO, body.clone(), LONG).await.unwrap();
            assert!(answer == body, "{size} bytes came back as {}", answer.len());
        }
    });
    within(futures::future::join_all(echoes)).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_in_words() {
    // By the caller's limit, by the server's limit, and an answer beyond either; the connection survives all three.
    let small = Limits { message_bytes_max: 100_000, ..limits() };
    let strict = TestServer::start_with(identity("west", 1), small.clone()).await;
    let (generous_pool, strict_pool) = (pool(), Pool::new(identity("west", 1), small));
    let generous = TestServer::start().await;
    let body = Bytes::from(vec![0; 100_001]);
    let check = |error: CallError, words: &str| assert!(error.to_string().contains(words), "{error} should say {words:?}");

    let by_us = strict_pool.call(&generous.address, Class::Rpc, ECHO, body.clone(), LONG).await.unwrap_err();
    assert!(by_us.is_not_executed());
    check(by_us, "100001 bytes, the most is 100000");
    let by_them = generous_pool.call(&strict.address, Class::Rpc, ECHO, body, LONG).await.unwrap_err();
    assert!(by_them.is_not_executed());
    check(by_them, "the request has 100001 bytes");
    let large = Bytes::from_static(b"100001");
    let answer = generous_pool.call(&strict.address, Class::Rpc, LARGE, large.clone(), LONG).await.unwrap_err();
    assert!(!answer.is_not_executed());
    check(answer, "the answer has 100001 bytes");
    check(strict_pool.call(&generous.address, Class::Rpc, LARGE, large, LONG).await.unwrap_err(), "answer of 100001 bytes");

    strict.echo(&generous_pool, b"still there").await.unwrap();
    generous.echo(&strict_pool, b"still there").await.unwrap();
    assert_eq!(strict.seen.connections.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn who_stops_waiting_cancels_the_request() {
    // A dropped future fires the handler's token; a handler that does not care is dropped after the grace.
    let server = TestServer::start().await;
    let pool = pool();
    for method in [WAIT, STUBBORN] {
        let started = server.seen.started.now();
        let (client, address) = (pool.clone(), server.address.clone());
        let call = tokio::spawn(async move { client.call(&address, Class::Rpc, method, Bytes::new(), LONG).await });
        server.seen.started.reaches(started + 1).await;
        call.abort();
    }
    server.seen.cancelled.reaches(1).await;
    server.seen.dropped.reaches(1).await;
}

#[tokio::test]
async fn a_deadline_ends_the_waiting_on_both_sides() {
    // The caller gets a timeout that says how long it was, and the handler is cancelled, too.
    let server = TestServer::start().await;
    let pool = pool();
    let after = Duration::from_millis(30);
    for method in [WAIT, STUBBORN] {
        let error = within(pool.call(&server.address, Class::Rpc, method, Bytes::new(), after)).await.unwrap_err();
        assert_eq!(error, CallError::Timeout { address: server.address.clone(), after });
    }
    server.seen.cancelled.reaches(1).await;
    server.seen.dropped.reaches(1).await;
}

#[tokio::test]
async fn a_deadline_counts_also_for_a_caller_that_does_not_cancel() {
    // By hand: the handler is cancelled and dropped, and the error names the deadline as its origin.
    let server = TestServer::start().await;
    let mut stream = server.raw_greeted().await;
    let mut payload = 30u32.to_le_bytes().to_vec();
    payload.extend([STUBBORN as u8, 0, 0]);
    stream.write_all(&raw_frame(1, 1, &payload)).await.unwrap();
    let (id, kind, payload) = read_raw_frame(&mut stream).await;
    assert_eq!((id, kind, payload[0]), (1, 3, 3));
    server.seen.dropped.reaches(1).await;
}

#[tokio::test]
async fn a_panicking_handler_fails_its_request_only() {
    // The caller is told that the outcome is unknown; others on the connection notice nothing.
    let server = TestServer::start().await;
    let pool = pool();
    let error = within(pool.call(&server.address, Class::Rpc, PANIC, Bytes::new(), LONG)).await.unwrap_err();
    assert!(matches!(&error, CallError::Lost { reason, .. } if reason.contains("as ordered")), "{error}");
    server.echo(&pool, b"still there").await.unwrap();
    assert_eq!(server.seen.connections.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_small_request_is_not_stuck_behind_a_large_body() {
    // While 48 MiB go there and back on the same connection, 20 small requests one after the other are all answered first.
    let server = TestServer::start().await;
    let pool = pool();
    let body = Bytes::from(vec![7; 48 << 20]);
    let large = pool.call(&server.address, Class::Rpc, ECHO, body.clone(), LONG);
    let small = async {
        for _ in 0..20 {
            server.echo(&pool, b"small").await.unwrap();
        }
    };
    let mut large = std::pin::pin!(large);
    within(async {
        tokio::select! {
            biased;
            _ = &mut large => panic!("the large body was answered before the small ones"),
            () = small => {}
        }
    })
    .await;
    assert!(within(large).await.unwrap() == body);
    assert_eq!(server.seen.connections.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn more_requests_than_a_server_takes_wait_for_their_turn() {
    // The server works on two at once: the third waits at the caller, unsent, and goes on when one ends.
    let server = TestServer::start_with(identity("west", 1), Limits { open_requests_max: 2, ..limits() }).await;
    let pool = pool();
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let (pool, address) = (pool.clone(), server.address.clone());
            tokio::spawn(async move { pool.call(&address, Class::Rpc, WAIT, Bytes::new(), LONG).await })
        })
        .collect();
    server.seen.started.reaches(2).await;
    let error = pool.call(&server.address, Class::Rpc, ECHO, Bytes::new(), Duration::from_millis(20)).await.unwrap_err();
    assert!(error.is_not_executed() && error.to_string().contains("too busy"), "{error}");
    let third = server.echo(&pool, b"third");
    server.seen.released.cancel();
    within(third).await.unwrap();
    for call in waiting {
        within(call).await.unwrap().unwrap();
    }
}
