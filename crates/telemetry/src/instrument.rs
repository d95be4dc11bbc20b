//! What hot paths hold: handles on figures, resolved once, whose use is a few atomic operations.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::distribution::Distribution;

/// How often something happened. A counter that is not registered counts for nobody.
#[derive(Clone, Debug, Default)]
pub struct Counter(pub(crate) Arc<AtomicU64>);

impl Counter {
    /// It happened once more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// It happened `n` times more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// How often it happened since the start.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How much of something there is.
#[derive(Clone, Debug, Default)]
pub struct Gauge(pub(crate) Arc<AtomicI64>);

impl Gauge {
    pub fn set(&self, value: usize) {
        self.0.store(i64::try_from(value).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// One more, until what is given back is dropped.
    pub fn hold(&self) -> Held {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(self.clone())
    }

    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts in its gauge as long as it is there.
#[derive(Debug)]
pub struct Held(Gauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long something takes; shown in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Timer(pub(crate) Arc<Distribution>);

impl Timer {
    pub fn record(&self, took: Duration) {
        self.0.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Records the time since `began`.
    pub fn since(&self, began: Instant) {
        self.record(began.elapsed());
    }

    /// Records the time until what is given back is dropped.
    pub fn start(&self) -> Running {
        Running { timer: self.clone(), began: Instant::now() }
    }

    /// Records how long the work takes. Nothing is recorded when it is given up.
    pub async fn time<F: Future>(&self, work: F) -> F::Output {
        let began = Instant::now();
        let output = work.await;
        self.since(began);
        output
    }
}

/// Time that is being measured.
#[derive(Debug)]
pub struct Running {
    timer: Timer,
    began: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.timer.since(self.began);
    }
}

/// How large things are that come one by one; shown as they are.
#[derive(Clone, Debug, Default)]
pub struct Sizes(pub(crate) Arc<Distribution>);

impl Sizes {
    pub fn record(&self, size: usize) {
        self.0.record(size as u64);
    }
}
