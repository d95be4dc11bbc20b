//! HTTP with a bound on every part of it: whoever is asked may be stopped, cut off or gone.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The status and the body of an answer (a text that is not JSON as a string); `None` when there is none in time.
pub fn ask(method: &str, address: SocketAddr, path: &str, body: Option<&Value>, patience: Duration) -> Option<(u16, Value)> {
    ask_indexed(method, address, path, body, patience).map(|(status, _, body)| (status, body))
}

/// The same, with the index of the answer in the middle; 0 if there is none.
pub fn ask_indexed(method: &str, address: SocketAddr, path: &str, body: Option<&Value>, patience: Duration) -> Option<(u16, u64, Value)> {
    let end = Instant::now() + patience;
    let left = || end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
    let mut stream = TcpStream::connect_timeout(&address, left()?).ok()?;
    stream.set_write_timeout(Some(left()?)).ok()?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        stream.set_read_timeout(Some(left()?)).ok()?;
        match stream.read(&mut buffer).ok()? {
            0 => break,
            n => answer.extend_from_slice(&buffer[..n]),
        }
    }
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let index = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("x-nomad-index: ")?.parse().ok()).unwrap_or_default();
    Some((status, index, serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()))))
}
