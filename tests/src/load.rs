//! Requests over HTTP that cost their sender next to nothing, so that what is measured is who answers.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// One connection that is kept.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// `address`: `host:port`, with or without `http://`.
    pub async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address.trim_start_matches("http://")).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    pub async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    /// Reads one answer; returns its status and the bytes of its body.
    pub async fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        loop {
            if let Some((answer, length)) = parsed(&self.buffer)? {
                self.buffer.drain(..length);
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// An answer that is not a success is an error.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        self.send(request).await?;
        match self.answer().await? {
            (200, body) => Ok(body),
            (status, body) => Err(io::Error::other(format!("status {status}: {}", String::from_utf8_lossy(&body)))),
        }
    }
}

pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: steppe\r\n\r\n").into_bytes()
}

pub fn put(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("PUT {path} HTTP/1.1\r\nHost: steppe\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Registers a job that places nothing: one write before it is acknowledged.
pub fn register(id: &str, priority: u32) -> Vec<u8> {
    let task = r#"{"Name":"task","Driver":"raw_exec","Config":{"command":"/bin/true"},"Resources":{"CPU":10,"MemoryMB":10}}"#;
    let group = format!(r#"{{"Name":"group","Count":0,"Tasks":[{task}]}}"#);
    let job = format!(r#"{{"ID":"{id}","Type":"batch","Priority":{priority},"Datacenters":["*"],"TaskGroups":[{group}]}}"#);
    put("/v1/jobs", &format!(r#"{{"Job":{job}}}"#))
}

type Answer = (u16, Vec<u8>);

/// The answer at the beginning of the bytes and its length, if it is complete.
fn parsed(bytes: &[u8]) -> io::Result<Option<(Answer, usize)>> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4) else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| bad("the head is no text"))?.to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(|| bad("no status"))?;
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if let Some(length) = header("content-length:") {
        let length: usize = length.parse().map_err(|_| bad("no length"))?;
        let Some(body) = bytes.get(end..end + length) else { return Ok(None) };
        return Ok(Some(((status, body.to_vec()), end + length)));
    }
    if header("transfer-encoding:") != Some("chunked") {
        return Err(bad("an answer without a length"));
    }
    let (mut body, mut at) = (Vec::new(), end);
    loop {
        let Some(line) = bytes[at..].windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(&bytes[at..at + line]).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let size = size.ok_or_else(|| bad("a chunk without a size"))?;
        let begin = at + line + 2;
        let Some(chunk) = bytes.get(begin..begin + size + 2) else { return Ok(None) };
        at = begin + size + 2;
        if size == 0 {
            return Ok(Some(((status, body), at)));
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// What came of many requests.
#[derive(Debug, Default)]
pub struct Load {
    /// Answers per second.
    pub rate: f64,
    /// Seconds of each, sorted.
    pub latencies: Vec<f64>,
}

/// Asks on so many connections, each as soon as it is answered, or each at its pace. `request` gets the numbers of connection and turn.
///
/// # Errors
/// The first answer that is not a success.
pub async fn load<R>(address: &str, n_connections: usize, time: Duration, pace: Option<Duration>, request: R) -> io::Result<Load>
where
    R: Fn(usize, usize) -> Vec<u8> + Clone + Send + 'static,
{
    let mut connections = Vec::new();
    for _ in 0..n_connections {
        connections.push(Connection::open(address).await?);
    }
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for (number, mut connection) in connections.into_iter().enumerate() {
        let request = request.clone();
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            // Spread over the first turn.
            let mut due = pace.map(|pace| began + pace.mul_f64(number as f64 / n_connections as f64));
            while began.elapsed() < time {
                let request = request(number, latencies.len());
                if let (Some(at), Some(pace)) = (&mut due, pace) {
                    tokio::time::sleep_until((*at).into()).await;
                    *at += pace;
                }
                let asked = Instant::now();
                connection.ask(&request).await?;
                latencies.push(asked.elapsed().as_secs_f64());
            }
            Ok::<_, io::Error>(latencies)
        });
    }
    let mut load = Load::default();
    while let Some(done) = tasks.join_next().await {
        load.latencies.extend(done.map_err(io::Error::other)??);
    }
    load.rate = load.latencies.len() as f64 / began.elapsed().as_secs_f64();
    load.latencies.sort_by(f64::total_cmp);
    Ok(load)
}

/// The floor of reads: a server that says the same to whatever it is asked. It ends when the handle is aborted.
pub async fn parrot(body: &[u8]) -> io::Result<(String, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = [head.as_bytes(), body].concat();
    let serving = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            connections.spawn(async move {
                let mut asked = Vec::new();
                while stream.read_buf(&mut asked).await.is_ok_and(|n| n > 0) {
                    if asked.ends_with(b"\r\n\r\n") {
                        asked.clear();
                        if stream.write_all(&answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    Ok((address, serving))
}

/// The floor of writes: seconds of each append of 256 bytes with its fdatasync, sorted.
///
/// # Errors
/// The folder cannot be written.
pub fn bare_syncs(folder: &Path, time: Duration) -> io::Result<Load> {
    let path = folder.join("floor");
    let mut file = std::fs::File::create(&path)?;
    let began = Instant::now();
    let mut load = Load::default();
    while began.elapsed() < time {
        let asked = Instant::now();
        file.write_all(&[7; 256])?;
        file.sync_data()?;
        load.latencies.push(asked.elapsed().as_secs_f64());
    }
    load.rate = load.latencies.len() as f64 / began.elapsed().as_secs_f64();
    load.latencies.sort_by(f64::total_cmp);
    std::fs::remove_file(&path)?;
    Ok(load)
}
