//! Framed, versioned messages and the one routing decision.

pub mod caller;
pub mod message;
pub mod monitor;
pub mod route;
pub mod transport;
pub mod typed;
