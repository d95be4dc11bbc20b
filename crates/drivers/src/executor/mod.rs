//! The small process between the agent and a task: `steppe executor <state dir>`.
//!
//! It is the task's parent. It starts the task in a session of its own, copies the task's output into rotated files, and when the task ends
//! it ends what the task left behind and writes down how it ended. It holds the lock of the state directory for as long as it lives: that is
//! how an agent that comes later knows that the task is still looked after. It takes no orders: whoever wants to signal the task signals the
//! task's process group.
//!
//! Files in the state directory: `plan.json` (what to run, written by the agent), `lock` (handed over locked as standard input),
//! `started.json` and `exit.json` (written here), `executor.log` (what goes wrong here).

mod helper;
mod state_dir;

pub use helper::main;
pub(crate) use state_dir::{Answer, Plan, Started, StateDir};
