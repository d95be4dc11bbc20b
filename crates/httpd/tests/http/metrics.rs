//! Figures of the agent, in both forms.

use std::time::Duration;

use httpd::AgentInfo;
use serde_json::json;
use telemetry::{Filter, Reading, Registry, Settings};

use crate::world::*;

/// An agent with a figure of each kind, and nothing else that is shown.
async fn server(prometheus: bool) -> (Server, Registry) {
    let filter = Filter::new(&["+test.".to_owned()], false).unwrap();
    let registry = Registry::new(Settings { prometheus, filter, host: Some("h".to_owned()), ..Settings::default() });
    registry.probe(|| async { vec![Reading::with("test.gauge", vec![("job", "we\"b".to_owned())], 1.5)] });
    registry.counter("test.counter").add(3);
    for milliseconds in [1, 3] {
        registry.timer("test.timer").record(Duration::from_millis(milliseconds));
    }
    registry.timer("test.never");
    let info = AgentInfo { telemetry: registry.clone(), ..AgentInfo::default() };
    (Server::start_with(info).await, registry)
}

/// JSON has the figures of the last interval that is over; indented when asked.
#[tokio::test]
async fn json() {
    let (server, registry) = server(false).await;
    registry.end_interval();
    registry.counter("test.counter").increment();
    let mut body = server.get("/v1/metrics").await.json();
    assert!(body["Timestamp"].as_str().unwrap().ends_with(" +0000 UTC"), "{body}");
    for list in ["Counters", "Samples"] {
        let rate = body[list][0]["Rate"].as_f64().unwrap();
        assert!(rate > 0.0, "{rate}");
        body[list][0]["Rate"] = json!("some");
    }
    let labels = json!({ "host": "h" });
    let stddev = body["Samples"][0]["Stddev"].as_f64().unwrap();
    assert!((stddev - 2.0_f64.sqrt()).abs() < 1e-9, "{stddev}");
    body["Samples"][0]["Stddev"] = json!("some");
    body["Timestamp"] = json!("");
    assert_eq!(
        body,
        json!({
            "Timestamp": "",
            "Gauges": [{ "Name": "test.gauge", "Value": 1.5, "Labels": { "host": "h", "job": "we\"b" } }],
            "Points": [],
            "Counters": [{ "Name": "test.counter", "Count": 3, "Rate": "some", "Sum": 3.0, "Min": 1.0, "Max": 1.0, "Mean": 1.0, "Stddev": 0.0, "Labels": labels }],
            "Samples": [{ "Name": "test.timer", "Count": 2, "Rate": "some", "Sum": 4.0, "Min": 1.0, "Max": 3.0, "Mean": 2.0, "Stddev": "some", "Labels": labels }],
        })
    );
    let pretty = server.get("/v1/metrics?pretty").await.text();
    assert!(pretty.starts_with("{\n    \"Timestamp\"") && pretty.ends_with("}\n"), "{pretty}");
}

/// Prometheus gets totals and quantiles, if it may.
#[tokio::test]
async fn prometheus() {
    let (server, registry) = server(true).await;
    registry.end_interval();
    registry.counter("test.counter").increment();
    let answer = server.get("/v1/metrics?format=prometheus").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    for line in [
        "# TYPE test_gauge gauge",
        "test_gauge{host=\"h\",job=\"we\\\"b\"} 1.5",
        "test_counter{host=\"h\"} 4",
        "# TYPE test_timer summary",
        "test_timer_sum{host=\"h\"} 4",
        "test_timer_count{host=\"h\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
    assert!(text.contains("test_timer{host=\"h\",quantile=\"0.99\"} ") && !text.contains("test_never"), "{text}");
}

/// Where Prometheus is off, other forms are asked for, or the verb is wrong, it is said.
#[tokio::test]
async fn refusals() {
    let (server, _) = server(false).await;
    for (path, status, text) in [
        ("/v1/metrics?format=prometheus", 415, "Prometheus is not enabled"),
        ("/v1/metrics?format=xml", 400, "unknown format \"xml\": it is prometheus, or left out for JSON"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{path}");
    }
    assert_eq!(server.send("PUT", "/v1/metrics", "").await.status, 405);
}

/// Requests, connections and errors of the interface itself are counted.
#[tokio::test]
async fn own_figures() {
    let registry = Registry::default();
    let server = Server::start_with(AgentInfo { telemetry: registry.clone(), ..AgentInfo::default() }).await;
    server.get("/v1/regions").await;
    *server.world.failure.lock().unwrap() = Some(rpc::message::Failure::internal("broken"));
    server.get("/v1/jobs").await;
    let figures = registry.figures().await;
    let request = figures.samples.iter().find(|sample| sample.name == "nomad.agent.http.request").expect("a timer");
    assert_eq!(request.count, 2);
    assert_eq!(registry.counter("nomad.agent.http.request_error").total(), 1);
    let connection = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let connections = registry.gauge("nomad.agent.http.connections");
    while connections.value() == 0 {
        tokio::task::yield_now().await;
    }
    drop(connection);
    while connections.value() > 0 {
        tokio::task::yield_now().await;
    }
}
