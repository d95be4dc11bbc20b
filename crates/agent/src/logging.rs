//! Log lines to the terminal and to a file, at a level that can be changed while the agent runs.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};

use telemetry::LogTap;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{Log, LogLevel};
use crate::log_file::LogFile;
use crate::monitors;

/// Libraries whose own lines interest only those who debug them.
const CHATTY: [&str; 6] = ["openraft", "sled", "foca", "hyper", "hyper_util", "h2"];

/// The agent's log. Lines are written by threads of their own; dropping this writes what is left.
pub struct Logging {
    level: reload::Handle<Targets, Registry>,
    writers: Flush,
    tap: LogTap,
}

/// Writes the lines that the log's threads still hold, and ends them.
#[derive(Clone)]
pub struct Flush(Arc<Mutex<Vec<WorkerGuard>>>);

impl Flush {
    pub fn flush(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.writers.flush();
    }
}

impl Logging {
    /// Opens the log for the whole process.
    ///
    /// # Errors
    /// The log file cannot be opened, or this process already has a log.
    pub fn open(log: &Log) -> io::Result<Logging> {
        let (terminal, guard) = tracing_appender::non_blocking(io::stdout());
        let mut writers = vec![guard];
        let mut file = None;
        if let Some(opened) = LogFile::open(log)? {
            let (writer, guard) = tracing_appender::non_blocking(opened);
            writers.push(guard);
            file = Some(writer);
        }
        let (filter, level) = reload::Layer::new(targets(log.level));
        let colours = file.is_none() && !log.json && io::stdout().is_terminal();
        let lines = fmt::layer().with_writer(writer(terminal, file)).with_ansi(colours);
        let lines: Box<dyn Layer<Registry> + Send + Sync> =
            if log.json { lines.json().flatten_event(true).with_filter(filter).boxed() } else { lines.with_filter(filter).boxed() };
        let tap = LogTap::default();
        let mut layers = monitors::layers(&tap);
        layers.push(lines);
        tracing_subscriber::registry().with(layers).try_init().map_err(io::Error::other)?;
        Ok(Logging { level, writers: Flush(Arc::new(Mutex::new(writers))), tap })
    }

    /// What writes the rest of the log when the process ends by another way.
    pub fn flush(&self) -> Flush {
        self.writers.clone()
    }

    /// Where those who watch the log get its lines from.
    pub fn tap(&self) -> LogTap {
        self.tap.clone()
    }

    /// Changes the least urgent level that is written.
    pub fn set_level(&self, level: LogLevel) {
        // fails only when the subscriber is gone, and then nothing is written anyway
        let _ = self.level.reload(targets(level));
    }
}

fn writer(terminal: NonBlocking, file: Option<NonBlocking>) -> BoxMakeWriter {
    match file {
        Some(file) => BoxMakeWriter::new(terminal.and(file)),
        None => BoxMakeWriter::new(terminal),
    }
}

fn targets(level: LogLevel) -> Targets {
    let own = LevelFilter::from_level(level.to_tracing());
    let libraries = match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::WARN,
        _ => LevelFilter::ERROR,
    };
    Targets::new().with_default(own).with_targets(CHATTY.map(|library| (library, libraries)))
}
