//! Answers in gzip.

use std::io::Read;

use flate2::read::GzDecoder;
use httpd::AgentInfo;
use rpc::message::Chunk;
use tokio::sync::mpsc;

use crate::wire::Answer;
use crate::world::*;

async fn get(server: &Server, path: &str, accepted: &str) -> Answer {
    server.send_raw(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: {accepted}\r\n\r\n")).await
}

/// A long answer comes compressed to whoever accepts it, with the same content and headers; others get it plain.
#[tokio::test]
async fn long_answers() {
    let server = Server::start().await;
    let path = "/v1/job/web";
    let plain = server.get(path).await;
    let packed = get(&server, path, "gzip").await;
    assert_eq!((packed.status, packed.header("content-encoding")), (200, "gzip"));
    assert_eq!(packed.header("content-length"), packed.body.len().to_string());
    assert!(packed.body.len() < plain.body.len() / 2, "{} of {}", packed.body.len(), plain.body.len());
    let mut text = String::new();
    GzDecoder::new(packed.body.as_slice()).read_to_string(&mut text).expect("gzip");
    assert_eq!(text, plain.text());
    for name in ["x-nomad-index", "x-nomad-lastcontact", "x-nomad-knownleader", "content-type"] {
        assert_eq!(packed.header(name), plain.header(name), "{name}");
    }
    for accepted in ["br", "gzip;q=0", "identity"] {
        let answer = get(&server, path, accepted).await;
        assert_eq!((answer.header("content-encoding"), answer.text()), ("", plain.text()), "{accepted}");
        assert_eq!(answer.header("vary"), "Accept-Encoding");
    }
}

/// Short answers, refusals and streams come as they are.
#[tokio::test]
async fn short_answers_and_streams() {
    let server = Server::start_with(AgentInfo::default()).await;
    for path in ["/v1/regions", "/v1/job/nope", "/v1/nowhere"] {
        assert_eq!(get(&server, path, "gzip").await.header("content-encoding"), "", "{path}");
    }
    let (feed, chunks) = mpsc::unbounded_channel();
    *server.world.feed.lock().unwrap() = Some(chunks);
    let data = vec![b'x'; 10_000];
    feed.send(Ok(Chunk { data: data.clone(), ..Default::default() })).expect("sent");
    drop(feed);
    let answer = get(&server, &format!("/v1/client/fs/cat/{ALLOC}?path=f"), "gzip").await;
    assert_eq!((answer.header("content-encoding"), &answer.body), ("", &data));
}
