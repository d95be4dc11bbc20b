//! Builders and small worlds for tests: [`job`] and [`node`] give valid things, a test states only the difference; a [`World`] is a region's
//! state with an index and a clock, changed by commands like the real one. [`any`] and [`full`] make up values of any stored type. Benches print
//! their [`figures`].
//!
//! Never shipped. It knows nouns and state only, so that every crate above those can use it.

mod any;
pub mod figures;
mod folder;
mod job;
mod node;
mod variations;
mod world;

pub use any::{any, full};
pub use folder::Folder;
pub use job::{JobBuilder, job};
pub use node::{NodeBuilder, node, node_id};
pub use variations::variations;
pub use world::{SECOND, START, World};
