//! How many requests a second cross one connection on loopback, beside a bare TCP echo as the floor.
//!
//! `cargo run -p rpc --example transport_bench [SECONDS]`

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rpc::transport::{CallContext, Class, Handler, Identity, Limits, Peer, Pool, Reply, serve};
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
    let seconds = std::env::args().nth(1).map_or(Ok(2.0), |text| text.parse())?;
    let time = Duration::from_secs_f64(seconds);
    println!("{:<28} {:>10} {:>9} {:>9}", "", "per second", "p50 µs", "p99 µs");
    bare_echo(time).await?;

    let shutdown = CancellationToken::new();
    let identity = Identity::new(model::Uuid::new_v4(), "west", 1);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let server = tokio::spawn(serve(listener, identity.clone(), Arc::new(Echo), shutdown.clone()));
    let pool = Pool::new(identity, Limits::default());
    for (in_flight, size) in [(1, 256), (64, 256), (512, 256), (64, 16 << 10), (4, 4 << 20)] {
        calls(&pool, &address, in_flight, size, time).await?;
    }
    small_during_bulk(&pool, &address, time).await?;
    pool.close().await;
    shutdown.cancel();
    server.await?;
    Ok(())
}

async fn bare_echo(time: Duration) -> std::io::Result<()> {
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
        latencies.push(asked.elapsed());
    }
    drop(stream);
    echo.await??;
    report("bare echo, 1 x 256 B", latencies, start.elapsed());
    Ok(())
}

async fn calls(pool: &Pool, address: &str, in_flight: usize, size: usize, time: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..in_flight {
        let (pool, address, body) = (pool.clone(), address.to_owned(), Bytes::from(vec![7; size]));
        callers.spawn(async move {
            let mut latencies = Vec::new();
            while start.elapsed() < time {
                let asked = Instant::now();
                pool.call(&address, Class::Rpc, 1, body.clone(), Duration::from_secs(30)).await?;
                latencies.push(asked.elapsed());
            }
            Ok::<_, rpc::transport::CallError>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(outcome) = callers.join_next().await {
        latencies.extend(outcome??);
    }
    report(&format!("calls, {in_flight} x {size} B"), latencies, start.elapsed());
    Ok(())
}

/// Small calls one after the other while large bodies go to and fro on the same connection.
async fn small_during_bulk(pool: &Pool, address: &str, time: Duration) -> Result<(), Box<dyn std::error::Error>> {
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
        latencies.push(asked.elapsed());
    }
    report("1 x 256 B beside 32 MiB", latencies, start.elapsed());
    println!("{:<28} {:>10.0} MB/s each way", "the 32 MiB meanwhile", large.await??);
    Ok(())
}

fn report(what: &str, mut latencies: Vec<Duration>, elapsed: Duration) {
    latencies.sort_unstable();
    let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).map_or(0, Duration::as_micros);
    println!("{what:<28} {:>10.0} {:>9} {:>9}", latencies.len() as f64 / elapsed.as_secs_f64(), at(0.5), at(0.99));
}
