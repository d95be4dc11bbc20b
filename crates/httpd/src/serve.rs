//! Sockets: accept, limit, serve, end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use http::StatusCode;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rpc::caller::Caller;
use rpc::transport::Places;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, debug_span, warn};

use crate::agent_info::AgentInfo;
use crate::instruments::Instruments;
use crate::patience::Patient;
use crate::request::{App, kilobytes};
use crate::routes;

/// How long a connection may sit without a complete request head. Longer than the 90 s for which Go's clients keep idle connections, so that the
/// client closes first and no request is lost on a closing connection.
const HEAD_PATIENCE: Duration = Duration::from_secs(120);

/// What is read of a connection at once is not less than twice this.
const HEAD_BYTES_LEAST: usize = 64 << 10;

/// Whoever sends a large body that makes no sense waits for that answer, so that sending one after the other takes nothing from others.
const NONSENSE_PAUSE: Duration = Duration::from_millis(100);
const LARGE_BODY: u64 = 64 << 10;

/// How long requests may take to end after the shutdown began.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait after accepting failed, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
    Your IP is issuing too many concurrent connections, please rate limit your calls\n";

/// Serves `/v1` on `listener` until `shutdown`; then blocking queries and streams end at once, other requests are answered, and it returns.
pub async fn serve(listener: TcpListener, caller: Arc<dyn Caller>, info: AgentInfo, shutdown: CancellationToken) {
    let limits = info.limits;
    let places = Arc::new(Places::new(limits.connections_per_address, limits.connections));
    let room = || Arc::new(Semaphore::new(kilobytes(limits.bodies_bytes.max(limits.body_bytes)) as usize));
    let (bodies, arriving) = (room(), room());
    let instruments = Arc::new(Instruments::new(&info.telemetry));
    let log = middleware::from_fn_with_state(instruments.clone(), log);
    let router = routes::router(Arc::new(App { caller, info, shutdown: shutdown.clone(), bodies, arriving })).layer(log);
    let connections = TaskTracker::new();
    // Cut off what has not ended in time.
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "accepting an HTTP connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match places.enter(address.ip()) {
            Ok(place) => {
                let (router, shutdown, cut) = (router.clone(), shutdown.clone(), cut.clone());
                let held = instruments.connections.hold();
                connections.spawn(async move {
                    tokio::select! {
                        () = connection(stream, router, limits.header_bytes, shutdown) => {}
                        () = cut.cancelled() => {}
                    }
                    drop((place, held));
                });
            }
            Err(_) => {
                instruments.exceeded.increment();
                debug!(%address, "too many HTTP connections");
                connections.spawn(refuse(stream));
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(SHUTDOWN_PATIENCE, connections.wait()).await.is_err() {
        cut.cancel();
        connections.wait().await;
    }
}

/// One line per request. The query is left out: it may carry what nobody else should read.
async fn log(State(instruments): State<Arc<Instruments>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let span = debug_span!("http", request = instruments.next_request());
    let large = has_large_body(&request);
    let asked = (!span.is_disabled()).then(|| (request.method().clone(), request.uri().path().to_owned()));
    let answer = async {
        let response = next.run(request).await;
        if let Some((method, path)) = asked {
            debug!(%method, path, status = response.status().as_u16(), duration = ?began.elapsed(), "request complete");
        }
        response
    };
    let response = answer.instrument(span).await;
    if large && matches!(response.status(), StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE) {
        tokio::time::sleep(NONSENSE_PAUSE).await;
    }
    instruments.request.since(began);
    if response.status().is_server_error() {
        instruments.request_error.increment();
    }
    response
}

/// Or one of which nobody says how large it is.
fn has_large_body(request: &Request) -> bool {
    let body = request.body().size_hint();
    body.exact().is_none_or(|bytes| bytes > LARGE_BODY)
}

async fn connection(stream: TcpStream, router: Router, header_bytes: usize, shutdown: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "an HTTP connection keeps its delay");
    }
    let service = TowerToHyperService::new(tower_service_of(router));
    let mut connection = std::pin::pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(2 * header_bytes.max(HEAD_BYTES_LEAST))
            .max_header_size(header_bytes)
            .serve_connection(TokioIo::new(Patient::new(stream)), service)
    );
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        // A client that went away, or sent what is no HTTP: nothing that anybody here can do about.
        debug!(%error, "an HTTP connection ended early");
    }
}

/// hyper's bodies as axum's.
fn tower_service_of(
    router: Router,
) -> impl tower::Service<http::Request<hyper::body::Incoming>, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
    tower::ServiceExt::map_request(router, |request: http::Request<hyper::body::Incoming>| request.map(Body::new))
}

/// Tells a client that it has too many connections. The socket's buffer takes the few bytes; a client that does not read changes nothing.
async fn refuse(mut stream: TcpStream) {
    let _ = stream.try_write(TOO_MANY);
    let _ = stream.shutdown().await;
}
