//! The one binary: the agent, and the command line that talks to agents over `/v1`.
//!
//! `commands` has a file per command and is where to start reading: its enums are the map of the command line. `flags` turns the interface's
//! flags into clap's, `usage` is what people read when they ask for help or get the arguments wrong, `context` is what every command gets,
//! `resolve` finds what a prefix stands for, `monitor` follows evaluations and deployments, `show` prints the interface's layouts.
//!
//! The command line decides nothing: all of it could be done with the HTTP interface. It knows no other way to an agent, and nothing of how
//! agents work inside.

#[macro_use]
mod show;
mod commands;
mod context;
mod flags;
mod hcl_format;
mod monitor;
mod refused_flags;
mod resolve;
mod spec_file;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

/// A server allocates and frees small things all the time, on all threads: this is several times as fast at it as the C library.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    // The helper that is the parent of a task: started by the drivers, small, and not part of the command line.
    if arguments.first().is_some_and(|first| first == "executor") {
        return drivers::executor::main(arguments.drain(1..));
    }
    let texts: Vec<String> = arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    ExitCode::from(commands::run(&texts))
}
