//! The agent's log as it is written.

use std::time::Duration;

use api::client::Query;
use httpd::AgentInfo;
use rpc::message::Chunk;
use telemetry::{Form, LINES_MAX, LogTap, READERS_MAX};
use tokio::sync::mpsc::unbounded_channel;
use tracing::Level;

use crate::world::*;

const TEXT: Form = Form { json: false, location: false };

async fn server() -> (Server, LogTap) {
    let monitor = LogTap::default();
    (Server::start_with(AgentInfo { monitor: monitor.clone(), ..AgentInfo::default() }).await, monitor)
}

/// Frames with the lines of the wished level and form, from now on; the reader's end is noticed.
#[tokio::test]
async fn frames() {
    let (server, tap) = server().await;
    let client = server.client();
    let mut lines = client.monitor(&Query::new().with("log_level", "warn").with("log_json", true)).await.expect("a stream");
    let json = Form { json: true, location: false };
    tap.publish(json, Level::INFO, b"no\n");
    tap.publish(TEXT, Level::WARN, b"no\n");
    tap.publish(json, Level::WARN, b"{\"one\":1}\n");
    assert_eq!(lines.next().await.expect("a frame").expect("a frame").data, b"{\"one\":1}\n");
    drop(lines);
    let gone = async {
        while format!("{tap:?}") != "LogTap { n_readers: 0 }" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("the reader's end is noticed");
}

/// Plain lines are text; a slow reader is told how many it lost, and holds nobody up.
#[tokio::test]
async fn plain_and_slow() {
    let (server, tap) = server().await;
    let client = server.client();
    let mut lines = client.stream("/v1/agent/monitor", &Query::new().with("plain", true)).await.expect("a stream");
    // More than the queue and all buffers of the connection hold.
    let line = format!("{}\n", "x".repeat(4_000));
    for _ in 0..20 * LINES_MAX {
        tap.publish(TEXT, Level::INFO, line.as_bytes());
    }
    let mut text = String::new();
    while !text.contains("n_lost=") {
        let piece =
            tokio::time::timeout(Duration::from_secs(10), lines.next()).await.expect("in time").expect("no error").expect("a piece");
        text.push_str(&String::from_utf8_lossy(&piece));
        tap.publish(TEXT, Level::INFO, b"later\n");
    }
    assert!(text.contains("WARN monitor: lines of the log are missing here: they were not read in time n_lost="), "{}", text.len());
}

/// Another server's and another node's log are asked for where they are.
#[tokio::test]
async fn elsewhere() {
    let (server, _) = server().await;
    let node = format!("OnNode(Node({NODE}), Monitor(MonitorOptions {{ level: Info, json: false, location: true }}))");
    for (query, asked) in [
        (
            "server_id=s2&log_level=debug",
            "west Agent(Monitor { server: \"s2\", options: MonitorOptions { level: Debug, json: false, location: false } })",
        ),
        ("region=east", "east Agent(Monitor { server: \"\", options: MonitorOptions { level: Info, json: false, location: false } })"),
        (&format!("node_id={NODE}&log_include_location=true"), &format!("west {node}")),
    ] {
        let (sender, feed) = unbounded_channel();
        *server.world.feed.lock().unwrap() = Some(feed);
        sender.send(Ok(Chunk { data: b"line\n".to_vec(), ..Chunk::default() })).unwrap();
        drop(sender);
        let answer = server.get(&format!("/v1/agent/monitor?plain=true&{query}")).await;
        assert_eq!((answer.status, answer.text().as_str(), answer.header("content-type")), (200, "line\n", "text/plain; charset=utf-8"));
        let call = server.world.last_call();
        assert_eq!(call.replace("NodeId(", "").replace("Uuid(", ""), *asked, "{query}");
    }
}

/// What cannot be is refused with its reason, and a log has only so many readers.
#[tokio::test]
async fn refusals() {
    let (server, tap) = server().await;
    for (query, status, text) in [
        ("log_level=loud", 400, "\"loud\" is not a log level: write TRACE, DEBUG, INFO, WARN or ERROR"),
        ("log_json=maybe", 400, "Expect `true` or `false` for `log_json` query string parameter"),
        ("log_include_location=7", 400, "Expect `true` or `false` for `log_include_location` query string parameter"),
        ("plain=7", 400, "Expect `true` or `false` for `plain` query string parameter"),
        ("node_id=x&server_id=y", 400, "Cannot target node and server simultaneously"),
        ("node_id=x", 404, "Unknown node \"x\""),
    ] {
        let answer = server.get(&format!("/v1/agent/monitor?{query}")).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{query}");
    }
    let wanted = telemetry::Wanted { level: telemetry::LogLevel::Info, form: TEXT };
    let _all: Vec<_> = (0..READERS_MAX).map(|_| tap.open(wanted).expect("room")).collect();
    let answer = server.get("/v1/agent/monitor").await;
    assert_eq!((answer.status, answer.text().starts_with("16 others")), (429, true));
}
