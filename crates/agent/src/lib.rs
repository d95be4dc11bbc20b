//! A config file to the bodies it asks for, until it is told to stop.
//!
//! The crate decides what the configuration means ([`config`]), which bodies it asks for (`assemble`: a server, a client, the HTTP interface), and
//! when they start and end (`run`: signals, the log, the exit code). It does not know what a server or a client does. Start reading at [`run`],
//! then [`config`].

mod assemble;
mod banner;
pub mod config;
mod describe;
mod figures;
pub mod flags;
mod folders;
mod log_file;
mod logging;
mod monitors;
mod network;
mod panics;
mod run;
mod schedulers;
mod signals;

pub use run::run;
