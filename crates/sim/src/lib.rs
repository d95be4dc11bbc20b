//! The laboratory of the rollout protocol: worlds in which the real brains and the real state live through everything that can happen.
//!
//! [`model`] has the model checker: small worlds, and every order in which their events can come. It knows neither clocks nor sockets nor
//! consensus; a region is the state that its log has committed. [`world`] has the simulation: servers with lives of their own, chance, invented
//! time, and much that goes wrong. [`life`] is a day of one region, with the scheduler and all that keeps it in order. Start reading in one of them.

pub mod life;
pub mod model;
mod region;
pub mod world;
