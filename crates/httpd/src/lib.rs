//! The `/v1` routes: bytes of HTTP to typed calls, typed replies to bytes.
//!
//! A request is read ([`request`]), turned into an [`rpc::message::Call`], answered by the [`rpc::caller::Caller`] behind this agent (which knows
//! where it goes), and encoded ([`respond`]) straight from the typed values. Each noun has its file below [`routes`].
//!
//! The crate knows nothing of state, Raft or gossip, and decides nothing about jobs: it knows names, verbs, status codes, headers, filters and
//! pages. Start reading at [`serve`], then [`routes`].

mod agent_info;
mod compress;
mod encode;
#[doc(hidden)] // what is attacked by `fuzz`
pub mod filter;
mod frames;
mod instruments;
mod list;
mod params;
mod patience;
mod refusal;
mod request;
mod respond;
mod routes;
mod serve;
mod spec;

pub use agent_info::{AgentInfo, Limits, Probe, Schedulers, response_header};
pub use serve::serve;
