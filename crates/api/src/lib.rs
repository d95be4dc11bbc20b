//! What `/v1` says beyond the plain nouns of `model`: bodies of requests and answers, how requests are read, how two jobs differ, and a typed
//! client.
//!
//! * [`body`]: requests and answers, by the names of the interface. Nouns ([`model::Job`], [`model::Allocation`], …) serialise as they are.
//! * [`decode`]: requests as people send them: keys in any case, unknown keys, `null`; a wrong type names its field.
//! * [`diff`]: what changes from one job to another.
//! * [`client`]: one method per endpoint, used by the command line and by tests.
//!
//! The crate knows nothing of regions, of state or of who answers; it turns bytes into values and back. Start reading at [`client::Client`].

pub mod archive;
pub mod body;
pub mod client;
pub mod decode;
pub mod diff;
pub mod duration;

pub use body::*;
pub use client::Client;
