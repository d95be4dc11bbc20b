//! Lines of the log for those who watch it: each reader has a bounded queue, and whoever writes the log never waits for any of them.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::mpsc::{self, error::TryRecvError};

use crate::level::LogLevel;

/// Readers of one agent's log at a time, unless [`LogTap::limit`] says it: each costs the formatting of every line that it gets.
pub const READERS_MAX: usize = 16;
/// Lines that wait for a reader. Those who read slower than the agent writes lose lines beyond that.
pub const LINES_MAX: usize = 512;
/// Longer lines are cut off, so that what waits is at most 2 MiB for each reader.
pub const LINE_BYTES_MAX: usize = 4 << 10;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// An object a line instead of text.
    pub json: bool,
    /// With the place in the source.
    pub location: bool,
}

/// What a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The least urgent lines.
    pub level: LogLevel,
    pub form: Form,
}

/// There are so many readers already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyReaders(pub usize);

impl fmt::Display for TooManyReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} others read the log of this agent already: try again when one of them has ended", self.0)
    }
}

impl std::error::Error for TooManyReaders {}

/// Where lines of the log can be taken from. Clones share it.
#[derive(Clone, Default)]
pub struct LogTap(Arc<Inner>);

struct Inner {
    readers: ArcSwap<Vec<Arc<Reader>>>,
    n_readers_max: AtomicUsize,
    source: Mutex<Source>,
}

impl Default for Inner {
    fn default() -> Self {
        Self { readers: ArcSwap::default(), n_readers_max: AtomicUsize::new(READERS_MAX), source: Mutex::default() }
    }
}

/// Told what is wanted by all readers together, each time that changes.
type OnChange = Box<dyn Fn(&[Wanted]) + Send>;

#[derive(Default)]
struct Source {
    on_change: Option<OnChange>,
}

struct Reader {
    wanted: Wanted,
    queue: mpsc::Sender<Line>,
    /// Lines that found no room and are not told yet.
    n_lost: AtomicU64,
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line with its end.
    Text(Bytes),
    /// So many lines are missing here.
    Lost(u64),
}

/// The lines of one reader, from when it was opened. Dropping it closes it.
pub struct Lines {
    queue: mpsc::Receiver<Line>,
    reader: Arc<Reader>,
    tap: LogTap,
}

impl fmt::Debug for LogTap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogTap").field("n_readers", &self.0.readers.load().len()).finish()
    }
}

impl LogTap {
    /// Says who writes the lines: it is told what is wanted, and calls [`LogTap::publish`].
    pub fn feed(&self, on_change: impl Fn(&[Wanted]) + Send + 'static) {
        let mut source = self.0.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.on_change = Some(Box::new(on_change));
        self.tell(&source);
    }

    /// From now on so many readers at a time.
    pub fn limit(&self, n_readers_max: usize) {
        self.0.n_readers_max.store(n_readers_max, Ordering::Relaxed);
    }

    /// A new reader.
    ///
    /// # Errors
    /// There are too many.
    pub fn open(&self, wanted: Wanted) -> Result<Lines, TooManyReaders> {
        let (sender, queue) = mpsc::channel(LINES_MAX);
        let reader = Arc::new(Reader { wanted, queue: sender, n_lost: AtomicU64::new(0) });
        let source = self.0.source.lock().unwrap_or_else(PoisonError::into_inner);
        let mut readers = (**self.0.readers.load()).clone();
        let n_max = self.0.n_readers_max.load(Ordering::Relaxed);
        if readers.len() >= n_max {
            return Err(TooManyReaders(n_max));
        }
        readers.push(reader.clone());
        self.0.readers.store(Arc::new(readers));
        self.tell(&source);
        Ok(Lines { queue, reader, tap: self.clone() })
    }

    fn close(&self, reader: &Arc<Reader>) {
        let source = self.0.source.lock().unwrap_or_else(PoisonError::into_inner);
        let readers = self.0.readers.load().iter().filter(|other| !Arc::ptr_eq(other, reader)).cloned().collect();
        self.0.readers.store(Arc::new(readers));
        self.tell(&source);
    }

    fn tell(&self, source: &Source) {
        let wanted: Vec<Wanted> = self.0.readers.load().iter().map(|reader| reader.wanted).collect();
        if let Some(on_change) = &source.on_change {
            on_change(&wanted);
        }
    }

    /// Gives a line in one form to everybody who wants it. Returns at once.
    pub fn publish(&self, form: Form, level: tracing::Level, line: &[u8]) {
        let readers = self.0.readers.load();
        let mut wanting = readers.iter().filter(|reader| reader.wanted.form == form && reader.wanted.level.takes(level)).peekable();
        if wanting.peek().is_none() {
            return;
        }
        let line = cut(line);
        wanting.for_each(|reader| reader.put(line.clone()));
    }
}

