//! All figures of one agent: instruments that are written on hot paths, and probes that are asked when somebody looks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures::future::BoxFuture;

use crate::distribution::Distribution;
use crate::filter::Filter;
use crate::instrument::{Counter, Gauge, Sizes, Timer};
use crate::past::{Aggregate, Past, Raw};

/// A probe that takes longer is left out: a scrape must not hang on a driver that does.
const PROBE_TIME_MAX: Duration = Duration::from_secs(5);
/// Timers count nanoseconds and show milliseconds.
const MILLISECONDS: f64 = 1e-6;

/// Names and values that tell series of one name apart.
pub type Labels = Vec<(&'static str, String)>;

/// How figures are kept and shown.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What probes said is this old at most.
    pub collection_interval: Duration,
    /// How long an interval is over which values are summed up.
    pub interval: Duration,
    /// Intervals whose values count for quantiles, besides the present one.
    pub n_kept: usize,
    /// Whether Prometheus may read.
    pub prometheus: bool,
    /// Value of the label `host` of every figure; `None`: no such label.
    pub host: Option<String>,
    pub filter: Filter,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            collection_interval: Duration::from_secs(1),
            interval: Duration::from_secs(10),
            n_kept: 6,
            prometheus: false,
            host: None,
            filter: Filter::default(),
        }
    }
}

/// One figure that a probe read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub name: &'static str,
    pub labels: Labels,
    pub value: f64,
}

impl Reading {
    /// Without labels.
    pub fn new(name: &'static str, value: f64) -> Self {
        Self { name, labels: Labels::new(), value }
    }

    /// With labels.
    pub fn with(name: &'static str, labels: Labels, value: f64) -> Self {
        Self { name, labels, value }
    }
}

type Probe = Arc<dyn Fn() -> BoxFuture<'static, Vec<Reading>> + Send + Sync>;

/// All figures of one agent. Clones share it.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    settings: Settings,
    book: Mutex<Book>,
    probes: Mutex<Vec<Probe>>,
    /// What the probes said, and when they were asked. Held while they are, so that they are asked once by all who look.
    collected: tokio::sync::Mutex<Option<(Instant, Vec<Reading>)>>,
}

type Key = (&'static str, Labels);

/// What only those touch who register or look.
struct Book {
    counters: BTreeMap<Key, Counted>,
    gauges: BTreeMap<Key, Gauge>,
    samples: BTreeMap<Key, Sampled>,
    began: Instant,
    /// Of the present interval, by the wall clock.
    began_at: SystemTime,
    /// When the last interval began that is over, and how long it was.
    complete: Option<(SystemTime, Duration)>,
}

#[derive(Default)]
struct Counted {
    counter: Counter,
    /// When the present interval began.
    total_before: u64,
    complete: Option<u64>,
}

struct Sampled {
    values: Arc<Distribution>,
    past: Past,
    /// From what is recorded to what is shown.
    scale: f64,
}

/// A gauge as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct GaugeFigure {
    pub name: &'static str,
    pub labels: Labels,
    pub value: f64,
}

/// A counter as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct CounterFigure {
    pub name: &'static str,
    pub labels: Labels,
    /// Since the agent started.
    pub total: u64,
    pub interval: Aggregate,
}

/// Values as they are shown: milliseconds, or plain sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleFigure {
    pub name: &'static str,
    pub labels: Labels,
    /// Values since the agent started.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// By [`crate::QUANTILES`], over the intervals that are kept; `None` when nothing came in them.
    pub quantiles: Option<[f64; 3]>,
    pub interval: Aggregate,
}

