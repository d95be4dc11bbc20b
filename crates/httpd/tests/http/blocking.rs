//! Blocking queries, shutdown, and headers of the configuration.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use httpd::AgentInfo;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::world::*;

/// Waits until a call has arrived behind the interface.
async fn until_asked(server: &Server, n_calls: usize) {
    while server.world.calls.lock().unwrap().len() < n_calls {
        tokio::task::yield_now().await;
    }
}

/// A query with an index answers when something changes, with the new index.
#[tokio::test]
async fn waits_for_a_change() {
    let server = Server::start().await;
    let (answer, ()) = tokio::join!(server.get("/v1/jobs?index=30&wait=60s"), async {
        until_asked(&server, 1).await;
        server.world.change();
    });
    assert_eq!(answer.header("x-nomad-index"), "31");
    assert!(server.world.last_call().contains("min_index: 30, wait: 60000000000"), "{}", server.world.last_call());
}

/// A query whose time is up answers with what there is.
#[tokio::test]
async fn waits_no_longer_than_asked() {
    let server = Server::start().await;
    let answer = server.get("/v1/jobs?index=30&wait=20ms").await;
    assert_eq!((answer.status, answer.header("x-nomad-index")), (200, "30"));
}

/// An index of the past answers at once; stale goes through.
#[tokio::test]
async fn answers_at_once() {
    let server = Server::start().await;
    assert_eq!(server.get("/v1/jobs?index=29&stale").await.header("x-nomad-index"), "30");
    assert!(server.world.last_call().contains("stale: true, min_index: 29"));
}

/// A client that goes while its query waits is not waited for.
#[tokio::test]
async fn waits_for_nobody() {
    let server = Server::start().await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /v1/jobs?index=30 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let n_open = || server.world.n_open.load(Ordering::SeqCst);
    tokio::time::timeout(Duration::from_secs(5), async {
        while n_open() == 0 {
            tokio::task::yield_now().await;
        }
        drop(stream);
        while n_open() == 1 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the query is given up");
}

/// Search waits, too.
#[tokio::test]
async fn search_waits() {
    let server = Server::start().await;
    let body = json!({"Prefix": "we"}).to_string();
    let (answer, ()) = tokio::join!(server.send("PUT", "/v1/search?index=30&wait=60s", &body), async {
        until_asked(&server, 1).await;
        server.world.change();
    });
    assert_eq!(answer.header("x-nomad-index"), "31");
    assert_eq!(answer.json()["Matches"], json!({"jobs": ["web"]}));
}

/// Shutting down ends waiting queries and streams at once, and then the server is gone.
#[tokio::test]
async fn shutdown_ends_waiting() {
    let mut server = Server::start().await;
    let (sender, feed) = tokio::sync::mpsc::unbounded_channel();
    *server.world.feed.lock().unwrap() = Some(feed);
    let logs = format!("/v1/client/fs/logs/{ALLOC}?task=t&type=stdout&follow=true");
    let (query, stream, ()) = tokio::join!(server.get("/v1/jobs?index=30"), server.get(&logs), async {
        until_asked(&server, 2).await;
        server.shutdown.cancel();
    });
    assert_eq!((query.status, query.text().as_str()), (503, "the agent is shutting down"));
    assert_eq!(stream.status, 200);
    tokio::time::timeout(Duration::from_secs(2), &mut server.task).await.expect("nothing is left to wait for").unwrap();
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
    drop(sender);
}

/// Headers of the configuration come with every answer, also with refusals.
#[tokio::test]
async fn configured_headers() {
    let header = (HeaderName::from_static("x-house"), HeaderValue::from_static("steppe"));
    let server = Server::start_with(AgentInfo { response_headers: vec![header], ..Default::default() }).await;
    for path in ["/v1/jobs", "/v1/nowhere", "/v1/job/nope", "/"] {
        assert_eq!(server.get(path).await.header("x-house"), "steppe", "{path}");
    }
}

/// For people: four spaces and a newline.
#[tokio::test]
async fn pretty() {
    let server = Server::start().await;
    assert_eq!(server.get("/v1/regions?pretty").await.text(), "[\n    \"east\",\n    \"west\"\n]\n");
    assert_eq!(server.get("/v1/regions?pretty=0").await.text(), "[\"east\",\"west\"]");
    assert_eq!(server.get(&format!("/v1/client/stats?node_id={NODE}&pretty")).await.text(), "{\n    \"Uptime\": 7\n}\n");
}
