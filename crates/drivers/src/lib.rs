//! How a task becomes a process: starts it, finds it again, ends it, and says how it ended.
//!
//! A driver decides nothing about *whether* a task runs; that is the `runner`'s business. It deliberately does not know allocations, jobs,
//! restarts or servers: it gets a [`TaskSpec`] that is complete (environment, interpolated configuration, directories) and a [`TaskHandle`],
//! a private directory in which it keeps what it needs to find the task again after the agent was killed.
//!
//! `raw_exec` puts a small [`executor`] process between the agent and the task: it is the task's parent, takes its output and writes down
//! how it ended, so that the agent may come and go. `mock_driver` runs nothing and behaves as its configuration says.
//!
//! Start reading at [`TaskDriver`], then `raw_exec.rs`.

mod config;
mod driver;
pub mod executor;
mod files;
mod logs;
mod mock;
mod process;
mod raw_exec;
mod registry;
mod signal;
mod user;

pub use config::ConfigError;
pub use driver::{Error, Exit, Fingerprint, LogFiles, ProcessUsage, Recovered, StartError, TaskDriver, TaskHandle, TaskSpec, TaskUsage};
pub use mock::Mock;
pub use process::{boot_id, ticks_per_second};
pub use raw_exec::{RawExec, RawExecSettings};
pub use registry::{Drivers, ExecutorCommand, build};
pub use signal::{ALL_SIGNALS, UnknownSignal, parse_signal};
