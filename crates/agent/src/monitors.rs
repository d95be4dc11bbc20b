//! Lines of the log for those who watch it, also those that are not written to the log itself.
//!
//! For each form of lines there is a layer that is off until somebody wants lines of that form; then it is as open as the most curious of them
//! wants.

use std::io;

use telemetry::{Form, LogLevel, LogTap, Wanted};
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{Layer, Registry, fmt, reload};

/// Libraries that speak while lines are on their way to a reader: each line would bring forth others, without end.
const ON_THE_WAY: [&str; 7] = ["openraft", "sled", "foca", "hyper", "hyper_util", "h2", "mio"];

/// Every form that lines can have.
const FORMS: [Form; 4] = [
    Form { json: false, location: false },
    Form { json: false, location: true },
    Form { json: true, location: false },
    Form { json: true, location: true },
];

/// The layers that give lines to `tap`. To be called once for the process.
pub fn layers(tap: &LogTap) -> Vec<Box<dyn Layer<Registry> + Send + Sync>> {
    let mut layers = Vec::new();
    let mut handles = Vec::new();
    for form in FORMS {
        let (filter, handle) = reload::Layer::new(targets(None));
        handles.push((form, handle));
        let writer = Lines { tap: tap.clone(), form };
        let lines = fmt::layer().with_writer(writer).with_ansi(false).with_file(form.location).with_line_number(form.location);
        let lines: Box<dyn Layer<Registry> + Send + Sync> =
            if form.json { lines.json().flatten_event(true).with_filter(filter).boxed() } else { lines.with_filter(filter).boxed() };
        layers.push(lines);
    }
    tap.feed(move |wanted| {
        for (form, handle) in &handles {
            let level = wanted.iter().filter(|wanted: &&Wanted| wanted.form == *form).map(|wanted| wanted.level).min();
            // Fails only when the subscriber is gone, and then there are no lines anyway.
            let _ = handle.reload(targets(level));
        }
    });
    layers
}

fn targets(level: Option<LogLevel>) -> Targets {
    let own = level.map_or(LevelFilter::OFF, |level| LevelFilter::from_level(level.to_tracing()));
    Targets::new().with_default(own).with_targets(ON_THE_WAY.map(|library| (library, own.min(LevelFilter::WARN))))
}

/// Where a layer writes: a line at a time, to the tap.
struct Lines {
    tap: LogTap,
    form: Form,
}

/// One line on its way.
struct Line<'l> {
    lines: &'l Lines,
    level: tracing::Level,
}

impl<'l> MakeWriter<'l> for Lines {
    type Writer = Line<'l>;

    fn make_writer(&'l self) -> Line<'l> {
        Line { lines: self, level: tracing::Level::INFO }
    }

    fn make_writer_for(&'l self, meta: &Metadata<'_>) -> Line<'l> {
        Line { lines: self, level: *meta.level() }
    }
}

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.tap.publish(self.lines.form, self.level, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, PoisonError};
    use tracing_subscriber::layer::SubscriberExt;

    /// What `tracing` remembers of who is interested in which lines belongs to the process: one test at a time.
    static INTEREST: Mutex<()> = Mutex::new(());

    fn text(line: Option<telemetry::Line>) -> String {
        match line {
            Some(telemetry::Line::Text(line)) => String::from_utf8(line.to_vec()).expect("text"),
            other => panic!("{other:?}"),
        }
    }

    /// Readers of both forms get lines below the level of others, with the spans around them; nobody gets what libraries on the way say.
    #[tokio::test]
    #[allow(clippy::await_holding_lock, reason = "the other test waits for the whole of this one")]
    async fn readers() {
        let _one = INTEREST.lock().unwrap_or_else(PoisonError::into_inner);
        let tap = LogTap::default();
        let subscriber = tracing_subscriber::registry().with(layers(&tap));
        let _guard = tracing::subscriber::set_default(subscriber);
        let open = |level, json, location| tap.open(Wanted { level, form: Form { json, location } }).expect("room");
        let (mut debug, mut json, mut warn) =
            (open(LogLevel::Debug, false, false), open(LogLevel::Trace, true, true), open(LogLevel::Warn, false, false));
        let _span = tracing::debug_span!("http", request = 7).entered();
        tracing::debug!(answer = 42, "one");
        tracing::debug!(target: "hyper::proto", "not for readers");
        tracing::warn!("two");
        let line = text(debug.next().await);
        assert!(line.contains("DEBUG http{request=7}: agent::monitors::tests: one answer=42") && line.ends_with('\n'), "{line}");
        assert!(text(debug.next().await).contains("two"));
        let line = text(json.next().await);
        assert!(line.starts_with('{') && line.contains("\"message\":\"one\"") && line.contains("monitors.rs"), "{line}");
        assert!(text(json.next().await).contains("two"));
        assert!(text(warn.next().await).contains("two"));
    }

    /// When the last reader is gone, no line is even formatted.
    #[test]
    fn nobody() {
        let _one = INTEREST.lock().unwrap_or_else(PoisonError::into_inner);
        let tap = LogTap::default();
        let subscriber = tracing_subscriber::registry().with(layers(&tap));
        let _guard = tracing::subscriber::set_default(subscriber);
        let enabled = || tracing::enabled!(tracing::Level::DEBUG);
        assert!(!enabled());
        let reader = tap.open(Wanted { level: LogLevel::Debug, form: Form::default() }).expect("room");
        assert!(enabled());
        drop(reader);
        assert!(!enabled());
    }
}