/// All figures at one moment, each kind sorted by name and labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// When the interval began that is shown, `2006-01-02 15:04:05 +0000 UTC`.
    pub timestamp: String,
    pub gauges: Vec<GaugeFigure>,
    pub counters: Vec<CounterFigure>,
    pub samples: Vec<SampleFigure>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Registry {
    pub fn new(settings: Settings) -> Self {
        let book = Book {
            counters: BTreeMap::new(),
            gauges: BTreeMap::new(),
            samples: BTreeMap::new(),
            began: Instant::now(),
            began_at: SystemTime::now(),
            complete: None,
        };
        Self(Arc::new(Inner { settings, book: Mutex::new(book), probes: Mutex::default(), collected: Default::default() }))
    }

    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counter of this name, the same for everybody who asks.
    pub fn counter(&self, name: &'static str) -> Counter {
        self.counter_with(name, Labels::new())
    }

    /// The counter of this name and these labels. Not for hot paths: it is looked for.
    pub fn counter_with(&self, name: &'static str, labels: Labels) -> Counter {
        self.book().counters.entry((name, labels)).or_default().counter.clone()
    }

    /// Forgets all counters that have this label, because what it names is gone.
    pub fn forget(&self, label: &str, value: &str) {
        self.book().counters.retain(|(_, labels), _| !labels.iter().any(|(key, of)| *key == label && of == value));
    }

    pub fn gauge(&self, name: &'static str) -> Gauge {
        self.book().gauges.entry((name, Labels::new())).or_default().clone()
    }

    /// A timer, shown in milliseconds.
    pub fn timer(&self, name: &'static str) -> Timer {
        Timer(self.values(name, MILLISECONDS))
    }

    /// Sizes, shown as they are.
    pub fn sizes(&self, name: &'static str) -> Sizes {
        Sizes(self.values(name, 1.0))
    }

    fn values(&self, name: &'static str, scale: f64) -> Arc<Distribution> {
        let mut book = self.book();
        let new = || Sampled { values: Arc::default(), past: Past::default(), scale };
        book.samples.entry((name, Labels::new())).or_insert_with(new).values.clone()
    }

    /// Adds what is asked when somebody looks, at most once per collection interval.
    pub fn probe<F>(&self, probe: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Vec<Reading>> + Send + 'static,
    {
        let probe: Probe = Arc::new(move || Box::pin(probe()));
        self.0.probes.lock().unwrap_or_else(PoisonError::into_inner).push(probe);
    }

    /// Ends an interval each time its length is over. Does not return.
    pub async fn run(&self) {
        let mut ticks = tokio::time::interval(self.0.settings.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.end_interval();
        }
    }

    /// The present interval is over.
    pub fn end_interval(&self) {
        let mut book = self.book();
        let book = &mut *book;
        for counted in book.counters.values_mut() {
            let total = counted.counter.total();
            counted.complete = Some(total.wrapping_sub(counted.total_before));
            counted.total_before = total;
        }
        for sampled in book.samples.values_mut() {
            sampled.past.end_interval(&sampled.values, self.0.settings.n_kept);
        }
        book.complete = Some((book.began_at, book.began.elapsed()));
        (book.began, book.began_at) = (Instant::now(), SystemTime::now());
    }

    /// All figures that the filter shows. Aggregates are of the last interval that is over, or of the present one as long as there is none.
    pub async fn figures(&self) -> Figures {
        let readings = self.collect().await;
        let filter = &self.0.settings.filter;
        let with_host = |labels: &Labels| {
            let host = self.0.settings.host.iter().map(|host| ("host", host.clone()));
            let mut labels: Labels = labels.iter().cloned().chain(host).collect();
            labels.sort();
            labels
        };
        let book = self.book();
        let (began_at, length) = book.complete.unwrap_or_else(|| (book.began_at, book.began.elapsed()));
        let seconds = length.as_secs_f64();
        let read = |reading: &Reading| GaugeFigure { name: reading.name, labels: with_host(&reading.labels), value: reading.value };
        let set = |((name, labels), gauge): (&Key, &Gauge)| GaugeFigure { name, labels: with_host(labels), value: gauge.value() as f64 };
        let mut gauges: Vec<GaugeFigure> = readings.iter().map(read).chain(book.gauges.iter().map(set)).collect();
        gauges.retain(|gauge| filter.shows(gauge.name));
        gauges.sort_by(|a, b| (a.name, &a.labels).cmp(&(b.name, &b.labels)));
        let counter = |((name, labels), counted): (&Key, &Counted)| {
            let total = counted.counter.total();
            let n = counted.complete.unwrap_or_else(|| total.wrapping_sub(counted.total_before));
            CounterFigure { name, labels: with_host(labels), total, interval: Raw::ones(n).aggregate(1.0, seconds) }
        };
        let sample = |((name, labels), sampled): (&Key, &Sampled)| {
            let shown = sampled.past.show(&sampled.values);
            SampleFigure {
                name,
                labels: with_host(labels),
                count: shown.count,
                sum: shown.sum as f64 * sampled.scale,
                quantiles: shown.quantiles.map(|quantiles| quantiles.map(|quantile| quantile * sampled.scale)),
                interval: shown.interval.aggregate(sampled.scale, seconds),
            }
        };
        Figures {
            timestamp: timestamp(began_at),
            gauges,
            counters: book.counters.iter().filter(|((name, _), _)| filter.shows(name)).map(counter).collect(),
            samples: book.samples.iter().filter(|((name, _), _)| filter.shows(name)).map(sample).collect(),
        }
    }

    /// What the probes say, or said a moment ago.
    async fn collect(&self) -> Vec<Reading> {
        let mut collected = self.0.collected.lock().await;
        if let Some((at, readings)) = &*collected
            && at.elapsed() < self.0.settings.collection_interval
        {
            return readings.clone();
        }
        let probes = self.0.probes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let asked = probes.iter().map(|probe| tokio::time::timeout(PROBE_TIME_MAX, probe()));
        let readings: Vec<Reading> = futures::future::join_all(asked).await.into_iter().flatten().flatten().collect();
        *collected = Some((Instant::now(), readings.clone()));
        readings
    }
}

/// `2006-01-02 15:04:05 +0000 UTC`
fn timestamp(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn registry(settings: Settings) -> Registry {
        let registry = Registry::new(settings);
        registry.probe(|| async { vec![Reading::with("b.gauge", vec![("job", "web".to_owned())], 1.5), Reading::new("b.gauge", 2.0)] });
        registry
    }

    /// Whoever asks for a name gets the same instrument; figures come sorted, with the label of the host, and are those of an interval.
    #[tokio::test]
    async fn figures() {
        let registry = registry(Settings { host: Some("h".to_owned()), ..Settings::default() });
        registry.counter("c").add(2);
        registry.counter("c").increment();
        registry.timer("t").record(Duration::from_millis(4));
        registry.sizes("s").record(7);
        registry.gauge("a.gauge").set(9);
        let held = registry.gauge("a.gauge").hold();
        registry.end_interval();
        registry.counter("c").increment();
        drop(held);
        let figures = registry.figures().await;
        let host = ("host", "h".to_owned());
        let shown: Vec<_> = figures.gauges.iter().map(|gauge| (gauge.name, gauge.labels.len(), gauge.value)).collect();
        assert_eq!(shown, [("a.gauge", 1, 9.0), ("b.gauge", 1, 2.0), ("b.gauge", 2, 1.5)]);
        assert_eq!(figures.gauges[2].labels, [host.clone(), ("job", "web".to_owned())]);
        assert_eq!((figures.counters[0].total, figures.counters[0].interval.count), (4, 3));
        assert_eq!(figures.counters[0].labels, [host]);
        let samples: Vec<_> = figures.samples.iter().map(|sample| (sample.name, sample.count, sample.sum, sample.interval.mean)).collect();
        assert_eq!(samples, [("s", 1, 7.0, 7.0), ("t", 1, 4.0, 4.0)]);
        assert!(figures.timestamp.ends_with(" +0000 UTC") && figures.timestamp.len() == 29, "{}", figures.timestamp);
    }

    /// What the filter hides is in no kind of figure.
    #[tokio::test]
    async fn filtered() {
        let filter = Filter::new(&["-b".to_owned(), "-c".to_owned(), "-t".to_owned()], true).unwrap();
        let registry = registry(Settings { filter, ..Settings::default() });
        registry.counter("c").increment();
        registry.timer("t").record(Duration::ZERO);
        registry.gauge("g").set(1);
        let figures = registry.figures().await;
        assert_eq!((figures.gauges.len(), figures.counters.len(), figures.samples.len()), (1, 0, 0));
    }

    /// Counters of what is gone are forgotten; others with the same value in another label stay.
    #[tokio::test]
    async fn forgotten() {
        let registry = Registry::default();
        for id in ["1", "2"] {
            registry.counter_with("c", vec![("alloc_id", id.to_owned()), ("job", "1".to_owned())]).increment();
        }
        registry.forget("alloc_id", "1");
        let counters = registry.figures().await.counters;
        assert_eq!(counters.len(), 1);
        assert_eq!(counters[0].labels[0].1, "2");
    }

    /// Probes are asked once per collection interval, whoever looks; one that hangs is left out.
    #[tokio::test(start_paused = true)]
    async fn probes() {
        let asked = Arc::new(AtomicUsize::new(0));
        let registry = registry(Settings { collection_interval: Duration::from_secs(3600), ..Settings::default() });
        let of_probe = asked.clone();
        registry.probe(move || {
            of_probe.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<Vec<Reading>>()
        });
        let (one, two) = tokio::join!(registry.figures(), registry.figures());
        assert_eq!((one.gauges.len(), two.gauges.len(), asked.load(Ordering::Relaxed)), (2, 2, 1));
    }
}
