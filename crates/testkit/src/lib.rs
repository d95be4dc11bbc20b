//! Builders and small worlds for tests: [`job`] and [`node`] give valid things, a test states only the difference; a [`World`] is a region's
//! state with an index and a clock, changed by commands like the real one.
//!
//! Never shipped. It knows nouns and state only, so that every crate above those can use it.

mod job;
mod node;
mod world;

pub use job::{JobBuilder, job};
pub use node::{NodeBuilder, node, node_id};
pub use world::{SECOND, START, World};
