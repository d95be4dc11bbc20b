//! Streams in both directions.

use super::harness::*;
use bytes::Bytes;
use rpc::transport::*;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn items_arrive_as_they_were_sent() {
    // Each row: sizes of items sent, sizes received, and how it ends.
    let server = TestServer::start().await;
    let pool = pool();
    let rows: [(&str, &[usize], Option<CallError>); 3] = [
        ("5 0 65536 65537 1 300000", &[5, 0, 65536, 65537, 1, 300_000], None),
        ("3 error 4", &[3], Some(CallError::Remote { code: 410, text: "the file vanished".into() })),
        ("error", &[], Some(CallError::Remote { code: 410, text: "the file vanished".into() })),
    ];
    for (sent, expected, end) in rows {
        let (head, mut stream) = pool.call_stream(&server.address, Class::Bulk, ITEMS, Bytes::from_static(sent.as_bytes())).await.unwrap();
        assert_eq!(head, sent);
        let mut sizes = Vec::new();
        let ended = loop {
            match within(stream.next()).await {
                None => break None,
                Some(Ok(item)) => sizes.push(item.len()),
                Some(Err(error)) => break Some(error),
            }
        };
        assert_eq!((&sizes[..], &ended), (expected, &end));
        assert!(within(stream.next()).await.is_none(), "it stays ended");
    }
}

#[tokio::test]
async fn a_message_also_answers_who_wants_a_stream() {
    // The message is the head, nothing follows; an error is an error.
    let server = TestServer::start().await;
    let pool = pool();
    let (head, mut stream) = pool.call_stream(&server.address, Class::Bulk, ECHO, Bytes::from_static(b"all")).await.unwrap();
    assert_eq!(head, "all");
    assert!(stream.next().await.is_none());
    let error = pool.call_stream(&server.address, Class::Bulk, ERROR, Bytes::from_static(b"no")).await.unwrap_err();
    assert_eq!(error, CallError::Remote { code: 418, text: "no".into() });
}

#[tokio::test]
async fn a_slow_reader_holds_the_sender_back() {
    // An endless stream is not read: production stops around the window, other requests go on; reading goes on in order; dropping ends it.
    let window = Limits { stream_window: 512 << 10, ..limits() };
    let server = TestServer::start_with(identity("west", 1), limits()).await;
    let pool = Pool::new(identity("west", 1), window);
    let (head, mut stream) = pool.call_stream(&server.address, Class::Rpc, FLOOD, Bytes::new()).await.unwrap();
    assert_eq!(head, "flood");
    server.seen.items.reaches(8).await;
    for _ in 0..50 {
        within(server.echo(&pool, b"between")).await.unwrap();
    }
    assert!(server.seen.items.now() <= 9, "{} items of 64 KiB for a window of 512 KiB", server.seen.items.now());
    for number in 0u64..200 {
        let item = within(stream.next()).await.unwrap().unwrap();
        assert_eq!(item[..8], number.to_le_bytes());
    }
    drop(stream);
    server.seen.dropped.reaches(1).await;
}

#[tokio::test]
async fn two_streams_take_turns() {
    // Both endless; 100 items of each are read alternately, and small requests are answered all the while.
    let server = TestServer::start().await;
    let pool = pool();
    let (_, mut one) = pool.call_stream(&server.address, Class::Bulk, FLOOD, Bytes::new()).await.unwrap();
    let (_, mut two) = pool.call_stream(&server.address, Class::Bulk, FLOOD, Bytes::new()).await.unwrap();
    for _ in 0..100 {
        within(one.next()).await.unwrap().unwrap();
        within(two.next()).await.unwrap().unwrap();
    }
    within(pool.call(&server.address, Class::Bulk, ECHO, Bytes::new(), LONG)).await.unwrap();
    assert_eq!(server.seen.connections.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_upload_arrives_and_is_answered() {
    // 40 MiB in items larger than a chunk; then one that breaks off, which the handler hears in words.
    let server = TestServer::start().await;
    let pool = pool();
    let (_, stream) = counted_upload(400, 100 << 10);
    let answer = within(pool.upload(&server.address, Class::Bulk, SUM, Bytes::from_static(b"sum"), stream, LONG)).await.unwrap();
    assert_eq!(answer, format!("sum {}", 400 * (100 << 10)));
    let broken = futures::stream::iter([Ok(Bytes::from_static(b"abc")), Err(Failure::new(500, "disk on fire"))]);
    let error = within(pool.upload(&server.address, Class::Bulk, SUM, Bytes::new(), broken, LONG)).await.unwrap_err();
    assert_eq!(error, CallError::Remote { code: 400, text: "after 3 bytes: disk on fire".into() });
}

#[tokio::test]
async fn an_upload_that_is_not_read_is_not_taken() {
    // The handler reads one item of an endless upload: the source is asked for about a window, and the answer ends it.
    let server = TestServer::start_with(identity("west", 1), Limits { stream_window: 256 << 10, ..limits() }).await;
    let pool = pool();
    let (taken, stream) = counted_upload(usize::MAX, 64 << 10);
    let (client, address) = (pool.clone(), server.address.clone());
    let upload = tokio::spawn(async move { client.upload(&address, Class::Bulk, SIP, Bytes::new(), stream, LONG).await });
    server.seen.items.reaches(1).await;
    for _ in 0..50 {
        within(pool.call(&server.address, Class::Bulk, ECHO, Bytes::new(), LONG)).await.unwrap();
    }
    assert!(taken.load(Ordering::Relaxed) <= 6, "{} items of 64 KiB for a window of 256 KiB", taken.load(Ordering::Relaxed));
    server.seen.released.cancel();
    assert_eq!(within(upload).await.unwrap().unwrap(), "Some(Ok(65536))");
}

#[tokio::test]
async fn an_upload_ends_with_its_answer_its_deadline_or_its_caller() {
    // An early answer stops the source; a deadline and a dropped future cancel the handler.
    let server = TestServer::start().await;
    let pool = pool();
    let (_, stream) = counted_upload(usize::MAX, 64 << 10);
    assert_eq!(within(pool.upload(&server.address, Class::Bulk, ENOUGH, Bytes::new(), stream, LONG)).await.unwrap(), "enough");
    let (_, stream) = counted_upload(usize::MAX, 64 << 10);
    let short = Duration::from_millis(30);
    let error = within(pool.upload(&server.address, Class::Bulk, SIP, Bytes::new(), stream, short)).await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error}");
    server.seen.dropped.reaches(1).await;
    let (_, stream) = counted_upload(usize::MAX, 64 << 10);
    let items = server.seen.items.now();
    let (client, address) = (pool.clone(), server.address.clone());
    let upload = tokio::spawn(async move { client.upload(&address, Class::Bulk, SIP, Bytes::new(), stream, LONG).await });
    server.seen.items.reaches(items + 1).await;
    upload.abort();
    server.seen.dropped.reaches(2).await;
    within(pool.call(&server.address, Class::Bulk, ECHO, Bytes::new(), LONG)).await.unwrap();
    assert_eq!(server.seen.connections.lock().unwrap().len(), 1);
}
