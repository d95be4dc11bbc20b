//! The interface over real sockets, with an invented region behind it.

mod blocking;
mod client;
mod compressed;
mod errors;
mod hostile;
mod lists;
mod metrics;
mod monitor;
mod places;
mod routes;
mod shapes;
mod streams;
mod wire;
mod world;
