//! Processes for the tests of this crate: `executor DIR` is the helper as the shipped binary runs it for `steppe executor`; `agent STATE ALLOCS
//! SERVER` is a node agent that runs until it is killed.

use std::process::ExitCode;

use client::{Client, Config};
use drivers::ExecutorCommand;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["executor", dir] => drivers::executor::main([dir.into()].into_iter()),
        ["agent", state, allocs, server] => agent(state, allocs, server),
        _ => ExitCode::from(2),
    }
}

fn agent(state: &str, allocs: &str, server: &str) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Runtime::new() else { return ExitCode::FAILURE };
    runtime.block_on(async {
        let Ok(executor) = ExecutorCommand::own() else { return ExitCode::FAILURE };
        let mut config = Config::new("west", state, allocs, executor);
        config.servers = vec![server.to_owned()];
        config.options.insert("driver.raw_exec.enable".to_owned(), "1".to_owned());
        match Client::start(config).await {
            Ok(_client) => std::future::pending().await,
            Err(error) => {
                eprintln!("{error}: {:?}", std::error::Error::source(&error));
                ExitCode::FAILURE
            }
        }
    })
}
