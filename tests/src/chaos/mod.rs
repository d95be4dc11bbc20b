//! A campaign against real processes: three regions of three servers and a client each, networks between them that fail as told, people who
//! submit, change their minds and stop things, and a judge.
//!
//! [`plan`] draws from a seed what happens; [`play`] does it, with [`fleet`] for the processes, [`wires`] for the networks and [`witness`] for
//! what every server says meanwhile; all of it goes into a [`history`], and [`check`] judges that, knowing nothing but the invariants of
//! rollouts. Neither looks into an agent: only what is said over HTTP counts. Start reading at [`play::campaign`]. [`histories`] asks with the same processes
//! and networks whether a region is linearizable. With them [`hand_over`] measures how long a region waits for its turn, and [`cut_off`] how soon
//! it has another leader.

pub mod apart;
pub mod check;
pub mod cut_off;
mod dice;
mod fleet;
pub mod hand_over;
pub mod histories;
pub mod history;
mod people;
pub mod plan;
pub mod play;
mod sky;
pub(crate) mod web;
mod wires;
mod witness;
pub mod world;

pub use dice::Dice;
