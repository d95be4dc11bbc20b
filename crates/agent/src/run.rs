//! An agent from its first line to its last: configuration, log, bodies, signals, an orderly end.

use std::io;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::assemble::{self, Bodies};
use crate::banner;
use crate::config::{self, Config, Loaded, Problems};
use crate::flags::Flags;
use crate::folders::Folders;
use crate::logging::Logging;
use crate::panics;
use crate::signals::{Signals, Told};

/// How long an orderly end may take before it becomes a disorderly one.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(5);
/// What a task's end may take beyond its kill timeout.
const TASKS_END_MARGIN: Duration = Duration::from_secs(10);
/// How long blocking work may hold up the end of the process after that.
const RUNTIME_TIME_MAX: Duration = Duration::from_secs(1);

/// Why an agent could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the log cannot be opened: {0}")]
    Log(#[source] io::Error),
    #[error("the system refuses signal handlers: {0}")]
    Signals(#[source] io::Error),
    #[error("the runtime cannot start: {0}")]
    Runtime(#[source] io::Error),
    #[error("{0}")]
    Folders(#[source] io::Error),
    #[error(transparent)]
    Assemble(#[from] assemble::Error),
}

/// Runs an agent until it is told to stop. Returns the exit code: 0 after an orderly end, 1 for everything else.
pub fn run(flags: &Flags) -> u8 {
    println!("==> Starting Steppe agent...");
    let loaded = match config::load(flags) {
        Ok(loaded) => loaded,
        Err(problems) => {
            report(&problems);
            return 1;
        }
    };
    match run_configured(flags, loaded) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("==> Error starting agent: {error}");
            1
        }
    }
}

fn report(problems: &Problems) {
    eprintln!("==> The configuration cannot be used:");
    for problem in &problems.0 {
        eprintln!("    {problem}");
    }
}

fn run_configured(flags: &Flags, loaded: Loaded) -> Result<u8, Error> {
    let logging = Logging::open(&loaded.config.log).map_err(Error::Log)?;
    panics::end_the_process(logging.flush());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
    let folders = Folders::open(&loaded.config).map_err(Error::Folders)?;
    let outcome = runtime.block_on(live(flags, &loaded, &folders, &logging));
    runtime.shutdown_timeout(RUNTIME_TIME_MAX);
    drop(folders);
    outcome
}

/// The agent between its start and its end.
async fn live(flags: &Flags, loaded: &Loaded, folders: &Folders, logging: &Logging) -> Result<u8, Error> {
    let mut signals = Signals::listen().map_err(Error::Signals)?;
    logging.tap().limit(usize::try_from(loaded.config.limits.max_monitors).unwrap_or(usize::MAX));
    let mut bodies = tokio::select! {
        started = assemble::start(&loaded.config, &loaded.files, folders, logging.tap()) => started?,
        _ = signals.end() => return Ok(0),
    };
    print!("{}", started(loaded, &bodies));
    let leave = loop {
        tokio::select! {
            reason = bodies.failed() => {
                error!(%reason, "the agent cannot go on");
                return Ok(1);
            }
            told = signals.next() => match told {
                Told::Reload => reload(flags, logging),
                Told::Interrupt => break loaded.config.leave_on_interrupt,
                Told::Terminate => break loaded.config.leave_on_terminate,
            }
        }
    };
    info!(leave, "shutting down");
    if leave && let Some(how) = &loaded.config.client.drain_on_shutdown {
        tokio::select! {
            () = bodies.drain(how) => {}
            _ = signals.end() => warn!("told a second time; the node is not drained to the end"),
        }
    }
    let tasks_end = if loaded.config.dev { loaded.config.client.max_kill_timeout + TASKS_END_MARGIN } else { Duration::ZERO };
    tokio::select! {
        () = bodies.shut_down(leave) => Ok(0),
        () = tokio::time::sleep(SHUTDOWN_TIME_MAX + tasks_end) => {
            warn!("the orderly end took too long; ending now");
            Ok(1)
        }
        _ = signals.end() => {
            warn!("told a second time; ending now");
            Ok(1)
        }
    }
}

/// SIGHUP: reads the configuration again and takes over what can change while the agent runs.
fn reload(flags: &Flags, logging: &Logging) {
    match config::load(flags) {
        Ok(Loaded { config, .. }) => {
            logging.set_level(config.log.level);
            info!(log_level = %config.log.level, "configuration reloaded");
        }
        Err(problems) => {
            for problem in problems.0 {
                warn!(%problem, "the configuration is not reloaded");
            }
        }
    }
}

fn started(loaded: &Loaded, bodies: &Bodies) -> String {
    let Config { region, datacenter, server, client, log, .. } = &loaded.config;
    let mut text = String::new();
    for file in &loaded.files {
        text.push_str(&format!("==> Loaded configuration from {}\n", file.display()));
    }
    let mut keys = vec![
        ("Bind Addrs", bodies.bound.to_string()),
        ("Advertise Addrs", bodies.advertised.to_string()),
        ("Client", client.enabled.to_string()),
        ("Server", server.enabled.to_string()),
        ("Log Level", log.level.to_string()),
        ("Region", format!("{region} (DC: {datacenter})")),
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    keys.extend(bodies.node_id().map(|id| ("Node Id", id)));
    text.push_str("==> Steppe agent configuration:\n\n");
    text.push_str(&banner::configuration(&keys));
    text.push_str("\n==> Steppe agent started! Log data will stream in below:\n\n");
    text
}
