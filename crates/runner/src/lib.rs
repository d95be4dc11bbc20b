//! One allocation's life on a node: which task starts when, whether an ended task starts again, in which order tasks are stopped, what is
//! reported, and whether the allocation is healthy.
//!
//! A pure machine: [`Machine::handle`] takes what happened and the time, [`Machine::poll`] gives what to do, [`Machine::wake_at`] says when to
//! come back. It deliberately does not know processes, directories, drivers or servers, and never asks for the time: whoever runs it does what
//! it says and tells how it went. What must survive the agent is in [`Saved`].
//!
//! Inside, inputs only write down facts; one function, `reconcile` in `machine.rs`, looks at all of them and decides. Start reading there.

mod events;
mod health;
mod input;
mod machine;
mod restart;
mod saved;
mod task;

pub use input::{Ended, Input, Output, Recovered, StartFailure};
pub use machine::{Machine, Settings, Unusable};
pub use saved::{Saved, SavedTask};