impl Reader {
    fn put(&self, line: Bytes) {
        let n_lost = self.n_lost.swap(0, Ordering::Relaxed);
        if n_lost > 0 && self.queue.try_send(Line::Lost(n_lost)).is_err() {
            self.n_lost.fetch_add(n_lost + 1, Ordering::Relaxed);
        } else if self.queue.try_send(Line::Text(line)).is_err() {
            self.n_lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Lines {
    /// The next line. Nothing is lost when this is dropped while it waits.
    pub async fn next(&mut self) -> Option<Line> {
        match self.queue.try_recv() {
            Ok(line) => return Some(line),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        // No later line told of these.
        match self.reader.n_lost.swap(0, Ordering::Relaxed) {
            0 => self.queue.recv().await,
            n_lost => Some(Line::Lost(n_lost)),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.tap.close(&self.reader);
    }
}

impl Line {
    /// The line as a reader of this form sees it.
    pub fn text(self, form: Form) -> Bytes {
        let n_lost = match self {
            Self::Text(line) => return line,
            Self::Lost(n_lost) => n_lost,
        };
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
        let message = "lines of the log are missing here: they were not read in time";
        Bytes::from(if form.json {
            format!("{{\"timestamp\":\"{now}\",\"level\":\"WARN\",\"message\":\"{message}\",\"n_lost\":{n_lost},\"target\":\"monitor\"}}\n")
        } else {
            format!("{now}  WARN monitor: {message} n_lost={n_lost}\n")
        })
    }
}

/// A line of bounded length that ends as a line does.
fn cut(line: &[u8]) -> Bytes {
    if line.len() <= LINE_BYTES_MAX {
        return Bytes::copy_from_slice(line);
    }
    let text = String::from_utf8_lossy(&line[..LINE_BYTES_MAX - 5]);
    // A character that was cut in two is left out.
    Bytes::from(format!("{}…\n", text.trim_end_matches('\u{fffd}')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    const TEXT: Form = Form { json: false, location: false };
    const JSON: Form = Form { json: true, location: false };

    fn wanted(level: LogLevel, form: Form) -> Wanted {
        Wanted { level, form }
    }

    fn text(line: &str) -> Option<Line> {
        Some(Line::Text(Bytes::copy_from_slice(line.as_bytes())))
    }

    /// Each reader gets the lines of its form and level; the source is told what all of them want, also when one goes.
    #[tokio::test]
    async fn readers() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tap = LogTap::default();
        let by_source = told.clone();
        tap.feed(move |wanted| by_source.lock().unwrap().push(wanted.len()));
        let mut warn = tap.open(wanted(LogLevel::Warn, TEXT)).unwrap();
        let mut debug = tap.open(wanted(LogLevel::Debug, JSON)).unwrap();
        tap.publish(TEXT, Level::INFO, b"no\n");
        tap.publish(TEXT, Level::WARN, b"warn\n");
        tap.publish(JSON, Level::TRACE, b"no\n");
        tap.publish(JSON, Level::DEBUG, b"debug\n");
        tap.publish(Form { json: true, location: true }, Level::ERROR, b"no\n");
        assert_eq!((warn.next().await, debug.next().await), (text("warn\n"), text("debug\n")));
        drop(warn);
        tap.publish(TEXT, Level::ERROR, b"nobody\n");
        drop(debug);
        assert_eq!(*told.lock().unwrap(), [0, 1, 2, 1, 0]);
    }

    /// A reader that is slow loses the lines for which there is no room, and is told how many at the place where they are missing; it never
    /// holds up the others.
    #[tokio::test]
    async fn slow_readers() {
        let tap = LogTap::default();
        let mut slow = tap.open(wanted(LogLevel::Info, TEXT)).unwrap();
        for n in 0..LINES_MAX + 7 {
            tap.publish(TEXT, Level::INFO, format!("{n}\n").as_bytes());
        }
        for n in 0..2 {
            assert_eq!(slow.next().await, text(&format!("{n}\n")));
        }
        tap.publish(TEXT, Level::INFO, b"later\n");
        for n in 2..LINES_MAX {
            assert_eq!(slow.next().await, text(&format!("{n}\n")));
        }
        assert_eq!((slow.next().await, slow.next().await), (Some(Line::Lost(7)), text("later\n")));
        for _ in 0..LINES_MAX + 1 {
            tap.publish(TEXT, Level::INFO, b"x\n");
        }
        for _ in 0..LINES_MAX {
            assert_eq!(slow.next().await, text("x\n"));
        }
        assert_eq!(slow.next().await, Some(Line::Lost(1)), "although no line came later");
    }

    /// Readers and lines are bounded; the place of a reader that goes is free again.
    #[tokio::test]
    async fn bounds() {
        let tap = LogTap::default();
        let mut all: Vec<Lines> = (0..READERS_MAX).map(|_| tap.open(wanted(LogLevel::Info, TEXT)).unwrap()).collect();
        assert_eq!(tap.open(wanted(LogLevel::Info, TEXT)).err(), Some(TooManyReaders(READERS_MAX)));
        all.pop();
        let mut last = tap.open(wanted(LogLevel::Info, TEXT)).unwrap();
        tap.publish(TEXT, Level::INFO, "é".repeat(LINE_BYTES_MAX).as_bytes());
        let Some(Line::Text(line)) = last.next().await else { panic!("a line") };
        assert!(line.len() <= LINE_BYTES_MAX && line.ends_with("é…\n".as_bytes()), "{} bytes", line.len());
    }

    /// What is said about lost lines fits the form.
    #[test]
    fn lost() {
        let shown = |form| String::from_utf8(Line::Lost(3).text(form).to_vec()).unwrap();
        assert!(shown(TEXT).ends_with("Z  WARN monitor: lines of the log are missing here: they were not read in time n_lost=3\n"));
        assert!(shown(JSON).starts_with("{\"timestamp\":\"2") && shown(JSON).ends_with("\"n_lost\":3,\"target\":\"monitor\"}\n"));
        assert_eq!(Line::Text(Bytes::from_static(b"x")).text(TEXT), "x");
    }
}
