//! The byte stream under a connection: TCP. The one place where encryption would be wrapped around it.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

pub type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// What the kernel may hold unsent. What waits in the kernel cannot be overtaken any more, so as little as keeps the wire busy.
const NOT_SENT_BYTES: u32 = 16 << 10;

pub struct Wire {
    pub reader: Reader,
    pub writer: Writer,
    pub remote: SocketAddr,
}

/// Connects to `address`, which is `host:port`.
pub async fn connect(address: &str) -> io::Result<Wire> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in lookup_host(address).await? {
        match TcpStream::connect(candidate).await {
            Ok(stream) if stream.local_addr()? == stream.peer_addr()? => {
                // The kernel chose the very port that is dialed, and nobody listens there.
                last = io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there");
            }
            Ok(stream) => return wrap(stream, candidate),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The other end of [`connect`].
pub fn accept(stream: TcpStream, remote: SocketAddr) -> io::Result<Wire> {
    wrap(stream, remote)
}

fn wrap(stream: TcpStream, remote: SocketAddr) -> io::Result<Wire> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(&stream).set_tcp_notsent_lowat(NOT_SENT_BYTES) {
        tracing::debug!(%error, "TCP_NOTSENT_LOWAT is not available: small requests may wait longer behind large ones");
    }
    let (reader, writer) = stream.into_split();
    Ok(Wire { reader: Box::new(reader), writer: Box::new(writer), remote })
}
