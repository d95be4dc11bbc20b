//! What nobody should send.

use httpd::{AgentInfo, Limits};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wire::parse;
use crate::world::*;

/// Every field of a job request with a value of another kind is refused by its name, and nothing is written.
#[tokio::test]
async fn wrong_types_name_their_field() {
    let server = Server::start().await;
    let mut good = json!({"Job": job_json("web"), "EnforceIndex": true, "JobModifyIndex": 1, "EvalPriority": 1, "Region": "west", "Namespace": "default"});
    good["Job"]["Meta"] = json!({"a": "b"});
    good["Job"]["Update"] = json!({"MaxParallel": 1, "AutoRevert": true, "MinHealthyTime": 1});
    good["Job"]["TaskGroups"][0]["Networks"] = json!([{"DynamicPorts": [{"Label": "http", "To": 1}]}]);
    good["Job"]["TaskGroups"][0]["Tasks"][0]["Resources"] = json!({"CPU": 100, "MemoryMB": 100});
    good["Job"]["TaskGroups"][0]["Tasks"][0]["Env"] = json!({"A": "b"});
    assert_eq!(server.send("PUT", "/v1/jobs", &good.to_string()).await.status, 200);
    let mut paths = Vec::new();
    collect(&good, String::new(), &mut paths);
    assert!(paths.len() > 30, "{paths:?}");
    server.world.calls.lock().unwrap().clear();
    for pointer in paths {
        let mut body = good.clone();
        let field = body.pointer_mut(&pointer).unwrap();
        *field = if field.is_number() || field.is_object() { json!("other") } else { json!(7) };
        let answer = server.send("PUT", "/v1/jobs", &body.to_string()).await;
        let last = pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap();
        assert_eq!(answer.status, 400, "{pointer}: {}", answer.text());
        assert!(answer.text().contains(last) && answer.text().contains("expected "), "{pointer}: {}", answer.text());
    }
    assert_eq!(server.world.calls.lock().unwrap().len(), 0, "a refused request reached the region");
}

