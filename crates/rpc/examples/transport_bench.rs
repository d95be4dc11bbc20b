//! How many requests a second cross one connection on loopback, beside a bare TCP echo as the floor.
//!
//! `cargo run -p rpc --example transport_bench -- [--json] [SECONDS]`

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rpc::transport::{CallContext, Class, Handler, Identity, Limits, Peer, Pool, Reply, serve};
use testkit::figures::{Figure, Printer, quantile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

struct Echo;

#[async_trait::async_trait]
impl Handler for Echo {
    async fn handle(&self, _peer: &Arc<Peer>, _method: u16, body: Bytes, _context: CallContext) -> Reply {
        Reply::Message(body)
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (flags, words): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word == "--json");
    let seconds = words.first().map_or(Ok(2.0), |text| text.parse())?;
    let time = Duration::from_secs_f64(seconds);
    let printer = &mut Printer::new(!flags.is_empty());
    let floor = bare_echo(printer, time).await?;

    let shutdown = CancellationToken::new();
    let identity = Identity::new(model::Uuid::new_v4(), "west", 1);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let server = tokio::spawn(serve(listener, identity.clone(), Arc::new(Echo), shutdown.clone()));
    let pool = Pool::new(identity, Limits::default());
    for (in_flight, size) in [(1, 256), (64, 256), (512, 256), (64, 16 << 10), (4, 4 << 20)] {
        calls(printer, &pool, &address, (in_flight, size), time, floor).await?;
    }
    small_during_bulk(printer, &pool, &address, time, floor).await?;
    pool.close().await;
    shutdown.cancel();
    server.await?;
    Ok(())
}

async fn bare_echo(printer: &mut Printer, time: Duration) -> std::io::Result<(f64, f64)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut buffer = [0; 256];
        while stream.read_exact(&mut buffer).await.is_ok() {
            stream.write_all(&buffer).await?;
        }
        std::io::Result::Ok(())
    });
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut buffer, mut latencies, start) = ([0; 256], Vec::new(), Instant::now());
    while start.elapsed() < time {
        let asked = Instant::now();
        stream.write_all(&buffer).await?;
        stream.read_exact(&mut buffer).await?;
        latencies.push(asked.elapsed().as_secs_f64());
    }
    drop(stream);
    echo.await??;
    Ok(report(printer, "bare echo, 1 x 256 B", latencies, start.elapsed(), (f64::NAN, f64::NAN)))
}

async fn calls(
    printer: &mut Printer,
    pool: &Pool,
    address: &str,
    (in_flight, size): (usize, usize),
    time: Duration,
    floor: (f64, f64),
) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..in_flight {
        let (pool, address, body) = (pool.clone(), address.to_owned(), Bytes::from(vec![7; size]));
        callers.spawn(async move {
            let mut latencies = Vec::new();
            while start.elapsed() < time {
                let asked = Instant::now();
                pool.call(&address, Class::Rpc, 1, body.clone(), Duration::from_secs(30)).await?;
                latencies.push(asked.elapsed().as_secs_f64());
            }
            Ok::<_, rpc::transport::CallError>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(outcome) = callers.join_next().await {
        latencies.extend(outcome??);
    }
    report(printer, &format!("{in_flight} x {size} B"), latencies, start.elapsed(), floor);
    Ok(())
}

/// Small calls one after the other while large bodies go to and fro on the same connection.
async fn small_during_bulk(
    printer: &mut Printer,
    pool: &Pool,
    address: &str,
    time: Duration,
    floor: (f64, f64),
) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let (large_pool, large_address) = (pool.clone(), address.to_owned());
    let large = tokio::spawn(async move {
        let body = Bytes::from(vec![7; 32 << 20]);
        let mut bytes = 0;
        while start.elapsed() < time {
            bytes += large_pool.call(&large_address, Class::Rpc, 1, body.clone(), Duration::from_secs(30)).await?.len();
        }
        Ok::<_, rpc::transport::CallError>(bytes as f64 / 1e6 / start.elapsed().as_secs_f64())
    });
    let mut latencies = Vec::new();
    while start.elapsed() < time {
        let asked = Instant::now();
        pool.call(address, Class::Rpc, 1, Bytes::from(vec![7; 256]), Duration::from_secs(30)).await?;
        latencies.push(asked.elapsed().as_secs_f64());
    }
    report(printer, "1 x 256 B beside 32 MiB", latencies, start.elapsed(), floor);
    let (name, workload) = ("bulk each way", "32 MiB at a time".to_owned());
    printer.print(&Figure { name, workload, figure: large.await??, unit: "MB/s", floor: f64::NAN, goal: f64::NAN, more: true });
    Ok(())
}

/// `floor`: calls per second and the seconds of one.
fn report(printer: &mut Printer, workload: &str, mut latencies: Vec<f64>, elapsed: Duration, floor: (f64, f64)) -> (f64, f64) {
    latencies.sort_by(f64::total_cmp);
    let (rate, p50) = (latencies.len() as f64 / elapsed.as_secs_f64(), quantile(&latencies, 0.5));
    for (name, figure, unit, floor, more) in [
        ("calls", rate, "per s", floor.0, true),
        ("call p50", p50 * 1e6, "us", floor.1 * 1e6, false),
        ("call p99", quantile(&latencies, 0.99) * 1e6, "us", floor.1 * 1e6, false),
    ] {
        printer.print(&Figure { name, workload: workload.to_owned(), figure, unit, floor, goal: f64::NAN, more });
    }
    (rate, p50)
}
