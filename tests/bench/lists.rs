//! A list of very many things, in pages and at once: how soon, and how much memory it takes where it is made.

use std::io;
use std::time::Instant;

use process_tests::figures::{Figure, forget_peak, peak, resident};
use process_tests::load::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{Bencher, Failure, filled, region};

const PER_PAGE: usize = 1_000;

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let cluster = region(3, 0);
    let fill = bencher.fill();
    let _swarm = filled(bencher, &cluster, &fill)?;
    let server = cluster.member(&cluster.leader("west"));
    for (how, path) in [("in pages", format!("/v1/allocations?per_page={PER_PAGE}")), ("at once", "/v1/allocations?".to_owned())] {
        forget_peak(server.pid)?;
        let before = resident(server.pid).unwrap_or_default();
        let (n_bytes, took) = bencher.runtime.block_on(list(&server.http, &path))?;
        let grown = peak(server.pid).unwrap_or_default().saturating_sub(before) as f64 / 1e6;
        let floor = bencher.runtime.block_on(floor(n_bytes))?;
        let workload = format!("{} allocations {how}, {} MB", fill.n_allocs(), n_bytes / 1_000_000);
        let rate = |seconds: f64| n_bytes as f64 / 1e6 / seconds;
        let figures = [
            ("list", took, "s", floor, f64::NAN, false),
            ("list rate", rate(took), "MB/s", rate(floor), f64::NAN, true),
            ("list, memory meanwhile", grown, "MB", f64::NAN, 200.0, false),
        ];
        for (name, figure, unit, floor, goal, more) in figures {
            bencher.printer.print(&Figure { name, workload: workload.clone(), figure, unit, floor, goal, more });
        }
    }
    Ok(())
}

/// Asks for page after page, to the end; the bytes of all answers, and seconds.
async fn list(address: &str, path: &str) -> Result<(usize, f64), Failure> {
    let began = Instant::now();
    let (mut n_bytes, mut token) = (0, None);
    loop {
        let from = token.map(|token| format!("&next_token={token}")).unwrap_or_default();
        let (head, n) = ask(address, &format!("{path}{from}")).await?;
        n_bytes += n;
        token = head.lines().find_map(|line| line.strip_prefix("x-nomad-nexttoken: ")).map(str::to_owned);
        if token.is_none() {
            return Ok((n_bytes, began.elapsed().as_secs_f64()));
        }
    }
}

/// The head of an answer in small letters, and the size of all of it, which is not kept.
async fn ask(address: &str, path: &str) -> io::Result<(String, usize)> {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).await?;
    let request = String::from_utf8_lossy(&get(path)).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let (mut head, mut n_bytes, mut buffer) = (Vec::new(), 0, vec![0; 1 << 16]);
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            break;
        }
        if n_bytes == 0 {
            head.extend_from_slice(&buffer[..n]);
        }
        n_bytes += n;
    }
    let head = String::from_utf8_lossy(&head);
    let head = head.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
    match head.split(' ').nth(1) {
        Some("200") => Ok((head, n_bytes)),
        _ => Err(io::Error::other(format!("{path}: {head}"))),
    }
}

/// Seconds in which so many bytes come from a server that has nothing to do but to send them.
async fn floor(n_bytes: usize) -> Result<f64, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            stream.read_buf(&mut asked).await?;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        let piece = vec![b'x'; 1 << 16];
        for _ in 0..n_bytes.div_ceil(piece.len()) {
            stream.write_all(&piece).await?;
        }
        Ok::<(), io::Error>(())
    });
    let began = Instant::now();
    ask(&address, "/").await?;
    Ok(began.elapsed().as_secs_f64())
}
