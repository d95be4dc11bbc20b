//! Servers that go away, and come back.

use super::harness::*;
use bytes::Bytes;
use rpc::transport::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A server on a runtime of its own, which can be killed without a word.
fn start_apart(address: &str) -> (tokio::runtime::Runtime, String, Seen) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let entered = runtime.enter();
    let listener = TcpListener::from_std(listener).unwrap();
    drop(entered);
    let address = listener.local_addr().unwrap().to_string();
    let seen = Seen::default();
    runtime.spawn(serve_with(listener, identity("west", 1), limits(), Arc::new(Desk(seen.clone())), CancellationToken::new()));
    (runtime, address, seen)
}

#[tokio::test]
async fn a_killed_server_is_lost_then_unreachable_then_found_again() {
    // What was under way is lost (message and stream), what comes after is unreachable, and a server on the same port is found by itself.
    let (runtime, address, seen) = start_apart("127.0.0.1:0");
    let pool = pool();
    let (_, mut stream) = pool.call_stream(&address, Class::Rpc, FLOOD, Bytes::new()).await.unwrap();
    let (client, to) = (pool.clone(), address.clone());
    let waiting = tokio::spawn(async move { client.call(&to, Class::Rpc, WAIT, Bytes::new(), LONG).await });
    seen.started.reaches(2).await;
    runtime.shutdown_background();

    let error = within(waiting).await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Lost { .. }) && !error.is_not_executed(), "{error}");
    let error = within(async {
        loop {
            match stream.next().await {
                Some(Ok(_)) => {}
                end => break end,
            }
        }
    })
    .await;
    assert!(matches!(error, Some(Err(CallError::Lost { .. }))), "{error:?}");
    let error = within(pool.call(&address, Class::Rpc, ECHO, Bytes::new(), LONG)).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }) && error.is_not_executed(), "{error}");

    let (runtime, _, _) = start_apart(&address);
    within(async {
        while pool.call(&address, Class::Rpc, ECHO, Bytes::new(), LONG).await.is_err() {
            tokio::task::yield_now().await
        }
    })
    .await;
    runtime.shutdown_background();
}

#[tokio::test]
async fn nobody_listening_is_unreachable_and_not_hammered() {
    // The error names the address; while the pause lasts the same error comes at once, without another attempt.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let patient = Limits { backoff_min: LONG, backoff_max: LONG, ..limits() };
    let pool = Pool::new(identity("west", 1), patient);
    let first = within(pool.call(&address, Class::Rpc, ECHO, Bytes::new(), LONG)).await.unwrap_err();
    assert!(matches!(first, CallError::Unreachable { .. }) && first.to_string().contains(&address), "{first}");
    let _listener = TcpListener::bind(&address).await.unwrap();
    assert_eq!(within(pool.call(&address, Class::Rpc, ECHO, Bytes::new(), LONG)).await.unwrap_err(), first);
    let nonsense = within(pool.call("no port", Class::Rpc, ECHO, Bytes::new(), LONG)).await.unwrap_err();
    assert!(matches!(nonsense, CallError::Unreachable { .. }), "{nonsense}");
}

#[tokio::test]
async fn shutdown_answers_cancels_and_leaves_no_task() {
    // A waiting handler hears the cancellation and its answer still arrives; a stream breaks off with the reason; then every task is gone.
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let server = TestServer::start().await;
    let pool = pool();
    let (_, mut stream) = pool.call_stream(&server.address, Class::Rpc, FLOOD, Bytes::new()).await.unwrap();
    let calls: Vec<_> = [WAIT, STUBBORN]
        .into_iter()
        .map(|method| {
            let (pool, address) = (pool.clone(), server.address.clone());
            tokio::spawn(async move { pool.call(&address, Class::Rpc, method, Bytes::new(), LONG).await.unwrap_err() })
        })
        .collect();
    server.seen.started.reaches(3).await;
    let address = server.address.clone();
    server.stop().await;
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(within(call).await.unwrap());
    }
    assert_eq!(outcomes[0], CallError::Remote { code: 499, text: "cancelled".into() });
    assert!(matches!(outcomes[1], CallError::Lost { .. }), "{:?}", outcomes[1]);
    let end = within(async {
        loop {
            match stream.next().await {
                Some(Ok(_)) => {}
                end => break end,
            }
        }
    })
    .await;
    assert!(matches!(&end, Some(Err(CallError::Lost { reason, .. })) if reason.contains("shutting down")), "{end:?}");
    let after = within(pool.call(&address, Class::Rpc, ECHO, Bytes::new(), LONG)).await.unwrap_err();
    assert!(after.is_not_executed(), "{after}");
    within(pool.close()).await;
    within(async {
        while tasks() > 0 {
            tokio::task::yield_now().await
        }
    })
    .await;
}

