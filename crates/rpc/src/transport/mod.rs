//! Connections between agents: many requests at once over one socket, with deadlines, cancellation and streams.
//!
//! Decides who may connect (see [`Identity`] and the hello both sides send), what waits and what goes first on a socket, and what a caller is
//! told when an answer does not come (see [`CallError`]). Deliberately does not know what the bodies mean: they are opaque bytes, a method is
//! a number. Start reading at [`Pool`] for the calling side, at [`serve`] for the answering side, at `frame.rs` for what is on the wire.
//!
//! ```no_run
//! # use std::{sync::Arc, time::Duration};
//! # use bytes::Bytes;
//! # use rpc::transport::*;
//! struct Echo;
//!
//! #[async_trait::async_trait]
//! impl Handler for Echo {
//!     async fn handle(&self, peer: &Arc<Peer>, method: u16, body: Bytes, _context: CallContext) -> Reply {
//!         match method {
//!             1 => Reply::Message(body),
//!             other => Reply::error(404, format!("no method {other} for the peer {peer}")),
//!         }
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! let identity = Identity::new(model::Uuid::new_v4(), "west", 1);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?.to_string();
//! let server = tokio::spawn(serve(listener, identity.clone(), Arc::new(Echo), shutdown.clone()));
//!
//! let pool = Pool::new(identity, Limits::default());
//! let answer = pool.call(&address, Class::Rpc, 1, Bytes::from_static(b"hello"), Duration::from_secs(5)).await?;
//! assert_eq!(&answer[..], b"hello");
//!
//! pool.close().await;
//! shutdown.cancel();
//! server.await?;
//! # Ok(()) }
//! ```

mod channel;
mod drive;
mod error;
mod flow;
#[doc(hidden)] // what is attacked by `fuzz`
pub mod frame;
mod hello;
mod limits;
mod outbox;
mod places;
mod pool;
mod server;
mod serving;
mod stream;
mod wire;

pub use crate::message::Failure;
pub use error::CallError;
pub use hello::{Class, Identity, Peer};
pub use limits::Limits;
pub use places::{Full, Place, Places};
pub use pool::Pool;
pub use server::{CallContext, Handler, Reply, serve, serve_with};
pub use stream::{BodyStream, ByteStream};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks also after a panic elsewhere: what these mutexes guard is consistent between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
