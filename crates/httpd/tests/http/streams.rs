//! Files and logs as they come.

use std::time::{Duration, Instant};

use api::client::{FileRange, LogStream, Origin, Query};
use rpc::message::{Chunk, Failure};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::world::*;

fn feed(server: &Server) -> UnboundedSender<Result<Chunk, Failure>> {
    let (sender, feed) = unbounded_channel();
    *server.world.feed.lock().unwrap() = Some(feed);
    sender
}

fn chunk(text: &str, offset: i64) -> Chunk {
    Chunk { data: text.as_bytes().to_vec(), offset, file: "alloc/logs/t.stdout.0".into(), file_event: String::new() }
}

/// Logs are frames; the bytes on the wire are those that clients know.
#[tokio::test]
async fn frames() {
    let server = Server::start().await;
    let sender = feed(&server);
    sender.send(Ok(chunk("hello v2 from 1\n", 16))).unwrap();
    sender.send(Ok(Chunk { file_event: "file truncated".into(), ..Chunk::default() })).unwrap();
    drop(sender);
    let answer = server.get(&format!("/v1/client/fs/logs/{ALLOC}?task=t&type=stderr&offset=5&origin=end&follow=true")).await;
    assert_eq!(
        answer.text(),
        "{\"Offset\":16,\"Data\":\"aGVsbG8gdjIgZnJvbSAxCg==\",\"File\":\"alloc/logs/t.stdout.0\"}{\"FileEvent\":\"file truncated\"}"
    );
    let asked = "Logs { task: \"t\", stderr: true, offset: 5, from_end: true, follow: true }";
    assert!(server.world.last_call().contains(asked), "{}", server.world.last_call());
}

/// Plain logs and whole files are bytes, and never a page.
#[tokio::test]
async fn plain() {
    let server = Server::start().await;
    for (path, content_type, asked) in [
        (format!("/v1/client/fs/logs/{ALLOC}?task=t&type=stdout&plain=true"), "text/plain; charset=utf-8", "follow: false"),
        (format!("/v1/client/fs/cat/{ALLOC}?path=a%2Fb"), "application/octet-stream", "Cat { path: \"a/b\" }"),
        (
            format!("/v1/client/fs/readat/{ALLOC}?path=a&offset=3&limit=9"),
            "application/octet-stream",
            "ReadAt { path: \"a\", offset: 3, limit: 9 }",
        ),
    ] {
        let sender = feed(&server);
        sender.send(Ok(chunk("<html>", 6))).unwrap();
        sender.send(Ok(chunk("", 6))).unwrap();
        sender.send(Ok(chunk("x\u{e9}", 9))).unwrap();
        drop(sender);
        let answer = server.get(&path).await;
        assert_eq!((answer.text().as_str(), answer.header("content-type")), ("<html>xé", content_type), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(server.world.last_call().contains(asked), "{}", server.world.last_call());
    }
    let sender = feed(&server);
    drop(sender);
    server.get(&format!("/v1/client/fs/stream/{ALLOC}?path=a")).await;
    assert!(server.world.last_call().contains("Stream { path: \"a\", offset: 0, from_end: false, follow: true }"));
}

/// A stream that fails before it begins has a status; later, its frames end with the text.
#[tokio::test]
async fn failures() {
    let server = Server::start().await;
    let sender = feed(&server);
    sender.send(Err(Failure::bad_request("unknown task name \"t\""))).unwrap();
    let path = format!("/v1/client/fs/logs/{ALLOC}?task=t&type=stdout");
    let answer = server.get(&path).await;
    assert_eq!((answer.status, answer.text().as_str()), (400, "unknown task name \"t\""));

    let client = server.client();
    let sender = feed(&server);
    sender.send(Ok(chunk("a", 1))).unwrap();
    sender.send(Err(Failure::internal("the node is gone"))).unwrap();
    let mut logs = client.logs(ALLOC, "t", LogStream::Stdout, &FileRange::default(), &Query::new()).await.unwrap();
    assert_eq!(logs.next().await.unwrap().unwrap().data, b"a");
    assert_eq!(logs.next().await.unwrap_err().to_string(), "the stream broke off: the node is gone");

    let sender = feed(&server);
    sender.send(Ok(chunk("a", 1))).unwrap();
    sender.send(Err(Failure::internal("the node is gone"))).unwrap();
    let mut file = client.cat_file(ALLOC, "x", &Query::new()).await.unwrap();
    assert!(file.read_to_end().await.is_err(), "half a file must not look like a whole one");
}

/// A quiet stream says every second that it lives; the client hides that, and gets what comes later.
#[tokio::test]
async fn heartbeats() {
    let server = Server::start().await;
    let sender = feed(&server);
    let begin = Instant::now();
    let client = server.client();
    let range = FileRange { follow: true, offset: 3, origin: Origin::End };
    let path = format!("/v1/client/fs/logs/{ALLOC}");
    let query = Query::new().with("task", "t").with("type", "stdout").with("follow", true);
    let mut raw = client.stream(&path, &query).await.unwrap();
    assert_eq!(raw.next().await.unwrap().unwrap(), "{}");
    assert!(begin.elapsed() >= Duration::from_secs(1));
    sender.send(Ok(chunk("late", 4))).unwrap();
    let piece = raw.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&piece).contains("bGF0ZQ=="), "{piece:?}");
    drop(raw);

    // The client's end is noticed at the source.
    tokio::time::timeout(Duration::from_secs(5), sender.closed()).await.expect("the stream ends when its reader goes");
    let sender = feed(&server);
    let mut logs = client.logs(ALLOC, "t", LogStream::Stdout, &range, &Query::new()).await.unwrap();
    sender.send(Ok(chunk("x", 1))).unwrap();
    assert_eq!(logs.next().await.unwrap().unwrap().data, b"x");
    drop(sender);
    assert_eq!(logs.next().await.unwrap(), None);
}

/// A reader of bytes that goes away ends its stream as well, although nothing is written meanwhile.
#[tokio::test]
async fn plain_reader_goes() {
    let server = Server::start().await;
    let sender = feed(&server);
    sender.send(Ok(chunk("x", 1))).unwrap();
    let client = server.client();
    let mut logs =
        client.plain_logs(ALLOC, "t", LogStream::Stdout, &FileRange { follow: true, ..Default::default() }, &Query::new()).await.unwrap();
    assert_eq!(logs.next().await.unwrap().unwrap(), "x");
    drop(logs);
    tokio::time::timeout(Duration::from_secs(5), sender.closed()).await.expect("the stream ends when its reader goes");
}