#[tokio::test]
async fn a_closed_pool_tells_its_callers() {
    // Who waits is told that the outcome is unknown, who comes later that nothing was sent.
    let server = TestServer::start().await;
    let pool = pool();
    let (client, address) = (pool.clone(), server.address.clone());
    let waiting = tokio::spawn(async move { client.call(&address, Class::Rpc, WAIT, Bytes::new(), LONG).await });
    server.seen.started.reaches(1).await;
    within(pool.close()).await;
    assert!(matches!(within(waiting).await.unwrap(), Err(CallError::Lost { .. })));
    server.seen.cancelled.reaches(1).await;
    assert!(matches!(server.echo(&pool, b"").await, Err(CallError::Unreachable { .. })));
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    // The other side says hello and then neither answers nor pongs, with the socket open.
    let (address, _task) = raw_server(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let quick = Limits { ping_interval: Duration::from_millis(20), ..limits() };
    let pool = Pool::new(identity("west", 1), quick);
    let error = within(pool.call(&address, Class::Rpc, ECHO, Bytes::new(), LONG)).await.unwrap_err();
    assert!(matches!(&error, CallError::Lost { reason, .. } if reason.contains("no sign of life for 80ms")), "{error}");
}

#[tokio::test]
async fn a_caller_that_falls_silent_is_given_up_and_one_that_pongs_is_not() {
    // By hand: the first connection answers three pings and then no more; the server closes it, and cancels what it had asked.
    let quick = Limits { ping_interval: Duration::from_millis(20), ..limits() };
    let server = TestServer::start_with(identity("west", 1), quick).await;
    let mut stream = server.raw_greeted().await;
    stream.write_all(&raw_request(1, WAIT, b"")).await.unwrap();
    for _ in 0..3 {
        let (id, kind, _) = read_raw_frame(&mut stream).await;
        assert_eq!(kind, 9, "a ping");
        stream.write_all(&raw_frame(id, 10, b"")).await.unwrap();
    }
    let mut rest = Vec::new();
    within(stream.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest.len() / 13, 3, "three more pings");
    server.seen.cancelled.reaches(1).await;
}

#[tokio::test]
async fn a_connection_without_use_is_closed_by_who_made_it() {
    // The accepting side, by hand, sees pings and then the end.
    let (address, task) = raw_server(|mut stream| async move {
        let mut rest = Vec::new();
        within(stream.read_to_end(&mut rest)).await.unwrap();
    })
    .await;
    let idle = Limits { ping_interval: Duration::from_millis(20), idle_close: Duration::from_millis(30), ..limits() };
    let pool = Pool::new(identity("west", 1), idle);
    pool.connect(&address, Class::Bulk).await.unwrap();
    within(task).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_ended_between_two_calls_is_made_anew() {
    // The server closes right after the first answer; the second call does not notice.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_raw_hello(&mut stream).await;
            stream.write_all(&raw_hello(1, 1, "west", 1)).await.unwrap();
            let (id, _, _) = read_raw_frame(&mut stream).await;
            // A goodbye behind the answer, so that the caller knows before it asks again.
            let mut answer = raw_frame(0, 12, b"enough for today");
            answer.extend(raw_frame(id, 2, b"\0done"));
            stream.write_all(&answer).await.unwrap();
        }
    });
    let pool = pool();
    for _ in 0..2 {
        assert_eq!(within(pool.call(&address, Class::Rpc, ECHO, Bytes::new(), LONG)).await.unwrap(), "done");
    }
}
