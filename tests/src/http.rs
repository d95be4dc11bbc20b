//! As much HTTP as the tests need.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// The status and the decoded body of an answer (a text that is not JSON as a string); `None` when there is no answer.
pub fn request(method: &str, address: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
    send(method, address, path, body.map(Value::to_string).unwrap_or_default().as_bytes())
}

/// [`request`] with any body.
pub fn send(method: &str, address: &str, path: &str, body: &[u8]) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()))))
}

/// The body of a successful GET.
pub fn get(address: &str, path: &str) -> Option<Value> {
    request("GET", address, path, None).filter(|(status, _)| *status == 200).map(|(_, body)| body)
}

/// The body of a successful PUT.
pub fn put(address: &str, path: &str, body: Option<&Value>) -> Option<Value> {
    request("PUT", address, path, body).filter(|(status, _)| *status == 200).map(|(_, body)| body)
}