/// Pointers to all values, without those inside of a driver's free configuration.
fn collect(value: &Value, pointer: String, found: &mut Vec<String>) {
    if !pointer.is_empty() {
        found.push(pointer.clone());
    }
    match value {
        Value::Object(object) if !pointer.ends_with("/Config") => {
            for (key, value) in object {
                collect(value, format!("{pointer}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect(value, format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// The path of the field is the one in the request.
#[tokio::test]
async fn the_path_is_whole() {
    let server = Server::start().await;
    let mut job = job_json("web");
    job["TaskGroups"][0]["Count"] = json!("two");
    let answer = server.send("PUT", "/v1/jobs", &json!({"Job": job}).to_string()).await;
    assert_eq!((answer.status, answer.text().as_str()), (400, "Job.TaskGroups[0].Count: expected integer, got string"));
    job["TaskGroups"][0]["Name"] = json!(1);
    let answer = server.send("PUT", "/v1/jobs", &json!({"Job": job}).to_string()).await;
    assert!(answer.text().starts_with("2 errors occurred:\n\t* Job.TaskGroups[0]."), "{}", answer.text());
}

/// What can be read and makes no sense is a failed validation; what is not supported says so.
#[tokio::test]
async fn invalid_jobs() {
    let server = Server::start().await;
    let check = async |change: fn(&mut Value), expected: &str| {
        let mut job = job_json("web");
        change(&mut job);
        let answer = server.send("PUT", "/v1/jobs", &json!({"Job": job}).to_string()).await;
        assert_eq!(answer.status, 500, "{}", answer.text());
        assert!(answer.text().contains(expected), "{expected}: {}", answer.text());
    };
    check(|job| job["TaskGroups"] = json!([]), "occurred:").await;
    check(|job| job["Periodic"] = json!({"Enabled": true, "Spec": "@daily"}), "periodic is for batch and sysbatch jobs").await;
    assert_eq!(server.world.calls.lock().unwrap().len(), 0);
}

/// Nesting without end, and bodies without end.
#[tokio::test]
async fn deep_and_huge() {
    let server = Server::start_with(AgentInfo { limits: Limits { body_bytes: 1 << 20, ..Default::default() }, ..Default::default() }).await;
    for body in ["[".repeat(200_000), format!("{}1{}", "{\"Job\":".repeat(1000), "}".repeat(1000))] {
        let answer = server.send("PUT", "/v1/jobs", &body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("recursion limit exceeded"), "{}", answer.text());
    }
    let answer = server.send("PUT", "/v1/jobs", &" ".repeat((1 << 20) + 1)).await;
    assert_eq!((answer.status, answer.text().as_str()), (413, "Request body is larger than 1048576 bytes"));
    assert_eq!(server.send("PUT", "/v1/jobs", &" ".repeat(1 << 20)).await.text(), "Request body is empty");
    // Without a length beforehand.
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let body = format!("{}0\r\n\r\n", chunk.repeat(17));
    let answer =
        server.send_raw(format!("PUT /v1/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{body}")).await;
    assert_eq!(answer.status, 413);
}

/// Heads that are no heads.
#[tokio::test]
async fn heads() {
    let server = Server::start().await;
    let long = "x".repeat(100_000);
    for (request, statuses) in [
        (format!("GET /v1/jobs HTTP/1.1\r\nConnection: close\r\nX-Long: {long}\r\n\r\n"), [431, 400]),
        (format!("GET /{long} HTTP/1.1\r\nConnection: close\r\n\r\n"), [414, 431]),
        ("nonsense\r\n\r\n".to_owned(), [400, 400]),
        (format!("GET /v1/jobs HTTP/1.1\r\n{}\r\n", "X-Many: 1\r\n".repeat(500)), [431, 400]),
    ] {
        let answer = server.send_raw(request.clone()).await;
        assert!(statuses.contains(&answer.status), "{:.40} {}", request, answer.status);
    }
    for path in
        ["/v1/job/%FF", "/v1/job/%00", "/v1/job/%", "/v1/job/..%2f..", "/v1/allocation/%20", "/v1/job/%2Fversions", "/v1/jobs?%ZZ=%"]
    {
        let answer = server.get(path).await;
        assert!([200, 400, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
    assert_eq!(server.get("/v1/regions").await.status, 200);
}

/// One address has a limited number of connections; closing one makes room.
#[tokio::test]
async fn too_many_connections() {
    let server =
        Server::start_with(AgentInfo { limits: Limits { connections_per_address: 2, ..Default::default() }, ..Default::default() }).await;
    let request = b"GET /v1/regions HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut bytes = [0; 15];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"HTTP/1.1 200 OK");
        open.push(stream);
    }
    let mut refused = TcpStream::connect(server.address).await.unwrap();
    let mut bytes = Vec::new();
    let _ = refused.read_to_end(&mut bytes).await;
    assert_eq!(parse(&bytes).status, 429);
    open.pop();
    // The server notices the closed connection soon.
    loop {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(request).await;
        let mut bytes = [0; 15];
        if stream.read_exact(&mut bytes).await.is_ok() && &bytes == b"HTTP/1.1 200 OK" {
            break;
        }
    }
}

/// Connections of all addresses together are limited, too, whatever one address may have.
#[tokio::test]
async fn too_many_connections_of_all() {
    let limits = Limits { connections_per_address: 0, connections: 1, ..Default::default() };
    let server = Server::start_with(AgentInfo { limits, ..Default::default() }).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"GET /v1/regions HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    first.read_exact(&mut [0; 15]).await.unwrap();
    let mut refused = TcpStream::connect(server.address).await.unwrap();
    let mut bytes = Vec::new();
    let _ = refused.read_to_end(&mut bytes).await;
    assert_eq!(parse(&bytes).status, 429);
}

/// Large bodies that do not come to their end take up all the room for large bodies, and keep no small ones away.
#[tokio::test]
async fn slow_bodies() {
    let limits = Limits { body_bytes: 1 << 20, bodies_bytes: 1 << 20, ..Default::default() };
    let server = Server::start_with(AgentInfo { limits, ..Default::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"PUT /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
        stream.write_all(&[b' '; 500_000]).await.unwrap();
        slow.push(stream);
    }
    let job = json!({ "Job": job_json("web") }).to_string();
    assert_eq!(server.send("PUT", "/v1/jobs", &job).await.status, 200);
    // Those that are given up make room for others.
    drop(slow);
    let long = format!("{job}{}", " ".repeat(900_000));
    assert_eq!(server.send("PUT", "/v1/jobs", &long).await.status, 200);
}
